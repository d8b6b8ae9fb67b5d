"""The custom scalars. All but `JSON` travel as strings, so that no JavaScript client rounds them.

What is no string is refused with the whole request, as GraphQL has it for a value of another type. A string that is no
value of its scalar is refused where it is used, as an id is that is none: the fields beside it are answered.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from resolvers.reply import Timestamp

BigInt = NewType("BigInt", int)
Json = NewType("Json", object)


_LONGEST_NUMBER = 200
"""Characters of a decimal number that a caller sends."""

# Python reads more than these: other digits and separators, dates without hyphens, weeks.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    rf"{_DAY.pattern}[Tt ]([01][0-9]|2[0-3]):[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]+)?)?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A string that is no value of the scalar of this name."""

    scalar: str

    @property
    def instead(self) -> str:
        """What would be right."""
        return WRITTEN[self.scalar]


def _decimal_text(value: Decimal) -> str:
    text = str(value)
    return text if "E" not in text else format(value, "f")


def _utc_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parser(name: str, form: re.Pattern[str], read: Callable[[str], Any], longest: int = 100) -> Callable[[Any], Any]:
    """Return what reads a string of this form; it gives `Malformed` for any other, and raises for what is none."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str):  # whoever sends a JSON number has lost digits before they get here
            raise TypeError("it is a string")
        try:
            if len(value) <= longest and form.fullmatch(value):
                return read(value)
        except (ValueError, ArithmeticError):  # no day of the calendar; an exponent that no number has
            pass
        return Malformed(name)

    return parse


def _same(value: Any) -> Any:
    return value


WRITTEN: Final[Mapping[str, str]] = {
    "Date": "text, YYYY-MM-DD",
    "DateTime": "text, YYYY-MM-DDThh:mm:ss and the UTC offset, Z or +hh:mm",
    "Decimal": 'text, a number such as "1000.50" in quotation marks',
}
"""How callers write a scalar: for refusals, which say what would be right."""

SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(name="BigInt", description="An integer of any size, as a string.", serialize=str),
    date: strawberry.scalar(
        name="Date",
        description="A calendar date, ISO 8601, for example `2024-04-21`.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=date.isoformat,
        parse_value=_parser("Date", _DAY, date.fromisoformat),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time with its UTC offset, RFC 3339.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_utc_text,
        parse_value=_parser("DateTime", _MOMENT, Timestamp.of),
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as a string: digits, perhaps with a minus, a point or an exponent.",
        serialize=_decimal_text,
        parse_value=_parser("Decimal", _NUMBER, Decimal, _LONGEST_NUMBER),
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=_same, parse_value=_same),
}
