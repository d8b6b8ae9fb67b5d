"""The fast path: a whole request is answered at once, without a task and ASGI's messages, where its response is stored.

It differs from the usual way in speed alone. An application that has one offers, beside `__call__`, the method
`prepare(request) -> Prepared | None`: what is known of the response from the request's head. A layer asks the
application inside it, and does to the response's headers what it does on the usual way, by the same function. The
connection keeps what was prepared for a head, and asks it for a response for each body.

A layer without such a form, or one that overrides `__call__` alone, turns the fast path off for what is inside it: so
whatever layer is added runs for everybody.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from asgi_correlation_id import correlation_id

from httpserver.request import HttpRequest
from httpserver.response import HeaderFields, header_lines, status_line

T = TypeVar("T")


@dataclass(slots=True)
class Prepared:
    """Responses of status 200 to requests with one head.

    `content` takes a request's body and gives the response's, None where the usual way has to respond. What it raises
    means the same: the usual way meets it too, and says what is wrong. `fields` are the response's headers but its
    length and its id; `request_id` gives the latter. `needs_id`: `content` writes down what it gives, in the log or a
    trace, and finds the id where the usual way has it.
    """

    content: Callable[[bytes], bytes | None]
    fields: HeaderFields
    request_id: Callable[[], tuple[bytes, bytes]] | None = None
    needs_id: bool = False
    _lines: bytes = b""

    def respond(self, default_lines: bytes, body: bytes) -> bytes | None:
        """Return the whole response to a request with this body; None where the usual way has to respond."""
        if not self.needs_id or self.request_id is None:
            content = self.content(body)
            return None if content is None else self.message(default_lines, content)
        id_ = self.request_id()
        token = correlation_id.set(id_[1].decode())
        try:
            content = self.content(body)
        finally:
            correlation_id.reset(token)
        return None if content is None else self.message(default_lines, content, id_)

    def message(self, default_lines: bytes, content: bytes, id_: tuple[bytes, bytes] | None = None) -> bytes:
        """Return the whole response; its headers come in the same order as on the usual way."""
        lines = self._lines
        if not lines:
            self._lines = lines = header_lines(self.fields)
        if id_ is None and self.request_id is not None:
            id_ = self.request_id()
        id_line = b"%s: %s\r\n" % id_ if id_ is not None else b""
        length = len(content)
        return b"%s%scontent-length: %d\r\n%s%s\r\n%s" % (
            *(status_line(200), default_lines, length, lines, id_line, content),
        )


def prepare(app: Any, request: HttpRequest) -> Prepared | None:
    """Return what an application prepares for requests with this head; None where it has no such form."""
    return app.prepare(request) if _has_fast_path(type(app)) else None  # type: ignore[arg-type] # a class can be hashed


@lru_cache(64)
def _has_fast_path(kind: type[Any]) -> bool:
    """Return whether a class has `prepare`, and no class derived from that one has changed `__call__` alone."""
    preparing, calling = (
        next((owner for owner in kind.__mro__ if name in vars(owner)), None) for name in ("prepare", "__call__")
    )
    return preparing is not None and calling is not None and issubclass(preparing, calling)


def result_at_once(work: Coroutine[Any, Any, T]) -> T | None:
    """Return what a coroutine gives; None where it would have to wait: then it is closed. Raises what it raises."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return] # the coroutine's own type
    work.close()
    return None
