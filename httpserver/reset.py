"""The end of a connection whose client must not take what it has got for a whole response."""

import asyncio
import socket
import struct

_AT_ONCE = struct.pack("ii", 1, 0)
"""`SO_LINGER` with no time to linger: the system drops what is unsent, and sends a reset."""


def reset(transport: asyncio.Transport) -> None:
    """End a connection by a reset. Where a response ends with its connection, a plain end would look like its own."""
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
