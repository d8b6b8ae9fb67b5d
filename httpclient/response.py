"""A response, and how one after another is read from the bytes of a connection (HTTP/1.1: RFC 9112). No I/O.

httptools reads them twice. One parser reads what clients have to read, or mostly do: folded lines (5.2), bare line
feeds (2.2), blanks before a colon (5.1) and behind the size of a chunk. The other one takes only what the grammar
allows, and so tells whose idea of where a response ends may differ from ours: such a connection is not used again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

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
_SHORTEST_ENCODING = len("Content-Encoding")
_BEFORE_THE_FIRST_HEADER = "Unexpected space after start line"
"""llhttp's reason: RFC 9112, 2.2, lets nobody read such a line as a header."""


class Headers(list[tuple[bytes, bytes]]):
    """Headers as they came. Nothing is parsed before somebody looks one up: of most responses nobody does."""

    __slots__ = ()

    def get(self, name: str, default: str = "", /) -> str:
        """Look up without regard to case; of several with one name, the first."""
        wanted = name.lower().encode()
        for given, value in self:
            if given.lower() == wanted:
                return value.decode("latin-1").strip()
        return default

    def listed(self, name: str) -> list[str]:
        """Return the members of a list, in lower case and from all of its lines (RFC 9110, 5.3), without empty ones."""
        wanted = name.lower().encode()
        lines = [value for given, value in self if given.lower() == wanted]
        members = b",".join(lines).decode("latin-1").lower().split(",")
        return [stripped for member in members if (stripped := member.strip())]


@dataclass(slots=True)
class Response:
    """Status, headers (looked up without regard to case), and the whole body."""

    status: int
    headers: Headers | Mapping[str, str]
    body: bytes


class MalformedResponse(Exception):
    """What came is no HTTP response, no whole one, or too large. The text says which, and nothing of what came."""


class ResponseParser:
    """Takes bytes with `feed` until that gives a response, of which nothing is kept then.

    `most_bytes` bounds the body. `keep_alive`: whether the next response may come on the same connection; else none may
    be read of it. `is_encoded`: whether the head of the last response has a `Content-Encoding`.
    """

    _response: Response | None
    _status: int | None
    _headers: Headers
    _body: bytes | bytearray
    _is_chunked: bool

    def __init__(self) -> None:
        self._parser: Any = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._strict: Any = HttpResponseParser(_NO_CALLBACKS)
        self.most_bytes = 0
        self.keep_alive = True
        self.is_encoded = False
        self._received = 0
        self._refusal = NO_RESPONSE
        self._is_odd = False
        self._clear()

    def _clear(self) -> None:
        self._response = None
        self._status = None
        self._headers = Headers()
        self._body = b""
        self._pieces = 0
        self._is_chunked = False

    @property
    def has_head(self) -> bool:
        """Whether the head of a response has come."""
        return self._status is not None

    def feed(self, data: bytes) -> Response | None:
        """Read on; return the response once it is whole. Raises `MalformedResponse` for what cannot become one."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.keep_alive = False
        except HttpParserError:
            self.keep_alive = False
            if self._response is None:
                raise MalformedResponse(self._refusal) from None
        if not self._is_odd:
            try:
                self._strict.feed_data(data)
            except HttpParserUpgrade:
                pass
            except HttpParserError as error:
                self._is_odd = True
                self.keep_alive = False
                if str(error) == _BEFORE_THE_FIRST_HEADER:
                    raise MalformedResponse(NO_RESPONSE) from None
        response = self._response
        if response is not None:
            if self._is_odd:
                self._normalize()
            self._received = 0
            self._clear()
        elif (
            len(self._body) > self.most_bytes
            or self._received - len(self._body) > MOST_FRAMING_BYTES + MOST_FRAMING_BYTES_OF_A_CHUNK * self._pieces
        ):
            raise MalformedResponse(BODY_TOO_LARGE)
        return response

    def end(self) -> Response:
        """Return the response that the connection's end completes (RFC 9112, 6.3); raises `MalformedResponse`."""
        self._normalize()
        if self._status is None or self._is_chunked or self._headers.get("Content-Length"):
            raise MalformedResponse(CUT)
        return Response(self._status, self._headers, bytes(self._body))

    def close(self) -> None:
        """Drop what has come, and the parsers, which refer to this in a cycle."""
        self._clear()
        self._parser = self._strict = None

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
        if self._response is not None:
            return
        if self._received > MOST_LINE_BYTES or len(self._headers) > MOST_HEADERS:
            self._bound_head()
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            self._refuse(NO_RESPONSE)
        self.is_encoded = False
        for name, value in self._headers:
            if len(name) >= _SHORTEST_ENCODING:
                lower = name.lower().rstrip()
                if lower == b"transfer-encoding":
                    self._check_codings(value, version)
                elif lower == b"content-encoding":
                    self.is_encoded = True
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._pieces += 1
        if self._pieces == 3:
            self._body = bytearray(self._body)  # as objects, pieces of two bytes would take twenty times as much
        self._body += data  # mostly all of it, or the second half

    def on_message_begin(self) -> None:
        """Do not use the connection again after a second response, which nobody asked for."""
        if self._response is not None:
            self.keep_alive = False

    def on_message_complete(self) -> None:
        """Take the response, if it is more than information about one to come (RFC 9110, 15.2)."""
        if self._response is not None:
            return
        assert self._status is not None
        if self._status < 200 and self._status != 101:
            self._clear()
            return
        self._response = Response(self._status, self._headers, bytes(self._body))
        self.keep_alive = self.keep_alive and self._parser.should_keep_alive()

    def _bound_head(self) -> None:
        """Refuse a head that is too large though it came in one read; `feed` sees to those that come in many."""
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
