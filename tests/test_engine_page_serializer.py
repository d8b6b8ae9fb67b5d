"""A page's records are read and written together: `engine.page_serializer`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.answer import AnswerSize, SizeAhead
from engine.cost import LimitExceeded
from engine.lookup import NotRead
from engine.page_serializer import page_texts
from engine.serialization_cache import SerializationCache
from engine.serializer import Serializer

BROKEN = RuntimeError("This one cannot be shown.")


class Part:
    """What has one attribute of a record."""

    def __init__(self, value: Any, names: frozenset[str]) -> None:
        vars(self).update(dict.fromkeys(names, value))

    def __getattr__(self, name: str) -> Any:
        raise NotRead(name)


class Shelf:
    """Records of two sources, by their values; `asked` is how many were read at once."""

    def __init__(self, *rows: tuple[str, Any]) -> None:
        self.sources = [source for source, _ in rows]
        self.versions = list(rows)
        self.asked: list[int] = []

    def read_at(self, place: int) -> datetime:
        return datetime(2026, 1, 1 + place, tzinfo=UTC)

    def record(self, place: int) -> Any:
        value = self.versions[place][1]
        return value if value is None or value is BROKEN else Part(value, frozenset({"value"}))

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> list[Part] | None:
        self.asked.append(len(places))
        assert {self.sources[place] for place in places} == {source}
        values = [self.versions[place][1] for place in places]
        return None if None in values or BROKEN in values else [Part(value, names) for value in values]


def serializers(*, repeats: bool = False, tells_age: bool = False) -> dict[str, Serializer]:
    cache = SerializationCache()

    def complete(record: Any, size: AnswerSize, read_at: datetime | None) -> Any:
        found = [record.value, read_at] if tells_age else {"value": record.value}
        return size.checked(found) if repeats else found

    return {source: Serializer(complete, tells_age, cache, cache.number()) for source in ("shelf", "cellar")}


def test_records_that_are_not_stored_are_read_together_source_by_source() -> None:
    found, size = serializers(), SizeAhead(1_000)
    page = Shelf(("shelf", 1), ("cellar", 2), ("shelf", 3))
    texts = [b'{"value":1}', b'{"value":2}', b'{"value":3}']
    assert page_texts(page, found, size) == texts
    assert page.asked == [2, 2, 1, 1], "each twice: what is read of them, the first time has shown"
    more = Shelf(("shelf", 3), ("shelf", 4), ("shelf", 5), ("cellar", 2))
    assert page_texts(more, found, size) == [b'{"value":3}', b'{"value":4}', b'{"value":5}', b'{"value":2}']
    assert more.asked == [2]


def test_of_records_that_cannot_be_read_together_each_has_its_own_outcome() -> None:
    page = Shelf(("shelf", 1), ("shelf", None), ("shelf", BROKEN), ("shelf", 4))
    assert page_texts(page, serializers(), SizeAhead(1_000)) == [b'{"value":1}', None, BROKEN, b'{"value":4}']


def test_a_record_that_was_read_again_is_another_where_its_age_is_told() -> None:
    found = serializers(tells_age=True)
    first = Shelf(("shelf", 1), ("cellar", 1))
    assert page_texts(first, found, SizeAhead(1_000)) == [b'[1,"2026-01-01T00:00:00Z"]', b'[1,"2026-01-02T00:00:00Z"]']
    assert page_texts(Shelf(("cellar", 1)), found, SizeAhead(1_000)) == [b'[1,"2026-01-01T00:00:00Z"]']


@pytest.mark.parametrize(("repeats", "is_refused"), [(True, True), (False, False)])
def test_records_that_repeat_a_value_are_held_together_to_what_an_answer_may_have(
    repeats: bool, is_refused: bool
) -> None:
    page = Shelf(*[("shelf", "x" * 100 + str(n)) for n in range(10)])
    size = SizeAhead(1_000)
    try:
        page_texts(page, serializers(repeats=repeats), size)
    except LimitExceeded:
        assert is_refused
    else:
        assert not is_refused
    assert SizeAhead(1_000).check({"value": "x" * 100}) == len('{"value":"' + "x" * 100 + '"}')
