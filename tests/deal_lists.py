"""The graph over a store that holds what a simulator has, without a server around it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import orjson

from engine.answer import Answer
from engine.engine import Engine
from httpserver.response import dumps as as_json
from resolvers import partial_record, stored_record
from resolvers.chartmogul import CHARTMOGUL
from resolvers.chartmogul.record import parse as parse_chartmogul
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.nexudus.record import parse as parse_nexudus
from schema.access import READ_OPPORTUNITIES, SCOPES, Access
from schema.context import Context
from schema.deals.columns import columns
from schema.deals.listed_fields import closed_fields
from schema.deals.service import Deals
from schema.deals.source_status import SourceState, SourceStatus
from schema.execution import build_engine
from simulator.records import chartmogul_records, nexudus_records
from simulator.replies import encode_json
from store.database import Database, open_database
from store.deals import Deal, upsert
from store.tables import METADATA
from tests.schemas import build_restricted_schema, build_schema
from tests.stores import in_one_go, make_tables

NOW = 1_772_000_000.0
"""The clock: 25 February 2026, 6:13 UTC."""

ALL = Access.of(SCOPES, is_gateway=False, is_production=False)
WITHOUT_CONTACTS = Access.of([READ_OPPORTUNITIES], is_gateway=False, is_production=False)
NOTHING = Access.of([], is_gateway=False, is_production=False)


@cache
def simulated(seed: int = 1) -> dict[str, list[Any]]:
    """Return the simulator's records that can be read, by source."""
    found: dict[str, list[Any]] = {"nexudus": [], "chartmogul": []}
    for source, records, parse in (
        ("nexudus", nexudus_records(seed), lambda body: parse_nexudus(body)[0]),
        ("chartmogul", chartmogul_records(seed), parse_chartmogul),
    ):
        for raw in records.values():
            try:
                found[source].append(parse(encode_json(raw)))
            except Exception:  # noqa: S112 - what a source sends and nobody can read is in no store
                continue
    return found


def source_id(record: Any) -> str:
    return str(record.id) if hasattr(record, "id") else record.uuid


def deal(source: str, record: Any, read_at: float = NOW) -> Deal:
    """Return a record as sync would hand it to the store."""
    found, attributes = columns(source, record)
    return Deal(
        source=source,
        source_id=source_id(record),
        body=stored_record.encode(source, record),
        read_at=int(read_at * 1_000_000),
        is_whole=True,
        columns=found,
        attributes=attributes,
    )


def deals_of(records: dict[str, Iterable[Any]]) -> list[Deal]:
    return [deal(source, record) for source, some in records.items() for record in some]


@dataclass
class Sync:
    """Stands for sync: says what a test tells it to."""

    known: list[SourceStatus] = field(default_factory=list)
    on_refresh: Callable[["Sync"], None] | None = None
    refreshed: list[Sequence[str] | None] = field(default_factory=list)
    hastened: list[Sequence[str] | None] = field(default_factory=list)
    error: Exception | None = None

    async def statuses(self) -> Sequence[SourceStatus]:
        if self.error is not None:
            raise self.error
        return self.known

    async def hasten(self, sources: Sequence[str] | None = None) -> None:
        self.hastened.append(sources)

    async def refresh(self, sources: Sequence[str] | None = None, *, max_age_seconds: float = 0.0) -> None:
        self.refreshed.append(sources)
        if self.on_refresh is None:
            await asyncio.Event().wait()
        else:
            self.on_refresh(self)


def status(source: str, age_seconds: float | None = 60, **more: Any) -> SourceStatus:
    """Return the status of a source whose copy is so old, None for one that has never been complete."""
    as_of = None if age_seconds is None else int((NOW - age_seconds) * 1_000_000)
    found = SourceStatus(source=source, state=SourceState.CURRENT, as_of=as_of, is_complete=as_of is not None)
    return replace(found, **more)


@dataclass
class DealGraph:
    """Ask it as a client would."""

    engine: Engine
    deals: Deals
    database: Database
    sync: Sync
    deadline_seconds: float = 5.0
    context: Context | None = None
    """That of the last operation."""

    async def ask(self, query: str, access: Access = ALL, **variables: Any) -> Any:
        """Return the response as JSON."""
        document = self.engine.read(query)
        if isinstance(document, Answer):
            return document.body()
        operation = UpstreamContext(self.deadline_seconds)
        loaders = Loaders({}, operation)
        self.context = context = Context(loaders, operation, access, deals=self.deals)
        answer = await self.engine.answer(document, variables, None, context)
        loaders.close()
        return orjson.loads(as_json(answer.body()))

    async def data(self, query: str, access: Access = ALL, **variables: Any) -> Any:
        """Return the data of an answer without errors."""
        answer = await self.ask(query, access, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def refusal(self, query: str, access: Access = ALL, **variables: Any) -> tuple[str, str, list[Any]]:
        """Return code, message and path of an answer's only error."""
        answer = await self.ask(query, access, **variables)
        (error,) = answer["errors"]
        return error["extensions"]["code"], error["message"], error.get("path")

    async def fill(self, deals: Iterable[Deal]) -> None:
        wanted = list(deals)
        await self.database.write(lambda connection: upsert(connection, wanted))


def schemas() -> tuple[Any, Any]:
    return build_schema(), build_restricted_schema()


@contextmanager
def two_sources() -> Iterator[None]:
    """Let lists know of two sources, whichever others there are."""
    both = (NEXUDUS, CHARTMOGUL)
    with patch("schema.deals.source_status.SOURCES", both), patch("schema.deals.source_info.SOURCES", both):
        yield


@asynccontextmanager
async def open_deals(*deals: Deal, url: str | None = None, **more: Any) -> AsyncIterator[DealGraph]:
    """Open a graph over a store with these deals, in memory unless at a URL; `more` is what `Deals` takes.

    It knows of two sources, whichever others there are.
    """
    schema, restricted = schemas()
    engine = build_engine(schema, restricted=restricted)
    sync = Sync([status("nexudus"), status("chartmogul")])
    with two_sources(), in_one_go(), patch.object(METADATA, "create_all", make_tables):
        async with open_database(url, threads=0 if url is None else 1) as database:
            service = Deals(
                database=database,
                decode=stored_record.decode,
                decode_parts=partial_record.decode,
                sync=sync,
                closed_fields=closed_fields(),
                clock=lambda: NOW,
                **more,
            )
            graph = DealGraph(engine, service, database, sync)
            await graph.fill(deals)
            yield graph
