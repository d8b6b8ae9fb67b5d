"""A shorter way for requests that are here as a whole: answered on their connection, without ASGI in between.

Nearly every request of a GraphQL client is a small POST, which arrives in one piece. uvicorn makes a task for it, a
scope, a queue of messages and timers, which takes longer than to answer it from memory. Here such a request is read by
the same parser, goes through the same door (`web/graphql_http.py`), and its response has the same bytes. An answer
that waits for a source goes on in a task.

Whatever is unusual takes the usual way: other methods and paths, a body in several pieces or chunks, requests sent
before the last one was answered, requests of web pages (`Origin`), `Expect`, `Upgrade`, `Connection: close`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from typing import ClassVar

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from web.arrival import Arrival, Head
from web.connections import Bounded
from web.last_resort import internal_error
from web.request_id import HEADER, enter
from web.sent import Sent, lines
from web.serving import CLOSE
from web.started import Started

UNUSUAL = frozenset({b"expect", b"origin", b"proxy-connection", b"transfer-encoding", b"upgrade"})
"""Headers that ask for more than an answer, as `Connection: close` does; the parser takes `Proxy-Connection` for it."""

KEPT = frozenset(
    b"accept accept-charset accept-encoding accept-language apollographql-client-name apollographql-client-version "
    b"cache-control connection content-length content-type host pragma user-agent".split()
)
"""Headers that come again and hold no secret. A head with any other is read anew each time: nobody's credential stays
in memory, and what is another's with each request, such as `traceparent`, pushes nothing out."""

MOST_HEADS = 500
LONGEST_HEAD = 2_000
MOST_HEADERS = 100

Respond = Callable[[Arrival], Coroutine[object, object, Sent]]
Headers = list[tuple[bytes, bytes]]


class _Reading:
    """Takes what the parser finds in a head."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.fields.append((name.lower(), value))


@dataclass(frozen=True, slots=True)
class UsualHead:
    """A head, and how long the body is that belongs to it; None where the request is not a usual one."""

    head: Head
    length: int | None


class FastLane:
    """What the connections of a server share. `path` is where `respond` answers.

    Clients send the same head again and again, so heads are known by their bytes, the oldest out first.
    """

    def __init__(self, path: str, respond: Respond) -> None:
        self.respond = respond
        self._path = path.encode("ascii")
        self._begin = b"POST %s HTTP/1.1\r\n" % self._path
        self._heads: dict[bytes, UsualHead] = {}
        self._default: Headers = []
        self._default_lines = b""
        self._closes = False

    def take(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return the head and the body if this is one usual request as a whole, and nothing else."""
        end = data.find(b"\r\n\r\n") + 4
        text = data[:end]
        known = self._heads.get(text)
        if known is None:
            if end > LONGEST_HEAD or not text.startswith(self._begin):
                return None
            known = self._read(text)
        return (known.head, data[end:]) if known.length == len(data) - end else None

    def default(self, headers: Headers) -> tuple[bytes, bool]:
        """Return the lines of uvicorn's own headers, such as `Date`, and whether they close the connection."""
        if headers is not self._default:  # it makes a new list of them each second
            self._default, self._default_lines, self._closes = headers, lines(headers), CLOSE in headers
        return self._default_lines, self._closes

    def _read(self, text: bytes) -> UsualHead:
        found = read_head(text, self._path)
        # One that cannot be read has no fields, whatever stands in it.
        if 0 < len(found.head.fields) <= MOST_HEADERS and all(name in KEPT for name, _ in found.head.fields):
            self._heads[text] = found
            if len(self._heads) > MOST_HEADS:
                del self._heads[next(iter(self._heads))]
        return found


def read_head(text: bytes, path: bytes) -> UsualHead:
    """Return what a head says, and whether it is that of a usual request for `path`."""
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(text)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return UsualHead(Head(()), None)  # the usual way says what is wrong
    head = Head(reading.fields)
    lengths = head.all(b"content-length")
    is_usual = (
        (parser.get_method(), reading.url, parser.get_http_version()) == (b"POST", path, "1.1")
        and len(lengths) == 1
        and lengths[0].isdigit()
        and len(reading.fields) <= MOST_HEADERS
        and not any(name in head for name in UNUSUAL)
        and all(value.lower() == b"keep-alive" for value in head.all(b"connection"))
    )
    return UsualHead(head, int(lengths[0]) if is_usual else None)


class Direct(Bounded):
    """A connection that takes the shorter way where it can. What comes while it works on an answer has to wait."""

    lane: ClassVar[FastLane]
    _is_between_messages = True
    _message_bytes = 0  # those that count against the bound of `web/protocol.py`
    _working: asyncio.Task[None] | None = None
    _behind = b""
    _is_ending = False
    _idle_since = 0.0

    def on_message_begin(self) -> None:
        """Take note that a message has begun (httptools)."""
        self._is_between_messages = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Take note that it has ended (httptools)."""
        self._is_between_messages = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take some bytes."""
        if self._working is not None:
            self._behind += data
            if len(self._behind) > HIGH_WATER_LIMIT:  # not before: who does not read, hears of no client that goes
                self.flow.pause_reading()
            return
        is_free = self._is_between_messages and (self.cycle is None or self.cycle.response_complete)
        taken = self.lane.take(data) if is_free and not self.flow.write_paused else None
        if taken is None:
            super().data_received(data)
        else:
            self._answer(*taken)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection: nobody reads an answer."""
        if self._working is not None:
            # Not before its first step, or the work itself would not hear of it.
            self.loop.call_soon(self._working.cancel)
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """Close, if nobody has asked for as long as that. The timer is not set anew for each request."""
        self.timeout_keep_alive_task = None
        if self._working is not None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Close, but not before what is under way has been answered."""
        self._is_ending = True
        if self._working is None:
            super().shutdown()

    def _answer(self, head: Head, body: bytes) -> None:
        self.head_is_here()
        self._message_bytes = 0
        context = copy_context()  # the connection's own stays as it is, or a later line of the log had this id
        try:
            id_, started = context.run(self._start, head, body)
        except Exception as error:
            self._send(internal_error(error), b"-")
            return
        except BaseException:
            self.transport.close()
            raise
        if started.is_done:
            self._send(started.result, id_)
        else:
            self._working = self.loop.create_task(self._go_on(started, id_), context=context)
            self.tasks.add(self._working)
            self._working.add_done_callback(self.tasks.discard)

    def _start(self, head: Head, body: bytes) -> tuple[bytes, Started[Sent]]:
        id_ = enter(head.get(HEADER))
        return id_, Started(self.lane.respond(Arrival("POST", head, self.server, whole=body)))

    async def _go_on(self, started: Started[Sent], id_: bytes) -> None:
        try:
            sent = await started
        except Exception as error:
            sent = internal_error(error)
        except BaseException:  # cancelled: the client has gone, or the server must end now
            self.transport.close()
            raise
        finally:
            self._working = None
        self._send(sent, id_)
        if self._behind and not self.transport.is_closing():
            data, self._behind = self._behind, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _send(self, sent: Sent, id_: bytes) -> None:
        if self.transport.is_closing():
            return
        first, is_last = self.lane.default(self.server_state.default_headers)
        last = b"%s: %s\r\n" % (HEADER, id_)
        if self._is_ending and not is_last and not sent.closes:
            last += lines([CLOSE])
        try:
            message = sent.message(first, last)
        except Exception as error:  # a header that cannot be written
            sent = internal_error(error)
            message = sent.message(first, last)
        self.transport.write(message)
        self.server_state.total_requests += 1
        if is_last or self._is_ending or sent.closes:
            self.transport.close()
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
