"""A store that is open and cannot be used for a while: `store.outages` tells the log, `store.location` finds the place
again."""

import logging
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from store import sqlite
from store.database import Database, StoreUnavailable, check_database, open_database
from store.deals import count_alive, upsert
from store.location import file
from store.outages import Outages, Use
from tests import logged
from tests.stores import deal

LOGGER = "opportunity_graph.store"
NEVER = 1e6


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    """Open a store that has a deal, and is looked at by `poll` alone."""
    async with open_database(str(path), poll_seconds=NEVER) as database:
        await database.write(put)
        yield database


def put(connection: Connection) -> int:
    return upsert(connection, [deal(count_alive(connection, "nexudus") + 1)])


def count(connection: Connection) -> int:
    return count_alive(connection, "nexudus")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged of the store."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    return caplog


def test_an_outage_is_two_lines_however_many_ask(log: pytest.LogCaptureFixture) -> None:
    outages = Outages()
    outages.worked(Use.READ)
    for use in (Use.WRITTEN, Use.WRITTEN, Use.READ):
        outages.failed(use, "away")
    outages.failed(Use.WRITTEN, "full")
    for use in (Use.READ, Use.READ, Use.WRITTEN):
        outages.worked(use)
    assert logged.lines(log, LOGGER) == [
        "the store cannot be written: away",
        "the store cannot be read: away",
        "the store cannot be written: full",
        "the store can be read again",
        "the store can be written again",
    ]


def test_a_full_disk_that_takes_a_little_is_full_until_something_is_changed_in_the_store(
    log: pytest.LogCaptureFixture,
) -> None:
    """Sync marks in the store that it begins a run, which has room left where the deals have none."""
    outages = Outages()
    for _ in range(3):
        outages.worked(Use.WRITTEN, has_changed=False)
        outages.failed(Use.WRITTEN, "full", is_full=True)
    outages.worked(Use.WRITTEN, has_changed=True)
    outages.failed(Use.WRITTEN, "away")
    outages.worked(Use.WRITTEN, has_changed=False)
    assert log.messages == [
        "the store cannot be written: full",
        "the store can be written again",
        "the store cannot be written: away",
        "the store can be written again",
    ]


@pytest.mark.parametrize("is_file_alone", [True, False])
async def test_a_file_that_is_deleted_is_made_anew_and_no_number_comes_again(
    tmp_path: Path, log: pytest.LogCaptureFixture, is_file_alone: bool
) -> None:
    path = tmp_path / "deals.db"
    async with opened(path) as database:
        for name in ("",) if is_file_alone else ("", "-wal", "-shm"):
            path.with_name(f"deals.db{name}").unlink()
        known = database.sequence
        await database.poll()
        assert path.stat().st_mode & 0o777 == 0o600
        assert await database.read(count) == 0
        assert database.sequence == known + 1
        await database.write(put)
        assert database.sequence == known + 2
    async with open_database(str(path)) as database:
        assert await database.read(count) == 1
    assert logged.lines(log, LOGGER) == [
        "the store cannot be written: its file was deleted, or another put in its place",
        "the store can be written again",
    ]


async def test_a_file_that_another_store_takes_the_place_of_is_left_for_that(tmp_path: Path) -> None:
    path, backup = tmp_path / "deals.db", tmp_path / "backup.db"
    async with opened(backup) as database:
        await database.write(put)
    async with opened(path) as database:
        for _ in range(5):
            await database.write(put)
        known = database.sequence
        os.replace(backup, path)
        await database.poll()
        assert await database.read(count) == 2
        assert database.sequence > known


async def test_a_file_that_something_else_takes_the_place_of_is_not_used_until_that_is_gone(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "deals.db"
    async with opened(path) as database:
        path.rename(tmp_path / "aside")
        path.write_text("not ours\n" * 100)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="is no store of this program"):
                await database.poll()
        for run in (database.read, database.write):
            with pytest.raises(StoreUnavailable, match="is no store of this program"):
                await run(count)
        assert path.read_text().startswith("not ours")
        (tmp_path / "aside").replace(path)
        await database.poll()
        assert await database.read(count) == 1
    assert [line.replace(str(path), "it") for line in logged.lines(log, LOGGER)] == [
        "the store cannot be written: its file was deleted, or another put in its place",
        "the store cannot be written: it is no store of this program, or is damaged",
        "the store cannot be read: it is no store of this program, or is damaged",
        "the store can be written again",
        "the store can be read again",
    ]


async def test_a_folder_that_goes_and_comes_back_is_an_outage(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    async with opened(folder / "deals.db") as database:
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreUnavailable, match="cannot be written: No such file or directory"):
            await database.poll()
        with pytest.raises(StoreUnavailable):
            await database.read(count)
        (tmp_path / "elsewhere").rename(folder)
        await database.poll()
        assert await database.read(count) == 1


async def test_a_store_that_is_full_is_still_read_and_written_again_when_there_is_room(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))  # as a disk would have it, whose end is reached
        upsert(connection, [deal(n, name="x" * 1_000) for n in range(200)])

    async with opened(tmp_path / "deals.db") as database:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"no room left for \S*deals\.db$"):
                await database.write(fill)
        assert await database.read(count) == 1
        await database.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 1000000")))
        assert len(log.messages) == 1
        await database.write(put)
        assert await database.read(count) == 2
    assert logged.lines(log, LOGGER) == [
        f"the store cannot be written: there is no room left for {tmp_path / 'deals.db'}",
        "the store can be written again",
    ]


@pytest.mark.programs
async def test_a_file_that_another_process_locks_can_be_read_and_is_written_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    path = tmp_path / "deals.db"
    async with opened(path) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreUnavailable, match=r"another process keeps \S*deals\.db to itself$"):
                await database.write(put)
            assert await database.read(count) == 1
        assert await database.write(put) == 1


async def test_a_file_that_may_only_be_read_is_still_read(tmp_path: Path) -> None:
    def write_protected(connection: Connection) -> None:
        connection.execute(text("PRAGMA query_only = ON"))  # the same refusal as of a disk that is mounted so
        try:
            put(connection)
        finally:
            connection.execute(text("PRAGMA query_only = OFF"))

    async with opened(tmp_path / "deals.db") as database:
        with pytest.raises(StoreUnavailable, match=r"^\S*deals\.db cannot be written$"):
            await database.write(write_protected)
        assert await database.read(count) == 1
        assert await database.write(put) == 1


def test_a_file_that_is_gone_does_not_come_back_as_one_that_others_may_read(tmp_path: Path) -> None:
    place = file(tmp_path / "deals.db", 1)
    place.protect()
    (tmp_path / "deals.db").unlink()
    assert place.has_moved()
    with pytest.raises(Exception, match="unable to open"):
        place.engine.connect()
    assert not (tmp_path / "deals.db").exists()


def test_a_check_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deals.db"
    check_database(None)
    check_database(str(path))
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(f"PRAGMA journal_mode = WAL; PRAGMA application_id = {sqlite.APPLICATION_ID}")
        raw.execute("CREATE TABLE store_version (version_num)")
        raw.execute("INSERT INTO store_version VALUES ('1')")
        raw.commit()
    before = path.read_bytes()
    check_database(str(path))
    assert (path.read_bytes(), [file.name for file in tmp_path.iterdir()]) == (before, ["deals.db"])
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE store_version SET version_num = '999'")
        raw.commit()
    with pytest.raises(StoreUnavailable, match="is of version 999"):
        check_database(str(path))
    path.write_text("not ours")
    with pytest.raises(StoreUnavailable, match="is no store of this program"):
        check_database(str(path))
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        check_database(str(path))
