"""How times and numbers are written in the store's columns, alike for what is stored and what it is compared with."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from store.conditions import LARGEST
from store.tables import MONEY_SCALE

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
CODE_LENGTH: Final = 20
"""Characters by which codes are compared: no code is as long, and indexes have no room for what is none."""

_LARGE: Final = 30
"""Digits, before or behind the point, beyond which only the sign of a number counts."""


def code(text: str) -> str:
    """Return a code for comparing, without case."""
    return text.upper()[:CODE_LENGTH]


def microseconds(moment: datetime) -> int:
    """Return a point in time as whole microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(count: int) -> datetime:
    """Return the point in time of whole microseconds since 1970 in UTC."""
    return _EPOCH + timedelta(microseconds=count)


def days(day: date) -> int:
    """Return a date as whole days since 1970."""
    return (day - _EPOCH.date()).days


def day_of(count: int) -> date:
    """Return the date of whole days since 1970."""
    return _EPOCH.date() + timedelta(days=count)


def floor_of(number: Decimal) -> tuple[int, bool]:
    """Return the largest whole number of millionths that is not more than a number, and whether it is the number.

    Of a number that no column can hold, another that no column can hold.
    """
    if not number:
        return 0, True
    if number.adjusted() > _LARGE:
        return (-2 * LARGEST if number < 0 else 2 * LARGEST), True
    if number.adjusted() < -_LARGE:
        return (-1 if number < 0 else 0), False
    if (whole := int(number)) == number:
        return whole * MONEY_SCALE, True
    scaled = Fraction(number) * MONEY_SCALE  # exact, where Decimal's own arithmetic rounds to 28 digits
    floor = scaled.numerator // scaled.denominator
    return floor, floor == scaled
