"""Root fields that fetch records by id or list them, and what their records are mapped to."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from engine.context import Context, Key
from engine.mapping import ObjectMapping


@dataclass(frozen=True, slots=True)
class Lookup:
    """A root field that fetches one record, or a list of records.

    `key` makes the key of the value of `argument`, or of each value in it; `check` refuses a list as a whole. Both
    raise what becomes the field's error.
    """

    argument: str
    key: Callable[[Any], Key]
    is_list: bool = False
    check: Callable[[Any], None] | None = None

    async def one(self, context: Context, value: Any) -> Any:
        """Return the object that a value names, None where there is none."""
        return await context.load(*self.key(value))

    async def many(self, context: Context, values: Sequence[Any]) -> Any:
        """Return one object, None or exception for each value, in order.

        graphql-core makes an exception in a list a null and an error that is located at its index.
        """
        if self.check is not None:
            self.check(values)
        return await asyncio.gather(*(self.one(context, value) for value in values), return_exceptions=True)


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many records a page of a list has: unless `first` or `last` says otherwise, and at most."""

    default: int
    most: int


ITEM_FIELDS: Final = frozenset({"edges", "nodes"})
"""A connection's fields that have the records of its page."""


class ListedRecord(NamedTuple):
    """A record on a page: its source's name, the record or why it cannot be shown, and when it was read."""

    source: str
    record: Any
    read_at: datetime | None = None


class NotRead(Exception):
    """A record that was read in part has no such attribute; the exception's argument is its name."""


class PageRecords(Protocol):
    """The records of a page, of which no more is read than is asked for; each is named by its place on the page."""

    @property
    def sources(self) -> Sequence[str]:
        """The name of each record's source."""
        ...

    @property
    def versions(self) -> Sequence[Hashable]:
        """What is equal for equal records, of whatever page, and for no others."""
        ...

    def read_at(self, place: int) -> datetime | None:
        """When a record was read from its source."""
        ...

    def record(self, place: int) -> Any:
        """The whole record, or why it cannot be shown."""
        ...

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> Sequence[Any] | None:
        """Return what has these attributes of some records of one source, of which others raise `NotRead`.

        None if it cannot be had of each of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """A field that gives a page of records: a connection (GraphQL Cursor Connections Specification).

    `find` takes the context, the object that has the field unless it is a root field, and the field's arguments, by
    their names in Python. It returns an instance of the connection's type, or None; what it raises is the field's
    error. `records` (None for an object that is no page) and `cursors` read it, in the page's order. Fields other than
    `edges` and `nodes` are resolved as ever, but for those of `parts`, by their names in Python: these need nothing but
    the connection. `joined`: attributes of records that take more to find than the others. Where neither one of these
    is shown, nor when a record was read, `find` is told so by `is_of_parts`; None if it takes no such argument.
    """

    size: PageSize
    find: Callable[..., Awaitable[Any]]
    records: Callable[[Any], PageRecords | None]
    cursors: Callable[[Any], Sequence[str]]
    parts: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    joined: frozenset[str] | None = None


def no_listing(find: Callable[..., Awaitable[Any]]) -> Listing:
    """Return how an object is found that is no page of records."""
    return Listing(PageSize(0, 0), find, records=lambda _: None, cursors=lambda _: ())


async def event_of(context: Context, **_: Any) -> Any:
    """Return the event that a subscription's operation is executed for; raises the error in its place."""
    if isinstance(context.event, Exception):
        raise context.event
    return context.event


@dataclass(frozen=True, slots=True)
class Copies:
    """Records by id from somewhere nearer than their sources, for callers who give an `argument` of a lookup's field.

    `find` takes the context, the argument's value, the lookup and the values that name records. It returns copies by
    the source's name and the id; what it raises is the field's error. All other records are fetched.
    """

    argument: str
    find: Callable[..., Awaitable[Mapping[tuple[str, str], ListedRecord]]]


KnownField = Callable[[Any, str, Any], Any]
"""Returns a field's value, of context, source's name and record."""


@dataclass(frozen=True, slots=True)
class Records:
    """How a graph finds records and what clients see of them; fields without any of it are not compiled."""

    lookups: Mapping[str, Lookup]
    """By the root field's name."""
    mappings: Mapping[str, ObjectMapping[Any]]
    """By the source's name."""
    listings: Mapping[str, Listing] = field(default_factory=dict)
    """Of root fields that give pages of records, with the arguments `first` and `last`; by the field's name."""
    nested_listings: Mapping[str, Listing] = field(default_factory=dict)
    """The same of fields of records, or of objects that they have, whatever their type; by the field's name."""
    page_sizes: Mapping[str, PageSize] = field(default_factory=dict)
    """Of further root fields that give pages, of what is no record; by the field's name. They are not compiled."""
    list_lengths: Mapping[str, int] = field(default_factory=dict)
    """How many items a list below the root may have that is no page; by the field's name, whatever its type. The limits
    count what is selected of each."""
    item_fields: frozenset[str] = ITEM_FIELDS
    """The fields of pages that have their records, or what else they give: the limits count what these select for each
    of them, and all else that a page has once."""
    objects: Mapping[str, Callable[..., Awaitable[Any]]] = field(default_factory=dict)
    """What finds the object of a root field that is no record, of the context and the field's arguments by their names
    in Python; by the field's name. The object's fields are resolved as ever."""
    known_fields: Mapping[str, KnownField] = field(default_factory=dict)
    """Fields of records that have resolvers, by the field's name in Python. Open to all."""
    copies: Copies | None = None
    read_at: str | None = None
    """The field, by its name in Python, that says when a record was read, which no mapping knows. Open to all."""
