"""Shows what the server does when its sources fail: `make soak`.

A closed loop of clients asks a real server over a simulator in a process of its own, while one thing after another goes
wrong. Two in a hundred requests are broken off by their client. Nothing is kept or rationed, so that every operation
meets the sources. Ends with status 1 if a promise is broken.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.running import Running, running_server, running_simulator
from resolvers.registry import SOURCES
from schema.sources import SOURCE_TYPES
from simulator import Simulator

TITLES = {source.name: source.title for source in SOURCES}
FIELDS = {one.source.name: one.root_field for one in SOURCE_TYPES}
ASKED = (*((source,) for source in FIELDS), tuple(FIELDS))
QUERIES = {
    asked: f"query({' '.join(f'${source}: ID!' for source in asked)}) {{ "
    + " ".join(f"{FIELDS[source]}(sourceId: ${source}) {{ sourceId stageName }}" for source in asked)
    + " }"
    for asked in ASKED
}
SICK_NEXUDUS = frozenset({"nexudus"})
SICK_CHARTMOGUL = frozenset({"chartmogul"})
SICK_ALL = frozenset(FIELDS)
HEALTHY = frozenset[str]()

CLIENTS = 16
THINKING_SECONDS = (0.02, 0.06)
HANG_UPS = 0.02
LATENCY_SECONDS = [0.005, 0.02]
MAX_PARALLEL = {source.name: source.concurrency for source in SOURCES}
"""What the server promises itself. One that is broken off is closed before its place is
given on, and the simulator counts it no more from the moment at which it sees that."""
MAX_CONNECTIONS = sum(MAX_PARALLEL.values())
"""Of which ChartMogul allows 20. The simulator has one port for all sources, hence one pool of connections."""

UNCACHED = {
    f"{source.upper()}_{name}": "0"
    for source in FIELDS
    for name in ("CACHE_FRESH_SECONDS", "CACHE_MISSING_SECONDS", "CACHE_STALE_SECONDS")
}
UNRATIONED = {f"{source.upper()}_RATIONED": "false" for source in FIELDS}
HASTY = {"ATTEMPT_TIMEOUT_SECONDS": "0.5", "OPERATION_DEADLINE_SECONDS": "1"}


@dataclass(frozen=True)
class Phase:
    """Some seconds in which the sources behave in one way. `sick`: those that may answer with errors."""

    name: str
    seconds: float
    sick: frozenset[str] = HEALTHY
    faults: Mapping[str, str] = field(default_factory=dict)
    throttled: bool = False


@dataclass(frozen=True)
class Course:
    """The phases, and the server's settings. Short phases are too few requests to judge a 99th percentile by."""

    phases: Sequence[Phase]
    settings: Mapping[str, str] = field(default_factory=dict)
    judges_latency: bool = True


def course(seconds: float, settling: float, **settings: str) -> Course:
    """Return the usual one: each phase so long, and after each fault time for the breaker to find the source well."""
    return Course(
        (
            Phase("steady", seconds),
            Phase("Nexudus hangs", seconds, SICK_NEXUDUS, {"nexudus": "hang"}),
            Phase("(settling)", settling, SICK_NEXUDUS),
            Phase("Nexudus throttles", seconds, SICK_NEXUDUS, throttled=True),
            Phase("(settling)", settling, SICK_NEXUDUS),
            Phase("ChartMogul resets", seconds, SICK_CHARTMOGUL, {"chartmogul": "reset"}),
            Phase("(settling)", settling, SICK_CHARTMOGUL),
            Phase("all answer 503", seconds, SICK_ALL, dict.fromkeys(FIELDS, "503")),
            Phase("(settling)", settling, SICK_ALL),
            Phase("recovery", seconds),
        ),
        settings,
    )


FULL = course(40, 9)
SHORT = course(5.3, 5.8, **HASTY)
TINY = Course(
    (Phase("steady", 1), Phase("Nexudus hangs", 6, SICK_NEXUDUS, {"nexudus": "hang"})), HASTY, judges_latency=False
)


@dataclass
class Tally:
    """What was seen in one phase."""

    phase: Phase
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    hang_ups: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    megabytes: float = 0.0
    descriptors: int = 0

    def percentile(self, share: float) -> float:
        """Return the time within which this share of the operations was answered, in milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")

    def per_second(self, count: int) -> float:
        """Return a count as a rate."""
        return count / self.seconds if self.seconds else 0.0


@dataclass
class Report:
    """All phases, the most that ran at once, and every promise that was broken."""

    tallies: list[Tally]
    stats: dict[str, Any]
    broken: list[str]

    def __str__(self) -> str:
        titles = (
            "phase", "s", "operations/s", "p50 ms", "p99 ms", *(f"{TITLES[name]} records/s, errors" for name in FIELDS),
            f"requests to {', '.join(TITLES[name] for name in FIELDS)}", "hang-ups", "MB", "descriptors",
        )  # fmt: skip
        lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
        for one in self.tallies:
            sides = [f"{one.per_second(one.records[name]):.0f}, {one.errors[name]}" for name in FIELDS]
            lines.append(
                f"| {one.phase.name} | {one.seconds:.0f} | {one.per_second(len(one.milliseconds)):.0f} "
                f"| {one.percentile(0.5):.0f} | {one.percentile(0.99):.0f} | {' | '.join(sides)} "
                f"| {', '.join(str(one.requests[name]) for name in FIELDS)} | {one.hang_ups} "
                f"| {one.megabytes:.0f} | {one.descriptors} |"
            )
        for name, found in self.stats.items():
            lines.append(f"{name}: at most {found['max_in_flight']} at once, on {found['max_connections']} connections")
        return "\n".join([*lines, *(f"BROKEN: {one}" for one in self.broken)])


class Soak:
    """One run."""

    def __init__(self, chosen: Course, session: aiohttp.ClientSession, url: str, control: str, server: Running) -> None:
        self._course = chosen
        self._session = session
        self._url = f"{url}/graphql"
        self._control = control
        self._server = server
        self._random = random.Random(1)  # noqa: S311 - a load, not a secret
        self._ids = {upstream.name: list(upstream.records) for upstream in Simulator().upstreams}
        self._tally = Tally(chosen.phases[0])
        self._is_over = False
        self.broken: Counter[str] = Counter()

    async def run(self) -> Report:
        """Go through all phases."""
        clients = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]
        tallies = []
        for phase in self._course.phases:
            await self._begin(phase)
            done, _ = await asyncio.wait(clients, timeout=phase.seconds, return_when=asyncio.FIRST_COMPLETED)
            for client in done:  # none ends by itself but by a fault of this program
                await client
            tally = self._tally
            tally.seconds = phase.seconds
            stats = await self._control_it("GET", "stats")
            tally.requests = {name: sum(found["statuses"].values()) for name, found in stats.items()}
            tally.megabytes = self._server.resident_megabytes()
            tally.descriptors = self._server.descriptors()
            tallies.append(tally)
        self._is_over = True
        await asyncio.gather(*clients)
        broken = [f"{what} ({count} times)" for what, count in self.broken.items()]
        return Report(tallies, stats, broken + _judge(tallies, stats, self._course))

    async def _begin(self, phase: Phase) -> None:
        await self._control_it("DELETE", "calls")
        await self._control_it("DELETE", "faults")
        for upstream, fault in phase.faults.items():
            await self._control_it("POST", "faults", {"upstream": upstream, "fault": fault, "times": None})
        await self._control_it("POST", "config", {"nexudus": {"throttled": phase.throttled}})
        self._tally = Tally(phase)

    async def _control_it(self, method: str, what: str, body: Any = None) -> Any:
        async with self._session.request(method, f"{self._control}/{what}", json=body) as response:
            return await response.json()

    async def _client(self) -> None:
        while not self._is_over:
            asked = self._random.choice(ASKED)
            ids = {source: str(self._random.choice(self._ids[source])) for source in asked}
            if self._random.random() < HANG_UPS:
                self._tally.hang_ups += 1
                await self._hang_up(ids)
            else:
                await self._operation(ids)
            await asyncio.sleep(self._random.uniform(*THINKING_SECONDS))

    async def _hang_up(self, ids: Mapping[str, str]) -> None:
        asking = asyncio.create_task(self._post(ids))
        await asyncio.wait([asking], timeout=self._random.uniform(0.001, 0.1))
        asking.cancel()
        await asyncio.wait([asking])

    async def _operation(self, ids: Mapping[str, str]) -> None:
        began_in = self._tally.phase
        started = time.perf_counter()
        try:
            status, body = await self._post(ids)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.broken[f"no answer: {type(error).__name__}"] += 1
            return
        tally = self._tally
        tally.milliseconds.append((time.perf_counter() - started) * 1000)
        try:
            answer = json.loads(body)
        except ValueError:
            self.broken["an answer that is not JSON"] += 1
            return
        if status != 200 or "data" not in answer:
            self.broken[f"status {status}: {answer}"[:200]] += 1
            return
        self._check(answer, ids, tally, began_in.sick | tally.phase.sick)

    def _check(self, answer: Any, ids: Mapping[str, str], tally: Tally, sick: frozenset[str]) -> None:
        codes = {error["extensions"].get("source"): error["extensions"]["code"] for error in answer.get("errors", ())}
        for source, source_id in ids.items():
            record = answer["data"][FIELDS[source]]
            if record is not None and record["sourceId"] == source_id and source not in codes:
                tally.records[source] += 1
                continue
            tally.errors[source] += 1
            if source not in sick:
                self.broken[f"{tally.phase.name}: {codes.get(source)} of {source}, which is well"] += 1
            elif not codes.get(source, "").startswith("UPSTREAM_"):
                self.broken[f"{tally.phase.name}: {source} is sick, but the error is {codes.get(source)}"] += 1

    async def _post(self, ids: Mapping[str, str]) -> tuple[int, bytes]:
        body = {"query": QUERIES[tuple(ids)], "variables": ids}
        async with self._session.post(self._url, json=body) as response:
            return response.status, await response.read()


def _judge(tallies: Sequence[Tally], stats: Mapping[str, Any], chosen: Course) -> list[str]:
    broken = []
    steady, last = tallies[0], tallies[-1]
    for one in tallies[1:]:
        # An operation that also asks a source which throttles waits for it in vain, and rightly so: no promise there.
        for source in FIELDS.keys() - one.phase.sick if not one.phase.throttled else ():
            now, then = one.per_second(one.records[source]), steady.per_second(steady.records[source])
            if now < then / 2:
                broken.append(f"{one.phase.name}: {now:.0f} records/s of {source}, which is well, after {then:.0f}")
    if chosen.judges_latency and last.percentile(0.99) > 2 * steady.percentile(0.99):
        broken.append("the 99th percentile of the recovery is more than twice that of the steady phase")
    for source, found in stats.items():
        if found["max_in_flight"] > MAX_PARALLEL[source]:
            broken.append(f"{found['max_in_flight']} requests to {source} at once")
    if stats["chartmogul"]["max_connections"] > MAX_CONNECTIONS:
        broken.append(f"{stats['chartmogul']['max_connections']} connections to chartmogul")
    if last.megabytes > steady.megabytes * 1.1 + 5:
        broken.append(f"memory went from {steady.megabytes:.0f} to {last.megabytes:.0f} MB")
    if last.descriptors > steady.descriptors + 10:
        broken.append(f"open descriptors went from {steady.descriptors} to {last.descriptors}")
    return broken


async def soak(chosen: Course) -> Report:
    """Run a course against processes of its own."""
    async with (
        running_simulator("--no-throttle") as (_, settings, control),
        running_server(**settings, **UNCACHED, **UNRATIONED, **chosen.settings, LOG_LEVEL="error") as (server, url),
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=20), connector=aiohttp.TCPConnector(limit=0)
        ) as session,
    ):
        latency = {name: {"latency_seconds": LATENCY_SECONDS} for name in FIELDS}
        async with session.post(f"{control}/config", json=latency) as response:
            response.raise_for_status()
        return await Soak(chosen, session, url, control, server).run()


def main() -> int:
    """Run the course of the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--short", action="store_true", help="under a minute, with shorter deadlines (default: 5 minutes)"
    )
    report = asyncio.run(soak(SHORT if parser.parse_args().short else FULL))
    print(report)
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
