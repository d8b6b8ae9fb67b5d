"""`opportunityChanges`: what changed of deals, oldest first, from a log that a poller goes on with."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import strawberry
from aiodataloader import DataLoader

from engine.lookup import ListedRecord
from resolvers import global_id
from schema.context import Context, Info
from schema.deals.change_filter import OpportunityChangeFilter, OpportunityChangeKind, OpportunityChangeOrigin
from schema.deals.change_list import ChangeList, select_changes
from schema.deals.change_values import OpportunityFieldChange
from schema.deals.connections import SIZE, First, PageInfo, Sources
from schema.deals.page_arguments import PageArguments
from schema.deals.service import Deals, ReadTurns, shown
from schema.deals.values import moment_of
from schema.list_size import at_most, page_of
from schema.opportunity import Opportunity, OpportunitySource
from store.changes import Change, Changes, Field
from store.deals import deal_id, find


class Copies:
    """The stored copies of the deals of some changes, all by one statement."""

    def __init__(self, deals: Deals, turns: ReadTurns) -> None:
        self._deals, self._turns = deals, turns
        self._loader: DataLoader[bytes, ListedRecord | None] = DataLoader(self._find, loop=asyncio.get_running_loop())

    async def of(self, change: Change) -> Opportunity | None:
        """Return what clients see of a deal as it is now, None if it is gone; raises why it cannot be shown."""
        copy = await asyncio.shield(self._loader.load(deal_id(*change.key)))
        found = None if copy is None else shown(copy)
        if isinstance(found, Exception):
            raise found
        return found

    async def _find(self, ids: list[bytes]) -> list[ListedRecord | None]:
        stored = await self._deals.read(lambda connection: find(connection, ids), self._turns)
        alive = {id_: one for id_, one in stored.items() if one.deleted_at is None}
        return [self._deals.copied(alive[id_]) if id_ in alive else None for id_ in ids]


@strawberry.type(description="One change of a deal, as it was seen.")
class OpportunityChange:
    """An entry of the log."""

    change: strawberry.Private[Change]
    copies: strawberry.Private[Copies]

    @strawberry.field(description="What happened.")
    def kind(self) -> OpportunityChangeKind:
        """Return the kind."""
        return OpportunityChangeKind(self.change.kind)

    @strawberry.field(description="The deal's `id`.")
    def opportunity_id(self) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(global_id.encode(self.change.source, self.change.source_id))

    @strawberry.field(description="The system that owns the deal.")
    def source(self) -> OpportunitySource:
        """Return the source."""
        return OpportunitySource(self.change.source)

    @strawberry.field(description="The deal's id in its own system.")
    def source_id(self) -> strawberry.ID:
        """Return the source's own id."""
        return strawberry.ID(self.change.source_id)

    @strawberry.field(description="When its source was asked for what showed the change; it happened before that.")
    def observed_at(self) -> datetime:
        """Return the time."""
        return moment_of(self.change.observed_at)

    @strawberry.field(description="By what it was seen.")
    def origin(self) -> OpportunityChangeOrigin:
        """Return the origin."""
        return OpportunityChangeOrigin(self.change.origin)

    @strawberry.field(
        description="What changed: of a new deal what it has, of a deleted one what it had. Null once that was erased, "
        "as it is some time after a deal was deleted.",
        directives=[at_most(len(Field))],
    )
    def fields(self) -> list[OpportunityFieldChange] | None:
        """Return the fields."""
        held = self.change.fields
        return None if held is None else [OpportunityFieldChange(change=one) for one in held]

    @strawberry.field(
        description="The deal as it is now, from the copy that lists are answered from; null if it is gone."
    )
    async def opportunity(self) -> Opportunity | None:
        """Return the deal."""
        return await self.copies.of(self.change)


@strawberry.type(description="A change and its place in the log.")
class OpportunityChangeEdge:
    """An edge."""

    cursor: str = strawberry.field(description="Pass it as `after` to go on from here; opaque.")
    node: OpportunityChange = strawberry.field(description="The change.")


@strawberry.type(description="Some changes, oldest first.")
class OpportunityChangeConnection:
    """A connection over the log."""

    list_: strawberry.Private[ChangeList]
    found: strawberry.Private[Changes]
    copies: strawberry.Private[Copies]
    is_first: strawberry.Private[bool]

    @strawberry.field(description="The changes with their cursors.")
    def edges(self) -> list[OpportunityChangeEdge]:
        """Return an edge for each change."""
        log = self.found.log
        return [
            OpportunityChangeEdge(cursor=self.list_.cursor(log, one.position, one.observed_at), node=node)
            for one, node in zip(self.found.changes, self.nodes_of(), strict=True)
        ]

    @strawberry.field(description="The changes.")
    def nodes(self) -> list[OpportunityChange]:
        """Return the changes."""
        return self.nodes_of()

    @strawberry.field(
        description="Where they are in the log. `endCursor` is always given: pass it as `after` to learn what comes "
        "next."
    )
    def page_info(self) -> PageInfo:
        """Return Relay's PageInfo."""
        log, changes = self.found.log, self.found.changes
        return PageInfo(
            has_next_page=self.found.has_more,
            has_previous_page=not self.is_first,
            start_cursor=self.list_.cursor(log, changes[0].position, changes[0].observed_at) if changes else None,
            end_cursor=self.list_.cursor(log, self.found.end, self.found.end_mark),
        )

    @strawberry.field(
        description="The cursor behind all changes so far, for who wants to know only of later ones: ask for it, read "
        "`opportunities`, and then go on from it."
    )
    def latest_cursor(self) -> str:
        """Return the cursor."""
        log = self.found.log
        return self.list_.cursor(log, log.last, log.mark)

    def nodes_of(self) -> list[OpportunityChange]:
        """Return the changes as clients see them."""
        return [OpportunityChange(change=one, copies=self.copies) for one in self.found.changes]


After = Annotated[
    str | None,
    strawberry.argument(description="Those behind this cursor; without one, from the oldest that is kept."),
]
Filter = Annotated[OpportunityChangeFilter | None, strawberry.argument(description="Which changes.")]


@strawberry.field(
    description="What changed of deals, in the order in which it was seen, oldest first: whoever asks again with the "
    "last `endCursor` learns of every change just once. What the first complete reading of a source finds is no "
    "change. Null if the arguments are refused, the cursor has expired, or the store cannot be read.",
    directives=[page_of(SIZE, ["first"])],
)
async def opportunity_changes(
    info: Info, first: First = None, after: After = None, filter: Filter = None, sources: Sources = None
) -> OpportunityChangeConnection | None:
    """Read some changes."""
    return await find_changes(info.context, first=first, after=after, filter=filter, sources=sources)


async def find_changes(
    context: Context, *, first: int | None = None, after: str | None = None, **asked: Any
) -> OpportunityChangeConnection:
    """Return the changes that are `asked` for; raises a `ResolverError`."""
    count = PageArguments.of(SIZE, first).count
    selected = await select_changes(context, **asked)
    place = None if after is None else selected.place(after)
    found = await selected.behind(place, count)
    return connection_of(selected, found, is_first=place is None)


def connection_of(selected: ChangeList, found: Changes, *, is_first: bool) -> OpportunityChangeConnection:
    """Return changes as clients see them; `is_first`: there are none before them."""
    copies = Copies(selected.deals, selected.turns)
    return OpportunityChangeConnection(list_=selected, found=found, copies=copies, is_first=is_first)
