"""What a field can be compared with, type by type, and the conditions that this makes for the store."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry.utils.str_converters import to_camel_case

from resolvers.errors import BadUserInput
from schema.deals.relative_dates import RelativeRange, bounds, time_zone
from schema.deals.values import code, days, floor_of, microseconds
from schema.refused_argument import RefusedArgument, within
from schema.scalars import Malformed
from store.conditions import And, Compare, Condition, Not, Operator, Or

Make = Callable[[Operator, Any], Condition]
"""Makes the comparison of one column, or of one custom attribute."""

NEVER: Final = Or(())

_CURRENCY: Final = re.compile("[A-Za-z]{3}")

LONGEST_TEXT: Final = 1_000
"""Characters of a text to compare with; SQLite takes no pattern of more than 50,000 bytes."""

_IN = "One of these."
_NOT_IN = "None of these; deals without a value are included."
_IS_NULL = "Whether there is no value."
_LT, _LTE, _GT, _GTE = "Less than this.", "At most this.", "More than this.", "At least this."


def comparator(description: str, name: str | None = None) -> Any:
    """Return an input field that may be left out, which is not the same as null."""
    return strawberry.field(name=name, default=strawberry.UNSET, description=description)


@strawberry.input(description="Comparisons of text. All that are given must hold.")
class StringFilter:
    """Of text that is compared as the field's description says."""

    eq: str | None = comparator("Equal to this.")
    in_: list[str] | None = comparator(_IN, "in")
    not_in: list[str] | None = comparator(_NOT_IN)
    contains: str | None = comparator("This is a part of it.")
    starts_with: str | None = comparator("It starts with this.")
    lt: str | None = comparator("It comes before this, by code points.")
    lte: str | None = comparator("It is this, or comes before.")
    gt: str | None = comparator("It comes behind this, by code points.")
    gte: str | None = comparator("It is this, or comes behind.")
    is_null: bool | None = comparator(_IS_NULL)


@strawberry.input(description="Comparisons of ids. All that are given must hold.")
class IDFilter:
    """Of ids, which every deal has."""

    eq: strawberry.ID | None = comparator("Equal to this.")
    in_: list[strawberry.ID] | None = comparator(_IN, "in")
    not_in: list[strawberry.ID] | None = comparator("None of these.")


@strawberry.input(description="Comparisons of whole numbers. All that are given must hold.")
class IntFilter:
    """Of whole numbers."""

    eq: int | None = comparator("Equal to this.")
    in_: list[int] | None = comparator(_IN, "in")
    not_in: list[int] | None = comparator(_NOT_IN)
    lt: int | None = comparator(_LT)
    lte: int | None = comparator(_LTE)
    gt: int | None = comparator(_GT)
    gte: int | None = comparator(_GTE)
    is_null: bool | None = comparator(_IS_NULL)


@strawberry.input(description="Comparisons of numbers. All that are given must hold.")
class DecimalFilter:
    """Of numbers with a fraction."""

    eq: Decimal | None = comparator("Equal to this.")
    lt: Decimal | None = comparator(_LT)
    lte: Decimal | None = comparator(_LTE)
    gt: Decimal | None = comparator(_GT)
    gte: Decimal | None = comparator(_GTE)


@strawberry.input(
    description="Comparisons of amounts, all in `currency`: amounts of several currencies are never compared. "
    "An amount finer than millionths of its currency's major unit, or of more than 9 trillion of it, "
    "is in no range."
)
class MoneyFilter(DecimalFilter):
    """Of amounts in one currency."""

    currency: str | None = comparator("ISO 4217 code; required beside any amount. Alone: any amount in it.")
    is_null: bool | None = comparator(_IS_NULL)


@strawberry.input(description="Comparisons of points in time. All that are given must hold.")
class DateTimeFilter:
    """Of points in time."""

    eq: datetime | None = comparator("At this moment.")
    lt: datetime | None = comparator("Before this.")
    lte: datetime | None = comparator("At this or before.")
    gt: datetime | None = comparator("After this.")
    gte: datetime | None = comparator("At this or after.")
    relative: RelativeRange | None = comparator("In these units of the calendar, counted from now.")
    time_zone: str | None = comparator("IANA name of the zone in which `relative` is meant; UTC unless given.")
    is_null: bool | None = comparator(_IS_NULL)


@strawberry.input(description="Comparisons of dates. All that are given must hold.")
class DateFilter:
    """Of dates."""

    eq: date | None = comparator("On this day.")
    lt: date | None = comparator("Before this.")
    lte: date | None = comparator("On this day or before.")
    gt: date | None = comparator("After this.")
    gte: date | None = comparator("On this day or after.")
    relative: RelativeRange | None = comparator("In these units of the calendar, counted from now.")
    time_zone: str | None = comparator("IANA name of the zone that says which day is today; UTC unless given.")
    is_null: bool | None = comparator(_IS_NULL)


def enum_filter(enum: type[Enum], name: str) -> Any:
    """Return the input type of comparisons with an enumeration."""
    type_: Any = enum
    namespace = {
        "__doc__": "Of one enumeration.",
        "__annotations__": {
            "eq": type_ | None,
            "in_": list[type_] | None,
            "not_in": list[type_] | None,
            "is_null": bool | None,
        },
        "eq": comparator("Equal to this."),
        "in_": comparator(_IN, "in"),
        "not_in": comparator(_NOT_IN),
        "is_null": comparator(_IS_NULL),
    }
    description = "Comparisons with values of an enumeration. All that are given must hold."
    return strawberry.input(type(name, (), namespace), description=description)


EQUALITIES: Final = frozenset({"eq", "in_", "not_in"})

_ZONE: Final = "time_zone"
_INSTEAD_OF_NULL: Final = {
    "is_null": "leave it out, or give true or false",
    "currency": "leave it out, or give an ISO 4217 code",
}
"""What is right in place of null, where it is no comparison with a value."""

_OPERATORS: Final = {
    "eq": Operator.EQ,
    "in_": Operator.IN,
    "not_in": Operator.NOT_IN,
    "lt": Operator.LT,
    "lte": Operator.LTE,
    "gt": Operator.GT,
    "gte": Operator.GTE,
    "contains": Operator.CONTAINS,
    "starts_with": Operator.STARTS_WITH,
}


def comparisons(given: Any) -> dict[str, Any]:
    """Return what is given of a comparator, by the names in Python; raises `RefusedArgument` for a null, for text that
    is no value of its scalar, for text that is too long, and for a time zone without a comparison.

    A time zone that is null is none: it compares nothing.
    """
    found = {name: value for name, value in vars(given).items() if value is not strawberry.UNSET}
    if found.get(_ZONE, "") is None:
        del found[_ZONE]
    for name, value in found.items():
        if value is None:
            nulls = "leave it out, or ask with `isNull: true`" if hasattr(given, "is_null") else "leave it out"
            raise RefusedArgument(f"must not be null: {_INSTEAD_OF_NULL.get(name, nulls)}.", in_graph(name))
        if isinstance(value, Malformed):
            raise RefusedArgument(f"must be {value.instead}.", in_graph(name))
        for index, one in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(one, str) and len(one) > LONGEST_TEXT:
                place = (in_graph(name),) if index is None else (in_graph(name), index)
                raise RefusedArgument(f"may have at most {LONGEST_TEXT:,} characters, not {len(one):,}.", *place)
    if found.keys() == {_ZONE}:
        raise RefusedArgument("Compare beside `timeZone`, for example by `relative`: it says which day is meant there.")
    return found


def in_graph(name: str) -> str:
    """Return the name in the graph of a comparison, of the one in Python."""
    return to_camel_case(name.rstrip("_"))


def each(name: str, value: Any, work: Callable[[Any], Any]) -> Any:
    """Return what `work` gives of a comparison's value, or a tuple of what it gives of each value in its list; raises
    `RefusedArgument` at the value that it refuses."""
    if not isinstance(value, list):
        try:
            return work(value)
        except BadUserInput as error:
            raise within(error, in_graph(name)) from None
    found: list[Any] = []
    try:
        found.extend(map(work, value))
    except BadUserInput as error:
        raise within(error, in_graph(name), len(found)) from None
    return tuple(found)


def plain(given: dict[str, Any], make: Make, stored: Callable[[Any], Any]) -> Iterator[Condition]:
    """Yield the conditions of comparisons whose values the store holds as `stored` writes them."""
    compared = {name: each(name, value, stored) for name, value in given.items() if name != "is_null"}
    _check_range(compared)
    for name, value in compared.items():
        yield make(_OPERATORS[name], value)
    if "is_null" in given:
        yield _null(make, given["is_null"])


def numbers(given: dict[str, Any], make: Make) -> Iterator[Condition]:
    """Yield the conditions of comparisons with exact numbers, which the store holds in whole millionths."""
    _check_range(given)
    for name, value in given.items():
        floor, is_exact = floor_of(value)
        if is_exact or name in ("gt", "lte"):
            yield make(_OPERATORS[name], floor)
        elif name == "eq":
            yield NEVER
        else:  # between two whole numbers: at least it is above the lower one, less than it is at most the lower one
            yield make(Operator.GT if name == "gte" else Operator.LTE, floor)


def money(given: dict[str, Any], make: Make) -> Iterator[Condition]:
    """Yield the conditions of comparisons with amounts; raises `RefusedArgument` for an amount without its currency."""
    amounts = {name: value for name, value in given.items() if name not in ("currency", "is_null")}
    has_none = And((_null(make, True), Compare("value_is_inexact", Operator.EQ, 0)))
    if "is_null" in given:
        yield has_none if given["is_null"] else Not(has_none)
    if amounts and "currency" not in given:
        raise RefusedArgument('Give the amount\'s `currency` too, for example {currency: "EUR", gte: "1000"}.')
    if "currency" in given:
        if not _CURRENCY.fullmatch(given["currency"]):
            raise RefusedArgument("must be an ISO 4217 code: three letters, such as EUR.", "currency")
        yield Compare("currency", Operator.EQ, code(given["currency"]))
        if not amounts:  # with one, there must be an amount anyway
            yield Not(has_none)
    yield from numbers(amounts, make)


def dates(given: dict[str, Any], make: Make, now: Callable[[], datetime], *, is_day: bool) -> Iterator[Condition]:
    """Yield the conditions of comparisons with points in time, or with days."""
    zone = time_zone(given.pop(_ZONE, "UTC"))
    relative = given.pop("relative", None)
    yield from plain(given, make, days if is_day else microseconds)
    if relative is not None:
        for operator, day in zip((Operator.GTE, Operator.LT), bounds(relative, zone, now()), strict=True):
            midnight = datetime.combine(day, time(), zone)
            yield make(operator, days(day) if is_day else microseconds(midnight))


def _null(make: Make, wanted: bool) -> Condition:
    is_null = make(Operator.IS_NULL, True)
    return is_null if wanted else Not(is_null)


def _check_range(given: dict[str, Any]) -> None:
    lower = [(given[name], name) for name in ("gt", "gte") if name in given]
    upper = [(given[name], name) for name in ("lt", "lte") if name in given]
    if lower and upper and max(lower)[0] > min(upper)[0]:
        raise RefusedArgument(f"The range is reversed: `{max(lower)[1]}` must not be above `{min(upper)[1]}`.")
