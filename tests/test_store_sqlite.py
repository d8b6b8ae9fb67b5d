"""SQLite, a file that nobody else may read: `store.sqlite`."""

import asyncio
import os
import re
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, event

from store import sqlite
from store.database import StoreUnavailable, check_database, open_database
from store.deals import Deal, count_alive, upsert
from store.memory import SHARED_MEMORY, private_folder
from store.sole_use import sole_use
from store.sqlite import BUSY_SECONDS, LONGEST_LOG, MOST_STATEMENTS_OF_THREADS, connect, make_engine, protect
from tests.stores import begin_log, connected, deal


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_only_its_owner_may_read_the_file_and_what_stands_beside_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with open_database(str(tmp_path / "deals.db")) as database:
            await database.write(lambda connection: upsert(connection, [deal()]))
            assert modes(tmp_path) == dict.fromkeys(("deals.db", "deals.db-shm", "deals.db-wal"), 0o600)
    finally:
        os.umask(before)


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "deals.db"
    async with open_database(str(file)):
        pass
    file.chmod(0o644)
    async with open_database(str(file)):
        assert modes(tmp_path)["deals.db"] == 0o600


async def test_deals_are_there_after_a_restart(tmp_path: Path) -> None:
    for expected in (0, 1):
        async with open_database(str(tmp_path / "deals.db")) as database:
            assert await database.read(lambda connection: count_alive(connection, "nexudus")) == expected
            assert database.sequence == expected
            await database.write(lambda connection: upsert(connection, [deal()]))
    assert modes(tmp_path) == {"deals.db": 0o600}


def other_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("CREATE TABLE cookies (name TEXT)")


@pytest.mark.parametrize("content", ["text", "database"])
async def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other"
    file.write_text("not ours\n" * 100) if content == "text" else other_database(file)
    file.chmod(0o644)
    os.utime(file, (1, 1))
    before = file.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"other is no store of this program, or is damaged$"):
        async with open_database(str(file)):
            pass
    assert (file.read_bytes(), file.stat().st_mtime, modes(tmp_path)) == (before, 1, {"other": 0o644})


async def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "deals.db"
    async with open_database(str(file)) as database:
        await database.write(lambda connection: upsert(connection, [deal(n, name="x" * 50) for n in range(500)]))
    content = bytearray(file.read_bytes())
    for start in range(8192, len(content), 4096):
        content[start : start + 2000] = b"\xff" * 2000
    file.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=rf"^{re.escape(str(file))} is damaged$"):
        async with open_database(str(file)):
            pass


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "deals.db").touch(0o644)
    async with open_database(str(tmp_path / "deals.db")):
        assert modes(tmp_path)["deals.db"] == 0o600


async def test_a_path_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "deals.db"):
        with pytest.raises(StoreUnavailable, match=r"cannot be written: (Is a directory|No such file or directory)$"):
            async with open_database(str(path)):
                pass


@pytest.mark.parametrize(
    ("target", "reason"),
    [("deals.db", "Too many levels of symbolic links"), ("missing/deals.db", "No such file or directory")],
)
def test_a_link_that_leads_nowhere_is_refused_before_anything_is_made(tmp_path: Path, target: str, reason: str) -> None:
    path = tmp_path / "deals.db"
    path.symlink_to(tmp_path / target)
    for use in (check_database, lambda url: sole_use(Path(url)).__enter__()):
        with pytest.raises(StoreUnavailable, match=f"cannot be written: {reason}$"):
            use(str(path))


def test_what_a_link_leads_to_is_for_its_owner_alone_and_keeps_its_own_log(tmp_path: Path) -> None:
    path, target = tmp_path / "link.db", tmp_path / "volume" / "deals.db"
    target.parent.mkdir()
    path.symlink_to(target)
    protect(path)
    with closing(connect(path)) as raw:
        raw.execute("CREATE TABLE numbers (n INTEGER)")
        assert modes(target.parent) == dict.fromkeys(["deals.db", "deals.db-shm", "deals.db-wal"], 0o600)
        assert None not in sqlite.identities(path)
    target.parent.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="anybody may write into the folder"):
        sqlite.inspect(path)


def test_a_folder_in_which_anybody_may_replace_the_file_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="anybody may write into the folder"):
        protect(tmp_path / "deals.db")
    tmp_path.chmod(0o1777)  # as /tmp: only who owns a file may replace it
    protect(tmp_path / "deals.db")


def test_a_reader_sees_one_state_while_somebody_writes(tmp_path: Path) -> None:
    protect(tmp_path / "deals.db")
    engine = make_engine(tmp_path / "deals.db", 2)
    with engine.begin() as writer:
        writer.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")
    with engine.connect() as reader:
        counted = "SELECT count(*) FROM numbers"
        assert reader.exec_driver_sql(counted).scalar() == 0
        with engine.execution_options(begin="IMMEDIATE").begin() as writer:
            writer.exec_driver_sql("INSERT INTO numbers VALUES (1)")
            assert reader.exec_driver_sql(counted).scalar() == 0
        assert reader.exec_driver_sql(counted).scalar() == 0
        reader.rollback()
        assert reader.exec_driver_sql(counted).scalar() == 1
    engine.dispose()


async def test_who_writes_has_the_file_to_itself_before_it_looks(tmp_path: Path) -> None:
    """Else what it saw may be stale when it writes, and SQLite refuses that at once, however long one would wait."""
    file = tmp_path / "deals.db"

    def other(_: Connection) -> None:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")

    async with open_database(str(file)) as database:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await database.write(other)
        await database.read(other)


def test_the_connection_that_was_used_last_is_used_next(tmp_path: Path) -> None:
    """It has the statements; each has a memory of its own for them, and for pages."""
    protect(tmp_path / "deals.db")
    engine = make_engine(tmp_path / "deals.db", 2)
    first, last = engine.raw_connection(), engine.raw_connection()
    known = last.driver_connection
    first.close()
    last.close()
    with engine.connect() as connection:
        assert connection.connection.driver_connection is known
    engine.dispose()


def test_a_connection_is_set_up_for_durability_and_silence(tmp_path: Path) -> None:
    protect(tmp_path / "deals.db")
    engine = make_engine(tmp_path / "deals.db", 1)
    with engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store", "busy_timeout")
        ]
    assert found == ["wal", 1, 1, 2, 2, 5000]
    engine.dispose()


def test_a_file_of_this_process_alone_is_read_where_it_is_and_another_is_copied(tmp_path: Path) -> None:
    with private_folder() as folder:
        for path in (folder / "deals.db", tmp_path / "deals.db"):
            protect(path)
            with closing(connect(path)) as raw:
                mapped = raw.execute("PRAGMA mmap_size").fetchone()[0]
            assert (mapped > 0) is (path.parent == folder and folder.parent == SHARED_MEMORY)


@pytest.mark.parametrize(("flag", "reason"), [(os.ST_RDONLY, "Read-only file system"), (0, "Permission denied")])
def test_a_folder_that_takes_no_file_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, reason: str
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_flag=flag))
    with pytest.raises(StoreUnavailable, match=f"deals.db cannot be written: {reason}$"):
        sqlite.inspect(tmp_path / "deals.db")


def test_what_is_no_file_stays_as_it_is(tmp_path: Path) -> None:
    """`/dev/null` looks like an empty store, and belongs to all programs of the machine."""
    os.mkfifo(tmp_path / "pipe", 0o644)
    with pytest.raises(StoreUnavailable, match=r"pipe is no regular file$"):
        protect(tmp_path / "pipe")
    assert (tmp_path / "pipe").stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["pipe"]


def many(count: int, read_at: int = 1) -> list[Deal]:
    """Deals that come in the order in which an index of their time fills its pages least."""
    return [deal(n, created_at=count - n, name=f"{n} " * 30, read_at=read_at) for n in range(count)]


async def test_a_store_in_memory_gives_back_what_it_does_not_need() -> None:
    with private_folder() as folder:
        file, log = folder / "deals.db", folder / "deals.db-wal"
        async with open_database(str(file)) as database:
            await database.write(lambda connection: upsert(connection, many(2_000)))
            assert log.stat().st_size == 0  # a long log is not kept until the next change
            filled = file.stat().st_size
            await database.compact()
            assert file.stat().st_size < filled * 0.95
            assert await database.read(lambda connection: count_alive(connection, "nexudus")) == 2_000
            await database.write(lambda connection: upsert(connection, many(1)))
            assert 0 < log.stat().st_size <= LONGEST_LOG


async def test_the_log_of_a_store_in_memory_has_no_more_than_the_last_change() -> None:
    with private_folder() as folder:
        log = folder / "deals.db-wal"
        async with open_database(str(folder / "deals.db")) as database:
            await database.compact()  # which leaves none
            await database.write(lambda connection: upsert(connection, many(1)))
            least = log.stat().st_size
            for read_at in range(2, 22):
                changed = [deal(n, read_at=read_at, name=str(read_at)) for n in range(2)]
                await database.write(lambda connection, changed=changed: upsert(connection, changed))
            assert log.stat().st_size < 3 * least


async def test_who_writes_into_memory_waits_little_for_who_reads_what_its_long_log_holds() -> None:
    with private_folder() as folder:
        log, has_begun, may_end = folder / "deals.db-wal", threading.Event(), threading.Event()

        def read(connection: Connection) -> None:
            count_alive(connection, "nexudus")
            has_begun.set()
            may_end.wait(60)

        async with open_database(str(folder / "deals.db")) as database:
            reading = asyncio.create_task(database.read(read))
            try:
                assert await asyncio.to_thread(has_begun.wait, 60)
                async with asyncio.timeout(BUSY_SECONDS):
                    await database.write(lambda connection: upsert(connection, many(2_000)))
                assert log.stat().st_size > LONGEST_LOG
            finally:
                may_end.set()
            await reading
            await database.write(lambda connection: upsert(connection, many(1, read_at=2)))
            assert log.stat().st_size <= LONGEST_LOG
            waits = await database.write(lambda it: it.exec_driver_sql("PRAGMA busy_timeout").scalar())
            assert waits == BUSY_SECONDS * 1_000


async def test_a_file_that_others_may_use_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "deals.db"
    async with open_database(str(file)) as database:
        await database.write(lambda connection: upsert(connection, many(2_000)))
        filled = file.stat().st_size
        await database.compact()
        assert (file.stat().st_size, file.with_name("deals.db-wal").stat().st_size > LONGEST_LOG) == (filled, True)


def test_a_connection_of_threads_keeps_all_statements_that_a_deal_takes() -> None:
    found: set[str] = set()
    with connected("sqlite") as connection:
        begin_log(connection)
        event.listen(connection, "before_cursor_execute", lambda *given: found.add(given[2]))
        for read_at, stage in enumerate(["Lead", "Won", "Lead"], 1):
            one = deal(1, read_at=read_at, body=stage.encode(), stage_name=stage, attributes={"stage": stage})
            upsert(connection, [one])
            assert len(found) + len(("BEGIN", "COMMIT")) <= MOST_STATEMENTS_OF_THREADS
