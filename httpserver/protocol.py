"""HTTP/1.1 on a connection: a protocol for uvicorn's `http`, in place of its own.

Messages are framed in one place (`httpserver/framing.py`), and read one at a time (`httpserver/request_reader.py`).
Whatever a connection waits for, a head, a body, the reading of its response, or its end, it is closed if that takes too
long (`httpserver/connection.py`).

A request that is here as a whole takes the fast path where the application has one (`httpserver/fast_path.py`): it is
answered at once if its response is stored, else in a task. All others are answered in a task by ASGI's messages
(`httpserver/exchange.py`).

The end of what a client sends may be the end of its side alone (half-close), so its request is still answered, for
`half_close_seconds` at most. Interim responses meanwhile tell a client that waits from one that has gone: the system of
the latter resets the connection, which cancels the work.

Of uvicorn this knows how a protocol is made, `shutdown`, and of its state `connections`, `tasks`, `default_headers` and
`total_requests`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any

from asgi_correlation_id import correlation_id
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from background import BACKGROUND
from httpserver.connection import DEFAULT_LIMITS, ConnectionLimits, State
from httpserver.envelope import refusal_message, request_id, secured
from httpserver.exchange import CONTINUE, Exchange
from httpserver.fast_path import Prepared, prepare
from httpserver.framing import RequestHead
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import Headers, HttpRequest
from httpserver.request_reader import RequestReader
from httpserver.response import CLOSE, STATUS_LINES, HeaderFields, HttpResponse, header_lines, status_line

OnRefusal = Callable[[Headers | None, HTTPError], None]


class HTTPConnection(RequestReader):
    """One connection, whose requests the application of `config` answers."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits = DEFAULT_LIMITS,
        on_refusal: OnRefusal | None = None,
    ) -> None:
        """`on_refusal` is told of requests that the application never sees, with their headers if they were read."""
        super().__init__(limits, _loop or asyncio.get_running_loop())
        if not config.loaded:
            config.load()
        self._app = config.loaded_app
        self._keep_alive_seconds = config.timeout_keep_alive
        self.state = server_state
        self._app_state = app_state
        self.scheme = "http"
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.is_ending = False
        self._task: asyncio.Task[None] | None = None
        self._on_refusal = on_refusal
        self._default_fields: HeaderFields = []
        self._default_lines = b""
        self._says_close = False

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a new connection."""
        self.transport = transport
        self.state.connections.add(self)  # type: ignore[arg-type] # it names its own protocols
        self.server, self.client = get_local_addr(transport), get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._deadline.set(self._limits.head_timeout_seconds)

    def eof_received(self) -> bool:
        """Take the end of what the client sends; what is under way may still be answered."""
        self._has_eof = True
        if self._state is State.ANSWERING and self._body is not None and not self._body.is_complete:
            self._give_up(HTTPError(400, "The body did not arrive."))
        elif self._state is State.ANSWERING:
            self._deadline.set(self._limits.half_close_seconds)
            self._probe()
        elif self._state is State.READING:
            self._advance()
        else:
            self.close()
        return self._state is not State.CLOSED

    def _probe(self) -> None:
        """See whether the client waits or has gone: its system resets the connection when bytes come for nobody."""
        if self._state is State.ANSWERING:
            if self._exchange is not None:
                self._exchange.probe()
            else:
                self.write(CONTINUE)
        if self._state in (State.ANSWERING, State.READING):  # what is read now came before the end
            self._loop.call_later(self._limits.probe_seconds, self._probe)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection: nobody reads an answer."""
        super().connection_lost(exc)
        self.state.connections.discard(self)
        self._buffer.data = b""
        self._cancel()

    def shutdown(self) -> None:
        """Close, but not before what is under way has been answered (uvicorn, when it stops)."""
        self.is_ending = True
        if self._state is State.READING:
            self.close()

    # Requests

    def _start(self, head: RequestHead, body: bytes, *, is_whole: bool) -> None:
        BACKGROUND.on_request()
        prepared = response = id_ = None
        if is_whole and head.keep_alive:
            try:
                prepared = head.prepared if head.is_prepared else self._prepare(head)
                if prepared is not None:
                    id_ = None if prepared.request_id is None else prepared.request_id()
                    response = prepared.begin(body, id_) if prepared.needs_id else prepared.respond(body)
            except Exception:  # the usual way meets it too, and says what is wrong
                response = None
        if prepared is None or response is None:
            exact = self._buffer.exact(head)
            self._exchange = Exchange(self, exact, self._app_state, body, is_whole=is_whole)
            self._work(self._exchange.run(self._app))
            return
        if isinstance(response, HttpResponse):
            self._respond(prepared, response, id_)
        else:
            self._work(self._respond_later(prepared, response, id_))

    def _prepare(self, head: RequestHead) -> Prepared | None:
        """Return what the application prepares for requests with this head, once."""
        head.is_prepared = True
        request = HttpRequest(head.method, head.headers, self.server, head.query_string, path=head.path)
        head.prepared = prepare(self._app, request)
        return head.prepared

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = task = self._loop.create_task(work)
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    async def _respond_later(
        self, prepared: Prepared, work: Coroutine[Any, Any, HttpResponse], id_: tuple[bytes, bytes] | None
    ) -> None:
        if id_ is not None:
            correlation_id.set(id_[1].decode())
        try:
            response = await work
        except Exception as error:
            response = internal_error(error)
        except BaseException:  # cancelled: the client has gone, or the server must end now
            self.abort()
            raise
        self._respond(prepared, response, id_)

    def _respond(self, prepared: Prepared, response: HttpResponse, id_: tuple[bytes, bytes] | None) -> None:
        """Write a response of the fast path, if its client is still there."""
        if self._state is not State.ANSWERING:
            return
        default_fields = self.state.default_headers
        if default_fields is not self._default_fields:  # uvicorn makes new ones each second
            self._default_fields, self._default_lines = default_fields, header_lines(default_fields)
            self._says_close = CLOSE in default_fields
        last_lines = b"" if id_ is None else b"%s: %s\r\n" % id_
        says_close = self._says_close or (bool(response.headers) and response.closes)
        if self.is_ending and not says_close:
            last_lines += header_lines([CLOSE])
        try:
            message = self._message(prepared, response, last_lines)
        except Exception as error:  # a layer's: as on the usual way, the layers are not asked again
            bare = Prepared(prepared.respond, [secured])
            message = self._message(bare, internal_error(error), last_lines)
        self.transport.write(message)
        self.responded(closes=says_close or self.is_ending)

    def _message(self, prepared: Prepared, response: HttpResponse, last_lines: bytes) -> bytes:
        """Return a whole response, with the connection's own headers; all come in the order of the usual way."""
        lines = None if response.headers else prepared.usual_lines.get(response.media_type)
        if lines is None:
            lines = prepared.header_lines(response)
        start, body = STATUS_LINES.get(response.status) or status_line(response.status), response.body
        first_lines = self._default_lines
        return b"%s%scontent-length: %d\r\n%s%s\r\n%s" % (start, first_lines, len(body), lines, last_lines, body)

    def responded(self, *, closes: bool) -> None:
        """Go on to the next request, or to the end of the connection (an exchange, when its response is written)."""
        BACKGROUND.on_request()
        self.state.total_requests += 1
        self._task = None
        if closes:
            self.linger()
        else:
            self._read_next(self._keep_alive_seconds)

    # Ends

    def _refuse(self, error: HTTPError) -> None:
        """Respond without the application, for the last time on this connection."""
        headers = None if self._head is None else self._head.headers
        id_ = request_id(headers)
        self.write(refusal_message(error, self.state.default_headers, id_))
        self.state.total_requests += 1
        if self._on_refusal is not None:
            context = Context()
            context.run(correlation_id.set, id_[1].decode())
            context.run(self._on_refusal, headers, error)
        self.linger()

    def _give_up(self, error: HTTPError) -> None:
        """Give up the request that is under way, since its body cannot be read."""
        exchange = self._exchange
        self._cancel()
        if exchange is None or exchange.has_started:
            self.abort()
        else:
            self._refuse(error)

    def _cancel(self) -> None:
        exchange, task = self._exchange, self._task
        self._exchange = self._body = self._task = None
        if exchange is not None:
            exchange.disconnect()
        if task is not None:
            self._loop.call_soon(task.cancel)  # not before its first step, or the work would not hear of it


def protocol(limits: ConnectionLimits, on_refusal: OnRefusal | None = None) -> Any:
    """Return what makes such connections, for uvicorn's `http`; its types want a class."""
    return partial(HTTPConnection, limits=limits, on_refusal=on_refusal)
