"""Limits that processes of one PostgreSQL database share: `store.rations`, `store.ration_book`, `store.sends`,
`store.leases`, `loans`."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, update

from loans import Loan, Report
from resolvers.resilience.rate_limiter import Rate
from store import rations, sends
from store.errors import StoreUnavailable
from store.leases import open_leases
from store.shared_tables import RATION_HOLDERS, RATION_SENDS, RATIONS
from store.tables import METADATA
from tests import postgres, stores

KEY = ("nexudus", "")
TEN = Rate(10, 60.0)
EMPTY = Report(
    rates=(TEN,),
    sent=(),
    held=0,
    wanted=0,
    is_waiting=False,
    is_alone=False,
    slots=10,
    slots_used=0,
    slots_wanted=1,
    share=0.25,
    lease_seconds=1.5,
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection to an empty database, all of whose changes are undone."""
    postgres.server()
    with stores.connected("postgresql") as found:
        yield found


def report(connection: Connection, holder: str = "a", **given: Any) -> Loan:
    return rations.report(connection, KEY, holder, replace(EMPTY, **given))


def pass_seconds(connection: Connection, seconds: float) -> None:
    """Let all that was noted be so much older."""
    by = int(seconds * sends.SECOND)
    for table in (RATION_SENDS, RATION_HOLDERS, RATIONS):
        for column in table.c:
            if column.name.endswith(("_at", "_until", "_since")):
                connection.execute(update(table).values({column: column - by}))


def test_what_is_lent_to_one_is_not_lent_to_another(connection: Connection) -> None:
    assert report(connection, "a", wanted=7).sends == 7
    second = report(connection, "b", wanted=7)
    assert (second.sends, second.left) == (3, [0])
    third = report(connection, "c", wanted=1)
    assert third.sends == 0
    assert 0 < third.wait_seconds < 1  # what is only held may soon be given back


def test_what_is_not_used_goes_back(connection: Connection) -> None:
    report(connection, "a", wanted=10)
    assert report(connection, "b", wanted=10).sends == 0
    report(connection, "a", sent=[(0.1, False)] * 4)
    assert report(connection, "b", wanted=10).sends == 6


def test_what_was_sent_counts_until_it_leaves_the_window(connection: Connection) -> None:
    report(connection, "a", wanted=10)
    report(connection, "a", sent=[(0.0, False)] * 10)
    assert report(connection, "b", wanted=1).wait_seconds == pytest.approx(60, abs=1)
    pass_seconds(connection, 59)
    assert report(connection, "b", wanted=1, share=0.0).sends == 0
    pass_seconds(connection, 1.5)
    assert report(connection, "b", wanted=10, share=0.0).sends == 10


def test_what_a_dead_process_held_counts_as_sent_when_its_loan_ended(connection: Connection) -> None:
    report(connection, "a", wanted=6)
    pass_seconds(connection, 3)
    assert report(connection, "b", wanted=10, share=0.0).sends == 4
    pass_seconds(connection, 55)
    assert report(connection, "b", held=4, wanted=10, share=0.0).sends == 0  # it ended 56.5 seconds ago
    pass_seconds(connection, 4)
    assert report(connection, "b", held=4, wanted=10, share=0.0).sends == 6


def test_the_share_of_a_process_that_is_missing_is_left_alone_for_a_while(connection: Connection) -> None:
    """It may be without the database only, and go on with its share."""
    report(connection, "a")
    pass_seconds(connection, 2)
    missed = report(connection, "b", wanted=10, share=0.5)
    assert (missed.sends, missed.keeps_turns) == (5, True)
    report(connection, "b")
    pass_seconds(connection, rations.MISSING_SECONDS + 1)
    report(connection, "b")
    found = report(connection, "b", wanted=10, share=0.5)
    assert (found.sends, found.keeps_turns, found.places) == (10, False, 2)


def test_after_an_outage_all_share_again_at_the_same_moment(connection: Connection) -> None:
    for holder in "abc":
        report(connection, holder)
    pass_seconds(connection, 30)
    first = report(connection, "a", is_alone=True)
    assert first.settling_seconds == pytest.approx(rations.SETTLING_SECONDS, abs=0.1)
    pass_seconds(connection, 1)
    assert report(connection, "b", is_alone=True).settling_seconds == pytest.approx(1, abs=0.1)
    report(connection, "a", is_alone=True)
    pass_seconds(connection, 1.1)
    assert report(connection, "b", is_alone=True).settling_seconds == 0


def test_who_was_idle_before_an_outage_may_be_on_its_own_still(connection: Connection) -> None:
    """Its lease is long: that it has not reported tells nothing yet."""
    for holder in "abc":
        report(connection, holder, lease_seconds=15.0)
    pass_seconds(connection, 6)
    report(connection, "b", lease_seconds=15.0)
    assert report(connection, "a", is_alone=True, alone_seconds=3).settling_seconds == pytest.approx(2, abs=0.1)
    pass_seconds(connection, 1)
    assert report(connection, "c", is_alone=True, alone_seconds=3).settling_seconds == pytest.approx(1, abs=0.1)
    pass_seconds(connection, 1.1)
    assert report(connection, "a", is_alone=True, alone_seconds=5).settling_seconds == 0  # once for an outage


def test_who_alone_was_without_the_database_shares_again_at_once(connection: Connection) -> None:
    for lease_seconds in (1.5, 15.0):
        report(connection, "b", lease_seconds=lease_seconds)
        assert report(connection, "a", is_alone=True, alone_seconds=2).settling_seconds == 0
        report(connection, "a", lease_seconds=15.0)


def test_who_shares_again_leaves_alone_what_others_have_on_their_own_still(connection: Connection) -> None:
    report(connection, "a", is_alone=True)
    rates = (Rate(1, 0.15), TEN)
    assert report(connection, "b", rates=(TEN,), wanted=10, share=0.5).sends == 5
    report(connection, "b", rates=(TEN,))
    by_turns = report(connection, "b", rates=rates, wanted=1, share=0.5)
    assert (by_turns.sends, by_turns.keeps_turns) == (1, True)  # one each 150 ms has no parts
    report(connection, "a", rates=rates)
    assert not report(connection, "b", rates=rates, held=1, share=0.5).keeps_turns


def test_those_who_wait_get_equal_parts(connection: Connection) -> None:
    report(connection, "a", is_waiting=True)
    assert report(connection, "b", wanted=10, is_waiting=True).sends == 5
    assert report(connection, "c").others_wait


def test_nothing_is_lent_ahead_or_for_the_background_while_people_wait_elsewhere(connection: Connection) -> None:
    rates = (Rate(1, 0.15), TEN)
    report(connection, "a", rates=rates, wanted=1, is_waiting=True, sent=[(0.0, False)])
    pass_seconds(connection, 0.2)
    refused = report(connection, "b", rates=rates, wanted=1)
    assert (refused.sends, refused.others_wait) == (0, True)
    assert 0 < refused.wait_seconds < 1  # they may be served soon
    assert report(connection, "a", rates=rates, wanted=1, is_waiting=True).sends == 1
    report(connection, "a", rates=rates)
    assert report(connection, "b", rates=rates, wanted=1).sends == 1


def test_a_pause_is_everybodys(connection: Connection) -> None:
    report(connection, "a", pause_seconds=20)
    found = report(connection, "b", wanted=1)
    assert (found.sends, found.pause_seconds, found.wait_seconds) == (
        0,
        pytest.approx(20, abs=0.5),
        pytest.approx(20, abs=0.5),
    )
    report(connection, "a", pause_seconds=2)  # a shorter one does not shorten it
    assert report(connection, "b").pause_seconds > 18


def test_others_are_told_of_an_open_breaker(connection: Connection) -> None:
    assert report(connection, "a", failing_seconds=5).failing_seconds == 0
    assert report(connection, "b").failing_seconds == pytest.approx(5, abs=0.5)


def test_slots_are_parted_by_need_and_never_more_than_there_are(connection: Connection) -> None:
    assert report(connection, "a", slots_wanted=10).slots == 10
    assert report(connection, "b", slots_wanted=1).slots == 0  # a has them all still
    assert report(connection, "a", slots_used=4, slots_wanted=10).slots == 9
    assert report(connection, "b", slots_wanted=10).slots == 1
    assert report(connection, "a", slots_used=4, slots_wanted=10).slots == 5
    assert report(connection, "b", slots_wanted=10).slots == 5


def test_places_are_the_lowest_that_are_free(connection: Connection) -> None:
    assert [report(connection, holder).place for holder in "abc"] == [0, 1, 2]
    rations.withdraw(connection, KEY, "b")
    found = report(connection, "d")
    assert (found.place, found.places) == (1, 3)


def test_what_the_background_has_sent_is_known_to_who_takes_over(connection: Connection) -> None:
    report(connection, "a", sent=[(3.0, True), (2.0, False), (1.0, True)])
    assert sends.background_sends(connection, KEY) == [pytest.approx(3, abs=0.5), pytest.approx(1, abs=0.5)]


@pytest.mark.parametrize("seed", range(4))
def test_no_window_ever_has_more_than_its_rate(connection: Connection, seed: int) -> None:
    """Processes that borrow, send, give back, die and come back, as chance will have it; the log of all is checked."""
    chance = random.Random(seed)
    rates = (Rate(1, 0.2), Rate(12, 30.0))
    held = dict.fromkeys("abcd", 0)
    moments: list[float] = []
    passed = 0.0
    for _ in range(150):
        step = chance.choice([0.03, 0.1, 0.25, 1.0])
        pass_seconds(connection, step)
        passed += step
        now = passed + time.monotonic()  # the database's clock goes on beside it
        holder = chance.choice("abcd")
        sent = []
        if held[holder] and chance.random() < 0.8:
            held[holder] -= 1
            moments.append(now)
            sent = [(0.0, False)]
        elif chance.random() < 0.1:
            held[holder] = 0  # it dies, and another takes its name
            continue
        loan = report(connection, holder, rates=rates, sent=sent, held=held[holder], wanted=1, lease_seconds=1e6)
        held[holder] += loan.sends
    assert len(moments) > 10
    assert min(later - earlier for earlier, later in pairwise(moments)) >= 0.2 - 1e-6
    for start in moments:
        assert sum(start <= one < start + 30.0 - 1e-6 for one in moments) <= 12


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A database with the tables, and no rows."""
    postgres.server()
    found = create_engine(stores.url_of("postgresql"))
    yield found
    found.dispose()


async def test_a_call_that_gets_no_answer_fails_soon(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for it wants to send a request, and can do without."""
    monkeypatch.setattr("store.leases.LIMITS", "-c lock_timeout=20")
    async with open_leases(stores.server_url()) as leases:
        nexudus = leases.of("nexudus")
        assert (await nexudus.report(replace(EMPTY, wanted=2))).sends == 2
        with engine.begin() as other:
            other.execute(update(RATIONS).values(paused_until=0))
            with pytest.raises(StoreUnavailable):
                await nexudus.report(EMPTY)
        assert (await nexudus.report(EMPTY)).left == [10]
        await nexudus.withdraw()
    assert METADATA.tables["ration_holders"] is RATION_HOLDERS
