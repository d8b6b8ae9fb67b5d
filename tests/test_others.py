"""`sync.others`: what another process has changed is forgotten here, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from store.database import Database, open_database
from store.deals import upsert
from store.notices import CHANGED, REFRESH
from sync import others as module
from sync.others import Others
from tests.stores import deal
from tests.waiting import PATIENCE_SECONDS

NOW = 100_000_000


class Cache:
    """Remembers what it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, float]] = []
        self.is_told = asyncio.Event()

    def forget(self, source_id: str, *, age_seconds: float) -> None:
        self.forgotten.append((source_id, age_seconds))
        self.is_told.set()


async def write(database: Database, *numbers: int) -> None:
    deals = [deal(number, read_at=NOW - 5_000_000) for number in numbers]
    await database.write(lambda connection: upsert(connection, deals))


@asynccontextmanager
async def following(database: Database, cache: Cache) -> AsyncIterator[Others]:
    others = Others(database, {"nexudus": cache.forget}, lambda: NOW)
    task = asyncio.create_task(others.run())
    try:
        yield others
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_another_process_changes_is_forgotten_with_its_age(tmp_path: Path) -> None:
    path, cache = str(tmp_path / "deals.db"), Cache()
    async with open_database(path) as ours, open_database(path) as theirs, asyncio.timeout(PATIENCE_SECONDS):
        await write(ours, 0)
        async with following(ours, cache) as others:
            await write(theirs, 1, 2)
            others.hear(REFRESH)
            others.hear(CHANGED)
            await cache.is_told.wait()
            assert sorted(cache.forgotten) == [("1", 5.0), ("2", 5.0)]


async def test_without_a_word_of_it_changes_are_seen_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    path, cache = str(tmp_path / "deals.db"), Cache()
    async with (
        open_database(path, poll_seconds=0.01) as ours,
        open_database(path) as theirs,
        following(ours, cache),
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        await write(theirs, 1)
        await cache.is_told.wait()


async def test_many_changes_are_read_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHANGES_AT_ONCE", 2)
    monkeypatch.setattr("store.fetched.CHANGES_AT_ONCE", 2)
    cache = Cache()
    async with (
        open_database(str(tmp_path / "deals.db")) as ours,
        following(ours, cache) as others,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        for number in range(5):
            await write(ours, number)
        others.hear(CHANGED)
        while len({source_id for source_id, _ in cache.forgotten}) < 5:
            cache.is_told.clear()
            await cache.is_told.wait()
