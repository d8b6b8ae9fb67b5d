"""The one bounded cache, against a list that does the same slowly."""

import gc
from weakref import ref

from hypothesis import given
from hypothesis import strategies as st

from lru import LRU


def sized(**bounds: int) -> LRU[str, bytes]:
    return LRU(size_of=lambda key, value: len(key) + len(value), **bounds)


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    cache: LRU[str, int] = LRU(max_entries=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [key in cache for key in "abc"] == [True, False, True]
    assert cache.oldest() == ("a", 1)


def test_to_peek_is_no_use() -> None:
    cache: LRU[str, int] = LRU(max_entries=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.peek("a") == 1
    cache.put("c", 3)
    assert cache.peek("a") is None


def test_as_many_entries_are_evicted_as_a_large_one_needs() -> None:
    cache = sized(max_size=10)
    cache.put("a", b"123")
    cache.put("b", b"123")
    cache.put("c", b"12345678")
    assert (len(cache), cache.size) == (1, 9)


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    cache = sized(max_size=10)
    cache.put("a", b"1234567890")
    assert (len(cache), cache.size, cache.oldest()) == (0, 0, None)


def test_a_value_in_place_of_another_is_counted_once() -> None:
    cache = sized(max_size=100)
    cache.put("a", b"1234567890")
    cache.put("a", b"1")
    assert (len(cache), cache.size) == (1, 2)


def test_a_value_that_has_grown_is_counted_anew_when_it_is_stored_again() -> None:
    cache: LRU[str, list[int]] = LRU(max_size=5, size_of=lambda _, value: len(value))
    value = [1]
    cache.put("a", [0, 0])
    cache.put("b", value)
    value += [2, 3, 4]
    cache.put("b", value)
    assert (len(cache), cache.size) == (1, 4)


def test_a_size_that_is_given_counts_in_place_of_what_would_be_reckoned() -> None:
    cache = sized(max_size=8)
    cache.put("a", b"1234", 2)
    cache.put("b", b"1234")
    assert cache.size == 2 + 5
    cache.put("c", b"", 3)
    assert ("a" in cache, cache.size) == (False, 5 + 3)
    cache.remove("b")
    assert cache.size == 3


def test_after_all_is_removed_the_whole_room_is_free() -> None:
    cache = sized(max_size=10)
    cache.put("a", b"123456789")
    cache.clear()
    cache.put("b", b"123456789")
    assert (len(cache), cache.size) == (1, 10)


def test_a_weak_reference_may_remove_its_entry_when_the_object_dies() -> None:
    class Thing:
        pass

    cache: LRU[int, ref[Thing]] = LRU(max_entries=2)
    thing = Thing()
    cache.put(1, ref(thing, lambda _: cache.remove(1)))
    del thing
    gc.collect()
    assert len(cache) == 0


KEYS = st.integers(0, 6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(1, 12)),
        st.tuples(st.sampled_from(["get", "peek", "remove"]), KEYS, st.just(0)),
        st.tuples(st.just("remove_where"), st.integers(1, 12), st.just(0)),
    ),
    max_size=60,
)


@given(steps=STEPS, max_entries=st.integers(1, 5) | st.none(), max_size=st.integers(1, 30) | st.none())
def test_it_does_as_a_list_of_pairs_would(
    steps: list[tuple[str, int, int]], max_entries: int | None, max_size: int | None
) -> None:
    """The model's pairs lie in the order of their use; a value is its own size."""
    cache: LRU[int, int] = LRU(max_entries=max_entries, max_size=max_size, size_of=lambda _, value: value)
    model: list[tuple[int, int]] = []
    for step, key, value in steps:
        known = dict(model).get(key)
        if step in ("get", "peek"):
            assert getattr(cache, step)(key) == known
            if step == "get" and known is not None:
                model = [pair for pair in model if pair[0] != key] + [(key, known)]
        elif step == "remove_where":
            cache.remove_where(key.__le__)
            model = [pair for pair in model if pair[1] < key]
        else:
            model = [pair for pair in model if pair[0] != key]
            if step == "put":
                cache.put(key, value)
                model.append((key, value))
                while (max_size is not None and sum(size for _, size in model) > max_size) or (
                    max_entries is not None and len(model) > max_entries
                ):
                    model.pop(0)
            else:
                cache.remove(key)
        assert cache.oldest() == (model[0] if model else None)
        assert (len(cache), cache.size) == (len(model), sum(size for _, size in model))
        assert {key for key in range(7) if key in cache} == dict(model).keys()


def test_the_version_is_another_after_each_change_and_after_nothing_else() -> None:
    cache: LRU[str, int] = LRU(max_entries=2)
    versions = [cache.version]
    for change in (
        lambda: cache.put("a", 1),
        lambda: cache.put("a", 1),
        lambda: cache.remove("a"),
        lambda: cache.put("b", 2),
        cache.clear,
    ):
        change()
        versions.append(cache.version)
    assert len(set(versions)) == len(versions)
    cache.put("c", 3)
    before = cache.version
    cache.get("c")
    cache.peek("c")
    cache.remove("d")
    assert cache.version == before
