"""`web.response_cache`: what is stored, for how long, and in how much memory."""

import tracemalloc
from functools import partial
from typing import Any

import pytest

from httpserver.request import Headers, HttpRequest
from resolvers.fetching.record_cache import Entry
from resolvers.loaders import CachedRecords
from web.auth.callers import Caller
from web.response_cache import (
    MAX_BYTES,
    MAX_OPERATIONS,
    MAX_SEEN,
    MAX_UNUSED_SECONDS,
    RECENT_SECONDS,
    ResponseCache,
    key_of,
)

HEAD = Headers([(b"content-type", b"application/json")])
NOBODY = Caller("nobody", frozenset())
POST = HttpRequest("POST", HEAD)


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


class Cache(ResponseCache):
    """Answers to bodies, from nobody."""

    def take(self, body: bytes, text: bytes = b"text", lasts: Lasting | None = None, *, times: int = 2) -> None:
        for _ in range(times):
            self.store(
                key_of(POST, body, NOBODY),
                text,
                lambda: Lasting() if lasts is None else lasts,
            )

    def give(self, body: bytes) -> bytes | None:
        found = self.find(key_of(POST, body, NOBODY))
        return None if found is None else found.content


def test_what_is_asked_for_only_once_is_not_kept() -> None:
    cache = Cache()
    cache.take(b"a", times=1)
    assert cache.give(b"a") is None
    cache.take(b"a", times=1)
    assert cache.give(b"a") == b"text"
    cache.take(b"b", times=1)
    for number in range(MAX_SEEN):
        cache.take(b"%d" % number, times=1)
    cache.take(b"b", times=1)
    assert cache.give(b"b") is None  # it was too long ago
    assert len(cache._seen) == MAX_SEEN


def test_what_does_not_last_is_forgotten() -> None:
    cache, lasts = Cache(), Lasting()
    cache.take(b"a", b"text", lasts)
    assert cache.give(b"a") == b"text"
    assert cache.give(b"b") is None
    assert cache.find(key_of(POST, b"a", Caller("gateway", frozenset()))) is None
    lasts.lasts = False
    assert cache.give(b"a") is None
    assert len(cache) == 0


def test_what_cannot_last_is_not_kept() -> None:
    cache = Cache()
    for _ in range(3):
        cache.store(key_of(POST, b"a", NOBODY), b"text", lambda: None)
    assert len(cache) == 0


def test_what_nobody_asks_for_goes_after_a_minute() -> None:
    clock = Clock()
    cache = Cache(clock=clock)
    cache.take(b"a")
    cache.take(b"b")
    clock.now = MAX_UNUSED_SECONDS
    cache.take(b"c", times=1)
    assert len(cache) == 0


@pytest.mark.parametrize("records", [0, 50])
def test_it_is_bounded_and_keeps_what_is_asked_for(records: int) -> None:
    clock = Clock()
    cache = Cache(clock=clock, max_bytes=100_000)
    cache.take(b"often")
    for number in range(1_000):
        clock.now += 0.1
        cache.take(b"%d" % number, b"x" * 1_000, Lasting(records))
        assert cache.give(b"often") == b"text"
        assert len(cache) <= 1 + 100_000 / (2_000 + 150 * records)
    before = len(cache)
    cache.take(b"huge", b"x" * 200_000, times=3)
    assert len(cache) == before


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    clock = Clock()
    cache = Cache(clock=clock, max_bytes=100_000)
    bodies = [b"%d" % number for number in range(60)]
    for body in bodies:
        cache.take(body, b"x" * 1_000)
        clock.now += RECENT_SECONDS
    held = [cache.give(body) is not None for body in bodies]
    assert held == sorted(held)  # the first ones are gone, all the others are there
    assert 40 < sum(held) < 50


def test_requests_that_take_turns_do_not_push_each_other_out() -> None:
    clock = Clock()
    cache = Cache(clock=clock, max_bytes=100_000)
    hits = 0
    for number in range(1_000):
        clock.now += 0.001
        body = b"%d" % (number % 100)
        if cache.give(body) is None:
            cache.take(body, b"x" * 1_000, times=1)
        else:
            hits += 1
    assert hits > 300  # there is room for two fifths of them
    clock.now += RECENT_SECONDS
    for number in range(100, 120):  # others are asked for, and those no more
        cache.take(b"%d" % number, b"x" * 1_000)
    assert all(cache.give(b"%d" % number) for number in range(100, 120))


def test_the_same_question_takes_no_more_room_the_second_time() -> None:
    cache = Cache(max_bytes=4_000)
    cache.take(b"a")
    cache.take(b"b", times=10)
    assert len(cache) == 2


def test_an_answer_takes_about_as_much_memory_as_it_is_counted_as() -> None:
    cache = Cache()
    scheduler: Any = cache  # of which nothing is asked
    entries = [Entry(None, 0, 0, 0) for _ in range(50)]
    tracemalloc.start()
    try:
        for number in range(100):
            held = [(f"{number:010}{index}", entry) for index, entry in enumerate(entries)]
            cache.store(key_of(POST, b"%d" % number, NOBODY), b"", lambda: None)
            cache.store(
                key_of(POST, b"%d" % number, NOBODY),
                b"x" * 5_000,
                partial(CachedRecords, [(scheduler, held)]),
            )
        del held
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(cache) == 100
    assert 0.5 < taken / cache.memory_bytes < 1.5


@pytest.mark.parametrize("scopes", [0, 10_000])
def test_what_is_known_of_a_caller_counts_as_well(scopes: int) -> None:
    cache = Cache()
    callers = []
    tracemalloc.start()
    try:
        for number in range(10):
            callers.append(Caller("frontend", frozenset(f"scope-{number}-{one}" for one in range(scopes))))
            for _ in range(2):
                cache.store(key_of(POST, b"{}", callers[-1]), b"x" * 5_000, Lasting)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = sum(1 for caller in callers if cache.find(key_of(POST, b"{}", caller)))
    assert (found == 10) is (scopes == 0)  # of the large ones there is room for some only
    assert 0.5 < found / 10 * taken / cache.memory_bytes < 1.5
    assert cache.memory_bytes <= MAX_BYTES


def test_hits_are_counted_by_the_name_of_the_operation_up_to_a_number_of_names() -> None:
    cache = Cache(max_bytes=10_000_000)
    for number in range(MAX_OPERATIONS + 2):
        key = key_of(POST, b"%d" % number, NOBODY)
        for _ in range(2):
            cache.store(key, b"text", Lasting, operation_name=f"Name{number}")
        found = cache.find(key)
        assert found is not None
        assert found.content == b"text"
        assert found.operation.name in (f"Name{number}", "(other)")

    assert cache.hits == MAX_OPERATIONS + 2
    assert len(cache.hits_by_operation) == MAX_OPERATIONS + 1
    assert cache.hits_by_operation["(other)"] == 2


def test_what_a_request_asks_is_its_body_or_its_query_string() -> None:
    post, get = (HttpRequest(method, HEAD, query_string=b"query=") for method in ("POST", "GET"))
    assert key_of(post, b"{}", NOBODY) == (True, b"{}", NOBODY)
    assert key_of(get, b"", NOBODY) == (False, b"query=", NOBODY)
