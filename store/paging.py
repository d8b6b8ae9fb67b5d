"""What a page is asked for by, and what it is: orders, positions, rows."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, cmp_to_key, lru_cache
from typing import Any, Final, TypeAlias

from store.conditions import Condition
from store.tables import DEALS, ORDERABLE

Position: TypeAlias = tuple[str | int | bytes | None, ...]
"""Where a deal is in a list: its values of the order's columns, then its id."""

SOURCE: Final = "source"
"""A further column that lists may be ordered by: few values, and the ids begin with them."""

ID: Final = "id"
"""The last column of every order, and one that a list may be ordered by itself."""

SOURCE_ID: Final = "source_id"
"""A further one, by source: an order by it is that by `id`, which is made of both."""

CUSTOMER_ID: Final = "customer_source_id"
"""A further one, whose index has the deals of each account for itself."""

SORTED: Final = frozenset(
    {
        *("currency", "kind", "business_name", "opportunity_type"),
        *("lead_source", "loss_reason", "utm_campaign", "forecast_category"),
    }
)
"""Further ones, which have no index: all deals are sorted, in SQLite by what `deals_grouped` and groups have.
PostgreSQL has one of currencies; the others may be longer than its indexes take."""

SCANNED: Final = frozenset({"utm_source", "utm_medium", "utm_content", "utm_term", "system_id", "read_at"})
"""Further ones, which no index has at all: all deals are read, and sorted by ids alone."""

ORDERS: Final = (*ORDERABLE, SOURCE, ID, SOURCE_ID, CUSTOMER_ID, *sorted(SORTED | SCANNED))
"""Columns that lists may be ordered by."""

ATTRIBUTE_PARTS: Final = ("boolean", "number", "text_folded")
"""Columns of a custom attribute, of which one has a value: lists are ordered by all of them, one after the other."""

INDEXED: Final = frozenset({*ORDERABLE, SOURCE, ID})
"""Those of them whose order is that of an index, on both databases."""

MOST_ORDERS: Final = 256
"""That are remembered."""

_OF_PARTS: Final = ("body", "hash")
_NAMES: Final = (*_OF_PARTS, "source", "read_at", "customer_name", "customer_company", "customer_email")
WANTED: Final = tuple(DEALS.c[name] for name in _NAMES)
"""What a row has before the columns of the order, and no more: each of fifty values takes a tenth of a microsecond."""

WANTED_OF_PARTS: Final = WANTED[: len(_OF_PARTS)]
"""The same where only parts of records are read."""

Row: TypeAlias = tuple[Any, ...]
"""A row with the columns `WANTED`, or fewer, then those of its order, as the database gives it."""

body_of, hash_of, id_of = operator.itemgetter(0), operator.itemgetter(1), operator.itemgetter(-1)
"""Values of any row."""


class PageRow(tuple[Any, ...]):
    """A deal of a page, with its record as it was stored: a row with names, which has all the columns `WANTED`."""

    __slots__ = ()

    body: bytes = property(body_of)  # type: ignore[assignment]
    hash: bytes = property(hash_of)  # type: ignore[assignment]
    source: str = property(operator.itemgetter(2))  # type: ignore[assignment]
    read_at: int = property(operator.itemgetter(3))  # type: ignore[assignment]
    """In microseconds."""
    customer_name: str | None = property(operator.itemgetter(4))  # type: ignore[assignment]
    customer_company: str | None = property(operator.itemgetter(5))  # type: ignore[assignment]
    customer_email: str | None = property(operator.itemgetter(6))  # type: ignore[assignment]
    position: Position = property(operator.itemgetter(slice(len(_NAMES), None)))  # type: ignore[assignment]
    id: bytes = property(id_of)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A column that a list is ordered by, and where deals without a value come.

    `attribute`: the key of the custom attribute that the column is a part of; None for a column of deals.
    """

    column: str
    is_descending: bool = False
    nulls_first: bool = False
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`count` deals of a list: its first, or its last where `is_backward`, between two positions if they are given.

    `is_of_parts`: whether rows may lack what `WANTED_OF_PARTS` does.
    """

    condition: Condition | None
    order: tuple[OrderKey, ...]
    count: int
    after: Position | None = None
    before: Position | None = None
    is_backward: bool = False
    is_of_parts: bool = False

    def walk(self) -> tuple[tuple[OrderKey, ...], Position | None, Position | None]:
        """Return the order in which its deals are met, with `id`, and the positions behind and before which they are.

        Raises ValueError for a position of another order.
        """
        order, start, end = full_order(self.order), self.after, self.before
        if self.is_backward:
            order, start, end = turned(order), end, start
        for position in (start, end):
            if position is not None and len(position) != len(order):
                raise ValueError("the position is one of another order")
        return order, start, end


@dataclass(frozen=True)
class Page:
    """Deals in the list's order, and whether there are more on either side.

    `is_of_parts`: whether its rows have no more than `WANTED_OF_PARTS` before the columns of the order.
    """

    found: Sequence[Row]
    has_next: bool
    has_previous: bool
    is_of_parts: bool = False

    @cached_property
    def rows(self) -> list[PageRow]:
        """The deals with names, of a page that is not of parts: to make these takes a twentieth of a page's time."""
        return list(map(PageRow, self.found))

    def position(self, place: int) -> Position:
        """Return where one of the deals is in the list."""
        return position_of(self.found[place], self.is_of_parts)


def by_attribute(attribute: str, *, is_descending: bool = False, nulls_first: bool = False) -> tuple[OrderKey, ...]:
    """Return the keys of an order by a custom attribute: booleans, then numbers, then texts, if it is ascending.

    Each key puts the deals that have its part before or behind all others, so that the last kind to be taken from
    one end, or the first to be put at the other, stands beside the deals without the attribute.
    """
    parts = ATTRIBUTE_PARTS if is_descending == nulls_first else ATTRIBUTE_PARTS[::-1]
    return tuple([OrderKey(part, is_descending, nulls_first, attribute) for part in parts])


@lru_cache(MOST_ORDERS)
def full_order(order: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    """Return the order with `id` as its last key, in the direction of the key before it, as the indexes have it.

    What comes behind an id decides nothing, and a source's own id stands for it. A source just before the id is left
    out if both have one direction: ids begin with it, so that theirs is the same order, and has an index.
    """
    for key in order:
        if key.column not in (ORDERS if key.attribute is None else ATTRIBUTE_PARTS):
            raise ValueError(f"deals are not ordered by {key.column}")
    ids = [index for index, key in enumerate(order) if key.column in (ID, SOURCE_ID)]
    before = tuple(order[: ids[0]] if ids else order)
    is_descending = bool(order) and order[ids[0] if ids else -1].is_descending
    if before and before[-1].column == SOURCE and before[-1].is_descending == is_descending:
        before = before[:-1]
    return (*before, OrderKey(ID, is_descending))


def is_indexed(order: tuple[OrderKey, ...]) -> bool:
    """Return whether an index has the whole order, so that no deals are sorted for a part of its list."""
    first, *rest = full_order(order)
    return first.attribute is None and first.column in INDEXED and len(rest) <= 1


def turned(order: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    """Return the order from its end."""
    return tuple([replace(key, is_descending=not key.is_descending, nulls_first=not key.nulls_first) for key in order])


def position_of(row: Row, is_of_parts: bool = False) -> Position:
    """Return where the deal of a row is, which may be one of parts."""
    return row[len(_OF_PARTS if is_of_parts else _NAMES) :]


def kept(request: PageRequest, found: Sequence[Row], is_of_parts: bool = False) -> Sequence[Row]:
    """Return the deals of a page among those that were met, of which there may be one more."""
    rows = found[: request.count]
    end = request.after if request.is_backward else request.before
    if end is None:
        return rows
    order, _, _ = request.walk()
    return [row for row in rows if _comes_before(order, position_of(row, is_of_parts), end)]


def page_of(
    request: PageRequest, rows: Sequence[Row], *, has_more: bool, has_less: bool, is_of_parts: bool = False
) -> Page:
    """Return the page; `has_more` in the direction of its walk, `has_less` behind it."""
    if request.is_backward:
        return Page(rows[::-1], has_less, has_more, is_of_parts)
    return Page(rows, has_more, has_less, is_of_parts)


def merged(order: tuple[OrderKey, ...], rows: list[PageRow]) -> list[PageRow]:
    """Return rows that are each in the order in a part of the list, in the order."""

    def compare(one: PageRow, other: PageRow) -> int:
        return -1 if _comes_before(order, one.position, other.position) else 1

    return sorted(rows, key=cmp_to_key(compare))


def _comes_before(order: tuple[OrderKey, ...], one: Position, other: Position) -> bool:
    for key, first, second in zip(order, one, other, strict=True):
        if first == second:
            continue
        if first is None or second is None:
            return (first is None) == key.nulls_first
        return bool(operator.gt(first, second) if key.is_descending else operator.lt(first, second))
    return False
