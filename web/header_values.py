"""Lists in headers (RFC 9110, 5.6.1): their members, parameters and weights, without letter case.

A list may be spread over several lines, which mean the same as one (RFC 9110, 5.3): `Headers.combined` joins them.
Everything that is read here has no letter case: media types, charsets, codings, cache directives.
"""

import re

from httpserver.http_errors import HTTPError
from httpserver.request import Headers

_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
_WEIGHT = re.compile(r"0(?:\.[0-9]*)?|\.[0-9]+|1(?:\.0*)?", re.ASCII)


def members(value: str) -> list[str]:
    """Return the members of a list, in lower case. A comma within quotes separates nothing, empty members are none."""
    return [member for found in _MEMBER.findall(value.lower()) if (member := found.strip())]


def with_parameters(member: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first semicolon, and the parameters behind it (RFC 9110, 5.6.6), unquoted."""
    name, *given = [part.strip() for part in _PARAMETER.findall(member)] or [""]
    parameters = {}
    for parameter in filter(None, given):
        key, _, value = parameter.partition("=")
        if len(value) > 1 and value.startswith('"') and value.endswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        parameters[key] = value
    return name, parameters


def weight(parameters: dict[str, str]) -> float:
    """Take the weight out of a member's parameters (RFC 9110, 12.4.2): from 0, refused, to 1, which is the default.

    `.5` is taken for 0.5, since Java's HttpURLConnection sends such a weight with each request. Raises `HTTPError`
    400 for anything else: a header that cannot be read does not say what is acceptable, so that 406 would be a guess.
    """
    text = parameters.pop("q", "1")
    if not _WEIGHT.fullmatch(text):
        raise HTTPError(400, "A weight (`q`) in `Accept` must be a number from 0 to 1.")
    return float(text)


def takes_coding(accept_encoding: str, coding: str) -> bool:
    """Return whether `Accept-Encoding` (RFC 9110, 12.5.3) names a coding of content, and does not refuse it."""
    for name, parameters in map(with_parameters, members(accept_encoding)):
        if name == coding:
            try:
                return weight(parameters) > 0
            except HTTPError:
                return False
    return False


def cache_directives(head: Headers) -> frozenset[str]:
    """Return the names of the directives in `Cache-Control` (RFC 9111, 5.2)."""
    if b"cache-control" not in head:
        return frozenset()
    value = head.combined(b"cache-control").decode("latin-1")
    return frozenset(member.partition("=")[0].rstrip() for member in members(value))


def names_etag(if_none_match: str, etag: str) -> bool:
    """Return whether `If-None-Match` says that the client has what this entity tag stands for (RFC 9110, 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in known or "*" in known
