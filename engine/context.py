"""What an operation's context must offer to the engine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn, Protocol


class Source(Protocol):
    """Where records come from. The records of one source are of one type."""

    @property
    def name(self) -> str:
        """The name that mappings go by."""
        ...


Key = tuple[Source, str]
"""A source, and the canonical id of one of its records."""


class Loaders(Protocol):
    """The records that one operation requests."""

    def request(self, source: Any, record_id: str, /) -> Any:
        """Return a record, None if there is none, or a future of one of these; awaits nothing.

        The same future each time that the same record is requested. What is raised becomes the field's error.
        """
        ...


class Access(Protocol):
    """What the caller may see."""

    @property
    def may_fetch(self) -> bool:
        """Whether records may be fetched at all; if not, resolvers say so at each field."""
        ...

    @property
    def is_restricted(self) -> bool:
        """Whether operations run on the restricted schema."""
        ...

    @property
    def closed_fields(self) -> frozenset[str]:
        """The root fields that are closed to the caller."""
        ...

    def refuse_root_fields(self) -> NoReturn:
        """Raise `RequestRefused`: one of these was asked for."""
        ...


class Context(Protocol):
    """What the resolvers of one operation share."""

    selected_fields: int
    """How many fields the operation selects, fragments inlined; the engine sets it. By it a resolver can bound a list
    whose length is not known before, which no limit of documents counts."""

    @property
    def event(self) -> Any:
        """The event that a subscription's operation is executed for, or the error in its place; None for a query."""
        ...

    @property
    def loaders(self) -> Loaders:
        """What compiled operations request records from."""
        ...

    @property
    def access(self) -> Access:
        """What the caller may see."""
        ...

    @property
    def refused(self) -> Sequence[object]:
        """What was refused to the caller at fields, without an error so far (`ErrorFormatter.execution_errors`)."""
        ...

    def read_at(self, source: str, record_id: str) -> datetime | None:
        """Return when a record that was loaded was read from its source, by the source's name; None if unknown."""
        ...

    async def load(self, source: Any, record_id: str) -> Any:
        """Return the object that clients see of a record, None where there is none; raises the field's error."""
        ...
