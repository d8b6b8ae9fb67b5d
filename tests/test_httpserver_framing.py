"""`httpserver.framing`, `httpserver.request_body`: each rule of RFC 9112 and 9110 that a request can break."""

import pytest

from httpserver.framing import MAX_HEADERS, read_head
from httpserver.http_errors import HTTPError
from httpserver.request_body import Body
from tests.sockets import CHUNKED, post

HEAD = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


def headed(*lines: bytes, first: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a.example\r\n") -> bytes:
    return first + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


REFUSED = {
    "9112 3.2: no Host": (400, headed(host=b"")),
    "9112 3.2: two Hosts": (400, headed(b"Host: a.example")),
    "9112 3.2: a Host that is none": (400, headed(host=b"Host: a b\r\n")),
    "9112 3.2: a path in Host": (400, headed(host=b"Host: a/b\r\n")),
    "9112 3.2.2: another host": (400, headed(first=b"GET http://b.example/ HTTP/1.1")),
    "9112 3.2.2: a user in the target": (400, headed(first=b"GET http://a.example@b.example/ HTTP/1.1")),
    "9112 3.2: no form of target": (400, headed(first=b"GET a.example HTTP/1.1")),
    "9112 3.2.4: an asterisk": (400, headed(first=b"GET * HTTP/1.1")),
    "9112 3: two spaces": (400, headed(first=b"GET  / HTTP/1.1")),
    "9112 2.3: no version": (400, headed(first=b"GET /")),
    "9112 2.3: version 2": (505, b"PRI * HTTP/2.0\r\n\r\n"),
    "9112 2.3: version 3": (505, headed(first=b"GET / HTTP/3.0")),
    "9112 5.2: a folded line": (400, headed(b"X: a", b" b")),
    "9112 5.1: a space before the colon": (400, headed(b"Content-Length : 2")),
    "9110 5.1: no name": (400, headed(b": a")),
    "9110 5.5: NUL": (400, headed(b"X: \x00")),
    "9112 2.2: a line feed alone": (400, headed(b"X: a\nY: b")),
    "9112 2.2: a carriage return alone": (400, headed(b"X: a\rY: b")),
    "9112 6.1: with a length": (400, headed(b"Transfer-Encoding: chunked", b"Content-Length: 2")),
    "9112 6.1: in HTTP/1.0": (400, headed(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0")),
    "9112 6.1: another coding": (501, headed(b"Transfer-Encoding: gzip, chunked")),
    "9112 6.1: identity": (501, headed(b"Transfer-Encoding: identity")),
    "9112 6.1: twice": (501, headed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    "9112 6.3: two lengths": (400, headed(b"Content-Length: 1", b"Content-Length: 2")),
    "9112 6.3: a list of lengths": (400, headed(b"Content-Length: 1, 2")),
    "9110 8.6: more digits than a body can have": (413, headed(b"Content-Length: " + b"9" * 31)),
    "9110 8.6: more digits than Python reads": (413, headed(b"Content-Length: " + b"9" * 5_000)),
    "9110 8.6: a sign": (400, headed(b"Content-Length: +1")),
    "9110 8.6: a digit of another script": (400, headed("Content-Length: ٢".encode())),
    "9110 9.3.6: a tunnel": (501, headed(first=b"CONNECT a.example:443 HTTP/1.1")),
    "9110 10.1.1: another expectation": (417, headed(b"Expect: the unexpected")),
    "6585 5: too many headers": (431, headed(*[b"X: y"] * MAX_HEADERS)),
}


@pytest.mark.parametrize(("status", "head"), REFUSED.values(), ids=REFUSED)
def test_a_head_that_breaks_a_rule_is_refused(status: int, head: bytes) -> None:
    with pytest.raises(HTTPError) as refusal:
        read_head(head)
    assert refusal.value.status == status


def test_an_upgrade_is_not_taken_and_its_body_is_framed_as_any_other() -> None:
    head = read_head(headed(b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AA", b"Content-Length: 7"))
    assert head.length == 7
    assert head.keep_alive
    assert [name for name, _ in head.headers.fields] == [b"host", b"connection", b"content-length"]


@pytest.mark.parametrize("target", [b"http://a.example/x?y", b"HTTP://A.example/x?y", b"/x?y"])
def test_an_absolute_target_that_names_the_same_host_is_a_path(target: bytes) -> None:
    head = read_head(headed(first=b"GET %s HTTP/1.1" % target))
    assert (head.raw_path, head.query_string) == (b"/x", b"y")


def test_an_expectation_is_for_http_1_1_alone() -> None:
    assert read_head(headed(b"Expect: 100-Continue")).expects_continue
    assert not read_head(headed(b"Expect: 100-continue", first=b"GET / HTTP/1.0")).expects_continue
    assert not read_head(headed(b"Expect: else", first=b"GET / HTTP/1.0")).expects_continue


@pytest.mark.parametrize(
    ("lines", "first", "keeps"),
    [
        ((), b"GET / HTTP/1.1", True),
        ((b"Connection: close",), b"GET / HTTP/1.1", False),
        ((b"Connection: te, Close",), b"GET / HTTP/1.1", False),
        ((b"Connection: keep-alive", b"Connection: close"), b"GET / HTTP/1.1", False),
        ((), b"GET / HTTP/1.0", False),
    ],
)
def test_a_connection_is_kept_as_both_sides_say(lines: tuple[bytes, ...], first: bytes, keeps: bool) -> None:
    assert read_head(headed(*lines, first=first)).keep_alive is keeps


def taken(data: bytes, *, cut: int) -> tuple[bytes, bytes]:
    """Return the body in pieces of so many bytes, and what is left."""
    body, buffer, found = Body(None, 10_000), bytearray(), b""
    for at in range(0, len(data), cut):
        buffer += data[at : at + cut]
        if not body.is_complete:
            found += body.read(buffer)
    assert body.is_complete
    return found, bytes(buffer)


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
def test_chunks_are_joined_and_what_is_beside_them_is_dropped(cut: int) -> None:
    data = b'3;a="b"\r\nabc\r\n0A \r\n0123456789\r\n000\r\nX-Gateway-Key: stolen\r\nContent-Length: 9\r\n\r\nGET /'
    assert taken(data, cut=cut) == (b"abc0123456789", b"GET /")


@pytest.mark.parametrize(
    "data",
    [
        *(b"x\r\n", b"-1\r\n", b"0x1\r\n", b"1\n", b"\r\n", b"1\r\nab\r\n", b"f" * 16 + b"\r\n"),
        *(b"0\r\n folded: y\r\n", b"0\r\nno colon\r\n", b"1;" + b"x" * 5_000, b"1; \x00\r\n", b"1\r\na\n\n0\r\n\r\n"),
    ],
)
def test_chunks_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(HTTPError) as refusal:
        Body(None, 10_000).read(bytearray(data))
    assert refusal.value.status == 400


def test_what_is_beside_the_chunks_is_bounded() -> None:
    with pytest.raises(HTTPError) as refusal:
        Body(None, 10_000).read(bytearray(b"1\r\nx\r\n" * 3_000))
    assert refusal.value.status == 413


def test_usual_requests_are_read() -> None:
    head = read_head(post().partition(b"{}")[0])
    assert (head.method, head.path, head.length) == ("POST", "/graphql", 2)
    assert read_head(CHUNKED.partition(b"2\r\n")[0]).length is None
