"""The parameters of a GraphQL request, from a POST body or a query string, checked for their types.

JSON is read by msgspec: UTF-8 only, no NaN, a bounded depth, and what it cannot read is an error like any other.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive

from web.admission import Admission
from web.arrival import Arrival, Head
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


async def read_body(
    arrival: Arrival, caller: Caller, *, max_bytes: int, timeout_seconds: float, uploads: Admission
) -> GraphQLParams:
    """Return a POST request's parameters; raises `HTTPProblem`.

    A client gets so much time for its body: one byte a minute would hold a connection and its memory for ever. A body
    that does not come in one piece takes one of the places for `uploads` until it is there. So slow clients cannot fill
    the memory together, and keep nobody out but each other: the requests of others are small, and come in one piece.
    """
    arrival.head.once(_check_is_json)
    body = arrival.whole
    if body is None:
        length = arrival.head.get(b"content-length")
        if length.isdigit() and (len(length) > 15 or int(length) > max_bytes):
            raise _too_large(max_bytes)
        assert arrival.receive
        body = await _received(arrival.receive, max_bytes, timeout_seconds, uploads)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    try:
        given = _BODY.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _params(_decode(body, "The body"), arrival, caller)  # says what is wrong
    return GraphQLParams(
        given.query,
        given.variables,
        given.operation_name or None,
        given.extensions,
        False,
        given.document_id or None,
        arrival.head.once(_wants_fresh),
        caller,
    )


async def _received(receive: Receive, max_bytes: int, timeout_seconds: float, uploads: Admission) -> bytes:
    arriving = Started(_piece(receive))
    if arriving.is_done and arriving.result[1]:
        return arriving.result[0]
    try:
        async with asyncio.timeout(timeout_seconds):
            body, is_whole = await arriving
            if not is_whole:
                with uploads:
                    body = await _rest(receive, bytearray(body), max_bytes)
    except TimeoutError:
        raise HTTPProblem(
            408, "The body did not arrive in time.", {"Connection": "close"}, code="REQUEST_TIMEOUT", retryable=True
        ) from None
    return body


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """Return what has arrived of the body, and whether that is all of it."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise HTTPProblem(400, "The body did not arrive.")
    return message.get("body", b""), not message.get("more_body", False)


async def _rest(receive: Receive, body: bytearray, max_bytes: int) -> bytes:
    """Return the whole body, which begins with what is given; that is not bytes, or each piece would copy it."""
    is_whole = False
    while not is_whole:
        piece, is_whole = await _piece(receive)
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> HTTPProblem:
    return HTTPProblem(413, f"The body is larger than {max_bytes} bytes.", {"Connection": "close"})


def read_query_string(arrival: Arrival, caller: Caller) -> GraphQLParams:
    """Return a GET request's parameters; raises `HTTPProblem`."""
    parameters = QueryParams(arrival.query_string)
    given: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions", "documentId"):
        text = parameters.get(name)
        if text and name in ("variables", "extensions"):
            given[name] = _decode(text.encode("utf-8", "surrogatepass"), f"The parameter `{name}`")
        elif text:
            given[name] = text
    return _params(given, arrival, caller)


class _Body(msgspec.Struct, rename="camel"):
    query: str | None = None
    operation_name: str | None = None
    document_id: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_BODY = msgspec.json.Decoder(_Body)


def _check_is_json(head: Head) -> None:
    types = head.all(b"content-type")
    # A browser sends text, forms and multipart for another site without asking first.
    if len(types) != 1 or not _is_json(types[0]):
        raise HTTPProblem(415, f"Send the request as {JSON}, in UTF-8.", {"Accept": JSON})
    if head.get(b"content-encoding", b"identity") != b"identity":
        raise HTTPProblem(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})


def takes_kept(head: Head) -> bool:
    """Whether a request with this head may be answered as the same request was before; raises `HTTPProblem`."""
    _check_is_json(head)
    return not _wants_fresh(head)


def _wants_fresh(head: Head) -> bool:
    return b"no-cache" in head.get(b"cache-control").lower()


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


def _params(given: Any, arrival: Arrival, caller: Caller) -> GraphQLParams:
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
        arrival.method != "POST",
        given.get("documentId") or None,
        arrival.head.once(_wants_fresh),
        caller,
    )
