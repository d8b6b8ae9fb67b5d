"""What a request costs inside: `make bench-inside`.

Processor time from the bytes that a connection receives to the bytes that it sends, without a socket to the client:
warm, in one piece, as requests come; with the head and the body in two, which takes the usual way through uvicorn and
Starlette; and cold, one after another, with the records from the mock of the sources. For what a change of the code
buys; for what a server does, there is `make bench`. `--profile W2` tells where the time of one workload goes.
`--callers` lets others ask than plain ones (`benchmarks/callers.py`). `--rationed` turns the rations on, as the server
ships, at a thousand times the documented rates.
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
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvicorn
import uvloop
from uvicorn.server import ServerState

import server
from benchmarks import workloads
from benchmarks.callers import BY_NAME, CALLERS, PLAIN, Caller, Issuer, issuer
from benchmarks.candidates import ROOT, ours
from benchmarks.layers import WHOLE, without
from benchmarks.processes import Mock
from httpserver.connection import ConnectionLimits
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

    resume_reading = close = abort = pause_reading


class Inside:
    """One connection of one server."""

    def __init__(self, app: Any) -> None:
        kind = protocol(ConnectionLimits(head_timeout_seconds=60))
        config = uvicorn.Config(
            app,
            http=kind,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=3_600,  # a slow machine measures one connection for longer than another stays open
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


def requests(bodies: list[bytes], count: int, headers: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """Yield heads and bodies; those that shall be new each time are."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    for number in range(count):
        body = bodies[number % len(bodies)].replace(b"@@", b"%d" % next(NUMBERS))
        head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n" + lines
        yield head + b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(body), body


async def microseconds(
    inside: Inside, bodies: list[bytes], headers: Mapping[str, str], *, whole: bool, rounds: int = ROUNDS
) -> float:
    """Return the processor time of a request, the median over some rounds but the first."""
    found = []
    for _ in range(rounds):
        prepared = [
            [head + body] if whole else [head, body] for head, body in requests(bodies, ROUND_REQUESTS, headers)
        ]
        started = time.process_time()
        for pieces in prepared:
            answer = await inside.ask(pieces)
        found.append((time.process_time() - started) / ROUND_REQUESTS * 1e6)
        if b'"errors"' in answer:
            raise RuntimeError(answer.decode())
    return statistics.median(found[1:] or found)


@asynccontextmanager
async def inside(environment: Mapping[str, str]) -> AsyncIterator[Inside]:
    """Run a server with these settings."""
    with patch.dict(os.environ, environment):
        app = server.create_app(server.AllSettings(server.variables()))
    async with app.router.lifespan_context(app):
        yield Inside(app)


async def profile(served: Inside, bodies: list[bytes], headers: Mapping[str, str]) -> list[str]:
    """Return a table's rows: each module's share of the time, with what it calls in C, and its calls for a request."""
    profiler = cProfile.Profile()
    for head, body in requests(bodies, ROUND_REQUESTS, headers):
        await served.ask([head + body])
    profiler.enable(builtins=False)
    for head, body in requests(bodies, ROUND_REQUESTS, headers):
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


def rows(chosen: Sequence[str], callers: Sequence[Caller]) -> list[tuple[str, Caller]]:
    """Return what is asked by whom; where no caller is named, every workload by plain ones, and W1 by all."""
    found = [(name, caller) for name in chosen for caller in callers or (PLAIN,)]
    if not callers and "W1" in chosen:
        found += [("W1", caller) for caller in CALLERS if caller != PLAIN]
    return found


async def table(
    mock: Mock,
    issued: Issuer,
    files: workloads.Files,
    chosen: Sequence[tuple[str, Caller]],
    *,
    rounds: int = ROUNDS,
    rationed: bool = False,
) -> None:
    """Print the processor time of each row."""
    async with AsyncExitStack() as stack:
        served: dict[tuple[int, bool], Inside] = {}
        for has_token in sorted({caller.has_token for _, caller in chosen}):
            for kept in (30, 0):
                its_issuer = issued if has_token else None
                settings = ours(mock.url, kept_seconds=kept, issuer=its_issuer, rationed=rationed).environment
                served[kept, has_token] = await stack.enter_async_context(inside(settings))
        server.spare_the_garbage_collector()
        print("| | warm, in one piece, µs | warm, in two pieces, µs | cold, µs |\n|---|---|---|---|")
        for name, caller in chosen:
            bodies = files.bodies(name).read_bytes().splitlines()
            headers = {**caller.headers, **(issued.headers if caller.has_token else {})}
            warm, cold = served[30, caller.has_token], served[0, caller.has_token]
            found = [
                await microseconds(one, bodies, headers, whole=whole, rounds=rounds)
                for one, whole in ((warm, True), (warm, False), (cold, True))
            ]
            label = name if caller == PLAIN else f"{name}, {caller.name}"
            print(f"| {label} | " + " | ".join(f"{one:,.0f}" for one in found) + " |", flush=True)


async def profiles(mock: Mock, issued: Issuer, files: workloads.Files, name: str, caller: Caller) -> None:
    """Print where the time of a workload goes."""
    bodies = files.bodies(name).read_bytes().splitlines()
    headers = {**caller.headers, **(issued.headers if caller.has_token else {})}
    for kept in (30, 0):
        settings = ours(mock.url, kept_seconds=kept, issuer=issued if caller.has_token else None).environment
        async with inside(settings) as served:
            server.spare_the_garbage_collector()
            print(f"| {name} {'warm' if kept else 'cold'} | own time | calls |\n|---|---|---|")
            print("\n".join((await profile(served, bodies, headers))[:MODULES]), end="\n\n")


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description="What a request costs inside.")
    parser.add_argument("--workloads", default=",".join(workloads.NAMES))
    parser.add_argument("--callers", help=f"who asks, of {', '.join(BY_NAME)}; separated by commas")
    parser.add_argument(
        "--profile", choices=workloads.NAMES, help="where the time of a workload goes, module by module"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rationed", action="store_true", help="with the rations on, at a thousand times their rates")
    given = parser.parse_args()
    logging.disable(logging.INFO)
    callers = [BY_NAME[name] for name in given.callers.split(",")] if given.callers else []
    with tempfile.TemporaryDirectory(prefix="opportunity-graph-") as folder, issuer() as issued:
        files = workloads.write(Path(folder))
        with Mock(Path(folder), files.records) as mock, without(WHOLE) if given.rationed else nullcontext():
            if given.profile:
                uvloop.run(profiles(mock, issued, files, given.profile, (callers or [PLAIN])[0]))
            else:
                chosen = rows(given.workloads.split(","), callers)
                uvloop.run(table(mock, issued, files, chosen, rounds=given.rounds, rationed=given.rationed))


if __name__ == "__main__":
    main()
