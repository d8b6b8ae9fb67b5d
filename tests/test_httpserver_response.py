"""`httpserver.response`: what is sent of a response, and bodies that are not plain JSON values."""

import json

import pytest

from httpserver.response import HttpResponse, dumps, status_line
from web.media_types import RESPONSE_JSON


async def test_a_response_is_sent_with_its_own_headers_behind_those_of_all() -> None:
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    await HttpResponse(b"{}", 405, RESPONSE_JSON, {"Allow": "POST"})({}, None, send)
    start, body = sent
    assert start["status"] == 405
    assert start["headers"] == [
        (b"content-length", b"2"),
        (b"content-type", b"application/graphql-response+json; charset=utf-8"),
        (b"vary", b"Accept"),
        (b"allow", b"POST"),
    ]
    assert body == {"type": "http.response.body", "body": b"{}"}


def test_a_status_without_a_phrase_can_be_sent() -> None:
    assert status_line(499) == b"HTTP/1.1 499 \r\n"
    assert status_line(405) == b"HTTP/1.1 405 Method Not Allowed\r\n"


@pytest.mark.parametrize("value", [10**30, "\ud800", {"a": [10**30, "\udfff"]}])
def test_what_the_fast_writer_refuses_is_written_too(value: object) -> None:
    assert json.loads(dumps({"data": value})) == {"data": value}
