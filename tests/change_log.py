"""Deals whose changes are logged, written one after the other, and what a subscriber is told of them."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
from sqlalchemy import Connection, insert

from engine.answer import Answer
from httpserver.response import dumps
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from schema.access import Access
from schema.context import Context
from store.changes import ChangeFilter as Filter
from store.changes import Origin, changes_after
from store.database import Database
from store.deals import upsert
from store.tables import SYNC_STATE
from tests import stores
from tests.deal_lists import ALL, DealGraph

CHANGED = "changes { kind sourceId } after cursor at"


def begin(connection: Connection) -> None:
    """Have the log begun, as after the first complete sweeps."""
    for source in ("nexudus", "chartmogul"):
        connection.execute(insert(SYNC_STATE).values(source=source, account="", logged_since=1))


async def write(database: Database, *names: str, source_id: str | int = 1) -> None:
    """Write a deal with each of these names in turn, each a change by itself."""
    for name in names:
        deal = stores.deal(source_id, read_at=clock(), body=name.encode(), name=name)
        await database.write(lambda connection, deal=deal: upsert(connection, [deal], origin=Origin.INCREMENT))


_TIMES = iter(range(1_772_000_000_000_000, 2**62, 1_000_000))


def clock() -> int:
    """Return a time after all that were returned before, microseconds."""
    return next(_TIMES)


async def logged(database: Database) -> list[int]:
    """Return the positions of all that is logged."""
    found = await database.read(lambda connection: changes_after(connection, 0, Filter(), count=10_000))
    return [one.position for one in found.changes]


async def follow(
    graph: DealGraph, selected: str = CHANGED, access: Access = ALL, **arguments: Any
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the responses of a stream as they come; `arguments` are GraphQL's own text."""
    given = f"({', '.join(f'{name}: {text}' for name, text in arguments.items())})" if arguments else ""
    document = graph.engine.read(f"subscription {{ opportunityChanges{given} {{ {selected} }} }}")
    assert not isinstance(document, Answer), document
    source = await graph.engine.subscribe(document, None, None, _context(graph, access))
    if isinstance(source, Answer):
        yield orjson.loads(dumps(source.body()))
        return
    async for event in source:
        answer = await graph.engine.answer(document, None, None, _context(graph, access, event))
        yield orjson.loads(dumps(answer.body()))


def _context(graph: DealGraph, access: Access, event: Any = None) -> Context:
    operation = UpstreamContext(graph.deadline_seconds)
    return Context(Loaders({}, operation), operation, access, deals=graph.deals, event=event)
