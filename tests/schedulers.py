"""One fetcher over the simulator, whose list of calls says how few requests it makes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

from httpclient.client import open_session
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import NEXUDUS
from resolvers.opening import open_scheduler
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.retry import ATTEMPTS, Retries
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.source import Source
from resolvers.telemetry import Event
from simulator import Call, Simulator
from tests import loops

IDS = [str(number) for number in range(1427000501, 1427000701)]
READS = ("get", "list-by-ids")


@dataclass
class World:
    """One fetcher over the simulator."""

    simulator: Simulator
    scheduler: Scheduler
    events: list[Event] = field(default_factory=list)

    @property
    def reads(self) -> list[Call]:
        return [call for call in self.simulator.calls if call.kind in READS]

    async def fetch(self, *ids: str, operation: UpstreamContext | None = None) -> list[Any]:
        return await self.scheduler.fetch_many(ids, operation or UpstreamContext(2))

    async def one(self, source_id: str, operation: UpstreamContext | None = None) -> Any:
        (outcome,) = await self.fetch(source_id, operation=operation)
        return outcome


@asynccontextmanager
async def a_world(
    source: Source = NEXUDUS,
    *,
    rates: Sequence[Rate] = (),
    attempt_timeout_seconds: float = 1.0,
    attempts: int = ATTEMPTS,
    **variables: str,
) -> AsyncIterator[World]:
    simulator = Simulator()
    async with simulator.serve() as urls, open_session() as session:
        settings = read(source.settings, {**simulator.environment(urls), **variables})
        world = World(simulator, None)  # type: ignore[arg-type] # made in the next line
        with patch("resolvers.resilience.transport.Retries", partial(Retries, attempts=attempts)):
            world.scheduler = open_scheduler(
                replace(source, rates=rates),
                settings,
                session,
                TransportSettings(attempt_timeout_seconds=attempt_timeout_seconds),
                world.events.append,
                clock=loops.now,
            )
        await world.one("1")  # signs in, and opens a connection
        simulator.calls.clear()
        yield world
