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
