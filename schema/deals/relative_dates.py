"""Ranges that move with the calendar: the last seven days, this month, the quarter before."""

import re
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

import strawberry

from schema.refused_argument import RefusedArgument


@strawberry.enum(description="A unit of the calendar.")
class CalendarUnit(Enum):
    """The value is its name in messages."""

    DAY = strawberry.enum_value("day", description="From midnight to midnight.")
    WEEK = strawberry.enum_value("week", description="From Monday to Sunday.")
    MONTH = strawberry.enum_value("month", description="A month of the calendar.")
    QUARTER = strawberry.enum_value("quarter", description="January to March, and so on.")
    YEAR = strawberry.enum_value("year", description="A year of the calendar.")


@strawberry.input(
    description="Whole units of the calendar, the first and the last included. 0 is the current one: "
    "`{unit: DAY, from: -7, to: 0}` are today and the seven days before, `{unit: MONTH, from: 0, to: 0}` is this month."
)
class RelativeRange:
    """Whole units, counted from the current one."""

    unit: CalendarUnit = strawberry.field(description="What is counted.")
    from_: int = strawberry.field(name="from", description="The first unit.")
    to: int = strawberry.field(description="The last unit.")


_OF_THE_MACHINE: Final = re.compile(r"(?:right|posix)/.*|posixrules|localtime", re.DOTALL)
"""Files beside the database's names: with leap seconds, which would shift days, or of whoever set the machine up."""


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; raises `RefusedArgument`."""
    try:
        if not _OF_THE_MACHINE.fullmatch(name):
            return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown; no name at all; a folder of the database, or too long
        pass
    raise RefusedArgument("must be an IANA name such as Europe/London.", "timeZone")


def bounds(given: RelativeRange, zone: ZoneInfo, now: datetime) -> tuple[date, date]:
    """Return the first day of a range in a time zone, and the day after its last; raises `RefusedArgument`."""
    if given.from_ > given.to:
        raise RefusedArgument("The range is reversed: `from` must not be greater than `to`.", "relative")
    today = now.astimezone(zone).date()
    try:
        return _start(today, given.unit, given.from_), _start(today, given.unit, given.to + 1)
    except (OverflowError, ValueError):
        raise RefusedArgument(
            "must have a `from` and a `to` that give dates in the years 1 to 9999.", "relative"
        ) from None


_MONTHS = {CalendarUnit.MONTH: 1, CalendarUnit.QUARTER: 3, CalendarUnit.YEAR: 12}


def _start(today: date, unit: CalendarUnit, number: int) -> date:
    if unit is CalendarUnit.DAY:
        return today + timedelta(days=number)
    if unit is CalendarUnit.WEEK:
        return today + timedelta(days=7 * number - today.weekday())
    months = _MONTHS[unit]
    count = ((today.year * 12 + today.month - 1) // months + number) * months
    return date(count // 12, count % 12 + 1, 1)
