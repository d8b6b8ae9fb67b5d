"""A request whose head is here. Both ways in lead to one: a task, and without one (`httpserver/protocol.py`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.types import Receive, Scope

T = TypeVar("T")

WHOLE = "opportunity_graph.whole"
"""An extension of ASGI's scope: the `body` is here as a whole already, with the `head` as it is here; and whoever began
the request looks after a client that goes."""


class Headers:
    """A request's headers, as ASGI has them: pairs of bytes, names in lower case."""

    __slots__ = ("_first", "_found", "fields")

    def __init__(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self.fields = fields
        self._first = dict(reversed(fields))
        self._found: dict[Callable[[Headers], Any], Any] = {}

    def __contains__(self, name: bytes) -> bool:
        return name in self._first

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """Return the header of this name, the first if there are several."""
        return self._first.get(name, default)

    def once(self, work: Callable[["Headers"], T]) -> T:
        """Return what a function makes of these headers: the same for all requests that share them."""
        try:
            return self._found[work]  # type: ignore[no-any-return] # each function's own result
        except KeyError:
            self._found[work] = found = work(self)
            return found

    def combined(self, name: bytes) -> bytes:
        """Return the value of a list: of all headers of this name together (RFC 9110, 5.3); empty if there is none."""
        return b", ".join(self.all(name))

    def all(self, name: bytes) -> list[bytes]:
        """Return every header of this name."""
        if name not in self._first:
            return []
        return [value for one, value in self.fields if one == name]


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class HttpRequest:
    """A request. Its body is `whole` once it has been read (`web/body.py`); before that it comes through `receive`.

    `server` is the address that it came in on. Without `receive`, whoever made this looks after a client that goes.
    """

    method: str
    head: Headers
    server: tuple[str, int | None] | None = None
    query_string: bytes = b""
    whole: bytes | None = None
    receive: Receive | None = None

    @property
    def content(self) -> bytes:
        """What the request asks, as it was sent: a POST's body, which must have been read, else the query string."""
        if self.method != "POST":
            return self.query_string
        assert self.whole is not None, "the body has not been read"
        return self.whole

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> "HttpRequest":
        """Return the request that ASGI tells of."""
        if (here := scope.get("extensions", {}).get(WHOLE)) is not None and here["head"].fields == scope["headers"]:
            return cls(scope["method"], here["head"], scope["server"], scope["query_string"], whole=here["body"])
        head = Headers(scope["headers"])
        return cls(scope["method"], head, scope.get("server"), scope["query_string"], receive=receive)
