import json

import pytest

from web.media_types import RESPONSE_JSON
from web.sent import Sent, lines, written


def test_a_message_is_the_response_with_lines_around_its_own() -> None:
    sent = Sent(b"{}", 405, RESPONSE_JSON, {"Allow": "POST"})
    head, _, body = sent.message(b"date: now\r\n", b"x-request-id: 1\r\n").partition(b"\r\n\r\n")
    assert body == b"{}"
    first, date, *own, allow, id_ = head.split(b"\r\n")
    assert (first, date) == (b"HTTP/1.1 405 Method Not Allowed", b"date: now")
    assert (allow, id_) == (b"allow: POST", b"x-request-id: 1")
    assert own[0] == b"content-type: application/graphql-response+json; charset=utf-8"
    assert own[-1] == b"content-length: 2"
    assert not sent.closes


async def test_both_forms_have_the_same_headers() -> None:
    sent = Sent("é".encode(), 413, headers={"Connection": "close"})
    told = []

    async def send(message: dict) -> None:
        told.append(message)

    await sent({}, None, send)
    assert sent.message(b"", b"") == (
        b"HTTP/1.1 413 Request Entity Too Large\r\n" + lines(told[0]["headers"]) + b"\r\n" + told[1]["body"]
    )
    assert sent.closes


def test_a_status_without_a_phrase_can_be_sent() -> None:
    assert Sent(b"", 499).message(b"", b"").startswith(b"HTTP/1.1 499 \r\n")


@pytest.mark.parametrize("value", [10**30, "\ud800", {"a": [10**30, "\udfff"]}])
def test_what_the_fast_writer_refuses_is_written_too(value: object) -> None:
    assert json.loads(written({"data": value})) == {"data": value}
