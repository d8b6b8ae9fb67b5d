"""Names of the customers that deals mention by id alone: a few are asked for at a time, and seldom again."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamBadResponse, UpstreamError
from resolvers.registry import SOURCES
from resolvers.stored_record import decode
from store.customers import Customer, count_unread, deals_without_customer, find_customers, upsert_customers
from store.deals import StoredDeal, find_by_customer
from sync.account import Requests
from sync.job import SECOND, Parts, Step
from sync.rows import Read
from sync.run import Counts
from sync.schedule import CUSTOMERS_SECONDS

logger: Final = logging.getLogger("opportunity_graph.sync")

AT_ONCE: Final = 5
"""Requests of a step, one after the other: less than a second in the lane's share of ChartMogul's ration."""

_MAKE = {source.name: source.customer_join.make for source in SOURCES if source.customer_join is not None}


def record_of(customer: Customer) -> Any:
    """Return a stored customer as its source's records take it."""
    return _MAKE[customer.source](customer.name, customer.company_name, customer.email)


class Customers:
    """A `Job`: a few of a batch a step, so that what is more urgent comes in between."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._batch = max(1, int(parts.settings.customers_per_minute * CUSTOMERS_SECONDS / 60))
        self._wanted: list[str] = []
        """Those of the batch that are still to be asked for."""
        self.unread: int | None = None
        """How many customers that deals mention were never read, when they were last counted; less those read since."""
        self._is_behind = False

    def forget(self) -> None:
        """Forget who is to be read: the store is another one."""
        self._wanted, self.unread = [], None

    async def count(self) -> None:
        """Count those that were never read."""
        source, account = self._parts.account.key
        self.unread = await self._parts.database.read(
            lambda connection: count_unread(connection, source, account), gives_way=True
        )

    async def step(self, counts: Counts) -> Step:
        """Ask for a few customers that are not known, or not of late; write their names into their deals."""
        parts, (source, account) = self._parts, self._parts.account.key
        if not self._wanted:
            await self._choose()
        ids = self._wanted[:AT_ONCE]
        known = await parts.database.read(
            lambda connection: find_customers(connection, source, account, ids), gives_way=True
        )
        found: list[Customer] = []
        failure: UpstreamError | None = None
        for id_ in ids:
            outcome = await self._fetch(id_, counts)
            if isinstance(outcome, UpstreamError) and not isinstance(outcome, UpstreamBadResponse):
                failure = outcome
                break
            customer = self.customer(id_, outcome, parts.now())
            if isinstance(outcome, UpstreamError) and id_ in known:
                customer = replace(known[id_], read_at=customer.read_at)  # one odd reply takes no name away
            found.append(customer)
        if found:
            counts.changed += await self.write(found)
            counts.rows += len(found)
            del self._wanted[: len(found)]
            self._note_read(sum(one.source_id not in known for one in found))
        if failure is not None:
            raise failure
        return Step(is_done=not self._wanted)

    async def _choose(self) -> None:
        """Choose the next batch, and count all that were never read, which is of use if they are more."""
        parts, (source, account) = self._parts, self._parts.account.key
        before = parts.now() - int(parts.settings.customer_seconds * SECOND)
        self._wanted = await parts.database.read(
            lambda connection: deals_without_customer(
                connection, source, account, read_before=before, limit=self._batch
            ),
            gives_way=True,
        )
        await self.count()
        if (self.unread or 0) > self._batch and not self._is_behind:
            self._is_behind = True
            logger.info(
                "%s customers: %d are to be read, %d a minute; until then their deals are without names",
                parts.account.label,
                self.unread,
                parts.settings.customers_per_minute,
            )
        self._note_read(0)

    def _note_read(self, count: int) -> None:
        self.unread = max(0, (self.unread or 0) - count)
        if self._is_behind and self.unread == 0:
            self._is_behind = False
            logger.info("%s customers: all are read", self._parts.account.label)

    async def _fetch(self, id_: str, counts: Counts) -> Any:
        fetch_customer, requests = self._parts.account.fetch_customer, Requests(self._parts.account.source)
        assert fetch_customer is not None
        try:
            return await requests.send(lambda fetch: fetch_customer(id_, fetch))
        finally:
            counts.requests += requests.count

    def customer(self, id_: str, outcome: Any, read_at: int) -> Customer:
        """Return what is to be known of a customer; one that its source does not have, or cannot show, has no names."""
        is_known = outcome is not None and not isinstance(outcome, UpstreamError)
        source, account = self._parts.account.key
        return Customer(
            source=source,
            account=account,
            source_id=id_,
            name=outcome.name if is_known else None,
            company_name=outcome.company if is_known else None,
            email=outcome.email if is_known else None,
            read_at=read_at,
        )

    async def write(self, found: Sequence[Customer]) -> int:
        """Store customers, and their names in their deals; return how many deals have changed."""
        parts, (source, account) = self._parts, self._parts.account.key
        for one in found:
            if parts.account.cache_customer is not None:
                age_seconds = max(0.0, (parts.now() - one.read_at) / SECOND)
                parts.account.cache_customer(one.source_id, record_of(one), age_seconds=age_seconds, adds=False)

        def write(connection: Connection) -> list[StoredDeal]:
            return find_by_customer(connection, source, account, upsert_customers(connection, found))

        stored = await parts.database.write(write)
        reads = []
        for deal in stored:
            try:
                record = decode(source, deal.body)
            except UpstreamBadResponse:
                continue  # the next sweep writes it anew
            reads.append(Read(deal.source_id, record, deal.read_at, is_whole=deal.is_whole))
        deals = await parts.rows.deals(reads, now=parts.now(), derives_all=True)
        return await parts.database.write(lambda connection: parts.upsert(connection, deals))
