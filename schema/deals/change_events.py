"""`Subscription.opportunityChanges`: changes as they come. Each event has what the log holds behind the one before.

There is no queue for a subscriber: who waits is woken when the store's number moves, and reads the log from where it
was. Who is slow reads later, and gets more at once; who is slower than the log is kept is told so, and the stream ends.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

import strawberry

from background import TELLING
from resolvers.errors import ResolverError
from schema.context import Context, Info
from schema.deals.change_list import ChangeList, CursorExpired, Place, select_changes
from schema.deals.changes import Copies, Filter, OpportunityChange
from schema.deals.connections import SIZE, First, Sources
from schema.deals.page_arguments import PageArguments
from schema.deals.service import ReadTurns, StoreOutage
from schema.list_size import page_of
from store.changes import Changes

AT_ONCE_SECONDS: Final = 0.1
"""Changes that come within it are read together."""


@strawberry.type(description="What changed since the event before. One without changes says that the stream is alive.")
class OpportunityChangeEvent:
    """Some changes, and where they are in the log."""

    changes: list[OpportunityChange] = strawberry.field(description="The changes, oldest first.")
    after: str = strawberry.field(
        description="The cursor that they come behind: `cursor` of the event before. If it is another one, a gateway "
        "on the way has left events out: go on from the last `cursor` that came."
    )
    cursor: str = strawberry.field(
        description="Pass it as `after`, with the same `filter` and `sources`, to go on from here: in another stream, "
        "or in the query of this name."
    )
    at: datetime = strawberry.field(description="When they were read.")


After = Annotated[
    str | None,
    strawberry.argument(description="Those behind this cursor, of a stream or a query; without one, from now on."),
]


@strawberry.subscription(
    description="Changes of deals as they are seen, oldest first, in events of `first` at most. The first event comes "
    "at once, and one without changes where there has been nothing for some seconds. Whoever goes on from the last "
    "`cursor` misses no change and gets none twice. The stream ends with an error if the arguments are refused, or if "
    "what is behind the cursor is not kept any more (`CURSOR_EXPIRED`).",
    directives=[page_of(SIZE, ["first"], sized_fields=["changes"])],
    graphql_type=OpportunityChangeEvent | None,
)
async def opportunity_changes(
    info: Info, first: First = None, after: After = None, filter: Filter = None, sources: Sources = None
) -> AsyncGenerator[Any, None]:
    """Yield events; an exception stands for one that is null, with this error."""
    try:
        count = PageArguments.of(SIZE, first).count
        selected = await select_changes(info.context, filter, sources)
        place = await selected.latest() if after is None else selected.place(after)
    except ResolverError as error:
        yield error
        return
    async for event in _events(info.context, selected, place, count):
        yield event


async def _events(context: Context, selected: ChangeList, place: Place, count: int) -> AsyncIterator[Any]:
    loop, deals = asyncio.get_running_loop(), selected.deals
    due = loop.time()

    def asking() -> ChangeList:
        return replace(
            selected, turns=ReadTurns(loop.time() + context.operation.deadline_seconds, deals.followers.turns)
        )

    while True:
        # Before anything is read: what changes meanwhile is read the next time.
        sequence = deals.database.sequence
        asked, found, has_more = asking(), None, False
        try:
            if loop.time() >= due or not await asked.is_at_end(place):
                await asyncio.sleep(TELLING.wait_seconds())  # a change is many subscribers' event at once
                asked = asking()  # what an event may take begins with its turn
                found = await asked.behind(place, count)
        except CursorExpired as error:
            yield error
            return
        except StoreOutage as error:  # it may pass
            yield error
            due = loop.time() + deals.heartbeat_seconds
        if found is not None:
            if found.changes or loop.time() >= due:
                yield _event(asked, place, found)
                due = loop.time() + deals.heartbeat_seconds
            place, has_more = Place(found.log.generation, found.end, found.end_mark), found.has_more
        if not has_more:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await deals.database.wait_beyond(sequence)
                    await asyncio.sleep(AT_ONCE_SECONDS)


def _event(asked: ChangeList, place: Place, found: Changes) -> OpportunityChangeEvent:
    copies = Copies(asked.deals, asked.turns)
    return OpportunityChangeEvent(
        changes=[OpportunityChange(change=one, copies=copies) for one in found.changes],
        after=asked.cursor(found.log, place.position, place.mark),
        cursor=asked.cursor(found.log, found.end, found.end_mark),
        at=asked.deals.now(),
    )
