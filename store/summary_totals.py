"""What the database has summed up, put together: deals with equal keys, by currency and kind of amount."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from store.tables import LIKELIHOOD

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """What deals have in common: a column, or an expression of this name, and columns with what is shown for it.

    Of those columns the first one with a value is shown, of all deals the least of its values; without such columns
    what `name` makes of the key.
    """

    key: str
    shown: tuple[str, ...] = ()
    sql: str | None = None
    name: Callable[[Any], Any] | None = None


class Totals:
    """Sums by identity: the keys, currency and kind. `texts`: for each grouping what there is to show for a key."""

    def __init__(self, groupings: Sequence[Grouping], names: Sequence[str]) -> None:
        self._groupings = groupings
        self._shown = [[names.index(name) for name in one.shown] for one in groupings]
        self._identity = [names.index(name) for name in (*(one.key for one in groupings), "currency", "kind")]
        self._likelihood = names.index(LIKELIHOOD)
        self._sums_at = len(names)
        self.texts: list[dict[Any, list[Any]]] = [{} for _ in groupings]
        self.sums: dict[Row, list[int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Add what the database has summed up."""
        for row in rows:
            identity = tuple([row[at] for at in self._identity])
            _add(self.sums, identity, _sums(row[self._likelihood], *row[self._sums_at :]))
            for key, places, texts in zip(identity, self._shown, self.texts, strict=False):
                if places:
                    _least(texts, key, [row[at] for at in places])

    def merge(self, other: "Totals") -> None:
        """Add other sums by the same groupings."""
        for identity, sums in other.sums.items():
            _add(self.sums, identity, sums)
        for texts, others in zip(self.texts, other.texts, strict=True):
            for key, shown in others.items():
                _least(texts, key, shown)

    def label(self, number: int, key: Any) -> Any:
        """Return what is shown for a key of the grouping of this number."""
        name = self._groupings[number].name
        if name is not None and key is not None:
            return name(key)
        return next((text for text in self.texts[number].get(key, ()) if text), key)


def _sums(likelihood: int | None, count: int, with_amount: int, upper: Any, lower: Any) -> list[int]:
    """Return the sums of deals with one likelihood: deals, with amount, with likelihood, with both, amount, weighted.

    Weighted here, once for each likelihood that there is: to do it for each deal takes the database twice as long.
    """
    amount = (int(upper or 0) << 32) + int(lower or 0)
    if likelihood is None or not 0 <= likelihood <= 100:
        return [count, with_amount, 0, 0, amount, 0]
    return [count, with_amount, count, with_amount, amount, amount * likelihood]


def _add(totals: dict[Row, list[int]], identity: Row, sums: list[int]) -> None:
    known = totals.get(identity)
    totals[identity] = sums if known is None else [one + other for one, other in zip(known, sums, strict=True)]


def _least(texts: dict[Any, list[Any]], key: Any, shown: list[Any]) -> None:
    known = texts.get(key)
    if known is None:
        texts[key] = shown
    elif known != shown:
        texts[key] = [min((t for t in pair if t), default=None) for pair in zip(known, shown, strict=True)]
