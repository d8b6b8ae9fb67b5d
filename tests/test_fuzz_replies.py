"""Replies framed, broken, cut and joined at random, and what h11 makes of them. `FUZZ_EXAMPLES` makes it longer."""

import re
from dataclasses import dataclass
from itertools import pairwise

import h11
from hypothesis import given
from hypothesis import strategies as st

from httpclient.connection import ConnectionFailed, MalformedResponse
from httpclient.response import Headers, Response
from tests.fuzzing import bounded
from tests.lines import Line

MOST = 10_000


@dataclass(frozen=True)
class Read:
    """What somebody makes of bytes and of their end: a whole reply, or nothing."""

    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    is_kept: bool = False
    """Whether the next request could be sent on the connection, had it not ended."""

    @property
    def is_reply(self) -> bool:
        return self.status is not None


def in_pieces(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def plain(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers as they may be compared: a fold is as good as any other blank."""
    found = ((name.lower(), b" ".join(value.split())) for name, value in headers)
    return tuple((name, value.lower() if name == b"transfer-encoding" else value) for name, value in found)


def ours(pieces: list[bytes]) -> Read:
    line = Line()
    line.ask(max_bytes=MOST)
    for piece in pieces:
        if not line.pipe.is_shut:
            line.connection.data_received(piece)
    is_kept = line.can_be_used_again
    line.connection.connection_lost(None)
    assert len(line.found) == 1, "an exchange ends once"
    (found,) = line.found
    if not isinstance(found, Response):
        assert isinstance(found, ConnectionFailed | MalformedResponse)
        assert not is_kept
        return Read()
    assert isinstance(found.headers, Headers)
    return Read(found.status, plain(list(found.headers)), found.body, is_kept)


def h11s(data: bytes) -> Read:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=10 * MOST)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, headers, body = None, plain([]), b""
    try:
        for _ in range(2):
            while (event := connection.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    status, headers = event.status_code, plain(list(event.headers))
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    is_kept = connection.their_state is h11.DONE and connection.trailing_data == (b"", False)
                    return Read(status, headers, body, is_kept)
                elif not isinstance(event, h11.InformationalResponse):
                    return Read()
            connection.receive_data(b"")
    except h11.RemoteProtocolError:
        pass
    return Read()


def is_kept_by_h11(data: bytes) -> bool:
    """Whether h11 keeps the connection, but for what httptools takes deliberately.

    Empty lines around replies are nobody's: it skips them before the next one, as RFC 9112, 2.2, has it for requests.
    And clients should ignore the reason phrase (RFC 9112, 4), so that it may hold anything but a line's end.
    """
    data = re.sub(rb"(?<=HTTP/1\.[01] [0-9]{3} )[^\r\n]+", lambda reason: b"x" * len(reason[0]), data)
    data = re.sub(rb"(\A|\r\n\r\n)[\r\n]+HTTP/1", rb"\1HTTP/1", data)
    lines = len(data) - len(data.rstrip(b"\r\n"))
    return any(h11s(data[: len(data) - left_out]).is_kept for left_out in range(lines + 1))


NAMES = st.from_regex(rb"\AX-[A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}\Z")
VALUES = st.from_regex(rb"\A([!-~\x80-\xff]([ -~\t\x80-\xff]{0,10}[!-~\x80-\xff])?)?\Z")
LINES = st.lists(st.builds(b"%b: %b\r\n".__mod__, st.tuples(NAMES, VALUES)), max_size=3).map(b"".join)
CONNECTIONS = st.sampled_from(
    [b"", b"Connection: close\r\n", b"connection: keep-alive\r\n", b"Connection: x, Close\r\n"]
)
EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b';a="b;c"', b";x=" + b"y" * 50])
BODIES = st.binary(max_size=40) | st.just(b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
INTERIM = st.builds(b"HTTP/1.1 %d X\r\n%b\r\n".__mod__, st.tuples(st.sampled_from([100, 102, 103]), LINES))


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    chunks = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    sizes = [draw(st.sampled_from([b"%x", b"%X", b"00%x"])) % len(chunk) for chunk in chunks]
    parts = [size + draw(EXTENSIONS) + b"\r\n" + chunk + b"\r\n" for size, chunk in zip(sizes, chunks, strict=True)]
    return b"".join(parts) + b"0" + draw(EXTENSIONS) + b"\r\n" + draw(LINES) + b"\r\n"


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """Replies as RFC 9112 has them."""
    version, status = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"])), draw(st.sampled_from([200, 404, 500, 204, 304]))
    body, framing = draw(BODIES), draw(st.sampled_from(["length", "chunked", "end"]))
    if framing == "chunked" and version == b"1.1":
        line, body = (
            draw(st.sampled_from([b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:Chunked \r\n"])),
            draw(chunked()),
        )
    else:
        line = b"Content-Length: %d\r\n" % len(body) if framing == "length" else b""
    if status in (204, 304):
        body = b""
    head = draw(st.permutations([line, draw(LINES), draw(CONNECTIONS)]))
    reason = draw(st.sampled_from([b" OK", b" ", b" Not \xe9"]))
    start = b"HTTP/%b %d%b\r\n" % (version, status, reason)
    return b"".join([*draw(st.lists(INTERIM, max_size=2)), start, *head, b"\r\n", body])


PLACES = st.lists(st.integers(0, 2**16), max_size=6)
BEHIND = st.just(b"") | st.sampled_from([b"x", b"\r\n", b"0\r\n\r\n"]) | replies()


@bounded
@given(replies(), BEHIND, PLACES, st.none() | st.integers(0, 2**16))
def test_a_reply_is_what_h11_reads_however_it_is_cut_and_whatever_stands_behind_it(
    reply: bytes, behind: bytes, places: list[int], end: int | None
) -> None:
    data = reply + behind if end is None else reply[: end % (len(reply) + 1)]
    mine, theirs = ours(in_pieces(data, places)), h11s(data)
    assert (mine.status, mine.headers, mine.body) == (theirs.status, theirs.headers, theirs.body)
    if mine.is_kept and b"HTTP/1.0" in data:
        assert (b"connection", b"keep-alive") in mine.headers, "RFC 9112, 9.3; h11 keeps none of HTTP/1.0"
    else:
        assert mine.is_kept == (theirs.is_kept or (mine.is_kept and is_kept_by_h11(data)))


ODDITIES = st.sampled_from(
    [
        *[
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\r\n ",
            b"\r\n\t",
            b"\n ",
            b"\0",
            b":",
            b";",
            b",",
            b"0",
            b"1",
            b"\xff",
            b"",
        ],
        *[
            b"Content-Length: 1\r\n",
            b"Content-Length: 2\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: gzip\r\n",
        ],
        *[
            b"Connection: keep-alive\r\n",
            b"Transfer-Encoding:\r\n chunked\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"0\r\n\r\n",
            b"\r\n\r\n",
        ],
        *[
            b"Content-Length : 3\r\n",
            b" X: 1\r\n",
            b"gzip, ",
            b", chunked",
            b"+",
            b"-",
            b"0x",
            b"1.0",
            b"2.0",
            b"f" * 20,
        ],
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, 2**16), ODDITIES, st.integers(0, 3)), min_size=1, max_size=4)


def changed(data: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    for place, new, length in changes:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + length :]
    return data


REFUSED = (
    rb"(?is)content-length.*transfer-encoding|transfer-encoding.*content-length",
    rb"(?is)content-length.*content-length",
    rb"(?is)chunked.*;",
)
"""What h11 reads and we refuse: two framings in one reply, or two lengths, even if equal, as RFC 9112, 6.3, allows;
chunk extensions that are none by its grammar (7.1.1)."""


@bounded
@given(replies(), CHANGES, BEHIND, PLACES)
def test_no_broken_reply_is_taken_for_another_one_or_leaves_its_connection_in_use(
    reply: bytes, changes: list[tuple[int, bytes, int]], behind: bytes, places: list[int]
) -> None:
    data = changed(reply, changes) + behind
    mine, theirs = ours(in_pieces(data, places)), h11s(data)
    whole = ours([data])
    assert (whole.status, whole.headers, whole.body) == (mine.status, mine.headers, mine.body)
    assert mine.is_kept <= whole.is_kept, "an empty line that comes later is unasked"
    if mine.is_kept and b"HTTP/1.0" not in data:
        assert is_kept_by_h11(data)
    if theirs.is_reply and not mine.is_reply:
        assert any(re.search(pattern, data) for pattern in REFUSED), data
    elif mine.is_reply and theirs.is_reply:
        assert (mine.status, mine.body) == (theirs.status, theirs.body), data
