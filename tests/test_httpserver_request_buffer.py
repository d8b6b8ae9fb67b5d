"""`httpserver.request_buffer`: heads and bodies come out as they went in, wherever the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpserver.fast_path import Prepared
from httpserver.http_errors import HTTPError
from httpserver.request_buffer import RequestBuffer
from httpserver.response import HttpResponse

REQUESTS = [
    (b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    for body in (b"", b"{}", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"x" * 1_000)
]


@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
    st.lists(st.integers(1, 200), min_size=1, max_size=20),
)
def test_requests_are_told_apart_wherever_their_bytes_were_cut(
    requests: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    sent, at = b"".join(head + body for head, body in requests), 0
    buffer, found, waiting = RequestBuffer(), [], None
    for size in [*sizes, len(sent)]:
        if at < len(sent):
            buffer.append(sent[at : at + size])
            at += size
        while waiting is not None or (waiting := buffer.next_head()) is not None:
            length = buffer.length
            assert length is not None
            if len(buffer.data) < length:
                break
            found.append(bytes(buffer.data[:length]))
            buffer.data = buffer.data[length:]
            assert dict(buffer.exact(waiting).headers.fields)[b"content-length"] == b"%d" % length
            waiting = None
    assert found == [body for _, body in requests]
    assert not buffer.data


@pytest.mark.parametrize("any_length", [False, True])
def test_a_head_of_another_length_is_another_unless_the_application_says_otherwise(any_length: bool) -> None:
    buffer, heads = RequestBuffer(), []
    for length in (5, 17, 17, 17):
        buffer.append(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
        heads.append(head := buffer.next_head())
        assert head is not None
        head.prepared = Prepared(lambda _: HttpResponse(b""), any_length=any_length)
        assert buffer.length == length == buffer.exact(head).length
        assert buffer.exact(head).headers.get(b"content-length") == b"%d" % length
    assert (heads[0] is heads[1]) is any_length
    assert heads[1] is heads[2] is heads[3]


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: %d\r\nContent-Length: 7\r\n",
        b"Content-Length: %d\r\nCONTENT-LENGTH: 7\r\n",
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_a_length_beside_another_is_refused_each_time(lines: bytes) -> None:
    for length in (7, 7, 8):
        buffer = RequestBuffer()
        buffer.append(b"POST / HTTP/1.1\r\nHost: a\r\n" + lines % length + b"\r\n")
        with pytest.raises(HTTPError):
            buffer.next_head()


def test_blank_lines_before_a_request_are_skipped() -> None:
    buffer = RequestBuffer()
    buffer.append(b"\r\n\r\n" + REQUESTS[0][0])
    assert buffer.next_head() is not None
    assert not buffer.has_begun


@pytest.mark.parametrize(
    ("text", "status"), [(b"\x16\x03\x01", 400), (b"GET / HTTP/1.1\nHost: a\n", 400), (b"GET /" + b"x" * 70_000, 414)]
)
def test_what_can_be_no_head_is_refused_before_it_ends(text: bytes, status: int) -> None:
    buffer = RequestBuffer()
    buffer.append(text + b"\x00" if text[:1] == b"\x16" else text)
    with pytest.raises(HTTPError) as refused:
        buffer.next_head()
    assert refused.value.status == status
