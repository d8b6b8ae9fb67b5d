"""`resolvers.reply`: every odd reply as a table of status, headers and body; every odd body as bytes."""

import calendar
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from httpclient.response import Response
from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from resolvers.reply import Timestamp, decipher, decode, decoder, retry_after_seconds

NOW = datetime(2026, 2, 28, 12, 0, 0, tzinfo=UTC)
OOOPS = b'{"Message":"Ooops! There was a problem while running this action. Please try again."}'


def reply(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), body)


def test_an_answer_is_its_body_as_it_came() -> None:
    assert decipher("nexudus", reply(200, b" {} ")) == b" {} "


@pytest.mark.parametrize("body", [b'"Not found"', b'{"code":404,"message":"Opportunity not found"}', b""])
def test_a_404_of_the_vendor_is_a_missing_record(body: bytes) -> None:
    assert decipher("nexudus", reply(404, body, content_type="application/json")) is None


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "Text/HTML"])
def test_a_web_page_with_status_404_is_not_a_missing_record(content_type: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        decipher("nexudus", reply(404, b"<html>", content_type=content_type))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, b"{}", UpstreamBadResponse),
        (204, b"", UpstreamBadResponse),
        (206, b"{", UpstreamBadResponse),
        (301, b"", UpstreamBadResponse),
        (302, b"", UpstreamBadResponse),
        (304, b"", UpstreamBadResponse),
        (400, b'{"error":"invalid_grant"}', UpstreamBadResponse),
        (400, OOOPS, UpstreamUnavailable),
        (401, b"", UpstreamUnauthorized),
        (402, b"", UpstreamForbidden),
        (403, b"", UpstreamForbidden),
        (405, b"", UpstreamBadResponse),
        (409, b"", UpstreamRateLimited),
        (410, b"", UpstreamBadResponse),
        (418, b"I'm a teapot", UpstreamBadResponse),
        (422, b'{"errors":{"name":"x"}}', UpstreamBadResponse),
        (429, b"Wait 3 seconds", UpstreamRateLimited),
        (500, b"500 Internal Server Error", UpstreamUnavailable),
        (500, OOOPS, UpstreamUnavailable),
        (502, b"<html>", UpstreamUnavailable),
        (503, b"Service Unavailable", UpstreamUnavailable),
        (504, b"", UpstreamUnavailable),
        (520, b"<html>", UpstreamUnavailable),
        (524, b"<html>", UpstreamUnavailable),
        (599, b"", UpstreamUnavailable),
    ],
)
def test_each_status_has_one_meaning(status: int, body: bytes, expected: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        decipher("nexudus", reply(status, body), now=NOW)

    assert type(caught.value) is expected
    assert (caught.value.source_name, caught.value.status) == ("nexudus", status)


@pytest.mark.parametrize("status", [204, 302, 400, 401, 403, 409, 429, 500, 503])
def test_nothing_of_an_error_body_reaches_the_error(status: int) -> None:
    body = b"ada@example.com secret-token https://spaces.example.com " + OOOPS
    with pytest.raises(UpstreamError) as caught:
        decipher("nexudus", reply(status, body, location="https://spaces.example.com/secret-token"), now=NOW)

    told = f"{caught.value!r} {caught.value} {caught.value.detail} {caught.value.extensions}"
    assert not [word for word in ("ada@", "secret", "https", "Ooops") if word in told]


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"retry_after": "1"}, b"", 1.0),
        ({"Retry_After": "60"}, b"", 60.0),
        ({"retry_after": " 7 "}, b"Wait 9 seconds", 7.0),
        ({"retry_after": "0"}, b"", 0.0),
        ({"retry_after": "Sat, 28 Feb 2026 12:00:30 GMT"}, b"", 30.0),
        ({"retry_after": "Sat, 28 Feb 2026 12:00:30 -0000"}, b"", 30.0),
        ({"retry_after": "Sat, 28 Feb 2026 11:59:00 GMT"}, b"", 0.0),
        ({"retry_after": "soon, I promise"}, b"Wait 9 seconds", None),
        ({"retry_after": "-1"}, b"", None),
        ({"retry_after": "1.5"}, b"", None),
        ({"retry_after": "9" * 400}, b"", None),
        ({"retry_after": "Thu, 31 Dec 2099 23:59:59 +99999999999999"}, b"", None),
        ({"retry_after": "Thu, 31 Dec 99999 23:59:59 GMT"}, b"", None),
        ({"retry_after": ""}, b"Wait 3 seconds", 3.0),
        ({}, b"Wait 3 seconds", 3.0),
        ({}, b"Please wait 120 seconds before trying again.", 120.0),
        ({}, b"Wait a while", None),
        ({}, b" " * 2_000 + b"Wait 3 seconds", None),
        ({}, b"", None),
    ],
)
def test_retry_after_is_read_from_seconds_a_date_or_the_text(
    headers: dict[str, str], body: bytes, expected: float | None
) -> None:
    assert retry_after_seconds(reply(429, body, **headers), NOW) == expected


def test_409_and_429_both_mean_slow_down() -> None:
    """Trap 21: Nexudus documents 409 and was seen to send 429."""
    for status in (409, 429):
        with pytest.raises(UpstreamRateLimited) as caught:
            decipher("nexudus", reply(status, b"", retry_after="1"), now=NOW)
        assert caught.value.retryable
        assert caught.value.extensions["retryAfterSeconds"] == 1.0


def test_an_overloaded_chartmogul_may_answer_503_in_plain_text() -> None:
    """Trap 22: above 20 parallel connections."""
    with pytest.raises(UpstreamUnavailable) as caught:
        decipher("chartmogul", reply(503, b"Service Unavailable", content_type="text/plain"), now=NOW)

    assert caught.value.extensions == {"code": "UPSTREAM_UNAVAILABLE", "retryable": True, "source": "chartmogul"}


def test_a_number_of_seconds_in_the_body_counts_only_where_the_source_throttles() -> None:
    assert retry_after_seconds(reply(503, b"Restarting, 30 seconds left"), NOW) is None


@given(st.text(max_size=60))
def test_no_retry_after_header_whatever_it_holds_breaks_the_reading(value: str) -> None:
    wait = retry_after_seconds(reply(429, b"", retry_after=value), NOW)
    assert wait is None or wait >= 0


class Sample(msgspec.Struct):
    number: int | None = None
    text: str | None = None
    at: Timestamp | None = None
    anything: Any = None


SAMPLE = decoder(Sample)


def read(body: bytes) -> Sample:
    return decode("nexudus", SAMPLE, body)


def rfc_3339(moment: datetime | None) -> str:
    """Return a time as clients get it."""
    assert moment is not None
    assert moment.tzinfo is UTC  # or a compiled operation would leave it to graphql-core
    return str(json.loads(msgspec.json.encode(moment)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"<html></html>",
        b'{"number":',
        b'{"number": 1} {"number": 2}',
        b'{"number": NaN}',
        b'{"anything": NaN}',
        b'{"anything": Infinity}',
        b'{"anything": 1e400}',
        b'{"anything": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"number": ' + b"9" * 5_000 + b"}",
        b'{"text": 5}',
        b'{"at": "yesterday"}',
        b'{"at": "2026-02-30T00:00:00Z"}',
        b'{"at": 1769594131}',
        b"\x00",
        b"\xff{}",
        b'{"number": \xff}',
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"\xef\xbb\xbf" * 1_000_000,
        "\N{BYTE ORDER MARK}{}".encode("utf-16-le"),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_cannot_be_used_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        read(body)


def whatwg(text: str) -> str:
    """Return what a web page gets of a text with lone surrogates: WebIDL's USVString, as TextEncoder makes it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"\uDFFF", "\ufffd"),
        (rb"a\ud83d", "a\ufffd"),
        (rb"\ud83dA", "\ufffdA"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\n", "\ufffd\n"),
        (rb"\\ud83d\ud83d", "\\ud83d\ufffd"),
        (rb"\ud83d\ude00\\\ud83d\"", '\U0001f600\\\ufffd"'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"Caf\xe9", "Caf\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xf0\x9f\x98x", "\ufffdx"),
        (b"\xe9\\ud83d", "\ufffd\ufffd"),
    ],
)
def test_what_is_no_character_is_read_as_u_fffd_and_all_else_as_it_came(sent: bytes, expected: str) -> None:
    """As the decoders of the WHATWG's Encoding Standard do: its "maximal subpart" practice for UTF-8."""
    assert read(b'{"number": 5, "text": "' + sent + b'"}') == Sample(number=5, text=expected)


@given(st.lists(st.characters() | st.sampled_from('\ud83d\ude00\udfff\\u"d8{}'), max_size=12).map("".join))
def test_any_text_with_halves_of_pairs_is_read_as_a_browser_would(text: str) -> None:
    assert read(json.dumps({"text": text}).encode()).text == whatwg(text)


def test_a_byte_order_mark_before_json_is_skipped() -> None:
    """RFC 8259, 8.1."""
    assert read(b'\xef\xbb\xbf{"number": 5}').number == 5


def test_json_nan_and_deep_nesting_are_refused_as_a_bad_response() -> None:
    """Trap 24: the decoder has exceptions of its own for them."""
    for body in (b'{"anything": NaN}', b'{"anything": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        with pytest.raises(UpstreamBadResponse):
            read(body)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_bad_response(body: bytes) -> None:
    with suppress(UpstreamBadResponse):
        read(body)


@pytest.mark.parametrize(
    "body", [b'{"at": "Ada Example"}', b'{"number": "Ada Example"}', b'{"text": {"Ada Example": 1}}', b"Ada Example"]
)
def test_the_detail_of_a_bad_body_does_not_repeat_it(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse) as caught:
        read(body)

    assert "Ada" not in f"{caught.value} {caught.value.detail}"


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


def test_a_number_may_come_as_text() -> None:
    assert read(b'{"number": "1427000501"}').number == 1427000501
