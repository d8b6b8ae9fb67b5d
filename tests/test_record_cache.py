"""`resolvers.fetching.record_cache` on a clock of its own."""

from typing import Any

import pytest

from resolvers.fetching.record_cache import CacheSettings, RecordCache


class World:
    def __init__(self, **given: Any) -> None:
        self.now = 0.0
        self.cache = RecordCache(CacheSettings(**given), clock=lambda: self.now, size_of=lambda record: len(record))

    def fresh(self, source_id: str) -> Any:
        """The record, None for a known miss, "unknown" for anything that has to be asked for."""
        entry = self.cache.fresh(source_id)
        return entry.record if entry else "unknown"


def test_a_record_is_fresh_for_thirty_seconds_and_stale_for_ten_minutes() -> None:
    world = World()
    world.cache.store("1", "record")
    world.now = 29.9
    assert world.fresh("1") == "record"
    world.now = 30.0
    assert world.fresh("1") == "unknown"
    world.now = 599.9
    assert world.cache.stale("1") == ("record", 599.9)
    world.now = 600.0
    assert world.cache.stale("1") is None


def test_that_a_record_is_missing_is_known_for_five_seconds_and_never_served_stale() -> None:
    world = World()
    world.cache.store("1", None)
    world.now = 4.9
    assert world.fresh("1") is None
    assert world.cache.stale("1") is None
    world.now = 5.0
    assert world.fresh("1") == "unknown"


def test_a_newer_answer_takes_the_place_of_an_older_one() -> None:
    world = World()
    world.cache.store("1", "old")
    world.now = 20
    world.cache.store("1", "new")
    world.now = 49
    assert world.fresh("1") == "new"
    assert world.cache.stale("1") == ("new", 29)


@pytest.mark.parametrize("missing", [0.0, 5.0])
def test_a_record_that_is_gone_is_not_served_from_memory_any_more(missing: float) -> None:
    world = World(cache_missing_seconds=missing)
    world.cache.store("1", "record")
    world.cache.store("1", None)
    assert world.fresh("1") in (None, "unknown")
    assert world.cache.stale("1") is None


def test_with_zero_seconds_nothing_is_kept() -> None:
    world = World(cache_fresh_seconds=0.0, cache_missing_seconds=0.0, cache_stale_seconds=0.0)
    for record in ("record", None):
        world.cache.store("1", record)
        assert world.fresh("1") == "unknown"
        assert world.cache.stale("1") is None
    assert len(world.cache) == 0


def test_a_record_may_be_kept_for_failures_alone() -> None:
    world = World(cache_fresh_seconds=0.0)
    world.cache.store("1", "record")
    assert world.fresh("1") == "unknown"
    assert world.cache.stale("1") == ("record", 0)


def test_a_record_is_never_gone_before_it_ceases_to_be_fresh() -> None:
    world = World(cache_fresh_seconds=30.0, cache_stale_seconds=0.0)
    world.cache.store("1", "record")
    world.now = 29
    assert world.fresh("1") == "record"
    world.now = 30
    assert world.cache.stale("1") is None


def test_no_more_records_are_kept_than_the_settings_allow_the_least_used_go_first() -> None:
    world = World(cache_max_records=3)
    for number in range(3):
        world.cache.store(str(number), "record")
    assert world.fresh("0") == "record"
    world.cache.store("3", "record")
    assert [world.fresh(str(number)) for number in range(4)] == ["record", "unknown", "record", "record"]
    for number in range(100):
        world.cache.store(str(number), None)
    assert len(world.cache) == 3


def test_no_more_bytes_are_kept_than_the_settings_allow() -> None:
    world = World(cache_max_bytes=1_000)
    for number in range(5):
        world.cache.store(str(number), "x" * 300)
    assert [world.fresh(str(number)) for number in range(5)] == ["unknown", "unknown", *["x" * 300] * 3]


def test_a_record_larger_than_all_the_room_is_not_kept_nor_what_it_replaces() -> None:
    world = World(cache_max_bytes=1_000)
    world.cache.store("1", "old")
    world.cache.store("2", "other")
    world.cache.store("1", "x" * 1_001)
    assert world.fresh("1") == "unknown"
    assert world.fresh("2") == "other"


def test_what_may_no_longer_be_served_does_not_stay_in_memory() -> None:
    """Records are personal data."""
    world = World(cache_stale_seconds=600.0)
    world.cache.store("1", "record")
    world.now = 601
    world.cache.store("2", "record")
    assert len(world.cache) == 1


def test_looking_for_what_has_to_go_does_not_count_as_use() -> None:
    world = World(cache_max_records=3)
    for number in range(3):
        world.cache.store(str(number), "record")
    world.fresh("0")
    world.now = 61
    world.cache.store("2", "record")
    world.cache.store("3", "record")
    assert [world.cache.stale(str(number)) is not None for number in range(4)] == [True, False, True, True]


def test_a_size_is_estimated_from_the_records_json() -> None:
    cache = RecordCache(CacheSettings(cache_max_bytes=10_000), clock=lambda: 0.0)
    for number in range(100):
        cache.store(str(number), {"name": "x" * 100})
    assert 5 <= len(cache) <= 8


def test_a_listed_record_takes_the_place_of_an_older_entry_and_of_no_newer_one() -> None:
    world = World()
    world.now = 100.0
    world.cache.store("1", "by id")
    world.cache.refresh("1", "listed before", age_seconds=1.0, adds=True)
    assert world.fresh("1") == "by id"
    world.now = 110.0
    world.cache.refresh("1", "listed", age_seconds=1.0, adds=False)
    assert world.fresh("1") == "listed"
    assert world.cache.stale("1") == ("listed", 1.0)


def test_an_equal_record_of_a_list_makes_the_stored_one_last_longer() -> None:
    world, record = World(), ["record"]
    world.cache.store("1", record)
    world.now = 29.0
    world.cache.refresh("1", ["record"], age_seconds=0.0, adds=False)
    world.now = 58.0
    assert world.fresh("1") is record


def test_a_listed_record_is_added_only_where_that_is_wanted() -> None:
    world = World()
    world.cache.refresh("1", "listed", age_seconds=0.0, adds=False)
    assert world.fresh("1") == "unknown"
    world.cache.refresh("1", "listed", age_seconds=0.0, adds=True)
    assert world.fresh("1") == "listed"


def test_the_age_of_a_record_counts_from_when_it_came_in() -> None:
    world = World()
    world.cache.store("1", "record")
    world.now = 45
    assert (world.cache.age_seconds("1"), world.cache.age_seconds("2")) == (45, 0)


def test_an_old_copy_that_is_stored_does_not_put_off_the_end_of_others() -> None:
    world = World()
    world.cache.store("1", "record")
    world.now = 700
    world.cache.store("2", "copy", age_seconds=500)
    assert len(world.cache) == 1
    assert world.cache.stale("2") == ("copy", 500)
