"""The deals of a page, of whose records no more is read than is shown (`engine.lookup.PageRecords`)."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from schema.deals.service import Deals
from schema.deals.values import moment_of
from store.paging import PageRow

_SOURCE, _VERSION = attrgetter("source"), attrgetter("id", "hash")


class PageRecords:
    """The rows of a page, and the records in them."""

    def __init__(self, deals: Deals, rows: Sequence[PageRow]) -> None:
        self._deals = deals
        self._rows = rows
        self.sources = list(map(_SOURCE, rows))
        self.versions = list(map(_VERSION, rows))
        """A row's hash is that of everything in it that is shown but `read_at`."""

    def read_at(self, place: int) -> datetime:
        """When a record was read from its source."""
        return moment_of(self._rows[place].read_at)

    def record(self, place: int) -> Any:
        """The whole record, or why it cannot be shown."""
        return self._deals.listed(self._rows[place]).record

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> Sequence[Any] | None:
        """Return what has these attributes of some records, as `engine.lookup.PageRecords` says."""
        return self._deals.parts(source, [self._rows[place] for place in places], names)
