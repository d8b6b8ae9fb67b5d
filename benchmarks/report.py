"""The results as tables: medians over the rounds, and ratios, which are what carries over."""

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.workloads import MEANING

Rounds = list[dict[str, float]]


def median(rounds: Rounds, what: str) -> float:
    """Return the median of a figure over the rounds."""
    return statistics.median([one[what] for one in rounds]) if rounds else 0.0


def spread(rounds: Rounds) -> float:
    """Return how far apart the rounds are, as a part of their median."""
    rates = [one["rps"] for one in rounds]
    return (max(rates) - min(rates)) / statistics.median(rates) if rates else 0.0


def tables(found: dict[str, Any]) -> str:
    """Return everything as Markdown."""
    cells = {name: results for name, results in found["cells"].items() if ", " not in name}
    names = list(dict.fromkeys(name for results in cells.values() for name in results))
    lines = ["", "| | " + " | ".join(names) + " | to the fastest peer |", "|---" * (len(names) + 2) + "|"]
    for cell, results in cells.items():
        row = [figures(results.get(name, [])) for name in names]
        lines.append(f"| {cell} | " + " | ".join(row) + f" | {_ratio(results)} |")
    lines += _by_caller(found["cells"])
    lines += ["", "Requests per second (p50 / p99 in ms; ms of CPU and upstream requests for each request).", ""]
    lines += [f"- {name}: {text}" for name, text in MEANING.items()]
    cold, warm = (found["facts"].get(phase, {}) for phase in ("cold", "warm"))
    lines += [
        "",
        "| | start, s | MB idle | MB after, cold | MB after, warm | upstream: one W2 / 32 equal at once |",
        "|---" * 6 + "|",
    ]
    for name, one in {**warm, **cold}.items():
        after = [facts.get(name, {}).get("after_mb") for facts in (cold, warm)]
        lines.append(
            f"| {name} | {one['start_seconds']} | {one['idle_mb']} | {after[0]} | {after[1]} "
            f"| {one.get('one_w2')} / {one.get('equal_w2')} |"
        )
    lines += ["", *weather(found["cells"])]
    lines += ["", *found["left_out"]]
    return "\n".join(lines)


def weather(cells: Mapping[str, Mapping[str, Rounds]]) -> list[str]:
    """Return lines about how much the measurements vary by themselves."""
    measured = [rounds for results in cells.values() for rounds in results.values()]
    lines = []
    if noise := [spread(rounds) for rounds in measured if len(rounds) > 1]:
        lines.append(f"Spread between rounds, (most - least) / median: {statistics.median(noise):.0%} at the median.")
    if stolen := [one["stolen"] for rounds in measured for one in rounds]:
        lines.append(
            f"The host kept {statistics.median(stolen):.1%} of the processors' time, at the most {max(stolen):.0%}."
        )
    return lines


def comparison(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return this server's share of the fastest peer then and now: what survives a change of machine or weather."""
    lines = ["", "| | before | now |", "|---|---|---|"]
    for cell, results in after["cells"].items():
        if cell in before["cells"]:
            lines.append(f"| {cell} | {_ratio(before['cells'][cell])} | {_ratio(results)} |")
    return "\n".join(lines)


def figures(rounds: Rounds) -> str:
    """Return the medians of a cell, as text."""
    if not rounds:
        return "-"
    bad = sum(one["bad"] for one in rounds)
    text = f"{median(rounds, 'rps'):,.0f} ({median(rounds, 'p50'):.1f} / {median(rounds, 'p99'):.1f}; "
    text += f"{median(rounds, 'cpu_ms'):.2f}, {median(rounds, 'upstream'):g})"
    return f"{text} **{bad:.0f} bad**" if bad else text


def _by_caller(cells: dict[str, dict[str, Rounds]]) -> list[str]:
    """Return what this server does for callers that show a credential, or come from a page (`benchmarks.callers`)."""
    rows = []
    for cell in dict.fromkeys(name.partition(", ")[0] for name in cells if ", " in name):
        plain = median(cells.get(cell, {}).get(OURS, []), "rps")
        for name, results in cells.items():
            if name.partition(", ")[0] == cell and (rounds := results.get(OURS)):
                share = f"{median(rounds, 'rps') / plain:.2f}" if plain else "-"
                rows.append(f"| {cell} | {name.partition(', ')[2] or 'plain'} | {figures(rounds)} | {share} |")
    return ["", f"| {OURS} | who asks | | of plain |", "|---" * 4 + "|", *rows] if rows else []


def _ratio(results: dict[str, Rounds]) -> str:
    peers = [median(rounds, "rps") for name, rounds in results.items() if name != OURS]
    ours = median(results.get(OURS, []), "rps")
    return f"{ours / max(peers):.2f}" if peers and ours else "-"
