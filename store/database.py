"""A store that is open: work on it runs in threads of its own, reading beside writing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from sqlite3 import SQLITE_ERROR
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, exc, make_url

from store import memory, postgresql, sqlite
from store.errors import StoreUnavailable as StoreUnavailable
from store.migrations.upgrade import UnknownSchemaError, upgrade
from store.notices import CHANGED, notify
from store.sequence import current, taken
from store.threads import Threads

T = TypeVar("T")

PATIENCE_SECONDS: Final = 30.0
"""A call that takes longer fails; its thread goes on until the database answers."""

POLL_SECONDS: Final = 1.0

FORMS: Final = "the path of a file, or postgresql+psycopg://user@host/database"

CLOSING_SECONDS: Final = 5.0
"""Transactions that are under way at the end get that long."""


class Database:
    """A store; `sequence` is the number of the last committed change that is known here.

    Work is a synchronous function that takes a connection. Reading sees one state of the store from beginning to end,
    and what it changes is lost. Writing is one transaction, committed when the work returns, and nothing of it is kept
    if it raises; this process writes one after the other. Both go on to their end where who waits is cancelled. Raises
    StoreUnavailable.
    """

    is_shared = False
    """Whether other processes, on other machines even, may use the store."""

    def __init__(self, engine: Engine, *, threads: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.sequence = 0
        self.is_current = True
        """Whether what other processes have changed was learnt lately."""
        self._engine = engine
        self.is_shared = is_server = engine.dialect.name == "postgresql"
        self._reading = engine.execution_options(**postgresql.READ_ONLY) if is_server else engine
        self._writing = engine.execution_options(begin="IMMEDIATE")
        self._readers = Threads(threads, "store-reader")
        self._writer = Threads(min(threads, 1), "store-writer")
        self._at_once = self._readers if is_server else Threads(0, "")
        self.patience_seconds = patience_seconds

    async def read(self, work: Callable[[Connection], T], *, is_short: bool = False) -> T:
        """Return what the work returns.

        `is_short`: it takes a millisecond or so, whatever is stored. In a store of this machine it is then done at
        once, in the caller's thread: two threads that take turns at every row take twice as long for it.
        """
        return await self._run(self._at_once if is_short else self._readers, partial(self._read, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what the work returns, when it is committed."""
        return await self._run(self._writer, partial(self._write, work))

    async def poll(self) -> None:
        """Learn of what other processes have changed."""
        self._learn(await self.read(current))

    async def close(self) -> None:
        """Let what is under way come to its end, but for what hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await asyncio.gather(self._readers.stop(), self._writer.stop())
            self._engine.dispose()

    async def _run(self, threads: Threads, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self.patience_seconds):
                return await threads.run(work)
        except TimeoutError:
            raise StoreUnavailable("the store does not answer") from None
        except exc.DBAPIError as error:
            if _is_mistake(error):
                raise
            raise StoreUnavailable(_reason(self._engine, error)) from None
        except exc.TimeoutError:
            raise StoreUnavailable("the store has no connection left") from None

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._writing.connect() as connection:
            with connection.begin():
                result = work(connection)
                number = taken(connection)
                if number and self.is_shared:
                    notify(connection, CHANGED)
            self._learn(number)
        return result

    def _learn(self, number: int) -> None:
        self.sequence = max(self.sequence, number)


def _is_mistake(error: exc.DBAPIError) -> bool:
    """Return whether a statement of ours is wrong, and not the database away."""
    # For SQLite a table that does not exist is as operational as a disk that is full; its code tells them apart.
    code = getattr(error.orig, "sqlite_errorcode", None)
    if getattr(error.orig, "sqlstate", None) == postgresql.DENIED:
        return False
    mistakes = exc.IntegrityError | exc.ProgrammingError | exc.DataError | exc.NotSupportedError | exc.InternalError
    return isinstance(error, mistakes) or code == SQLITE_ERROR


def problem_with(url: str | None) -> str | None:
    """Return in one line why a setting names no store; None for nothing (in memory), a path, or a server's URL."""
    if not url or "://" not in url:
        return _problem_with_path(url or "")
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        return f"must be {FORMS}"
    if parsed.drivername != postgresql.DRIVER:
        return f"must be {FORMS}"
    if not parsed.database:
        return "must name a database: postgresql+psycopg://user@host/database"
    return postgresql.problem_with(parsed)


def _problem_with_path(path: str) -> str | None:
    if path == ":memory:":
        return "use nothing at all for a store in memory"
    # Rather a mistyped URL, whose password must not become the name of a file, nor be shown as one.
    return f"must be {FORMS}; a path without `:` and `=`" if {":", "="} & set(path) else None


@asynccontextmanager
async def open_database(
    url: str | None, *, threads: int = 2, poll_seconds: float = POLL_SECONDS
) -> AsyncIterator[Database]:
    """Open a store, and make its tables or bring them up to date; it is closed in the end.

    `url` is nothing for a store in memory, the path of a file, or `postgresql+psycopg://user:password@host/database`.
    `threads` read at the same time, and one more writes; with none, all is done in the caller's thread, for tests whose
    loop has a time of its own, which passes at once while a thread works. `sequence` tells what other processes have
    changed after `poll_seconds`. Raises StoreUnavailable.
    """
    if problem := problem_with(url):
        raise StoreUnavailable(problem)
    async with AsyncExitStack() as stack:
        engine, name = _engine(url, threads + 2, stack)  # one writes, and one reads in the caller's thread
        database = Database(engine, threads=threads)
        stack.push_async_callback(database.close)
        await database.write(partial(_prepare, name))
        await database.poll()
        if url:
            poller = asyncio.create_task(_poll(database, poll_seconds))
            stack.callback(poller.cancel)
        yield database


def _engine(url: str | None, connections: int, stack: AsyncExitStack) -> tuple[Engine, str]:
    """Return an engine, and how a message names what it leads to."""
    if url and "://" in url:
        engine = postgresql.make_engine(url, connections)
        return engine, "the database"
    path = Path(url) if url else stack.enter_context(memory.private_folder()) / "deals.db"
    sqlite.protect(path)
    return sqlite.make_engine(path, connections), str(path)


def _prepare(name: str, connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (damage := sqlite.check(connection)):
        raise StoreUnavailable(f"{name} {damage}")
    try:
        upgrade(connection)
    except UnknownSchemaError as error:
        raise StoreUnavailable(f"{name} {error}") from None


async def _poll(database: Database, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await database.poll()
            database.is_current = True
        except StoreUnavailable:  # asked again soon
            database.is_current = False


def _reason(engine: Engine, error: exc.DBAPIError) -> str:
    if engine.dialect.name == "postgresql":
        return postgresql.reason(engine.url, error)
    return sqlite.reason(error)
