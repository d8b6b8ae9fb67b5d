"""`resolvers.fetching.key_request`: who waits goes on when everything is there, and only then."""

from resolvers.fetching.key_request import KeyRequest, Waiter
from resolvers.fetching.upstream_context import UpstreamContext


def a_waiter() -> Waiter:
    waiter = Waiter(UpstreamContext(5))
    waiter.future = waiter.operation.loop.create_future()
    return waiter


async def test_who_waits_for_several_records_goes_on_when_all_are_there() -> None:
    waiter, other = a_waiter(), a_waiter()
    first, second = KeyRequest("1", waiter), KeyRequest("2", other)
    second.join(waiter)
    first.settle("a record")
    assert waiter.future
    assert not waiter.future.done()
    second.settle(None)
    assert waiter.future.done()
    assert not waiter.pending
    assert (first.outcome, second.outcome) == ("a record", None)


async def test_a_record_that_is_there_wakes_nobody_who_has_left() -> None:
    early, late = a_waiter(), a_waiter()
    record = KeyRequest("1", late)
    record.join(early)
    record.remove(early)
    record.settle("a record")
    assert late.future
    assert late.future.done()
    assert early.pending
    assert early.future
    assert not early.future.done()


async def test_an_outcome_is_the_first_that_is_told() -> None:
    record = KeyRequest("1", a_waiter())
    record.settle("a record")
    record.settle("another")
    assert record.outcome == "a record"
