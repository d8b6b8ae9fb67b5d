"""What a sweep does to those who read, and what a store in memory takes: part of `make bench-lists`.

The server syncs with the simulator, which has no latency. Without rations deals come as quickly as the server takes
them; with those that the vendors document, and sync's usual share of them, as they do in production. Every row differs
from what the store has.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.list_requests import PAGE
from benchmarks.list_stores import engine
from benchmarks.phase import load
from benchmarks.syncing import complete, progress, serving
from benchmarks.workloads import Files

SLICE_SECONDS: Final = 2
FEWEST_SLICES, MOST_SLICES = 3, 6
RATIONED: Final = ", with rations"

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
    with serving(url, sources, scratch) as (server, process):
        started = time.monotonic()
        found.idle_mb = process.megabytes()
        found.deals = complete(server)
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
        with serving(url, sources, scratch, rationed=found.is_rationed) as (server, process):
            during = found.during[number] = [load(server, files.bodies(PAGE), number, SLICE_SECONDS)]
            while not (is_over := progress(server)[0]) and len(during) < most_slices:
                during.append(load(server, files.bodies(PAGE), number, SLICE_SECONDS))
            if is_over and len(during) > 1:
                during.pop()  # in its course the sweep ended
            found.deals = complete(server)
            process.finish()  # what is left of the sweep: the store is compacted
            found.after[number] = [
                load(server, files.bodies(PAGE), number, SLICE_SECONDS) for _ in range(max(FEWEST_SLICES, len(during)))
            ]
    return found


def _megabytes_of(path: str) -> float:
    return sum(file.stat().st_size for file in Path(path).parent.glob(Path(path).name + "*")) / 2**20


def _forget(url: str) -> None:
    store = engine(url)
    with store.begin() as connection:
        for statement in FORGET:
            connection.exec_driver_sql(statement)
    store.dispose()
