"""Taking new connections, and stopping without losing a request.

On SIGTERM the server becomes unready, then the listener closes, then the process ends.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Protocol

import uvicorn

from httpserver.response import CLOSE

ACCEPTED_AT_ONCE = 8
"""New connections that are accepted in one turn of the loop."""

LAST_SECONDS = 0.2
"""For so long the requests of connections that were accepted last may come, once no more are accepted."""


class Readiness(Protocol):
    """What an orchestrator asks about."""

    is_ready: bool


def several_at_once(listener: socket.socket) -> list[socket.socket]:
    """Return the listener as often as connections are to be taken from it in one turn of the loop.

    uvloop accepts one from each listener. On a busy server each turn is long, and a new client would wait for as many
    turns as there are clients before it: seconds.

    Whether `accept` waits is a property of the listener itself, which other processes may serve as well: a worker that
    starts must not make those wait that have started. And `dup` sets it to what this object takes it to be.
    """
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(ACCEPTED_AT_ONCE - 1))]


class DrainingServer(uvicorn.Server):
    """A uvicorn server that goes on serving for a while after SIGTERM, unready, until no new requests are sent to it.

    Every answer of that time closes its connection, so that clients and proxies which keep theirs go elsewhere. Then
    it takes no more connections and finishes the requests under way. SIGINT (Ctrl-C), or a second SIGTERM, skips the
    wait. `end_streams` ends the responses that would go on for ever; it is called once or more, in the event loop.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        readiness: Readiness,
        *,
        drain_seconds: float,
        end_streams: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._end_streams = end_streams
        self._drain_until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._readiness.is_ready = False
        if sig == signal.SIGTERM and self._drain_until is None:
            self._drain_until = monotonic() + self._drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Return whether it is time to stop; asked ten times a second."""
        if self._drain_until is not None or self.should_exit:
            self._end_streams()
        if self._drain_until is not None:
            if CLOSE not in self.config.encoded_headers:
                self.config.encoded_headers.append(CLOSE)  # from the next second on
                self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]  # until then
            if monotonic() >= self._drain_until:
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, then stop. A client whose connection was just taken has its request on the way."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        await asyncio.sleep(LAST_SECONDS)
        await super().shutdown(sockets)
