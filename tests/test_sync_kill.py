"""`sync.sweep` in a process that is killed in mid-sweep, or whose database is: nothing is lost, nothing is deleted, and
it goes on."""

import asyncio
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from benchmarks.processes import ending_with_us
from simulator import Simulator
from store.changes import ChangeFilter, Field, Held, Kind, changes_after
from store.tables import DEALS, SYNC_RUNS
from tests import postgres
from tests.processes import MINIMAL, ROOT
from tests.stores import url_of
from tests.waiting import PATIENCE_SECONDS

KILLS = 2

Entry = tuple[str, str, Kind, tuple[Field, Held, Held] | None]
"""A change of a field of a source's deal, or that one has come or gone."""


def read(url: str, query: Any) -> list[Any]:
    """Return a column of what the store has."""
    engine = create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.connect() as connection:
        found = list(connection.scalars(query))
    engine.dispose()
    return found


def stored_ids(url: str, source: str) -> set[str]:
    """Return the ids of a source's deals that are not deleted."""
    return set(read(url, select(DEALS.c.source_id).where(DEALS.c.source == source, DEALS.c.deleted_at.is_(None))))


async def until_calls(simulator: Simulator, count: int) -> None:
    while len([call for call in simulator.calls if call.kind == "list"]) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def start(url: str, variables: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *ending_with_us([sys.executable, "-m", "tests.sync_process", url]),
        *(f"{name}={value}" for name, value in variables.items()),
        cwd=ROOT,
        env=MINIMAL,
        stdout=asyncio.subprocess.PIPE,
    )


def vendors(deals: int = 300) -> Simulator:
    """Return vendors with pages enough to be killed between them."""
    simulator = Simulator(deals=(deals, deals), today=datetime.now(UTC))
    simulator.nexudus.list_largest_size = simulator.chartmogul.list_largest_size = 10
    return simulator


async def test_a_killed_process_loses_nothing_and_deletes_nothing(store_url: str) -> None:
    chance = random.Random(4)
    simulator = vendors()
    gone: set[str] = set()
    async with simulator.serve() as urls, asyncio.timeout(PATIENCE_SECONDS):
        variables = simulator.environment(urls)
        seen = 0
        for _ in range(KILLS):
            process = await start(store_url, variables)
            seen += chance.randint(4, 15)
            await until_calls(simulator, seen)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            seen = len([call for call in simulator.calls if call.kind == "list"])
        gone = set(list(stored_ids(store_url, "chartmogul"))[:1])  # its page was read before
        for source_id in gone:
            simulator.chartmogul.delete(source_id)
        process = await start(store_url, variables)
        assert process.stdout
        assert await process.stdout.readline() == b"started\n"
        assert await process.stdout.readline() == b"complete\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        # What was killed has read a page more than it has kept, at most.
        assert len([call for call in simulator.calls if call.kind == "list"]) <= 30 + 30 + 2 * KILLS + 2
    assert stored_ids(store_url, "nexudus") == {str(id_) for id_ in simulator.nexudus.records}
    assert stored_ids(store_url, "chartmogul") == {*simulator.chartmogul.records, *gone}
    assert "interrupted" in read(store_url, select(SYNC_RUNS.c.state))


def changed(simulator: Simulator, part: int) -> set[Entry]:
    """Change some deals at both vendors, each in one field and once, have one come and one go; return what is to be
    logged."""
    nexudus, chartmogul, expected = simulator.nexudus, simulator.chartmogul, set[Entry]()
    for id_ in list(nexudus.records)[10 * part : 10 * part + 60 : 2]:
        was = nexudus.records[id_]["Name"]
        if not str(was).startswith("changed"):
            nexudus.update(id_, {"Name": f"changed {part}"})
            expected.add(("nexudus", str(id_), Kind.UPDATED, (Field.NAME, (was,), (f"changed {part}",))))
    for uuid in list(chartmogul.records)[40 * part : 40 * part + 30]:
        was = chartmogul.records[uuid]["pipeline_stage"]
        chartmogul.update(uuid, {"pipeline_stage": f"changed {part}"})
        expected.add(("chartmogul", uuid, Kind.UPDATED, (Field.STAGE_NAME, (was,), (f"changed {part}",))))
    gone = list(nexudus.records)[120 + part]
    nexudus.delete(gone)
    new = nexudus.create({"Name": "new"})
    return expected | {("nexudus", str(gone), Kind.DELETED, None), ("nexudus", str(new), Kind.CREATED, None)}


def logged(url: str) -> list[Entry]:
    """Return what the log has, in its order."""
    engine = create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.connect() as connection:
        found = changes_after(connection, 0, ChangeFilter(), count=10_000)
    engine.dispose()
    assert [one.position for one in found.changes] == list(range(1, len(found.changes) + 1))
    entries: list[Entry] = []
    for one in found.changes:
        if one.kind is not Kind.UPDATED:
            entries.append((one.source, one.source_id, one.kind, None))
        else:
            own = (one.source, one.source_id, one.kind)
            entries += [(*own, (each.field, each.before, each.after)) for each in one.fields or ()]
    return entries


async def completed(url: str, variables: dict[str, str]) -> asyncio.subprocess.Process:
    """Return a process that has read everything."""
    process = await start(url, variables)
    assert process.stdout
    assert await process.stdout.readline() == b"started\n"
    assert await process.stdout.readline() == b"complete\n"
    return process


@pytest.mark.parametrize("what", ["the process", "the database"])
async def test_each_change_is_logged_once_whatever_is_killed(what: str, tmp_path: Path, store_kind: str) -> None:
    """At random moments, most of them in the midst of reading what has changed."""
    if what == "the database" and store_kind == "sqlite":
        pytest.skip("it has no process of its own")
    chance, simulator = random.Random(6), vendors(deals=200)
    server = postgres.own_server("fsync=off") if what == "the database" else None
    url = server.create() if server else url_of(store_kind, tmp_path)
    expected: set[Entry] = set()
    async with simulator.serve() as urls, asyncio.timeout(2 * PATIENCE_SECONDS):
        variables = simulator.environment(urls) | {"HASTE_SECONDS": "0.5"}
        process = await completed(url, variables)
        for part in range(KILLS + 1):
            seen = len([call for call in simulator.calls if call.kind == "list"])
            expected |= changed(simulator, part)
            await until_calls(simulator, seen + chance.randint(1, 40))
            if server:
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            else:
                process.send_signal(signal.SIGKILL)
                await process.wait()
                process = await start(url, variables)
        while not expected <= set(logged(url)):  # noqa: ASYNC110
            await asyncio.sleep(0.3)
        await until_calls(simulator, len([call for call in simulator.calls if call.kind == "list"]) + 40)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    found = logged(url)
    assert (len(found), set(found)) == (len(expected), expected)
    if server:
        server.close()


async def test_a_database_that_is_killed_loses_nothing_and_sync_goes_on_when_it_is_back() -> None:
    chance = random.Random(5)
    server, simulator = postgres.own_server("fsync=off"), vendors()
    url = server.create()
    async with simulator.serve() as urls, asyncio.timeout(2 * PATIENCE_SECONDS):
        process = await start(url, simulator.environment(urls))
        assert process.stdout
        seen = 0
        for _ in range(KILLS):
            seen += chance.randint(8, 16)
            await until_calls(simulator, seen)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        assert await process.stdout.readline() == b"started\n"
        assert await process.stdout.readline() == b"complete\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert stored_ids(url, "nexudus") == {str(id_) for id_ in simulator.nexudus.records}
    assert stored_ids(url, "chartmogul") == {*simulator.chartmogul.records}
    assert len([call for call in simulator.calls if call.kind == "list"]) <= 30 + 30 + 4 * KILLS + 4
    server.close()
