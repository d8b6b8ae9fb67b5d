"""Deals that a sweep has not seen which had to pass rows over: each is asked for by its id, a few after each sweep.

They may be gone, or what could not be read. The sweep cannot tell, and proves nothing; a request for the one deal does,
if the source finds what is there: before it is believed that one is gone, a deal which the sweep has seen is asked for.
"""

import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamRateLimited
from resolvers.source import Outcome, Record
from store.database import StoreUnavailable
from store.deals import Evidence, deal_id
from sync.account import Requests
from sync.brake import delete_believed
from sync.job import SECOND, Parts
from sync.rows import Read
from sync.run import Counts, Problem

logger: Final = logging.getLogger("opportunity_graph.sync")

MOST_ASKED: Final = 20
"""After one sweep."""

MOST_UNREADABLE: Final = 5
"""Of those asked for after one sweep, before the others are left to the next: each counts as the source's failure."""

RECORDS_FAULTS: Final = frozenset({400, 500})
"""Statuses that a record may be to blame for (`resolvers.nexudus.page`)."""


class Unseen:
    """What is still to be asked for, one deal a step. After a restart the next sweep finds what is left anew."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._left: list[str] = []
        self._asked: set[str] = set()
        self._unreadable = 0
        self._seen: str | None = None
        """A deal that the source has to find first; None once it has."""

    @property
    def is_asking(self) -> bool:
        """Whether there is a step to take."""
        return bool(self._left)

    def begin(self, ids: Sequence[str], seen: str | None) -> None:
        """Take the source's ids of the deals that a sweep has not seen, the most urgent first, and one that it has.

        Those that an earlier sweep has asked for come when all others had their turn.
        """
        self._asked.intersection_update(ids)
        if len(self._asked) == len(ids):
            self._asked.clear()
        self._left = [id_ for id_ in ids if id_ not in self._asked][:MOST_ASKED] if seen is not None else []
        self._unreadable, self._seen = 0, seen

    async def step(self, counts: Counts) -> Problem:
        """Ask for the next deal, and store what that shows: that it is gone, or how it is. Return what is wrong with
        the sweep: that it has not seen them all, or that the brake holds this one back, which ends it.

        Raises `UpstreamRateLimited`; any other failure that is not the record's own ends it until the next sweep.
        """
        source_id, asked_at = self._left[0], self._parts.now()
        outcome = await self._fetch(source_id, counts)
        if outcome is None and self._seen is not None and not await self._finds(self._seen, counts):
            self._left.clear()
            return Problem.UNREADABLE_ROWS
        problem = Problem.UNREADABLE_ROWS
        if isinstance(outcome, UpstreamError):
            self._unreadable += 1
            is_its_own = isinstance(outcome, UpstreamBadResponse) or outcome.status in RECORDS_FAULTS
            if not is_its_own or self._unreadable == MOST_UNREADABLE:
                del self._left[1:]
        else:
            try:
                if not await self._store(source_id, outcome, asked_at, counts):
                    problem = Problem.DELETION_BRAKE
                    del self._left[1:]
            except StoreUnavailable:
                raise
            except Exception:  # of this deal, which must not keep back the others, nor the next sweep
                self._have_asked()
                raise
        self._have_asked()
        return problem

    def _have_asked(self) -> None:
        self._asked.add(self._left.pop(0))

    async def _fetch(self, source_id: str, counts: Counts) -> Outcome:
        account = self._parts.account
        fetch_alone = account.fetch_alone
        assert fetch_alone is not None
        requests = Requests(account.source)
        try:
            outcome = await requests.send(lambda fetch: fetch_alone(source_id, fetch))
        finally:
            counts.requests += requests.count
        if isinstance(outcome, UpstreamRateLimited):
            raise outcome
        return outcome

    async def _finds(self, seen: str, counts: Counts) -> bool:
        """Return whether the source finds a deal that it has just listed."""
        outcome = await self._fetch(seen, counts)
        if outcome is None:
            label = self._parts.account.label
            logger.warning("%s: finds no deal that it has just listed: no deal is taken to be gone", label)
        elif not isinstance(outcome, UpstreamError):
            self._seen = None
        return self._seen is None

    async def _store(self, source_id: str, record: Record | None, asked_at: int, counts: Counts) -> bool:
        """Return whether that could be stored: the brake may hold it back that a deal is gone."""
        parts, account = self._parts, self._parts.account
        if record is None:
            gone = {deal_id(*account.key, source_id): asked_at}

            def write(connection: Connection) -> int | None:
                return delete_believed(parts, connection, gone, evidence=Evidence.NOT_FOUND)

            deleted = await parts.database.write(write)
            counts.deleted += deleted or 0
            return deleted is not None
        found = await parts.rows.found([Read(source_id, record, asked_at)], now=parts.now())
        counts.changed += await parts.database.write(lambda connection: parts.write_found(connection, found))
        if account.cache is not None:
            account.cache(source_id, record, age_seconds=(parts.now() - asked_at) / SECOND, adds=False)
        return True
