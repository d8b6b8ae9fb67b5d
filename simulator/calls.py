"""What a simulated vendor was asked: one `Call` for each request, in order of arrival."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "token-password",
    "token-refresh",
    "get",
    "list-by-ids",
    "list",
    "me",
    "ping",
    "write",
    "customer",
    "audit-trail",
    "stages",
    "other",
]


@dataclass(slots=True)
class Call:
    """One request as it arrived.

    It is logged on arrival; `status` stays None until an answer is ready, and for ever where none is given (a hang, a
    reset, bytes that are not HTTP).
    """

    upstream: str
    method: str
    path: str
    """As sent, percent-encoding kept, without the vendor's prefix and the query."""
    query: Mapping[str, str]
    """Decoded; the first value of each name."""
    kind: Kind
    ids: tuple[str, ...]
    """The records asked for, canonical text; empty for a plain list."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(default=b"", repr=False)
    at: float = 0.0
    """The simulator's clock on arrival, seconds."""
    since: float = 0.0
    """The earliest moment at which it can have arrived; `at`, unless the simulator looks how late it is."""
    status: int | None = None
