"""The media types of a request's body and of its response (GraphQL over HTTP, 4.1; RFC 9110, 8.3 and 12.5.1)."""

from functools import lru_cache

from httpserver.http_errors import HTTPError
from httpserver.request import Headers
from httpserver.response import JSON
from web.header_values import members, weight, with_parameters

RESPONSE_JSON = "application/graphql-response+json"

EVENT_STREAM = "text/event-stream"
"""Server-sent events (HTML, 9.2), for who names it: a subscription has no other form."""

UTF_8 = frozenset({"utf-8", "utf8"})

Range = tuple[str, dict[str, str], float]
"""A media range: type, parameters, weight."""


def check_content(head: Headers) -> None:
    """Refuse a body that is not JSON in UTF-8, or is encoded; raises `HTTPError` 415 (RFC 9110, 15.5.16)."""
    types = head.all(b"content-type")
    # A browser sends text, forms and multipart for another site without asking first.
    if len(types) != 1 or not _is_json(types[0]):
        raise HTTPError(415, f"Send the request as {JSON}, in UTF-8.", {"Accept": JSON})
    if any(coding != "identity" for coding in members(head.combined(b"content-encoding").decode("latin-1"))):
        raise HTTPError(415, "Send the body without Content-Encoding.", {"Accept-Encoding": "identity"})


@lru_cache(64)
def _is_json(content_type: bytes) -> bool:
    name, parameters = with_parameters(content_type.decode("latin-1").lower())
    return name == JSON and parameters.get("charset", "utf-8") in UTF_8


def wants_page(head: Headers) -> bool:
    """Whether a browser opens the address, rather than a program: it names HTML, and no JSON."""
    try:
        names = [name for name, _, q in _ranges(_accepted(head)) if q > 0]
    except HTTPError:
        return False  # what is wrong is said where the request is answered
    return "text/html" in names and not any("json" in name for name in names)


def response_type(head: Headers) -> str:
    """Return the media type to respond with; raises `HTTPError` 406, or 400 where `Accept` cannot be read."""
    return media_type(_accepted(head))


def check_accepted(head: Headers, type_: str) -> None:
    """Refuse a request that does not accept the one media type there is; raises `HTTPError` as `response_type` does."""
    if not _preference(type_, _ranges(_accepted(head)))[0]:
        raise HTTPError(406, f"This address answers with {type_}.")


def takes_events(head: Headers) -> bool:
    """Return whether a client names the media type of events as one that it takes."""
    return _names_events(_accepted(head))


@lru_cache(maxsize=64)
def _names_events(accepted: str) -> bool:
    q, is_named = _preference(EVENT_STREAM, _ranges(accepted))
    return is_named and q > 0


@lru_cache(maxsize=64)
def media_type(accepted: str) -> str:
    """Return which media type a value of `Accept` prefers; raises `HTTPError` as `response_type` does.

    Of two with the same weight it is the one that is named, rather than matched by a wildcard; of two that are named
    the more modern one; of two that are matched by a wildcard the one that every client can read. Events are for who
    names them, and prefers them to JSON or takes none.
    """
    ranges = _ranges(accepted)
    modern, json = _preference(RESPONSE_JSON, ranges), _preference(JSON, ranges)
    events, is_named = _preference(EVENT_STREAM, ranges)
    if is_named and events > max(modern, json)[0]:
        return EVENT_STREAM
    if not max(modern, json) > (0.0, True):
        raise HTTPError(406, f"This endpoint answers with {RESPONSE_JSON} or {JSON}, and streams {EVENT_STREAM}.")
    return RESPONSE_JSON if modern > json or (modern == json and modern[1]) else JSON


def _preference(type_: str, ranges: list[Range]) -> tuple[float, bool]:
    """Return a media type's weight, which is that of the most specific range that matches it, and whether one names it.

    All types come with `charset=utf-8`: a range with another charset, or another parameter, matches none.
    """
    family = f"{type_.partition('/')[0]}/*"
    wildcards = ("*", "*/*", family)  # the first is Java's HttpURLConnection's, for the second
    matching = [(0, 0, 0.0)]
    for name, parameters, q in ranges:
        if parameters.keys() <= {"charset"} and parameters.get("charset", "utf-8") in UTF_8:
            if name == type_:
                matching.append((3, len(parameters), q))
            elif name in wildcards:
                matching.append((2 if name == family else 1, len(parameters), q))
    specificity, _, q = max(matching)
    return q, specificity == 3


def _ranges(accepted: str) -> list[Range]:
    return [(name, parameters, weight(parameters)) for name, parameters in map(with_parameters, members(accepted))]


def _accepted(head: Headers) -> str:
    return head.combined(b"accept").decode("latin-1") or "*/*"
