"""Answers below HTTP: half-sent bodies, resets, silence. What the faults are made of."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from .calls import Call
from .replies import Reply

CHUNK = b" " * 65_536
MEGABYTE = b" " * 1_000_000
LAST = b"{}"
"""What stands after all the spaces of a huge answer: it is valid JSON, only far too long."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way through a fault."""

    request: web.Request
    call: Call
    real: Callable[[], Awaitable[Reply]]
    """Makes the answer that would have been given."""
    only: frozenset[str] | None
    """The ids that the fault was asked to harm; None for all."""


class Answered(web.StreamResponse):
    """Tells aiohttp that the answer, or its absence, is already on the wire."""

    def __init__(self, sent: int | None = None) -> None:
        """Take the status that was sent, None where there was none."""
        super().__init__()
        self.sent = sent
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send nothing."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return a status line and headers, to the empty line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def send(request: web.Request, data: bytes) -> None:
    """Put bytes on the connection; raise ConnectionResetError when the client has gone."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    transport.write(data)


def finish(request: web.Request) -> None:
    """Send what is buffered, then FIN."""
    if request.transport is not None:
        request.transport.close()


def abort(request: web.Request) -> None:
    """Send a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def stream(
    request: web.Request, headers: Mapping[str, str], chunk: bytes, times: int, last: bytes, first: bytes = b""
) -> Answered:
    """Send a chunk many times, between a first and a last one, at the reader's pace."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if first:
        await response.write(first)
    for _ in range(times):
        await response.write(chunk)
    await response.write(last)
    await response.write_eof()
    return Answered(200)


async def trickle(request: web.Request, reply: Reply, seconds_per_byte: float) -> Answered:
    """Send the head at once and the body byte by byte."""
    payload = reply.payload()
    send(request, head(reply.status, {"Content-Type": reply.content_type, "Content-Length": str(len(payload))}))
    for position in range(len(payload)):
        await asyncio.sleep(seconds_per_byte)
        send(request, payload[position : position + 1])
    finish(request)
    return Answered(reply.status)


@lru_cache(maxsize=4)
def bomb(megabytes: int) -> tuple[bytes, bytes]:
    """Return (the deflated megabyte to repeat, the gzip ending for that many of them)."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflater.compress(MEGABYTE)
    deflater.flush(zlib.Z_FULL_FLUSH)
    # From the second on, each block after a full flush stands alone, so that one of them can be sent again and again.
    block = deflater.compress(MEGABYTE) + deflater.flush(zlib.Z_FULL_FLUSH)
    ending = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    last = ending.compress(LAST) + ending.flush()
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(MEGABYTE, checksum)
    length = (megabytes * len(MEGABYTE) + len(LAST)) & 0xFFFFFFFF
    return block, last + struct.pack("<II", zlib.crc32(LAST, checksum), length)


GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
