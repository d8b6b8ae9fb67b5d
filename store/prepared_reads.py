"""PostgreSQL, asked from the event loop: prepared statements, one round trip for each, and no thread that waits.

A thread would be woken for a query and wake the event loop for its rows, and both would want the interpreter's lock.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from store.marks import Marks
from store.prepared_session import Asked, PreparedSession, Rows
from store.queries import End, Query, Values
from store.threads import Threads

STALLED_SECONDS: Final = 10.0
"""A connection that has not answered for so long, at most twice, is given up."""

DIALECT: Final[Dialect] = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""Of texts with parameters as the server itself has them."""


class PreparedReads:
    """Queries for up to `most` connections of psycopg's; a thread opens each by `connect`, when it is needed first."""

    def __init__(
        self, connect: Callable[[], Any], threads: Threads, most: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._connect = connect
        self._threads = threads
        self._most = most
        self._marks = Marks(clock)
        self._open: set[PreparedSession] = set()
        self._free: list[PreparedSession] = []
        self._waiting: deque[Asked] = deque()
        self._first: Asked | None = None
        """Of those that waited at the last look."""
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def fetch(self, query: Query, values: Values) -> Rows | None:
        """Return a query's rows; None if it fails, or no connection can be had (`DirectReads`)."""
        if (look := query.look) is None:
            return await self._rows(*query.text(DIALECT, values))
        if (end := self._marks.end(look, values)) is not None:
            return await self._rows(*query.text(DIALECT, {**values, **end}, End.MARKED))
        rows = await self._rows(*query.text(DIALECT, values))
        if (wanted := self._marks.wanted(look)) is not None:
            self._start(self._set_marks(look.column, wanted))
        return rows

    async def _set_marks(self, column: str, wanted: Query) -> None:
        if (rows := await self.fetch(wanted, {})) is not None:
            self._marks.put(column, rows)

    async def _rows(self, text: str, values: Sequence[str | int | bytes | None]) -> Rows | None:
        if self._is_closed:
            return None
        asked = Asked(text, values, asyncio.get_running_loop().create_future())
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

    def _release(self, session: PreparedSession) -> None:
        """Give a connection that has answered to who waits for one, and has not gone meanwhile."""
        while self._waiting:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                session.ask(asked)
                return
        self._free.append(session)

    def _discard(self, session: PreparedSession) -> None:
        """Forget a connection that is closed."""
        self._open.discard(session)
        if session in self._free:
            self._free.remove(session)
        self._open_another()

    def _look_for_stalled(self) -> None:
        """Give up connections that have had the same query since the last look, and queries for which there is none.

        A timer for each query costs more than a look.
        """
        busy, first = self._open.difference(self._free), self._waiting[0] if self._waiting else None
        self._watch = None
        if busy or first is not None:
            self._watch = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._look_for_stalled)
        for session in busy:
            session.close_if_stalled()
        if first is not None and first is self._first:
            self._give_up()
        self._first = first

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
            self._waiting.popleft().settle(None)

    async def _opened(self) -> None:
        try:
            connection = await self._threads.run(self._connect)
        except Exception:  # whatever it is, the usual way finds out
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
        session = PreparedSession(connection, self._release, self._discard)
        self._open.add(session)
        self._release(session)
