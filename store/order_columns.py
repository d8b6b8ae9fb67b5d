"""The columns that a list's order goes by: those of deals, and parts of custom attributes, which are joined to them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, SmallInteger, and_, func, null

from store.conditions import LARGEST
from store.paging import OrderKey
from store.queries import parameter
from store.tables import DEAL_ATTRIBUTES, DEALS
from store.text import storable
from store.unsought import Unsought


def stored(key: OrderKey) -> Column[Any]:
    """Return the column of the tables that has a key's values."""
    return (DEALS if key.attribute is None else DEAL_ATTRIBUTES).c[key.column]


def largest(key: OrderKey) -> int:
    """Return the largest number that a key's column holds on both databases: PostgreSQL refuses to look for others."""
    return 2**15 - 1 if isinstance(stored(key).type, SmallInteger) else LARGEST


def of_deals(key: OrderKey) -> ColumnElement[Any]:
    """Return the column of a key that is none of a custom attribute."""
    return DEALS.c[key.column]


def with_parameters(order: tuple[OrderKey, ...]) -> tuple[tuple[OrderKey, ...], dict[str, str]]:
    """Return an order with parameters in place of the keys of its custom attributes, and the values of these.

    So a statement is that of all orders of its shape, whatever attributes callers think of.
    """
    found = dict.fromkeys(key.attribute for key in order if key.attribute is not None)
    if not found:
        return order, {}
    names = {attribute: f"attribute_{place}" for place, attribute in enumerate(found)}
    named = [key if key.attribute is None else replace(key, attribute=names[key.attribute]) for key in order]
    return tuple(named), {name: storable(attribute) for attribute, name in names.items()}


class OrderColumns:
    """The columns of an order's keys in one statement, whose deals are `joined` with what has them.

    Attributes are named by parameters, as `with_parameters` does it.
    """

    def __init__(self, order: Sequence[OrderKey]) -> None:
        names = dict.fromkeys(key.attribute for key in order if key.attribute is not None)
        self._attributes = {name: DEAL_ATTRIBUTES.alias(name) for name in names}

    def joined(self, deals: FromClause = DEALS) -> FromClause:
        """Return what deals are taken from with the attributes that they may have."""
        for name, attribute in self._attributes.items():
            its_own = and_(attribute.c.deal_id == DEALS.c.id, attribute.c.key == parameter(name, attribute.c.key.type))
            deals = deals.outerjoin(attribute, its_own)
        return deals

    def plain(self, key: OrderKey) -> ColumnElement[Any]:
        """Return the column as it is."""
        return DEALS.c[key.column] if key.attribute is None else self._attributes[key.attribute].c[key.column]

    def unindexed(self, key: OrderKey) -> ColumnElement[Any]:
        """Return the column as an expression, which no index is looked into for."""
        return func.coalesce(self.plain(key), null())

    def sorted(self, key: OrderKey) -> ColumnElement[Any]:
        """Return the column as deals are sorted by it where no index has the order of their list."""
        return Unsought(self.plain(key))
