"""Kept connections to a source that die, or whose replies are another's: `Transport.fetch` seen through a fetcher."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from httpclient.client import open_session
from resolvers.chartmogul import CHARTMOGUL, ChartMogulSettings
from resolvers.errors import UpstreamBadResponse, UpstreamRateLimited, UpstreamUnavailable
from resolvers.fetching.scheduler import Scheduler
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.opening import open_scheduler
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import TransportSettings
from resolvers.settings import read
from resolvers.telemetry import Event, UpstreamCall
from simulator.chartmogul_records import EXAMPLE
from tests import loops
from tests.fakes import ByteSource

LOOPS = loops.WITH_ITS_OWN_TIME

IDS = [f"4ee13ca4-e7fe-11ee-fa7f-f303abf41a{number:02x}" for number in range(60)]

Reply = tuple[int, str] | bytes | None
"""A status and the id of the record in the body; else raw bytes, or nothing, and then the connection is closed."""


class Source(ByteSource):
    """ChartMogul as far as these tests need it: `reply` says what comes to the n-th request of a connection."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.reply: Callable[[str, int], Reply] = lambda source_id, _: (200, source_id)
        self.asked: list[str] = []

    def _answer(self, request: bytes, number: int) -> tuple[bytes, bool]:
        source_id = request.split(b" ")[1].decode().rpartition("/")[2]
        self.asked.append(source_id)
        reply = self.reply(source_id, number)
        if not isinstance(reply, tuple):
            return reply or b"", False
        body = json.dumps(EXAMPLE | {"uuid": reply[1]}).encode()
        return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (reply[0], len(body), body), True


@asynccontextmanager
async def a_source(*, rates: list[Rate] | None = None) -> AsyncIterator[tuple[Source, Scheduler, list[Event]]]:
    source, events = Source(), list[Event]()
    async with source.serve(), open_session() as session:
        variables = {
            "CHARTMOGUL_URL": source.url,
            "CHARTMOGUL_API_KEY": "key",
            "CHARTMOGUL_RATIONED": "true" if rates else "false",
            "CHARTMOGUL_CACHE_FRESH_SECONDS": "0",
            "CHARTMOGUL_CACHE_STALE_SECONDS": "0",
        }
        described = replace(CHARTMOGUL, rates=rates or ())
        settings = read(ChartMogulSettings, variables)
        yield (
            source,
            open_scheduler(described, settings, session, TransportSettings(), events.append, clock=loops.now),
            events,
        )


async def one(scheduler: Scheduler, source_id: str, seconds: float = 5) -> Any:
    (outcome,) = await scheduler.fetch_many([source_id], UpstreamContext(seconds))
    return outcome


async def test_a_source_whose_kept_connections_die_at_each_second_request_stays_usable() -> None:
    async with a_source() as (source, scheduler, _):
        source.reply = lambda source_id, number: (200, source_id) if number == 1 else None
        for source_id in IDS:
            assert (await one(scheduler, source_id)).uuid == source_id
        assert source.connections == 60
        assert len(source.asked) == 2 * 60 - 1, "the first connection was new"
        # No retry was used up for it.
        source.reply = lambda source_id, number: (200, source_id) if source.asked.count(source_id) == 4 else (500, "")
        assert (await one(scheduler, "4ee13ca4-e7fe-11ee-fa7f-f303abf41aff")).code == "UPSTREAM_UNAVAILABLE"
        assert source.asked.count("4ee13ca4-e7fe-11ee-fa7f-f303abf41aff") == 3


async def test_what_dies_on_a_new_connection_is_not_sent_again_at_once() -> None:
    async with a_source() as (source, scheduler, _):
        source.reply = lambda *_: None
        transport: Any = scheduler._client.transport
        transport._retries._saved = 0
        assert isinstance(await one(scheduler, IDS[0]), UpstreamUnavailable)
        assert len(source.asked) == 1


async def test_what_dies_within_its_reply_is_not_sent_again_at_once() -> None:
    async with a_source() as (source, scheduler, _):
        await one(scheduler, IDS[0])
        transport: Any = scheduler._client.transport
        transport._retries._saved = 0
        source.reply = lambda *_: b"HTTP/1.1 200 OK\r\nContent-Le"
        assert isinstance(await one(scheduler, IDS[1]), UpstreamUnavailable)
        assert source.asked == [IDS[0], IDS[1]]


async def test_what_is_sent_again_counts_as_a_request_of_the_ration_and_of_the_operation() -> None:
    async with a_source(rates=[Rate(3, 60)]) as (source, scheduler, _):
        source.reply = lambda source_id, number: (200, source_id) if number == 1 else None
        operation = UpstreamContext(5)
        for source_id in IDS[:2]:
            await scheduler.fetch_many([source_id], operation)
        assert operation.usage("chartmogul").requests == 3
        assert isinstance(await one(scheduler, IDS[2]), UpstreamRateLimited)
        assert len(source.asked) == 3


async def test_connections_that_die_are_no_failures_for_the_breaker_and_one_line_each_for_the_operator() -> None:
    async with a_source() as (source, scheduler, events):
        source.reply = lambda source_id, number: (200, source_id) if number == 1 else None
        for _ in range(30):
            await one(scheduler, IDS[0])
        died = [event for event in events if isinstance(event, UpstreamCall) and event.code]
        assert len(died) == 29
        assert {event.detail.partition(" ")[2] for event in died} == {"on a kept connection"}


@pytest.mark.parametrize("status", [408, 421, 425])
async def test_a_status_that_asks_for_the_same_request_again_is_tried_again(status: int) -> None:
    async with a_source() as (source, scheduler, _):
        await one(scheduler, IDS[0])
        source.reply = lambda source_id, _: (status if source.asked.count(source_id) == 1 else 200, source_id)
        assert (await one(scheduler, IDS[1])).uuid == IDS[1]
        assert source.asked == [IDS[0], IDS[1], IDS[1]]


@pytest.mark.parametrize(("status", "connections"), [(408, 2), (421, 2), (425, 1), (503, 1)])
async def test_what_concerns_the_connection_is_tried_again_on_another_one(status: int, connections: int) -> None:
    """RFC 9110, 15.5.20: a misdirected request would only be misdirected again."""
    async with a_source() as (source, scheduler, _):
        source.reply = lambda source_id, _: (status if len(source.asked) == 1 else 200, source_id)
        for source_id in IDS[:3]:
            assert (await one(scheduler, source_id)).uuid == source_id
        assert source.connections == connections


@pytest.mark.parametrize("status", [408, 421, 425])
async def test_a_source_that_goes_on_asking_for_it_is_retryable_and_not_ill(status: int) -> None:
    async with a_source() as (source, scheduler, _):
        source.reply = lambda source_id, _: (status, source_id)
        for _ in range(25):
            outcome = await one(scheduler, IDS[0])
            assert (outcome.code, outcome.retryable, outcome.status) == ("UPSTREAM_UNAVAILABLE", True, status)
        source.reply = lambda source_id, _: (200, source_id)
        assert (await one(scheduler, IDS[0])).uuid == IDS[0]


async def test_a_stray_reply_spoils_one_record_and_not_all_that_come_after_it_on_its_connection() -> None:
    async with a_source() as (source, scheduler, _):
        last: list[str] = []

        def shifted(source_id: str, number: int) -> Reply:
            """Give each request of the first connection the reply to the one before it, from the third on."""
            last.append(source_id)
            return 200, last[-2] if source.connections == 1 and number > 2 else source_id

        source.reply = shifted
        found = [await one(scheduler, source_id) for source_id in IDS]
        wrong = [outcome for outcome in found if isinstance(outcome, UpstreamBadResponse)]
        assert len(wrong) == 1
        assert source.connections == 2
