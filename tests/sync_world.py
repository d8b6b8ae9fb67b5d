"""Sync over the simulator, on a loop with its own time: the simulator's day goes by in seconds.

The store's statements run in the loop, or its time would leap while a thread works.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, StaticPool, create_engine, event, select

from httpclient.client import open_session
from resolvers.chartmogul import CHARTMOGUL
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import NEXUDUS
from resolvers.opening import open_scheduler
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.source import Record
from resolvers.telemetry import Event
from simulator import Simulator
from store import sweeps
from store.changes import Origin
from store.database import Database
from store.deals import Deal, upsert
from store.errors import StoreUnavailable
from store.sweeps import SyncState
from store.tables import DEALS, SYNC_RUNS, DealColumns
from store.text import fold, searchable
from sync.job import SECOND
from sync.service import Sync, open_sync
from sync.settings import SyncSettings
from sync.status import Status
from tests import loops, stores

T = TypeVar("T")

TODAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY_SECONDS = 86_400.0
ROWS = 60
"""Of each vendor, unless a test says how many: ordinary ones and special ones, and more than the brake lets go."""


UNORDERED = frozenset("sequence fetched sync_runs sync_status rations ration_holders ration_sends grants".split())
"""Tables whose rows may be changed before the number of the last change is held (`store/README.md`)."""

CHANGING = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")

store_kind = "sqlite"
"""Where a world's deals are; `tests/conftest.py` lets the tests of sync run over each kind (`BOTH_STORES`)."""


class InlineDatabase(Database):
    """A store whose work is done at once; `error`, where there is one, is raised instead.

    It is in memory, or in the tests' PostgreSQL, and then empty. `written` is set by the next change. `out_of_order`
    has what changed a row before it had the lock that comes first; `gave_way` is the number of reads that give way.
    """

    def __init__(self) -> None:
        self.sequence = 0
        if store_kind == "postgresql":
            stores.url_of(store_kind)
            self.engine = stores.engine_of(store_kind).execution_options()  # which others do not listen to
        else:
            self.engine = create_engine("sqlite://", poolclass=StaticPool)
            with self.engine.begin() as connection:
                stores.make_tables(connection)
        event.listen(self.engine, "before_cursor_execute", self._look_at)
        self.error: Exception | None = None
        self.written = asyncio.Event()
        self.out_of_order: list[str] = []
        self.gave_way = 0

    async def read(self, work: Callable[[Connection], T], *, gives_way: bool = False) -> T:
        self.gave_way += gives_way
        return self.run(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        try:
            return self.run(work)
        finally:
            self.written.set()
            self.written = asyncio.Event()

    async def compact(self) -> None:
        """Its database has no file."""

    def run(self, work: Callable[[Connection], T]) -> T:
        if self.error is not None:
            raise self.error
        with self.engine.begin() as connection:
            return work(connection)

    def _look_at(self, connection: Connection, _: Any, statement: str, *__: Any) -> None:
        changing = CHANGING.match(statement)
        is_held = connection.info.get("holds") is connection.get_transaction()
        if changing and changing[1] not in UNORDERED and not is_held:
            self.out_of_order.append(statement)


def columns(source: str, record: Record) -> tuple[DealColumns, Mapping[str, Any]]:
    """Return a few columns of a record; the schema's own are no part of sync."""
    values: Any = record
    if source == "nexudus":
        return (
            DealColumns(
                name=values.name,
                stage_name=values.crm_board_column_name,
                status=str(values.status),
                updated_at=int(values.updated_on.timestamp() * SECOND),
            ),
            {},
        )
    return (
        DealColumns(
            stage_name=values.pipeline_stage,
            stage_folded=fold(values.pipeline_stage or ""),
            customer_source_id=values.customer_uuid,
            search_public=searchable(values.pipeline_stage or ""),
        ),
        {},
    )


def derivation(_source: str) -> str:
    """Return by what these are made; a test may have another one, from any moment on."""
    return "ours"


@dataclass
class World:
    """A simulator, a store, and what keeps the one current with the other."""

    simulator: Simulator
    database: InlineDatabase
    schedulers: dict[str, Scheduler]
    sync: Sync = None  # type: ignore[assignment] # made when it is opened
    events: list[Event] = field(default_factory=list)

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return TODAY.timestamp() + loops.now()

    def state(self, source: str) -> SyncState:
        """Return what the store knows of the sync of a source."""
        return self.database.run(lambda connection: sweeps.state(connection)[source, ""])

    def stored(self, source: str) -> set[str]:
        """Return the ids of a source's deals that are not deleted."""
        query = select(DEALS.c.source_id).where(DEALS.c.source == source, DEALS.c.deleted_at.is_(None))
        return set(self.database.run(lambda connection: connection.scalars(query).all()))

    def deal(self, source: str, source_id: object) -> Any:
        """Return a row."""
        query = stores.deals_as_written().where(DEALS.c.source == source, DEALS.c.source_id == str(source_id))
        return self.database.run(lambda connection: connection.execute(query).one())

    def runs(self, source: str, kind: str) -> list[Any]:
        """Return the runs of a kind, the oldest first."""
        query = select(SYNC_RUNS).where(SYNC_RUNS.c.source == source, SYNC_RUNS.c.kind == kind)
        return self.database.run(lambda connection: list(connection.execute(query.order_by(SYNC_RUNS.c.number))))

    async def status(self, source: str) -> Status:
        """Return how a source stands."""
        (found,) = [one for one in await self.sync.statuses() if one.source == source]
        return found

    def calls(self, source: str, kind: str | None = None) -> list[Any]:
        """Return the requests to a source."""
        calls = getattr(self.simulator, source).calls
        return [call for call in calls if kind is None or call.kind == kind]

    async def fetch(self, source: str, source_id: object, **given: Any) -> tuple[Any, UpstreamContext]:
        """Fetch a record as a person does; return its outcome, and the operation."""
        operation = UpstreamContext(5.0, **given)
        (outcome,) = await self.schedulers[source].fetch_many([str(source_id)], operation)
        return outcome, operation


@asynccontextmanager
async def open_world(
    *,
    deals: tuple[int, int] | None = None,
    sources: tuple[str, ...] = ("nexudus", "chartmogul"),
    database: InlineDatabase | None = None,
    simulator: Simulator | None = None,
    rationed: bool = False,
    is_open: bool = True,
    page_rows: int | None = None,
    transport: TransportSettings | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Serve a simulator and, unless `is_open` says otherwise, keep a store current with it.

    `page_rows`: to how many rows the vendors cut their pages.
    """
    if simulator is None:
        simulator = Simulator(throttled=rationed, clock=loops.now, deals=deals, today=TODAY)
        for records in (simulator.nexudus.records, simulator.chartmogul.records) if deals is None else ():
            for id_ in list(records)[ROWS // 2 : -ROWS // 2]:
                del records[id_]  # type: ignore[attr-defined] # by whichever type its ids have
    if page_rows is not None:
        simulator.nexudus.list_largest_size = simulator.chartmogul.list_largest_size = page_rows
    with stores.in_one_go():
        async with simulator.serve() as urls, open_session() as session:
            given = simulator.environment(urls) | {
                "NEXUDUS_RATIONED": str(rationed).lower(),
                "CHARTMOGUL_RATIONED": str(rationed).lower(),
            }
            world = World(simulator, database or InlineDatabase(), {})
            for source in (NEXUDUS, CHARTMOGUL):
                if source.name in sources:
                    world.schedulers[source.name] = open_scheduler(
                        source,
                        read(source.settings, given),
                        session,
                        transport or TransportSettings(),
                        world.events.append,
                        clock=loops.now,
                    )
            if not is_open:
                yield world
            else:
                async with world_sync(world, **settings):
                    yield world
        assert world.database.out_of_order == []


@asynccontextmanager
async def world_sync(
    world: World,
    *,
    tombstone_seconds: float = 30 * DAY_SECONDS,
    changes_seconds: float = 30 * DAY_SECONDS,
    most_changes: int = 1_000,
    session: Any = None,
    **settings: Any,
) -> AsyncIterator[Sync]:
    """Keep the store current, with a `session` while that leads."""
    async with open_sync(
        world.database,
        world.schedulers,
        columns,
        SyncSettings(**settings),
        derivation=lambda source: derivation(source),
        tombstone_seconds=tombstone_seconds,
        changes_seconds=changes_seconds,
        most_changes=most_changes,
        clock=loops.now,
        wall_clock=world.now,
        random=lambda: 0.5,
        session=session,
    ) as world.sync:
        yield world.sync


def small_writes(monkeypatch: pytest.MonkeyPatch, *, refused: Collection[int]) -> list[int]:
    """Let deals of pages be written ten at a time, and the store refuse those writes; return how many each changed."""
    written: list[int] = []

    def write(connection: Connection, deals: Sequence[Deal], origin: Origin) -> int:
        if origin is Origin.READ:  # of a customer
            return upsert(connection, deals)
        assert len(deals) == 10
        if len(written) in refused:
            written.append(0)
            raise StoreUnavailable("now")
        written.append(upsert(connection, deals, origin=origin))
        return written[-1]

    monkeypatch.setattr("store.deals.DEALS_AT_ONCE", 10)
    monkeypatch.setattr("sync.job.DEALS_AT_ONCE", 10)
    monkeypatch.setattr("sync.job.upsert", write)
    return written
