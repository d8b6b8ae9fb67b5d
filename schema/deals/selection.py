"""What a list is asked for, checked and put into the store's terms: one way for pages, totals and exports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from schema.context import Context
from schema.deals.cursors import list_hash
from schema.deals.filters import conditions
from schema.deals.freshness import FreshnessInput, check_freshness
from schema.deals.listed_fields import LISTED, Kind
from schema.deals.orders import OpportunityOrder, asked_order, order_keys
from schema.deals.service import Deals, ReadTurns, of_sources
from schema.deals.source_status import SourceStatus
from schema.deals.validity import Dependence
from schema.refused_argument import RefusedArgument
from store.conditions import And, Compare, Condition, Operator, Search
from store.pages import OrderKey
from store.queries import Query, Values
from store.text import searchable

T = TypeVar("T")

LONGEST_SEARCH: Final = 200
MOST_WORDS: Final = 10

_PERSONAL: Final = {field.name for field in LISTED if field.kind is Kind.TEXT and field.is_personal}
"""What is searched only for those who may see it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deals, and in which order. `sources` are their names, None for all; `hash` tells lists apart."""

    deals: Deals
    condition: Condition | None
    order: tuple[OrderKey, ...]
    sources: Sequence[str] | None
    hash: str
    dependence: Dependence
    turns: ReadTurns

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` gives of the store, in the operation's turn; raises `StoreOutage`."""
        return await self.deals.read(work, self.turns)

    async def fetch(self, query: Query, values: Values) -> list[tuple[Any, ...]]:
        """Return the rows of a query that takes a millisecond or so; raises `StoreOutage`."""
        return await self.deals.fetch(query, values, self.turns)

    async def statuses(self) -> list[SourceStatus]:
        """Return how current the list's sources are; raises `StoreOutage`."""
        self.dependence.on_time = True
        return await self.deals.statuses(self.turns, self.sources)


async def select(
    context: Context,
    *,
    filter: Any = None,
    order_by: Sequence[OpportunityOrder] | None = None,
    search: str | None = None,
    sources: Sequence[str] | None = None,
    freshness: FreshnessInput | None = None,
) -> Selection:
    """Return the selection; raises a `ResolverError`: `Forbidden`, `RefusedArgument`, `StoreOutage` or `StoreStale`."""
    deals = context.lists()
    closed = context.closed_fields

    def now() -> datetime:
        context.dependence.on_time = True
        return deals.now()

    parts = [
        conditions(filter, closed, now),
        _search(search, closed),
        *[Compare("source", Operator.NE, one) for one in sorted(deals.unconfigured)],
        None if sources is None else of_sources(await deals.statuses(context.turns, sources)),
    ]
    found = tuple([part for part in parts if part is not None])
    order = order_keys(order_by, closed)
    if freshness is not None:
        context.dependence.on_time = True
        await check_freshness(deals, context.turns, freshness, sources, context.operation.deadline)
    hash_ = list_hash(filter, asked_order(order_by, order), search, sources)
    return Selection(deals, And(found) if found else None, order, sources, hash_, context.dependence, context.turns)


def _search(text: str | None, closed: frozenset[str]) -> Condition | None:
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST_SEARCH:
        raise RefusedArgument(f"may have at most {LONGEST_SEARCH} characters, not {len(text):,}.", "search")
    # The words are those that are searched for: a single character may stand for four of them (NFKD).
    words = searchable(text).split()
    if len(words) > MOST_WORDS:
        raise RefusedArgument(f"may have at most {MOST_WORDS} words, not {len(words)}.", "search")
    if not words:  # marks without a letter, each of which every text would have
        raise RefusedArgument("must have a letter, a digit or a sign: accents alone are not searched for.", "search")
    return Search(text, is_personal=closed.isdisjoint(_PERSONAL))
