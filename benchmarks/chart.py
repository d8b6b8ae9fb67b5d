"""The results as a drawing: for each workload a group of bars, this server's share of each peer's rate."""

from html import escape
from typing import Any

from benchmarks.candidates import OURS
from benchmarks.report import median

WIDTH, ROW, GAP, LEFT = 760, 13, 14, 150
COLOURS = {
    "Tailcall": "#b45f06",
    "Mercurius + graphql-jit": "#38761d",
    "Apollo Server": "#674ea7",
    "tuned Strawberry": "#c27ba0",
    "plain Strawberry": "#999999",
}
MOST = 32.0


def draw(found: dict[str, Any]) -> str:
    """Return an SVG document. The scale is logarithmic: a bar twice as long is not twice as fast."""
    from math import log2

    def x(ratio: float) -> float:
        steps = max(-3.0, min(log2(MOST), log2(ratio)))
        return LEFT + (steps + 3) / (log2(MOST) + 3) * (WIDTH - LEFT - 60)

    parts: list[str] = []
    y = 60
    for cell, results in found["cells"].items():
        if " 0 ms " not in cell or ", " in cell:
            continue
        ours = median(results.get(OURS, []), "rps")
        top = y
        for name, colour in COLOURS.items():
            if not (theirs := median(results.get(name, []), "rps")):
                continue
            ratio = ours / theirs
            start, end = sorted((x(1), x(ratio)))
            parts.append(
                f'<rect x="{start:.1f}" y="{y}" width="{max(1, end - start):.1f}" height="{ROW - 3}" fill="{colour}"/>'
            )
            parts.append(f'<text x="{end + 4:.1f}" y="{y + 9}">{ratio:.2g}</text>')
            y += ROW
        parts.append(f'<text x="4" y="{(top + y) / 2 + 2}">{escape(cell.replace(" 0 ms", ""))}</text>')
        y += GAP
    grid = [
        f'<line x1="{x(r):.1f}" y1="40" x2="{x(r):.1f}" y2="{y}" stroke="#999" stroke-width="{2 if r == 1 else 0.4}"/>'
        f'<text x="{x(r) - 6:.1f}" y="36">{r:g}x</text>'
        for r in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
    ]
    legend = [
        f'<rect x="{LEFT + 118 * i}" y="8" width="10" height="10" fill="{colour}"/>'
        f'<text x="{LEFT + 118 * i + 14}" y="17">than {escape(name)}</text>'
        for i, (name, colour) in enumerate(COLOURS.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="10" '
        f'role="img" aria-label="Requests per second of this server, as a multiple of each peer">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(grid + legend + parts)}</svg>\n'
    )
