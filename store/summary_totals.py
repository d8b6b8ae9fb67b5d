"""What the database has summed up, put together: deals with equal keys, by currency and kind of amount."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

from store.tables import LIKELIHOOD

Row: TypeAlias = tuple[Any, ...]

MONEY: Final = ("currency", "kind")
"""What amounts must have in common to be added."""


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
        self._shown = [
            (number, names.index(one.key), [names.index(name) for name in one.shown])
            for number, one in enumerate(groupings)
            if one.shown
        ]
        self._identity_of = itemgetter(*(names.index(name) for name in (*(one.key for one in groupings), *MONEY)))
        self._likelihood = names.index(LIKELIHOOD)
        self.texts: list[dict[Any, list[Any]]] = [{} for _ in groupings]
        self.sums: dict[Row, list[int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Add what the database has summed up: last in a row come deals, deals with an amount, and amounts."""
        for row in rows:
            identity = self._identity_of(row)
            known = self.sums.get(identity)
            if known is None:
                known = self.sums[identity] = [0, 0, 0, 0, 0, 0]
            _add(known, row[self._likelihood], *row[-3:])
            for number, key, places in self._shown:
                _least(self.texts[number], row[key], [row[at] for at in places])

    def label(self, number: int, key: Any) -> Any:
        """Return what is shown for a key of the grouping of this number."""
        name = self._groupings[number].name
        if name is not None and key is not None:
            return name(key)
        return next((text for text in self.texts[number].get(key, ()) if text), key)


def _add(sums: list[int], likelihood: int | None, count: int, with_amount: int, amount: int) -> None:
    """Add deals of one likelihood to sums: deals, with amount, with likelihood, with both, amount, weighted.

    Weighted here, once for each likelihood that there is: to do it for each deal takes the database twice as long.
    """
    sums[0] += count
    sums[1] += with_amount
    sums[4] += amount
    if likelihood is not None and 0 <= likelihood <= 100:
        sums[2] += count
        sums[3] += with_amount
        sums[5] += amount * likelihood


def _least(texts: dict[Any, list[Any]], key: Any, shown: list[Any]) -> None:
    known = texts.get(key)
    if known is None:
        texts[key] = shown
    elif known != shown:
        texts[key] = [min((t for t in pair if t), default=None) for pair in zip(known, shown, strict=True)]
