"""`resolvers.loaders`: what was served from the record cache may be served again while its entries stand.

Batches and cancelling are in tests/test_scheduler_sharing.py.
"""

import asyncio
import gc
from typing import Any
from weakref import ref

import msgspec
import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.fetching.record_cache import CacheSettings, RecordCache
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import CachedRecords, Loaders
from resolvers.nexudus import NEXUDUS


class Record(msgspec.Struct, weakref=True):
    """A record."""


def cache_of(records: dict[str, Any]) -> Any:
    """Return a record cache with these records."""
    cache = RecordCache(CacheSettings(), clock=lambda: 0.0)
    for source_id, record in records.items():
        cache.store(source_id, record)
    return cache


def test_records_are_not_kept_alive_nor_is_another_taken_for_one_that_is_gone() -> None:
    record: Record | None = Record()
    cache = cache_of({"1": record, "2": None})
    cached = CachedRecords([(cache, [(id_, cache.fresh(id_)) for id_ in ("1", "2")])])
    assert cached()
    assert len(cached) == 2
    held = ref(record)
    del record
    cache.store("1", Record())
    assert held() is None
    assert not cached()
    cache.store("1", None)  # there is none any more
    assert not cached()


@pytest.mark.parametrize("again", [Record(), None])
def test_a_record_that_is_fetched_anew_is_another_even_if_it_is_equal(again: Record | None) -> None:
    cache = cache_of({"1": again})
    cached = CachedRecords([(cache, [("1", cache.fresh("1"))])])
    assert cached()
    cache.store("1", again)
    assert not cached()


def test_records_are_no_longer_than_they_are_fresh() -> None:
    now = 0.0
    cache: Any = RecordCache(CacheSettings(), clock=lambda: now)
    cache.store("1", Record())
    cached = CachedRecords([(cache, [("1", cache.fresh("1"))])])
    now = CacheSettings().cache_fresh_seconds - 0.1
    assert cached()
    now += 0.1
    assert not cached()


def test_records_of_responses_that_are_given_are_not_evicted_before_others() -> None:
    cache: Any = RecordCache(CacheSettings(cache_max_records=3), clock=lambda: 0.0)
    for source_id in ("1", "2", "3"):
        cache.store(source_id, Record())
    cached = CachedRecords([(cache, [(id_, cache.fresh(id_)) for id_ in ("1", "2")])])
    for source_id in ("4", "5", "6"):
        assert cached()
        cache.store(source_id, Record())
    assert cached()
    cache.forget("2", age_seconds=-1.0)
    assert not cached()


class Failing:
    """A scheduler that finds nothing."""

    source = "nexudus"
    accepts = staticmethod(lambda *_: True)
    cached = staticmethod(lambda *_: None)

    @property
    def customers(self) -> "Failing":
        return self

    async def fetch_many(self, ids: list[str], _: object) -> list[Exception]:
        return [UpstreamUnavailable(self.source) for _ in ids]


@pytest.mark.parametrize("way", ["load", "load_customer", "both at once"])
async def test_what_failed_is_freed_without_a_collection(way: str) -> None:
    async def ask() -> ref[Loaders]:
        scheduler: Any = Failing()
        loaders = Loaders({"nexudus": scheduler}, UpstreamContext(5.0))
        load = loaders.load_customer if way == "load_customer" else loaders.load
        found = await asyncio.gather(
            *[load(NEXUDUS, "1") for _ in range(2 if way == "both at once" else 1)], return_exceptions=True
        )
        assert all(isinstance(one, UpstreamUnavailable) for one in found)
        loaders.close()
        return ref(loaders)

    gc.collect()
    gc.disable()
    try:
        asked = await ask()
        for _ in range(3):  # callbacks
            await asyncio.sleep(0)
        assert asked() is None
    finally:
        gc.enable()
