"""`resolvers.nexudus.paging` beside a vendor that counts its pages in whatever way: no row is left out."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.nexudus.page import Envelope
from resolvers.nexudus.paging import LARGEST_PAGE, Position, step
from tests.fuzzing import bounded

ORDERED = st.integers(0, 300).map(lambda count: [7 * number for number in range(1, count + 1)])


@given(
    ids=ORDERED,
    falling=st.booleans(),
    largest=st.integers(3, 120),
    shrinks_at=st.integers(1, 5),
    cut=st.lists(st.none() | st.integers(1, 50), max_size=8),
    tells=st.sampled_from(["both", "total", "next"]),
)
@example(ids=[7 * number for number in range(1, 42)], falling=False, largest=10, shrinks_at=4, cut=[], tells="total")
@bounded
def test_no_row_is_left_out_whatever_the_size_of_pages(
    ids: list[int], falling: bool, largest: int, shrinks_at: int, cut: list[int | None], tells: str
) -> None:
    ids = ids[::-1] if falling else ids
    at: Position | None = Position()
    seen, pages = set[int](), 0
    while at is not None:
        at = Position.of(str(at))  # as it is after a restart
        number, size = at.offset // at.size + 1, min(at.size, largest)
        rows = ids[(number - 1) * size : number * size]
        has_next = number * size < len(ids)
        if cut and (fewer := cut.pop(0)) is not None and fewer < len(rows):
            rows, has_next = rows[:fewer], True
        total = len(ids) if tells != "next" else None
        if tells == "total":
            has_next = None  # type: ignore[assignment] # not said
        at, is_ordered = step(at, Envelope(total_items=total, has_next_page=has_next), rows, len(rows))
        assert is_ordered
        seen |= set(rows)
        pages += 1
        if pages == shrinks_at:
            largest = max(2, largest // 3)
        assert pages < 2_000
    assert seen == set(ids)


@given(
    count=st.integers(0, 300),
    bad=st.sets(st.integers(0, 299), max_size=6),
    largest=st.sampled_from([3, 7, 25, 100, 199, 1_000]),
    tells=st.sampled_from(["both", "total", "next"]),
)
@example(count=4, bad={0, 1, 2, 3}, largest=1_000, tells="total")
@example(count=300, bad={299}, largest=25, tells="next")
@bounded
def test_rows_that_stop_their_pages_are_passed_over_and_no_other(
    count: int, bad: set[int], largest: int, tells: str
) -> None:
    ids = [7 * number for number in range(1, count + 1)]
    bad_ids = {ids[place] for place in bad if place < count}
    at: Position | None = Position(size=largest)
    seen, passed_over, requests = list[int](), 0, 0
    while at is not None:
        at = Position.of(str(at))
        number = at.offset // at.size + 1
        rows = ids[(number - 1) * at.size : number * at.size]
        requests += 1
        if bad_ids & set(rows):
            passed_over += at.size == 1
            at = at.narrowed()
            continue
        envelope = Envelope(
            total_items=count if tells != "next" else None,
            has_next_page=number * at.size < count if tells != "total" else None,
        )
        at, is_ordered = step(at, envelope, rows, len(rows))
        assert is_ordered
        seen += rows
    assert seen == [one for one in ids if one not in bad_ids]
    assert passed_over == len(bad_ids)
    assert requests <= count // largest + 2 + len(bad_ids) * (40 if largest != 199 else 200)


def test_behind_a_row_that_stops_its_page_pages_grow_to_their_size_again() -> None:
    at, sizes = Position(size=1_000), []
    while at.offset < 2_000:
        number, sizes = at.offset // at.size + 1, [*sizes, at.size]
        rows = list(range((number - 1) * at.size + 1, number * at.size + 1))
        if 438 in rows:
            at = at.narrowed()
        else:
            following, _ = step(at, Envelope(has_next_page=True), rows, len(rows))
            assert following
            at = following
    assert sizes[-2:] == [500, 1_000]
    assert len(sizes) <= 30


def test_a_vendor_that_ignores_the_number_of_the_page_is_found_out() -> None:
    rows, envelope = list(range(1, LARGEST_PAGE + 1)), Envelope(total_items=5_000, has_next_page=True)
    second, is_ordered = step(Position(), envelope, rows, LARGEST_PAGE)
    assert is_ordered
    assert second
    assert step(second, envelope, rows, LARGEST_PAGE) == (None, False)


def test_rows_of_the_page_before_may_come_again_up_to_its_last() -> None:
    at, envelope = Position(offset=1_000, last_id=50), Envelope(has_next_page=False)
    assert step(at, envelope, [48, 49, 50, 51], 4)[1]
    assert not step(at, envelope, [48, 49, 51], 3)[1]  # 50 moved


def test_an_empty_page_is_the_end_whatever_else_it_says() -> None:
    envelope = Envelope(total_items=5_000, has_next_page=True)
    assert step(Position(offset=1_000, last_id=50), envelope, [], 0) == (None, True)


@pytest.mark.parametrize("text", [None, "", "3", "1,0,3,0", "1,2,x,0", "1,2,3", "-1,2,3,0", "٣,1,1,0"])
def test_what_is_no_position_is_the_beginning(text: str | None) -> None:
    assert Position.of(text) == Position()


def test_the_size_of_pages_is_part_of_the_query() -> None:
    assert Position().query == "page=1&size=500&orderBy=Id"
    assert Position(offset=2_500).within(200).query == "page=13&size=200&orderBy=Id"
