"""A whole response of the GraphQL endpoint, and how heads of responses are written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from httpserver.security_headers import SECURITY_HEADERS
from web.media_types import JSON, RESPONSE_JSON

_HEADERS = {
    type_: [
        (name.lower().encode(), value.encode())
        for name, value in {"Content-Type": f"{type_}; charset=utf-8", "Vary": "Accept", **SECURITY_HEADERS}.items()
    ]
    for type_ in (JSON, RESPONSE_JSON)
}
"""Encoded once; every response has them."""


def lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return headers as they stand in a message."""
    return b"".join([b"%s: %s\r\n" % header for header in headers])


_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def status_line(status: int) -> bytes:
    """Return a response's first line."""
    return _STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status


@dataclass(slots=True)
class HttpResponse:
    """A response. `headers` are those that only some have."""

    content: bytes
    status: int = 200
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        headers = [*_HEADERS[self.media_type], *self._own()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def _own(self) -> list[tuple[bytes, bytes]]:
        own = [(b"content-length", str(len(self.content)).encode())]
        own += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return own


def dumps(body: dict[str, Any]) -> bytes:
    """Return a response's JSON."""
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits in a JSON value, or half a surrogate pair
        return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_written_out).encode()


def _written_out(part: Any) -> Any:
    """Return, as `json` knows it, a part of the answer that only orjson can write."""
    if isinstance(part, orjson.Fragment):
        return json.loads(orjson.dumps(part))
    raise TypeError(type(part).__name__)
