"""`engine.serialization_cache`: what is kept takes the memory that it is counted as."""

import tracemalloc

from engine.serialization_cache import SerializationCache


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


def test_texts_of_versions_are_stored_by_serializer_and_found_in_order() -> None:
    memo = SerializationCache()
    versions = ["first", "second", "third"]
    texts = memo.store_versions(1, versions, [{"text": "a\nb"}, {}, [1]])
    assert texts == [b'{"text":"a\\nb"}', b"{}", b"[1]"]
    assert memo.get_versions([1, 2, 1, 1], ["third", "third", "first", "fourth"]) == [texts[2], None, texts[0], None]
