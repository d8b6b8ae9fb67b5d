"""Shows that the sources' documented rates are kept at full demand: `make soak-budget`.

Clients ask a real server for more than the rations allow, over a simulator that counts as the vendors do and refuses
what goes beyond. Nothing is kept, so that every record has to be fetched. Ends with status 1 if a single request was
refused, or if any window of a documented rate held more requests than it may.
"""

import argparse
import asyncio
import base64
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from benchmarks.running import running_server, running_simulator
from benchmarks.soak import LATENCY_SECONDS, UNCACHED
from simulator import Simulator
from simulator.chartmogul import LIMITS as CHARTMOGUL_LIMITS
from simulator.nexudus import LIMITS as NEXUDUS_LIMITS

LIMITS = {"nexudus": NEXUDUS_LIMITS, "chartmogul": CHARTMOGUL_LIMITS}
CLIENTS = 32
IDS_EACH = {"nexudus": 25, "chartmogul": 10}
THINKING_SECONDS = (0.0, 0.2)
REFUSALS = {"409", "429", "503"}
QUERY = "query($ids: [ID!]!) { opportunitiesById(ids: $ids) { id stageName } }"

Answers = Counter[tuple[str, str]]


async def demand(session: aiohttp.ClientSession, url: str, seconds: float, *, clients: int = CLIENTS) -> Answers:
    """Ask for so long; return how many records came, and how many errors of each code, by source."""
    answers: Answers = Counter()
    records = Simulator()
    ids = {"nexudus": list(records.nexudus.records), "chartmogul": list(records.chartmogul.records)}
    until = time.monotonic() + seconds

    async def client(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - a load, not a secret
        source = list(IDS_EACH)[number % len(IDS_EACH)]
        while time.monotonic() < until:
            asked = chance.sample(ids[source], IDS_EACH[source])
            variables = {"ids": [_global_id(source, source_id) for source_id in asked]}
            async with session.post(f"{url}/graphql", json={"query": QUERY, "variables": variables}) as response:
                answer = await response.json()
            errors = [error["extensions"]["code"] for error in answer.get("errors", ())]
            answers.update((source, code) for code in errors)
            answers[source, "whole"] += len(asked) - len(errors)
            await asyncio.sleep(chance.uniform(*THINKING_SECONDS))

    await asyncio.gather(*map(client, range(clients)))
    return answers


def _global_id(source: str, source_id: object) -> str:
    return base64.urlsafe_b64encode(f"{source}:{source_id}".encode()).decode()


def most_in_any(calls: Sequence[Mapping[str, Any]], seconds: float) -> int:
    """Return the largest number of requests that certainly came in a window of so many seconds.

    The simulator reads some together that came apart, where the machine is busy; `since` says what is certain.
    """
    most = start = 0
    for end, call in enumerate(calls):
        while call["at"] - calls[start]["since"] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def report(calls: Mapping[str, list[Any]], answers: Answers, seconds: float) -> tuple[str, bool]:
    """Return the table, and whether every promise was kept."""
    lines = ["| source | window | allowed | most in any | refused |", "|---|---|---|---|---|"]
    kept = True
    for source, found in calls.items():
        counted = [call for call in found if not call["kind"].startswith("token")]
        refused = sum(str(call["status"]) in REFUSALS for call in found)
        for count, window in LIMITS[source]:
            most = most_in_any(counted, window)
            kept = kept and most <= count and not refused
            lines.append(f"| {source} | {window:g} s | {count} | {most} | {refused} |")
    for source, found in calls.items():
        told = ", ".join(f"{count} {what}" for (name, what), count in sorted(answers.items()) if name == source)
        lines.append(f"{source}: {len(found)} requests in {seconds:.0f} s; records answered: {told}")
    return "\n".join(lines), kept


async def soak_budget(seconds: float) -> tuple[str, bool]:
    """Run for so long; return the table, and whether every promise was kept."""
    async with (
        running_simulator() as (_, settings, control),
        running_server(**settings, **UNCACHED, LOG_LEVEL="error") as (_, url),
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=20), connector=aiohttp.TCPConnector(limit=0)
        ) as session,
    ):
        latency = {name: {"latency_seconds": LATENCY_SECONDS} for name in LIMITS}
        async with session.post(f"{control}/config", json=latency) as response:
            response.raise_for_status()
        answers = await demand(session, url, seconds)
        calls = {}
        for source in LIMITS:
            async with session.get(f"{control}/calls?upstream={source}") as response:
                calls[source] = await response.json()
    return report(calls, answers, seconds)


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak_budget", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=200.0)
    table, kept = asyncio.run(soak_budget(parser.parse_args().seconds))
    print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
