"""`resolvers.fetching.scheduler` where operations share a fetch: joining one, hanging up, and what goes wrong
meanwhile.

The permit of a fetch that is broken off (`resolvers.resilience.attempt`) is given back.
"""

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.resilience.rate_limiter import Rate
from simulator import FAULTS, Fault
from simulator.wire import Exchange
from tests import loops
from tests.schedulers import IDS, a_world
from tests.waiting import until

LOOPS = loops.WITH_ITS_OWN_TIME


class Gate:
    """A fault that keeps answers back until it is opened, and knows what became of them."""

    def __init__(self) -> None:
        self.fault = Fault("gate", self._answer)
        self.wait_all = 0
        self.answered = 0
        self.ended = 0
        self._open = asyncio.Event()

    async def _answer(self, exchange: Exchange) -> Any:
        self.wait_all += 1
        try:
            await self._open.wait()
            self.answered += 1
            return await exchange.real()
        finally:
            self.ended += 1

    def open(self) -> None:
        self._open.set()


async def test_a_fetch_under_way_is_joined_by_operations_that_come_later() -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        first = asyncio.create_task(world.one(IDS[0]))
        await until(lambda: gate.wait_all)
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
        await until(lambda: gate.wait_all)
        alone.cancel()
        await until(lambda: gate.ended)
        assert gate.answered == 0


async def test_who_hangs_up_does_not_cancel_a_fetch_that_others_share() -> None:
    async with a_world() as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        leaving = asyncio.create_task(world.fetch(*IDS[:3]))
        await until(lambda: gate.wait_all)
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
        await until(lambda: gate.wait_all)
        leaving.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        gate.open()
        for record, source_id in zip(await world.fetch(*IDS[:2]), IDS[:2], strict=True):
            assert str(record.id) == source_id


async def test_a_request_that_is_over_before_its_batch_begins_fetches_nothing() -> None:
    async with a_world() as world:
        loaders = Loaders({"nexudus": world.scheduler}, UpstreamContext(2))
        waiting = loaders.request(NEXUDUS, IDS[0])
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


@pytest.mark.parametrize("wanted", [IDS[2], IDS[1]], ids=["another record", "the same record"])
async def test_what_is_still_queued_when_a_client_hangs_up_is_asked_for_only_if_somebody_waits_for_it(
    wanted: str,
) -> None:
    async with a_world(rates=[Rate(1, 0.1)]) as world:
        await world.one(IDS[0])
        leaving = asyncio.create_task(world.one(IDS[1]))
        staying = asyncio.create_task(world.one(wanted))
        await asyncio.sleep(0.01)
        leaving.cancel()
        assert str((await staying).id) == wanted
        assert [call.ids for call in world.reads] == [(IDS[0],), (wanted,)]


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
        hasty = asyncio.create_task(world.one(IDS[0], UpstreamContext(0.3)))
        await until(lambda: world.reads)
        patient = asyncio.create_task(world.one(IDS[0], UpstreamContext(2)))
        assert isinstance(await hasty, UpstreamTimeout)
        assert str((await patient).id) == IDS[0]  # by a second attempt
        assert len(world.reads) == 2


async def test_who_waits_gives_up_at_its_deadline_and_not_before() -> None:
    async with a_world(attempt_timeout_seconds=5) as world:
        world.simulator.nexudus.latency_seconds = (2.0, 2.0)
        waiting = asyncio.create_task(world.one(IDS[0], UpstreamContext(5)))
        await asyncio.sleep(0)
        start = asyncio.get_running_loop().time()
        assert isinstance(await world.one(IDS[0], UpstreamContext(1)), UpstreamTimeout)
        assert asyncio.get_running_loop().time() - start == pytest.approx(1, abs=0.01)
        assert str((await waiting).id) == IDS[0]
        assert len(world.reads) == 1


async def test_who_queues_late_is_not_failed_by_the_deadline_of_who_queued_early() -> None:
    async with a_world(attempt_timeout_seconds=0.4) as world:
        world.simulator.nexudus.faults.add(FAULTS["hang"], times=10, ids=IDS[:10])  # as many as there are places
        hung: list[asyncio.Task[Any]] = []
        for source_id in IDS[:10]:
            hung.append(asyncio.create_task(world.one(source_id, UpstreamContext(0.45))))
            await until(lambda: len(world.reads) == len(hung))
        early = asyncio.create_task(world.one(IDS[20], UpstreamContext(0.1)))
        await asyncio.sleep(0.09)
        late = asyncio.create_task(world.one(IDS[21], UpstreamContext(2)))
        assert isinstance(await early, UpstreamTimeout)
        assert str((await late).id) == IDS[21]
        await asyncio.wait(hung)


async def test_a_fault_of_this_server_reaches_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_world() as world:

        async def broken(*_: object) -> Any:
            raise ZeroDivisionError

        client = world.scheduler._client
        for name in ("fetch_many", "prepare"):
            monkeypatch.setattr(client, name, broken)
            monkeypatch.setattr(type(client), "is_ready", name != "prepare")
            outcomes = await asyncio.wait_for(
                world.fetch(*IDS[:2], operation=UpstreamContext(5, wants_fresh=True)), 0.5
            )
            assert {type(outcome) for outcome in outcomes} == {ZeroDivisionError}, name
            monkeypatch.undo()
        monkeypatch.undo()
        assert str((await world.one(IDS[0])).id) == IDS[0]


async def test_a_fault_before_a_request_is_sent_reaches_those_who_wait_and_the_next_ones_fetch_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world(CHARTMOGUL) as world:
        ids = list(world.simulator.chartmogul.records)[:3]
        transport, permits = world.scheduler.transport, iter([None])

        def broken() -> Any:
            return type(transport).try_acquire(transport) if next(permits, 0) is None else 1 / 0

        monkeypatch.setattr(transport, "try_acquire", broken)
        outcomes = await asyncio.wait_for(world.fetch(*ids), 0.5)
        assert [getattr(outcome, "uuid", type(outcome)) for outcome in outcomes] == [ids[0], *[ZeroDivisionError] * 2]
        monkeypatch.undo()
        assert [record.uuid for record in await world.fetch(*ids)] == ids


@pytest.mark.parametrize("fault", ["html", "403", "409-retry-after-60", "503", "reset", "truncated"])
async def test_an_error_is_never_kept(fault: str) -> None:
    async with a_world(attempts=1) as world:
        # A read that dies on a kept connection is sent again.
        world.simulator.nexudus.faults.add(FAULTS[fault], times=2 if fault == "reset" else 1)
        assert isinstance(await world.one(IDS[0]), UpstreamError)
        await asyncio.sleep(60)  # after a throttle nothing is sent for so long
        assert str((await world.one(IDS[0])).id) == IDS[0]


@pytest.mark.parametrize("has_left", [True, False])
@pytest.mark.parametrize("again", IDS[:2])
async def test_who_asks_when_the_request_is_over_is_refused_and_nothing_is_fetched(has_left: bool, again: str) -> None:
    async with a_world() as world:
        loaders = Loaders({"nexudus": world.scheduler}, UpstreamContext(2))
        asked = loaders.request(NEXUDUS, IDS[0])
        assert isinstance(asked, asyncio.Future)
        while has_left and not world.scheduler._key_requests:  # noqa: ASYNC110 - it is what is looked at
            await asyncio.sleep(0)
        loaders.close()
        with pytest.raises(UpstreamUnavailable):
            await asyncio.wait_for(loaders.load(NEXUDUS, again), 1)
        with pytest.raises(UpstreamUnavailable):
            await asyncio.wait_for(asked, 1)
        assert world.reads == []


async def test_a_compiled_query_and_a_resolver_share_a_batch() -> None:
    async with a_world() as world:
        loaders = Loaders({"nexudus": world.scheduler}, UpstreamContext(2))
        asked = loaders.request(NEXUDUS, IDS[0])
        assert isinstance(asked, asyncio.Future)
        found = await asyncio.wait_for(asyncio.gather(asked, loaders.load(NEXUDUS, IDS[1])), 1)
        assert [str(record.id) for record in found] == IDS[:2]
        assert [call.kind for call in world.reads] == ["list-by-ids"]


@pytest.mark.parametrize("end", ["a reply", "a hang-up", "a timeout", "a lost connection"])
async def test_what_is_told_of_a_call_has_no_request_id_because_several_may_have_waited(end: str) -> None:
    id_: ContextVar[str] = ContextVar("id_", default="none")
    told: list[str] = []
    async with a_world(attempt_timeout_seconds=0.05 if end == "a timeout" else 1.0) as world:
        transport: Any = world.scheduler._client.transport
        transport._retries._saved = 0
        transport._attempts = replace(transport._attempts, telemetry=lambda _: told.append(id_.get()))
        gate = Gate()
        world.simulator.nexudus.faults.add(FAULTS["close"] if end == "a lost connection" else gate.fault)
        id_.set("mine")

        async def answer() -> None:
            loaders = Loaders({"nexudus": world.scheduler}, UpstreamContext(2))
            with suppress(UpstreamError):
                await loaders.load(NEXUDUS, IDS[0])
            loaders.close()

        waiting = asyncio.create_task(answer())
        if end in ("a reply", "a hang-up"):
            await until(lambda: gate.wait_all)
            gate.open() if end == "a reply" else waiting.cancel()
        await asyncio.wait([waiting])
        await until(lambda: told)
        assert set(told) == {"none"}


async def test_a_reply_that_was_overtaken_by_a_newer_one_is_not_kept() -> None:
    async with a_world(NEXUDUS_CACHE_FRESH_SECONDS="60") as world:
        gate = Gate()
        world.simulator.nexudus.faults.add(gate.fault)
        first = asyncio.create_task(world.one(IDS[0]))
        await until(lambda: gate.wait_all)
        newer = await world.one(IDS[0], UpstreamContext(2, wants_fresh=True))
        gate.open()
        older = await first
        assert older is not newer
        kept = world.scheduler.cached(IDS[0], UpstreamContext(2))
        assert kept is not None
        assert kept.record is newer
