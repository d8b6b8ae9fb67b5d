"""`resolvers.fetching.scheduler`: how few requests it makes. Claims about the simulator's list of calls.

The parts of a source are joined as they are when the server runs (`resolvers.opening`).
"""

import asyncio
import gc
from typing import Any

import pytest

from resolvers.chartmogul import CHARTMOGUL
from resolvers.fetching.record_cache import Entry
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.global_id import encode
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.resilience.rate_limiter import Rate
from simulator import FAULTS
from tests import loops
from tests.harness import open_graph
from tests.schedulers import IDS, a_world

LOOPS = loops.WITH_ITS_OWN_TIME

KEPT = {f"{name}_CACHE_{what}_SECONDS": "60" for name in ("NEXUDUS", "CHARTMOGUL") for what in ("FRESH", "STALE")}


async def test_100_equal_queries_at_once_cost_one_request() -> None:
    async with open_graph() as graph:
        query = f'{{ nexudusOpportunity(sourceId: "{IDS[0]}") {{ sourceId }} }}'
        answers = await asyncio.gather(*(graph.ask(query) for _ in range(100)))

        assert {answer["data"]["nexudusOpportunity"]["sourceId"] for answer in answers} == {IDS[0]}
        assert [call.kind for call in graph.simulator.calls] == ["token-password", "get"]
        costs = [answer["extensions"]["upstream"]["nexudus"] for answer in answers]
        assert sorted((cost["requests"], cost["joined"]) for cost in costs) == [(0, 1)] * 99 + [(1, 0)]


async def test_32_equal_operations_over_40_records_of_both_sources_cost_21_requests() -> None:
    async with open_graph() as graph:
        chartmogul = list(graph.simulator.chartmogul.records)[:20]
        aliases = [f'n{id_}: nexudusOpportunity(sourceId: "{id_}") {{ id }}' for id_ in IDS[:20]]
        aliases += [f'c{n}: chartMogulOpportunity(sourceId: "{id_}") {{ id }}' for n, id_ in enumerate(chartmogul)]
        answers = await asyncio.gather(*(graph.ask(f"{{ {' '.join(aliases)} }}") for _ in range(32)))

        assert all("errors" not in answer and all(answer["data"].values()) for answer in answers)
        kinds = [call.kind for call in graph.simulator.calls]
        assert sorted(kinds) == ["get"] * 20 + ["list-by-ids", "token-password"]


async def test_a_single_id_leaves_at_once_when_the_budget_is_free() -> None:
    async with a_world(rates=[Rate(3, 60)]) as world:
        record = await asyncio.wait_for(world.one(IDS[0]), 0.5)
        assert str(record.id) == IDS[0]
        assert [call.kind for call in world.reads] == ["get"]


async def test_ids_that_wait_for_the_budget_leave_together_whoever_asked_for_them() -> None:
    async with a_world(rates=[Rate(1, 0.2)]) as world:
        operations = [UpstreamContext(2) for _ in range(30)]
        found = await asyncio.gather(*(world.one(IDS[n], operation) for n, operation in enumerate(operations)))

        assert [str(record.id) for record in found] == IDS[:30]
        assert [len(call.ids) for call in world.reads] == [30]
        costs = [operation.usage("nexudus") for operation in operations]
        assert [(cost.keys, cost.requests, cost.joined) for cost in costs] == [(1, 1, 0)] + [(1, 0, 1)] * 29


async def test_ids_go_on_joining_until_the_request_leaves() -> None:
    async with a_world(rates=[Rate(1, 0.15)]) as world:
        await world.one(IDS[0])
        waiting = []
        for source_id in IDS[1:11]:
            waiting.append(asyncio.create_task(world.one(source_id)))
            await asyncio.sleep(0.005)
        await asyncio.gather(*waiting)
        assert [len(call.ids) for call in world.reads] == [1, 10]


async def test_a_request_carries_no_more_than_50_ids() -> None:
    async with a_world() as world:
        await asyncio.gather(*(world.fetch(*IDS[n : n + 40]) for n in (0, 40, 80)))
        assert sorted(len(call.ids) for call in world.reads) == [20, 50, 50]


async def test_as_many_as_a_request_carries_join_one_that_waits_and_the_others_the_next() -> None:
    async with a_world(rates=[Rate(1, 0.15)]) as world:
        found = await asyncio.gather(*(world.one(source_id) for source_id in IDS[:60]))
        assert [str(record.id) for record in found] == IDS[:60]
        assert [len(call.ids) for call in world.reads] == [50, 10]


async def test_a_source_without_lists_is_asked_for_each_record() -> None:
    async with a_world(CHARTMOGUL, CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)[:5]
        assert [record.uuid for record in await world.fetch(*ids)] == ids
        assert [call.ids for call in world.reads] == [(one,) for one in ids]


async def test_a_fresh_record_costs_no_request_and_no_turn_of_the_loop() -> None:
    async with a_world() as world:
        record = await world.one(IDS[0])
        operation = UpstreamContext(2)
        entry = world.scheduler.cached(IDS[0], operation)
        assert entry
        assert entry.record == record
        assert len(world.reads) == 1
        assert (operation.usage("nexudus").keys, operation.usage("nexudus").cached) == (1, 1)


async def test_another_store_may_stand_behind_three_methods() -> None:
    class Store:
        def __init__(self) -> None:
            self.kept: dict[str, Any] = {}

        def store(self, source_id: str, record: Any | None) -> None:
            self.kept[source_id] = record

        def fresh(self, source_id: str) -> Entry | None:
            return None

        def stale(self, source_id: str) -> tuple[Any, float] | None:
            return (self.kept[source_id], 7.0) if source_id in self.kept else None

    async with a_world() as world:
        store = Store()
        scheduler = Scheduler(world.scheduler._client, store)  # type: ignore[arg-type] # in place of `RecordCache`
        (record,) = await scheduler.fetch_many(IDS[:1], UpstreamContext(2))
        assert store.kept == {IDS[0]: record}
        world.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        operation = UpstreamContext(2)
        assert await scheduler.fetch_many(IDS[:1], operation) == [record]
        assert [stale.age_seconds for stale in operation.stale] == [7.0]


async def test_a_store_that_fails_is_a_fault_that_reaches_those_who_wait() -> None:
    class Store:
        def fresh(self, source_id: str) -> None: ...

        def stale(self, source_id: str) -> None:
            raise RuntimeError("ours")

    async with a_world() as world:
        scheduler = Scheduler(world.scheduler._client, Store())  # type: ignore[arg-type] # in place of `RecordCache`
        world.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        async with asyncio.timeout(1):
            (outcome,) = await scheduler.fetch_many(IDS[:1], UpstreamContext(2))
        assert str(outcome) == "ours"


async def test_that_a_record_is_missing_is_remembered_too() -> None:
    async with a_world() as world:
        assert await world.one("999") is None
        entry = world.scheduler.cached("999", UpstreamContext(2))
        assert entry
        assert entry.record is None


async def test_who_insists_on_an_age_gets_no_older_record_from_the_cache_nor_another_fields() -> None:
    async with a_world() as world:
        await world.one(IDS[0])
        await asyncio.sleep(10)
        world.simulator.nexudus.records[int(IDS[0])]["Name"] = "Renamed"
        operation = UpstreamContext(2)
        loaders = Loaders({"nexudus": world.scheduler}, operation)
        assert not isinstance(loaders.request(NEXUDUS, IDS[0]), asyncio.Future), "nobody insists yet"
        operation.insist("nexudus", IDS[0], 11)
        assert world.scheduler.cached(IDS[0], operation)
        operation.insist("nexudus", IDS[0], 9)
        assert world.scheduler.cached(IDS[0], operation) is None
        assert (await loaders.load(NEXUDUS, IDS[0])).name == "Renamed"  # type: ignore[union-attr] # a record


@pytest.mark.parametrize(("longest", "is_asked"), [(9.0, True), (11.0, False)])
async def test_who_insists_on_an_age_gets_no_older_copy_of_the_store(longest: float, is_asked: bool) -> None:
    class Store:
        has_fresh = True

        def on_fetched(self, *_: Any, **__: Any) -> None: ...

        async def fresh(self, ids: Any, seconds: float) -> Any:
            return dict.fromkeys(ids, (record, 10.0))

    async with a_world() as world:
        record = await world.one(IDS[0])
        world.scheduler.cache.forget(IDS[0], age_seconds=-1)
        world.simulator.calls.clear()
        world.scheduler.record_store = Store()  # type: ignore[assignment] # it has no `find`
        operation = UpstreamContext(2)
        operation.insist("nexudus", IDS[0], longest)
        assert await world.fetch(IDS[0], operation=operation) == [record]
        assert bool(world.reads) is is_asked


async def test_a_request_for_fresh_data_asks_anew_and_what_comes_is_kept() -> None:
    async with open_graph(**KEPT) as graph:
        body = {"query": f'{{ nexudusOpportunity(sourceId: "{IDS[0]}") {{ name }} }}'}

        async def name(**headers: str) -> Any:
            return (await graph.post(body, **headers)).json["data"]["nexudusOpportunity"]["name"]

        before = await name()
        graph.simulator.nexudus.records[int(IDS[0])]["Name"] = "Renamed"
        assert await name() == before
        assert await name(cache_control="max-age=0, No-Cache") == "Renamed"
        assert await name() == "Renamed"
        assert [call.kind for call in graph.simulator.calls].count("get") == 2


@pytest.mark.programs
async def test_an_operation_leaves_nothing_behind_that_only_the_garbage_collector_finds() -> None:
    """Records are personal data: they go when nobody needs them any more, and nobody is held up to look for them."""
    async with open_graph(NEXUDUS_CACHE_FRESH_SECONDS="0", CHARTMOGUL_CACHE_FRESH_SECONDS="0") as graph:
        nexudus, chartmogul = (list(one.records)[:3] for one in (graph.simulator.nexudus, graph.simulator.chartmogul))
        ids = [encode("nexudus", str(one)) for one in nexudus] + [encode("chartmogul", one) for one in chartmogul]
        for query in (
            "query ($ids: [ID!]!) { opportunitiesById(ids: $ids) { id owner { name } } }",
            f'{{ one: node(id: "{ids[0]}") {{ id }} other: opportunity(id: "{ids[3]}") {{ id stageName }} }}',
        ):
            for _ in range(3):  # read, compiled, executed
                await graph.ask(query, {"ids": ids})
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                for _ in range(3):
                    await graph.ask(query, {"ids": ids})
                await asyncio.sleep(0)
                gc.collect()
                left = [one for one in gc.garbage if type(one).__module__.startswith(("resolvers", "schema", "web"))]
                assert left == []
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
