"""`web.kept`: an answer is given again only while it would be the same, and only to whom it might be given."""

import gc
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from weakref import ref

import pytest

from resolvers.loaders import AtHand
from schema.execution import Engine
from simulator import Simulator
from tests.harness import Graph, open_graph
from tests.test_api_keys import line
from web.arrival import Arrival, Head
from web.callers import Caller
from web.kept import ASKED_BEFORE, LET_IN, LONGEST_SECONDS, KeptAnswers
from web.problems import HTTPProblem
from web.sent import Sent

ID = "1427000501"
UUID = "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc"
NAMES = f"""{{ nexudusOpportunity(sourceId: "{ID}") {{ name coworker {{ email }} }}
              chartMogulOpportunity(sourceId: "{UUID}") {{ sourceId owner {{ email }} }} }}"""
MISSING = '{ nexudusOpportunity(sourceId: "404404") { name } }'
KEEPS = {
    "UPSTREAM_COST": "false",
    **{f"{s}_CACHE_{k}_SECONDS": "600" for s in ("NEXUDUS", "CHARTMOGUL") for k in ("FRESH", "MISSING", "STALE")},
}


class Asked:
    """A graph that is asked as `web.fast_lane` asks it, and how often something was executed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.executed = 0

    async def __call__(self, query: str, *, others: Any = None, **headers: str) -> Sent:
        fields = {"content_type": "application/json"} | headers
        head = Head([(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()])
        body = json.dumps({"query": query} | (others or {})).encode()
        arrival = Arrival("POST", head, whole=body)
        return await self.graph.app.endpoint.respond(arrival)  # type: ignore[no-any-return] # the app is not typed


@asynccontextmanager
async def asked(simulator: Simulator | None = None, **settings: str) -> AsyncIterator[Asked]:
    async with open_graph(simulator, **KEEPS | settings) as graph:
        found = Asked(graph)
        usual = Engine.answer

        async def counted(*given: Any) -> Any:
            found.executed += 1
            return await usual(*given)

        with patch.object(Engine, "answer", counted):
            yield found


async def test_an_answer_from_the_cache_is_given_again_without_executing_anything() -> None:
    async with asked() as ask:
        first, second, third, fourth = [await ask(NAMES) for _ in range(4)]
        assert ask.executed == 2, first  # the first fetches, the second finds all of it in the cache
    assert first == second == third == fourth
    assert json.loads(first.content)["data"]["nexudusOpportunity"]["name"]


async def test_that_a_record_is_missing_is_answered_again_too() -> None:
    async with asked() as ask:
        answers = [await ask(MISSING) for _ in range(4)]
        assert ask.executed == 2
    assert {one.content for one in answers} == {b'{"data":{"nexudusOpportunity":null}}'}


async def test_what_is_missing_now_is_answered_so() -> None:
    async with asked() as ask:
        for _ in range(3):
            await ask(NAMES)
        del ask.graph.simulator.nexudus.records[int(ID)]
        fresh = await ask(NAMES, cache_control="no-cache")
        assert json.loads(fresh.content)["data"]["nexudusOpportunity"] is None
        gc.collect()
        assert await ask(NAMES) == fresh
        assert await ask(NAMES) == fresh


async def test_what_was_fetched_anew_is_another_answer() -> None:
    async with asked() as ask:
        for _ in range(3):
            before = await ask(NAMES)
        ask.graph.simulator.nexudus.records[int(ID)]["Name"] = "Another name"
        assert await ask(NAMES) == before  # it is in the cache
        fresh = await ask(NAMES, cache_control="no-cache")
        assert json.loads(fresh.content)["data"]["nexudusOpportunity"]["name"] == "Another name"
        assert await ask(NAMES) == fresh
        assert await ask(NAMES) == fresh


async def test_an_answer_with_an_error_or_with_costs_is_not_given_again() -> None:
    async with asked(UPSTREAM_COST="true") as ask:
        for _ in range(4):
            await ask(NAMES)
        assert ask.executed == 4
    async with asked() as ask:
        for _ in range(4):
            assert b'"errors"' in (await ask('{ nexudusOpportunity(sourceId: "none") { name } }')).content
        assert ask.executed == 4


async def test_an_answer_with_records_that_were_fetched_is_not_given_again() -> None:
    async with asked(**{name: "0" for name in KEEPS if name.startswith("NEXUDUS")}) as ask:
        for _ in range(4):
            await ask(NAMES)
        assert ask.executed == 4


async def test_what_is_asked_in_other_ways_is_answered_anew() -> None:
    """Names of documents can come to mean something else, and to ask with one may have effects."""
    hash_ = sha256(NAMES.encode()).hexdigest()
    async with asked() as ask:
        for _ in range(4):
            await ask(NAMES, others={"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}})
        assert ask.executed == 4


async def test_it_is_not_given_to_callers_that_may_see_less() -> None:
    keys = line("all", "one", "opportunities:read contacts:read") + ";" + line("less", "two", "opportunities:read")
    async with asked(API_KEYS=keys) as ask:
        for _ in range(3):
            seen = await ask(NAMES, x_api_key="one")
        assert ask.executed == 2
        assert json.loads(seen.content)["data"]["nexudusOpportunity"]["coworker"]["email"]
        for _ in range(2):
            less = await ask(NAMES, x_api_key="two")
            assert b"FORBIDDEN" in less.content
            assert b"@" not in less.content
        for headers in ({}, {"x_api_key": "three"}):
            assert (await ask(NAMES, **headers)).status == 401
        assert await ask(NAMES, x_api_key="one") == seen


async def test_a_head_that_would_be_refused_is_refused_all_the_same() -> None:
    async with asked() as ask:
        for _ in range(3):
            good = await ask(NAMES)
        assert (await ask(NAMES, content_type="text/plain")).status == 415
        assert (await ask(NAMES, content_encoding="gzip")).status == 415
        other = await ask(NAMES, accept="application/graphql-response+json")
        assert other.content == good.content
        assert other.media_type == "application/graphql-response+json"
        assert ask.executed == 2


HEAD = Head([(b"content-type", b"application/json")])
NOBODY = Caller("nobody", frozenset())


class Lasting:
    """Says whether it lasts."""

    def __init__(self, records: int = 0) -> None:
        self.lasts = True
        self._records = records

    def __call__(self) -> bool:
        return self.lasts

    def __len__(self) -> int:
        return self._records


class Clock:
    """Stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Kept(KeptAnswers):
    """Answers to bodies, from nobody."""

    def take(self, body: bytes, text: bytes = b"text", lasts: Lasting | None = None, *, times: int = 2) -> None:
        for _ in range(times):
            self.keep(Arrival("POST", HEAD, whole=body), NOBODY, text, lambda: Lasting() if lasts is None else lasts)

    def give(self, body: bytes) -> bytes | None:
        return self.find(Arrival("POST", HEAD, whole=body), NOBODY)


def test_only_a_request_that_is_here_as_a_whole_is_looked_for() -> None:
    kept, arrival = Kept(), Arrival("POST", HEAD)
    for _ in range(3):
        kept.keep(arrival, NOBODY, b"text", Lasting)
        assert kept.find(arrival, NOBODY) is None
    assert len(kept) == 0


def test_what_is_asked_for_only_once_is_not_kept() -> None:
    kept = Kept()
    kept.take(b"a", times=1)
    assert kept.give(b"a") is None
    kept.take(b"a", times=1)
    assert kept.give(b"a") == b"text"
    kept.take(b"b", times=1)
    for number in range(ASKED_BEFORE):
        kept.take(b"%d" % number, times=1)
    kept.take(b"b", times=1)
    assert kept.give(b"b") is None  # it was too long ago
    assert len(kept._asked) == ASKED_BEFORE


def test_what_does_not_last_is_forgotten() -> None:
    kept, lasts = Kept(), Lasting()
    kept.take(b"a", b"text", lasts)
    assert kept.give(b"a") == b"text"
    assert kept.give(b"b") is None
    assert kept.find(Arrival("POST", HEAD, whole=b"a"), Caller("gateway", frozenset())) is None
    lasts.lasts = False
    assert kept.give(b"a") is None
    assert len(kept) == 0


def test_what_cannot_last_is_not_kept() -> None:
    kept = Kept()
    for _ in range(3):
        kept.keep(Arrival("POST", HEAD, whole=b"a"), NOBODY, b"text", lambda: None)
    assert len(kept) == 0


def test_what_nobody_asks_for_goes_after_a_minute() -> None:
    clock = Clock()
    kept = Kept(clock=clock)
    kept.take(b"a")
    kept.take(b"b")
    clock.now = LONGEST_SECONDS
    kept.take(b"c", times=1)
    assert len(kept) == 0


@pytest.mark.parametrize("records", [0, 50])
def test_it_is_bounded_and_keeps_what_is_asked_for(records: int) -> None:
    kept = Kept(most_bytes=100_000)
    kept.take(b"often")
    for number in range(1_000):
        kept.take(b"%d" % number, b"x" * 1_000, Lasting(records))
        assert kept.give(b"often") == b"text"
        assert len(kept) <= 1 + 100_000 / (2_000 + 150 * records)
    before = len(kept)
    kept.take(b"huge", b"x" * 200_000, times=2 * LET_IN)
    assert len(kept) == before


def test_requests_that_take_turns_do_not_all_push_each_other_out() -> None:
    kept = Kept(most_bytes=100_000)
    hits = 0
    for number in range(1_000):
        body = b"%d" % (number % 100)
        if kept.give(body) is None:
            kept.take(body, b"x" * 1_000, times=1)
        else:
            hits += 1
    assert hits > 250  # there is room for half of them
    for number in range(100, 120):  # others are asked for, and those no more
        for _ in range(2 * LET_IN):
            if kept.give(b"%d" % number) is None:
                kept.take(b"%d" % number, b"x" * 1_000, times=1)
    assert all(kept.give(b"%d" % number) for number in range(100, 120))


def test_the_same_question_takes_no_more_room_the_second_time() -> None:
    kept = Kept(most_bytes=4_000)
    kept.take(b"a")
    kept.take(b"b", times=10)
    assert len(kept) == 2


def test_an_answer_takes_about_as_much_memory_as_it_is_counted_as() -> None:
    class Holds:
        def has(self, *_: Any) -> bool:
            return True

    kept, holds = Kept(), Holds()
    records = [Kept() for _ in range(50)]  # anything that can be referred to weakly
    tracemalloc.start()
    try:
        for number in range(100):
            held: Any = [(holds, f"{number:010}{index}", record) for index, record in enumerate(records)]
            kept.keep(Arrival("POST", HEAD, whole=b"%d" % number), NOBODY, b"", lambda: None)
            kept.keep(Arrival("POST", HEAD, whole=b"%d" % number), NOBODY, b"x" * 5_000, partial(AtHand, held))
        del held
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 100
    assert 0.5 < taken / kept._bytes < 1.5


def test_a_bad_head_is_refused() -> None:
    with pytest.raises(HTTPProblem):
        Kept().find(Arrival("POST", Head([(b"content-type", b"text/plain")]), whole=b"{}"), NOBODY)


async def test_records_are_not_kept_alive_nor_is_another_taken_for_one_that_is_gone() -> None:
    class Record:
        """A record."""

    class Store:
        def __init__(self) -> None:
            self.records: dict[str, Any] = {}

        def has(self, source_id: str, record: Any) -> bool:
            return source_id in self.records and self.records[source_id] is record

    store: Any = Store()
    store.records = {"1": Record(), "2": None}
    at_hand = AtHand([(store, "1", store.records["1"]), (store, "2", None)])
    assert at_hand()
    assert len(at_hand) == 2
    held = ref(store.records["1"])
    store.records["1"] = Record()
    assert held() is None
    assert not at_hand()
    store.records["1"] = None  # there is none any more
    assert not at_hand()
    del store.records["1"]
    assert not at_hand()
