"""`OpportunityOrder`: by which fields a list is ordered."""

from collections.abc import Sequence
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import strawberry

from schema.deals.filters import check_key, check_open
from schema.deals.listed_enums import enum_of
from schema.deals.listed_fields import CUSTOM, LISTED
from schema.refused_argument import RefusedArgument, within
from store.paging import OrderKey, by_attribute, full_order

MOST_KEYS: Final = 5
MOST_ATTRIBUTES: Final = 2
"""Custom attributes among them: each is looked up for every deal."""

DEFAULT: Final = (OrderKey("updated_at", is_descending=True),)

_FIELDS: Final = {field.name: field for field in LISTED if field.is_ordered}

if TYPE_CHECKING:
    OpportunityOrderField: TypeAlias = Any
else:
    OpportunityOrderField = enum_of(
        "OpportunityOrderField",
        {name.upper(): field for name, field in _FIELDS.items()},
        "What a list can be ordered by. Enumerations go by the names of their values, but `LEAD_SOURCE` and "
        "`LOSS_REASON` by the source's codes.",
        custom="A custom attribute, by its `key`. Booleans come before numbers, and numbers before texts: false before "
        "true, numbers by their value, texts without case, dates as the texts that they are. A deal without the "
        "attribute, or whose attribute is a list or an object, has no value.",
    )


@strawberry.enum(description="The direction of an order.")
class OrderDirection(Enum):
    """The value says whether it is descending."""

    ASC = strawberry.enum_value("ascending", description="The smallest, earliest or alphabetically first one first.")
    DESC = strawberry.enum_value("descending", description="The largest, latest or alphabetically last one first.")


@strawberry.enum(description="Where deals come that have no value in an order's field.")
class OrderNulls(Enum):
    """The value is the end of the list."""

    FIRST = strawberry.enum_value("first", description="Before all others.")
    LAST = strawberry.enum_value("last", description="Behind all others.")


@strawberry.input(
    description="A key of an order. Text is ordered without case, by code points. Where all keys are equal, the `id` "
    "decides, so that every order is total."
)
class OpportunityOrder:
    """One key."""

    field: OpportunityOrderField = strawberry.field(description="The field.")
    key: str | None = strawberry.field(
        default=None,
        description="The custom attribute's key, as its source writes it: with the field `CUSTOM`, and no other.",
    )
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")
    nulls: OrderNulls = strawberry.field(default=OrderNulls.LAST, description="Where deals without a value come.")


def order_keys(given: Sequence[OpportunityOrder] | None, closed: frozenset[str]) -> tuple[OrderKey, ...]:
    """Return the keys of an order for the store, by default the last changed first.

    Raises `Forbidden` for a field that is closed to the caller, and `RefusedArgument`.
    """
    if not given:
        return DEFAULT
    asked = [(one.field.value, one.key) for one in given]
    attributes = [key for name, key in asked if name == CUSTOM]
    if len(asked) > MOST_KEYS:
        raise RefusedArgument(f"takes at most {MOST_KEYS} fields, not {len(asked):,}.", "orderBy")
    if len(attributes) > MOST_ATTRIBUTES:
        raise RefusedArgument(f"takes at most {MOST_ATTRIBUTES} custom attributes, not {len(attributes)}.", "orderBy")
    found: list[tuple[OrderKey, ...]] = []
    try:
        for index, one in enumerate(given):
            if asked[index] in asked[:index]:
                raise RefusedArgument("repeats a field that stands before it: give each once.")
            found.append(_keys(one, closed))
    except RefusedArgument as error:
        raise within(error, "orderBy", len(found)) from None
    return tuple(chain.from_iterable(found))


def asked_order(
    given: Sequence[OpportunityOrder] | None, order: tuple[OrderKey, ...]
) -> Sequence[OpportunityOrder] | None:
    """Return what an `order` was asked for by, to tell lists apart: None for the default one, also written out."""
    return None if full_order(order) == full_order(DEFAULT) else given


def _keys(one: OpportunityOrder, closed: frozenset[str]) -> tuple[OrderKey, ...]:
    name, is_descending, nulls_first = (
        one.field.value,
        one.direction is OrderDirection.DESC,
        one.nulls is OrderNulls.FIRST,
    )
    check_open(name, closed, f"`{one.field.name}` in `orderBy`")
    if (name == CUSTOM) is (one.key is None):
        raise RefusedArgument("must be given with the field `CUSTOM`, and with no other.", "key")
    if one.key is None:
        return (OrderKey(_FIELDS[name].column, is_descending, nulls_first),)
    check_key(one.key)
    return by_attribute(one.key, is_descending=is_descending, nulls_first=nulls_first)
