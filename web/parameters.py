"""The parameters of a GraphQL request, from a POST body or a query string, checked for their types.

JSON is read by msgspec: UTF-8 only, no NaN, a bounded depth, and what it cannot read is an error like any other.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from web.admission import Admission
from web.callers import Caller
from web.problems import HTTPProblem
from web.started import Started

JSON = "application/json"

ANYONE = Caller("nobody", frozenset())


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
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


Head = Mapping[bytes, bytes]
"""A request's headers by their names in lower case, as ASGI has them."""


def head_of(scope: Scope) -> Head:
    """Return the headers of a request, the first of each name."""
    return dict(reversed(scope["headers"]))


async def read_body(
    request: Request, head: Head, caller: Caller, *, max_bytes: int, timeout_seconds: float, uploads: Admission
) -> GraphQLParams:
    """Return a POST request's parameters; raises `HTTPProblem`.

    A client gets so much time for its body: one byte a minute would hold a connection and its memory for ever. A body
    that does not come in one piece takes one of the places for `uploads` until it is there. So slow clients cannot fill
    the memory together, and keep nobody out but each other: the requests of others are small, and come in one piece.
    """
    _check_content_type(request, head)
    if head.get(b"content-encoding", b"identity") != b"identity":
        raise HTTPProblem(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})
    length = head.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 15 or int(length) > max_bytes):
        raise _too_large(max_bytes)
    arriving = Started(_piece(request))
    if arriving.is_done and arriving.result[1]:
        body = arriving.result[0]
    else:
        body = await _slow_body(request, arriving, max_bytes, timeout_seconds, uploads)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return _params(_decode(body, "The body"), request, head, caller)


async def _slow_body(
    request: Request, arriving: Started[tuple[bytes, bool]], max_bytes: int, timeout_seconds: float, uploads: Admission
) -> bytes:
    try:
        async with asyncio.timeout(timeout_seconds):
            body, is_whole = await arriving
            if not is_whole:
                with uploads:
                    body = await _rest(request, bytearray(body), max_bytes)
    except TimeoutError:
        raise HTTPProblem(
            408, "The body did not arrive in time.", {"Connection": "close"}, code="REQUEST_TIMEOUT", retryable=True
        ) from None
    return body


async def _piece(request: Request) -> tuple[bytes, bool]:
    """Return what has arrived of the body, and whether that is all of it."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise HTTPProblem(400, "The body did not arrive.")
    return message.get("body", b""), not message.get("more_body", False)


async def _rest(request: Request, body: bytearray, max_bytes: int) -> bytes:
    """Return the whole body, which begins with what is given; that is not bytes, or each piece would copy it."""
    is_whole = False
    while not is_whole:
        piece, is_whole = await _piece(request)
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> HTTPProblem:
    return HTTPProblem(413, f"The body is larger than {max_bytes} bytes.", {"Connection": "close"})


def read_query_string(request: Request, head: Head, caller: Caller) -> GraphQLParams:
    """Return a GET request's parameters; raises `HTTPProblem`."""
    given: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions", "documentId"):
        text = request.query_params.get(name)
        if text and name in ("variables", "extensions"):
            given[name] = _decode(text.encode("utf-8", "surrogatepass"), f"The parameter `{name}`")
        elif text:
            given[name] = text
    return _params(given, request, head, caller)


def _check_content_type(request: Request, head: Head) -> None:
    """Refuse what a browser would send for another site without asking first: text, forms, multipart."""
    headers = request.scope["headers"]
    is_repeated = len(head) < len(headers) and sum(name == b"content-type" for name, _ in headers) > 1
    if is_repeated or not _is_json(head.get(b"content-type", b"")):
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


_MEMBERS: Mapping[Any, tuple[type, str]] = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "documentId": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


def _params(given: Any, request: Request, head: Head, caller: Caller) -> GraphQLParams:
    if isinstance(given, list):
        raise HTTPProblem(400, "Several requests in one body are not supported. Send one JSON object.")
    if not isinstance(given, dict):
        raise HTTPProblem(400, "The body must be a JSON object with the member `query`.")
    for name, value in given.items():
        member = _MEMBERS.get(name)
        if member is not None and value is not None and not isinstance(value, member[0]):
            raise HTTPProblem(400, f"`{name}` must be {member[1]}.")
    return GraphQLParams(
        given.get("query"),
        given.get("variables"),
        given.get("operationName") or None,
        given.get("extensions"),
        request.method != "POST",
        given.get("documentId") or None,
        b"no-cache" in head.get(b"cache-control", b"").lower(),
        caller,
    )
