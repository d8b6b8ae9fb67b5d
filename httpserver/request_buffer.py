"""What a client has sent and no request has read yet, and the heads in it; equal heads are read once."""

import re

from httpserver.framing import END, MAX_HEAD_BYTES, NEVER_IN_A_HEAD, RequestHead, malformed, read_head, too_large
from httpserver.request_body import Body

MAX_KNOWN_HEADS = 8
MAX_KNOWN_HEAD_BYTES = 4_096
"""Of the heads that a connection remembers: clients send the same few again and again, but for the body's length."""

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,9})\r\n")


class RequestBuffer:
    """The bytes that a client has sent and that no request has read yet, and the heads in them."""

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""
        """What is unread."""
        self.length: int | None = None
        """Of the body behind the head that was read last; None where it comes in chunks."""
        self._text = b""
        self._scanned = 0
        self._has_blank_lines = False
        self._known_heads: dict[bytes, RequestHead] = {}

    @property
    def has_begun(self) -> bool:
        """Whether anything has come of the next request, be it blank lines alone."""
        return bool(self.data) or self._has_blank_lines

    def append(self, data: bytes) -> None:
        """Add what has come."""
        if not self.data:
            self.data = data
        else:
            self._mutable().extend(data)

    def next_head(self) -> RequestHead | None:
        """Return the next request's head once all of it is here; raises `HTTPError`: then nothing more can be read.

        It may be one that has come before with another `Content-Length`, if the application has said that this makes no
        difference (`Prepared.any_length`). `exact` gives this one's own.
        """
        data = self.data
        if data[:2] == b"\r\n":  # some old clients send blank lines behind a body (RFC 9112, 2.2)
            at = 0
            while data[at : at + 2] == b"\r\n":
                at += 2
            self.data = data = data[at:]
            self._has_blank_lines = True
        if not data:
            return None
        end = data.find(END, max(0, self._scanned - 3), MAX_HEAD_BYTES)
        if end < 0:
            if len(data) > MAX_HEAD_BYTES:
                raise too_large(data[:MAX_HEAD_BYTES])
            if NEVER_IN_A_HEAD.search(data, max(0, self._scanned - 1)):
                raise malformed()
            self._scanned = len(data)
            return None
        self._scanned = 0
        self._has_blank_lines = False
        end += len(END)
        self._text = text = bytes(data[:end])
        self.data = data[end:]
        # Which number it is decides nothing else of a head: two of them are refused, whatever they say.
        given = _LENGTH.search(text)
        form = text if given is None else text[: given.start(1)] + text[given.end(1) :]
        head = self._known_heads.get(form)
        if given is not None and head is not None:
            self.length = length = int(given[1])
            if length == head.length or (head.prepared is not None and head.prepared.any_length):
                return head
            head = None
        head = head or self._read(text, form)
        self.length = head.length
        return head

    def exact(self, head: RequestHead) -> RequestHead:
        """Return the head that was read last with its own `Content-Length`."""
        return head if head.length == self.length else read_head(self._text)

    def _read(self, text: bytes, form: bytes) -> RequestHead:
        head, known = read_head(text), self._known_heads
        if len(text) <= MAX_KNOWN_HEAD_BYTES:
            if len(known) >= MAX_KNOWN_HEADS and form not in known:
                del known[next(iter(known))]
            known[form] = head
        return head

    def read_body(self, body: Body) -> bytes:
        """Return the content of what has come of a body; raises `HTTPError`."""
        return body.read(self._mutable())

    def _mutable(self) -> bytearray:
        if not isinstance(self.data, bytearray):
            self.data = bytearray(self.data)
        return self.data
