"""`resolvers.reply`, its times: every way in which a vendor may write a point in time, and those that are none."""

import calendar
import json
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.errors import UpstreamBadResponse
from resolvers.reply import Timestamp, decode, decoder


class Sample(msgspec.Struct):
    at: Timestamp | None = None


SAMPLE = decoder(Sample)


def read(body: bytes) -> Sample:
    return decode("nexudus", SAMPLE, body)


def rfc_3339(moment: datetime | None) -> str:
    """Return a time as clients get it."""
    assert moment is not None
    assert moment.tzinfo is UTC  # or a compiled operation would leave it to graphql-core
    return str(json.loads(msgspec.json.encode(moment)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00.1Z", "2026-01-05T08:00:00.100000Z"),
        ("2026-01-05T08:00:00.12Z", "2026-01-05T08:00:00.120000Z"),
        ("2026-01-05T08:00:00.123Z", "2026-01-05T08:00:00.123000Z"),
        ("2026-01-05T08:00:00.1234Z", "2026-01-05T08:00:00.123400Z"),
        ("2026-01-05T08:00:00.12345Z", "2026-01-05T08:00:00.123450Z"),
        ("2026-01-05T08:00:00.123456Z", "2026-01-05T08:00:00.123456Z"),
        ("2026-01-05T08:00:00.1234567Z", "2026-01-05T08:00:00.123456Z"),
        ("2026-01-05T23:59:59.9999999Z", "2026-01-05T23:59:59.999999Z"),
        ("2026-01-05T08:00:00.0000000Z", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00.1234567", "2026-01-05T08:00:00.123456Z"),
        ("2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05", "2026-01-05T00:00:00Z"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_timestamp_has_0_to_7_fractional_digits_and_is_utc_without_a_zone(text: str, expected: str) -> None:
    assert rfc_3339(read(b'{"at": "%s"}' % text.encode()).at) == expected


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-5, minutes=30))])))
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))))
def test_a_timestamp_is_the_moment_that_it_came_as_in_utc(moment: datetime) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    for text in {moment.isoformat(), moment.isoformat().replace("+00:00", "Z"), moment.isoformat(" ")}:
        try:
            expected = aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:
            with pytest.raises(ValueError, match="year"):
                Timestamp.of(text)
        else:
            assert rfc_3339(Timestamp.of(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T08:00:00z", "2026-01-05T08:00:00Z"),
        ("2026-01-05t08:00:00z", "2026-01-05T08:00:00Z"),
        ("2026-01-05 08:00:00.5z", "2026-01-05T08:00:00.500000Z"),
        ("20260105T080000z", "2026-01-05T08:00:00Z"),
        ("2026-01-05T24:00:00Z", "2026-01-06T00:00:00Z"),
        ("2026-12-31T24:00:00", "2027-01-01T00:00:00Z"),
        ("2026-01-05T24:00", "2026-01-06T00:00:00Z"),
        ("20260105T240000Z", "2026-01-06T00:00:00Z"),
        ("2026-01-05T24:00:00.000+02:00", "2026-01-05T22:00:00Z"),
        ("2026-W01-1T24:00:00z", "2025-12-30T00:00:00Z"),
        ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5z", "2017-01-01T00:00:00.500000Z"),
        ("2026-01-05T08:00:00.12345678901234567890Z", "2026-01-05T08:00:00.123456Z"),
        ("2026-01-05T08:00:00+0000", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00-0530", "2026-01-05T13:30:00Z"),
        ("2026-01-05T08:00:00-00:00", "2026-01-05T08:00:00Z"),
        ("2024-W01-1T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("20240102T030405.1234Z", "2024-01-02T03:04:05.123400Z"),
        ("2024-01-02T03:04:05,5Z", "2024-01-02T03:04:05.500000Z"),
        ("2024-01-02 03:04:05Z", "2024-01-02T03:04:05Z"),
    ],
)
def test_other_spellings_of_iso_8601_come_out_as_rfc_3339_has_it(text: str, expected: str) -> None:
    assert rfc_3339(Timestamp.of(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T24:00:01Z",
        "2026-01-05T24:01:00Z",
        "2026-01-05T24:00:00.001Z",
        "2026-01-05T25:00:00Z",
        "2026-01-05T08:00:60Z",
        "2026-01-05T23:59:60Z",
        "1990-12-31T23:59:60-08:00",
        "1990-12-31T23:59:61Z",
        "9999-12-31T24:00:00Z",
        "2026-02-29T24:00:00Z",
        "2026-01-05T08:00:00+25:00",
        "2026-01-05T08:00:00zz",
        "2026-01-05z",
        "\u0662026-01-05T08:00:00z",
        "2026-01-05T08:00:00z" + "0" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_moment_is_a_bad_response(text: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        read(json.dumps({"at": text}).encode())


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.text("0123456789", max_size=30),
    st.sampled_from("Tt "),
    st.booleans(),
)
def test_a_moment_of_rfc_3339_is_what_its_parts_come_to(
    local: datetime, offset: int, fraction: str, letter: str, ends_the_day: bool
) -> None:
    """Reckoned in whole and broken seconds, by RFC 3339, 5.6, and ISO 8601 for 24:00:00."""
    hour = 24 if ends_the_day else local.hour
    minute, second = (0, 0) if ends_the_day else (local.minute, local.second)
    digits = "0" * len(fraction) if ends_the_day else fraction
    zone = "z" if offset == 0 else f"{'+' if offset > 0 else '-'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    text = f"{local:%Y-%m-%d}{letter}{hour:02}:{minute:02}:{second:02}{'.' if digits else ''}{digits}{zone}"
    seconds = calendar.timegm((local.year, local.month, local.day, 0, 0, 0)) + hour * 3600 + minute * 60 + second
    expected = (seconds - offset * 60) * 10**6 + Fraction(int(digits or "0") * 10**6, 10 ** len(digits)) // 1
    found = (Timestamp.of(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert found == expected
