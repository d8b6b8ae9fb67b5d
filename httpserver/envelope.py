"""What every response carries, in one pass over it: the request's id, security headers, and the end of a connection.

Every request has an id, which its response and every line of the log show. A caller's own is used if it cannot forge a
line of the log. It is in asgi-correlation-id's context variable, for that library's filter of log records.

The security headers are the OWASP Secure Headers project's list for an API: nothing is stored, framed, sniffed or sent
on. A page may set its own value of each. There is no `Strict-Transport-Security`: that is a promise about a whole host,
which whoever holds its certificate has to make.

A request that offers an upgrade ends its connection, whichever server carries the application: uvicorn over httptools
takes no body for such a request, and reads the body's bytes as the next request, which a proxy in front has never seen.
After `Connection: close` nothing more is read. For the same reason chunked bodies, whose trailers httptools makes
headers of, and two Host headers are refused where another server than ours has framed a request.
"""

import re
from collections.abc import Callable, Iterable
from random import getrandbits

from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from httpserver.fast_path import Prepared, prepare
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import EXTENSION, Headers, HttpRequest
from httpserver.response import CLOSE, JSON, HeaderFields, dumps, header_lines, status_line

REQUEST_ID = b"x-request-id"

SECURITY_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_FIELDS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_NAMES = frozenset(name for name, _ in _FIELDS)
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


def request_id(headers: Headers | None) -> tuple[bytes, bytes]:
    """Return the header with a request's id: the caller's own if it is acceptable, else a new one.

    Without `headers`: no head could be read.
    """
    return request_ids(headers)()


def request_ids(headers: Headers | None) -> Callable[[], tuple[bytes, bytes]]:
    """Return what gives that header for each request with these headers."""
    given = headers.get(REQUEST_ID) if headers is not None else b""
    if not _ACCEPTABLE_ID.fullmatch(given):
        return _new_id
    own = REQUEST_ID, given
    return lambda: own


def _new_id() -> tuple[bytes, bytes]:
    return REQUEST_ID, b"%032x" % getrandbits(128)


def secured(fields: Iterable[tuple[bytes, bytes]]) -> HeaderFields:
    """Return a response's headers together with the security headers that it does not set by itself."""
    given = list(fields)
    own = _FIELDS
    for name, _ in given:
        if name in _NAMES:
            own = [field for field in own if field[0] != name]
    return [*given, *own]


def ends_connection(method: str, headers: Headers) -> bool:
    """Return whether the response to a request must be the last on its connection."""
    return b"upgrade" in headers or method == "CONNECT"


def refusal_message(error: HTTPError, default_fields: HeaderFields, id_: tuple[bytes, bytes]) -> bytes:
    """Return the response, the last on its connection, to what the application never sees; `id_` is a `request_id`."""
    body = dumps(error.body)
    fields = [field for field in default_fields if field != CLOSE]
    fields += [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body)), CLOSE]
    lines = header_lines([*secured(fields), id_])
    return b"%s%s\r\n%s" % (status_line(error.status), lines, body)


def refused_elsewhere(scope: Scope, headers: Headers) -> HTTPError | None:
    """Return the refusal of a request that another server has framed and that may not say what its client has sent."""
    if EXTENSION in scope.get("extensions", {}):
        return None
    if b"transfer-encoding" in headers:
        return HTTPError(411, "A request's body needs a Content-Length under this ASGI server.")
    if len(headers.all(b"host")) > 1:
        return HTTPError(400, "A request needs one Host header.")
    return None


class Envelope:
    """ASGI middleware, the outermost of ours. It also answers where the application raises: the last resort."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises what comes after the response has started: only the server can close then."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        id_ = request_id(headers)
        correlation_id.set(id_[1].decode())
        refusal = refused_elsewhere(scope, headers)
        closes = refusal is not None or ends_connection(scope["method"], headers)
        has_started = False

        def send_enveloped(message: Message):  # type: ignore[no-untyped-def] # an awaitable of the server's own kind
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                fields = message.get("headers", ())
                if closes:
                    fields = [*(field for field in fields if field[0].lower() != CLOSE[0]), CLOSE]
                message["headers"] = [*secured(fields), id_]
            return send(message)

        try:
            await (self._app if refusal is None else refusal.response())(scope, receive, send_enveloped)
        except Exception as error:
            if has_started:
                raise
            await internal_error(error)(scope, receive, send_enveloped)

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Do the same on the fast path."""
        prepared = None if ends_connection(request.method, request.headers) else prepare(self._app, request)
        if prepared is not None:
            prepared.layers.append(secured)
            prepared.request_id = request_ids(request.headers)
        return prepared
