"""`resolvers.reply`: every odd reply as a table of status, headers and body; every odd body as bytes."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
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


def test_a_number_may_come_as_text() -> None:
    assert read(b'{"number": "1427000501"}').number == 1427000501
