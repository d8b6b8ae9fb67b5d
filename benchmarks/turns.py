"""What all comparisons do: servers over one mock, cold and warm, measured in turns, told as ratios."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import workloads
from benchmarks.callers import Issuer, issuer
from benchmarks.candidates import Candidate
from benchmarks.phase import Cell, Phase, Result, tell
from benchmarks.processes import Mock

Measured = Mapping[Cell, Mapping[str, list[Result]]]


def phases(
    chosen: Sequence[Cell],
    scratch: Path,
    files: workloads.Files,
    servers: Callable[[str, Issuer, Sequence[Cell]], Iterable[Candidate]],
) -> Iterator[tuple[list[Cell], Phase]]:
    """Yield the cells that are cold, and those that are warm, as `chosen` begins, each with its servers up.

    `servers` gives what to start for some cells over a mock with this URL. They end when the next ones are asked for.
    """
    with ExitStack() as stack:
        mock = stack.enter_context(Mock(scratch, files.records))
        issued = stack.enter_context(issuer())
        for cache in dict.fromkeys(cell.cache for cell in chosen):
            of_phase = [cell for cell in chosen if cell.cache is cache]
            with Phase(servers(mock.url, issued, of_phase), mock, files, scratch) as phase:
                yield of_phase, phase


def prepare(phase: Phase, cells: Sequence[Cell]) -> None:
    """Let every server fetch all records, if it is to be warm, else see each workload."""
    if cells[0].cache:
        phase.prime()
        return
    for workload in dict.fromkeys(cell.workload for cell in cells):
        phase.warm_up(workload, 1)


def in_turns(phase: Phase, names: Sequence[str], cells: Iterable[Cell], *, rounds: int, seconds: int) -> Measured:
    """Return what each server made of each cell, round by round; every other round goes backwards."""
    measured: dict[Cell, dict[str, list[Result]]] = {}
    for cell in cells:
        taking = [name for name in names if phase.takes(name, cell)]
        results = measured[cell] = {name: [] for name in taking}
        for round_ in range(rounds * cell.rounds):
            for name in taking if round_ % 2 == 0 else reversed(taking):
                results[name].append(phase.measure(name, cell, seconds))
        tell(f"{cell.name}: " + ", ".join(f"{name} {last[-1]['rps']:,.0f}/s" for name, last in results.items()))
    return measured


def ratios(these: Sequence[Result], others: Sequence[Result], what: str) -> list[float]:
    """Return the ratio of each round."""
    return [this[what] / (other[what] or 1e-9) for this, other in zip(these, others, strict=True)]
