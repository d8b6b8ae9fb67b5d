"""GraphQL over HTTP: one endpoint that takes POST and GET, and shows GraphiQL to a browser.

Follows the GraphQL-over-HTTP specification (media types, methods, status codes). What a request means is not known
here: `answer` takes the parameters and gives the response.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.admission import Admission
from web.arrival import Arrival
from web.body import read_body
from web.callers import Caller
from web.hangup import HungUp, unless_hung_up
from web.kept import KeptAnswers, Lasts
from web.last_resort import internal_error
from web.media_types import JSON, RESPONSE_JSON, response_type, wants_page
from web.origins import check_cross_site
from web.parameters import ANYONE, GraphQLParams, read_parameters
from web.persisted import PersistedDocuments
from web.problems import HTTPProblem
from web.security_headers import SecurityHeaders
from web.sent import Sent, written

METHODS = "GET, HEAD, POST"


@dataclass(slots=True)
class GraphQLResponse:
    """The response to send: `body` has data, errors, extensions; `status` is set where it is not the usual one.

    `lasting` gives what tells how long it may be given again to the same request.
    """

    body: dict[str, Any]
    is_request_error: bool = False
    status: int | None = None
    lasting: Callable[[], Lasts | None] | None = None


AnswerFunction = Callable[[GraphQLParams], Coroutine[Any, Any, GraphQLResponse]]
Identify = Callable[[Arrival], Awaitable[Caller]]
Page = Callable[[Request], Response]


async def anyone(_: Arrival) -> Caller:
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


class GraphQLEndpoint:
    """The view at `/graphql`. `page` is what a browser sees, or None for nothing."""

    def __init__(
        self, answer: AnswerFunction, *, page: Page | None, door: Door, clock: Callable[[], float] = monotonic
    ) -> None:
        """`clock`, in seconds, says how long answers have been kept."""
        self._answer = answer
        self._page = page
        self._door = door
        self._kept = KeptAnswers(clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI), whatever its method."""
        arrival = Arrival.of(scope, receive)
        response: ASGIApp
        if self._page and arrival.method in ("GET", "HEAD") and wants_page(arrival.head):
            response = SecurityHeaders(self._page(Request(scope, receive)))
        else:
            response = await self.respond(arrival)
        await response(scope, receive, send)

    async def respond(self, arrival: Arrival) -> Sent:
        """Return the response to a request that is none for the page."""
        type_ = JSON
        try:
            type_ = arrival.head.once(response_type)
            return await self._respond(arrival, type_)
        except HTTPProblem as problem:
            return Sent(written(problem.body), problem.status, type_, problem.headers)
        except HungUp:
            return Sent(b"", 499)  # reaches nobody: nginx's status for it, for whatever counts answers
        except Exception as error:
            return internal_error(error, type_)

    async def _respond(self, arrival: Arrival, type_: str) -> Sent:
        caller = await self._admit(arrival)
        if arrival.method == "POST":
            await self._read(arrival)
        kept = self._kept.find(arrival, caller)
        if kept is not None:
            return Sent(kept, 200, type_)
        params = self._door.documents.find(read_parameters(arrival, caller))
        with self._door.admission:
            working = self._answer(params)
            reply = await (unless_hung_up(arrival.receive, working) if arrival.receive else working)
        if not reply.is_request_error:
            self._door.documents.register(params)
        content = written(reply.body)
        if reply.lasting is not None and params.extensions is None and params.document_id is None:
            self._kept.keep(arrival, caller, content, reply.lasting)
        status = reply.status or (400 if reply.is_request_error and type_ == RESPONSE_JSON else 200)
        return Sent(content, status, type_, {"Allow": "POST"} if status == 405 else {})

    async def _admit(self, arrival: Arrival) -> Caller:
        """Return who asks. That is settled first: a stranger's body is not even read."""
        if arrival.method not in ("POST", "GET", "HEAD"):
            raise HTTPProblem(405, f"Use {METHODS}.", {"Allow": METHODS})
        door = self._door
        caller = await door.identify(arrival)
        if caller.has_ambient_authority:
            check_cross_site(arrival, door.origins, header_required=door.preflight_header_required)
        return caller

    async def _read(self, arrival: Arrival) -> None:
        door = self._door
        await read_body(
            arrival,
            max_bytes=door.max_body_bytes,
            timeout_seconds=door.body_timeout_seconds,
            uploads=door.uploads,
        )
