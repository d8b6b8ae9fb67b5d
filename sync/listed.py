"""What the pages of one list have shown, and whether rows may have slipped through between them.

A deal that leaves a list while its pages are read lets those behind it slip onto a page that was read before.
"""

from dataclasses import dataclass

from resolvers.listing import ListedPage
from sync.run import Problem


@dataclass(frozen=True, slots=True)
class Listed:
    """What the pages of one list have shown so far; `total` is how many rows it has, as the vendor counts."""

    ids: frozenset[str] = frozenset()
    pages: int = 0
    unreadable: int = 0
    total: int | None = None
    is_ordered: bool = True
    has_shrunk: bool = False

    def plus(self, page: ListedPage) -> "Listed":
        """Return what they have shown with the next one."""
        has_less = page.total is not None and self.total is not None and page.total < self.total
        return Listed(
            ids=self.ids.union(row.source_id for row in page.rows),
            pages=self.pages + 1,
            unreadable=self.unreadable + page.unreadable,
            total=self.total if page.total is None else page.total,
            is_ordered=self.is_ordered and page.is_ordered,
            has_shrunk=self.has_shrunk or has_less,
        )

    @property
    def doubt(self) -> Problem | None:
        """Why the list, read to its end, may lack rows. From one page none slips."""
        if self.pages < 2:
            return None
        if not self.is_ordered:
            return Problem.MOVED_ORDER
        return Problem.COUNT_DIFFERS if self.has_shrunk else None
