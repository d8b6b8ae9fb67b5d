"""`schema.scalars`: how values travel."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import SCALARS, BigInt, Json, Malformed


def sent(kind: object, value: object) -> object:
    serialize = SCALARS[kind].serialize
    assert serialize is not None
    return serialize(value)


def taken(kind: object, text: object) -> object:
    parse = SCALARS[kind].parse_value
    assert parse is not None
    return parse(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100.00", "100.00"),
        ("0.09000", "0.09000"),
        ("0.00000", "0.00000"),
        ("4800", "4800"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("-0.01", "-0.01"),
        ("9007199254740993.12345", "9007199254740993.12345"),
    ],
)
def test_a_decimal_travels_as_exact_plain_text(value: str, text: str) -> None:
    assert sent(Decimal, Decimal(value)) == text


@given(st.integers(-(10**120), 10**120), st.integers(-150, 39))
def test_any_decimal_travels_exactly_and_without_an_exponent(digits: int, exponent: int) -> None:
    text = sent(Decimal, Decimal(f"{digits}E{exponent}"))
    assert isinstance(text, str)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert Fraction(text) == digits * Fraction(10) ** exponent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 5, 8, tzinfo=UTC), "2026-01-05T08:00:00Z"),
        (datetime(2026, 1, 5, 8, 0, 0, 5062, tzinfo=UTC), "2026-01-05T08:00:00.005062Z"),
        (datetime(2026, 1, 5, 10, tzinfo=timezone(timedelta(hours=2))), "2026-01-05T08:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_travels_in_utc_with_a_z(value: datetime, text: str) -> None:
    assert sent(datetime, value) == text


def test_a_date_travels_without_a_time() -> None:
    assert sent(date, date(2024, 4, 21)) == "2024-04-21"


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**53 + 1, 10**30])
def test_a_big_integer_travels_as_text(value: int) -> None:
    assert sent(BigInt, value) == str(value)


@pytest.mark.parametrize("value", [None, True, 1, 12.5, "x", [1, None], {"b": 1, "a": {}}])
def test_a_json_value_travels_as_it_is(value: object) -> None:
    assert sent(Json, value) is value


def test_only_json_is_not_text() -> None:
    values = {
        Decimal: Decimal(1),
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
        date: date(2026, 1, 1),
        BigInt: 1,
    }
    assert set(SCALARS) == {*values, Json}
    assert all(isinstance(sent(kind, value), str) for kind, value in values.items())


@pytest.mark.parametrize("value", [5, 0.5, None, True, ["1"], {}])
@pytest.mark.parametrize("kind", [Decimal, datetime, date])
def test_what_is_no_string_is_of_another_type(kind: type, value: object) -> None:
    with pytest.raises(TypeError):
        taken(kind, value)


NO_NUMBERS = (
    "NaN",
    "Infinity",
    "",
    "one",
    "1" * 201,
    "1_000",
    "1,000",
    " 1",
    "1\n",
    "+1",
    ".5",
    "5.",
    "\uff11",
    "\u0661",
)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1e", "0x1", "1e99999999999999999999"])
def test_only_plain_digits_are_taken_for_a_decimal(text: str) -> None:
    assert taken(Decimal, text) == Malformed("Decimal")


@pytest.mark.parametrize("text", ["1.50", "-0", "007", "1e3", "1E-7", "-12.5e+2", "1" * 200])
def test_a_decimal_is_taken_as_json_writes_numbers(text: str) -> None:
    assert taken(Decimal, text) == Decimal(text)


NO_TIMES = ("2026-01-01", "2026-01-01T00:00:00", "yesterday", "0001-01-01T00:00:00+05:00", "", "2026-02-30T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [*NO_TIMES, "20260101T000000Z", "2026-W01-1T00:00:00Z", "2026-01-01x00:00:00Z", "2026-01-01T24:00:00Z"],
)
def test_only_a_point_in_time_with_its_offset_is_taken_for_one(text: str) -> None:
    assert taken(datetime, text) == Malformed("DateTime")
    assert taken(datetime, "2026-01-01T02:00:00+02:00") == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-05t08:00:00z", "2026-01-05T10:00:00+02:00", "2026-01-05 08:00:00.000Z"])
def test_a_point_in_time_is_taken_as_rfc_3339_writes_it(text: str) -> None:
    assert taken(datetime, text) == datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01t00:59:60+01:00"])
def test_a_leap_second_is_the_next_one_as_for_postgresql(text: str) -> None:
    assert taken(datetime, text) == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2016-12-30T23:59:60Z", "2016-12-31T23:58:60Z", "2016-12-31T23:59:61Z"])
def test_no_other_minute_has_one(text: str) -> None:
    assert taken(datetime, text) == Malformed("DateTime")


@pytest.mark.parametrize("text", ["2026-02-30", "20260101", "2026-W01-1", "2026-1-1", "2026-01-01T00:00:00Z", ""])
def test_only_a_day_of_the_calendar_is_taken_for_a_date(text: str) -> None:
    assert taken(date, text) == Malformed("Date")
    assert taken(date, "2026-02-28") == date(2026, 2, 28)
