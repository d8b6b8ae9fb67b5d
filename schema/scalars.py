"""The custom scalars. All but `JSON` travel as strings, so that no JavaScript client rounds them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)
Json = NewType("Json", object)


_LONGEST_NUMBER = 200
"""Characters of a decimal number that a caller sends."""


def _decimal_text(value: Decimal) -> str:
    text = str(value)
    return text if "E" not in text else format(value, "f")


def _utc_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.upper())  # `t` and `z` may be small (RFC 3339, 5.6)
    if moment.tzinfo is None:
        raise ValueError("a point in time needs its UTC offset")
    return moment.astimezone(UTC)


def _finite(text: str) -> Decimal:
    # Not a JSON number: whoever sends one has lost digits before they get here.
    number = Decimal(text) if isinstance(text, str) and len(text) <= _LONGEST_NUMBER else None
    if number is None or not number.is_finite():
        raise ValueError("a decimal number is a string of digits")
    return number


def _same(value: Any) -> Any:
    return value


WRITTEN: Final[Mapping[str, str]] = {
    "Date": "text, YYYY-MM-DD",
    "DateTime": "text, YYYY-MM-DDThh:mm:ss and the UTC offset, Z or +hh:mm",
    "Decimal": "text, the number in quotation marks",
}
"""How callers write a scalar: for refusals, which say what would be right."""

SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(name="BigInt", description="An integer of any size, as a string.", serialize=str),
    date: strawberry.scalar(
        name="Date",
        description="A calendar date, ISO 8601, for example `2024-04-21`.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=date.isoformat,
        parse_value=date.fromisoformat,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time with its UTC offset, RFC 3339.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_utc_text,
        parse_value=_moment,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as a string.",
        serialize=_decimal_text,
        parse_value=_finite,
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=_same, parse_value=_same),
}
