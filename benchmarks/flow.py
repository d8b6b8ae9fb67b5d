"""How far one record travels through the code: `make bench-flow`.

Asks a server in this process for one ChartMogul record by id that is not in the cache, over a connection that is open
already, compiled, and follows every call of the project's own functions. Prints how many files they lie in, and how
often the next call lies in another file than the one before; with `--walk` the walk itself.
"""

import argparse
import asyncio
import logging
import subprocess
import sys
from collections.abc import Generator
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from benchmarks.inside import Inside, inside
from benchmarks.processes import ending_with_us
from simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
QUERY = "query One($id: ID!) { chartMogulOpportunity(sourceId: $id) { id stageName owner { name } } }"
WARM = 5


class Walk:
    """The files that calls of the project's functions go through, in order."""

    def __init__(self) -> None:
        self.stations: list[tuple[str, str]] = []
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Take note of a call (`sys.setprofile`); a coroutine that goes on counts as one, too."""
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(ROOT)) and "/.venv/" not in file and "/benchmarks/" not in file:
            self.calls += 1
            name = str(Path(file).relative_to(ROOT))
            if not self.stations or self.stations[-1][0] != name:
                self.stations.append((name, frame.f_code.co_qualname))

    @property
    def files(self) -> set[str]:
        """The files that were entered."""
        return {file for file, _ in self.stations}


def _request(source_id: str) -> list[bytes]:
    body = orjson.dumps({"query": QUERY, "variables": {"id": source_id}})
    head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n"
    return [head + b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body]


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def walk(served: Inside, ids: list[str]) -> Walk:
    """Return the walk of the last id; the others open the connection and compile the document."""
    for source_id in ids[:-1]:
        await served.ask(_request(source_id))
    await _settled()
    found = Walk()
    sys.setprofile(found)
    try:
        answer = await served.ask(_request(ids[-1]))
        await _settled()
    finally:
        sys.setprofile(None)
    if b'"errors"' in answer or b"stageName" not in answer:
        raise RuntimeError(answer.decode())
    return found


async def follow(environment: dict[str, str]) -> Walk:
    """Return the walk of one record, of a source at the addresses of these settings."""
    ids = list(Simulator().chartmogul.records)[: WARM + 1]
    async with inside(environment) as served:
        return await walk(served, ids)


def simulated() -> Generator[str, None, None]:
    """Run the simulator in a process of its own, out of the walk's way; yield the settings that lead to it."""
    command = ending_with_us([sys.executable, "-m", "simulator"])
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            yield from simulator.stdout or ()
        finally:
            simulator.terminate()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="How far one record travels through the code.")
    parser.add_argument("--walk", action="store_true", help="print every station")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    lines = simulated()
    # The last line is a comment.
    environment = dict(line.strip().split("=", 1) for line in takewhile(lambda line: "#" not in line, lines))
    environment["SYNC_ENABLED"] = "false"  # else its calls would be counted, too
    found = asyncio.run(follow(environment))
    lines.close()
    if arguments.walk:
        print("\n".join(f"{file}: {name}" for file, name in found.stations))
    print(f"files {len(found.files)}, changes of file {len(found.stations) - 1}, calls {found.calls}")


if __name__ == "__main__":
    main()
