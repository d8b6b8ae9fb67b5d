"""What a warm request costs inside: `make bench-inside`.

Processor time from the bytes that a connection receives to the bytes that it sends, without a socket: in one piece, as
requests come; and with the head and the body in two, which takes the usual way through uvicorn and Starlette. Records
come from the cache. For what a change of the code buys; for what a server does, there is `make bench`.
"""

import asyncio
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

import server
from benchmarks import workloads
from benchmarks.candidates import candidates
from benchmarks.processes import Mock
from web.protocol import protocol

ROUNDS = 9
ROUND_REQUESTS = 600
NUMBERS = count()


class Written:
    """A transport that keeps what was written last, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self.last = b""

    def write(self, data: bytes) -> None:
        """Count a message; uvicorn writes a response's body by itself."""
        self.count += not data.startswith(b"{")
        self.last = data

    def is_closing(self) -> bool:
        """Tell that it is open."""
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Tell that everything is on this machine."""
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 1)}.get(name, default)

    def pause_reading(self) -> None:
        """Do nothing: nobody sends."""

    resume_reading = close = pause_reading


class Inside:
    """One connection of one server."""

    def __init__(self, app: Any) -> None:
        kind = protocol(head_timeout_seconds=60, max_body_bytes=256_000, path=app.path, respond=app.endpoint.respond)
        config = uvicorn.Config(app, http=kind, log_config=None, access_log=False, ws="none", lifespan="off")
        config.load()
        self._written = Written()
        self._connection: Any = config.http_protocol_class(  # type: ignore[call-arg] # as uvicorn makes it
            config=config, server_state=ServerState(), app_state={}
        )
        self._connection.connection_made(self._written)

    def _is_free(self) -> bool:
        cycle = self._connection.cycle
        return cycle is None or cycle.response_complete

    async def ask(self, pieces: list[bytes]) -> bytes:
        """Return what is written for a request."""
        before = self._written.count
        for piece in pieces:
            self._connection.data_received(piece)
        while self._written.count == before or not self._is_free():  # noqa: ASYNC110 - turns are what is measured
            await asyncio.sleep(0)
        return self._written.last


def requests(bodies: list[bytes], count: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield heads and bodies; those that shall be new each time are."""
    for number in range(count):
        body = bodies[number % len(bodies)].replace(b"@@", b"%d" % next(NUMBERS))
        head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n"
        yield head + b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(body), body


async def microseconds(inside: Inside, bodies: list[bytes], *, whole: bool) -> float:
    """Return the processor time of a request, the median over some rounds."""
    found = []
    for _ in range(ROUNDS):
        prepared = [[head + body] if whole else [head, body] for head, body in requests(bodies, ROUND_REQUESTS)]
        started = time.process_time()
        for pieces in prepared:
            answer = await inside.ask(pieces)
        found.append((time.process_time() - started) / ROUND_REQUESTS * 1e6)
        if b'"errors"' in answer:
            raise RuntimeError(answer.decode())
    return statistics.median(found[1:])


async def main(environment: dict[str, str], files: workloads.Files) -> None:
    """Print the table."""
    os.environ.update(environment)
    app = server.create_app(server.AllSettings(server.variables()))
    server._spare_the_garbage_collector()  # noqa: SLF001 - as the server does
    async with app.router.lifespan_context(app):
        inside = Inside(app)
        print("| | in one piece, µs | in two pieces, µs |\n|---|---|---|")
        for name in workloads.NAMES:
            bodies = [line.encode() for line in files.bodies(name).read_text("utf-8").splitlines()]
            one, two = [await microseconds(inside, bodies, whole=whole) for whole in (True, False)]
            print(f"| {name} | {one:,.0f} | {two:,.0f} |", flush=True)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    scratch = Path(tempfile.gettempdir()) / "opportunity-graph-bench"
    written = workloads.write(scratch)
    mock = Mock(scratch, written.records, 9330)
    try:
        (ours, *_), _ = candidates(mock.url, scratch, cache=True, first_port=9331)
        uvloop.run(main(dict(ours.environment), written))
    finally:
        mock.process.stop()
