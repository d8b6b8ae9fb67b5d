"""What each layer that is there for speed buys: `make bench-layers`.

A server as it ships, and one for each layer in which that layer is off, are up at once and asked in turns, by callers
as production has them: with a bearer token and an `Origin`, rations on. The rates of the rations are a thousand times
the documented ones, or no load could go beyond two cold records a second. What is told are ratios, without the layer
to with it, round by round: 0.50 means that the layer doubles what the server does.

A layer is turned off from outside, by replacing names of the product. All of these names stand at the top.
"""

import argparse
import gc
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import msgspec
import yarl
from graphql import specified_rules

from benchmarks import workloads
from benchmarks.callers import EVERYTHING, Issuer
from benchmarks.candidates import Candidate, ours
from benchmarks.phase import KEPT_SECONDS, Cell, Phase, Result, need_tools, tell
from benchmarks.turns import in_turns, phases, prepare, ratios
from httpclient.client import Request
from httpclient.connection import ConnectionFailed
from httpclient.response import Response
from resolvers.resilience.rate_limiter import Rate, RateLimiter


def no_parameters(_text: str, **_how: bool) -> tuple[()]:
    """Find no parameters in a document's text."""
    return ()


def nothing(*_arguments: object, **_keywords: object) -> None:
    """Stand in for what finds nothing and keeps nothing."""


def encoded(_memo: object, _number: int, _record: object, completed: object) -> bytes:
    """Write a completed record, and keep nothing."""
    return msgspec.json.encode(completed)


def all_rules(*_: object) -> list[Any]:
    """Return every rule of validation."""
    return list(specified_rules)


class SessionClient:
    """Requests by aiohttp's own client session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(self, request: Request, *, on_sent: Callable[[], None], **_others: object) -> Response:
        """Return the response; raises `ConnectionFailed`. The mock's replies have bounds of their own."""
        on_sent()
        url = yarl.URL(request.url, encoded=True)
        headers, form = request.headers, request.form
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=form, allow_redirects=False
            ) as response:
                return Response(response.status, response.headers, await response.read())
        except aiohttp.ClientError as error:
            raise ConnectionFailed(type(error).__name__) from None


ORIGINAL = RateLimiter.__init__


def generous(rate_limiter: RateLimiter, source: str, rates: Sequence[Rate], **others: Any) -> None:
    """Make a rate limiter of a thousand times the rates."""
    ORIGINAL(rate_limiter, source, [Rate(1_000 * rate.limit, rate.seconds) for rate in rates], **others)


LAYERS: Mapping[str, Mapping[str, object]] = {
    "fast path": {"httpserver.protocol.prepare": nothing},
    "response cache": {
        "web.response_cache.ResponseCache.find": nothing,
        "web.response_cache.ResponseCache.store": nothing,
    },
    "verified tokens": {"web.auth.verified_tokens.VerifiedTokens.find": nothing},
    "compiled executor": {"engine.documents.CompiledDocument.operation": nothing},
    "serialisation cache": {
        "engine.serialization_cache.SerializationCache.get": nothing,
        "engine.serialization_cache.SerializationCache.store": encoded,
    },
    "parameterised documents": {"engine.documents.parameterisations": no_parameters},
    "subset of validation rules": {"engine.reader.rules_for": all_rules},
    "own HTTP client": {"resolvers.resilience.transport.HttpClient": SessionClient},
    "garbage collector settings": {"server.spare_the_garbage_collector": gc.unfreeze},
}
"""By what a layer is called: names of the product, and what stands in for each while the layer is off."""

RATES: Mapping[str, object] = {"resolvers.resilience.rate_limiter.RateLimiter.__init__": generous}

WHOLE = "whole"

TITLES = {"rps": "requests per second", "cpu_ms": "ms of processor time for a request", "p99": "99th percentile, ms"}


@contextmanager
def without(layer: str) -> Iterator[None]:
    """Turn a layer off, none for `WHOLE`, and raise the rations' rates, until the block ends.

    Raises `AttributeError` or `ImportError` where a name has gone.
    """
    replacements = {**RATES, **LAYERS.get(layer, {})}
    with ExitStack() as stack:
        for name, replacement in replacements.items():
            replaced: AbstractContextManager[object] = patch(name, replacement)
            stack.enter_context(replaced)
        yield


def cells(connections: int = 32) -> list[Cell]:
    """Return what is measured: warm what comes again, warm what comes for the first time, and cold."""
    found = [Cell(True, name, 0, connections, EVERYTHING) for name in (*workloads.NAMES, *workloads.FIRST)]
    return found + [Cell(False, name, 0, connections, EVERYTHING) for name in workloads.NAMES]


def measure(
    layers: Sequence[str], chosen: Sequence[Cell], scratch: Path, *, rounds: int, seconds: int
) -> tuple[dict[Cell, Mapping[str, list[Result]]], dict[str, dict[str, float]]]:
    """Return what each server made of each cell, and the memory of each by `cold` and `warm`."""
    names = (WHOLE, *layers)

    def servers(mock_url: str, issued: Issuer, of_phase: Sequence[Cell]) -> list[Candidate]:
        found = [
            ours(
                mock_url,
                kept_seconds=KEPT_SECONDS if of_phase[0].cache else 0,
                name=name,
                command=("-m", "benchmarks.layers", "--serve", name),
                issuer=issued,
                rationed=True,
            )
            for name in names
        ]
        called.update({candidate.label: candidate.name for candidate in found})
        return found

    called: dict[str, str] = {}
    measured: dict[Cell, Mapping[str, list[Result]]] = {}
    ended: list[tuple[str, Phase]] = []
    for of_phase, phase in phases(chosen, scratch, workloads.write(scratch), servers):
        prepare(phase, of_phase)
        measured |= in_turns(phase, names, of_phase, rounds=rounds, seconds=seconds)
        ended.append(("warm" if of_phase[0].cache else "cold", phase))
    memory: dict[str, dict[str, float]] = {name: {} for name in names}
    for state, phase in ended:
        for label, facts in phase.facts.items():
            memory[called[label]][state] = facts["after_mb"]
    return measured, memory


def tables(
    layers: Sequence[str],
    measured: Mapping[Cell, Mapping[str, list[Result]]],
    memory: Mapping[str, Mapping[str, float]],
) -> str:
    """Return the ratios without each layer to with it, a table for each of `TITLES`."""
    heads = [f"{'warm' if cell.cache else 'cold'} {cell.workload}" for cell in measured]
    phases = list(next(iter(memory.values())))
    lines = []
    for what, title in TITLES.items():
        columns = [title, *heads, *(f"MB, {phase}" for phase in phases)]
        lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
        places = 2 if what == "cpu_ms" else 0
        whole = [f"{statistics.median(r[what] for r in found[WHOLE]):,.{places}f}" for found in measured.values()]
        lines.append(_row(WHOLE, [*whole, *(f"{memory[WHOLE][phase]:.0f}" for phase in phases)]))
        for layer in layers:
            found = [median_ratio(results.get(layer, []), results[WHOLE], what) for results in measured.values()]
            lines.append(_row(f"without {layer}", [*found, *(f"{memory[layer].get(p, 0):.0f}" for p in phases)]))
        lines.append("")
    lines += [f"- {name}: {text}" for name, text in workloads.MEANING.items()]
    return "\n".join([*lines, "- N1 to N4: as W1 to W4, but no request comes twice"])


def _row(name: str, columns: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(columns) + " |"


def median_ratio(rounds: list[Result], whole: list[Result], what: str) -> str:
    """Return the median of the rounds' ratios, and how many responses were bad, if any."""
    if not rounds:
        return "-"
    text = f"{statistics.median(ratios(rounds, whole, what)):.2f}"
    bad = sum(one["bad"] for one in (*rounds, *whole))
    return f"{text} **{bad:.0f} bad**" if bad else text


def serve(layer: str) -> int:
    """Run the server without a layer, as the environment sets it; return its exit status."""
    import server  # last: it takes what there is then out of the garbage collector's sight

    with without(layer):
        return server.main([])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-layers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--serve", metavar="LAYER", choices=(WHOLE, *LAYERS), help=argparse.SUPPRESS)
    parser.add_argument("--layers", help=f"of {', '.join(LAYERS)}; separated by commas")
    parser.add_argument("--only", help="only cells whose names begin so, separated by commas: cold, 'warm 0 ms W1'")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.serve:
        return serve(given.serve)
    need_tools()
    layers = given.layers.split(",") if given.layers else list(LAYERS)
    if unknown := set(layers) - set(LAYERS):
        parser.error(f"no such layer: {', '.join(sorted(unknown))}")
    chosen = cells(given.connections)
    if given.only:
        chosen = [cell for cell in chosen if cell.name.startswith(tuple(given.only.split(",")))]
    tell(f"{len(chosen)} cells, {len(layers)} layers")
    with tempfile.TemporaryDirectory(prefix="opportunity-graph-") as scratch:
        measured, memory = measure(layers, chosen, Path(scratch), rounds=given.rounds, seconds=given.seconds)
    print(tables(layers, measured, memory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
