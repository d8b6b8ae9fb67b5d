"""What the way of an operation is traced with, without a dependency on any tracing library.

An operation has a span; a batch has one, which is linked to every operation that it serves; each request to a source
has one below its batch. No span has a document, an argument, an id of a record, an address or anybody's data.
"""

from collections.abc import Mapping
from typing import Protocol


class Span(Protocol):
    """A piece of work under way."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What carries its context to another program (W3C Trace Context)."""

    def link(self, other: "Span") -> None:
        """Say that it is done for another one, too."""

    def end(self, *, code: str | None = None, status: int | None = None) -> None:
        """End it, once; `code` says why it failed, `status` is that of an HTTP response."""


class Tracer(Protocol):
    """Begins spans."""

    def batch(self, source: str, keys: int, parent: Span | None) -> Span:
        """Return the span of a batch of so many records."""

    def request(self, source: str, kind: str, method: str, *, keys: int, attempt: int, parent: Span | None) -> Span:
        """Return the span of one attempt at a request."""
