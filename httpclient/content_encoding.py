"""Bodies that were sent compressed (RFC 9110, 8.4)."""

import zlib
from collections.abc import Sequence

ACCEPTED = "gzip, deflate"

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_ZLIB_METHOD = 8

_MOST_MEMBERS = 64
"""A gzip body may be several, one after another (RFC 1952, 2.2). Empty ones cost time and make nothing."""

_READ = frozenset({"gzip", "x-gzip", "deflate"})

_NOT_ASKED_FOR = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd"},
)
"""The other codings of IANA's registry. A name beyond, such as `utf-8` or `none`, says nothing about the bytes: some
servers put the charset there, and aiohttp reads on as well."""


class BodyTooLarge(ValueError):
    """What a body comes to, decompressed, is more than it may be."""


def decompressed(body: bytes, encodings: Sequence[str], most: int) -> tuple[bytes, bool]:
    """Return the body as it was before it was encoded, and whether it was encoded as RFC 9110 has it.

    `encodings` are the members of `Content-Encoding`, in lower case. No more than `most` bytes are ever made of the
    body: a gzip bomb comes to a thousand times its size. Raises `ValueError` with a text that holds nothing of it.
    """
    if not _NOT_ASKED_FOR.isdisjoint(encodings):
        raise ValueError("an encoding that was not asked for")
    known = [encoding for encoding in encodings if encoding in _READ]
    if len(known) > 1:
        raise ValueError("encoded more than once")
    is_sound = len(known) == len(encodings)
    if not known or not body:
        return body, is_sound
    plain, is_padded = _deflated(body, most) if known == ["deflate"] else _gzipped(body, most)
    return plain, is_sound and not is_padded


def _deflated(body: bytes, most: int) -> tuple[bytes, bool]:
    # Some servers send deflate without zlib's head around it, as that RFC says.
    is_bare = body[0] & 15 != _ZLIB_METHOD
    plain, rest = _unpacked(body, most, -zlib.MAX_WBITS if is_bare else _GZIP_OR_ZLIB)
    return plain, _is_padding(rest)


def _gzipped(body: bytes, most: int) -> tuple[bytes, bool]:
    """Return what all members of a gzip body make, and whether zeros stand behind them, as gzip itself allows."""
    found = b""
    for _ in range(_MOST_MEMBERS):
        plain, body = _unpacked(body, most - len(found), _GZIP_OR_ZLIB)
        found += plain
        if not body[:1].strip(b"\0"):
            return found, _is_padding(body)
    raise ValueError("not encoded as a whole")


def _unpacked(body: bytes, most: int, window: int) -> tuple[bytes, bytes]:
    """Return what a stream makes, and what stands behind it."""
    unpacker = zlib.decompressobj(window)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise ValueError("not encoded as it says") from None
    if len(plain) > most:
        raise BodyTooLarge("the body is too large")
    if not unpacker.eof:
        raise ValueError("not encoded as a whole")
    return plain, unpacker.unused_data


def _is_padding(rest: bytes) -> bool:
    if rest.strip(b"\0"):
        raise ValueError("not encoded as a whole")
    return bool(rest)
