"""The schema as a file: what code generators and editors read, in the schema definition language.

It is the answer to `{ _service { sdl } }`, to whoever gets that answer: so the rules on introspection are those of the
endpoint, and written once.
"""

import hashlib
from typing import Final

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse, dumps
from web.auth.callers import Caller
from web.graphql_response import AnswerFunction
from web.header_values import names_etag
from web.parameters import GraphQLParams
from web.policy import RequestPolicy
from web.view import View

METHODS: Final = "GET, HEAD"
QUERY: Final = "{ _service { sdl } }"
MEDIA_TYPE: Final = "text/plain"
"""There is none for the schema definition language; browsers show this one."""


class SchemaText(View):
    """The view."""

    def __init__(self, answer: AnswerFunction, policy: RequestPolicy) -> None:
        super().__init__(policy)
        self._answer = answer

    async def respond(self, request: HttpRequest) -> ASGIApp:
        """Return the schema, or 304 for who has it; raises `HTTPError`."""
        caller = await self.policy.admit(request, METHODS)
        with self.policy.concurrency_limit:
            text = await self._text(caller)
        etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}  # whoever asks again is checked again
        if names_etag(request.headers.combined(b"if-none-match").decode("latin-1"), etag):
            return Response(status_code=304, headers=headers)
        return HttpResponse(text, 200, MEDIA_TYPE, headers)

    async def _text(self, caller: Caller) -> bytes:
        params = GraphQLParams(QUERY, None, None, None, is_get=True, caller=caller)
        reply = await self._answer(self.policy.documents.find(params))
        body = orjson.loads(dumps(reply.body))
        if errors := body.get("errors"):
            code = errors[0]["extensions"]["code"]
            raise HTTPError(403 if code == "FORBIDDEN" else 400, errors[0]["message"], code=code)
        return f"{body['data']['_service']['sdl']}\n".encode()
