"""`opportunities`: the Relay connection over the store.

Its nodes are records like those that were fetched by id, completed by the same mappings.
"""

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, Final

import strawberry

from engine.lookup import Listing, PageSize
from resolvers.partial_record import JOINED
from schema.context import Context, Info
from schema.deals import cursors
from schema.deals.filters import OpportunityFilter
from schema.deals.freshness import FreshnessInput
from schema.deals.orders import OpportunityOrder
from schema.deals.page_arguments import PageArguments
from schema.deals.page_records import PageRecords
from schema.deals.selection import Selection, select
from schema.deals.service import shown
from schema.deals.source_status import age_seconds, moment, name_of
from schema.deals.summaries import Dimensions, OpportunitySummary, Zone, summary_of
from schema.list_size import OF_ALL_DEALS, page_of
from schema.opportunity import Opportunity
from store.near import near_page
from store.pages import Page, PageRow, count, far_page

FIRST: Final = 25
"""Deals on a page unless asked otherwise."""
MOST: Final = 200
SIZE: Final = PageSize(FIRST, MOST)


@strawberry.federation.type(shareable=True, description="Where a page is in its list (Relay).")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether there are more behind this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are more before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first; null if the page is empty.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last; null if the page is empty, but for changes: there it is where they go on."
    )


@strawberry.type(description="How current the deals of one source in a list are.")
class ListedSource:
    """A source of a list."""

    source: str = strawberry.field(description="The source's name, as in `Query.sources`.")
    as_of: datetime | None = strawberry.field(
        description="The list has everything that the source had then; null before its first complete sweep."
    )
    age_seconds: int | None = strawberry.field(description="How long ago that was.")
    is_complete: bool = strawberry.field(description="If not, deals of this source may be missing from the list.")
    unread_customers: int | None = strawberry.field(
        description="As in `SourceStatus`: if above 0, filters, order and search by customers' names miss deals."
    )


@strawberry.type(description="A deal and its place in the list.")
class OpportunityEdge:
    """An edge: made of a row of the store."""

    row: strawberry.Private[PageRow]
    selection: strawberry.Private[Selection]
    found: strawberry.Private["Opportunity | Exception"]

    @strawberry.field(description="Pass it as `after` or `before` to go on from here; opaque.")
    def cursor(self) -> str:
        """Return the cursor."""
        return cursors.encode(self.selection.hash, self.row.position)

    @strawberry.field(description="The deal.")
    def node(self) -> Opportunity | None:
        """Return the deal, or raise why it cannot be shown."""
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@strawberry.type
class OpportunityPage:
    """What all connections have: the page is there, everything else is asked for when it is selected."""

    selection: strawberry.Private[Selection]
    page: strawberry.Private[Page]

    @property
    def records(self) -> PageRecords:
        """The records of the page, read as far as they are shown."""
        return PageRecords(self.selection.deals, self.page)

    @cached_property
    def found(self) -> list[Opportunity | Exception]:
        """What clients see of each record."""
        deals = self.selection.deals
        return [shown(deals.listed(row)) for row in self.page.rows]

    def cursors(self) -> list[str]:
        """Return the cursor of each row."""
        places = range(len(self.page.found))
        return [cursors.encode(self.selection.hash, self.page.position(place)) for place in places]

    @strawberry.field(description="The deals with their cursors.")
    def edges(self) -> list[OpportunityEdge]:
        """Return an edge for each row."""
        return [
            OpportunityEdge(row=row, selection=self.selection, found=found)
            for row, found in zip(self.page.rows, self.found, strict=True)
        ]

    @strawberry.field(description="The deals; null with an error for one that cannot be shown.")
    def nodes(self) -> list[Opportunity | None]:
        """Return a deal for each row, or an exception, which graphql-core makes a null and an error at its index."""
        return self.found  # type: ignore[return-value] # exceptions among them

    @strawberry.field(description="Where the page is in its list.")
    def page_info(self) -> PageInfo:
        """Return Relay's PageInfo."""
        return self.place()

    def place(self) -> PageInfo:
        """Return where the page is in its list."""
        page, hash_ = self.page, self.selection.hash
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors.encode(hash_, page.position(0)) if page.found else None,
            end_cursor=cursors.encode(hash_, page.position(-1)) if page.found else None,
        )


@strawberry.type(description="A page of a list of deals.")
class OpportunityConnection(OpportunityPage):
    """A connection over the whole store."""

    @strawberry.field(
        description="How many deals the list has on all its pages; counted only if asked for.",
        directives=[OF_ALL_DEALS],
    )
    async def total_count(self) -> int | None:
        """Return the number."""
        condition = self.selection.condition
        return await self.selection.read(lambda connection: count(connection, condition))

    @strawberry.field(description="Totals of the whole list, all its pages.", directives=[OF_ALL_DEALS])
    async def summary(self, info: Info, group_by: Dimensions, time_zone: Zone = None) -> OpportunitySummary | None:
        """Return the totals."""
        return await summary_of(info.context, self.selection, group_by, time_zone)

    @strawberry.field(description="How current the list is: for each of its sources.")
    async def sources(self) -> list[ListedSource] | None:
        """Return the sources of the list."""
        statuses, now = await self.selection.statuses(), self.selection.deals.now()
        return [
            ListedSource(
                source=name_of(one),
                as_of=moment(one.as_of),
                age_seconds=age_seconds(one, now),
                is_complete=one.is_complete,
                unread_customers=one.unread_customers,
            )
            for one in statuses
        ]


First = Annotated[
    int | None, strawberry.argument(description=f"How many from the start: 1 to {MOST}, {FIRST} unless given.")
]
After = Annotated[str | None, strawberry.argument(description="Those behind this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description=f"How many from the end, in place of `first`: 1 to {MOST}.")
]
Before = Annotated[str | None, strawberry.argument(description="Those before this cursor.")]
Filter = Annotated[OpportunityFilter | None, strawberry.argument(description="Which deals.")]
OrderBy = Annotated[
    list[OpportunityOrder] | None,
    strawberry.argument(description="By which fields; the last changed first unless given."),
]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Words, each of which is a part of a company's, pipeline's or stage's name; for callers who may "
        "see personal data also of the deal's, the customer's or the owner's name or email address. Without case and "
        "accents.",
        directives=[OF_ALL_DEALS],
    ),
]
Sources = Annotated[
    list[str] | None,
    strawberry.argument(description="Only these sources, by their names in `Query.sources`; case does not count."),
]
Freshness = Annotated[FreshnessInput | None, strawberry.argument(description="How old the answer may be.")]


@strawberry.field(
    description="Deals of all sources in one list, from a copy that is kept current; no source is asked. Null if the "
    "arguments are refused, or the store cannot be read.",
    directives=[page_of(SIZE, ["first", "last"])],
)
async def opportunities(
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Filter = None,
    order_by: OrderBy = None,
    search: Search = None,
    sources: Sources = None,
    freshness: Freshness = None,
) -> OpportunityConnection | None:
    """Read a page."""
    return await find_page(
        info.context,
        first=first,
        after=after,
        last=last,
        before=before,
        filter=filter,
        order_by=order_by,
        search=search,
        sources=sources,
        freshness=freshness,
    )


async def find_page(
    context: Context,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    is_of_parts: bool = False,
    **asked: Any,
) -> OpportunityConnection:
    """Return a page of the selection that is `asked` for, by which records are read as far as `is_of_parts` says.

    Raises a `ResolverError`.
    """
    part = PageArguments.of(SIZE, first, after, last, before)
    selection = await select(context, **asked)
    request = replace(part.request(selection), is_of_parts=is_of_parts)
    near = near_page(request)
    found = None if near is None else near.page(await selection.fetch(near.query, near.values))
    if found is None:
        found = await selection.read(lambda connection: far_page(connection, request))
    return OpportunityConnection(selection=selection, page=found)


PARTS: Final = {"page_info": OpportunityPage.place}
"""What a connection has without asking anybody."""

LISTING: Final = Listing(
    SIZE,
    find_page,
    records=attrgetter("records"),
    cursors=lambda connection: connection.cursors(),
    parts=PARTS,
    joined=frozenset({JOINED}),
)
"""How compiled operations read a page."""
