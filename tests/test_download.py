"""`web.download`: a file that is streamed, and that nobody takes for whole if it is not."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from httpserver.envelope import Envelope
from httpserver.http_errors import HTTPError
from tests import loops
from tests.sockets import Client, body_of, serving
from tests.waiting import until
from web.auth.callers import Caller
from web.download import Download, DownloadLimits, Encode, Table, read_parameters
from web.file_formats import NDJSON
from web.policy import ConcurrencyLimit, RequestPolicy

LOOPS = loops.WITH_ITS_OWN_TIME
SECRET = "CANARY-7d1c"
BIG = "x" * 60_000
OUTAGE = HTTPError(503, "Away.", code="STORE_UNAVAILABLE", retryable=True)


class Rows:
    """A table of texts, one a piece; an exception among them is raised, an event waited for."""

    def __init__(self, *pieces: Any, timeout_seconds: float = 2, at_once: int = 1) -> None:
        self.pieces = pieces
        self.read = 0
        self.is_closed = False
        limits = DownloadLimits(ConcurrencyLimit(at_once), timeout_seconds)
        self.policy = RequestPolicy(concurrency_limit=ConcurrencyLimit(5))
        self.app = Envelope(
            Download(self.open, NDJSON, parameters={"a": "[1]", "b": None}, security=self.policy, limits=limits)
        )

    async def open(self, given: Mapping[str, Any], _: Caller) -> Table:
        if "b" in given:
            raise HTTPError(400, "No b.")
        return Table("some", ["x"], self._pieces, {"Some": "more"})

    async def _pieces(self, encode: Encode) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self.pieces:
                self.read += 1
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                else:
                    yield encode([[piece]])
        finally:
            self.is_closed = True


def get(target: str = "/", method: str = "GET", version: str = "1.1", *lines: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: localhost", *lines, "", ""]).encode()


async def whole(client: Client, request: bytes) -> bytes:
    """Return all that comes until the server closes."""
    client.writer.write(request)
    return await client.rest()


CLOSING = get("/", "GET", "1.1", "Connection: close")


async def test_a_file_of_several_pieces_comes_in_chunks_and_ends() -> None:
    async with serving(Rows("a", "b", "c")) as served, served.client() as client:
        answer = await whole(client, CLOSING)
    head = answer.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b'content-disposition: attachment; filename="some.ndjson"' in head
    assert b"content-type: application/x-ndjson; charset=utf-8" in head
    assert b"some: more" in head
    assert b"transfer-encoding: chunked" in head
    assert answer.endswith(b'{"x":"c"}\n\r\n0\r\n\r\n')


async def test_a_file_of_one_piece_or_none_says_how_long_it_is() -> None:
    for rows, length in (Rows("a"), 10), (Rows(), 0):
        async with serving(rows) as served, served.client() as client:
            assert f"content-length: {length}\r\n".encode() in await client.ask(get())


@pytest.mark.parametrize("error", [OUTAGE, ValueError(SECRET)])
async def test_a_failure_in_the_middle_leaves_the_coding_without_its_end(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    rows = Rows("a", "b", error)
    async with serving(rows) as served, served.client() as client:
        answer = await whole(client, get())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"x":"a"}' in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert "A file was broken off: " in caplog.text
    assert SECRET not in caplog.text
    assert rows.is_closed


async def test_nor_is_the_file_whole_for_a_client_of_an_older_version() -> None:
    """HTTP/1.0 has no chunks: the end of the connection is the end of the file, unless it is reset."""
    async with serving(Rows("a", "b", OUTAGE)) as served, served.client() as client:
        client.writer.write(get(version="1.0"))
        with pytest.raises(ConnectionResetError):
            await client._reader.read()


async def test_a_failure_before_the_first_byte_is_told() -> None:
    for pieces in [OUTAGE], ["a", OUTAGE]:
        async with serving(Rows(*pieces)) as served, served.client() as client:
            answer = await client.ask(get())
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body_of(answer))["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
        assert b"content-disposition" not in answer


async def test_a_fault_of_our_own_before_the_first_byte_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Rows(ValueError(SECRET))) as served, served.client() as client:
        answer = await client.ask(get())
    assert json.loads(body_of(answer))["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert SECRET not in answer.decode() + caplog.text


async def test_head_reads_no_rows() -> None:
    rows = Rows("a", "b")
    async with serving(rows) as served, served.client() as client:
        answer = await whole(client, get("/", "HEAD", "1.1", "Connection: close"))
    assert b'filename="some.ndjson"' in answer
    assert body_of(answer) == b""
    assert rows.read == 0


async def test_other_methods_and_media_types_are_refused() -> None:
    async with serving(Rows("a")) as served, served.client() as client:
        answer = await client.ask(get("/", "POST", "1.1", "Content-Length: 0"))
        assert answer.startswith(b"HTTP/1.1 405 ")
        assert b"allow: GET, HEAD\r\n" in answer
        answer = await client.ask(get("/", "GET", "1.1", "Accept: application/json"))
        assert answer.startswith(b"HTTP/1.1 406 ")
        assert b"application/x-ndjson" in body_of(answer)
        for accepted in ("*/*", "application/*", "text/html, */*;q=0.1", "application/x-ndjson"):
            assert (await client.ask(get("/", "GET", "1.1", f"Accept: {accepted}"))).startswith(b"HTTP/1.1 200 ")


async def test_so_many_files_at_once_and_no_more() -> None:
    gate = asyncio.Event()
    rows = Rows("a", gate)
    async with serving(rows) as served, served.client() as first, served.client() as second:
        first.writer.write(get())
        await until(lambda: rows.read == 2)
        answer = await second.ask(get())
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in answer
        gate.set()
        await first.answer()
        assert (await second.ask(get())).startswith(b"HTTP/1.1 200 ")


async def test_a_file_that_takes_too_long_is_refused_or_broken_off() -> None:
    for pieces, status in ((["a"], b"503"), (["a", "b"], b"200")):
        rows = Rows(*pieces, asyncio.Event(), timeout_seconds=0.05)
        async with serving(rows) as served, served.client() as client:
            answer = await whole(client, CLOSING)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (b"SERVER_BUSY" in answer) is (status == b"503")
        assert not answer.endswith(b"0\r\n\r\n")
        assert rows.is_closed


async def test_nothing_is_read_for_a_client_that_has_gone() -> None:
    rows = Rows("a", "b", asyncio.Event(), "c")
    async with serving(rows) as served, served.client() as client:
        client.writer.write(get())
        await until(lambda: rows.read == 3)
        client.writer.transport.abort()
        await until(lambda: rows.is_closed)
    assert rows.read == 3


async def test_no_more_is_read_than_a_client_takes() -> None:
    rows = Rows(*[BIG] * 400)
    async with serving(rows) as served, served.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads, too
        client.writer.write(CLOSING)
        await until(lambda: rows.read > 5)
        await served.settle()
        assert rows.read < 350  # some of it waits in the buffers of the system
        client.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        await client.rest()
    assert rows.read == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (b"a=1&secret=1", r"^Parameter 2 of this address must be one of a, b\.$"),
        (b"a=1&b=&a=1", r"^The parameter `a` is given twice\.$"),
        (b"a=%7B", r"^The parameter `a` must be JSON, such as \[1\]$"),
        (b"a=[{%22c%22:1,%22c%22:2}]", r"^The parameter `a` has a name twice in one object\.$"),
        (b"a=", r"^The parameter `a` must be JSON, such as \[1\]$"),
        (b"b=%FF", "UTF-8"),
        (b"a=" + b"[" * 5_000, r"^The parameter `a` must be JSON, such as \[1\]$"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(query: bytes, said: str) -> None:
    with pytest.raises(HTTPError, match=said) as refused:
        read_parameters(query, {"a": "[1]", "b": None})
    assert refused.value.status == 400


def test_parameters_are_text_or_json() -> None:
    assert read_parameters(b"a=%7B%22x%22:1%7D&b=%C3%A4+b", {"a": "[1]", "b": None}) == {"a": {"x": 1}, "b": "ä b"}
    assert read_parameters(b"", {"a": "[1]"}) == {}
