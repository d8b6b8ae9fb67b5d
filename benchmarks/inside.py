"""What a request costs inside: `make bench-inside`.

Processor time from the bytes that a connection receives to the bytes that it sends, without a socket to the client:
warm, in one piece, as requests come; with the head and the body in two, which takes the usual way through uvicorn and
Starlette; and cold, one after another, with the records from the mock of the sources. For what a change of the code
buys; for what a server does, there is `make bench`. `--profile W2` tells where the time of one workload goes.
"""

import argparse
import asyncio
import cProfile
import logging
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvicorn
import uvloop
from uvicorn.server import ServerState

import server
from benchmarks import workloads
from benchmarks.candidates import ROOT, candidates
from benchmarks.processes import Mock
from httpserver.protocol import protocol

ROUNDS = 9
ROUND_REQUESTS = 600
NUMBERS = count()
MODULES = 20
"""Of a profile, those that take most."""


class Written:
    """A transport that keeps what was written last, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self.last = b""
        self.came = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Count a message; uvicorn writes a response's body by itself."""
        self.count += not data.startswith(b"{")
        self.last = data
        self.came.set()

    def is_closing(self) -> bool:
        """Tell that it is open."""
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Tell that everything is on this machine."""
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 1)}.get(name, default)

    def can_write_eof(self) -> bool:
        """Tell that one side of it can be closed."""
        return True

    def pause_reading(self) -> None:
        """Do nothing: nobody sends."""

    resume_reading = close = pause_reading


class Inside:
    """One connection of one server."""

    def __init__(self, app: Any) -> None:
        kind = protocol(head_timeout_seconds=60, max_body_bytes=256_000, eager_path=server.PATH)
        config = uvicorn.Config(
            app, http=kind, log_config=None, access_log=False, ws="none", lifespan="off", proxy_headers=False
        )
        config.load()
        self._written = Written()
        self._connection: Any = config.http_protocol_class(  # type: ignore[call-arg] # as uvicorn makes it
            config=config, server_state=ServerState(), app_state={}
        )
        self._connection.connection_made(self._written)

    async def ask(self, pieces: list[bytes]) -> bytes:
        """Return what is written for a request."""
        before = self._written.count
        for piece in pieces:
            self._connection.data_received(piece)
        while self._written.count == before:
            self._written.came.clear()
            await self._written.came.wait()
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


@asynccontextmanager
async def inside(environment: Mapping[str, str]) -> AsyncIterator[Inside]:
    """Run a server with these settings."""
    with patch.dict(os.environ, environment):
        app = server.create_app(server.AllSettings(server.variables()))
    async with app.router.lifespan_context(app):
        yield Inside(app)


async def profile(served: Inside, bodies: list[bytes]) -> list[str]:
    """Return a table's rows: each module's share of the time, with what it calls in C, and its calls for a request."""
    profiler = cProfile.Profile()
    for head, body in requests(bodies, ROUND_REQUESTS):
        await served.ask([head + body])
    profiler.enable(builtins=False)
    for head, body in requests(bodies, ROUND_REQUESTS):
        await served.ask([head + body])
    profiler.disable()
    found: dict[str, list[float]] = {}
    for (file, _, _), (_, calls, seconds, *_) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined] # not in its types
        path = Path(file)
        name = f"{path.parent.name}/{path.name}" if path.is_relative_to(ROOT) else "libraries"
        row = found.setdefault(name if ".venv" not in file else path.parent.name, [0.0, 0.0])
        row[0] += seconds
        row[1] += calls
    whole = sum(seconds for seconds, _ in found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1][0])
    return [f"| {name} | {seconds / whole:.0%} | {calls / ROUND_REQUESTS:,.0f} |" for name, (seconds, calls) in ranked]


async def main(mock: Mock, scratch: Path, files: workloads.Files, profiled: str | None) -> None:
    """Print the table."""
    settings = [candidates(mock.url, scratch, kept_seconds=kept, first_port=9331)[0][0].environment for kept in (30, 0)]
    async with inside(settings[0]) as warm, inside(settings[1]) as cold:
        server._spare_the_garbage_collector()  # noqa: SLF001 - as the server does
        if profiled:
            bodies = [line.encode() for line in files.bodies(profiled).read_text("utf-8").splitlines()]
            for name, served in (("warm", warm), ("cold", cold)):
                print(f"| {profiled} {name} | own time | calls |\n|---|---|---|")
                print("\n".join((await profile(served, bodies))[:MODULES]), end="\n\n")
            return
        print("| | warm, in one piece, µs | warm, in two pieces, µs | cold, µs |\n|---|---|---|---|")
        for name in workloads.NAMES:
            bodies = [line.encode() for line in files.bodies(name).read_text("utf-8").splitlines()]
            one, two = [await microseconds(warm, bodies, whole=whole) for whole in (True, False)]
            fetched = await microseconds(cold, bodies, whole=True)
            print(f"| {name} | {one:,.0f} | {two:,.0f} | {fetched:,.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a request costs inside.")
    parser.add_argument(
        "--profile", choices=workloads.NAMES, help="where the time of a workload goes, module by module"
    )
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    scratch = Path(tempfile.gettempdir()) / "opportunity-graph-bench"
    written = workloads.write(scratch)
    mock = Mock(scratch, written.records, 9330)
    try:
        uvloop.run(main(mock, scratch, written, arguments.profile))
    finally:
        mock.process.stop()
