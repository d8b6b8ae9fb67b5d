"""Sweeps are remembered page by page: `store.sweeps`."""

import pytest
from sqlalchemy import Connection, select

from store.changes import Origin
from store.deal_rows import FOUND_BY_ID
from store.deals import Evidence, delete, upsert
from store.sweeps import (
    SKEW_MICROSECONDS,
    SweepLost,
    abandon_sweep,
    begin_sweep,
    continue_sweep,
    finish_sweep,
    forget_future,
    missing_after,
    newest_seen,
    note_misses,
    note_watermarks,
    state,
)
from store.tables import DEALS, SWEPT
from tests.stores import current, deal, key

KEY = ("nexudus", "")


def swept(connection: Connection, *seen: str, at: int, total: int | None = None) -> list[str]:
    """Sweep in one page, and return the ids that are due."""
    sweep = begin_sweep(connection, "nexudus", at=at)
    continue_sweep(connection, "nexudus", sweep=sweep, seen=seen, position=None, total=total)
    due = note_misses(connection, "nexudus", sweep=sweep)
    finish_sweep(connection, "nexudus", sweep=sweep, at=at + 5)
    return due


def test_nothing_is_known_before_the_first_sweep(connection: Connection) -> None:
    assert state(connection) == {}


def test_the_first_sweep_has_seen_the_deal_that_was_changed_last_before_it_began(connection: Connection) -> None:
    began = begin_sweep(connection, "nexudus", at=100)
    times = {1: 60, 2: 90, 3: 101}
    upsert(connection, [deal(one, read_at=102, updated_at=changed_at) for one, changed_at in times.items()])
    continue_sweep(connection, "nexudus", sweep=began, seen=["1", "2", "3"], position=None)
    assert newest_seen(connection, "nexudus") is None
    finish_sweep(connection, "nexudus", sweep=began, at=105)
    upsert(connection, [deal(4, read_at=106, updated_at=95)])  # which no list has shown, perhaps
    assert newest_seen(connection, "nexudus") == ("2", 90)


def test_what_was_seen_and_is_not_stored_is_drift_that_nothing_makes_up_for(connection: Connection) -> None:
    upsert(connection, [deal(1, read_at=50), deal(2, read_at=50), deal(3, read_at=50)])
    swept(connection, "1", "2", "unreadable", at=100, total=3)
    assert state(connection)[KEY].drift == -1
    swept(connection, "1", "2", "3", at=200)
    assert state(connection)[KEY].drift is None


def test_what_a_clock_that_was_ahead_has_left_is_forgotten(connection: Connection) -> None:
    ahead, now = 10**12, 10**9
    upsert(connection, [deal(1, read_at=ahead), deal(2, read_at=ahead), deal(3, read_at=5)])
    swept(connection, "1", "2", "3", at=ahead)
    note_watermarks(connection, "nexudus", changes_until=ahead, deletions_until=ahead)
    delete(connection, [key("nexudus:2")], evidence=Evidence.AUDIT, at=ahead)
    assert not forget_future(connection, "nexudus", at=ahead + 5 - SKEW_MICROSECONDS)  # the sweep has ended 5 later
    assert forget_future(connection, "nexudus", at=now)
    known = state(connection)[KEY]
    assert (known.last_sweep_started_at, known.last_sweep_at, known.changes_until, known.deletions_until) == (None,) * 4
    assert upsert(connection, [deal(one, read_at=now + 1, body=b"[]") for one in (1, 2, 3)]) == 3
    assert not forget_future(connection, "nexudus", at=now)


def test_5_a_sweep_is_resumed_where_it_was(connection: Connection) -> None:
    sweep = begin_sweep(connection, "nexudus", at=100)
    assert continue_sweep(connection, "nexudus", sweep=sweep, seen=["1", "2"], position="2", total=5) == 2
    assert continue_sweep(connection, "nexudus", sweep=sweep, seen=["3"], position="3") == 1
    found = state(connection)[KEY]
    assert (found.sweep, found.sweep_position, found.sweep_started_at) == (sweep, "3", 100)
    assert (found.sweep_rows, found.sweep_total, found.last_sweep_at) == (3, 5, None)


def test_2_an_id_on_two_pages_counts_once(connection: Connection) -> None:
    sweep = begin_sweep(connection, "nexudus", at=100)
    continue_sweep(connection, "nexudus", sweep=sweep, seen=["1", "2", "2"], position="2")
    assert continue_sweep(connection, "nexudus", sweep=sweep, seen=["2", "3"], position=None) == 1
    assert state(connection)[KEY].sweep_rows == 3


def test_accounts_and_sources_are_swept_apart(connection: Connection) -> None:
    upsert(connection, [deal(1), deal(1, account="eu"), deal("a", source="chartmogul")])
    ours, theirs = begin_sweep(connection, "nexudus", at=100), begin_sweep(connection, "nexudus", "eu", at=100)
    continue_sweep(connection, "nexudus", sweep=ours, seen=["1"], position=None)
    assert missing_after(connection, "nexudus") == []
    assert missing_after(connection, "nexudus", "eu") == ["1"]
    finish_sweep(connection, "nexudus", sweep=ours, at=101)
    assert state(connection)["nexudus", "eu"].sweep == theirs


def test_4_a_sweep_that_is_complete_tells_the_drift(connection: Connection) -> None:
    upsert(connection, [deal(1), deal(2)])
    sweep = begin_sweep(connection, "nexudus", at=100)
    continue_sweep(connection, "nexudus", sweep=sweep, seen=["1", "2"], position=None, total=5)
    found = finish_sweep(connection, "nexudus", sweep=sweep, at=110)
    assert (found.last_sweep_started_at, found.last_sweep_at, found.last_sweep_rows, found.drift) == (100, 110, 2, -3)
    assert (found.sweep, found.sweep_position, found.sweep_rows, found.sweep_total) == (None, None, 0, None)
    assert connection.scalars(select(SWEPT.c.deal_id)).all() == []


def test_there_is_no_drift_where_the_vendor_tells_no_total(connection: Connection) -> None:
    swept(connection, at=100)
    assert state(connection)[KEY].drift is None


def test_1_two_complete_sweeps_without_a_deal_make_it_due(connection: Connection) -> None:
    upsert(connection, [deal(1), deal(2)])
    assert swept(connection, "2", at=100) == []
    assert swept(connection, "2", at=200) == [key("nexudus:1")]
    assert current(connection) == 1  # to miss a deal is no change of it


def test_a_deal_that_is_seen_in_between_is_not_due(connection: Connection) -> None:
    upsert(connection, [deal(1)])
    swept(connection, at=100)
    assert swept(connection, "1", at=200) == []
    assert swept(connection, at=300) == []


def test_a_deal_that_is_read_in_between_is_not_due(connection: Connection) -> None:
    upsert(connection, [deal(1)])
    swept(connection, at=100)
    assert upsert(connection, [deal(1, read_at=150)]) == 0
    assert connection.execute(select(DEALS.c.misses, DEALS.c.read_at)).one() == (FOUND_BY_ID, 150)
    assert swept(connection, at=200) == []
    assert swept(connection, at=300) == [key("nexudus:1")]


@pytest.mark.parametrize("status", ["open", "won"])
def test_only_what_a_list_shows_is_missed_no_more(connection: Connection, status: str) -> None:
    upsert(connection, [deal(1, status="open")])
    swept(connection, at=100)
    upsert(connection, [deal(1, read_at=150, status=status)])
    assert connection.scalar(select(DEALS.c.misses)) == FOUND_BY_ID
    upsert(connection, [deal(1, read_at=160, status=status)], origin=Origin.INCREMENT)
    assert connection.execute(select(DEALS.c.misses, DEALS.c.read_at)).one() == (0, 160)


def test_what_is_written_anew_without_a_reading_stays_missed(connection: Connection) -> None:
    """As with another name of its customer."""
    upsert(connection, [deal(1)])
    swept(connection, at=100)
    upsert(connection, [deal(1)])
    assert upsert(connection, [deal(1, customer_name="Ada")]) == 1
    assert connection.scalar(select(DEALS.c.misses)) == 1


def test_what_was_read_while_a_sweep_did_not_see_it_is_known_by_that_alone(connection: Connection) -> None:
    sweep = begin_sweep(connection, "nexudus", at=100)
    upsert(connection, [deal(1, read_at=101), deal(2, read_at=101)])
    continue_sweep(connection, "nexudus", sweep=sweep, seen=["2"], position=None)
    assert note_misses(connection, "nexudus", sweep=sweep) == []
    found = connection.execute(select(DEALS.c.source_id, DEALS.c.misses).order_by(DEALS.c.source_id)).all()
    assert found == [("1", FOUND_BY_ID), ("2", 0)]


def test_1_a_sweep_that_broke_off_counts_for_nothing(connection: Connection) -> None:
    upsert(connection, [deal(1)])
    swept(connection, at=100)
    sweep = begin_sweep(connection, "nexudus", at=200)
    continue_sweep(connection, "nexudus", sweep=sweep, seen=["2"], position="2")
    abandon_sweep(connection, "nexudus")
    assert connection.scalar(select(DEALS.c.misses)) == 1
    assert state(connection)[KEY].last_sweep_at == 105


def test_a_deal_that_came_in_mid_sweep_is_not_missed(connection: Connection) -> None:
    begin_sweep(connection, "nexudus", at=100)
    upsert(connection, [deal(1, read_at=101)])
    assert missing_after(connection, "nexudus") == []


def test_of_what_is_missing_the_oldest_copies_come_first(connection: Connection) -> None:
    upsert(connection, [deal(1, read_at=30), deal(2, read_at=10), deal(3, read_at=20)])
    begin_sweep(connection, "nexudus", at=100)
    assert missing_after(connection, "nexudus") == ["2", "3", "1"]


def test_what_is_gone_already_is_not_missed(connection: Connection) -> None:
    upsert(connection, [deal(1)])
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=9)
    begin_sweep(connection, "nexudus", at=100)
    assert missing_after(connection, "nexudus") == []


def test_a_sweep_that_another_has_replaced_can_do_nothing(connection: Connection) -> None:
    old = begin_sweep(connection, "nexudus", at=100)
    new = begin_sweep(connection, "nexudus", at=100)
    assert new != old
    for late in (
        lambda: continue_sweep(connection, "nexudus", sweep=old, seen=["1"], position=None),
        lambda: note_misses(connection, "nexudus", sweep=old),
        lambda: finish_sweep(connection, "nexudus", sweep=old, at=110),
    ):
        with pytest.raises(SweepLost):
            late()
    finish_sweep(connection, "nexudus", sweep=new, at=110)
    with pytest.raises(SweepLost):
        finish_sweep(connection, "nexudus", sweep=new, at=111)


def test_watermarks_are_kept_beside_a_sweep(connection: Connection) -> None:
    note_watermarks(connection, "nexudus", changes_until=7)
    begin_sweep(connection, "nexudus", at=100)
    note_watermarks(connection, "nexudus", deletions_until=8)
    found = state(connection)[KEY]
    assert (found.changes_until, found.deletions_until, found.sweep_started_at) == (7, 8, 100)
    note_watermarks(connection, "nexudus", changes_until=6, deletions_until=9)  # another process is late
    found = state(connection)[KEY]
    assert (found.changes_until, found.deletions_until) == (7, 9)
