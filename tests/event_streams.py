"""A client of server-sent events on a connection of its own, and what it has been sent."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.sockets import asking
from tests.waiting import PATIENCE_SECONDS

ACCEPT = b"Accept: text/event-stream"


@dataclass
class Listener:
    """A client that has sent its request; `status` and `headers` are the response's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]

    async def body(self) -> bytes:
        """Return a body that came as a whole."""
        return await self.reader.readexactly(int(self.headers["content-length"]))

    async def refusal(self) -> dict[str, Any]:
        """Return the error of a request that was refused."""
        (error,) = json.loads(await self.body())["errors"]
        return dict(error)

    async def chunk(self) -> bytes:
        """Return the next chunk of the body; nothing at its end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            size = int(await self.reader.readline() or b"0", 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def event(self) -> Any:
        """Return the next response; None for the end that is said to be one."""
        found = parsed(await self.chunk())
        assert len(found) == 1, "each event is sent by itself"
        return found[0]

    async def rest(self) -> list[Any]:
        """Return all that comes to the end."""
        found = [await self.event()]
        while found[-1] is not None:
            found.append(await self.event())
        assert await self.chunk() == b""
        return found

    async def is_broken_off(self) -> bool:
        """Return whether the connection ends without the end of the body."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        return True


def parsed(text: bytes) -> list[Any]:
    """Return the responses in events as they stand in a stream; None for `complete`."""
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        event, data = re.fullmatch(r"event: (\w+)\ndata:(?: (.+))?", block).groups()  # type: ignore[union-attr] # else it is wrong
        assert (event, data is None) in (("next", False), ("complete", True))
        found.append(None if data is None else json.loads(data))
    return found


def subscribing(query: str, *lines: bytes, accept: bytes = ACCEPT, **others: Any) -> bytes:
    """Return a request for a stream."""
    return asking(query, accept, *lines, **others)


@asynccontextmanager
async def listening(port: int, request: bytes) -> AsyncIterator[Listener]:
    """Send a request on a new connection, and read the head of its response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        yield Listener(reader, writer, int(first.split()[1]), headers)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
