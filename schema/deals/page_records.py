"""The deals of a page, of whose records no more is read than is shown (`engine.lookup.PageRecords`)."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from engine.fallbacks import NotCompiled, Reason
from resolvers.partial_record import JOINED
from schema.deals.service import Deals
from schema.deals.values import moment_of
from store.paging import Page, PageRow

_SOURCE, _BODY, _HASH, _ID = map(itemgetter, (0, 1, 2, -1))  # as `PageRow` has them


class PageRecords:
    """The rows of a page, and the records in them; `is_of_parts` as `store.paging.PageRequest` has it."""

    def __init__(self, deals: Deals, page: Page, *, is_of_parts: bool = False) -> None:
        self._deals = deals
        self._rows = rows = page.found
        self._is_of_parts = is_of_parts
        self.sources = list(map(_SOURCE, rows))
        self.versions = [_ID(row) + _HASH(row) for row in rows]
        """A row's hash is that of everything in it that is shown but `read_at`; all have one length."""

    def read_at(self, place: int) -> datetime:
        """When a record was read from its source."""
        return moment_of(PageRow(self._rows[place]).read_at)

    def record(self, place: int) -> Any:
        """The whole record, or why it cannot be shown; without its customer if the page is of parts."""
        row = PageRow(self._rows[place])
        return self._deals.unjoined(row) if self._is_of_parts else self._deals.listed(row).record

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> Sequence[Any] | None:
        """Return what has these attributes of some records, as `engine.lookup.PageRecords` says."""
        rows = [self._rows[place] for place in places]
        found = self._deals.parts(source, list(map(_BODY, rows)), names)
        if found is not None and JOINED in names and self._deals.joins(source):
            if self._is_of_parts:
                raise NotCompiled(Reason.UNJOINED)
            for part, row in zip(found, map(PageRow, rows), strict=True):
                part.customer = self._deals.customer(row)
        return found
