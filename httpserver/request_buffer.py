"""The bytes that a client has sent and that no request has read yet, and the heads in them."""

from httpserver.framing import END, MAX_HEAD_BYTES, NEVER_IN_A_HEAD, RequestHead, malformed, read_head, too_large
from httpserver.request_body import Body

MAX_KNOWN_HEADS = 8
MAX_KNOWN_HEAD_BYTES = 4_096
"""Of the heads that a connection remembers: clients send the same few again and again."""


class RequestBuffer:
    """Bytes of requests. `len` is how many are unread."""

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._scanned = 0
        self._has_blank_lines = False
        self._known_heads: dict[bytes, RequestHead] = {}

    def __len__(self) -> int:
        return len(self._data)

    @property
    def has_begun(self) -> bool:
        """Whether anything has come of the next request, be it blank lines alone."""
        return bool(self._data) or self._has_blank_lines

    def append(self, data: bytes) -> None:
        """Add what has come."""
        if not self._data:
            self._data = data
        else:
            self._mutable().extend(data)

    def clear(self) -> None:
        """Drop everything."""
        self._data = b""

    def next_head(self) -> RequestHead | None:
        """Return the next request's head once all of it is here; raises `HTTPError`: then nothing more can be read."""
        data = self._data
        if data[:2] == b"\r\n":  # some old clients send blank lines behind a body (RFC 9112, 2.2)
            at = 0
            while data[at : at + 2] == b"\r\n":
                at += 2
            self._data = data = data[at:]
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
        text, self._data = bytes(data[:end]), data[end:]
        return self._known_heads.get(text) or self._read(text)

    def _read(self, text: bytes) -> RequestHead:
        head, known = read_head(text), self._known_heads
        if len(text) <= MAX_KNOWN_HEAD_BYTES:
            if len(known) >= MAX_KNOWN_HEADS:
                del known[next(iter(known))]
            known[text] = head
        return head

    def take(self, length: int) -> bytes:
        """Return this many bytes, which must have come."""
        data = self._data
        self._data = data[length:]
        return bytes(data[:length])

    def take_body(self, body: Body) -> bytes:
        """Return the content of what has come of a body; raises `HTTPError`."""
        return body.take(self._mutable())

    def _mutable(self) -> bytearray:
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        return self._data
