"""`resolvers.fetcher`: how few requests, for whom, and who is told what. Claims about the simulator's list of calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import resolvers.breaker
import resolvers.retry
from resolvers.breaker import Breaker
from resolvers.budget import Rate
from resolvers.cache import Entry
from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout, UpstreamUnavailable
from resolvers.exchange import open_session
from resolvers.fetcher import Fetcher, open_fetcher
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.operation import Operation
from resolvers.settings import read
from resolvers.source import Source
from resolvers.telemetry import Event
from resolvers.transport import TransportSettings
from simulator import FAULTS, Call, Fault, Simulator, faults
from simulator.wire import Exchange
from tests.harness import Graph, open_graph

IDS = [str(number) for number in range(1427000501, 1427000701)]
READS = ("get", "list-by-ids")
KEPT = {f"{name}_CACHE_{what}_SECONDS": "60" for name in ("NEXUDUS", "CHARTMOGUL") for what in ("FRESH", "STALE")}


@dataclass
class World:
    """One fetcher over the simulator."""

    simulator: Simulator
    fetcher: Fetcher
    events: list[Event] = field(default_factory=list)

    @property
    def reads(self) -> list[Call]:
        return [call for call in self.simulator.calls if call.kind in READS]

    async def fetch(self, *ids: str, operation: Operation | None = None) -> list[Any]:
        return await self.fetcher.fetch_many(ids, operation or Operation(2))

    async def one(self, source_id: str, operation: Operation | None = None) -> Any:
        (outcome,) = await self.fetch(source_id, operation=operation)
        return outcome


@asynccontextmanager
async def a_world(
    source: Source = NEXUDUS, *, rates: Sequence[Rate] = (), attempt_timeout_seconds: float = 1.0, **variables: str
) -> AsyncIterator[World]:
    simulator = Simulator()
    async with simulator.serve() as urls, open_session() as session:
        settings = read(source.settings, {**simulator.environment(urls), **variables})
        world = World(simulator, None)  # type: ignore[arg-type] # made in the next line
        world.fetcher = open_fetcher(
            replace(source, rates=rates),
            settings,
            session,
            TransportSettings(attempt_timeout_seconds=attempt_timeout_seconds),
            world.events.append,
        )
        await world.one("1")  # signs in, and opens a connection
        simulator.calls.clear()
        yield world


class Gate:
    """A fault that keeps answers back until it is opened, and knows what became of them."""

    def __init__(self) -> None:
        self.fault = Fault("gate", self._answer)
        self.arrived = 0
        self.answered = 0
        self.ended = 0
        self._open = asyncio.Event()

    async def _answer(self, exchange: Exchange) -> Any:
        self.arrived += 1
        try:
            await self._open.wait()
            self.answered += 1
            return await exchange.real()
        finally:
            self.ended += 1

    def open(self) -> None:
        self._open.set()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - the simulator tells by being looked at
            await asyncio.sleep(0.002)


# How few requests


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
        operations = [Operation(2) for _ in range(30)]
        found = await asyncio.gather(*(world.one(IDS[n], operation) for n, operation in enumerate(operations)))

        assert [str(record.id) for record in found] == IDS[:30]
        assert [len(call.ids) for call in world.reads] == [30]
        costs = [operation.cost("nexudus") for operation in operations]
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
        operation = Operation(2)
        entry = world.fetcher.at_hand(IDS[0], operation)
        assert entry
        assert entry.record == record
        assert len(world.reads) == 1
        assert (operation.cost("nexudus").keys, operation.cost("nexudus").cached) == (1, 1)


async def test_another_store_may_stand_behind_three_methods() -> None:
    class Store:
        def __init__(self) -> None:
            self.kept: dict[str, Any] = {}

        def keep(self, source_id: str, record: Any | None) -> None:
            self.kept[source_id] = record

        def fresh(self, source_id: str) -> Entry | None:
            return None

        def stale(self, source_id: str) -> tuple[Any, float] | None:
            return (self.kept[source_id], 7.0) if source_id in self.kept else None

    async with a_world() as world:
        store = Store()
        fetcher = Fetcher(world.fetcher._client, store)  # type: ignore[arg-type] # in place of `Cache`
        (record,) = await fetcher.fetch_many(IDS[:1], Operation(2))
        assert store.kept == {IDS[0]: record}
        world.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        operation = Operation(2)
        assert await fetcher.fetch_many(IDS[:1], operation) == [record]
        assert [stale.age_seconds for stale in operation.stale] == [7.0]


async def test_that_a_record_is_missing_is_remembered_too() -> None:
    async with a_world() as world:
        assert await world.one("999") is None
        entry = world.fetcher.at_hand("999", Operation(2))
        assert entry
        assert entry.record is None


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


# The ration, and who waits for it


async def test_what_could_not_leave_before_the_deadline_is_refused_at_once() -> None:
    async with a_world(rates=[Rate(3, 60)]) as world:
        await world.one(IDS[0])  # after the sign-in and the first read the last that fits
        outcome = await asyncio.wait_for(world.one(IDS[1]), 0.2)
        assert isinstance(outcome, UpstreamRateLimited)
        assert outcome.retry_after_seconds == pytest.approx(60, abs=2)
        assert len(world.reads) == 1


async def test_what_can_still_join_the_next_request_is_not_refused() -> None:
    async with a_world(rates=[Rate(1, 0.3)]) as world:
        await world.one(IDS[0])
        waiting = asyncio.create_task(world.one(IDS[1]))
        await asyncio.sleep(0.01)
        # The request after the next one would be too late.
        assert str((await world.one(IDS[2], Operation(0.55))).id) == IDS[2]
        await waiting
        assert [len(call.ids) for call in world.reads] == [1, 2]


async def test_the_ids_that_fit_are_fetched_and_the_others_refused_at_once() -> None:
    async with a_world(CHARTMOGUL, rates=[Rate(3, 60)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)[:6]
        found = await asyncio.wait_for(world.fetch(*ids), 0.5)
        assert [record.uuid for record in found[:2]] == ids[:2]
        assert {type(outcome) for outcome in found[2:]} == {UpstreamRateLimited}
        assert len(world.reads) == 2


async def test_one_huge_operation_cannot_starve_small_ones() -> None:
    async with a_world(CHARTMOGUL, rates=[Rate(1, 0.03)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)
        huge = asyncio.create_task(world.fetch(*ids[:50], operation=Operation(5)))
        await until(lambda: len(world.reads) >= 2)
        started = asyncio.get_running_loop().time()
        small = await asyncio.gather(*(world.one(source_id) for source_id in ids[50:53]))

        assert [record.uuid for record in small] == ids[50:53]
        # Four operations take turns: about eight requests, not the 48 that were before them.
        assert asyncio.get_running_loop().time() - started < 0.5
        assert not huge.done()
        huge.cancel()


async def test_newcomers_may_push_the_last_records_of_an_operation_beyond_its_deadline() -> None:
    """The price of fairness: they are refused then. Its first record keeps its turn, and the newcomers get theirs."""
    async with a_world(CHARTMOGUL, rates=[Rate(1, 0.05)], CHARTMOGUL_CACHE_FRESH_SECONDS="0") as world:
        ids = list(world.simulator.chartmogul.records)
        operation = Operation(0.6)  # time enough for all six, were it alone
        several = asyncio.create_task(world.fetch(*ids[:6], operation=operation))
        await asyncio.sleep(0)
        newcomers = [asyncio.create_task(world.one(source_id)) for source_id in ids[6:18]]
        found = await several

        assert found[0].uuid == ids[0]
        assert isinstance(found[-1], UpstreamRateLimited)
        assert -0.01 < asyncio.get_running_loop().time() - operation.deadline < 0.5
        assert [record.uuid for record in await asyncio.gather(*newcomers)] == ids[6:18]


async def test_records_in_doubt_do_not_keep_others_waiting() -> None:
    """A list that leaves many records in doubt asks for them singly, some at a time: the ration is everybody's."""
    async with a_world(rates=[Rate(1, 0.02)], NEXUDUS_CONFIRM_MISSING="true") as world:
        missing = [str(number) for number in range(2, 41)]
        doubtful = asyncio.create_task(world.fetch(IDS[9], *missing, operation=Operation(5)))
        await until(lambda: len(world.reads) >= 3)
        await world.one(IDS[0])
        assert len(world.reads) < 15
        doubtful.cancel()


async def test_a_throttled_source_is_left_alone_by_everybody_for_as_long_as_it_asks() -> None:
    async with a_world() as world:
        later = a_later_time(world)
        world.simulator.nexudus.faults.add(faults.status(409, headers={"Retry-After": "30"}), times=1)
        refused = await world.one(IDS[0])
        assert (refused.code, refused.retry_after_seconds) == ("UPSTREAM_RATE_LIMITED", 30)

        for passed, still in ((0, 30), (12, 18), (17, 1)):  # after 0, 12 and 29 seconds
            later(passed)
            refused = await asyncio.wait_for(world.one(IDS[1], Operation(0.5)), 0.4)
            assert isinstance(refused, UpstreamRateLimited)
            assert refused.retry_after_seconds == pytest.approx(still, abs=0.5)
        assert len(world.reads) == 1

        later(1)
        assert str((await world.one(IDS[1])).id) == IDS[1]


@pytest.mark.parametrize("asked", ["86400", "Thu, 31 Dec 2099 23:59:59 GMT"])
async def test_an_odd_wish_is_believed_for_a_minute_at_most(asked: str) -> None:
    """One odd reply must not switch a source off for a day."""
    async with a_world() as world:
        later = a_later_time(world)
        world.simulator.nexudus.faults.add(faults.status(409, headers={"Retry-After": asked}), times=1)
        assert (await world.one(IDS[0])).retry_after_seconds >= 86_400
        refused = await world.one(IDS[1])
        assert refused.retry_after_seconds == pytest.approx(60, abs=0.5)
        assert len(world.reads) == 1
        later(60)
        assert str((await world.one(IDS[1])).id) == IDS[1]


def a_later_time(world: World) -> Callable[[float], None]:
    """Return what moves the clock of the world's budget."""
    budget, passed = world.fetcher._client.transport.budget, 0.0

    def later(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    clock = budget._clock
    budget._clock = lambda: clock() + passed
    return later


# Joining, leaving, and what goes wrong


async def test_a_fetch_under_way_is_joined_by_operations_that_come_later() -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        first = asyncio.create_task(world.one(IDS[0]))
        await until(lambda: gate.arrived)
        second = asyncio.create_task(world.one(IDS[0]))
        await asyncio.sleep(0)
        gate.open()
        assert await first is await second
        assert len(world.reads) == 1


async def test_who_hangs_up_cancels_a_fetch_that_nobody_shares() -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        alone = asyncio.create_task(world.fetch(*IDS[:3]))
        await until(lambda: gate.arrived)
        alone.cancel()
        await until(lambda: gate.ended)
        assert gate.answered == 0


async def test_who_hangs_up_does_not_cancel_a_fetch_that_others_share() -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        leaving = asyncio.create_task(world.fetch(*IDS[:3]))
        await until(lambda: gate.arrived)
        staying = asyncio.create_task(world.one(IDS[1]))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0.01)
        gate.open()
        assert str((await staying).id) == IDS[1]
        assert len(world.reads) == 1


@pytest.mark.parametrize("turns", range(5))
async def test_who_comes_right_after_a_hang_up_does_not_join_what_is_being_cancelled(turns: int) -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        leaving = asyncio.create_task(world.fetch(*IDS[:2]))
        await until(lambda: gate.arrived)
        leaving.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        gate.open()
        for record, source_id in zip(await world.fetch(*IDS[:2]), IDS[:2], strict=True):
            assert str(record.id) == source_id


async def test_a_request_that_is_over_before_its_batch_begins_fetches_nothing() -> None:
    async with a_world() as world:
        loaders = Loaders({"nexudus": world.fetcher}, Operation(2))
        waiting = loaders.ask(NEXUDUS, IDS[0])
        loaders.close()
        assert isinstance(waiting, asyncio.Future)
        with pytest.raises(UpstreamUnavailable):
            await waiting
        assert world.reads == []


@pytest.mark.parametrize("turns", range(8))
async def test_a_hang_up_at_any_moment_leaves_no_place_taken(turns: int) -> None:
    async with a_world() as world:
        world.simulator.nexudus.faults.add(FAULTS["delay"], times=None, ids=IDS[:40])
        for source_id in IDS[:30]:  # three times as many as there are places
            leaving = asyncio.create_task(world.one(source_id))
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
        assert str((await world.one(IDS[50])).id) == IDS[50]


async def test_what_is_still_queued_when_its_client_hangs_up_is_never_asked_for() -> None:
    async with a_world(rates=[Rate(1, 0.1)]) as world:
        await world.one(IDS[0])
        leaving = asyncio.create_task(world.one(IDS[1]))
        staying = asyncio.create_task(world.one(IDS[2]))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await staying
        assert [call.ids for call in world.reads] == [(IDS[0],), (IDS[2],)]


async def test_what_is_still_queued_stays_so_while_anybody_waits_for_it() -> None:
    async with a_world(rates=[Rate(1, 0.1)]) as world:
        await world.one(IDS[0])
        leaving = asyncio.create_task(world.one(IDS[1]))
        staying = asyncio.create_task(world.one(IDS[1]))
        await asyncio.sleep(0.01)
        leaving.cancel()
        assert str((await staying).id) == IDS[1]


async def test_a_request_that_nobody_wants_any_more_uses_no_ration_up() -> None:
    async with a_world(rates=[Rate(1, 0.1), Rate(3, 60)]) as world:
        for source_id in IDS[:5]:
            leaving = asyncio.create_task(world.one(source_id))
            await asyncio.sleep(0.005)
            leaving.cancel()
            await asyncio.wait([leaving])
        await asyncio.sleep(0.1)
        assert str((await world.one(IDS[9])).id) == IDS[9]


async def test_who_joins_a_fetch_late_has_time_of_its_own() -> None:
    """The flight's deadline is that of whoever waits longest, not that of who began it."""
    async with a_world(attempt_timeout_seconds=0.3) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=1)
        hasty = asyncio.create_task(world.one(IDS[0], Operation(0.3)))
        await until(lambda: world.reads)
        patient = asyncio.create_task(world.one(IDS[0], Operation(2)))
        assert isinstance(await hasty, UpstreamTimeout)
        assert str((await patient).id) == IDS[0]  # by a second attempt
        assert len(world.reads) == 2


async def test_who_queues_late_is_not_failed_by_the_deadline_of_who_queued_early() -> None:
    async with a_world(attempt_timeout_seconds=0.4) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=10, ids=IDS[:10])  # as many as there are places
        hung: list[asyncio.Task[Any]] = []
        for source_id in IDS[:10]:
            hung.append(asyncio.create_task(world.one(source_id, Operation(0.45))))
            await until(lambda: len(world.reads) == len(hung))
        early = asyncio.create_task(world.one(IDS[20], Operation(0.1)))
        await asyncio.sleep(0.09)
        late = asyncio.create_task(world.one(IDS[21], Operation(2)))
        assert isinstance(await early, UpstreamTimeout)
        assert str((await late).id) == IDS[21]
        await asyncio.wait(hung)


async def test_a_fault_of_this_server_reaches_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_world() as world:

        async def broken(*_: object) -> Any:
            raise ZeroDivisionError

        for owner, name in ((world.fetcher._client, "fetch_many"), (world.fetcher._client, "prepare")):
            monkeypatch.setattr(owner, name, broken)
            outcomes = await asyncio.wait_for(world.fetch(*IDS[:2]), 0.5)
            assert {type(outcome) for outcome in outcomes} == {ZeroDivisionError}
        monkeypatch.undo()
        assert str((await world.one(IDS[0])).id) == IDS[0]


@pytest.mark.parametrize("fault", ["html", "403", "409-retry-after-60", "503", "reset", "truncated"])
async def test_an_error_is_never_kept(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.retry, "ATTEMPTS", 1)
    async with a_world() as world:
        later = a_later_time(world)
        world.simulator.nexudus.faults.add(FAULTS[fault], times=1)
        assert isinstance(await world.one(IDS[0]), UpstreamError)
        later(60)  # after a throttle nothing is sent for so long
        assert str((await world.one(IDS[0])).id) == IDS[0]


# Better old than nothing


async def ask(graph: Graph, **headers: str) -> Any:
    body = {"query": f'{{ nexudusOpportunity(sourceId: "{IDS[0]}") {{ sourceId }} }}'}
    return (await graph.post(body, **headers)).json


ONLY_STALE = {"NEXUDUS_CACHE_FRESH_SECONDS": "0", "NEXUDUS_CACHE_STALE_SECONDS": "60"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("503", "UPSTREAM_UNAVAILABLE"),
        ("reset", "UPSTREAM_UNAVAILABLE"),
        ("hang", "UPSTREAM_TIMEOUT"),
        ("409-retry-after-60", "UPSTREAM_RATE_LIMITED"),
        ("html", "UPSTREAM_BAD_RESPONSE"),
    ],
)
async def test_a_source_that_fails_is_answered_for_from_memory_and_the_answer_says_so(fault: str, code: str) -> None:
    async with open_graph(ATTEMPT_TIMEOUT_SECONDS="0.3", OPERATION_DEADLINE_SECONDS="0.6", **ONLY_STALE) as graph:
        before = await ask(graph)
        assert "stale" not in before["extensions"]
        await asyncio.sleep(0.06)
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=None)
        answer = await ask(graph)

        assert answer["data"] == before["data"]
        assert "errors" not in answer
        (stale,) = answer["extensions"]["stale"]
        assert stale == {"id": "bmV4dWR1czoxNDI3MDAwNTAx", "ageSeconds": stale["ageSeconds"], "code": code}
        assert 0.05 < stale["ageSeconds"] < 2


@pytest.mark.parametrize(("fault", "code"), [("401", "UPSTREAM_UNAUTHORIZED"), ("403", "UPSTREAM_FORBIDDEN")])
async def test_a_source_that_does_not_let_us_read_is_not_answered_for_from_memory(fault: str, code: str) -> None:
    async with open_graph(**ONLY_STALE) as graph:
        await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"get"})
        answer = await ask(graph)
        assert answer["data"] == {"nexudusOpportunity": None}
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
        assert "stale" not in answer["extensions"]


async def test_who_asks_for_fresh_data_gets_no_old_answer() -> None:
    async with open_graph(**ONLY_STALE) as graph:
        await ask(graph)
        graph.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        answer = await ask(graph, cache_control="no-cache")
        assert answer["data"] == {"nexudusOpportunity": None}


async def test_an_answer_from_memory_has_an_end() -> None:
    async with open_graph(NEXUDUS_CACHE_FRESH_SECONDS="0", NEXUDUS_CACHE_STALE_SECONDS="0.05") as graph:
        await ask(graph)
        await asyncio.sleep(0.06)
        graph.simulator.nexudus.faults.add(FAULTS["html"], times=None)
        assert (await ask(graph))["data"] == {"nexudusOpportunity": None}


async def test_a_refusal_of_our_own_ration_is_answered_for_from_memory_too() -> None:
    async with a_world(rates=[Rate(3, 60)], NEXUDUS_CACHE_FRESH_SECONDS="0") as world:
        before = await world.one(IDS[0])
        operation = Operation(2)
        assert await world.one(IDS[0], operation) is before
        assert [stale.code for stale in operation.stale] == ["UPSTREAM_RATE_LIMITED"]


# The breaker


async def test_a_source_that_hangs_opens_the_breaker_though_few_requests_carry_many_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolvers.retry, "ATTEMPTS", 1)
    async with a_world(attempt_timeout_seconds=0.2) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=None)
        for _ in range(3):
            await asyncio.gather(*(world.one(source_id, Operation(0.4)) for source_id in IDS[:8]))
        assert len(world.reads) == 3
        outcome = await world.one(IDS[0])
        assert isinstance(outcome, UpstreamUnavailable)
        assert outcome.detail == "the circuit breaker is open"
        assert outcome.retry_after_seconds == pytest.approx(5, abs=1)
        assert len(world.reads) == 3


async def test_an_attempt_that_was_given_hardly_any_time_is_no_sign_of_ill_health() -> None:
    async with a_world(attempt_timeout_seconds=0.5) as world:
        world.simulator.nexudus.faults.add(FAULTS["delay"], times=None)
        await asyncio.gather(*(world.one(source_id, Operation(0.1)) for source_id in IDS[:30]))
        for _ in range(3):
            await asyncio.gather(*(world.one(source_id, Operation(0.1)) for source_id in IDS[:30]))
        assert str((await world.one(IDS[0])).id) == IDS[0]


async def test_missing_records_and_hang_ups_open_no_breaker() -> None:
    async with a_world(NEXUDUS_CACHE_MISSING_SECONDS="0") as world:
        for _ in range(25):
            assert await world.one("999") is None
        world.simulator.nexudus.faults.add(FAULTS["delay"], times=None, ids=IDS[:25])
        for source_id in IDS[:25]:
            leaving = asyncio.create_task(world.one(source_id))
            await asyncio.sleep(0.004)
            leaving.cancel()
            await asyncio.wait([leaving])
        world.simulator.nexudus.faults.clear()
        assert str((await world.one(IDS[0])).id) == IDS[0]


@pytest.mark.parametrize("fault", ["400", "403", "404", "418", "html", "429-garbage-retry-after"])
async def test_a_source_that_answers_is_not_ill_whatever_it_answers(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolvers.retry, "ATTEMPTS", 1)
    async with a_world(NEXUDUS_CACHE_MISSING_SECONDS="0") as world:
        world.simulator.nexudus.faults.add(FAULTS[fault], times=25)
        for _ in range(25):
            await world.one(IDS[0])
        assert len(world.reads) == 25
        assert str((await world.one(IDS[0])).id) == IDS[0]


async def test_an_open_breaker_refuses_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.breaker, "FEWEST_VERDICTS", 1)
    monkeypatch.setattr(resolvers.breaker, "FEWEST_EXCHANGES", 1)
    async with a_world(rates=[Rate(1, 0.1)]) as world:
        world.fetcher._client.transport._breaker = Breaker("nexudus")  # which has seen nothing good yet
        world.simulator.nexudus.faults.add(FAULTS["504"], times=None)
        first = await world.one(IDS[0], Operation(3))
        # The retry was refused; that the source answered 504 says more.
        assert (first.status, len(world.reads)) == (504, 1)

        operation = Operation(100)  # time enough for the hold
        world.fetcher._client.transport.budget.hold(60)
        refused = await asyncio.wait_for(world.one(IDS[1], operation), 1)
        assert refused.detail == "the circuit breaker is open"  # and not the ration


async def test_a_sign_in_that_hangs_opens_the_breaker_for_all_who_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.retry, "FIRST_WAIT_SECONDS", 0.01)
    async with a_world(attempt_timeout_seconds=0.1) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=3, kinds={"token-password", "token-refresh"})
        world.simulator.nexudus.expire_tokens()
        await asyncio.gather(*(world.one(source_id, Operation(0.5)) for source_id in IDS[:8]))
        outcome = await world.one(IDS[0])
        assert isinstance(outcome, UpstreamUnavailable)
        assert outcome.detail == "the circuit breaker is open"
