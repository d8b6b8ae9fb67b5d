"""What stands in for the neighbours of what is tested: a permit that remembers, and a source made of bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from resolvers.resilience.circuit_breaker import Verdict


class RecordingPermit:
    """A `Permit` of nothing, and what became of it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_sent(self) -> None:
        self.calls.append("sent")

    def release(self, verdict: Verdict, *, weight: int = 1, is_whole: bool = False) -> None:
        self.calls += ["slot released"] if is_whole else []
        self.calls.append((verdict, weight))


class ByteSource:
    """A source on a socket that sends just what it is told to, and remembers what it was sent."""

    def __init__(self, reply: Callable[[bytes, int], tuple[bytes, bool]]) -> None:
        """Take what gives the bytes of a reply, and whether the connection is kept, for the n-th request on one."""
        self.url = ""
        self.requests: list[bytes] = []
        self.connections = 0
        self._reply = reply
        self._serving: list[asyncio.Task[Any]] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen until the block ends, then wait until all connections are closed: clients close theirs before."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield
            await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task: Any = asyncio.current_task()
        self._serving.append(task)
        number, is_kept = 0, True
        try:
            while is_kept:
                head = await reader.readuntil(b"\r\n\r\n")
                _, found, length = head.partition(b"Content-Length: ")
                body = await reader.readexactly(int(length.split(b"\r\n")[0])) if found else b""
                self.requests.append(head + body)
                number += 1
                reply, is_kept = self._reply(head + body, number)
                writer.write(reply)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
