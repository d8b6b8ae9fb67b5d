"""Servers that a benchmark starts: where they run, what they use, how they end."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

SERVER_CPU, LOAD_CPU = "1", "0"
"""The server that is measured has a processor to itself; the load and the mock share the other."""


def pinned(command: Sequence[str], cpu: str) -> list[str]:
    """Return the command, held to one processor where there are two."""
    can = shutil.which("taskset") and (os.cpu_count() or 1) > 1
    return ["taskset", "-c", cpu, *command] if can else list(command)


def ending_with_us(command: Sequence[str | Path]) -> list[str]:
    """Return the command of a process that is killed when this one ends, however it does, where there is `setpriv`.

    What comes with `finally` does not run in a process that is killed, or that ends for a test that hangs. Linux takes
    the thread that has started it for the parent (prctl(2), PR_SET_PDEATHSIG): that one has to live as long.
    """
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig=KILL"] if setpriv else []), *map(str, command)]


PORTS = range(20_000, 32_000)
"""None of these is given to a connection that goes out: of those there may be hundreds before a program listens."""


def free_port() -> int:
    """Return a port that nobody listens at, now."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None, timeout_seconds: float = 30) -> Any:
    """Send a GraphQL request; return the answer's JSON."""
    all_headers = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
    request = urllib.request.Request(url, body, all_headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


class Process:
    """One process and its children. It is killed with this process, which is to start it in its main thread."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, cpu: str = SERVER_CPU
    ) -> None:
        with log.open("w") as output:
            self._process = subprocess.Popen(
                pinned(ending_with_us(command), cpu),
                env=dict(environment),
                cwd=folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.log = log

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        ticks = 0
        for pid in self._pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Return the memory in use: its share of each page (PSS), but for files that are in shared memory."""
        return self._megabytes("Pss_Anon:") + self._megabytes("Pss_File:")

    def resident_megabytes(self) -> float:
        """Return the memory in use, pages that it shares with others counted as its own (RSS)."""
        return self._megabytes("Rss:")

    def _megabytes(self, what: str) -> float:
        kilobytes = 0
        for pid in self._pids():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith(what))
        return kilobytes / 1024

    def finish(self) -> None:
        """Wait until it has nothing to do, for up to 10 seconds: it still works at what its last clients left."""
        used, tries = -1.0, 0
        while used != (used := self.cpu_seconds()) and tries < 100:
            tries += 1
            time.sleep(0.1)

    def pause(self, *, go_on: bool = False) -> None:
        """Let it do nothing, or go on."""
        for pid in self._pids():
            try:
                os.kill(pid, signal.SIGCONT if go_on else signal.SIGSTOP)
            except OSError:
                continue

    def stop(self) -> None:
        """End it, politely at first."""
        for sign in (signal.SIGINT, signal.SIGKILL):
            for pid in reversed(self._pids()):
                try:
                    os.kill(pid, sign)
                except OSError:
                    continue
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                continue
            return

    def _pids(self) -> list[int]:
        found, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            try:
                waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue
        return found


class StolenTime:
    """What a hypervisor does not let a virtual machine have of its processors (proc(5), `/proc/stat`: steal)."""

    def __init__(self) -> None:
        self._before = self._ticks()

    def share(self) -> float:
        """Return the share of all processors' time since this was made."""
        stolen, all_ = (now - then for now, then in zip(self._ticks(), self._before, strict=True))
        return round(stolen / max(1, all_), 4)

    @staticmethod
    def _ticks() -> tuple[int, int]:
        ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return ticks[7], sum(ticks[:8])  # guests' time is part of the user's


class Mock:
    """Both sources, as `mock.c` serves them, until the block ends."""

    def __init__(self, scratch: Path, records: Path) -> None:
        port = free_port()
        binary = scratch / "mock"
        source = Path(__file__).parent / "mock.c"
        subprocess.run(["cc", "-O2", "-o", str(binary), str(source)], check=True, timeout=60)
        command = [str(binary), str(port), str(records)]
        self.process = Process(command, os.environ, scratch, scratch / "mock.log", LOAD_CPU)
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                self.counts()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("The mock does not start: " + self.process.log.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.process.stop()

    def counts(self, *, latency_ms: int | None = None) -> dict[str, int]:
        """Return how often each route was asked since the last time; may set the latency from now on."""
        query = "" if latency_ms is None else f"?ms={latency_ms}"
        with urllib.request.urlopen(f"{self.url}/control{query}", timeout=5) as answer:  # noqa: S310 - loopback
            found: dict[str, int] = json.load(answer)
            return found

    def settled(self) -> int:
        """Return the number of requests since the last count, when no more come: a load leaves some behind."""
        total = 0
        while more := sum(self.counts().values()):
            total += more
            time.sleep(0.06)
        return total
