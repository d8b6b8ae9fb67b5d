"""GraphQL over HTTP: one endpoint that takes POST and GET, and shows GraphiQL to a browser.

Follows the GraphQL-over-HTTP specification (media types, methods, status codes). What a request means is not known
here: `answer` takes the parameters and gives the response.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.admission import Admission
from web.callers import Caller
from web.hangup import HungUp, unless_hung_up
from web.media_types import RESPONSE_JSON, media_type, wants_page
from web.origins import check_cross_site
from web.parameters import ANYONE, JSON, GraphQLParams, Head, head_of, read_body, read_query_string
from web.persisted import PersistedDocuments
from web.problems import HTTPProblem
from web.security_headers import SECURITY_HEADERS, SecurityHeaders

METHODS = "GET, HEAD, POST"

logger = logging.getLogger("opportunity_graph.http")


@dataclass(slots=True)
class GraphQLResponse:
    """The response to send: `body` has data, errors, extensions; `status` is set where it is not the usual one."""

    body: dict[str, Any]
    is_request_error: bool = False
    status: int | None = None


AnswerFunction = Callable[[GraphQLParams], Coroutine[Any, Any, GraphQLResponse]]
Identify = Callable[[Request], Awaitable[Caller]]
Page = Callable[[Request], Response]


async def anyone(_: Request) -> Caller:
    """Tell nothing about who calls."""
    return ANYONE


@dataclass(frozen=True)
class Door:
    """What a request has to pass before it is answered."""

    max_body_bytes: int = 256_000
    body_timeout_seconds: float = 10.0
    identify: Identify = anyone
    admission: Admission = field(default_factory=lambda: Admission(500))
    uploads: Admission = field(default_factory=lambda: Admission(500))
    documents: PersistedDocuments = field(default_factory=PersistedDocuments)
    origins: Collection[str] = ()
    preflight_header_required: bool = False


@dataclass(slots=True)
class Sent:
    """A whole response with all its headers, as ASGI takes them: others would be encoded anew each time."""

    content: bytes
    status: int
    headers: list[tuple[bytes, bytes]]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.content})


class GraphQLEndpoint:
    """The view at `/graphql`. `page` is what a browser sees, or None for nothing."""

    def __init__(self, answer: AnswerFunction, *, page: Page | None, door: Door) -> None:
        self._answer = answer
        self._page = page
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI), whatever its method."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> ASGIApp:
        head = head_of(request.scope)
        accepted = head.get(b"accept", b"").decode("latin-1") or "*/*"
        if self._page and request.method in ("GET", "HEAD") and wants_page(accepted):
            return SecurityHeaders(self._page(request))
        type_ = JSON
        try:
            type_ = media_type(accepted)
            params = await self._admit(request, head)
            with self._door.admission:
                reply = await unless_hung_up(request.receive, self._answer(params))
        except HTTPProblem as problem:
            return _response(problem.body, problem.status, type_, problem.headers)
        except HungUp:
            return Response(status_code=499)  # never sent: nginx's status for it, for whatever counts answers
        except Exception as error:
            # Not with the exception's own text: it could repeat what was sent, or what a source answered.
            logger.error(
                "A request failed", exc_info=Exception(type(error).__name__).with_traceback(error.__traceback__)
            )
            masked = HTTPProblem(500, "Internal server error.", code="INTERNAL_SERVER_ERROR")
            return _response(masked.body, 500, type_, {})
        if not reply.is_request_error:
            self._door.documents.register(params)
        status = reply.status or (400 if reply.is_request_error and type_ == RESPONSE_JSON else 200)
        return _response(reply.body, status, type_, {"Allow": "POST"} if status == 405 else {})

    async def _admit(self, request: Request, head: Head) -> GraphQLParams:
        """Return what is asked. Who asks is settled first: a stranger's body is not even read."""
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPProblem(405, f"Use {METHODS}.", {"Allow": METHODS})
        door = self._door
        caller = await door.identify(request)
        if caller.has_ambient_authority:
            check_cross_site(request, door.origins, header_required=door.preflight_header_required)
        if request.method == "POST":
            params = await read_body(
                request,
                head,
                caller,
                max_bytes=door.max_body_bytes,
                timeout_seconds=door.body_timeout_seconds,
                uploads=door.uploads,
            )
        else:
            params = read_query_string(request, head, caller)
        return door.documents.find(params)


def _response(body: dict[str, Any], status: int, media_type: str, headers: dict[str, str]) -> Sent:
    try:
        content = orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits in a JSON value, or half a surrogate pair
        content = json.dumps(body, separators=(",", ":"), allow_nan=False, default=_written_out).encode()
    raw = [*_HEADERS[media_type], (b"content-length", str(len(content)).encode())]
    raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return Sent(content, status, raw)


def _written_out(part: Any) -> Any:
    """Return what a part of the answer that came as JSON text stands for."""
    if isinstance(part, orjson.Fragment):
        return json.loads(orjson.dumps(part))
    raise TypeError(type(part).__name__)


_HEADERS = {
    type_: [
        (name.lower().encode(), value.encode())
        for name, value in {"Content-Type": f"{type_}; charset=utf-8", "Vary": "Accept", **SECURITY_HEADERS}.items()
    ]
    for type_ in (JSON, RESPONSE_JSON)
}
