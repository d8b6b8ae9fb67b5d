"""The server and the simulator as processes of their own, for whoever wants to see them live and end."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ending_with_us

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 60.0
MINIMAL = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}


@dataclass
class Running:
    """A process. `printed` is what it has said on standard output until it was ready."""

    process: asyncio.subprocess.Process
    printed: str
    match: re.Match[str]

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def end(self) -> int:
        """Wait until it has ended; return its exit status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    def resident_megabytes(self) -> float:
        """Return the memory that it has in RAM."""
        return self._megabytes("VmRSS")

    def peak_megabytes(self) -> float:
        """Return the most memory that it ever had in RAM."""
        return self._megabytes("VmHWM")

    def _megabytes(self, what: str) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition(f"{what}:")[2].split()[0]) / 1024

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@asynccontextmanager
async def running(command: list[str], ready: str, environment: Mapping[str, str]) -> AsyncIterator[Running]:
    """Run a Python program until the block ends, once a line of its output matches `ready`."""
    process = await asyncio.create_subprocess_exec(
        *ending_with_us([sys.executable, *command]),
        cwd=ROOT,
        env={**MINIMAL, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await _ready(process, ready)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001 - or its pipe outlives the loop


async def _ready(process: asyncio.subprocess.Process, pattern: str) -> Running:
    output = process.stdout or asyncio.StreamReader()
    printed = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await output.readline()).decode():
            printed += line
            if match := re.search(pattern, line):
                return Running(process, printed, match)
    raise RuntimeError(f"It ended before it said {pattern}:\n{printed}")


@asynccontextmanager
async def running_simulator(*arguments: str) -> AsyncIterator[tuple[Running, dict[str, str], str]]:
    """Run the simulator; yield it, the settings of a server that asks it, and the URL of its controls."""
    async with running(["-m", "simulator", *arguments], r"# control: (http://\S+)/\{", {}) as simulator:
        settings = dict(line.split("=", 1) for line in simulator.printed.splitlines() if line[:1] != "#")
        yield simulator, settings, simulator.match[1]


@asynccontextmanager
async def running_server(**settings: str) -> AsyncIterator[tuple[Running, str]]:
    """Run the server; yield it and its URL, without a path."""
    command = ["server.py", "--port", "0"]
    async with running(command, r"Serving (http://[^/]+)/graphql", settings) as server:
        yield server, server.match[1]
