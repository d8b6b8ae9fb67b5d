"""What the lists of a source give, page by page: its records, what was deleted, and the stages of its pipelines."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from resolvers.fetching.shared_fetch import SharedFetch


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row of a list's page.

    `source_id` is canonical. `record` is of the source's own type, None if the row cannot be read. `lacks` are fields,
    by the vendor's names, that the row left out: their values are unknown, not null.
    """

    source_id: str
    record: Any | None
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a list. No id is in it twice, but rows that have moved may be in two pages.

    `next` is the position of the page that follows, a text that outlives a restart; None: this was the last one.
    `total` is how many rows there are, as the vendor says, if it does. `is_ordered`: whether the rows came in the order
    of the list, which does not move; else pages may have left rows out. `unreadable` counts rows without an id, and
    rows that the vendor fails to send.
    `filter_ignored`: rows came that `changed_since` leaves out.
    """

    rows: Sequence[ListedRow]
    next: str | None
    total: int | None
    is_ordered: bool
    unreadable: int = 0
    filter_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The vendor says that a record was deleted, and when (UTC)."""

    source_id: str
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class DeletionsPage:
    """One page of deletions; `next` and `filter_ignored` are as those of a `ListedPage`."""

    deletions: Sequence[Deletion]
    next: str | None
    filter_ignored: bool = False


class Listing(Protocol):
    """Lists all records of one source, page by page, in an order that does not move.

    `page_size` is how many rows a page has, as far as is known. `has_changed_since`: whether the list can be restricted
    to what was changed since a moment. Each method sends one request, and raises an `UpstreamError`. The fetch should
    be in the background (`SharedFetch.is_background`).
    """

    @property
    def page_size(self) -> int:
        """The rows of a page, of the last one that was full or as many as are asked for."""

    has_changed_since: bool

    async def page(
        self, position: str | None, shared_fetch: SharedFetch, *, changed_since: datetime | None = None
    ) -> ListedPage:
        """Return the page at a position, None being the first; `changed_since`, in UTC, is cut to the minute.

        A position goes with the `changed_since` that it was got with.
        """

    async def deletions(self, since: datetime, position: str | None, shared_fetch: SharedFetch) -> DeletionsPage | None:
        """Return what was deleted since a moment; None where the vendor does not say it, at least not to us."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline as its vendor lists it, also one without a deal.

    Ids are the vendor's; a name is None where the row does not have it. `position`: the stages of one pipeline come in
    its order, the lowest first, in 32 bits; None where that is not known.
    """

    id: str
    name: str | None
    pipeline_id: str
    pipeline_name: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class StagesPage:
    """One page of stages; `next` is as that of a `ListedPage`. `is_whole`: no row of it is missing or unreadable."""

    stages: Sequence[Stage]
    next: str | None
    is_whole: bool = True


ListStages = Callable[[str | None, SharedFetch], Awaitable[StagesPage | None]]
"""Gives the page of stages at a position, None being the first; None where the vendor does not let us read them.

It sends one request, and raises an `UpstreamError`.
"""
