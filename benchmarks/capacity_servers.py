"""Real servers for `make capacity CHECK=1`: over the simulator, with a store of their own, read completely."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from benchmarks.capacity_demand import Kind, Request
from benchmarks.capacity_figures import SOURCE_SECONDS
from benchmarks.processor_time import ProcessorTime, processor_time
from benchmarks.running import Running, running_server, running_simulator
from server_settings import ServerSettings
from tests.postgres import OPTIONS, Server, programs

DEALS: Final = {"nexudus": 2_000, "chartmogul": 4_000}
SYNC: Final = {"full_sweep_seconds": 60.0, "customers_per_minute": 1}
"""So that a minute has a sweep. Customers are all unknown at first: to read them takes hours, not a minute."""

HIGHEST_AMOUNT: Final = 300
ONE: Final = "query One($id: ID!) { opportunity(id: $id) { id stageName status asOf } }"
MANY: Final = "query Many($ids: [ID!]!) { opportunitiesById(ids: $ids) { id stageName status asOf } }"
IDS: Final = """query($after: String, $sources: [String!]) {
 opportunities(first: 200, after: $after, sources: $sources, orderBy: [{field: CREATED_AT, direction: ASC}]) {
 nodes { id } pageInfo { hasNextPage endCursor } } }"""
STATE: Final = "{ opportunities(first: 1) { sources { source asOf isComplete } } }"
PAGE: Final = """query Page($filter: OpportunityFilter) {
 opportunities(first: 50, filter: $filter, orderBy: [{field: UPDATED_AT, direction: DESC}]) {
 nodes { __typename id stageName pipelineName createdAt updatedAt value { amount currencyCode } owner { name }
 ... on NexudusOpportunity { dueDate leadSource statusCode }
 ... on ChartMogulOpportunity { estimatedCloseDate forecastCategory winLikelihood } }
 pageInfo { endCursor } } }"""
SUMMARY: Final = """{ opportunitySummary(groupBy: [STATUS, PIPELINE, STAGE]) { asOf
 rows { keys { dimension value } currency kind count amount weightedAmount averageAmount missingAmountCount } } }"""


def can_have_several() -> bool:
    """Return whether this checkout and this machine can run several processes of one store."""
    knows = "workers" in ServerSettings.__struct_fields__
    return knows and programs() is not None and shutil.which("setpriv") is not None


@dataclass
class Served:
    """A server that has read both lists, its ids by source, and what the first reading took of the processor."""

    session: aiohttp.ClientSession
    url: str
    control: str
    running: Running
    ids: Mapping[str, list[str]]
    reading_seconds: float

    def processor_time(self) -> ProcessorTime:
        """Return what the server and its workers have used so far."""
        return processor_time(self.running.process.pid)

    async def post(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that the server answers."""
        async with self.session.post(f"{self.url}/graphql", json={"query": query, "variables": variables}) as response:
            return await response.json()

    async def ask(self, request: Request, chance: random.Random) -> Any:
        """Send one request of a demand; return the JSON, of a file how many rows it has."""
        if request.kind is Kind.EXPORT:
            async with self.session.get(f"{self.url}/export/opportunities.ndjson") as response:
                return (await response.read()).count(b"\n")
        if request.kind is Kind.SUMMARY:
            return await self.post(SUMMARY)
        if request.kind is Kind.PAGE:
            amount = {"currency": "USD", "gte": str(chance.randrange(HIGHEST_AMOUNT))}
            return await self.post(PAGE, {"filter": {"value": amount}})
        ids = [self.ids[request.source][one] for one in request.ids]
        if request.kind is Kind.MANY:
            return await self.post(MANY, {"ids": ids})
        return await self.post(ONE, {"id": ids[0]})

    async def calls(self) -> Mapping[str, list[str]]:
        """Return what each source was asked since the last time, by kinds of calls."""
        found = {}
        for source in DEALS:
            async with self.session.get(f"{self.control}/calls?upstream={source}") as response:
                found[source] = [call["kind"] for call in await response.json()]
        async with self.session.delete(f"{self.control}/calls") as response:
            response.raise_for_status()
        return found


@asynccontextmanager
async def served(processes: int) -> AsyncIterator[Served]:
    """Run a server of so many processes until the block ends; several share a store in PostgreSQL."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            running_simulator("--deals", ",".join(str(count) for count in DEALS.values()))
        )
        _, settings, control = simulator
        settings = settings | {f"SYNC_{name}".upper(): str(value) for name, value in SYNC.items()}
        if processes > 1:
            found = programs()
            assert found  # noqa: S101 - as can_have_several has said
            database = Server(found, OPTIONS)
            stack.callback(database.close)
            settings |= {"STORE_URL": database.create(), "WORKERS": str(processes)}
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), connector=aiohttp.TCPConnector(limit=0))
        )
        latency = {source: {"latency_seconds": SOURCE_SECONDS} for source in DEALS}
        async with session.post(f"{control}/config", json=latency) as response:
            response.raise_for_status()
        running, url = await stack.enter_async_context(running_server(**settings, LOG_LEVEL="error"))
        server = Served(session, url, control, running, {}, 0.0)
        before = server.processor_time()
        await _complete(server)
        server.reading_seconds = (server.processor_time() - before).used
        server.ids = {source: await _ids(server, source) for source in DEALS}
        yield server


async def copies(server: Served) -> list[Any]:
    """Return how the copy of each source stands."""
    answer = await server.post(STATE)
    return ((answer.get("data") or {}).get("opportunities") or {}).get("sources") or []


async def _complete(server: Served) -> None:
    async with asyncio.timeout(120):
        while True:
            found = await copies(server)
            if len(found) == len(DEALS) and all(one["isComplete"] for one in found):
                return
            await asyncio.sleep(0.5)


async def _ids(server: Served, source: str) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        answer = await server.post(IDS, {"after": after, "sources": [source]})
        page = answer["data"]["opportunities"]
        ids += [node["id"] for node in page["nodes"] if node is not None]
        if not page["pageInfo"]["hasNextPage"]:
            return ids
        after = page["pageInfo"]["endCursor"]
