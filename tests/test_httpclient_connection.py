"""`httpclient.connection`, byte by byte and without sockets: what is a reply, and when the connection can rest.

`httpclient.response` reads the bytes.
"""

import asyncio
import gzip
import tracemalloc

import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import HttpResponseParser

from httpclient.connection import ConnectionFailed, MalformedResponse
from httpclient.response import MOST_FRAMING_BYTES, MOST_HEADERS, MOST_LINE_BYTES, Response
from tests.lines import Line

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n"


def body(found: Response | ConnectionFailed | MalformedResponse) -> bytes:
    assert isinstance(found, Response), found
    return found.body


@pytest.mark.parametrize("reply", [OK, CHUNKED, b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + OK])
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_a_reply_is_the_same_in_whatever_pieces_it_comes(reply: bytes, size: int) -> None:
    line = Line()
    found = line.ask(*[reply[i : i + size] for i in range(0, len(reply), size)])
    assert body(found) == b"{}"
    assert line.found == [found]
    assert line.can_be_used_again


def test_one_exchange_after_another_and_nothing_of_the_last_one_is_left() -> None:
    line = Line()
    assert body(line.ask(b"HTTP/1.1 404 N\r\nX-Old: 1\r\nContent-Length: 3\r\n\r\nold")) == b"old"
    found = line.ask(CHUNKED)
    assert isinstance(found, Response)
    assert (found.status, found.body, found.headers.get("X-Old")) == (200, b"{}", "")


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_a_body_ends_with_its_head(status: int) -> None:
    line = Line()
    assert body(line.ask(b"HTTP/1.1 %d X\r\n\r\n" % status)) == b""
    assert line.can_be_used_again


@pytest.mark.parametrize(
    "reply",
    [
        OK.replace(b"Content", b"Connection: close\r\nContent"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        OK + b"HTTP/1.1 200 OK\r\nContent-Le",
        OK + b"rubbish",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nrubbish",
    ],
)
def test_a_reply_with_more_behind_it_is_the_reply_and_the_last_one_on_this_connection(reply: bytes) -> None:
    line = Line()
    assert body(line.ask(reply)) in (b"{}", b"")
    assert len(line.found) == 1
    assert line.pipe.is_shut
    assert not line.idle


def test_what_comes_unasked_ends_a_idle_connection() -> None:
    """Else it would be taken for the reply to the next request."""
    line = Line()
    line.ask(OK)
    line.connection.data_received(OK)
    assert line.pipe.is_shut
    assert len(line.found) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n{}",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_is_no_reply_is_garbled(reply: bytes, size: int) -> None:
    line = Line()
    assert isinstance(line.ask(*[reply[i : i + size] for i in range(0, len(reply), size)]), MalformedResponse)
    assert line.pipe.is_shut


FOLDED = b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\tc\r\nContent-Length:\r\n 2\r\n\r\n{}"
ODD = {
    "folded header": FOLDED,
    "folded coding": CHUNKED.replace(b"Encoding: ", b"Encoding:\r\n "),
    "folded trailer": CHUNKED.replace(b"Trailer: 1", b"Trailer: 1\r\n 2"),
    "bare line feeds": OK.replace(b"\r\n", b"\n"),
    "a bare line feed": OK.replace(b"OK\r\n", b"OK\n"),
    "bare line feeds in trailers": CHUNKED.replace(b"Trailer: 1\r\n\r\n", b"Trailer: 1\n\n"),
    "blanks behind chunk sizes": CHUNKED.replace(b"1\r\n{", b"1  \r\n{").replace(b"0\r\n", b"0 \r\n"),
    "a tab behind a chunk size": CHUNKED.replace(b"1\r\n{", b"1\t\r\n{"),
    "blanks before a colon": OK.replace(b"Length:", b"Length :"),
    "chunked in two lines": CHUNKED.replace(b"\r\n\r\n1", b"\r\nTransfer-Encoding: chunked\r\n\r\n1", 1),
    "chunked twice": CHUNKED.replace(b"chunked", b"chunked, chunked"),
    "chunked in HTTP/1.0": CHUNKED.replace(b"1.1 200 OK", b"1.0 200 OK\r\nConnection: keep-alive"),
}
"""What RFC 9112 forbids to send, and wants to be read (5.2, 2.2, 5.1) or clients read all the same (7.1)."""


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("reply", ODD.values(), ids=ODD)
def test_a_reply_of_odd_form_is_read_and_its_connection_not_used_again(reply: bytes, size: int) -> None:
    line = Line()
    found = line.ask(*[reply[i : i + size] for i in range(0, len(reply), size)])
    assert body(found) == b"{}"
    assert line.pipe.is_shut
    assert not line.idle


def test_the_connection_of_a_body_with_a_byte_order_mark_is_not_used_again() -> None:
    line = Line()
    assert body(line.ask(OK.replace(b"Length: 2", b"Length: 5").replace(b"{}", b"\xef\xbb\xbf{}"))) == b"\xef\xbb\xbf{}"
    assert line.pipe.is_shut
    assert not line.idle


@pytest.mark.parametrize("name", ODD)
async def test_what_is_read_of_an_odd_reply_is_what_aiohttp_reads(name: str) -> None:
    loop = asyncio.get_running_loop()
    protocol = ResponseHandler(loop)
    parser = HttpResponseParser(protocol, loop, 2**16, read_until_eof=True)
    (((message, payload),), _, _) = parser.feed_data(ODD[name])
    assert payload.is_eof()
    found = Line().ask(ODD[name])
    assert isinstance(found, Response)
    assert (found.status, found.body) == (message.code, await payload.read())
    for field, value in message.headers.items():
        assert found.headers.get(field.strip()) == value.strip()
    protocol.connection_lost(None)


def test_a_folded_line_is_one_value_with_blanks_for_the_breaks() -> None:
    """RFC 9112, 5.2: a user agent MUST replace each fold with one or more blanks."""
    found = Line().ask(FOLDED)
    assert isinstance(found, Response)
    assert found.headers.get("X").split() == ["a", "b", "c"]
    assert found.headers.get("Content-Length") == "2"


def test_a_folded_list_of_connection_options_is_read_as_a_whole() -> None:
    line = Line()
    assert body(line.ask(OK.replace(b"Content", b"Connection: x,\r\n close\r\nContent"))) == b"{}"
    assert line.pipe.is_shut


@pytest.mark.parametrize("codings", [b"gzip\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding: chunked"])
def test_a_chunked_reply_that_is_cut_is_not_whole_however_its_codings_are_written(codings: bytes) -> None:
    """RFC 9112, 8: a chunked message without its last chunk is incomplete. List headers may be in several lines."""
    line = Line()
    line.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + codings + b"\r\n\r\n2\r\n{}\r\n")
    line.connection.connection_lost(None)
    assert [type(found) for found in line.found] == [MalformedResponse]


@pytest.mark.parametrize(
    "codings",
    [b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked", b"gzip", b"identity", b"xchunked", b"chunk\r\n ed"],
)
def test_a_transfer_coding_that_nobody_asked_for_is_garbled(codings: bytes) -> None:
    line = Line()
    assert isinstance(line.ask(CHUNKED.replace(b"chunked", codings)), MalformedResponse)
    assert line.pipe.is_shut


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_a_body_has_none_whatever_its_length_says(status: int) -> None:
    """RFC 9112, 6.3, 1."""
    line = Line()
    assert body(line.ask(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n" % status)) == b""


ENDING = b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (b"X: y\r\n" * (MOST_HEADERS - 2), b"X: y\r\n" * MOST_HEADERS),
        (b"X: " + b"y" * (MOST_LINE_BYTES - 10) + b"\r\n", b"X: " + b"y" * MOST_LINE_BYTES + b"\r\n"),
        ((b"X: " + b"y" * 10_000 + b"\r\n") * 6, (b"X: " + b"y" * 10_000 + b"\r\n") * 7),
        (b"X: y\r\n" + b" z\r\n" * 1_000, b"X: y\r\n" + b" zzzz\r\n" * 4_000),
    ],
    ids=["lines", "bytes of a line", "bytes", "folds"],
)
def test_a_head_is_bounded_in_one_read_as_in_many(within: bytes, beyond: bytes) -> None:
    assert body(Line().ask(b"HTTP/1.1 200 OK\r\n" + within + ENDING, max_bytes=5_000_000)) == b"{}"
    whole = b"HTTP/1.1 200 OK\r\n" + beyond + ENDING
    for size in (len(whole), 1_000):
        line = Line()
        found = line.ask(*[whole[i : i + size] for i in range(0, len(whole), size)], max_bytes=5_000_000)
        assert isinstance(found, MalformedResponse)
        assert "too large" in str(found)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        (b"gzip", gzip.compress(b"{}") + bytes(16)),
        (b"utf-8", b"{}"),
        (b"UTF-8", b"{}"),
        (b"none", b"{}"),
        (b"identity", b"{}"),
        (b"gzip\r\nContent-Encoding: identity", gzip.compress(b"{}")),
    ],
    ids=["zeros", "utf-8", "UTF-8", "none", "identity", "two lines"],
)
def test_a_body_that_is_oddly_encoded_is_read_and_its_connection_not_used_again(encoding: bytes, sent: bytes) -> None:
    line = Line()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(sent))
    assert body(line.ask(head + sent)) == b"{}"
    assert line.pipe.is_shut


def test_codings_in_two_lines_are_one_list() -> None:
    sent = gzip.compress(gzip.compress(b"{}"))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    assert isinstance(Line().ask(head % len(sent) + sent), MalformedResponse)


def test_a_body_in_an_encoding_that_was_not_asked_for_is_garbled() -> None:
    assert isinstance(Line().ask(OK.replace(b"Content-L", b"Content-Encoding: br\r\nContent-L")), MalformedResponse)


def test_a_body_in_chunks_of_one_byte_is_read() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    pieces = [reply[i : i + 50_000] for i in range(0, len(reply), 50_000)]
    assert len(body(Line().ask(*pieces, max_bytes=100_000))) == 100_000


@pytest.mark.parametrize(
    ("piece", "count"),
    [(b"X: y\r\n", 1), (b"X: yyyyyyyy\r\n", MOST_FRAMING_BYTES), (b"x" * 60_000, 3)],
    ids=["a header", "headers", "no line at all"],
)
def test_a_head_without_end_is_given_up(piece: bytes, count: int) -> None:
    line = Line()
    line.ask(b"HTTP/1.1 200 OK\r\n", max_bytes=5_000_000)
    for _ in range(count):
        if not line.found:
            line.connection.data_received(piece)
    assert bool(line.found) is (count > 1)
    assert not line.found or isinstance(line.found[0], MalformedResponse)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 101,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
    ],
)
def test_one_byte_more_than_allowed_is_too_large(sent: bytes) -> None:
    line = Line()
    found = line.ask(sent)
    assert isinstance(found, MalformedResponse)
    assert "too large" in str(found)


@pytest.mark.parametrize("piece", [b";" + b"x" * 1000, b"x" * 1000])
def test_a_chunk_or_a_trailer_without_end_is_too_large(piece: bytes) -> None:
    line = Line()
    start = b"1" if piece.startswith(b";") else b"1\r\nx\r\n0\r\n"
    line.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + start)
    fed = 0
    while not line.found and fed < 10 * MOST_FRAMING_BYTES:
        line.connection.data_received(piece)
        fed += len(piece)
    assert isinstance(line.found[0], MalformedResponse)
    assert fed < 2 * MOST_FRAMING_BYTES


def test_a_body_may_end_with_the_connection() -> None:
    line = Line()
    line.ask(b"HTTP/1.0 200 OK\r\n\r\n{", b"}")
    assert not line.found
    line.connection.connection_lost(None)
    assert body(line.found[0]) == b"{}"
    assert not line.idle


@pytest.mark.parametrize(
    ("sent", "error", "kind"),
    [
        (b"", None, ConnectionFailed),
        (b"", ConnectionResetError(), ConnectionFailed),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None, ConnectionFailed),
        (b"HTTP/1.1 103 Hints\r\n\r\n", None, ConnectionFailed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None, MalformedResponse),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", None, MalformedResponse),
        (b"HTTP/1.0 200 OK\r\n\r\n{", ConnectionResetError(), MalformedResponse),
    ],
)
def test_an_end_too_soon_is_told_by_how_much_had_come(sent: bytes, error: Exception | None, kind: type) -> None:
    line = Line()
    line.ask(*[sent] if sent else [])
    line.connection.connection_lost(error)
    assert [type(found) for found in line.found] == [kind]
    assert line.closed == [line.connection]
    assert line.pipe.lost == [error], "aiohttp waits for this when its session closes"


def test_who_breaks_off_is_told_nothing() -> None:
    line = Line()
    line.ask()
    line.connection.abort()
    line.connection.data_received(OK)
    line.connection.connection_lost(None)
    assert line.found == []
    assert line.pipe.is_shut
    assert not line.idle


def test_nothing_of_a_reply_is_kept_while_the_connection_rests() -> None:
    """Records are personal data."""
    line = Line()
    line.ask(OK.replace(b"{}", b"[]").replace(b"Length", b"Length: 2\r\nX-Secret"))
    assert line.can_be_used_again
    parts = vars(line.connection._parser).values()
    assert not [
        part for part in parts if b"[]" in (part, getattr(part, "body", 0)) or (isinstance(part, list) and part)
    ]


def test_headers_of_a_second_reply_are_not_those_of_the_first() -> None:
    found = Line().ask(OK + b"HTTP/1.1 200 OK\r\nX-Second: 1\r\n\r\n")
    assert isinstance(found, Response)
    assert found.headers.get("X-Second", "none") == "none"


def test_a_trailer_is_no_header() -> None:
    """RFC 9110, 6.5.1: a field may not mean in a trailer what it means in a head, `Retry-After` for one."""
    found = Line().ask(CHUNKED)
    assert isinstance(found, Response)
    assert found.headers.get("Transfer-Encoding") == "chunked"
    assert found.headers.get("X-Trailer", "none") == "none"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("pieces", "times"),
    [(b"2\r\nxy\r\n" * 10_000, 50), (b"a:b\r\n" * 10_000, 10_000)],
    ids=["small chunks", "trailers behind a large body"],
)
def test_a_reply_takes_little_more_memory_than_its_body_may(pieces: bytes, times: int) -> None:
    line = Line()
    line.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", max_bytes=1_000_000)
    if pieces.startswith(b"a"):
        line.connection.data_received(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n")
    tracemalloc.start()
    try:
        for _ in range(times):
            if not line.found:
                line.connection.data_received(pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
