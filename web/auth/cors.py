"""Which web pages may read answers: CORS (Fetch standard, 3.2), for the origins that `CORS_ORIGINS` lists.

Cookies are never asked for: callers send their credentials in a header. A browser asks before it sends one of them for
a page of another origin (a preflight); what it then must know is said here, and in the body of a refusal.
"""

import logging
import re
from collections.abc import Container
from functools import partial

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from httpserver.fast_path import Prepared, prepare
from httpserver.http_errors import HTTPError
from httpserver.request import Headers as RequestHeaders
from httpserver.request import HttpRequest
from httpserver.response import HeaderFields
from web.auth.callers import API_KEY
from web.auth.csrf import PREFLIGHT_HEADERS
from web.refusals import Refusals

ALLOWED_HEADERS = (
    # What this server reads. Not X-Gateway-Key: a gateway is no page, and in a page its key would be everybody's.
    *("Authorization", API_KEY, "Content-Type", "Cache-Control", "X-Request-ID", *PREFLIGHT_HEADERS),
    # What clients send by themselves: Apollo Client's names of itself,
    *("ApolloGraphQL-Client-Name", "ApolloGraphQL-Client-Version", "X-Apollo-Operation-Id", "X-Apollo-Operation-Type"),
    # the trace of OpenTelemetry (W3C Trace Context, W3C Baggage, B3 in one header and in several) and of Sentry.
    *("Traceparent", "Tracestate", "Baggage", "B3"),
    *("X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"),
    "Sentry-Trace",
)
"""The headers that a page may send, beside those that every page may send."""

EXPOSED_HEADERS = ("X-Request-ID", "Retry-After", "WWW-Authenticate", "Content-Disposition", "Opportunity-Sources")
"""The headers of a response that a page may read, beside those that every page may read."""

MAX_LOGGED_ORIGINS = 100
"""How many refused origins the log names: anybody can send preflights, each with another origin."""

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]{1,253})(:[0-9]{1,5})?", re.ASCII)
_LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII)

logger = logging.getLogger("opportunity_graph.http")


def check_origin(origin: str) -> str | None:
    """Return what is wrong with an origin as the CORS setting lists it, or None."""
    if _ORIGIN.fullmatch(origin):
        return None
    return "must be origins like https://app.example.com, in lower case, without a path, separated by spaces"


class LoopbackOrigins:
    """The origins of all pages that this machine serves to itself, on whatever port: for the demo."""

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, str) and _LOOPBACK_ORIGIN.fullmatch(origin) is not None


class Cors(CORSMiddleware):
    """ASGI middleware. `origins` may be empty: then it does nothing but say why preflights are refused."""

    def __init__(self, app: ASGIApp, origins: Container[str], refusals: Refusals | None = None) -> None:
        """`refusals` counts the preflights that are refused."""
        self._origins = origins
        self._refusals = refusals or Refusals()
        super().__init__(
            app,
            allow_methods=["GET", "POST"],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            allow_private_network=True,  # for the listed origins, as everything here
            max_age=600,
        )
        self._fields = [(name.lower().encode(), value.encode()) for name, value in self.simple_headers.items()]
        self._logged: set[str] = set()

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may read answers."""
        return origin in self._origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes from no page as it is; see to the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = RequestHeaders.from_scope(scope)
        if _is_preflight(scope["method"], headers):
            await super().__call__(scope, receive, send)
        else:
            origin = self._reader(headers)
            await self.app(scope, receive, send if origin is None else self._sending(origin, send))

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Do the same on the fast path."""
        prepared = None if _is_preflight(request.method, request.headers) else prepare(self.app, request)
        if prepared is not None and (origin := self._reader(request.headers)) is not None:
            prepared.layers.append(partial(self._readable, origin=origin))
        return prepared

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight: a refusal has status 403, and says in JSON what would be right."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            self._log(origin)
            message = "Pages of this origin may not call this server: CORS_ORIGINS lists those that may."
            return JSONResponse(self._refuse(message).body, 403, {"Vary": "Origin"})
        message = "Pages of other origins may not send this method, or one of these headers."
        del response.headers["content-length"], response.headers["content-type"]
        return JSONResponse(self._refuse(message).body, 403, response.headers)

    def _refuse(self, message: str) -> HTTPError:
        error = HTTPError(403, message, code="FORBIDDEN")
        self._refusals.add(None, error, "cors")  # a preflight has no credential
        return error

    def _reader(self, headers: RequestHeaders) -> bytes | None:
        """Return the origin whose pages may read the response, if any."""
        origin = headers.get(b"origin")
        return origin if b"origin" in headers and self.is_allowed_origin(origin.decode("latin-1")) else None

    def _readable(self, fields: HeaderFields, origin: bytes) -> HeaderFields:
        """Return a response's headers with what lets pages of this origin read it."""
        varies = [value for name, value in fields if name == b"vary"]
        return [
            *(field for field in fields if field[0] != b"vary"),
            *self._fields,
            (b"access-control-allow-origin", origin),
            (b"vary", b", ".join([*varies, b"Origin"])),
        ]

    def _sending(self, origin: bytes, send: Send) -> Send:
        """Return a function that sends a response which pages of this origin may read."""

        def send_readable(message: Message):  # type: ignore[no-untyped-def] # an awaitable of the server's own kind
            if message["type"] == "http.response.start":
                message["headers"] = self._readable(list(message.get("headers", ())), origin)
            return send(message)

        return send_readable

    def _log(self, origin: str) -> None:
        name = "an origin that cannot be listed" if check_origin(origin) else origin
        if name not in self._logged and len(self._logged) < MAX_LOGGED_ORIGINS:
            self._logged.add(name)
            logger.warning("Pages of %s are refused: CORS_ORIGINS lists those that may call", name)


def _is_preflight(method: str, headers: RequestHeaders) -> bool:
    return method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers
