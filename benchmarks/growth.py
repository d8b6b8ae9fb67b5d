"""What grows, and what must not: `make bench-growth`.

The cost of a record, for 1 to 100 ids in a request; and the memory, over 100,000 requests each of which has a document
and ids that no request had before, and then over a million of all workloads, as many as an hour has at 278 a second.
The server runs as it ships, in a process of its own, over the mock.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import workloads
from benchmarks.candidates import ROOT, Candidate, ours
from benchmarks.phase import load, need_tools, tell
from benchmarks.processes import Mock, Process, post

SIZES = (1, 2, 5, 10, 20, 50, 100)


def main() -> None:
    """Take the command line."""
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--requests", type=int, default=100_000, help="with documents and ids of their own")
    parser.add_argument("--hour", type=int, default=1_000_000, help="requests of an hour")
    given = parser.parse_args()
    need_tools()
    scratch = Path(tempfile.gettempdir()) / "opportunity-graph-bench"
    files = workloads.write(scratch)
    with Mock(scratch, files.records) as mock:
        for cache in (False, True):
            server = ours(mock.url, kept_seconds=30 * cache)
            process = Process(server.command, server.environment, ROOT, scratch / "growth.log")
            try:
                _wait(server.url, files)
                print(f"\n{'warm' if cache else 'cold'}\n")
                print("| ids | requests/s | CPU ms for each request | CPU µs for each record |")
                print("|---|---|---|---|")
                for size in SIZES:
                    bodies = workloads.sized(scratch / f"size-{size}.txt", size)
                    load(server, bodies, 8, 1)
                    cpu = process.cpu_seconds()
                    found = load(server, bodies, 8, given.seconds)
                    cpu = 1000 * (process.cpu_seconds() - cpu) / found["requests"]
                    rate = found["requests"] / found["seconds"]
                    print(f"| {size} | {rate:,.0f} | {cpu:.3f} | {1000 * cpu / size:.1f} |", flush=True)
                if cache:
                    bodies = workloads.fresh(scratch / "fresh.txt")
                    _memory("different documents and ids", server, process, [bodies], given.requests)
                    mixed = [files.bodies(name) for name in workloads.NAMES]
                    _memory("requests of an hour", server, process, mixed, given.hour)
            finally:
                process.stop()


def _wait(url: str, files: workloads.Files) -> None:
    body = files.bodies("W1").read_bytes().splitlines()[0]
    for _ in range(300):
        try:
            post(url, body)
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server does not start.")


def _memory(what: str, server: Candidate, process: Process, mixed: list[Path], requests: int) -> None:
    print(f"\n| {what} so far | MB |\n|---|---|")
    print(f"| 0 | {process.megabytes():.1f} |", flush=True)
    done = 0.0
    while done < requests:
        for bodies in mixed:
            done += load(server, bodies, 16, max(2, 10 // len(mixed)))["requests"]
        print(f"| {done:,.0f} | {process.megabytes():.1f} |", flush=True)
        tell(f"{done:,.0f} of {requests:,}")


if __name__ == "__main__":
    main()
