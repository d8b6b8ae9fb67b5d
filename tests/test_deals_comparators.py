"""`schema.deals.comparators`, `schema.deals.relative_dates` and `schema.deals.values`: values that fall between."""

from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.errors import BadUserInput
from schema.deals.comparators import NEVER, numbers, plain
from schema.deals.relative_dates import CalendarUnit, RelativeRange, bounds, time_zone
from schema.deals.values import days, floor_of, microseconds, moment_of
from store.conditions import LARGEST, Compare, Operator
from store.tables import MONEY_SCALE
from store.text import fold
from tests.fuzzing import bounded

HOLDS = {
    Operator.EQ: lambda one, other: one == other,
    Operator.LT: lambda one, other: one < other,
    Operator.LTE: lambda one, other: one <= other,
    Operator.GT: lambda one, other: one > other,
    Operator.GTE: lambda one, other: one >= other,
}
NAMES = {"eq": Operator.EQ, "lt": Operator.LT, "lte": Operator.LTE, "gt": Operator.GT, "gte": Operator.GTE}


@bounded
@given(st.integers(-(10**7), 10**7), st.integers(-(10**8), 10**8), st.sampled_from(sorted(NAMES)))
def test_a_number_finer_than_millionths_is_compared_exactly(stored: int, tenths: int, name: str) -> None:
    operand = Decimal(tenths).scaleb(-7)
    (condition,) = numbers({name: operand}, partial(Compare, "value"))
    found = isinstance(condition, Compare) and HOLDS[condition.operator](stored, condition.value)
    assert found is HOLDS[NAMES[name]](Fraction(stored, MONEY_SCALE), Fraction(operand))


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("operand", ["1.0000005", "-1.0000005", "1e-999", "-1e-999"])
@pytest.mark.parametrize("stored", [-1_000_001, -1_000_000, -1, 0, 1, 1_000_000, 1_000_001])
def test_a_number_between_two_millionths(name: str, operand: str, stored: int) -> None:
    (condition,) = numbers({name: Decimal(operand)}, partial(Compare, "value"))
    found = condition is not NEVER and HOLDS[condition.operator](stored, condition.value)  # type: ignore[union-attr] # a comparison
    assert found is HOLDS[NAMES[name]](Decimal(stored).scaleb(-6), Decimal(operand))


@pytest.mark.parametrize(("lower", "upper", "is_reversed"), [("a", "B", False), ("B", "a", True), ("ß", "SS", False)])
def test_a_range_of_texts_is_reversed_if_it_is_as_they_are_compared(lower: str, upper: str, is_reversed: bool) -> None:
    with pytest.raises(BadUserInput, match="reversed") if is_reversed else nullcontext():
        found = list(plain({"gte": lower, "lte": upper}, partial(Compare, "name_folded"), fold))
        assert [one.value for one in found if isinstance(one, Compare)] == [fold(lower), fold(upper)]


def test_a_number_that_no_column_holds_costs_no_time_and_stays_out_of_bounds() -> None:
    assert floor_of(Decimal("1E+999999")) == (2 * LARGEST, True)
    assert floor_of(Decimal("-1E+999999")) == (-2 * LARGEST, True)
    assert floor_of(Decimal("1E-999999")) == (0, False)
    assert floor_of(Decimal("-0")) == (0, True)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(microseconds(moment)) == moment
    assert microseconds(datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 1
    assert days(date(1969, 12, 31)) == -1


NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # a Sunday; in Tokyo it is Monday


def range_of(unit: CalendarUnit, from_: int, to: int, zone: str = "UTC", now: datetime = NOW) -> tuple[str, str]:
    first, behind = bounds(RelativeRange(unit=unit, from_=from_, to=to), time_zone(zone), now)
    return first.isoformat(), behind.isoformat()


@pytest.mark.parametrize(
    ("unit", "from_", "to", "zone", "expected"),
    [
        (CalendarUnit.DAY, 0, 0, "UTC", ("2026-03-01", "2026-03-02")),
        (CalendarUnit.DAY, -7, 0, "UTC", ("2026-02-22", "2026-03-02")),
        (CalendarUnit.DAY, 0, 0, "Asia/Tokyo", ("2026-03-02", "2026-03-03")),
        (CalendarUnit.WEEK, 0, 0, "UTC", ("2026-02-23", "2026-03-02")),
        (CalendarUnit.WEEK, 0, 1, "Asia/Tokyo", ("2026-03-02", "2026-03-16")),
        (CalendarUnit.MONTH, 0, 0, "UTC", ("2026-03-01", "2026-04-01")),
        (CalendarUnit.MONTH, -3, -1, "UTC", ("2025-12-01", "2026-03-01")),
        (CalendarUnit.QUARTER, -1, -1, "UTC", ("2025-10-01", "2026-01-01")),
        (CalendarUnit.QUARTER, 0, 0, "UTC", ("2026-01-01", "2026-04-01")),
        (CalendarUnit.YEAR, -1, 0, "UTC", ("2025-01-01", "2027-01-01")),
    ],
)
def test_units_of_the_calendar_are_whole_and_both_ends_are_included(
    unit: CalendarUnit, from_: int, to: int, zone: str, expected: tuple[str, str]
) -> None:
    assert range_of(unit, from_, to, zone) == expected


@pytest.mark.parametrize("unit", CalendarUnit)
@pytest.mark.parametrize("number", [-(2**31), 2**31 - 1, 8_000 * 12])
def test_dates_before_the_first_year_or_after_the_last_are_refused(unit: CalendarUnit, number: int) -> None:
    if unit in (CalendarUnit.DAY, CalendarUnit.WEEK) and number == 96_000:
        return
    with pytest.raises(BadUserInput, match="years 1 to 9999"):
        range_of(unit, number, number)


@pytest.mark.parametrize(
    "name",
    [
        *("Mars/Olympus", "", "../UTC", "/etc/passwd", "America", "x" * 5_000, "UTC\0", "\ud800"),
        *("right/Europe/London", "posix/UTC", "posixrules", "localtime"),  # which most machines have
    ],
)
def test_a_name_of_no_zone_is_refused(name: str) -> None:
    with pytest.raises(BadUserInput, match="IANA name"):
        time_zone(name)


def test_a_zone_is_known_by_its_iana_name() -> None:
    assert time_zone("Europe/London") == ZoneInfo("Europe/London")
