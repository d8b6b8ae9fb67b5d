"""`OpportunityOrder`: by which fields a list is ordered."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import strawberry

from resolvers.errors import BadUserInput
from schema.deals.filters import check_open
from schema.deals.listed_fields import LISTED, enum_of
from store.pages import OrderKey

MOST_KEYS: Final = 5

_FIELDS: Final = {field.name: field for field in LISTED if field.is_ordered}

if TYPE_CHECKING:
    OpportunityOrderField: TypeAlias = Any
else:
    OpportunityOrderField = enum_of(
        "OpportunityOrderField",
        {name.upper(): field for name, field in _FIELDS.items()},
        "What a list can be ordered by.",
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
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")
    nulls: OrderNulls = strawberry.field(default=OrderNulls.LAST, description="Where deals without a value come.")


def order_keys(given: Sequence[OpportunityOrder] | None, closed: frozenset[str]) -> tuple[OrderKey, ...]:
    """Return the keys of an order for the store, by default the last changed first.

    Raises `Forbidden` for a field that is closed to the caller, and `BadUserInput`.
    """
    if not given:
        return (OrderKey("updated_at", is_descending=True),)
    fields = [_FIELDS[one.field.value] for one in given]
    if len(fields) > MOST_KEYS or len({field.name for field in fields}) < len(fields):
        raise BadUserInput(f"`orderBy` takes at most {MOST_KEYS} fields, each once.")
    for field in fields:
        check_open(field.name, closed)
    return tuple(
        [
            OrderKey(field.column, one.direction is OrderDirection.DESC, one.nulls is OrderNulls.FIRST)
            for field, one in zip(fields, given, strict=True)
        ]
    )
