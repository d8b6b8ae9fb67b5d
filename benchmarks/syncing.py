"""A server that syncs with the simulator, beside which it is measured, and how far its first sweep is."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.candidates import ROOT, Candidate, ours
from benchmarks.processes import LOAD_CPU, Process, post

PATIENCE_SECONDS: Final = 240

STATUS: Final = json.dumps({"query": "{ sources { status { isComplete rows } } }"}).encode()


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


@contextmanager
def serving(
    url: str, sources: Mapping[str, str], scratch: Path, *, rationed: bool = False
) -> Iterator[tuple[Candidate, Process]]:
    """Run a server that syncs the store at this `STORE_URL`, until the block ends, which begins when it answers."""
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


def progress(server: Candidate) -> tuple[bool, int]:
    """Return whether all sources have been swept, and how many deals are there."""
    statuses = [one["status"] for one in post(server.url, STATUS)["data"]["sources"]]
    return all(status["isComplete"] for status in statuses), sum(status["rows"] for status in statuses)


def complete(server: Candidate) -> int:
    """Wait until all sources have been swept; return how many deals are there."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (now := progress(server))[0]:
        if time.monotonic() > until:
            raise SystemExit("The sweep does not end.")
        time.sleep(0.25)  # sync gives way to who asks
    return now[1]
