"""Tables of `make capacity`, in Markdown."""

from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows))


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent, without the sign."""
    return f"{share * 100:.{digits}f}"
