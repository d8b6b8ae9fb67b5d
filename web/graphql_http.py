"""GraphQL over HTTP: one endpoint that takes POST and GET, and shows GraphiQL to a browser.

Follows the GraphQL-over-HTTP specification (media types, methods, status codes). What a request means is not known
here: `answer` takes the parameters and gives the response.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
METHODS = "GET, HEAD, POST"

PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Vary": "Accept"}


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """The parameters of a request, checked for their types. `is_get`: nothing but a query may be executed."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    is_get: bool


@dataclass(frozen=True, slots=True)
class GraphQLReply:
    """The response to send: `body` has data, errors, extensions; `status` is set where it is not the usual one."""

    body: dict[str, Any]
    is_request_error: bool = False
    status: int | None = None


class HTTPProblem(Exception):
    """A request that cannot be taken: the HTTP status and a sentence for the client."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


Answer = Callable[[GraphQLParams], Awaitable[GraphQLReply]]
Page = Callable[[Request], Response]


class GraphQLEndpoint:
    """The view at `/graphql`. `page` is what a browser sees, or None for nothing."""

    def __init__(self, answer: Answer, *, page: Page | None, max_body_bytes: int) -> None:
        self._answer = answer
        self._page = page
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI), whatever its method."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accepted = request.headers.get("Accept", "*/*")
        if self._page and request.method in ("GET", "HEAD") and _wants_page(accepted):
            return self._page(request)
        media_type = JSON
        try:
            media_type = _media_type(accepted)
            reply = await self._answer(await self._params(request))
        except HTTPProblem as problem:
            error = {"message": problem.message, "extensions": {"code": "BAD_USER_INPUT", "retryable": False}}
            return _response({"errors": [error]}, problem.status, media_type, problem.headers)
        status = reply.status or (400 if reply.is_request_error and media_type == RESPONSE_JSON else 200)
        return _response(reply.body, status, media_type, {"Allow": "POST"} if status == 405 else {})

    async def _params(self, request: Request) -> GraphQLParams:
        if request.method in ("GET", "HEAD"):
            return _from_query_string(request)
        if request.method != "POST":
            raise HTTPProblem(405, f"Use {METHODS}.", {"Allow": METHODS})
        _check_content_type(request.headers.get("Content-Type", ""))
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise HTTPProblem(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise HTTPProblem(413, f"The body is larger than {self._max_body_bytes} bytes.")
        return _params(_decode(bytes(body), "The body"), is_get=False)


def _wants_page(accepted: str) -> bool:
    return "text/html" in accepted and "json" not in accepted


def _media_type(accepted: str) -> str:
    """Return the media type to answer with; the more modern one where the client accepts both alike."""
    quality = dict.fromkeys((RESPONSE_JSON, JSON), 0.0)
    for entry in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        q = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        charset = next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
        try:
            weight = float(q) if charset in ("utf-8", "utf8") else 0.0
        except ValueError:
            weight = 0.0
        for media_type in [JSON] if name in ("*/*", "application/*") else [name]:
            if media_type in quality:
                quality[media_type] = max(quality[media_type], weight)
    best = max(quality, key=lambda media_type: quality[media_type])
    if not quality[best] > 0:
        raise HTTPProblem(406, f"This endpoint answers with {RESPONSE_JSON} or {JSON}.")
    return best


def _check_content_type(content_type: str) -> None:
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    if name != JSON or charset not in ("utf-8", "utf8"):
        raise HTTPProblem(415, f"Send the request as {JSON}, in UTF-8.", {"Accept": JSON})


def _from_query_string(request: Request) -> GraphQLParams:
    given: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions"):
        text = request.query_params.get(name)
        if text and name in ("variables", "extensions"):
            given[name] = _decode(text.encode("utf-8", "surrogatepass"), f"The parameter `{name}`")
        elif text:
            given[name] = text
    return _params(given, is_get=True)


def _decode(text: bytes, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # The decoder's own words could repeat what was sent.
        raise HTTPProblem(400, f"{what} is not valid JSON.") from None


def _params(given: Any, *, is_get: bool) -> GraphQLParams:
    if isinstance(given, list):
        raise HTTPProblem(400, "Several requests in one body are not supported. Send one JSON object.")
    if not isinstance(given, dict):
        raise HTTPProblem(400, "The body must be a JSON object with the member `query`.")
    for name, type_, words in (
        ("query", str, "a string"),
        ("operationName", str, "a string"),
        ("variables", dict, "an object"),
        ("extensions", dict, "an object"),
    ):
        if not isinstance(given.get(name), type_ | None):
            raise HTTPProblem(400, f"`{name}` must be {words}.")
    query = given.get("query")
    if query is None and not given.get("extensions"):
        raise HTTPProblem(400, "`query` is missing: a GraphQL document, as a string.")
    return GraphQLParams(
        query, given.get("variables"), given.get("operationName") or None, given.get("extensions"), is_get
    )


def _response(body: dict[str, Any], status: int, media_type: str, headers: dict[str, str]) -> Response:
    try:
        content = orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits in a JSON value
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status, {"Content-Type": f"{media_type}; charset=utf-8", **PRIVATE, **headers})
