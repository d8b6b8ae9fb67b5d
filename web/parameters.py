"""The parameters of a GraphQL request, from a POST body or a query string, checked for their types.

JSON is read by msgspec: UTF-8 only, no NaN, a bounded depth, and what it cannot read is an error like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.datastructures import QueryParams

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from web.auth.callers import Caller

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Which some programs for Windows put before JSON, and a reader may skip (RFC 8259, 8.1)."""

ANYONE = Caller("nobody", frozenset())


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class GraphQLParams:
    """What is asked, and by whom.

    `is_get`: nothing that changes may be executed. `wants_fresh`: the answer shall come from no cache. `takes_events`:
    it may be a stream. `headers`: the request's, for what they say of its trace.
    """

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    is_get: bool
    document_id: str | None = None
    wants_fresh: bool = False
    caller: Caller = ANYONE
    headers: Headers | None = field(default=None, repr=False, compare=False)
    takes_events: bool = False


def read_parameters(request: HttpRequest, caller: Caller, *, wants_fresh: bool) -> GraphQLParams:
    """Return the parameters of a request whose body has been read; raises `HTTPError`."""
    if request.method != "POST":
        return _params(_in_query_string(request), request, caller, wants_fresh=wants_fresh)
    assert request.body is not None, "the body has not been read"
    try:
        given = _BODY.decode(request.body.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        said = decode_json(request.body, "The body")  # says what is wrong, or `_params` does
        return _params(said, request, caller, wants_fresh=wants_fresh)
    return GraphQLParams(
        given.query,
        given.variables,
        given.operation_name or None,
        given.extensions,
        False,
        given.document_id or None,
        wants_fresh,
        caller,
        request.headers,
    )


def _in_query_string(request: HttpRequest) -> dict[str, Any]:
    parameters = QueryParams(request.query_string)
    given: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions", "documentId"):
        text = parameters.get(name)
        if text and name in ("variables", "extensions"):
            given[name] = decode_json(text.encode("utf-8", "surrogatepass"), f"The parameter `{name}`")
        elif text:
            given[name] = text
    return given


class _Body(msgspec.Struct, rename="camel"):
    query: str | None = None
    operation_name: str | None = None
    document_id: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_BODY = msgspec.json.Decoder(_Body)


def decode_json(text: bytes, what: str) -> Any:
    """Return what JSON says; raises `HTTPError`, which names it as `what`."""
    try:
        return msgspec.json.decode(text.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # The decoder's own words could repeat what was sent.
        raise HTTPError(400, f"{what} is not valid JSON.") from None


_MEMBERS: Mapping[Any, tuple[type, str]] = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "documentId": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


def _params(given: Any, request: HttpRequest, caller: Caller, *, wants_fresh: bool) -> GraphQLParams:
    if isinstance(given, list):
        raise HTTPError(400, "Several requests in one body are not supported. Send one JSON object.")
    if not isinstance(given, dict):
        raise HTTPError(400, "The body must be a JSON object with the member `query`.")
    for name, value in given.items():
        member = _MEMBERS.get(name)
        if member is not None and value is not None and not isinstance(value, member[0]):
            raise HTTPError(400, f"`{name}` must be {member[1]}.")
    return GraphQLParams(
        given.get("query"),
        given.get("variables"),
        given.get("operationName") or None,
        given.get("extensions"),
        request.method != "POST",
        given.get("documentId") or None,
        wants_fresh,
        caller,
        request.headers,
    )
