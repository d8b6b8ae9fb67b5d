"""An HTTP request as the application reads it, whichever server carries it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.types import Receive, Scope

T = TypeVar("T")

EXTENSION = "opportunity_graph.request"
"""An extension of ASGI's scope, of this package's own connections, which cancel the work if the client goes: `headers`
as they have read them, and `is_whole`, whether all of the body has come."""


class Headers:
    """A request's headers, as ASGI has them: pairs of bytes, names in lower case."""

    __slots__ = ("_first", "_memoized", "fields")

    def __init__(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self.fields = fields
        self._first = dict(reversed(fields))
        self._memoized: dict[Callable[[Headers], Any], Any] = {}

    @classmethod
    def from_scope(cls, scope: Scope) -> "Headers":
        """Return the headers of an ASGI scope: those that the connection has read, unless a middleware changed them."""
        extension = scope.get("extensions", {}).get(EXTENSION)
        if extension is not None and extension["headers"].fields == scope["headers"]:
            return extension["headers"]  # type: ignore[no-any-return] # what this package's exchange put there
        return cls(list(scope["headers"]))

    def __contains__(self, name: bytes) -> bool:
        return name in self._first

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """Return the header of this name, the first if there are several."""
        return self._first.get(name, default)

    def memoized(self, function: Callable[["Headers"], T]) -> T:
        """Return what a function gives for these headers. It is called once for all requests that share them."""
        try:
            return self._memoized[function]  # type: ignore[no-any-return] # each function's own result
        except KeyError:
            self._memoized[function] = result = function(self)
            return result

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
    """A request. `body` is None until it has been read (`web/body.py`); before that it comes through `receive`.

    `server` is the address that it came in on. `is_whole`: `receive` waits for no client. `is_cancelled_by_server`: if
    the client goes; else nobody does that.
    """

    method: str
    headers: Headers
    server: tuple[str, int | None] | None = None
    query_string: bytes = b""
    body: bytes | None = None
    receive: Receive | None = None
    path: str = ""
    is_whole: bool = False
    is_cancelled_by_server: bool = False

    @classmethod
    def from_scope(cls, scope: Scope, receive: Receive) -> "HttpRequest":
        """Return the request of an ASGI scope."""
        extension = scope.get("extensions", {}).get(EXTENSION)
        return cls(
            scope["method"],
            Headers.from_scope(scope),
            scope.get("server"),
            scope["query_string"],
            None,
            receive,
            scope["path"],
            extension is not None and extension["is_whole"],
            extension is not None,
        )
