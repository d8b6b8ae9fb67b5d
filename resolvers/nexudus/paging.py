"""Pages of a Nexudus list that is ordered by `Id`, and what shows that none was left out. Pure.

Pages are numbered by their size: page 3 of 500 begins behind 1,000 rows. Nexudus may send fewer rows than asked for;
a list must then go on by that size, or rows between are never seen. Nothing is believed that the rows do not show.

A row that makes its whole page fail is found by smaller pages: each size divides the one before, so that every page
begins where a smaller one did, and none has rows that came already. Behind the row, pages grow again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from resolvers.nexudus.page import Envelope

LARGEST_PAGE: Final = 500
"""Nexudus' page of 2020 on lists gives 1,000 as the maximum; a page's rows are in memory at the same time."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on: behind `offset` rows, in pages of `size`, the last row having been `last_id`.

    `is_falling`: ids come the largest first. What `dir` means differs between Nexudus' pages, so it is not sent.
    `full_size`: to which pages grow again that are smaller for the sake of a row; 0: they are not.
    """

    offset: int = 0
    size: int = LARGEST_PAGE
    last_id: int = 0
    is_falling: bool = False
    full_size: int = 0

    @staticmethod
    def of(text: str | None) -> "Position":
        """Return the position that `str` made a text of; the beginning for None, and for any other text."""
        parts = (text or "").split(",")
        if len(parts) not in (4, 5) or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
            return Position()
        offset, size, last_id, is_falling, *full_size = map(int, parts)
        return Position(offset, size, last_id, bool(is_falling), *full_size) if size else Position()

    def __str__(self) -> str:
        full_size = f",{self.full_size}" if self.full_size else ""
        return f"{self.offset},{self.size},{self.last_id},{self.is_falling:d}{full_size}"

    def within(self, size: int) -> "Position":
        """Return the position in pages of at most this size; rows may come again."""
        return self if self.size <= size else replace(self, size=size)

    @property
    def query(self) -> str:
        """The parameters of the page that the position is on."""
        return f"page={self.offset // self.size + 1}&size={self.size}&orderBy=Id"

    def has_passed(self, id_: int) -> bool:
        """Whether a row with this id came before, in a list that is in order."""
        return bool(self.last_id) and (id_ >= self.last_id if self.is_falling else id_ <= self.last_id)

    def narrowed(self) -> "Position":
        """Return where to go on if this page fails and its rows may be to blame: its beginning, in smaller pages.

        Of a page of one row: behind this row.
        """
        if self.size == 1:
            return replace(self, offset=self.offset + 1).widened()
        begins = self.offset // self.size * self.size
        return replace(
            self,
            offset=begins,
            size=list(_divisors(self.size))[1],
            last_id=self.last_id if begins == self.offset else 0,  # rows come again
            full_size=self.full_size or self.size,
        )

    def widened(self) -> "Position":
        """Return the position in the largest pages of which one begins here, up to the full size."""
        if not self.full_size:
            return self
        size = next(one for one in _divisors(self.full_size) if self.offset % one == 0)
        return replace(self, size=size, full_size=self.full_size if size < self.full_size else 0)


def _divisors(size: int) -> Iterator[int]:
    """Yield the size, and smaller ones down to 1, each a divisor of the one before and mostly half of it."""
    yield size
    while size > 1:
        size //= next((prime for prime in (2, 3, 5, 7) if size % prime == 0), size)
        yield size


def step(at: Position, envelope: Envelope, ids: Sequence[int], count: int) -> tuple[Position | None, bool]:
    """Return where the list goes on (None: nowhere), and whether the page was in order.

    `ids` are those of the page's rows, of which there are `count`.
    """
    is_falling = at.is_falling if at.last_id else len(ids) > 1 and ids[0] > ids[-1]
    passed = [id_ for id_ in ids if at.has_passed(id_)]
    # Who does not say whether there are more is not to be counted after, where a shorter page shows rows again: it has
    # begun before the offset.
    is_recounted = envelope.has_next_page is None and bool(passed) and count < at.size
    has_next = bool(count) and (is_recounted or _has_next(at, envelope, count))
    size = count if has_next else at.size
    # If the size is not the one asked for, nobody knows by which of the two the vendor has counted: by the smaller
    # offset rows come again, by the larger they would be left out.
    start = at.offset // at.size * min(size, at.size)
    is_ordered = all(a > b if is_falling else a < b for a, b in pairwise(ids))
    if passed and start >= at.offset:
        # Rows may have come again up to the last one, but not all of them: that would be the same page again.
        is_ordered = is_ordered and passed[-1] == at.last_id and len(passed) < len(ids)
        has_next = has_next and len(passed) < len(ids)
    if not has_next:
        return None, is_ordered
    last_id = (min if is_falling else max)(at.last_id or ids[0], *ids) if ids else at.last_id
    if start < at.offset or not is_ordered or (len(ids) < 2 and not at.last_id):
        last_id = 0  # rows come again from here, or in an order not known: nothing is known of those to come
    # Where fewer rows came than a smaller page has, its size is the vendor's, and not that of the search for a row.
    full_size = at.full_size if count == at.size else 0
    return Position(start + count, size, last_id, is_falling, full_size).widened(), is_ordered


def _has_next(at: Position, envelope: Envelope, count: int) -> bool:
    if envelope.has_next_page is not None:
        return envelope.has_next_page
    if envelope.total_items is not None:
        return at.offset // at.size * at.size + count < envelope.total_items
    return count >= at.size
