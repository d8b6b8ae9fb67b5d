"""`resolvers.fetching.fair_queue`: turns that are fair to every operation."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.fetching.fair_queue import FairQueue
from resolvers.fetching.key_request import KeyRequest, Waiter
from resolvers.fetching.upstream_context import UpstreamContext
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME


def an_operation() -> UpstreamContext:
    return UpstreamContext(5)


def wanted(operation: UpstreamContext, source_id: str) -> KeyRequest:
    return KeyRequest(source_id, Waiter(operation))


def fill(queue: FairQueue, operation: UpstreamContext, name: str, count: int) -> list[KeyRequest]:
    found = [wanted(operation, f"{name}{number}") for number in range(count)]
    for one in found:
        queue.add(one)
    return found


def ids(found: list[KeyRequest]) -> list[str]:
    return [one.source_id for one in found]


async def test_operations_take_turns_id_by_id() -> None:
    queue = FairQueue()
    fill(queue, an_operation(), "a", 4)
    fill(queue, an_operation(), "b", 1)
    fill(queue, an_operation(), "c", 2)
    assert ids(queue.pop(5)) == ["a0", "b0", "c0", "a1", "c1"]
    assert ids(queue.pop(5)) == ["a2", "a3"]
    assert not queue


async def test_a_small_operation_is_not_behind_a_huge_one() -> None:
    queue = FairQueue()
    fill(queue, an_operation(), "huge", 1_000)
    fill(queue, an_operation(), "small", 1)
    assert "small0" in ids(queue.pop(2))


async def test_turns_go_on_where_they_stopped() -> None:
    queue = FairQueue()
    for name in "abc":
        fill(queue, an_operation(), name, 3)
    assert [ids(queue.pop(2)) for _ in range(4)] == [["a0", "b0"], ["c0", "a1"], ["b1", "c1"], ["a2", "b2"]]


async def test_everything_can_be_taken_at_once() -> None:
    queue = FairQueue()
    fill(queue, an_operation(), "a", 300)
    assert len(queue.pop()) == 300
    assert not queue


async def test_what_is_removed_is_not_taken_and_an_empty_line_is_no_line() -> None:
    queue, gone = FairQueue(), an_operation()
    first, second = fill(queue, gone, "gone", 2)
    fill(queue, an_operation(), "a", 1)
    queue.remove(first)
    assert queue.length(gone) == 1
    queue.remove(second)
    assert queue.length(gone) == 0
    assert not first.is_queued
    assert ids(queue.pop(10)) == ["a0"]
    assert not queue


async def test_those_who_wait_for_what_is_queued_are_known() -> None:
    queue, one, other = FairQueue(), an_operation(), an_operation()
    shared, _ = fill(queue, one, "a", 2)
    shared.join(Waiter(other))
    assert queue.contexts() == {one, other}


@given(st.lists(st.integers(0, 6), max_size=5), st.integers(1, 6))
async def test_a_position_is_what_comes_true(others: list[int], count: int) -> None:
    queue, operation = FairQueue(), an_operation()
    for number, length in enumerate(others):
        fill(queue, an_operation(), f"other{number}-", length)
    promised = [queue.position(operation, place) for place in range(1, count + 1)]
    fill(queue, operation, "mine", count)
    order = ids(queue.pop())
    really = [order.index(f"mine{number}") + 1 for number in range(count)]
    assert promised == really


@given(st.lists(st.integers(0, 6), max_size=5), st.integers(1, 6), st.lists(st.integers(1, 6), max_size=5))
async def test_newcomers_delay_no_operations_first_record(others: list[int], count: int, newcomers: list[int]) -> None:
    """That it can leave in time was found when it was queued, and stays so; later ones take turns with newcomers."""
    queue, operation = FairQueue(), an_operation()
    for number, length in enumerate(others):
        fill(queue, an_operation(), f"other{number}-", length)
    promised = queue.position(operation, 1)
    fill(queue, operation, "mine", count)
    for number, length in enumerate(newcomers):
        fill(queue, an_operation(), f"new{number}-", length)
    assert ids(queue.pop()).index("mine0") + 1 == promised
