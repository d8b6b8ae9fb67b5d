"""The body of a request (RFC 9112, 6 and 7): where it ends, by its length or in chunks."""

import re

from httpserver.framing import FIELD_LINE, MAX_HEAD_BYTES, NEVER_IN_A_HEAD, malformed, too_large
from httpserver.http_errors import HTTPError

MAX_CHUNK_LINE_BYTES = 4_096
"""What stands before a chunk, and each trailer. It is searched anew with each piece that comes, so it is short."""

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class Body:
    """Takes the body that belongs to a head out of what has come. `is_complete` when all of it has been taken."""

    def __init__(self, length: int | None, max_overhead_bytes: int) -> None:
        """`max_overhead_bytes` is how much chunks may take beside what is in them."""
        self._left = length or 0
        self._is_chunked = length is None
        self._is_within_a_chunk = False
        self._overhead_left = max_overhead_bytes
        self._trailers_left = MAX_HEAD_BYTES
        self._is_last = False
        self.is_complete = length == 0

    def read(self, buffer: bytearray) -> bytes:
        """Take from the buffer what belongs to the body, and return its content; raises `HTTPError`.

        Trailers are dropped (RFC 9110, 6.5.1), and so are extensions of chunks.
        """
        if not self._is_chunked:
            return self._read(buffer)
        found, at = [], 0
        while not self.is_complete:
            if self._left:
                piece = bytes(buffer[at : at + self._left])
                if not piece:
                    break
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
            elif self._is_within_a_chunk:
                if len(buffer) - at < 2:
                    break
                if buffer[at : at + 2] != b"\r\n":
                    raise malformed()
                at += 2
                self._is_within_a_chunk = False
            else:
                end = buffer.find(b"\r\n", at, at + MAX_CHUNK_LINE_BYTES)
                if end < 0:
                    if len(buffer) - at >= MAX_CHUNK_LINE_BYTES or NEVER_IN_A_HEAD.search(buffer, at):
                        raise malformed()
                    break
                self._line(bytes(buffer[at:end]))
                at = end + 2
        del buffer[:at]
        return b"".join(found)

    def _read(self, buffer: bytearray) -> bytes:
        piece = bytes(buffer[: self._left])
        del buffer[: self._left]
        self._left -= len(piece)
        self.is_complete = not self._left
        return piece

    def _line(self, line: bytes) -> None:
        """Take the line before a chunk, or one of the trailers behind the last."""
        self._overhead_left -= len(line) + 4
        if self._overhead_left < 0:
            raise HTTPError(413, "The body's chunks are too small, or its trailers too large.")
        if self._is_last:
            self.is_complete = not line
            self._trailers_left -= len(line) + 2
            if self._trailers_left < 0:
                raise too_large(b"\r\n")
            if line and not FIELD_LINE.fullmatch(line + b"\r\n"):
                raise malformed()
            return
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise malformed()
        self._left = int(size[1], 16)
        self._is_last = not self._left
        self._is_within_a_chunk = not self._is_last
