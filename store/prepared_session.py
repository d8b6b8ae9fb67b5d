"""A connection to PostgreSQL that the event loop waits for: one query after the other, each prepared once.

libpq's calls that do not wait (https://www.postgresql.org/docs/current/libpq-async.html), as psycopg hands them out.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from psycopg import Error
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

Rows = list[tuple[Any, ...]]

MOST_PREPARED: Final = 100
"""Statements of a connection, each with its plan. One that has more is replaced: texts that come again are few."""


class Asked(NamedTuple):
    """A query's text and values; `answer` gets its rows, or None where it has failed."""

    text: str
    values: Sequence[str | int | bytes | None]
    answer: asyncio.Future[Rows | None]

    def settle(self, rows: Rows | None) -> None:
        """Give the rows to who asked, who may have gone."""
        if not self.answer.done():
            self.answer.set_result(rows)


class PreparedSession:
    """One of psycopg's connections; `on_free` and `on_closed` are told when it has answered, and when it is no more."""

    def __init__(
        self,
        connection: Any,
        on_free: Callable[["PreparedSession"], None],
        on_closed: Callable[["PreparedSession"], None],
    ) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._transformer = Transformer.from_context(connection)
        self._on_free = on_free
        self._on_closed = on_closed
        self._is_open = True
        self._names: dict[str, bytes] = {}
        self._asked: Asked | None = None
        self._is_prepared = False
        self._result: Any = None
        self._loop = asyncio.get_running_loop()
        self._seen: Asked | None = None
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._read)

    def ask(self, asked: Asked) -> None:
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
        if not self._is_open:
            return
        self._is_open = False
        if self._asked is not None:
            self._asked.settle(None)
        self._asked = self._seen = None
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._connection.close()
        self._on_closed(self)

    def _execute(self, name: bytes, asked: Asked) -> None:
        self._is_prepared = True
        values = [None if one is None else _text(one) for one in asked.values]
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
        if not self._is_prepared and result is not None and result.status == ExecStatus.COMMAND_OK:
            self._names[asked.text] = name = b"q%d" % len(self._names)
            self._execute(name, asked)
            return
        if not self._is_prepared or result is None or result.status != ExecStatus.TUPLES_OK:
            self.close()
            return
        if not asked.answer.done():
            self._transformer.set_pgresult(result)
            asked.settle(self._transformer.load_rows(0, result.ntuples, tuple))
        self._asked = self._seen = None
        if len(self._names) > MOST_PREPARED:
            self.close()
        else:
            self._on_free(self)


def _text(value: str | int | bytes) -> bytes:
    """Return a value as PostgreSQL writes it, which knows the type from the statement."""
    return b"\\x" + value.hex().encode() if isinstance(value, bytes) else str(value).encode()
