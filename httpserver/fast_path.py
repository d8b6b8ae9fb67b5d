"""The fast path: a request that is here as a whole is answered without ASGI's scope and messages.

It differs from the usual way in speed alone. An application that has one offers, beside `__call__`, the method
`prepare(request) -> Prepared | None`: what is known of the response from the request's head. A layer asks the
application inside it, and adds what it does to the response's headers, by the same function as on the usual way. The
connection keeps what was prepared for a head, and asks it for a response for each body.

A layer without such a form, or one that overrides `__call__` alone, turns the fast path off for what is inside it: so
whatever layer is added runs for everybody.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from asgi_correlation_id import correlation_id

from httpserver.request import HttpRequest
from httpserver.response import HeaderFields, HttpResponse, header_lines

T = TypeVar("T")

Answer = HttpResponse | Coroutine[Any, Any, HttpResponse]
"""A response, or the work that makes it."""


class TakesUsualWay(Exception):
    """The response to a request may be one that only ASGI can send, in parts."""


@dataclass(slots=True)
class Prepared:
    """Responses to requests with one head.

    `respond` takes a request's body, and gives the response where it is there already, else the work that makes it.
    What it raises by itself means that the usual way has to respond: it meets the same, and says what is wrong.
    `layers` are what the layers around do to the headers of a response, the innermost first; `request_id` gives the
    header of that name for one response. `needs_id`: `respond` itself writes down what it gives, in the log or a trace,
    and finds the id where the usual way has it. `any_length`: the responses to requests whose heads differ in their
    `Content-Length` alone differ by their bodies alone.
    """

    respond: Callable[[bytes], Answer]
    layers: list[Callable[[HeaderFields], HeaderFields]] = field(default_factory=list)
    request_id: Callable[[], tuple[bytes, bytes]] | None = None
    needs_id: bool = False
    any_length: bool = False
    usual_lines: dict[str, bytes] = field(default_factory=dict)
    """What `header_lines` gives for responses without headers of their own, by media type, once it was asked for."""

    def begin(self, body: bytes, id_: tuple[bytes, bytes] | None) -> Answer:
        """Respond to a request with this body, where its id is needed."""
        if id_ is None:
            return self.respond(body)
        token = correlation_id.set(id_[1].decode())
        try:
            return self.respond(body)
        finally:
            correlation_id.reset(token)

    def header_lines(self, response: HttpResponse) -> bytes:
        """Return a response's headers but its length, with what the layers do to them."""
        fields = response.fields
        for layer in self.layers:
            fields = layer(fields)
        lines = header_lines(fields)
        if not response.headers:
            self.usual_lines[response.media_type] = lines
        return lines


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
