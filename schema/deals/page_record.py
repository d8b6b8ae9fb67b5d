"""A deal of a page, of whose record no more is read than is shown (`engine.lookup.PageRecord`)."""

from datetime import datetime
from typing import Any

from schema.deals.service import Deals
from schema.deals.values import moment_of
from store.paging import PageRow


class PageRecord:
    """A row of a page, and the record in it."""

    __slots__ = ("_deals", "_row", "source", "version")

    def __init__(self, deals: Deals, row: PageRow) -> None:
        self._deals = deals
        self._row = row
        self.source = row.source
        self.version = (row.id, row.hash)
        """A row's hash is that of everything in it that is shown but `read_at`."""

    @property
    def read_at(self) -> datetime:
        """When it was read from its source."""
        return moment_of(self._row.read_at)

    @property
    def record(self) -> Any:
        """The whole record, or why it cannot be shown."""
        return self._deals.listed(self._row).record

    def part(self, names: frozenset[str]) -> Any:
        """Return what has these attributes of the record, of which others raise `NotRead`; None if it cannot be had."""
        return self._deals.part(self._row, names)
