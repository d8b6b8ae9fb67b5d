"""PostgreSQL, asked from the event loop: prepared statements, one round trip for each, and no thread that waits.

A thread is woken for a query and wakes the event loop for its rows, and both want the interpreter's lock. libpq can be
used without waiting (https://www.postgresql.org/docs/current/libpq-async.html), and psycopg hands it out as it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

from psycopg import Error
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import SQLAlchemyError

from store.marks import Marks
from store.queries import Query, Values
from store.threads import Threads

Rows = list[tuple[Any, ...]]

MOST_PREPARED: Final = 100
"""Statements of a connection, each with its plan. One that has more is replaced: texts that come again are few."""

STALLED_SECONDS: Final = 10.0
"""A connection that has not answered for so long, at most twice, is given up."""

DIALECT: Final[Dialect] = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""Of texts with parameters as the server itself has them."""


class _Asked(NamedTuple):
    """A query in words, and what its rows are given to; None where it has failed."""

    text: str
    values: Sequence[str | int | None]
    answer: asyncio.Future[Rows | None]


class PreparedReads:
    """At most so many connections of psycopg's; a thread opens each by `connect`, when it is first needed."""

    def __init__(
        self, connect: Callable[[], Any], threads: Threads, most: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._connect = connect
        self._threads = threads
        self._most = most
        self._marks = Marks(clock)
        self._open: set[_Session] = set()
        self._free: list[_Session] = []
        self._waiting: deque[_Asked] = deque()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def fetch(self, query: Query, values: Values) -> Rows | None:
        """Return a query's rows as `DirectReads` says."""
        if (look := query.look) is None:
            return await self._rows(*query.text(DIALECT, values))
        end, parameters = self._marks.end(look, values)
        rows = await self._rows(*query.text(DIALECT, {**values, **parameters}, end))
        if (wanted := self._marks.wanted(look)) is not None:
            self._start(self._set_marks(look.column, wanted))
        return rows

    async def _set_marks(self, column: str, wanted: Query) -> None:
        if (rows := await self.fetch(wanted, {})) is not None:
            self._marks.put(column, rows)

    async def _rows(self, text: str, values: Sequence[str | int | None]) -> Rows | None:
        if self._is_closed:
            return None
        asked = _Asked(text, values, asyncio.get_running_loop().create_future())
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._look_for_stalled)
        if self._free:
            self._free.pop().ask(asked)
        else:
            self._waiting.append(asked)
            self._open_another()
        return await asked.answer

    async def stop(self) -> None:
        """Return when nothing is under way any more."""
        while self._waiting or self._opening or len(self._free) < len(self._open):  # noqa: ASYNC110 - at the very end
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        if self._watch is not None:
            self._watch.cancel()
        self._give_up()
        for session in tuple(self._open):
            session.close()

    def release(self, session: "_Session") -> None:
        """Give a connection that has answered to who waits for one, and has not gone meanwhile."""
        while self._waiting:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                session.ask(asked)
                return
        self._free.append(session)

    def discard(self, session: "_Session") -> None:
        """Forget a connection that is closed."""
        self._open.discard(session)
        if session in self._free:
            self._free.remove(session)
        self._open_another()

    def _look_for_stalled(self) -> None:
        """Give up connections that have had the same query since the last look. A timer for each costs more than it."""
        self._watch = None
        if busy := self._open.difference(self._free):
            self._watch = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._look_for_stalled)
        for session in busy:
            session.close_if_stalled()

    def _open_another(self) -> None:
        """Have one more connection opened for those who wait, where there may be one."""
        used = len(self._open) + self._opening
        if len(self._waiting) > self._opening and used < self._most and not self._is_closed:
            self._opening += 1
            self._start(self._opened())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _give_up(self) -> None:
        while self._waiting:
            _settle(self._waiting.popleft().answer, None)

    async def _opened(self) -> None:
        try:
            connection = await self._threads.run(self._connect)
        except (Error, SQLAlchemyError):
            connection = None
        finally:
            self._opening -= 1
        if connection is None:
            if not self._open:
                self._give_up()
            return
        if self._is_closed:
            connection.close()
            return
        session = _Session(connection, self)
        self._open.add(session)
        self.release(session)


class _Session:
    """A connection that the event loop tells of what comes."""

    def __init__(self, connection: Any, reads: PreparedReads) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._transformer = Transformer.from_context(connection)
        self._reads = reads
        self._names: dict[str, bytes] = {}
        self._asked: _Asked | None = None
        self._is_prepared = False
        self._result: Any = None
        self._loop = asyncio.get_running_loop()
        self._seen: _Asked | None = None
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._read)

    def ask(self, asked: _Asked) -> None:
        """Send a query; a text that is new is prepared first, by a round trip of its own."""
        self._asked = asked
        try:
            if (name := self._names.get(asked.text)) is not None:
                self._execute(name, asked)
            else:
                self._is_prepared = False
                self._pgconn.send_prepare(b"q%d" % len(self._names), asked.text.encode())
                self._flush()
        except Error:
            self.close()

    def close_if_stalled(self) -> None:
        """Close the connection if its query has been seen before."""
        if self._seen is not None and self._seen is self._asked:
            self.close()
        else:
            self._seen = self._asked

    def close(self) -> None:
        """Close the connection; the query that is under way has failed."""
        if self._asked is not None:
            _settle(self._asked.answer, None)
        self._asked = self._seen = None
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._connection.close()
        self._reads.discard(self)

    def _execute(self, name: bytes, asked: _Asked) -> None:
        self._is_prepared = True
        values = [None if one is None else str(one).encode() for one in asked.values]
        self._pgconn.send_query_prepared(name, values, result_format=Format.BINARY)
        self._flush()

    def _flush(self) -> None:
        """Send what the socket takes, and the rest as soon as it takes more."""
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._flush_more)

    def _flush_more(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except Error:
            self.close()

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._end()
                    return
                self._result = result
        except Error:  # also where the server has ended a session that has nothing to do
            self.close()

    def _end(self) -> None:
        """Take what the server has answered to what was sent last."""
        asked, result = self._asked, self._result
        self._result = None
        if asked is None:  # it has told something by itself
            return
        if not self._is_prepared and result.status == ExecStatus.COMMAND_OK:
            self._names[asked.text] = name = b"q%d" % len(self._names)
            self._execute(name, asked)
            return
        if result.status != ExecStatus.TUPLES_OK:
            self.close()
            return
        if not asked.answer.done():
            self._transformer.set_pgresult(result)
            _settle(asked.answer, self._transformer.load_rows(0, result.ntuples, tuple))
        self._asked = self._seen = None
        if len(self._names) > MOST_PREPARED:
            self.close()
        else:
            self._reads.release(self)


def _settle(answer: asyncio.Future[Rows | None], rows: Rows | None) -> None:
    if not answer.done():  # who asked may have gone
        answer.set_result(rows)
