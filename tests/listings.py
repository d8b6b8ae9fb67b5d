"""The listing of a source over the simulator."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from httpclient.client import open_session
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.listing import DeletionsPage, ListedPage, Listing
from resolvers.opening import open_scheduler
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.source import Source
from resolvers.telemetry import Event
from simulator import Simulator
from simulator.calls import Call
from tests import loops

TODAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
PAGES = ("list", "audit-trail")


@dataclass
class Listed:
    """A listing, and the simulator that it lists."""

    simulator: Simulator
    scheduler: Scheduler
    listing: Listing
    events: list[Event] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        return [call for call in self.simulator.calls if call.kind in PAGES]

    async def page(
        self, position: str | None = None, *, changed_since: datetime | None = None, seconds: float = 60
    ) -> ListedPage:
        return await self.listing.page(position, background(seconds), changed_since=changed_since)

    async def sweep(self, position: str | None = None) -> list[ListedPage]:
        """Return the pages from a position to the end, of which there must be one."""
        pages = [await self.page(position)]
        while pages[-1].next is not None:
            pages.append(await self.page(pages[-1].next))
            assert len(pages) < 100
        return pages

    async def deletions(self, since: datetime, position: str | None = None) -> DeletionsPage | None:
        return await self.listing.deletions(since, position, background())


def background(seconds: float = 60) -> SharedFetch:
    operation = UpstreamContext(seconds)
    return SharedFetch(lambda: (operation,), is_background=True)


def ids(pages: Sequence[ListedPage]) -> list[str]:
    return [row.source_id for page in pages for row in page.rows]


@asynccontextmanager
async def open_listing(
    source: Source, *, deals: tuple[int, int] = (1_000, 1_000), rates: Sequence[Rate] = (), **variables: Any
) -> AsyncIterator[Listed]:
    simulator = Simulator(deals=deals, today=TODAY, clock=loops.now)
    events: list[Event] = []
    async with simulator.serve() as urls, open_session() as session:
        scheduler = open_scheduler(
            replace(source, rates=rates),
            read(source.settings, simulator.environment(urls)),
            session,
            read(TransportSettings, variables),
            events.append,
            clock=loops.now,
        )
        assert scheduler.listing
        yield Listed(simulator, scheduler, scheduler.listing, events)
