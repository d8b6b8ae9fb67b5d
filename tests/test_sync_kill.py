"""`sync.sweep` in a process that is killed in mid-sweep, or whose database is: nothing is lost, nothing is deleted, and
it goes on."""

import asyncio
import random
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, select

from simulator import Simulator
from store.tables import DEALS, SYNC_RUNS
from tests import postgres
from tests.processes import MINIMAL, PATIENCE_SECONDS, ROOT

KILLS = 2


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
        sys.executable,
        *("-m", "tests.sync_process", url, *(f"{name}={value}" for name, value in variables.items())),
        cwd=ROOT,
        env=MINIMAL,
        stdout=asyncio.subprocess.PIPE,
    )


def vendors() -> Simulator:
    """Return vendors with pages enough to be killed between them."""
    simulator = Simulator(deals=(300, 300), today=datetime.now(UTC))
    simulator.nexudus.list_largest_size = simulator.chartmogul.list_largest_size = 10
    return simulator


async def test_a_killed_process_loses_nothing_and_deletes_nothing(store_url: str) -> None:
    chance = random.Random(4)
    simulator = vendors()
    gone: set[str] = set()
    async with simulator.serve() as urls, asyncio.timeout(3 * PATIENCE_SECONDS):
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


async def test_a_database_that_is_killed_loses_nothing_and_sync_goes_on_when_it_is_back() -> None:
    chance = random.Random(5)
    server, simulator = postgres.own_server("fsync=off"), vendors()
    url = server.create()
    async with simulator.serve() as urls, asyncio.timeout(6 * PATIENCE_SECONDS):
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
