"""What the database has summed up, put together: deals with equal keys, by currency and kind of amount."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from store.spellings import Spellings
from store.tables import LIKELIHOOD

Row: TypeAlias = tuple[Any, ...]

MONEY: Final = ("currency", "kind")
"""What amounts must have in common to be added."""


class TooManyRows(Exception):
    """There are more rows than are asked for."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What deals have in common: a column, or an expression of this name, and columns with what is shown for it.

    Of those columns the text is shown that `store.spellings` chooses, of the deals that are summed up; without such
    columns what `name` makes of the key.
    """

    key: str
    shown: tuple[str, ...] = ()
    sql: str | None = None
    name: Callable[[Any], Any] | None = None


class Totals:
    """Sums by identity: the keys, currency and kind.

    They come in parts, each of deals that are alike in what groups have. `of_groups` names that, `of_deals` the keys
    that differ within a part. Raises TooManyRows as soon as there are more than `most` identities.
    """

    def __init__(
        self, groupings: Sequence[Grouping], of_groups: Sequence[str], of_deals: Sequence[str], most: int | None
    ) -> None:
        self._groupings = groupings
        keys = [one.key for one in groupings]
        in_common = [*(key for key in keys if key in of_groups), *MONEY]
        self._in_common = [of_groups.index(name) for name in in_common]
        places = [*in_common, *of_deals]
        self._identity = [places.index(name) for name in (*keys, *MONEY)]
        self._shown = [
            (key, of_groups.index(key), [of_groups.index(name) for name in one.shown])
            for key, one in zip(keys, groupings, strict=True)
            if one.shown and key in of_groups
        ]
        self._likelihood = of_groups.index(LIKELIHOOD)
        self._most = most
        self._count = 0
        self._parts: dict[Row, dict[Row, list[int]]] = {}
        self._spellings = {key: Spellings() for key in keys}

    def add(self, alike: Row, rows: Sequence[Row]) -> None:
        """Add a part: what its deals have in common; and rows of keys, deals, deals with an amount, and amounts.

        Weighted here, once for each likelihood that there is: to do it for each deal takes the database twice as long.
        """
        if not rows:
            return
        part = self._parts.setdefault(tuple([alike[at] for at in self._in_common]), {})
        before = len(part)
        likelihood = alike[self._likelihood]
        is_weighted = likelihood is not None and 0 <= likelihood <= 100
        for row in rows:
            count, with_amount, amount = row[-3:]
            sums = part.get(key := row[:-3])
            if sums is None:
                sums = part[key] = [0, 0, 0, 0, 0, 0]
            sums[0] += count
            sums[1] += with_amount
            sums[4] += amount
            if is_weighted:
                sums[2] += count
                sums[3] += with_amount
                sums[5] += amount * likelihood
        self._count += len(part) - before
        if self._most is not None and self._count > self._most:
            raise TooManyRows
        for name, key_at, places in self._shown:
            self.show(name, alike[key_at], tuple([alike[at] for at in places]))

    def show(self, grouping: str, key: Any, texts: Row) -> None:
        """Learn what deals have to show for a key of the grouping of this name."""
        self._spellings[grouping].learn(key, texts)

    def sums(self) -> Iterable[tuple[Row, list[int]]]:
        """Yield identities and sums: deals, with amount, with likelihood, with both, amount, weighted."""
        for in_common, part in self._parts.items():
            for key, sums in part.items():
                all_ = in_common + key
                yield tuple([all_[at] for at in self._identity]), sums

    def label(self, number: int, key: Any) -> Any:
        """Return what is shown for a key of the grouping of this number."""
        grouping = self._groupings[number]
        if grouping.name is not None and key is not None:
            return grouping.name(key)
        return self._spellings[grouping.key].shown(key)
