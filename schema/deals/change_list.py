"""Which changes are asked for, and from where on: one way for all that read the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from resolvers.errors import ResolverError
from schema.context import Context
from schema.deals import cursors
from schema.deals.change_filter import OpportunityChangeFilter, change_filter
from schema.deals.cursors import list_hash
from schema.deals.service import Deals, ReadTurns, StoreOutage
from store.changes import ChangeFilter, Changes, Log, changes_after, log_of
from store.conditions import LARGEST

_ASKED: Final = "`filter` and `sources`"


class CursorExpired(ResolverError):
    """What happened behind a cursor is not known any more."""

    code = "CURSOR_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "Not all changes behind `after` are kept any more: read `opportunities` anew, and begin without `after`."
        )


class NoChanges(StoreOutage):
    """This server keeps no log."""

    retryable = False

    def __init__(self) -> None:
        ResolverError.__init__(self, "This server keeps no changes: STORE_CHANGES_DAYS is 0.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is in the log: behind the entry of this mark at a position (`store.changes.Log`)."""

    generation: int
    position: int
    mark: int


@dataclass(frozen=True, slots=True)
class ChangeList:
    """The changes that somebody asks for. `hash` tells such lists apart."""

    deals: Deals
    turns: ReadTurns
    filter: ChangeFilter
    hash: str

    def cursor(self, log: Log, position: int, mark: int) -> str:
        """Return the cursor behind the entry of this mark at a position."""
        return cursors.encode(self.hash, (log.generation, position, mark))

    def place(self, cursor: str) -> Place:
        """Return where a cursor is; raises `BadUserInput` for one of another list."""
        generation, position, mark = values = cursors.unpacked(cursor, "after", self.hash, 3, _ASKED)
        if not all(type(one) is int and 0 <= one <= LARGEST for one in values):
            raise cursors.is_none("after")
        return Place(generation, position, mark)

    async def latest(self) -> Place:
        """Return the place behind all that is kept; raises `StoreOutage`."""
        log = await self.deals.read(log_of, self.turns)
        return Place(log.generation, log.last, log.mark)

    async def is_at_end(self, place: Place) -> bool:
        """Return whether nothing is logged behind a place, for one who follows; raises `StoreOutage`."""
        database = self.deals.database
        number = database.sequence
        async with self.turns.turn():
            log = await self.deals.followers.log(number, lambda: database.read(log_of))
        return place == Place(log.generation, log.last, log.mark)

    async def behind(self, place: Place | None, count: int) -> Changes:
        """Return the first changes behind a place, by default the oldest; raises `CursorExpired` and `StoreOutage`."""
        position = 0 if place is None else place.position
        found = await self.deals.read(
            lambda connection: changes_after(connection, position, self.filter, count=count), self.turns
        )
        if place is not None:
            is_there = found.log.has(place.generation, place.position)
            if not is_there or found.mark != place.mark:  # or the store was put back, and this is not what was there
                raise CursorExpired
        return found


async def select_changes(
    context: Context, filter: OpportunityChangeFilter | None = None, sources: Sequence[str] | None = None
) -> ChangeList:
    """Return which changes are asked for; raises `Forbidden`, `BadUserInput` and `StoreOutage`."""
    deals = context.lists()
    if not deals.keeps_changes:
        raise NoChanges

    def now() -> datetime:
        context.dependence.on_time = True
        return deals.now()

    accounts = None
    if sources is not None:
        accounts = {(one.source, one.account) for one in await deals.statuses(context.turns, sources)}
    asked = change_filter(filter, context.closed_fields, now, accounts=accounts, hidden=deals.unconfigured)
    return ChangeList(deals, context.turns, asked, list_hash("changes", filter, sources))
