"""Another version of this program makes other columns of the same records: `sync.sweep` derives them all anew."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from resolvers.source import Record
from simulator import PAGE_FAULTS, faults
from store.tables import DEALS, DealColumns
from sync.run import Problem
from tests import loops
from tests.sync_world import ROWS, World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
SWEEPS = {"sweep_seconds": 600.0, "increment_seconds": 600.0, "increment_longest_seconds": 600.0}
Page = dict[str, Any]


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let those that open a store from now on be of a version that derives this name."""

    def be(name: str) -> None:
        def columns(_source: str, _record: Record) -> tuple[DealColumns, dict[str, Any]]:
            return DealColumns(name=name), {}

        monkeypatch.setattr("tests.sync_world.columns", columns)

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
