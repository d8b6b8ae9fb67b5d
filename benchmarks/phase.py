"""Servers that are measured in turns: one has a load, the others stand still."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import workloads
from benchmarks.callers import PLAIN, Caller
from benchmarks.candidates import Candidate
from benchmarks.processes import LOAD_CPU, Mock, Process, StolenTime, ending_with_us, pinned, post

KEPT_SECONDS = 600
"""Warm. Longer than the few rounds of a cell take: else records that came in one moment would go in one, and have to
be fetched again within 2 seconds of 30, or within none."""

REMEMBERED_SECONDS = 20
"""Warm. A server that had this load less long ago still has all of its responses; they go after a minute."""

Result = dict[str, float]


@dataclass(frozen=True)
class Cell:
    """One thing to measure."""

    cache: bool
    workload: str
    latency_ms: int
    connections: int
    caller: Caller = PLAIN

    @property
    def name(self) -> str:
        """Its name in the results."""
        name = f"{'warm' if self.cache else 'cold'} {self.latency_ms} ms {self.workload} c{self.connections}"
        return name if self.caller == PLAIN else f"{name}, {self.caller.name}"

    @property
    def rounds(self) -> int:
        """How many rounds it takes instead of one: a client that waits for slow sources asks some 40 times a second."""
        return 3 if self.latency_ms and self.connections == 1 else 1


class Phase:
    """The servers that are up, cold or warm, and what is known of them. Ends them when its block ends."""

    def __init__(
        self, found: Iterable[Candidate], mock: Mock, files: workloads.Files, scratch: Path, *, probe: str = "W1"
    ) -> None:
        """Start the servers, one after the other; each is up when it answers a request of the workload `probe`."""
        self._mock = mock
        self._probe = probe
        self._files = files
        self._servers: dict[str, tuple[Candidate, Process]] = {}
        self._loaded: dict[tuple[str, str], float] = {}
        self.facts: dict[str, dict[str, float]] = {}
        """By label."""
        self.left_out: list[str] = []
        """A line for each server that did not start, or failed at its first request."""
        for candidate in found:
            started = time.monotonic()
            log = scratch / f"{candidate.port}.log"
            process = Process(candidate.command, candidate.environment, candidate.folder, log)
            if self._is_up(candidate, process):
                self._servers[candidate.label] = candidate, process
                seconds = time.monotonic() - started
                self.facts[candidate.label] = {
                    "start_seconds": round(seconds, 2),
                    "idle_mb": round(process.megabytes(), 1),
                }
            else:
                self.left_out.append(f"{candidate.label} is left out: it does not start or fails at once.")
                tell(f"{self.left_out[-1]}\n{log.read_text()[-500:]}")
                process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        for label, (_, process) in self._servers.items():
            self.facts[label]["after_mb"] = round(process.megabytes(), 1)
            self.facts[label]["after_resident_mb"] = round(process.resident_megabytes(), 1)
        for _, process in self._servers.values():
            process.stop()

    @property
    def candidates(self) -> list[Candidate]:
        """Who is up, and takes callers without a credential."""
        return [candidate for candidate, _ in self._servers.values() if not candidate.requires_token]

    def takes(self, name: str, cell: Cell) -> bool:
        """Whether the server of this name is up and can do this."""
        found = self._server(name, cell)
        return found is not None and found[0].takes(cell.workload)

    def measure(self, name: str, cell: Cell, seconds: int) -> Result:
        """Put a load on one server, while the others stand still: what they clear up now would be its loss.

        It finishes first what it has begun: stopped in mid-request, it would find all replies too late afterwards.
        """
        found = self._server(name, cell)
        if found is None:
            raise LookupError(f"{name} is not up")
        candidate, process = found
        others = [other for _, other in self._servers.values() if other is not process]
        for other in others:
            other.pause()
        try:
            return self._measure(candidate, process, cell, seconds)
        finally:
            process.finish()
            for other in others:
                other.pause(go_on=True)

    def _measure(self, candidate: Candidate, process: Process, cell: Cell, seconds: int) -> Result:
        self._mock.counts(latency_ms=cell.latency_ms)
        bodies = self._bodies(candidate, cell.workload)
        key = candidate.label, cell.workload
        if cell.cache and time.monotonic() - self._loaded.get(key, float("-inf")) > REMEMBERED_SECONDS:
            load(candidate, bodies, 8, 1, cell.caller)
            self._mock.settled()
        stolen = StolenTime()
        cpu = process.cpu_seconds()
        found = load(candidate, bodies, cell.connections, seconds, cell.caller)
        self._loaded[key] = time.monotonic()
        upstream = self._mock.settled()
        cpu = process.cpu_seconds() - cpu
        requests = max(1, found.pop("requests"))
        # wrk counts statuses; of what is 200 and has errors all the same, such as of a source, a look at one tells.
        body = bodies.read_bytes().splitlines()[0].replace(b"@@", b"after")
        found["bad"] += bool(post(candidate.url, body, {**candidate.headers, **cell.caller.headers}).get("errors"))
        return {
            "stolen": stolen.share(),
            "rps": round(requests / found.pop("seconds"), 1),
            **found,
            "cpu_ms": round(1000 * cpu / requests, 4),
            "upstream": round(upstream / requests, 2),
            "upstream_all": upstream,
        }

    def prime(self) -> None:
        """Let every server of ours fetch each record of the pool once, within the documented rates."""
        self._mock.counts(latency_ms=0)
        bodies = workloads.pool()

        def ask(candidate: Candidate) -> None:
            for body in bodies:
                if errors := post(candidate.url, body, candidate.headers).get("errors"):
                    raise SystemExit(f"{candidate.label} fails: {json.dumps(errors)[:500]}")

        ours = [candidate for candidate, _ in self._servers.values() if not candidate.dialect]
        with ThreadPoolExecutor(max(1, len(ours))) as pool:
            list(pool.map(ask, ours))

    def warm_up(self, workload: str, seconds: int) -> None:
        """Let every server see a workload before it counts."""
        self._mock.counts(latency_ms=0)
        for candidate, _ in self._servers.values():
            if candidate.takes(workload):
                load(candidate, self._bodies(candidate, workload), 8, seconds)

    def upstream_requests(self) -> None:
        """Count what one W2 costs, and 32 equal ones at once, with sources slow enough for all to arrive meanwhile."""
        for candidate in self.candidates:
            body = self._bodies(candidate, "W2").read_bytes().splitlines()[3]
            for name, times in (("one_w2", 1), ("equal_w2", 32)):
                self._mock.settled()
                self._mock.counts(latency_ms=300)
                threads = [threading.Thread(target=post, args=(candidate.url, body)) for _ in range(times)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.facts[candidate.label][name] = self._mock.settled()

    def _server(self, name: str, cell: Cell) -> tuple[Candidate, Process] | None:
        wanted = (name, cell.caller.has_token)
        return next(
            (found for found in self._servers.values() if (found[0].name, found[0].requires_token) == wanted), None
        )

    def _bodies(self, candidate: Candidate, workload: str) -> Path:
        return self._files.bodies(workload, candidate.dialect)

    def _is_up(self, candidate: Candidate, process: Process) -> bool:
        body = self._bodies(candidate, self._probe).read_bytes().splitlines()[0]
        until = time.monotonic() + 30
        while time.monotonic() < until and process.is_running:
            try:
                answer = post(candidate.url, body, candidate.headers)
            except (OSError, ValueError):
                time.sleep(0.01)
                continue
            if answer.get("errors"):
                tell(f"{candidate.label}: {answer}")
            return not answer.get("errors")
        return False


def load(
    candidate: Candidate, bodies: Path, connections: int, seconds: int, caller: Caller = PLAIN
) -> dict[str, float]:
    """Run wrk."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += [f"-H{name}: {value}" for name, value in {**candidate.headers, **caller.headers}.items()]
    command += ["-s", str(Path(__file__).parent / "load.lua"), candidate.url]
    environment = {**os.environ, "BODIES": str(bodies), "GRAPHQL_PATH": candidate.path, "RUN": f"{time.monotonic_ns()}"}
    command = pinned(ending_with_us(command), LOAD_CPU)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found: dict[str, float] = json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("JSON "))[5:]
    )
    return found


def need_tools() -> None:
    """End the process where wrk or a C compiler is missing."""
    if not has_tools():
        raise SystemExit("This needs wrk and cc; on Debian: apt-get install wrk gcc libc6-dev")


def has_tools() -> bool:
    """Whether a load and the mock can be had on this machine."""
    return bool(shutil.which("wrk") and shutil.which("cc"))


def tell(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)
