"""Sync in the model: the real schedule, and the real lane that lets its requests go, in simulated time."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import simpy

from benchmarks.capacity_time import Events, drive
from resolvers.errors import UpstreamRateLimited
from resolvers.resilience.lane import BackgroundLane
from resolvers.resilience.rate_limiter import RateLimiter
from resolvers.resilience.transport import TransportSettings
from sync.account import LONGEST_REQUEST_SECONDS
from sync.schedule import CUSTOMERS_SECONDS, Kind, Schedule
from sync.settings import SyncSettings

PAGE_ROWS: Final = {"nexudus": 500, "chartmogul": 200}
"""`resolvers/nexudus/paging.py` and `resolvers/chartmogul/listing.py`."""

TELLS_CHANGES: Final = {"nexudus"}
"""Sources that say what has changed since a moment, and what was deleted."""

HAS_CUSTOMERS: Final = {"chartmogul"}
"""Sources whose customers are read one by one. Assumed: each deal has another, and all are known at the beginning."""


@dataclass(frozen=True)
class Account:
    """What sync needs to know of one source. `work(rows)` is the processor time for so many rows, as events."""

    source: str
    deals: int
    rate_limiter: RateLimiter
    try_acquire: Callable[[], bool]
    acquire_in_line: Callable[[], Awaitable[bool]]
    exchange: Callable[[], Events]
    work: Callable[[int], Events]


class Sync:
    """Keeps the copy of one source current. `as_of` is when the copy was last known to be what the source has."""

    def __init__(
        self, environment: simpy.Environment, account: Account, settings: SyncSettings, *, seed: int, age: float = 0.0
    ) -> None:
        self._environment = environment
        self._account = account
        self._settings = settings
        shares = TransportSettings()
        self._lane = BackgroundLane(
            account.source,
            account.rate_limiter,
            share_of_hour=shares.sync_share_of_hour,
            share_of_minute=shares.sync_share_of_minute,
            guaranteed_share=shares.sync_guaranteed_share,
        )
        chance = random.Random(seed)  # noqa: S311 - a load, not a secret
        self.schedule = Schedule(settings, clock=lambda: environment.now, random=chance.random)
        self.as_of = environment.now - age
        self.swept_at: float | None = None
        """When the last sweep of this run ended."""
        self.requests: Counter[Kind] = Counter()
        self._customers_at = environment.now
        if account.source in TELLS_CHANGES:
            self.schedule.is_incremental = True
            self.schedule.add(Kind.INCREMENT)
            self.schedule.add(Kind.DELETIONS)
        if account.source in HAS_CUSTOMERS:
            self.schedule.add(Kind.CUSTOMERS)
        self._page_rows = PAGE_ROWS[account.source]
        self._read = 0
        self._sweep_began = environment.now
        # The last sweep ended that long ago: the next one is due after its interval.
        interval = self.schedule.sweep_seconds(account.deals, self._page_rows)
        self.schedule.add(Kind.SWEEP, after_seconds=max(0.0, interval - age))

    def run(self) -> Events:
        """Take one step after the other, as `sync.worker.Worker` does."""
        steps = {Kind.SWEEP: self._page, Kind.CUSTOMERS: self._customers}
        while True:
            kind, seconds = self.schedule.next()
            if seconds > 0:
                yield self._environment.timeout(seconds)
                continue
            try:
                yield from steps[kind]() if kind in steps else self._increment(kind)
            except UpstreamRateLimited as error:
                self.schedule.failed(kind, wait_seconds=error.retry_after_seconds)

    def _request(self, kind: Kind, rows: int) -> Events:
        """Send one request in the lane, however long it waits; raises `UpstreamRateLimited` as the lane does."""
        end = self._environment.now + LONGEST_REQUEST_SECONDS
        yield from drive(
            self._lane.acquire(
                lambda: self._account.try_acquire() or None,
                self._account.acquire_in_line,
                lambda: end - self._environment.now,
            )
        )
        self._lane.on_sent()
        self.requests[kind] += 1
        yield from self._account.exchange()
        yield from self._account.work(rows)

    def _increment(self, kind: Kind) -> Events:
        began = self._environment.now
        yield from self._request(kind, 1)
        if kind is Kind.INCREMENT:
            self.as_of = began
        self.schedule.done(kind, changed=1)

    def _page(self) -> Events:
        """Read the next page of a sweep."""
        deals = self._account.deals
        if self._read == 0:
            self._sweep_began = self._environment.now
        yield from self._request(Kind.SWEEP, min(self._page_rows, deals - self._read))
        self._read += self._page_rows
        if self._read < deals:
            self.schedule.progressed(Kind.SWEEP)
            return
        self._read, self.swept_at = 0, self._environment.now
        self.as_of = max(self.as_of, self._sweep_began)
        self.schedule.done(Kind.SWEEP, rows=deals, page_rows=self._page_rows)

    def _customers(self) -> Events:
        """Ask for those whose names are a day old."""
        elapsed = self._environment.now - self._customers_at
        due = int(self._account.deals * elapsed / self._settings.customer_seconds)
        batch = min(due, int(self._settings.customers_per_minute * CUSTOMERS_SECONDS / 60))
        if batch:
            self._customers_at = self._environment.now
        for _ in range(batch):
            yield from self._request(Kind.CUSTOMERS, 1)
        self.schedule.done(Kind.CUSTOMERS, rows=batch)
