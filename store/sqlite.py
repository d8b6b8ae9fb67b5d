"""SQLite: a file that nobody else may read, or one in memory that is gone when it is closed."""

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, FromClause, QueuePool, create_engine, event, exc
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from store.errors import MISTAKES, StoreUnavailable
from store.memory import is_private
from store.steps import SteppedCursor, SteppedReads
from store.tables import DEAL_ATTRIBUTES, DEALS
from store.tallies import MAKE

BUSY_SECONDS: Final = 5.0
"""A writer waits so long for one of another process."""

MOST_STATEMENTS: Final = 32
"""That a connection keeps prepared, of up to 40 kilobytes each: those with hundreds of parameters seldom come again."""

MOST_STATEMENTS_OF_THREADS: Final = 20
"""The same of a connection that threads use: as many as it takes to write a deal. If they were fewer, each one would be
prepared again for each deal that comes alone, which takes as long as to write it."""

STEPS_BETWEEN_TURNS: Final = 250
"""Of SQLite's virtual machine, of a statement that writes: a deal takes about a thousand."""

HEADER_BYTES: Final = 100

APPLICATION_ID: Final = 0x6F707067
"""In the header of each file of ours, at byte 68 (https://sqlite.org/fileformat.html#application_id)."""

PRAGMAS: Final = {
    "journal_mode": "WAL",  # readers go on while somebody writes
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "secure_delete": "FAST",
    "temp_store": "MEMORY",
    "journal_size_limit": 4 * 2**20,  # what a log has between two checkpoints; a large change leaves a longer one
}

PRIVATE: Final = {
    "mmap_size": 2**30,  # it is read where it is; a file that somebody else can cut off would then end the process
    "cache_size": -256,  # kilobytes of each connection: what is read where it is needs no copy
    "wal_autocheckpoint": 1024,  # pages, four megabytes: `empty_log` comes before, but for what is written at once
    "journal_size_limit": 2**20,
}
"""Of a file in memory, which only this process has."""

LONGEST_LOG: Final = 2**20
"""Bytes of a log in memory, between two changes."""

READERS_MILLISECONDS: Final = 50
"""For so long who empties a log waits for those who read what is in it: most have ended by then, else it would grow as
long as one begins before another ends. For one that takes long all changes would wait; the next one tries again."""

EMPTY_LOG: Final = (
    f"PRAGMA busy_timeout = {READERS_MILLISECONDS}; PRAGMA wal_checkpoint(TRUNCATE); "
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1_000:.0f}"
)

WRITE_LOG_BACK: Final = "PRAGMA wal_checkpoint(PASSIVE)"

_INDEXES: Final = (*DEALS.indexes, *DEAL_ATTRIBUTES.indexes)

COMPACTING: Final = (
    *sorted({f"REINDEX {index.name}" for index in _INDEXES if index.name != "deals_by_currency"}),  # PostgreSQL's
    f"PRAGMA incremental_vacuum; {EMPTY_LOG}; PRAGMA shrink_memory",  # until then the file keeps its length
)
"""What writes the indexes of deals anew, so that their pages are full, and gives back the pages that are then free."""

REASONS: Final = {
    "not a database": "{path} is no database",
    "malformed": "{path} is damaged",
    "full": "there is no room left for {path}",
    "locked": "another process keeps {path} to itself",
    "readonly": "{path} cannot be written",
    "unable to open": "{path} is not there, or cannot be opened",
}
"""Of a file, by what SQLite says."""


def connect(
    path: Path, busy_seconds: float = BUSY_SECONDS, most_statements: int = MOST_STATEMENTS
) -> sqlite3.Connection:
    """Open a file; `busy_seconds`: for how long it is waited for while another process keeps it to itself.

    `most_statements` are kept prepared.
    """
    # `rw`: a file that is gone must not come back as one that anybody may read; `protect` makes it.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    raw = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=most_statements,
    )
    try:
        for name, value in (PRAGMAS | PRIVATE if is_private(path) else PRAGMAS).items():
            raw.execute(f"PRAGMA {name} = {value}")
    except sqlite3.Error:
        raw.close()
        raise
    return raw


def make_engine(path: Path, connections: int) -> Engine:
    """Return an engine of so many connections to a file."""
    engine = create_engine(
        "sqlite://",
        creator=partial(_connect, path),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # each connection has statements and pages of its own in memory
        hide_parameters=True,
    )
    engine.dialect.statement_compiler = _Compiler
    # The driver itself would begin no sooner than at the first change, and two readings would see two states.
    event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path) -> sqlite3.Connection:
    raw = connect(path, most_statements=MOST_STATEMENTS_OF_THREADS)
    raw.execute(MAKE)
    return raw


class _Compiler(SQLiteCompiler):
    """Writes `INDEXED BY` where a statement names its index; SQLAlchemy leaves out hints for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def direct_reads(path: Path, dialect: Dialect) -> SteppedReads:
    """Return what reads in the event loop's own thread: it waits for nobody."""

    def open_cursor() -> SteppedCursor:
        cursor = connect(path, busy_seconds=0.0).cursor(SteppedCursor)
        cursor.execute("PRAGMA query_only = ON")
        return cursor

    return SteppedReads(dialect, open_cursor)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', '')}")


def beside(path: Path, ending: str) -> Path:
    """Return the path of what lies beside a file, with an ending of its own: where SQLite has it, behind all links."""
    return Path(f"{os.path.realpath(path)}{ending}")


def inspect(path: Path) -> bool:
    """Return whether there is a store in the file, which is not changed; raises StoreUnavailable as `protect` does."""
    try:
        is_there = _is_there(path)
        within = beside(path, "").parent
        for folder in (path.parent, within):
            mode = folder.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise StoreUnavailable(f"anybody may write into the folder of {path}")
        if not is_there:
            if not os.access(within, os.W_OK | os.X_OK):
                is_read_only = os.statvfs(within).f_flag & os.ST_RDONLY
                raise PermissionError(0, os.strerror(errno.EROFS if is_read_only else errno.EACCES))
            return False
        if not path.is_file() and not path.is_dir():  # a device that all use, or a pipe that is never written to
            raise StoreUnavailable(f"{path} is no regular file")
        with path.open("r+b") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}") from None
    if header and (header[:16] != b"SQLite format 3\0" or header[68:72] != APPLICATION_ID.to_bytes(4, "big")):
        raise StoreUnavailable(f"{path} is no store of this program, or is damaged")
    return bool(header)


def _is_there(path: Path) -> bool:
    """Return whether there is anything; raises OSError for what never can be, which `Path.exists` takes for nothing."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


Identity = tuple[int, int] | None
"""What tells a file from another one that takes its place; None where there is none."""


def identities(path: Path) -> tuple[Identity, Identity]:
    """Return the identities of a file and of the log beside it."""
    return _identity(path), _identity(beside(path, "-wal"))


def _identity(path: Path) -> Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove_log(path: Path) -> None:
    """Remove the log beside a file that is not its own: what is in it would be written over the file."""
    for ending in ("-wal", "-shm"):
        with suppress(OSError):
            beside(path, ending).unlink()


def protect(path: Path) -> None:
    """Make the file, or see that it is a store of ours; let its owner alone read it and what SQLite puts beside it.

    Raises StoreUnavailable where it cannot be written, stands in a folder in which anybody may replace it, or holds
    something else: of that nothing is changed, not even who may read it.
    """
    has_store = inspect(path)
    try:
        with suppress(FileExistsError):
            os.close(os.open(beside(path, ""), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        for file_ in (path, beside(path, "-wal"), beside(path, "-shm")):
            if file_.exists() and stat.S_IMODE(file_.stat().st_mode) != 0o600:
                file_.chmod(0o600)
        if not has_store:
            with closing(sqlite3.connect(path)) as raw:
                if is_private(path):
                    raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # `COMPACTING` makes it shorter
                raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}") from None
    except sqlite3.Error:
        raise StoreUnavailable(f"{path} cannot be written") from None


def empty_log(connection: Connection, path: Path) -> None:
    """Write the log of a file in memory to its place, so that the next change begins it anew, and shorten a long one.

    With each commit SQLite itself would do so once the log is long, in one piece with the commit, and in a longer one.
    """
    maintain(connection, WRITE_LOG_BACK)
    with suppress(OSError):  # of a file that is gone
        if beside(path, "-wal").stat().st_size > LONGEST_LOG:
            maintain(connection, EMPTY_LOG)


def maintain(connection: Connection, statements: str) -> None:
    """Run statements outside of a transaction; what cannot be done now is left undone."""
    driver: Any = connection.connection.driver_connection
    with suppress(sqlite3.Error):
        driver.executescript(statements)  # `execute` would free one page of many


@contextmanager
def interrupted(connection: Connection, pause: Callable[[], None]) -> Iterator[None]:
    """Have a function called now and then while statements run."""
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(pause, STEPS_BETWEEN_TURNS)  # which gives nothing, so that they go on
    try:
        yield
    finally:
        with suppress(sqlite3.Error):  # it was closed
            driver.set_progress_handler(None, 0)


def check(connection: Connection) -> str | None:
    """Return what is wrong with a file, where it is damaged."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    return None if found == "ok" else "is damaged"


def is_mistake(error: exc.DBAPIError) -> bool:
    """Return whether a statement is wrong, and not the file away."""
    # A table that does not exist is as operational as a disk that is full; the code tells them apart.
    code = getattr(error.orig, "sqlite_errorcode", None)
    return isinstance(error, MISTAKES) or code == sqlite3.SQLITE_ERROR


def is_full(error: exc.DBAPIError) -> bool:
    """Return whether there is no room left."""
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def reason(path: Path, error: exc.DBAPIError) -> str:
    """Return in one line why a file cannot be used."""
    said = str(error.orig)
    for part, meaning in REASONS.items():
        if part in said:
            return meaning.format(path=path)
    return f"{path} cannot be used"
