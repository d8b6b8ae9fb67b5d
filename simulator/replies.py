"""What a simulated vendor answers, before it becomes bytes; and JSON that keeps the digits of decimals."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

import msgspec
from aiohttp import web

JSON = "application/json; charset=utf-8"


_ORDINARY = msgspec.json.Encoder(decimal_format="number")


def encode_json(value: Any) -> bytes:
    """Compact UTF-8 JSON in which a Decimal is a number with exactly its own digits: `Decimal("0.09000")` -> `0.09000`.

    Lone surrogates become JSON escapes; NaN and infinity are written as Python writes them, for the sake of faults.
    """
    return _text(value).encode("utf-8", "backslashreplace")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{encode_basestring(str(key))}:{_text(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_text(item) for item in value]) + "]"
    return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `data` (JSON, when `body` is None) or `body` as it is."""

    status: int = 200
    data: Any = None
    body: bytes | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    is_ordinary: bool = False
    """Whether `data` is the vendor's own, and may be large: written a hundred times as fast."""

    def payload(self) -> bytes:
        """Return the bytes of the body."""
        if self.body is not None:
            return self.body
        if self.is_ordinary:
            with suppress(UnicodeEncodeError):  # half a surrogate pair
                return _ORDINARY.encode(self.data)
        return encode_json(self.data)

    def response(self) -> web.Response:
        """Return the answer as aiohttp sends it."""
        headers = dict(self.headers)
        if self.content_type:
            headers.setdefault("Content-Type", self.content_type)
        return web.Response(status=self.status, reason=self.reason, body=self.payload(), headers=headers)


def text(status: int, body: str) -> Reply:
    """Return a text/plain answer."""
    return Reply(status, body=body.encode(), content_type="text/plain; charset=utf-8")
