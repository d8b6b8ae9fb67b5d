"""Another version of this program, or other settings, make other columns of the same records: `sync.sweep` derives
them all anew."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from resolvers.chartmogul.customer import ChartMogulCustomer
from resolvers.source import Record
from simulator import PAGE_FAULTS, faults
from store import sweeps
from store.sequence import hold
from store.tables import DEALS, SYNC_STATE, DealColumns
from sync.run import Problem
from sync.status import State
from tests import loops
from tests.sync_world import ROWS, World, columns, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
SWEEPS = {"sweep_seconds": 600.0, "increment_seconds": 600.0, "increment_longest_seconds": 600.0}
Page = dict[str, Any]


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let those that open a store from now on be of a version that derives this name."""

    def be(name: str) -> None:
        def named(source: str, record: Record) -> tuple[DealColumns, dict[str, Any]]:
            return replace(columns(source, record)[0], name=name), {}

        monkeypatch.setattr("tests.sync_world.columns", named)

    return be


@pytest.fixture
def derivation(monkeypatch: pytest.MonkeyPatch, version: Callable[[str], None]) -> Callable[[str], None]:
    """Let it be known, too, from now on and also by those that have opened the store."""

    def be(name: str) -> None:
        version(name)
        monkeypatch.setattr("tests.sync_world.derivation", lambda _: name)

    return be


def names(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in world.database.run(lambda connection: list(connection.scalars(select(DEALS.c.name)))):
        found[name] = found.get(name, 0) + 1
    return found


def lacking(count: int, before: Callable[[Page], Page] = dict) -> faults.Fault:
    """Leave out the last rows of a page, and do what is to be done before."""

    def change(page: Page) -> Page:
        page = before(page)
        return {**page, "Records": page["Records"][:-count]}

    return faults.page(change)


def turned(page: Page) -> Page:
    half = len(rows := page["Records"]) // 2
    return {**page, "Records": rows[half:] + rows[:half]}


def without_id(page: Page) -> Page:
    return {**page, "Records": [None, *page["Records"][1:]]}


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (lacking(3, turned), Problem.MOVED_ORDER),
        (lacking(3), Problem.COUNT_DIFFERS),
        (PAGE_FAULTS["unreadable-row"], None),
        (PAGE_FAULTS["row-without-id"], Problem.UNREADABLE_ROWS),
        (lacking(25, without_id), Problem.DELETION_BRAKE),
    ],
    ids=["moved order", "count differs", "unreadable row", "row without id", "brake after unreadable rows"],
)
async def test_deals_that_a_sweep_has_passed_over_are_derived_anew_by_the_next_one(
    version: Callable[[str], None], fault: faults.Fault, problem: Problem | None
) -> None:
    version("before")
    async with open_world(sources=("nexudus",), **SWEEPS) as world:
        await asyncio.sleep(60)
        assert names(world) == {"before": ROWS}
    version("after")
    kept = {"database": world.database, "simulator": world.simulator}
    async with open_world(sources=("nexudus",), is_open=False, **kept) as world:  # type: ignore[arg-type]
        world.simulator.nexudus.audit_role_missing = True
        world.simulator.nexudus.faults.add(fault, times=None, kinds={"list"})
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"get"})
        async with world_sync(world, **SWEEPS):
            await asyncio.sleep(700)
            assert world.runs("nexudus", "sweep")[-1].error_code == problem
            assert set(names(world)) == {"before", "after"}
            world.simulator.nexudus.faults.clear()
            await asyncio.sleep(700)
            assert names(world) == {"after": ROWS}


async def test_the_worst_that_is_wrong_with_a_sweep_counts_not_the_first() -> None:
    """Else a row that cannot be read would hide that the order has moved, and the sweep be the basis of the log."""
    async with open_world(sources=("nexudus",), is_open=False, page_rows=20) as world:
        rules = world.simulator.nexudus.faults
        rules.add(PAGE_FAULTS["row-without-id"], kinds={"list"})
        rules.add(faults.page(turned), kinds={"list"}, after=1)
        async with world_sync(world, **SWEEPS):
            await asyncio.sleep(60)
            assert world.runs("nexudus", "sweep")[0].error_code == Problem.MOVED_ORDER
            assert names(world)


class Session:
    """A session that a test lets lead."""

    def __init__(self) -> None:
        self.leading, self.following = asyncio.Event(), asyncio.Event()
        self.set(leads=True)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Nobody says anything."""

    def set(self, *, leads: bool) -> None:
        (self.leading if leads else self.following).set()
        (self.following if leads else self.leading).clear()


async def test_who_syncs_again_derives_anew_what_another_version_has_written_meanwhile(
    version: Callable[[str], None],
) -> None:
    session = Session()
    version("ours")
    async with (
        open_world(sources=("nexudus",), is_open=False) as world,
        world_sync(world, session=session, **SWEEPS),
    ):
        await asyncio.sleep(700)
        assert names(world) == {"ours": ROWS}
        session.set(leads=False)
        version("theirs")
        kept = {"database": world.database, "simulator": world.simulator}
        async with open_world(sources=("nexudus",), **kept, **SWEEPS) as other:  # type: ignore[arg-type]
            await asyncio.sleep(700)
            assert names(other) == {"theirs": ROWS}
        session.set(leads=True)
        await asyncio.sleep(700)
        assert names(world) == {"ours": ROWS}


SELDOM = {"sweep_seconds": 86_000.0, "full_sweep_seconds": 86_000.0}


async def test_a_start_with_another_derivation_has_all_deals_read_once_and_one_with_the_same_none(
    derivation: Callable[[str], None],
) -> None:
    kept: dict[str, Any] = {}
    counts = []
    for name in ("a", "a", "b", "b", "a"):
        derivation(name)
        async with open_world(**kept, **SELDOM) as world:
            await asyncio.sleep(600)
            kept = {"database": world.database, "simulator": world.simulator}
            counts.append([len(world.runs(source, "sweep")) for source in ("nexudus", "chartmogul")])
            assert names(world) == {name: 2 * ROWS}
            assert [one.state for one in await world.sync.statuses()] == [State.CURRENT] * 2
    assert counts == [[1, 1], [1, 1], [2, 2], [2, 2], [3, 3]]


@pytest.mark.parametrize("noted", [None, sweeps.SEVERAL], ids=["a version that noted nothing", "several"])
async def test_deals_of_no_derivation_that_is_known_are_read_by_the_next_start(
    noted: str | None, derivation: Callable[[str], None]
) -> None:
    derivation("ours")
    async with open_world(sources=("nexudus",), **SELDOM) as world:
        await asyncio.sleep(60)

    def note(connection: Connection) -> None:
        hold(connection)
        connection.execute(update(SYNC_STATE).values(derivation=noted))

    world.database.run(note)
    async with open_world(sources=("nexudus",), database=world.database, simulator=world.simulator, **SELDOM) as world:
        assert (await world.status("nexudus")).last_error == Problem.DERIVATION_DIFFERS
        await asyncio.sleep(60)
        assert len(world.runs("nexudus", "sweep")) == 2
        assert (await world.status("nexudus")).is_complete


async def test_while_deals_are_of_another_derivation_their_source_is_incomplete(
    derivation: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    derivation("before")
    async with open_world(sources=("nexudus",), **SELDOM) as world:
        await asyncio.sleep(60)
        kept = {"database": world.database, "simulator": world.simulator}
        assert (await world.status("nexudus")).is_complete
    derivation("after")
    async with open_world(sources=("nexudus",), is_open=False, **kept) as world:  # type: ignore[arg-type]
        async with world_sync(world, session=Session(), **SELDOM):
            status = await world.status("nexudus")  # of one that does not sync yet
            assert (status.is_complete, status.last_error) == (False, Problem.DERIVATION_DIFFERS)
        world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"list"})
        async with world_sync(world, **SELDOM):
            status = await world.status("nexudus")
            assert (status.state, status.last_error) == (State.INCOMPLETE, Problem.DERIVATION_DIFFERS)
            await asyncio.sleep(60)
            status = await world.status("nexudus")
            assert (status.state, status.is_complete) == (State.FAILING, False)
            assert names(world) == {"before": ROWS}
            world.simulator.nexudus.faults.clear()
            await asyncio.sleep(400)
            status = await world.status("nexudus")
            assert (status.state, status.is_complete, status.last_error) == (State.CURRENT, True, None)
            assert names(world) == {"after": ROWS}
    assert caplog.text.count("made by another version or other settings: all deals are read anew") == 1


@pytest.mark.parametrize("fails", [False, True], ids=["read", "cannot be read"])
async def test_what_another_derivation_has_begun_is_read_anew_by_the_one_before_as_well(
    derivation: Callable[[str], None], fails: bool
) -> None:
    derivation("ours")
    kept: dict[str, Any] = {}
    async with open_world(sources=("nexudus",), page_rows=20, **SELDOM) as world:
        await asyncio.sleep(60)
        kept = {"database": world.database, "simulator": world.simulator, "page_rows": 20}
        changed = next(iter(world.simulator.nexudus.records))
    derivation("theirs")
    world.simulator.nexudus.faults.add(faults.status(503), times=None, kinds={"list"}, after=0 if fails else 2)
    async with open_world(sources=("nexudus",), **kept, **SELDOM) as world:
        await asyncio.sleep(5)
        world.simulator.nexudus.update(changed, {"Notes": "changed"})
        await world.fetch("nexudus", changed)
        await asyncio.sleep(5)
        assert set(names(world)) == {"ours", "theirs"}
    world.simulator.nexudus.faults.clear()
    derivation("ours")
    async with open_world(sources=("nexudus",), **kept, **SELDOM) as world:
        await asyncio.sleep(200)
        assert names(world) == {"ours": ROWS}
        assert (await world.status("nexudus")).state is State.CURRENT


async def test_who_does_not_sync_writes_nothing_of_another_derivation_into_a_store_that_others_share(
    derivation: Callable[[str], None],
) -> None:
    derivation("theirs")
    async with open_world(**SELDOM) as world:
        await asyncio.sleep(60)
        kept = {"database": world.database, "simulator": world.simulator}
    world.database.is_shared = True
    changed = next(iter(world.simulator.nexudus.records))
    uuid = world.deal("chartmogul", next(iter(world.simulator.chartmogul.records))).customer_source_id
    session = Session()
    session.set(leads=False)
    for name, is_written in (("ours", False), ("theirs", True)):
        derivation(name)
        world.simulator.nexudus.update(changed, {"Notes": name})
        async with (
            open_world(is_open=False, **kept) as world,  # type: ignore[arg-type]
            world_sync(world, session=session, **SELDOM),
        ):
            before = world.deal("nexudus", changed).hash
            await world.fetch("nexudus", changed)
            customers = world.schedulers["chartmogul"].customers
            assert customers is not None
            assert customers.record_store is not None
            known = ChartMogulCustomer(uuid=uuid, name=name)
            customers.record_store.on_fetched(uuid, known, age_seconds=0, is_alone=True)
            await asyncio.sleep(5)
            assert (world.deal("nexudus", changed).hash != before) is is_written
            assert set(names(world)) == {"theirs"}


@pytest.mark.parametrize("is_shared", [False, True], ids=["one process", "a store that others share"])
async def test_a_deal_that_is_found_by_its_id_while_its_page_is_read_is_derived_anew_all_the_same(
    derivation: Callable[[str], None], is_shared: bool
) -> None:
    """The page was asked for before, and what is older than the stored copy is not taken."""
    derivation("before")
    async with open_world(sources=("nexudus",), **SELDOM) as world:
        await asyncio.sleep(60)
        kept = {"database": world.database, "simulator": world.simulator}
    world.database.is_shared = is_shared
    derivation("after")
    found = next(iter(world.simulator.nexudus.records))
    world.simulator.nexudus.faults.add(faults.delay(3.0), times=None, kinds={"list"})
    async with open_world(sources=("nexudus",), **kept, **SELDOM) as world:  # type: ignore[arg-type]
        await asyncio.sleep(5)
        assert world.state("nexudus").sweep is not None
        await world.fetch("nexudus", found)
        await asyncio.sleep(60)
        assert (await world.status("nexudus")).is_complete
        assert names(world) == {"after": ROWS}
