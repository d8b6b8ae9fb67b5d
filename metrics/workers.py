"""The numbers of all workers of one server.

Several workers listen on one socket, and a scrape reaches any of them. So each writes its numbers to files of
prometheus-client's multiprocess mode, once a second, and whoever is asked writes its own and adds all up. Counting
costs the same as alone: what is written is what the numbers are at that moment. What a worker counted outlives it, so
that counters never fall; gauges of workers that are gone do not count.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import getrandbits
from time import time
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from metrics.families import Family

Families = Callable[[], Iterable[Family]]

WRITE_SECONDS: Final = 1.0
"""Between two writes of a worker that nobody asks."""


class Shared:
    """The numbers of all processes that use a folder."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self._pid = pid
        # A later process may get the same number, and must not write over what this one has counted.
        self._name = f"{pid}x{getrandbits(32):08x}"

    def metrics(self, families: Iterable[Family]) -> list[Metric]:
        """Write the families, and return the sums over all processes."""
        self._write(families)
        self._forget_the_dead()
        return list(MultiProcessCollector(None, str(self._folder)).collect())

    @asynccontextmanager
    async def written(self, families: Families) -> AsyncIterator[None]:
        """Write what the function gives, once a second, until the block ends."""
        task = asyncio.create_task(self._keep_writing(families))
        try:
            yield
        finally:
            task.cancel()
            self._write(families())

    async def _keep_writing(self, families: Families) -> None:
        while True:
            self._write(families())
            await asyncio.sleep(WRITE_SECONDS)

    def _write(self, families: Iterable[Family]) -> None:
        files: dict[str, list[Family]] = defaultdict(list)
        for family in families:
            is_gauge = family.kind == "gauge"
            files[f"gauge_{family.mode}_{self._pid}" if is_gauge else f"{family.kind}_{self._name}"].append(family)
        for name, of_file in files.items():
            # A new file in place of the last one: nobody reads half of it, and nothing is left of what is no more.
            unfinished = self._folder / f"{self._name}.unfinished"
            file = MmapedDict(str(unfinished))
            for family in of_file:
                for key, value in _entries(family):
                    file.write_value(key, value, time())
            file.close()
            unfinished.replace(self._folder / f"{name}.db")

    def _forget_the_dead(self) -> None:
        for file in self._folder.glob("gauge_live*.db"):
            pid = file.stem.rpartition("_")[2]
            if pid.isdigit() and not _is_alive(int(pid)):
                file.unlink(missing_ok=True)


def _entries(family: Family) -> Iterator[tuple[str, float]]:
    """Yield the key of each sample in a file, and its value; of a histogram's bucket what is in it alone."""
    name, labels = family.full_name, list(family.labels)

    def key_of(suffix: str, names: list[str], values: list[str]) -> str:
        return mmap_key(name, name + suffix, names, values, family.text)

    for key, value in family.values.items():
        if family.kind == "histogram":
            yield key_of("_sum", labels, [*key]), value.sum
            for bound, count in value.buckets():
                yield key_of("_bucket", [*labels, "le"], [*key, bound]), float(count)
        else:
            yield key_of("_total" if family.kind == "counter" else "", labels, [*key]), float(value)


def _is_alive(pid: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
