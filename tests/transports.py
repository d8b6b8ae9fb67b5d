"""A transport without a socket, for connections in the loop's own time."""

import asyncio
from typing import Any


class Recorded:
    """Keeps what was written; its end is told to the protocol in the next turn of the loop."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    resume_reading = write_eof = pause_reading
