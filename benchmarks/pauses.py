"""How long garbage collections stop everybody while many documents come: `python -m benchmarks.pauses`.

Documents that were never seen before, with fragments that have names of their own, each asked for as often as it takes
to compile it, in one process with the collector set as the server sets it; every record is known not to exist, so that
the time goes into documents alone. Prints the longest pause, in processor time, of young collections and of full ones,
the last of which is forced at the end, when it finds the most.
"""

import argparse
import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import server
from engine.answer import Answer
from engine.engine import Engine
from resolvers import global_id
from resolvers.fetching.record_cache import Entry
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema import build_schema
from schema.access import SCOPES, Access
from schema.context import Context
from schema.execution import build_engine

EVERYTHING = Access.of(SCOPES, is_gateway=True, is_production=False)
FIELDS = "stageName pipelineName createdAt updatedAt value { amount currencyCode } owner { name email }"


class Absent:
    """A source whose records are all known not to exist."""

    sends_at_once = False

    def __init__(self, source: str) -> None:
        self.source = source

    def cached(self, _source_id: str, _operation: UpstreamContext) -> Entry:
        """Return that there is no such record."""
        return Entry(None, 0, 0, 0)


FETCHERS: Mapping[str, Any] = {source: Absent(source) for source in ("nexudus", "chartmogul")}


def aliases(number: int) -> str:
    """Return 50 root fields, all with the same fragment."""
    id_ = global_id.encode("nexudus", "1")
    fields = " ".join(f'a{n}: opportunity(id: "{id_}") {{ id stageName ...F{number} }}' for n in range(50))
    return f"{{ {fields} }} {_fragment(number, 'status')}"


def wide(number: int) -> str:
    """Return one root field with many fields, each under several names."""
    id_ = global_id.encode("nexudus", "1")
    names = " ".join(f"n{n}: sourceId" for n in range(150))
    fragment = _fragment(number, f"{FIELDS} {names}")
    return f'query Q {{ opportunity(id: "{id_}") {{ ...F{number} }} }} {fragment}'


def small(number: int) -> str:
    """Return a document of a frontend's usual size."""
    id_ = global_id.encode("nexudus", "1")
    return f'query Q {{ opportunity(id: "{id_}") {{ ...F{number} }} }} {_fragment(number, FIELDS)}'


def _fragment(number: int, fields: str) -> str:
    """Return a fragment with a name of its own: a document that has it is no other one's."""
    return f"fragment F{number} on Opportunity {{ {fields} }}"


async def ask(engine: Engine, text: str) -> None:
    """Ask for a document once."""
    document = engine.read(text)
    if isinstance(document, Answer):
        raise TypeError(document.errors)
    operation = UpstreamContext(60)
    loaders = Loaders(FETCHERS, operation)
    answer = await engine.answer(document, None, None, Context(loaders, operation, EVERYTHING))
    loaders.close()
    if answer.errors:
        raise RuntimeError(answer.errors[0]["message"])


async def measure(make: Callable[[int], str], count: int, times: int) -> str:
    """Return a table's row."""
    engine = build_engine(build_schema())
    await ask(engine, "{ __typename }")
    server.spare_the_garbage_collector()
    young, full = [0.0], [0.0]
    started = 0.0

    def watch(phase: str, info: Mapping[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = time.thread_time()
        else:
            (full if info["generation"] == 2 else young).append(time.thread_time() - started)

    gc.callbacks.append(watch)
    try:
        for number in range(count):
            for _ in range(times):
                await ask(engine, make(number))
        tracked = len(gc.get_objects())
        gc.collect()
    finally:
        gc.callbacks.remove(watch)
    longest = " | ".join(f"{max(pauses) * 1e3:.0f}" for pauses in (young, full))
    return f"| {make.__name__}, {times} times | {count:,} | {tracked:,} | {longest} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000, help="for each row")
    flags = parser.parse_args()
    logging.disable(logging.WARNING)
    print("| documents | how many | objects at the end | longest pause, young, ms | full, ms |\n|---|---|---|---|---|")
    for make in (small, wide, aliases):
        for times in (1, 3):
            print(asyncio.run(measure(make, flags.documents, times)), flush=True)


if __name__ == "__main__":
    main()
