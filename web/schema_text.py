"""The schema as a file: what code generators and editors read, in the schema definition language.

It is the answer to `{ _service { sdl } }`, to whoever gets that answer: so the rules on introspection are those of the
endpoint, and written once.
"""

import hashlib
from typing import Final

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse, dumps
from web.auth.callers import Caller
from web.graphql_response import AnswerFunction
from web.header_values import names_etag
from web.parameters import GraphQLParams
from web.policy import RequestPolicy

METHODS: Final = "GET, HEAD"
QUERY: Final = "{ _service { sdl } }"
MEDIA_TYPE: Final = "text/plain"
"""There is none for the schema definition language; browsers show this one."""


class SchemaText:
    """The view (ASGI)."""

    def __init__(self, answer: AnswerFunction, policy: RequestPolicy) -> None:
        self._answer = answer
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = HttpRequest.from_scope(scope, receive)
        try:
            response: ASGIApp = await self._respond(request)
        except HTTPError as error:
            self._policy.refusals.add(request.headers, error)
            response = error.response()
        except Exception as error:
            response = internal_error(error)
        await response(scope, receive, send)

    async def _respond(self, request: HttpRequest) -> ASGIApp:
        caller = await self._policy.admit(request, METHODS)
        with self._policy.concurrency_limit:
            text = await self._text(caller)
        etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}  # whoever asks again is checked again
        if names_etag(request.headers.combined(b"if-none-match").decode("latin-1"), etag):
            return Response(status_code=304, headers=headers)
        return HttpResponse(text, 200, MEDIA_TYPE, headers)

    async def _text(self, caller: Caller) -> bytes:
        params = GraphQLParams(QUERY, None, None, None, is_get=True, caller=caller)
        reply = await self._answer(self._policy.documents.find(params))
        body = orjson.loads(dumps(reply.body))
        if errors := body.get("errors"):
            code = errors[0]["extensions"]["code"]
            raise HTTPError(403 if code == "FORBIDDEN" else 400, errors[0]["message"], code=code)
        return f"{body['data']['_service']['sdl']}\n".encode()
