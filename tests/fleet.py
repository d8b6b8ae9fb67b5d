"""Servers in processes of their own, that share a PostgreSQL database and the simulator."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from benchmarks.processes import ending_with_us
from simulator import Call, Simulator
from tests import postgres
from tests.processes import MINIMAL, SERVER
from tests.waiting import PATIENCE_SECONDS

T = TypeVar("T")


@dataclass
class Running:
    """A server: its process, and where it answers once it has started."""

    process: asyncio.subprocess.Process
    url: str = ""

    def pids(self) -> list[int]:
        """Return its workers' process ids."""
        main = self.process.pid
        return [int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    async def kill(self) -> None:
        """End it as nothing can be prepared for."""
        self.process.kill()
        await self.process.wait()


@dataclass
class Fleet:
    """The servers, what they ask, and what they are asked through."""

    simulator: Simulator
    session: aiohttp.ClientSession
    settings: Mapping[str, str]
    servers: list[Running] = field(default_factory=list)
    log: Path = Path()

    async def start(self, *arguments: str, where: Path | None = None, **settings: str) -> Running:
        """Start one more, in a folder that may have an `.env`."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *ending_with_us([*SERVER, "--port", "0", *arguments]),
                cwd=where,
                env=MINIMAL | dict(self.settings) | settings,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        running = Running(process)
        self.servers.append(running)  # before it has started: it is ended also if it never does
        assert process.stdout
        printed = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := re.search(rb"Serving (http://\S+)\n", printed)) is None:
                line = await process.stdout.readline()
                assert line, f"it ended: {self.log.read_text()}"
                printed += line
        running.url = found[1].decode()
        await until_ready(self.session, running.url)
        return running

    async def ask(self, query: str, *, server: int = 0) -> Any:
        """Return the JSON that a server answers."""
        async with self.session.post(self.servers[server].url, json={"query": query}) as response:
            return await response.json()

    def calls(self, *kinds: str) -> Sequence[Call]:
        """Return what Nexudus was asked, of these kinds."""
        return [call for call in self.simulator.nexudus.calls if call.kind in kinds]

    def refused(self) -> Sequence[Call]:
        """Return what Nexudus was asked beyond its rates."""
        return [call for call in self.simulator.nexudus.calls if call.status in (409, 429)]


async def until_ready(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until a server answers that it is ready."""

    async def is_ready() -> bool:
        with suppress(aiohttp.ClientError):
            async with session.get(url.replace("/graphql", "/health/ready")) as response:
                return response.status == 200
        return False

    await until(is_ready)


async def until(found: Callable[[], Awaitable[T]], seconds: float = PATIENCE_SECONDS) -> T:
    """Look again and again until something is there, and return it."""
    async with asyncio.timeout(seconds):
        while not (value := await found()):  # noqa: ASYNC110 - other processes tell by being looked at
            await asyncio.sleep(0.1)
        return value


@asynccontextmanager
async def a_fleet(folder: Path, count: int, **settings: str) -> AsyncIterator[Fleet]:
    """Run so many servers of one new database; all end with the block."""
    simulator = Simulator(throttled=True)
    async with (
        simulator.serve() as urls,
        simulator.heartbeat(),
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        ) as session,
    ):
        given = simulator.environment(urls) | {
            "STORE_URL": postgres.server().create(),
            "REPLICAS": str(max(count, 1)),
            "SHUTDOWN_DELAY_SECONDS": "0",
            **settings,
        }
        fleet = Fleet(simulator, session, given, log=folder / "log")
        try:
            async with asyncio.TaskGroup() as starting:  # none goes on to start where another one has failed
                for _ in range(count):
                    starting.create_task(fleet.start())
            yield fleet
        finally:
            for server in fleet.servers:
                with suppress(ProcessLookupError):
                    server.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    for server in fleet.servers:
                        await server.process.wait()
            finally:
                for server in fleet.servers:
                    server.process._transport.close()  # type: ignore[attr-defined] # kills it, and closes its pipe
            sys.stderr.write(fleet.log.read_text())
