"""The deals of a page, of whose records no more is read than is shown (`engine.lookup.PageRecords`)."""

from collections.abc import Sequence
from datetime import datetime
from operator import concat
from typing import Any

from engine.fallbacks import NotCompiled, Reason
from resolvers.partial_record import JOINED
from schema.deals.service import Deals
from schema.deals.values import moment_of
from store.deal_ids import sources_of
from store.paging import Page, body_of, hash_of, id_of


class PageRecords:
    """The rows of a page, and the records in them.

    Of a page of parts (`store.paging.Page`) records have no customer that would be joined with them, and whoever wants
    to read one has to have the page found again, which graphql-core does.
    """

    def __init__(self, deals: Deals, page: Page) -> None:
        self._deals = deals
        self._page = page
        ids = list(map(id_of, page.found))
        self.sources = sources_of(ids)
        self.versions = list(map(concat, ids, map(hash_of, page.found)))
        """A row's hash, of which all have one length, is that of everything in it that is shown but `read_at`."""

    def read_at(self, place: int) -> datetime:
        """When a record was read from its source."""
        return moment_of(self._page.rows[place].read_at)

    def record(self, place: int) -> Any:
        """The whole record, or why it cannot be shown."""
        if self._page.is_of_parts:
            return self._deals.unjoined(self.sources[place], body_of(self._page.found[place]))
        return self._deals.listed(self._page.rows[place]).record

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> Sequence[Any] | None:
        """Return what has these attributes of some records, as `engine.lookup.PageRecords` says."""
        found = self._deals.parts(source, [body_of(self._page.found[place]) for place in places], names)
        if found is not None and JOINED in names and self._deals.joins(source):
            if self._page.is_of_parts:
                raise NotCompiled(Reason.UNJOINED)
            for part, place in zip(found, places, strict=True):
                part.customer = self._deals.customer(self._page.rows[place])
        return found
