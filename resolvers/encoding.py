"""Bodies that were sent compressed (RFC 9110, 8.4)."""

import zlib

ACCEPTED = "gzip, deflate"

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_ZLIB_METHOD = 8

_MOST_MEMBERS = 64
"""A gzip body may be several, one after another (RFC 1952, 2.2). Empty ones cost time and make nothing."""


class BodyTooLarge(ValueError):
    """What a body comes to, decompressed, is more than it may be."""


def decompressed(body: bytes, encoding: str, most: int) -> bytes:
    """Return the body as it was before it was encoded; raises `ValueError` with a text that holds nothing of it.

    No more than `most` bytes are ever made of it: a gzip bomb comes to a thousand times its size.
    """
    if encoding in ("", "identity") or not body:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError("an encoding that was not asked for")
    # Some servers send deflate without zlib's head around it, as that RFC says.
    is_bare = encoding == "deflate" and body[0] & 15 != _ZLIB_METHOD
    found = b""
    for _ in range(1 if encoding == "deflate" else _MOST_MEMBERS):
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else _GZIP_OR_ZLIB)
        try:
            found += unpacker.decompress(body, most - len(found) + 1)
        except zlib.error:
            raise ValueError("not encoded as it says") from None
        if len(found) > most:
            raise BodyTooLarge("the body is too large")
        if not unpacker.eof:
            break
        body = unpacker.unused_data
        if not body:
            return found
    raise ValueError("not encoded as a whole")
