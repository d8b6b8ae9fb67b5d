"""A store that is open: work on it runs in threads of its own, reading beside writing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, exc, make_url

from store import location, memory, postgresql, sqlite
from store.errors import StoreUnavailable as StoreUnavailable
from store.interruption import Interruption
from store.location import Location
from store.notices import CHANGED, notify
from store.outages import Outages, Use
from store.queries import Query, Values
from store.sequence import CURRENT, raise_above, taken
from store.threads import Threads

T = TypeVar("T")

OnWork = Callable[[str, float, bool], None]

PATIENCE_SECONDS: Final = 30.0
"""A call that takes longer fails; its thread goes on until the database answers."""

POLL_SECONDS: Final = 1.0

LATE_SECONDS: Final = 3.0
"""While it takes longer to learn what others have changed, that is not known: a server may hang for a while."""

FORMS: Final = "the path of a file, or postgresql+psycopg://user@host/database"

GONE: Final = "its file was deleted, or another put in its place"
"""Why a store of this machine cannot be used until it is opened again."""

CLOSING_SECONDS: Final = 5.0
"""Transactions that are under way at the end get that long."""


class Database:
    """A store; `sequence` is the number of the last committed change that is known here.

    Work is a synchronous function that takes a connection. Reading sees one state of the store from beginning to end,
    and what it changes is lost. Writing is one transaction, committed when the work returns, and nothing of it is kept
    if it raises; this process writes one after the other. Where who waits is cancelled, writing goes on to its end, and
    reading is broken off. Raises StoreUnavailable.
    """

    is_shared = False
    """Whether other processes, on other machines even, may use the store."""

    def __init__(self, location: Location, *, threads: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.sequence = 0
        self.is_current = True
        """Whether what other processes have changed was learnt lately."""
        self.outages: Outages | None = None
        """What tells the log, from when the store was opened."""
        self._location = location
        self._lost: str | None = None
        self._engine = engine = location.engine
        self.is_shared = is_server = location.path is None
        self._reading = engine.execution_options(**postgresql.READ_ONLY) if is_server else engine
        self._writing = engine.execution_options(begin="IMMEDIATE")
        self._readers = Threads(threads, "store-reader")
        self._writer = Threads(min(threads, 1), "store-writer")
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._direct = location.direct_reads(self._readers, max(threads, 1))
        self._is_server = is_server
        self.patience_seconds = patience_seconds
        self.on_work: OnWork | None = None
        """Is told of each call, when it has ended: what it was (`read`, `short read` or `write`), the seconds that it
        took with the time in the queue, and whether the store was unavailable."""

    async def read(self, work: Callable[[Connection], T], *, gives_way: bool = False) -> T:
        """Return what the work returns; it is broken off where nobody waits for it any more.

        `gives_way`: others have turns meanwhile (`background.Turns`), for it is no request's.
        """
        interruption = Interruption()
        reading = partial(self._read, work, interruption, gives_way=gives_way)
        try:
            return await self._run("read", self._readers.run(reading), Use.READ)
        except BaseException:
            interruption.interrupt()
            raise

    async def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]]:
        """Return the rows of a query that takes a millisecond or so, whatever is stored.

        No thread is needed for it, and none takes turns with the caller's. Where a file is kept by another process, or
        a server refuses a connection, a thread waits, or says what is wrong.
        """
        started = perf_counter()
        rows = await self._direct.fetch(query, values) if self._lost is None else None
        if rows is None:
            work = partial(self._read, partial(_rows, query, values))
            left = self.patience_seconds - (perf_counter() - started)  # a connection that hung has had its part of it
            return await self._run("short read", self._readers.run(work), Use.READ, left)
        if self.on_work is not None:
            self.on_work("short read", perf_counter() - started, False)
        if self.outages is not None:
            self.outages.worked(Use.READ)
        return rows

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what the work returns, when it is committed."""
        return await self._run("write", self._writer.run(partial(self._write, work)), Use.WRITTEN)

    async def wait_beyond(self, number: int) -> None:
        """Wait until a change is known that was committed after the one of this number."""
        while self.sequence <= number:
            await self._moved.wait()

    async def compact(self) -> None:
        """Give back memory that a store in memory does not need, after much of it has changed."""
        for statement in self._location.compacting():  # others may write in between
            await self._run("write", self._writer.run(partial(self._maintain, statement)), Use.WRITTEN)

    async def poll(self) -> None:
        """Learn of what other processes have changed, and take up a store that has come in this one's place."""
        if self._lost is None and self._location.has_moved():
            self._lost = GONE
            self._failed(Use.WRITTEN, StoreUnavailable(GONE))
        if self._lost is not None:
            await self._run("write", self._writer.run(self._reopen), Use.WRITTEN)
        known = self.sequence
        try:
            rows = await self.fetch(CURRENT, {})
            number = rows[0][0] if rows else 0
        except exc.DBAPIError:  # not even that: the tables are gone
            await self.write(self._location.prepare)
            number = 0
        if number < known:  # the store is older than it was, or new: what had a number before must not have it again
            number = await self.write(lambda connection: raise_above(connection, known))
        self._learn(number)

    async def close(self) -> None:
        """Let what is under way come to its end, but for what hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._direct.stop()
                await asyncio.gather(self._readers.stop(), self._writer.stop())
        self._direct.close()
        self._engine.dispose()

    async def _run(self, kind: str, work: Coroutine[Any, Any, T], use: Use, seconds: float | None = None) -> T:
        if seconds is None:
            seconds = self.patience_seconds
        if self.on_work is None:
            return await self._work(work, use, seconds)
        started, has_failed = perf_counter(), False
        try:
            return await self._work(work, use, seconds)
        except StoreUnavailable:
            has_failed = True
            raise
        finally:
            self.on_work(kind, perf_counter() - started, has_failed)

    async def _work(self, work: Coroutine[Any, Any, T], use: Use, seconds: float) -> T:
        known = self.sequence
        try:
            async with asyncio.timeout(seconds):
                result = await work
        except TimeoutError:
            outage = StoreUnavailable("the store does not answer", may_pass=True)
        except exc.DBAPIError as error:
            if self._location.is_mistake(error, writes=use is Use.WRITTEN):
                raise
            outage = self._location.outage(error)
        except exc.TimeoutError:
            outage = StoreUnavailable("the store has no connection left", may_pass=True)
        except StoreUnavailable as error:
            outage = error
        else:
            if self.outages is not None:
                self.outages.worked(use, has_changed=self.sequence > known)
            return result
        self._failed(use, outage)
        raise outage

    def _failed(self, use: Use, outage: StoreUnavailable) -> None:
        if self.outages is not None:
            self.outages.failed(use, str(outage), is_full=outage.is_full)

    def _reopen(self) -> None:
        self._direct.close()  # nobody reads by it until this is over
        self._engine.dispose()  # what is in use is closed when it is given back
        try:
            self._location.protect()
            with self._writing.connect() as connection, connection.begin():
                self._location.prepare(connection)
        except StoreUnavailable as error:
            self._lost = str(error)
            raise
        self._lost = None

    def _read(
        self, work: Callable[[Connection], T], interruption: Interruption | None = None, *, gives_way: bool = False
    ) -> T:
        if self._lost is not None:
            raise StoreUnavailable(self._lost)
        with self._reading.connect() as connection, (interruption or Interruption()).over(connection):
            with self._location.giving_turns(connection) if gives_way else nullcontext():
                result = work(connection)
            if self._is_server:  # after a rollback psycopg forgets what it has prepared
                connection.commit()
            return result

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self._lost is not None:
            raise StoreUnavailable(self._lost)
        with self._writing.connect() as connection:
            with connection.begin(), self._location.giving_turns(connection) as turns:
                result = work(connection)
                number = taken(connection)
                if number and self.is_shared:
                    notify(connection, CHANGED)
                turns.pause(before_long=True)  # the end of a transaction is one piece
            self._learn(number)
            self._location.empty_log(connection, turns)
        return result

    def _maintain(self, statement: str) -> None:
        with self._writing.connect() as connection:
            self._location.maintain(connection, statement)

    def _learn(self, number: int) -> None:
        if number > self.sequence:
            self.sequence = number
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def _rows(query: Query, values: Values, connection: Connection) -> list[tuple[Any, ...]]:
    found = connection.exec_driver_sql(*query.text(connection.dialect, values))
    return [tuple(row) for row in found]


def problem_with(url: str | None) -> str | None:
    """Return in one line why a setting names no store; None for nothing (in memory), a path, or a server's URL."""
    if not url or "://" not in url:
        return _problem_with_path(url or "")
    try:
        url.encode()  # bytes of the environment that are no UTF-8 are no URL either
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
    if {":", "="} & set(path) or path != path.strip():
        return f"must be {FORMS}; a path without `:` and `=`, and without spaces around it"
    return None


@asynccontextmanager
async def open_database(
    url: str | None,
    *,
    threads: int = 2,
    poll_seconds: float = POLL_SECONDS,
    current_url: postgresql.CurrentUrl | None = None,
) -> AsyncIterator[Database]:
    """Open a store, and make its tables or bring them up to date; it is closed in the end.

    `url` is nothing for a store in memory, the path of a file, or `postgresql+psycopg://user:password@host/database`.
    `threads` read at the same time, and one more writes; with none, all is done in the caller's thread, for tests whose
    loop has a time of its own, which passes at once while a thread works. `sequence` tells what other processes have
    changed after `poll_seconds`. `current_url` gives the URL whose user and password a new connection is made with,
    where these may change meanwhile. Raises StoreUnavailable.
    """
    if problem := problem_with(url):
        raise StoreUnavailable(problem)
    async with AsyncExitStack() as stack:
        place = _location(url, threads + 1, stack, current_url)  # one writes
        place.protect()
        database = Database(place, threads=threads)
        stack.push_async_callback(database.close)
        await database.write(place.prepare)
        await database.poll()
        database.outages = Outages()
        if url:
            poller = asyncio.create_task(_poll(database, poll_seconds))
            stack.callback(poller.cancel)
        yield database


def check_database(url: str | None) -> str:
    """See whether a store can be opened, and change nothing; say what is there. Raises StoreUnavailable."""
    if problem := problem_with(url):
        raise StoreUnavailable(problem)
    if not url or ("://" not in url and not sqlite.inspect(Path(url))):
        return "will be made"
    place = location.server(url, 1) if "://" in url else location.file(Path(url), 1)
    try:
        return place.check()
    except exc.DBAPIError as error:
        raise place.outage(error) from None
    finally:
        place.engine.dispose()


def is_same_store(url: str | None, other: str | None) -> bool:
    """Return whether two URLs name the same store, by whatever user and password."""
    if not url or not other or "://" not in url or "://" not in other:
        return url == other
    return make_url(url).set(username="", password="") == make_url(other).set(username="", password="")


def _location(
    url: str | None, connections: int, stack: AsyncExitStack, current_url: postgresql.CurrentUrl | None
) -> Location:
    if url and "://" in url:
        return location.server(url, connections, current_url=current_url)
    path = Path(url) if url else stack.enter_context(memory.private_folder()) / "deals.db"
    return location.file(path, connections)


async def _poll(database: Database, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, setattr, database, "is_current", False)
        try:
            await database.poll()
            database.is_current = True
        except Exception:  # asked again soon; an outage has told the log
            database.is_current = False
        finally:
            late.cancel()
