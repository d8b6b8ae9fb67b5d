"""What a sweep does to those who read, and what a store in memory takes: part of `make bench-lists`.

The server syncs with the simulator, which has no latency. Without rations deals come as quickly as the server takes
them; with those that the vendors document, and sync's usual share of them, as they do in production. Every row differs
from what the store has.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url

from benchmarks.candidates import ROOT, Candidate, ours
from benchmarks.list_requests import PAGE
from benchmarks.phase import load
from benchmarks.processes import LOAD_CPU, Process, post
from benchmarks.workloads import Files

PATIENCE_SECONDS: Final = 240
SLICE_SECONDS: Final = 2
FEWEST_SLICES, MOST_SLICES = 3, 6
RATIONED: Final = ", with rations"

STATUS: Final = json.dumps({"query": "{ sources { status { isComplete rows } } }"}).encode()

FORGET: Final = ("DELETE FROM sync_state", "UPDATE deals SET hash = substr(hash, 1, 1), read_at = 0")
"""No sweep has been, and no row is what a list has."""


@dataclass
class Sweep:
    """What was measured over one kind of store; percentiles by connections, in ms: during a sweep, and after it."""

    kind: str
    is_rationed: bool = False
    """Within the vendors' rations; then the store was full before."""
    deals: int = 0
    first_seconds: float = 0.0
    """How long the first sweep took, with nobody reading."""
    idle_mb: float = 0.0
    filled_mb: float = 0.0
    """With all deals, and their files where these are in memory."""
    during: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    after: dict[int, list[dict[str, float]]] = field(default_factory=dict)

    def figure(self, connections: int, what: str) -> tuple[float, float]:
        """Return the medians of the seconds during a sweep, and of those after it."""
        during, after = (
            statistics.median(one[what] for one in found[connections]) for found in (self.during, self.after)
        )
        return during, after

    def is_cut_off(self, connections: int) -> bool:
        """Whether answers took so long that a good part of them came after their slice, and were not counted."""
        return max(self.figure(connections, "p99")) > 1_000 * SLICE_SECONDS / 4


@contextmanager
def simulated_sources(scratch: Path, deals: tuple[int, int]) -> Iterator[dict[str, str]]:
    """Run the simulator beside the load, without rations; yield the settings of a server that asks it."""
    log = scratch / "simulator.log"
    command = [sys.executable, "-m", "simulator", "--no-throttle", "--deals", f"{deals[0]},{deals[1]}"]
    process = Process(command, os.environ, ROOT, log, LOAD_CPU)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while "# control" not in (text := log.read_text()):
            if time.monotonic() > until or not process.is_running:
                raise SystemExit("The simulator does not start: " + text[-500:])
            time.sleep(0.05)
        printed = dict(line.split("=", 1) for line in text.splitlines() if line[:1] != "#")
        yield {"NEXUDUS_ACCESS_TOKEN": "", **printed}
    finally:
        process.stop()


def ration(sources: Mapping[str, str]) -> None:
    """Have the simulator ration requests from now on, with the deals that it has: one begun anew would have others."""
    url = sources["NEXUDUS_URL"].removesuffix("/nexudus") + "/__sim__/config"
    post(url, json.dumps({name: {"throttled": True} for name in ("nexudus", "chartmogul")}).encode())


def measure(
    kind: str,
    url: str,
    sources: Mapping[str, str],
    files: Files,
    scratch: Path,
    *,
    connections: Sequence[int] = (1, 32),
    in_memory: bool = False,
) -> Sweep:
    """Fill an empty store by a sweep, then let clients read during further ones, and after each."""
    found = Sweep(kind)
    with _serving(url, sources, scratch) as (server, process):
        started = time.monotonic()
        found.idle_mb = process.megabytes()
        _complete(server, found)
        found.first_seconds = time.monotonic() - started
        process.finish()  # the store is compacted, which gives way to who asks
        load(server, files.bodies(PAGE), 8, SLICE_SECONDS)
        process.finish()  # a sweep is complete before its room is given back
        found.filled_mb = process.megabytes() + (_megabytes_of(url) if in_memory else 0)
    return _read(found, url, sources, files, scratch, connections, MOST_SLICES)


def measure_rationed(kind: str, url: str, sources: Mapping[str, str], files: Files, scratch: Path) -> Sweep:
    """Let one client read a store that has been filled, during a sweep within the vendors' rations and after it."""
    return _read(Sweep(kind + RATIONED, is_rationed=True), url, sources, files, scratch, (1,), FEWEST_SLICES)


def _read(
    found: Sweep,
    url: str,
    sources: Mapping[str, str],
    files: Files,
    scratch: Path,
    connections: Sequence[int],
    most_slices: int,
) -> Sweep:
    for number in connections:
        _forget(url)
        with _serving(url, sources, scratch, rationed=found.is_rationed) as (server, process):
            during = found.during[number] = [load(server, files.bodies(PAGE), number, SLICE_SECONDS)]
            while not (is_over := _is_complete(server, found)) and len(during) < most_slices:
                during.append(load(server, files.bodies(PAGE), number, SLICE_SECONDS))
            if is_over and len(during) > 1:
                during.pop()  # in its course the sweep ended
            _complete(server, found)
            process.finish()  # what is left of the sweep: the store is compacted
            found.after[number] = [
                load(server, files.bodies(PAGE), number, SLICE_SECONDS) for _ in range(max(FEWEST_SLICES, len(during)))
            ]
    return found


@contextmanager
def _serving(
    url: str, sources: Mapping[str, str], scratch: Path, *, rationed: bool = False
) -> Iterator[tuple[Candidate, Process]]:
    settings = {**sources, "STORE_URL": url, "SYNC_ENABLED": "true"}
    server = ours("", kept_seconds=0, rationed=rationed, settings=settings)
    process = Process(server.command, server.environment, server.folder, scratch / "sweep.log")
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not _answers(server):
            if time.monotonic() > until or not process.is_running:
                raise SystemExit("The server does not start: " + process.log.read_text()[-500:])
            time.sleep(0.02)
        yield server, process
    finally:
        process.stop()


def _answers(server: Candidate) -> bool:
    try:
        return bool(post(server.url, STATUS).get("data"))
    except (OSError, ValueError):
        return False


def _is_complete(server: Candidate, sweep: Sweep) -> bool:
    statuses = [one["status"] for one in post(server.url, STATUS)["data"]["sources"]]
    sweep.deals = sum(status["rows"] for status in statuses)
    return all(status["isComplete"] for status in statuses)


def _complete(server: Candidate, sweep: Sweep) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not _is_complete(server, sweep):
        if time.monotonic() > until:
            raise SystemExit("The sweep does not end.")
        time.sleep(0.25)  # sync gives way to who asks


def _megabytes_of(path: str) -> float:
    return sum(file.stat().st_size for file in Path(path).parent.glob(Path(path).name + "*")) / 2**20


def _forget(url: str) -> None:
    engine = create_engine(make_url(url) if "://" in url else f"sqlite:///{url}")
    with engine.begin() as connection:
        for statement in FORGET:
            connection.exec_driver_sql(statement)
    engine.dispose()
