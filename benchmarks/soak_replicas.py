"""Shows that several servers share the sources' documented rates: `make soak-replicas`.

Servers of one PostgreSQL database are asked for more than the rations allow, over a simulator that counts as vendors
do. Meanwhile servers are killed and started again, and the database hangs, is killed, takes no writes. Nothing is kept,
so that every record has to be fetched. Ends with status 1 if a single request was refused, if any window of a
documented rate held more requests than it may, or if an answer was no GraphQL answer.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psycopg

from benchmarks.running import Running, running_server, running_simulator
from benchmarks.soak import LATENCY_SECONDS, UNCACHED
from benchmarks.soak_budget import LIMITS, Answers, demand, report
from resolvers.chartmogul import MOST_CONNECTIONS
from tests.postgres import Server, programs

SERVERS = 4
REPLICAS = {"REPLICAS": str(SERVERS), "LOG_LEVEL": "error", "SYNC_ENABLED": "true"}
DURABLE = ("max_connections=100", "listen_addresses=", "logging_collector=off", "shared_buffers=32MB")
"""Of a database that is killed: what it has confirmed has to be there afterwards."""


@dataclass
class Fleet:
    """Servers of one database, each with a URL that stays its own through all of its lives."""

    database: Server
    settings: Mapping[str, str]
    urls: list[str] = field(default_factory=list)
    lives: list[AsyncExitStack] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)

    async def start(self) -> None:
        """Start one more."""
        stack = AsyncExitStack()
        server, url = await stack.enter_async_context(running_server(**self.settings))
        self.lives.append(stack)
        self.running.append(server)
        self.urls.append(url)

    async def kill(self, number: int, *, away_seconds: float) -> None:
        """Kill a server; start another in its place after some seconds."""
        self.running[number].process.kill()
        await self.running[number].end()
        await asyncio.sleep(away_seconds)
        with suppress(RuntimeError, TimeoutError):  # the database may be away, without which none starts
            stack = AsyncExitStack()
            server, url = await stack.enter_async_context(running_server(**self.settings))
            self.lives.append(stack)
            self.running[number], self.urls[number] = server, url

    async def hang_database(self, seconds: float) -> None:
        """Have it answer nothing for so long."""
        self.database.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.database.send(signal.SIGCONT)

    async def kill_database(self, seconds: float) -> None:
        """Kill it, and start it again after so long."""
        self.database.send(signal.SIGKILL)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.database.start)

    async def write_protect_database(self, seconds: float) -> None:
        """Have it refuse all that writes for so long, as one does whose disk is full."""
        await self._set("default_transaction_read_only = on")
        await asyncio.sleep(seconds)
        await self._set("default_transaction_read_only = off")

    async def _set(self, what: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.database.conninfo, autocommit=True) as connection:
            await connection.execute(f"ALTER SYSTEM SET {what}")  # type: ignore[arg-type] # a constant of ours
            await connection.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def fleet(settings: Mapping[str, str], *, count: int = SERVERS) -> AsyncIterator[Fleet]:
    """Run a database and so many servers."""
    found = programs()
    if found is None:
        raise SystemExit("PostgreSQL is not installed")
    database = Server(found, DURABLE)
    servers = Fleet(database, {**settings, **REPLICAS, "STORE_URL": database.create()})
    try:
        for _ in range(count):
            await servers.start()
        yield servers
    finally:
        for stack in servers.lives:
            await stack.aclose()
        database.close()


async def trouble(servers: Fleet, seconds: float, say: Callable[[str], None]) -> None:
    """Do one thing after another for so long."""
    steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("a server is killed", lambda: servers.kill(1, away_seconds=5)),
        ("the database is killed, and away for 15 seconds", lambda: servers.kill_database(15)),
        ("another server is killed", lambda: servers.kill(2, away_seconds=1)),
        ("the database hangs for 8 seconds", lambda: servers.hang_database(8)),
        ("the database takes no writes for 10 seconds", lambda: servers.write_protect_database(10)),
    ]
    pause = seconds / (len(steps) + 1)
    for name, step in steps:
        started = time.monotonic()
        await asyncio.sleep(pause / 2)
        say(name)
        await step()
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - started)))


async def soak_replicas(seconds: float, *, troubled: bool, say: Callable[[str], None]) -> tuple[str, bool]:
    """Run for so long; return the table, and whether every promise was kept."""
    answers: Answers = Counter()
    async with running_simulator() as (_, settings, control), AsyncExitStack() as stack:
        servers = await stack.enter_async_context(fleet({**settings, **UNCACHED}))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), connector=aiohttp.TCPConnector(limit=0))
        )
        for name in LIMITS:
            async with session.post(f"{control}/config", json={name: {"latency_seconds": LATENCY_SECONDS}}) as response:
                response.raise_for_status()
        until = time.monotonic() + seconds
        disturbing = asyncio.create_task(trouble(servers, seconds, say)) if troubled else None

        async def ask(number: int) -> None:
            while (left := until - time.monotonic()) > 0:
                with suppress(aiohttp.ClientError, TimeoutError):  # the one that is killed
                    answers.update(await demand(session, servers.urls[number], left, clients=8))
                await asyncio.sleep(0.2)

        await asyncio.gather(*map(ask, range(SERVERS)))
        if disturbing is not None:
            await disturbing
        calls: dict[str, list[Any]] = {}
        for source in LIMITS:
            async with session.get(f"{control}/calls?upstream={source}") as response:
                calls[source] = await response.json()
        async with session.get(f"{control}/stats") as response:
            stats = await response.json()
    table, kept = report(calls, answers, seconds)
    most = stats["chartmogul"]["max_in_flight"]
    signs_in = sum(call["kind"].startswith("token") for call in calls["nexudus"])
    lines = [table, f"ChartMogul: at most {most} at once; Nexudus: {signs_in} sign-ins"]
    return "\n".join(lines), kept and most <= MOST_CONNECTIONS


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak_replicas", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--calm", action="store_true", help="kill nothing")
    flags = parser.parse_args()
    table, kept = asyncio.run(soak_replicas(flags.seconds, troubled=not flags.calm, say=print))
    print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
