"""GraphQL over HTTP: one endpoint that takes POST and GET, and shows GraphiQL to a browser.

Follows the GraphQL-over-HTTP specification (media types, methods, status codes). What a request means is not known
here: `answer` takes the parameters and gives the response.
"""

from collections.abc import Awaitable, Callable, Container, Coroutine
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from httpserver.disconnect import ClientDisconnected, cancel_on_disconnect
from httpserver.fast_path import Answer, Prepared, result_at_once
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from httpserver.response import JSON, HttpResponse, dumps
from web.access_log import ACCESS_NOTE
from web.auth.callers import Caller
from web.auth.csrf import check_cross_site
from web.body import read_body
from web.concurrency_limit import ConcurrencyLimit
from web.media_types import RESPONSE_JSON, check_content, response_type, wants_page
from web.parameters import ANYONE, GraphQLParams, read_parameters
from web.persisted_documents import PersistedDocuments
from web.refusals import Refusals
from web.response_cache import ResponseCache, Validator

METHODS = "GET, HEAD, POST"


@dataclass(slots=True)
class GraphQLResponse:
    """The response to send: `body` has data, errors, extensions; `status` is set where it is not the usual one.

    `validator` gives what says whether the response may be given again to an equal request. `operation_name`, and the
    `code` of the first error, are for whatever counts answers.
    """

    body: dict[str, Any]
    is_request_error: bool = False
    status: int | None = None
    validator: Callable[[], Validator | None] | None = None
    operation_name: str | None = None
    code: str | None = None


AnswerFunction = Callable[[GraphQLParams], Coroutine[Any, Any, GraphQLResponse]]
OnStored = Callable[[HttpRequest, str | None], None]
Identify = Callable[[HttpRequest], Awaitable[Caller]]
Page = Callable[[Request], Response]


async def anyone(_: HttpRequest) -> Caller:
    """Return a caller about whom nothing is known, who may see nothing that needs a scope."""
    return ANYONE


@dataclass(frozen=True)
class RequestPolicy:
    """What a request has to pass before it is answered."""

    max_body_bytes: int = 256_000
    body_timeout_seconds: float = 10.0
    identify: Identify = anyone
    concurrency_limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(500))
    uploads: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(500))
    documents: PersistedDocuments = field(default_factory=PersistedDocuments)
    origins: Container[str] = ()
    preflight_header_required: bool = False
    refusals: Refusals = field(default_factory=Refusals)

    async def admit(self, request: HttpRequest, methods: str) -> Caller:
        """Return the caller; raises `HTTPError`. It is identified first: the body of a stranger is not read.

        `methods` are those that are taken, as `Allow` has them.
        """
        if request.method not in methods.split(", "):
            raise HTTPError(405, f"Use {methods}.", {"Allow": methods})
        caller = await self.identify(request)
        if caller.has_ambient_authority:
            check_cross_site(request, self.origins, header_required=self.preflight_header_required)
        if (note := ACCESS_NOTE.get()) is not None:
            note.caller = caller.kind
        return caller


class GraphQLEndpoint:
    """The view at `/graphql`. `page` is what a browser sees, or None for nothing."""

    def __init__(
        self,
        answer: AnswerFunction,
        *,
        page: Page | None,
        security: RequestPolicy,
        on_stored: OnStored | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`on_stored` is told of each stored response that is given, with its operation's name; `clock`, in seconds, is
        that of the response cache.
        """
        self._answer = answer
        self._page = page
        self._policy = security
        self._on_stored = on_stored
        self.response_cache = ResponseCache(clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI), whatever its method."""
        request = HttpRequest.from_scope(scope, receive)
        response: ASGIApp
        if self._page and self._is_for_page(request):
            response = self._page(Request(scope, receive))
        else:
            response = await self.respond(request)
        await response(scope, receive, send)

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Prepare responses on the fast path (`httpserver/fast_path.py`)."""
        if request.method not in ("GET", "POST") or self._is_for_page(request):
            return None
        try:
            type_ = request.headers.memoized(response_type)
            if request.method == "POST":
                request.headers.memoized(check_content)
        except HTTPError:
            return None
        respond = partial(self._respond_to_whole, request, type_)
        return Prepared(respond, needs_id=self._on_stored is not None, any_length=True)

    def _respond_to_whole(self, head: HttpRequest, type_: str, body: bytes) -> Answer:
        """Return the response to a request with this body where it is stored, else the work that makes it."""
        request = HttpRequest(head.method, head.headers, head.server, head.query_string, body)
        try:
            caller = result_at_once(self._policy.admit(request, METHODS))
        except HTTPError as error:
            return self._refused(request, error, type_)
        if caller is None or len(body) > self._policy.max_body_bytes:
            return self.respond(request)
        stored = self._find(request, caller)
        return self.respond(request, caller) if stored is None else HttpResponse(stored, 200, type_)

    def _find(self, request: HttpRequest, caller: Caller) -> bytes | None:
        """Return the stored response to a request whose body is here, if any: the access log and traces are told."""
        stored = self.response_cache.find(request, caller)
        if stored is not None:
            note = ACCESS_NOTE.get()
            if note is not None or self._on_stored is not None:
                name = self.response_cache.operation_name(request, caller)
                if note is not None:
                    note.operation, note.is_stored = name, True
                if self._on_stored is not None:
                    self._on_stored(request, name)
        return stored

    async def _refused(self, request: HttpRequest, error: HTTPError, type_: str) -> HttpResponse:
        self._policy.refusals.add(request.headers, error)
        return error.response(type_)

    def _is_for_page(self, request: HttpRequest) -> bool:
        return self._page is not None and request.method in ("GET", "HEAD") and wants_page(request.headers)

    async def respond(self, request: HttpRequest, caller: Caller | None = None) -> HttpResponse:
        """Return the response to a request that is none for the page.

        `caller` is given where it has been admitted already, the body is there, and no response to it is stored.
        """
        type_, policy = JSON, self._policy
        try:
            type_ = request.headers.memoized(response_type)
            if caller is None:
                caller = await self._admit(request)
                if (stored := self._find(request, caller)) is not None:
                    return HttpResponse(stored, 200, type_)
            params = policy.documents.find(read_parameters(request, caller))
            with policy.concurrency_limit:
                working = self._answer(params)
                if request.receive is not None and not request.is_cancelled_by_server:
                    working = cancel_on_disconnect(request.receive, working)
                reply = await working
            return self._response(request, params, reply, type_)
        except HTTPError as error:
            return await self._refused(request, error, type_)
        except ClientDisconnected:
            return HttpResponse(b"", 499)  # reaches nobody: nginx's status for it, for whatever counts answers
        except Exception as error:
            return internal_error(error, type_)

    async def _admit(self, request: HttpRequest) -> Caller:
        """Return who calls, when the request's body is there; raises `HTTPError`."""
        policy = self._policy
        caller = await policy.admit(request, METHODS)
        if request.method == "POST":
            await read_body(
                request,
                max_bytes=policy.max_body_bytes,
                timeout_seconds=policy.body_timeout_seconds,
                uploads=policy.uploads,
            )
        return caller

    def _response(
        self, request: HttpRequest, params: GraphQLParams, reply: GraphQLResponse, type_: str
    ) -> HttpResponse:
        """Return the response to a request that was answered, and store it if it may be given again."""
        if (note := ACCESS_NOTE.get()) is not None:
            note.operation, note.code = reply.operation_name, reply.code
        if not reply.is_request_error:
            self._policy.documents.register(params)
        content, validator = dumps(reply.body), reply.validator
        if validator is not None and params.extensions is None and params.document_id is None:
            self.response_cache.store(request, params.caller, content, validator, operation_name=reply.operation_name)
        status = reply.status or (400 if reply.is_request_error and type_ == RESPONSE_JSON else 200)
        return HttpResponse(content, status, type_, {"Allow": "POST"} if status == 405 else {})
