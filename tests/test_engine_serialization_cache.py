"""`engine.serialization_cache`: what is kept takes the memory that it is counted as."""

import tracemalloc

from engine.serialization_cache import BESIDE_VERSION, EVERY, SerializationCache


class Record:
    """Whatever a cache may hold."""


def test_a_text_takes_about_as_much_memory_as_it_is_counted_as() -> None:
    memo = SerializationCache()
    records = [Record() for _ in range(500)]
    tracemalloc.start()
    try:
        for number, record in enumerate(records):
            memo.store(1, record, {"id": f"{number:036}"})
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(memo) == 500
    assert taken < 2 * memo.memory_bytes


def test_so_does_a_text_of_a_version() -> None:
    memo = SerializationCache()
    number = memo.number() + 1_000  # of those that Python does not have at hand
    tracemalloc.start()
    try:
        for page in range(100):
            versions = [(page * 50 + place).to_bytes(34) for place in range(50)]
            memo.store_versions(number, versions, ["x" * 400] * 50)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(memo) == 5_000
    assert 0.9 * taken < memo.memory_bytes < 1.2 * taken


def test_texts_of_versions_are_stored_by_serializer_and_found_in_order() -> None:
    memo = SerializationCache()
    versions = ["first", "second", "third"]
    texts = memo.store_versions(1, versions, [{"text": "a\nb"}, {}, [1]])
    assert texts == [b'{"text":"a\\nb"}', b"{}", b"[1]"]
    assert memo.get_versions([1, 2, 1, 1], ["third", "third", "first", "fourth"]) == [texts[2], None, texts[0], None]


def test_a_list_longer_than_there_is_room_for_is_found_in_part_each_time_it_is_read() -> None:
    memo, pages = SerializationCache(most_bytes=50_000), [[f"{page}:{n}" for n in range(10)] for page in range(20)]
    found = 0
    for _ in range(10):
        found = 0
        for versions in pages:
            stored = memo.get_versions([1] * 10, versions)
            missing = [version for version, text in zip(versions, stored, strict=True) if text is None]
            memo.store_versions(1, missing, missing)
            found += 10 - len(missing)
    room = 50_000 // (BESIDE_VERSION + len('"9:9"'))
    assert room / 4 < found <= room
    assert memo.memory_bytes <= 50_000


def test_what_is_asked_for_often_is_stored_though_there_is_no_room() -> None:
    memo = SerializationCache(most_bytes=10_000)
    memo.store_versions(1, [f"old {n}" for n in range(100)], [{}] * 100)
    asked = 0
    while memo.get_versions([1], ["new"]) == [None]:
        memo.store_versions(1, ["new"], [{}])
        asked += 1
    assert 1 <= asked <= EVERY
    others = [f"other {n}" for n in range(2 * EVERY)]
    for one in others:
        memo.store_versions(1, [one], [{}])
    assert len(others) - memo.get_versions([1] * len(others), others).count(None) == 2


def test_what_is_asked_for_often_stays_while_others_come_and_go() -> None:
    memo = SerializationCache(most_bytes=10_000)
    memo.store_versions(1, ["often", *[f"old {n}" for n in range(50)]], [{}] * 51)
    memo.store_versions(1, ["often"], [{}])
    for n in range(100 * EVERY):
        memo.store_versions(1, [f"new {n}"], [{}])
        assert memo.get_versions([1], ["often"]) == [b"{}"]
    assert memo.get_versions([1], ["old 49"]) == [None]
