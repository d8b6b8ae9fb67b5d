"""A response with its body, and how the head of any response is written (RFC 9112, 4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

JSON = "application/json"

HeaderFields = list[tuple[bytes, bytes]]

CLOSE = (b"connection", b"close")

_VARYING = frozenset({b"content-length", b"date", b"x-request-id"})
"""The headers whose values hardly ever come again."""

_MAX_LINES = 256

_lines: dict[tuple[bytes, bytes], bytes] = {}


def header_lines(headers: HeaderFields) -> bytes:
    """Return headers as they stand in a message; raises `RuntimeError` if one has a line break in it."""
    return b"".join([_lines.get(header) or _line(header) for header in headers])


def _line(header: tuple[bytes, bytes]) -> bytes:
    """Return a header's line. The lines of most headers are the same in every response: those are remembered."""
    line = b"%s: %s\r\n" % header
    if line.count(b"\n") != 1 or line.count(b"\r") != 1:
        raise RuntimeError("a header of the response has a line break in it")
    if len(_lines) < _MAX_LINES and header[0] not in _VARYING and len(line) < _MAX_LINES:
        _lines[header] = line
    return line


STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}
"""A response's first line, for each status that has a name."""


def status_line(status: int) -> bytes:
    """Return a response's first line."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


@dataclass(slots=True)
class HttpResponse:
    """A response whose media type depends on `Accept`. `headers` are those beside its type and length."""

    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> HeaderFields:
        """Its headers but its length."""
        own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return [*content_fields(self.media_type), *own]

    @property
    def closes(self) -> bool:
        """Whether it is the last on its connection."""
        return self.headers.get("Connection", "").lower() == "close"

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        headers = [(b"content-length", b"%d" % len(self.body)), *self.fields]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@lru_cache(16)
def content_fields(media_type: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a response with this media type, chosen by `Accept`."""
    return (b"content-type", f"{media_type}; charset=utf-8".encode()), (b"vary", b"Accept")


def dumps(body: Any) -> bytes:
    """Return the JSON of a response, or of a part of one."""
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits in a JSON value, or half a surrogate pair
        return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_parsed_fragment).encode()


def _parsed_fragment(part: Any) -> Any:
    """Return the value of a part of the response that orjson holds as JSON already."""
    if isinstance(part, orjson.Fragment):
        return json.loads(orjson.dumps(part))
    raise TypeError(type(part).__name__)
