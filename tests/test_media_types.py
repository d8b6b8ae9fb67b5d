"""Content negotiation as RFC 9110, 12.5.1, has it, between the two media types of GraphQL over HTTP."""

import pytest

from httpserver.http_errors import HTTPError
from httpserver.request import Headers
from httpserver.response import JSON
from web.media_types import (
    EVENT_STREAM,
    RESPONSE_JSON,
    check_content,
    media_type,
    response_type,
    takes_events,
    wants_page,
)


def accepting(*lines: str) -> Headers:
    return Headers([(b"accept", line.encode("latin-1")) for line in lines])


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON};q=0.5", JSON),
        (f"{RESPONSE_JSON}; charset=utf-8", RESPONSE_JSON),
        # The most specific range says the weight, wherever it stands.
        (f"*/*, {JSON};q=0.5", RESPONSE_JSON),
        (f"{JSON};q=0.5, */*", RESPONSE_JSON),
        (f"{RESPONSE_JSON};q=0.5, application/*", JSON),
        (f"application/*;q=0.1, */*, {RESPONSE_JSON};q=0.2", RESPONSE_JSON),
        (f"application/*;q=0, {JSON}", JSON),
        (f"{JSON};q=0.9, {JSON};charset=utf-8;q=0.1, {RESPONSE_JSON};q=0.5", RESPONSE_JSON),
        # A weight of 0 refuses, which no wider range takes back.
        (f"{JSON};q=0, */*", RESPONSE_JSON),
        (f"*/*, {RESPONSE_JSON};q=0.000, {JSON};q=0.001", JSON),
        (f"{JSON};charset=utf-8;q=0, {JSON}, */*;q=0.1", RESPONSE_JSON),
        # Equal weights: who names one prefers it to what a wildcard lets in.
        (f"{JSON}, */*", JSON),
        (f"{RESPONSE_JSON}, */*", RESPONSE_JSON),
        (f"{JSON}, text/plain, */*", JSON),
        # Letter case, blanks, quotes, empty members and parameters
        (f"{RESPONSE_JSON.upper()} ; Q=1 , {JSON};q=0.9", RESPONSE_JSON),
        (f"{JSON}\t;\tCharset=UTF8;q=1.000", JSON),
        (f'{JSON};charset="\\utf-8"', JSON),
        (f'text/plain;x="a,{RESPONSE_JSON}", {JSON};q=0.1', JSON),
        (f", ,{JSON};;q=1,", JSON),
        # A parameter that neither response has: another media type
        (f"{JSON};version=2, {RESPONSE_JSON};q=0.1", RESPONSE_JSON),
        (f"{JSON};charset=utf-16, {RESPONSE_JSON};q=0.1", RESPONSE_JSON),
        # As clients send it: Java's HttpURLConnection, Apollo Client, urql, a browser's fetch
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", JSON),
        (f"multipart/mixed;deferSpec=20220824, {RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (
            f"{RESPONSE_JSON}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed",
            RESPONSE_JSON,
        ),
        (f"{RESPONSE_JSON};charset=utf-8, {JSON};charset=utf-8", RESPONSE_JSON),
        # Events are for who names them, and likes JSON less: Hive Router, graphql-sse
        (f'multipart/mixed;subscriptionSpec="1.0", {EVENT_STREAM}', EVENT_STREAM),
        (f"{EVENT_STREAM}; charset=utf-8, {JSON};q=0.9", EVENT_STREAM),
        (f"{EVENT_STREAM}, {JSON}, */*;q=0.1", JSON),
        (f"text/*, {JSON};q=0.1", JSON),
        (f"{EVENT_STREAM};q=0.2, {RESPONSE_JSON};q=0.1", EVENT_STREAM),
    ],
)
def test_the_better_of_what_the_client_takes(accepted: str, expected: str) -> None:
    assert media_type(accepted) == expected


@pytest.mark.parametrize(
    "accepted",
    [
        "text/plain",
        "",
        f"{JSON};q=0",
        "*/*;q=0",
        "application/*;q=0, */*",
        "\x00",
        "," * 99,
        "text/*",
        '"',
        f'"{JSON}"',
    ],
)
def test_what_cannot_be_served_is_406(accepted: str) -> None:
    with pytest.raises(HTTPError) as error:
        media_type(accepted)
    assert error.value.status == 406


@pytest.mark.parametrize("weight", ["x", "nan", "inf", "-1", "1.1", "2", "1e-1", "", " ", ".", "+1", "0_1", "0.5x"])
@pytest.mark.parametrize("others", ["", ", */*"])
def test_a_weight_that_is_no_number_from_0_to_1_is_400(weight: str, others: str) -> None:
    """A header that cannot be read does not say that nothing is acceptable (RFC 9110, 15.5.1 and 15.5.7)."""
    with pytest.raises(HTTPError) as error:
        media_type(f"{JSON};q={weight}{others}")
    assert error.value.status == 400


def test_a_list_in_several_lines_is_one() -> None:
    """RFC 9110, 5.3."""
    assert response_type(accepting("text/html", f"{RESPONSE_JSON};q=0.1", f"{JSON};q=0.2")) == JSON
    assert response_type(accepting("*/*", f"{JSON};q=0")) == RESPONSE_JSON
    assert response_type(accepting()) == response_type(accepting("")) == JSON


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["text/html,application/xhtml+xml,*/*;q=0.8"], True),
        (["TEXT/HTML"], True),
        (["application/xhtml+xml", "text/html;q=0.5"], True),
        (["application/json, text/html"], False),
        (["text/html", RESPONSE_JSON], False),
        (["text/html;q=0, */*"], False),
        (["text/html;q=5"], False),
        (["*/*"], False),
        ([], False),
    ],
)
def test_a_browser_is_told_from_a_program(lines: list[str], expected: bool) -> None:
    assert wants_page(accepting(*lines)) is expected


@pytest.mark.parametrize("codings", [["Identity"], ["identity, IDENTITY"], ["identity", "identity"], [""]])
def test_a_body_without_a_coding_is_read_however_that_is_said(codings: list[str]) -> None:
    head = [(b"content-type", b"Application/JSON; Charset=UTF-8")]
    check_content(Headers(head + [(b"content-encoding", coding.encode()) for coding in codings]))


def test_a_coding_in_a_second_line_counts() -> None:
    head = Headers(
        [(b"content-type", b"application/json"), (b"content-encoding", b"identity"), (b"content-encoding", b"gzip")]
    )
    with pytest.raises(HTTPError) as error:
        check_content(head)
    assert error.value.status == 415


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([EVENT_STREAM], True),
        ([f"{JSON}, {EVENT_STREAM};q=0.1"], True),
        ([JSON, EVENT_STREAM], True),
        ([f"{EVENT_STREAM};q=0, */*"], False),
        (["text/*, */*"], False),
        ([], False),
    ],
)
def test_a_stream_is_for_who_names_its_media_type(lines: list[str], expected: bool) -> None:
    assert takes_events(accepting(*lines)) is expected
