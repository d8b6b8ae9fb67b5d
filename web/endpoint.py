"""GraphQL over HTTP: one endpoint that takes POST and GET, and shows GraphiQL to a browser.

Follows the GraphQL-over-HTTP specification (media types, methods, status codes). What a request means is not known
here: `answer` takes the parameters and gives the response.
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from httpserver.disconnect import ClientDisconnected, while_connected
from httpserver.fast_path import Answer, Prepared, TakesUsualWay, result_at_once
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from httpserver.response import JSON, HttpResponse, dumps
from web.access_log import ACCESS_NOTE
from web.auth.callers import Caller
from web.body import read_body
from web.event_stream import EventStream, Stream
from web.graphql_response import AnswerFunction, GraphQLResponse
from web.media_types import RESPONSE_JSON, check_content, wants_page
from web.parameters import GraphQLParams, read_parameters
from web.policy import RequestPolicy
from web.preferences import Preferences, read_preferences
from web.response_cache import Key, ResponseCache, StoredResponse, key_of

METHODS = "GET, HEAD, POST"


OnStored = Callable[[HttpRequest, str | None], None]
Page = Callable[[Request], Response]


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
            preferences = request.headers.memoized(read_preferences)
            if request.method == "POST":
                request.headers.memoized(check_content)
            caller = self._policy.settled(request)
        except HTTPError:
            return None
        respond = partial(self._respond_to_whole, request, preferences, caller)
        return Prepared(respond, needs_id=self._on_stored is not None, any_length=True)

    def _respond_to_whole(
        self, like: HttpRequest, preferences: Preferences, caller: Caller | None, body: bytes
    ) -> Answer:
        """Return the response to a request with this body where it is stored, else the work that makes it."""
        if caller is None:
            try:
                caller = result_at_once(self._policy.admit(like, METHODS))
            except HTTPError as error:
                return self._refused(like, error, preferences.refusal_type)
        elif (note := ACCESS_NOTE.get()) is not None:
            note.caller = caller.kind
        key = None
        if caller is not None and len(body) <= self._policy.max_body_bytes:
            key = key_of(like, body, caller)
            stored = None if preferences.wants_fresh else self.response_cache.find(key)
            if stored is not None:
                return self._give(like, stored, preferences)
        if preferences.takes_events:
            raise TakesUsualWay  # it may be a subscription
        request = HttpRequest(like.method, like.headers, like.server, like.query_string, body)
        return self.respond(request, preferences, key)

    def _give(self, request: HttpRequest, stored: StoredResponse, preferences: Preferences) -> HttpResponse:
        """Return a stored response: the access log and traces are told."""
        if (note := ACCESS_NOTE.get()) is not None:
            note.operation, note.is_stored = stored.operation.name, True
        if self._on_stored is not None:
            self._on_stored(request, stored.operation.name)
        return HttpResponse(preferences.body(stored.content), 200, preferences.media_type)

    async def _refused(self, request: HttpRequest, error: HTTPError, type_: str) -> HttpResponse:
        self._policy.refusals.add(request.headers, error)
        return error.response(type_)

    def _is_for_page(self, request: HttpRequest) -> bool:
        return self._page is not None and request.method in ("GET", "HEAD") and wants_page(request.headers)

    async def respond(
        self, request: HttpRequest, preferences: Preferences | None = None, key: Key | None = None
    ) -> HttpResponse:
        """Return the response to a request that is none for the page.

        `preferences` are given where they have been read; `key` where the caller has been admitted, the body is there,
        and no response to it is stored.
        """
        type_, policy = JSON, self._policy
        try:
            preferences = preferences or request.headers.memoized(read_preferences)
            type_ = preferences.refusal_type
            if key is None:
                caller = await self._admit(request)
                key = key_of(request, request.body, caller)
                if not preferences.wants_fresh and (stored := self.response_cache.find(key)) is not None:
                    return self._give(request, stored, preferences)
            params = read_parameters(request, key.caller, wants_fresh=preferences.wants_fresh)
            params.takes_events = preferences.takes_events
            if params.extensions is not None or params.query is None or policy.documents.are_listed:
                params = policy.documents.find(params)
            with policy.concurrency_limit:
                reply = await while_connected(request, self._answer(params))
            if reply.responses is not None:
                return self._stream(params, reply, reply.responses, request)
            return self._response(params, reply, preferences, key)
        except HTTPError as error:
            refusal = await self._refused(request, error, type_)
            if error.status == 200 and preferences is not None:  # what the document is answered with, as an event too
                return HttpResponse(preferences.body(refusal.body), 200, preferences.media_type)
            return refusal
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

    def _stream(
        self,
        params: GraphQLParams,
        reply: GraphQLResponse,
        responses: AsyncGenerator[dict[str, Any], None],
        request: HttpRequest,
    ) -> HttpResponse:
        """Return the response to a subscription; raises `HTTPError` where there are too many."""
        self._note(params, reply)
        policy = self._policy
        credential = policy.credential(request)
        policy.streams.enter(credential)
        check = partial(policy.admit_again, request, params.caller)
        return EventStream(request, Stream(responses, policy.streams, credential, check))

    def _note(self, params: GraphQLParams, reply: GraphQLResponse) -> None:
        if (note := ACCESS_NOTE.get()) is not None:
            note.operation, note.code = reply.operation_name, reply.code
        if params.extensions is not None and not reply.is_request_error:
            self._policy.documents.register(params)

    def _response(
        self, params: GraphQLParams, reply: GraphQLResponse, preferences: Preferences, key: Key
    ) -> HttpResponse:
        """Return the response to a request that was answered, and store it if it may be given again."""
        self._note(params, reply)
        content, validator = dumps(reply.body), reply.validator
        if validator is not None and preferences.may_store and params.extensions is None and params.document_id is None:
            self.response_cache.store(key, content, validator, operation_name=reply.operation_name)
        is_bad = reply.is_request_error and preferences.media_type == RESPONSE_JSON
        status = reply.status or (400 if is_bad else 200)
        if reply.status is None:
            return HttpResponse(preferences.body(content), status, preferences.media_type)
        return HttpResponse(content, status, preferences.refusal_type, {"Allow": "POST"} if status == 405 else {})
