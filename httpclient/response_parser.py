"""One HTTP/1.1 response after another, from the bytes of a connection (RFC 9112). No I/O.

httptools reads them twice. One parser reads what clients have to read, or mostly do: folded lines (5.2), bare line
feeds (2.2), blanks before a colon (5.1) and behind the size of a chunk. The other one takes only what the grammar
allows, and so tells whose idea of where a response ends may differ from ours: such a connection is not used again.
"""

from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from httpclient.response import Headers, Response

MOST_FRAMING_BYTES = 65_536
"""Of a response's head, and of all else that is not its body, but for what each chunk may take beyond that."""

MOST_FRAMING_BYTES_OF_A_CHUNK = 8

MOST_LINE_BYTES = 16_384
"""Of one header line, unfolded."""

MOST_HEADERS = 500
"""Header lines of one response."""

BODY_TOO_LARGE = "the body is too large"
HEAD_TOO_LARGE = "the head is too large"
CUT = "the connection ended before the reply did"
NO_RESPONSE = "not an HTTP reply"
UNASKED_CODING = "a transfer coding that was not asked for"

_VERSIONS = ("1.1", "1.0")
_BEFORE_THE_FIRST_HEADER = "Unexpected space after start line"
"""llhttp's reason: RFC 9112, 2.2, lets nobody read such a line as a header."""


class MalformedResponse(Exception):
    """What came is no HTTP response, no whole one, or too large. The text says which, and nothing of what came."""


class ResponseParser:
    """Takes bytes with `feed` until there is a `response`; `begin` before each one."""

    response: Response | None
    keep_alive: bool
    """Whether the next response may come on the same connection."""

    _status: int | None
    _headers: list[tuple[bytes, bytes]]
    _body: bytes | bytearray
    _is_chunked: bool

    def __init__(self) -> None:
        self._parser: Any = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._strict: Any = HttpResponseParser(_NO_CALLBACKS)
        self.clear()
        self.begin(0)

    def begin(self, most_bytes: int) -> None:
        """Await a response with a body of no more bytes than that."""
        self._most_bytes = most_bytes
        self._received = 0
        self._refusal = NO_RESPONSE
        self._is_odd = False
        self.keep_alive = True

    def clear(self) -> None:
        """Drop what has come: nobody needs it while the connection is idle."""
        self.response = None
        self._begin_message()

    @property
    def has_head(self) -> bool:
        """Whether the head of a response has come."""
        return self._status is not None

    def feed(self, data: bytes) -> None:
        """Read on; raises `MalformedResponse` for what cannot become a response."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.keep_alive = False
        except HttpParserError:
            self.keep_alive = False
            if self.response is None:
                raise MalformedResponse(self._refusal) from None
        if not self._is_odd:
            self._check(data)
        if self.response is not None:
            if self._is_odd:
                self._normalize()
        elif (
            len(self._body) > self._most_bytes
            or self._received - len(self._body) > MOST_FRAMING_BYTES + MOST_FRAMING_BYTES_OF_A_CHUNK * self._pieces
        ):
            raise MalformedResponse(BODY_TOO_LARGE)

    def end(self) -> Response:
        """Return the response that the connection's end completes (RFC 9112, 6.3); raises `MalformedResponse`."""
        self._normalize()
        if self._status is None or self._is_chunked or Headers(self._headers).get("Content-Length"):
            raise MalformedResponse(CUT)
        return self._response(self._status)

    def close(self) -> None:
        """Drop the parsers, which refer to this in a cycle."""
        self._parser = self._strict = None

    def _check(self, data: bytes) -> None:
        try:
            self._strict.feed_data(data)
        except HttpParserUpgrade:
            pass
        except HttpParserError as error:
            self._is_odd = True
            self.keep_alive = False
            if str(error) == _BEFORE_THE_FIRST_HEADER:
                raise MalformedResponse(NO_RESPONSE) from None

    def _normalize(self) -> None:
        """Take blanks from the ends of header names (RFC 9112, 5.1), and no NUL in a value (RFC 9110, 5.5)."""
        if any(b"\0" in value for _, value in self._headers):
            raise MalformedResponse(NO_RESPONSE)
        self._headers[:] = [(name.rstrip(), value) for name, value in self._headers]

    # httptools' parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is none, nor is what belongs to a second response."""
        if self._status is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head."""
        if self.response is not None:
            return
        self._bound_head()
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            self._refuse(NO_RESPONSE)
        for name, value in self._headers:
            if len(name) > 16 and name.lower().rstrip() == b"transfer-encoding":
                self._check_codings(value, version)
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces += 1
        if self._pieces == 3:
            self._body = bytearray(self._body)  # as objects, pieces of two bytes would take twenty times as much
        self._body += data  # mostly all of it, or the second half

    def on_message_begin(self) -> None:
        """Do not use the connection again after a second response, which nobody asked for."""
        if self.response is not None:
            self.keep_alive = False

    def on_message_complete(self) -> None:
        """Take the response, if it is more than information about one to come (RFC 9110, 15.2)."""
        if self.response is not None:
            return
        assert self._status is not None
        if self._status < 200 and self._status != 101:
            self._begin_message()
            return
        self.response = self._response(self._status)
        self.keep_alive = self.keep_alive and self._parser.should_keep_alive()

    def _begin_message(self) -> None:
        self._status = None
        self._headers = []
        self._body = b""
        self._pieces = 0
        self._is_chunked = False

    def _response(self, status: int) -> Response:
        return Response(status, Headers(self._headers), bytes(self._body))

    def _bound_head(self) -> None:
        """Refuse a head that is too large though it came in one read; `feed` sees to those that come in many."""
        if self._received > MOST_LINE_BYTES or len(self._headers) > MOST_HEADERS:
            sizes = [len(name) + len(value) + 4 for name, value in self._headers]
            is_too_long = max(sizes, default=0) > MOST_LINE_BYTES or sum(sizes) > MOST_FRAMING_BYTES
            if is_too_long or len(sizes) > MOST_HEADERS:
                self._refuse(HEAD_TOO_LARGE)

    def _check_codings(self, value: bytes, version: str) -> None:
        codings = [coding.strip() for coding in value.lower().split(b",")]
        if self._is_chunked or codings != [b"chunked"] or version == "1.0":
            self.keep_alive = False  # RFC 9112, 6.1: chunked once, and not in HTTP/1.0
        self._is_chunked = True
        if not {b"chunked", b""}.issuperset(codings):
            self._refuse(UNASKED_CODING)  # none but chunked can come to who sends no TE (RFC 9110, 10.1.4)

    def _refuse(self, reason: str) -> None:
        """Stop the parser."""
        self._refusal = reason
        raise ValueError(reason)


_NO_CALLBACKS = object()
"""A parser calls nothing of it."""
