"""`@listSize` and `@cost`: what a gateway that counts costs may expect (https://specs.apollo.dev/cost/v0.1).

The directives have a link of their own, since federation imports them from version 2.9 on, which is newer than
composers in use know (`schema.federation.VERSION`).
"""

from collections.abc import Sequence
from typing import Final

import strawberry
from strawberry.federation.schema_directives import Link
from strawberry.schema_directive import Location

from engine.cost import QueryLimits
from engine.lookup import PageSize

LINK: Final = Link(url="https://specs.apollo.dev/cost/v0.1", import_=["@cost", "@listSize"])  # type: ignore[list-item] # names alone


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How long a list is (https://specs.apollo.dev/cost/v0.1).",
)
class ListSize:
    """How long a list is: as long as one of its arguments says, else as assumed."""

    assumed_size: int | None = strawberry.directive_field(name="assumedSize", default=strawberry.UNSET)
    slicing_arguments: list[str] | None = strawberry.directive_field(name="slicingArguments", default=strawberry.UNSET)
    sized_fields: list[str] | None = strawberry.directive_field(name="sizedFields", default=strawberry.UNSET)
    require_one_slicing_argument: bool | None = strawberry.directive_field(
        name="requireOneSlicingArgument", default=True
    )


def page_of(size: PageSize, arguments: Sequence[str], sized_fields: Sequence[str] = ("edges", "nodes")) -> ListSize:
    """Return the directive of a connection, or of what has `sized_fields`: the engine's limits count it likewise."""
    return ListSize(
        assumed_size=size.default,
        slicing_arguments=list(arguments),
        sized_fields=list(sized_fields),
        require_one_slicing_argument=False,
    )


def first_of(size: PageSize) -> ListSize:
    """Return the directive of a list that has as many items as its argument `first` says."""
    return ListSize(assumed_size=size.default, slicing_arguments=["first"], require_one_slicing_argument=False)


def at_most(number: int) -> ListSize:
    """Return the directive of a list with an item for each id that it is given."""
    return ListSize(assumed_size=number, require_one_slicing_argument=False)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.ARGUMENT_DEFINITION],
    name="cost",
    description="What a field or an argument costs, where an object costs 1 (https://specs.apollo.dev/cost/v0.1).",
)
class Cost:
    """A weight beside which all others are 1."""

    weight: int


OF_ALL_DEALS: Final = Cost(weight=QueryLimits().max_records)
"""Of what goes through all deals, however little it gives: as much as all records that one operation may ask for.
Not of a list, whose weight gateways take for each of its items."""
