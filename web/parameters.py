"""The parameters of a GraphQL request, from a POST body or a query string, checked for their types.

JSON is read by msgspec: UTF-8 only, no NaN, a bounded depth, and what it cannot read is an error like any other.
"""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from web.callers import Caller
from web.problems import HTTPProblem

JSON = "application/json"

ANYONE = Caller("nobody", frozenset())


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """What is asked, and by whom.

    `is_get`: nothing but a query may be executed. `wants_fresh`: the request says `Cache-Control: no-cache`
    (RFC 9111, 5.2.1.4).
    """

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    is_get: bool
    document_id: str | None = None
    wants_fresh: bool = False
    caller: Caller = ANYONE


def header(scope: Scope, name: bytes, default: str = "") -> str:
    """Return a request header's value, the first if there are several. `name` is in lower case, as ASGI has names."""
    for found, value in scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return default


async def read_body(request: Request, caller: Caller, *, max_bytes: int, timeout_seconds: float) -> GraphQLParams:
    """Return a POST request's parameters; raises `HTTPProblem`.

    A client gets so much time for its body: one byte a minute would hold a connection and its memory for ever.
    """
    _check_content_type(request)
    if header(request.scope, b"content-encoding", "identity") != "identity":
        raise HTTPProblem(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})
    length = header(request.scope, b"content-length")
    if length.isdecimal() and (len(length) > 15 or int(length) > max_bytes):
        raise _too_large(max_bytes)
    body = bytearray()  # not bytes: a body of many small pieces would be copied for each
    more = True
    try:
        async with asyncio.timeout(timeout_seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise HTTPProblem(400, "The body did not arrive.")
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
                more = message.get("more_body", False)
    except TimeoutError:
        raise HTTPProblem(
            408, "The body did not arrive in time.", {"Connection": "close"}, code="REQUEST_TIMEOUT", retryable=True
        ) from None
    return _params(_decode(bytes(body), "The body"), request, caller)


def _too_large(max_bytes: int) -> HTTPProblem:
    return HTTPProblem(413, f"The body is larger than {max_bytes} bytes.", {"Connection": "close"})


def read_query_string(request: Request, caller: Caller) -> GraphQLParams:
    """Return a GET request's parameters; raises `HTTPProblem`."""
    given: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions", "documentId"):
        text = request.query_params.get(name)
        if text and name in ("variables", "extensions"):
            given[name] = _decode(text.encode("utf-8", "surrogatepass"), f"The parameter `{name}`")
        elif text:
            given[name] = text
    return _params(given, request, caller)


def _check_content_type(request: Request) -> None:
    """Refuse what a browser would send for another site without asking first: text, forms, multipart."""
    values = [value for name, value in request.scope["headers"] if name == b"content-type"]
    if len(values) != 1 or not _is_json(values[0]):
        raise HTTPProblem(415, f"Send the request as {JSON}, in UTF-8.", {"Accept": JSON})


@lru_cache(64)
def _is_json(content_type: bytes) -> bool:
    name, *parameters = (part.strip().lower() for part in content_type.decode("latin-1").split(";"))
    charset = next((p[8:].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    return name == JSON and charset in ("utf-8", "utf8")


def _decode(text: bytes, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # The decoder's own words could repeat what was sent.
        raise HTTPProblem(400, f"{what} is not valid JSON.") from None


_MEMBERS = (
    ("query", str, "a string"),
    ("operationName", str, "a string"),
    ("documentId", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)


def _params(given: Any, request: Request, caller: Caller) -> GraphQLParams:
    if isinstance(given, list):
        raise HTTPProblem(400, "Several requests in one body are not supported. Send one JSON object.")
    if not isinstance(given, dict):
        raise HTTPProblem(400, "The body must be a JSON object with the member `query`.")
    for name, type_, words in _MEMBERS:
        if (value := given.get(name)) is not None and not isinstance(value, type_):
            raise HTTPProblem(400, f"`{name}` must be {words}.")
    return GraphQLParams(
        given.get("query"),
        given.get("variables"),
        given.get("operationName") or None,
        given.get("extensions"),
        request.method != "POST",
        given.get("documentId") or None,
        "no-cache" in header(request.scope, b"cache-control").lower(),
        caller,
    )
