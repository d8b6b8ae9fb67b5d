"""`metrics.workers`: what several workers counted is added up, whichever of them is asked."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from metrics.counts import Counts
from metrics.exposition import FOLDER, Alone, open_exposition, text_of
from metrics.families import Family, gauge
from metrics.names import Names
from metrics.workers import Shared
from resolvers.fetching.upstream_context import UpstreamContext


def dead_pid() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


async def counts(*seconds: float) -> Counts:
    found = Counts(Names())
    for one in seconds:
        found.on_operation("Deal", None, one, UpstreamContext(1))
    return found


def families_of(of_worker: Counts, left: int, waiters: int) -> Iterable[Family]:
    yield from of_worker.families()
    yield gauge("ration_left", "", ("source",), {("nexudus",): left}, mode="livemin")
    yield gauge("ration_waiters", "", ("source",), {("nexudus",): waiters})


def samples(text: bytes) -> dict[str, float]:
    """Return the samples by name, and `le` where they have it."""
    return {
        f"{sample.name.removeprefix('opportunity_graph_')}{sample.labels.get('le', '')}": sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_whichever_worker_is_asked_shows_the_sum_of_all(tmp_path: Path) -> None:
    first, second = Shared(tmp_path, os.getpid()), Shared(tmp_path, os.getppid())
    second.metrics(families_of(await counts(0.002, 0.2), 5, 1))
    found = samples(text_of(first.metrics(families_of(await counts(0.2), 7, 2))))

    assert found["operations_total"] == 3
    assert found["operation_seconds_count"] == 3
    assert (found["operation_seconds_bucket0.1"], found["operation_seconds_bucket0.25"]) == (1, 3)
    assert round(found["operation_seconds_sum"], 3) == 0.402
    assert (found["ration_left"], found["ration_waiters"]) == (5, 3)


async def test_the_text_is_that_of_one_process_alone(tmp_path: Path) -> None:
    of_worker = await counts(0.002, 0.2)
    alone = samples(text_of(Alone().metrics(families_of(of_worker, 5, 1))))
    shared = samples(text_of(Shared(tmp_path, os.getpid()).metrics(families_of(of_worker, 5, 1))))

    assert shared == {name: value for name, value in alone.items() if not name.startswith("process_")}
    assert alone["process_start_time_seconds"] > 0


async def test_what_a_worker_that_died_has_counted_stays_and_its_gauges_go(tmp_path: Path) -> None:
    Shared(tmp_path, dead_pid()).metrics(families_of(await counts(0.2), 0, 9))
    found = samples(text_of(Shared(tmp_path, os.getpid()).metrics(families_of(await counts(), 7, 2))))

    assert found["operations_total"] == 1
    assert (found["ration_left"], found["ration_waiters"]) == (7, 2)


def test_of_gauges_that_are_no_more_nothing_is_left(tmp_path: Path) -> None:
    shared = Shared(tmp_path, os.getpid())
    shared.metrics([gauge("sync_problem", "", ("code",), {("UPSTREAM_TIMEOUT",): 1})])
    assert shared.metrics([gauge("sync_problem", "", ("code",), {})]) == []


async def test_the_last_numbers_of_a_worker_are_written_when_it_ends(tmp_path: Path) -> None:
    of_worker = await counts()
    async with Shared(tmp_path, os.getpid()).written(of_worker.families):
        of_worker.on_operation("Deal", None, 0.1, UpstreamContext(1))

    assert samples(text_of(Shared(tmp_path, os.getpid()).metrics(())))["operations_total"] == 1


def test_the_environment_says_whether_there_are_other_workers(tmp_path: Path) -> None:
    assert isinstance(open_exposition({}), Alone)
    assert isinstance(open_exposition({FOLDER: str(tmp_path)}), Shared)
