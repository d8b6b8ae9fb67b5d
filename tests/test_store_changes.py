"""The log of what changed, in one transaction with the change: `store.changes`, `store.change_log`."""

import asyncio
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from store import change_log
from store.changes import COLUMNS, LOGGED, Change, ChangeFilter, Field, Kind, Log, Origin, changes_after, log_of
from store.conditions import Operator
from store.database import open_database
from store.deals import Deal, Evidence, delete, purge, upsert
from store.sequence import taken
from store.sweeps import forget_future
from store.tables import CHANGE_LOG, CHANGES, DEALS
from tests.fuzzing import beside_databases
from tests.stores import begin_log, connected, copied, current, deal, deals_as_written, key, put_back
from tests.waiting import PATIENCE_SECONDS

ALL = ChangeFilter()
Held = dict[str, Any]


def logged(connection: Connection, position: int = 0, **filter_: Any) -> Sequence[Change]:
    return changes_after(connection, position, ChangeFilter(**filter_), count=1_000).changes


def kinds(connection: Connection, **filter_: Any) -> list[tuple[str, str]]:
    return [(one.kind.name, one.source_id) for one in logged(connection, **filter_)]


def state(connection: Connection) -> dict[tuple[str, str, str], Held]:
    """Return what is logged of deals, of those that are there now."""
    held = deals_as_written(("source", "account", "source_id", *LOGGED))
    rows = connection.execute(held.where(DEALS.c.deleted_at.is_(None)))
    return {(row[0], row[1], row[2]): dict(zip(LOGGED, row[3:], strict=True)) for row in rows}


def replayed(deals: dict[tuple[str, str, str], Held], entries: Sequence[Change]) -> dict[tuple[str, str, str], Held]:
    """Return what deals become by what was logged; each entry must fit what they are then."""
    found = {key_: dict(held) for key_, held in deals.items()}
    empty = {name: 0 if name == "value_is_inexact" else None for name in LOGGED}
    for entry in entries:
        assert (entry.kind is Kind.CREATED) == (entry.key not in found)
        held = found.setdefault(entry.key, dict(empty))
        for one in entry.fields or ():
            names = COLUMNS[one.field]
            before = tuple(held[name] for name in names)
            assert one.before == (None if entry.kind is Kind.CREATED else before)
            assert one.before != one.after
            held |= zip(names, one.after or tuple(empty[name] for name in names), strict=True)
        if entry.kind is Kind.DELETED:
            assert held == empty, "all that a deleted deal had is told"
            del found[entry.key]
    return found


values = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["open", "won", "lost"]),
        "value": st.sampled_from([None, 0, 1, 2**63 - 1]),
        "currency": st.sampled_from(["EUR", "USD"]),
        "value_is_inexact": st.booleans(),
        "stage_name": st.sampled_from(["Lead", "Ä", ""]),
        "owner_email": st.sampled_from([None, "a@example.com"]),
        "owner_name": st.sampled_from([None, "Ada", "Öl"]),
        "close_on": st.integers(-1, 1),
        "updated_at": st.integers(1, 3),
    },
)
write = st.tuples(st.just("write"), st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "eu"]), values)))
delete_ = st.tuples(st.just("delete"), st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "eu"]))))
read = st.tuples(st.just("read"), st.integers(1, 3))


@given(first=write, steps=st.lists(write | delete_ | read, max_size=12), late=st.integers(0, 3))
@beside_databases
def test_the_log_over_the_first_state_gives_the_last_one_and_pages_lose_nothing(
    store_kind: str, first: Any, steps: list[Any], late: int
) -> None:
    """Also where some deals are older than what is stored, and pages are read while others write."""
    with connected(store_kind) as connection:
        run(connection, first, 1)
        begin_log(connection, at=2)
        begin_log(connection, account="eu", at=2)
        before, seen, position = state(connection), list[Change](), 0
        for number, step in enumerate(steps, 10):
            if step[0] == "read":
                page = changes_after(connection, position, ALL, count=step[1])
                seen += page.changes
                position = page.end
            else:
                run(connection, step, number - (late if number % 3 == 0 else 0))
        rest = changes_after(connection, position, ALL, count=1_000)
        assert not rest.has_more
        seen += rest.changes
        assert [one.position for one in seen] == list(range(1, len(seen) + 1))
        assert replayed(before, seen) == state(connection)


def run(connection: Connection, step: Any, at: int) -> None:
    what, items = step
    if what == "write":
        deals = [
            deal(number, account=account, read_at=at, body=repr((at, columns)).encode(), **columns)
            for number, account, columns in items
        ]
        upsert(connection, deals)
    else:
        ids = {key(f"nexudus@{account}:{number}" if account else f"nexudus:{number}") for number, account in items}
        delete(connection, ids, evidence=Evidence.AUDIT, at=at)


def test_before_the_first_complete_sweep_nothing_is_logged(connection: Connection) -> None:
    upsert(connection, [deal(1, status="open")])
    upsert(connection, [deal(1, status="won", body=b"2", read_at=2)])
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=3)
    assert log_of(connection).last == 0
    begin_log(connection)
    upsert(connection, [deal(9, source="chartmogul", status="won"), deal(9, account="eu", status="won")])
    assert log_of(connection).last == 0, "of other accounts neither"


def test_what_is_as_it_was_changes_nothing_and_takes_no_number(connection: Connection) -> None:
    begin_log(connection)
    upsert(connection, [deal(1, status="open")])
    before = current(connection)
    statements: list[str] = []
    event.listen(connection, "after_cursor_execute", lambda *given: statements.append(given[2]))
    assert upsert(connection, [deal(1, status="open", read_at=9)]) == 0
    assert {one.split()[0] for one in statements} <= {"SELECT"}
    assert current(connection) == before


def test_what_is_derived_in_another_way_is_no_change(connection: Connection) -> None:
    """Of the same record: another version of this program, or a name that the customer has now."""
    begin_log(connection)
    upsert(connection, [deal(1, status="open")])
    assert upsert(connection, [deal(1, status="won", read_at=2)]) == 1
    assert kinds(connection) == [("CREATED", "1")]


def test_a_change_of_nothing_that_is_logged_is_none(connection: Connection) -> None:
    begin_log(connection)
    upsert(connection, [deal(1, status="open")])
    assert upsert(connection, [deal(1, status="open", body=b"2", read_at=2, utm_campaign="x")]) == 1
    assert kinds(connection) == [("CREATED", "1")]


def test_a_deal_that_comes_back_is_a_new_one(connection: Connection) -> None:
    begin_log(connection)
    upsert(connection, [deal(1, status="open")], origin=Origin.INCREMENT)
    delete(connection, [key("nexudus:1")], evidence=Evidence.SWEEPS, at=2)
    upsert(connection, [deal(1, status="open", read_at=3)], origin=Origin.SWEEP)
    found = logged(connection)
    assert [(one.kind, one.origin, one.observed_at) for one in found] == [
        (Kind.CREATED, Origin.INCREMENT, 1),
        (Kind.DELETED, Origin.SWEEP, 2),
        (Kind.CREATED, Origin.SWEEP, 3),
    ]
    assert [one.after for one in found[2].fields or ()] == [("open",)]


@pytest.mark.parametrize(
    ("evidence", "origin"),
    [
        (Evidence.AUDIT, Origin.AUDIT_TRAIL),
        (Evidence.NOT_FOUND, Origin.READ),
        (Evidence.SWEEPS, Origin.SWEEP),
    ],
)
def test_a_deletion_says_by_what_it_was_seen_and_what_the_deal_had(
    connection: Connection, evidence: Evidence, origin: Origin
) -> None:
    begin_log(connection)
    upsert(connection, [deal(1, status="open", value=5, currency="EUR")])
    delete(connection, [key("nexudus:1"), key("nexudus:2")], evidence=evidence, at=7)
    entry = logged(connection)[-1]
    assert (entry.kind, entry.origin, entry.observed_at) == (Kind.DELETED, origin, 7)
    assert {one.field: (one.before, one.after) for one in entry.fields or ()} == {
        Field.STATUS: (("open",), None),
        Field.VALUE: ((5, "EUR", 0), None),
    }


def test_filters_are_combined(connection: Connection) -> None:
    begin_log(connection)
    begin_log(connection, "chartmogul")
    upsert(connection, [deal(1, status="open"), deal(2, status="won"), deal(3, source="chartmogul", status="won")])
    upsert(connection, [deal(1, status="won", body=b"2", read_at=5, stage_name="x")], origin=Origin.SWEEP)
    upsert(connection, [deal(2, status="won", body=b"2", read_at=6, stage_name="x")])
    delete(connection, [key("nexudus:2")], evidence=Evidence.AUDIT, at=9)
    assert kinds(connection, statuses={"won"}) == [("CREATED", "2"), ("CREATED", "3"), ("UPDATED", "1")]
    assert kinds(connection, kinds={Kind.UPDATED, Kind.DELETED}, statuses=None) == [
        ("UPDATED", "1"),
        ("UPDATED", "2"),
        ("DELETED", "2"),
    ]
    assert kinds(connection, fields={Field.STAGE_NAME, Field.OWNER}) == [
        ("UPDATED", "1"),
        ("UPDATED", "2"),
        ("DELETED", "2"),
    ]
    assert kinds(connection, origins={Origin.SWEEP}) == [("UPDATED", "1")]
    assert kinds(connection, deals=[("nexudus", "", "1")]) == [("CREATED", "1"), ("UPDATED", "1")]
    assert ("CREATED", "1") not in kinds(connection, other_deals=[("nexudus", "", "1")])
    assert kinds(connection, accounts=[("chartmogul", "")]) == [("CREATED", "3")]
    assert kinds(connection, hidden=["nexudus"]) == [("CREATED", "3")]
    seen_between = [(Operator.GTE, 5), (Operator.LT, 9)]
    assert kinds(connection, observed=seen_between) == [("UPDATED", "1"), ("UPDATED", "2")]
    for empty in ("kinds", "fields", "origins", "statuses", "deals", "accounts"):
        assert kinds(connection, **{empty: ()}) == []


def test_who_asks_for_what_is_rare_goes_on_behind_all_that_was_looked_through(connection: Connection) -> None:
    begin_log(connection)
    upsert(connection, [deal(number, status="open") for number in range(5)])
    found = changes_after(connection, 0, ChangeFilter(statuses={"won"}), count=2)
    assert (found.changes, found.end, found.has_more) == ([], 5, False)
    found = changes_after(connection, 0, ChangeFilter(statuses={"open"}), count=2)
    assert (len(found.changes), found.end, found.has_more) == (2, 2, True)


def test_what_is_beyond_the_number_or_too_old_goes_and_the_log_says_so(connection: Connection) -> None:
    begin_log(connection)
    for number in range(1, 7):
        upsert(connection, [deal(number, status="open", read_at=10 * number)])
    change_log.prune(connection, most=4, seen_before=0)
    assert [one.position for one in logged(connection)] == [3, 4, 5, 6]
    log = log_of(connection)
    assert [log.has(log.generation, position) for position in (1, 2, 6, 7)] == [False, True, True, False]
    change_log.prune(connection, most=4, seen_before=50)
    assert [one.position for one in logged(connection)] == [5, 6]
    change_log.prune(connection, most=4, seen_before=1_000)
    assert (logged(connection), log_of(connection).dropped, log_of(connection).last) == ([], 6, 6)
    assert connection.scalars(select(CHANGES.c.held)).all() == [None], "nothing that a deal had is left"
    upsert(connection, [deal(7, status="open", read_at=70)])
    assert [one.position for one in logged(connection)] == [7], "positions are never given twice"


def test_the_stores_number_is_taken_before_the_log_is_touched(connection: Connection) -> None:
    """By all who do: of two processes that took them in either order each would wait for the other."""
    begin_log(connection)
    upsert(connection, [deal(1, status="open")])
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=2)
    uses: list[Callable[[], Any]] = [
        lambda: upsert(connection, [deal(2, status="open")]),
        lambda: purge(connection, deleted_before=3),
        lambda: change_log.prune(connection, most=1, seen_before=0),
        lambda: change_log.forget_future(connection, "nexudus", later_than=0, at=0),
        lambda: change_log.end(connection),
        lambda: begin_log(connection),
    ]
    for use in uses:
        connection.info.pop("sequence")  # as in a transaction of its own
        changed: list[str] = []

        def note(*given: Any, changed: list[str] = changed) -> None:
            if found := re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM) (sequence|change_log|changes)\b", given[2]):
                changed.append(found[1])

        event.listen(connection, "after_cursor_execute", note)
        use()
        event.remove(connection, "after_cursor_execute", note)
        assert changed[0] == "sequence"


def test_what_a_clock_that_was_ahead_saw_goes_in_its_time_with_all_that_came_later(connection: Connection) -> None:
    begin_log(connection, at=10**12)
    upsert(connection, [deal(1, status="open", read_at=10**12)])
    upsert(connection, [deal(2, status="open", read_at=40)])
    connection.info.pop("sequence")  # as in a transaction of its own
    assert forget_future(connection, "nexudus", at=50)
    assert taken(connection) == current(connection), "what was asked before has another answer now"
    assert [one.observed_at for one in logged(connection)] == [50, 40]
    change_log.prune(connection, most=100, seen_before=60)
    assert logged(connection) == []


def test_of_what_is_too_old_only_the_first_goes(connection: Connection) -> None:
    """An entry in the middle that is gone would be a gap which nobody sees."""
    begin_log(connection)
    for number, at in enumerate([50, 10, 60], 1):
        upsert(connection, [deal(number, status="open", read_at=at)])
    change_log.prune(connection, most=100, seen_before=40)
    assert [one.position for one in logged(connection)] == [1, 2, 3]


def test_what_a_deal_held_goes_with_its_tombstone(connection: Connection) -> None:
    """That it has changed stays, or who reads on would miss that it is gone."""
    begin_log(connection)
    upsert(connection, [deal(1, owner_name="Ada"), deal(2, owner_name="Bo")])
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=5)
    before = current(connection)
    assert purge(connection, deleted_before=5) == 0
    assert all(one.fields for one in logged(connection))
    assert purge(connection, deleted_before=6) == 1
    assert [(one.kind.name, one.source_id, one.fields is None) for one in logged(connection)] == [
        ("CREATED", "1", True),
        ("CREATED", "2", False),
        ("DELETED", "1", True),
    ]
    assert b"Ada" not in b"".join(bytes(one) for one in connection.scalars(select(CHANGES.c.held)) if one)
    assert taken(connection) >= before, "what was answered before is not what it would be now"


def test_an_account_that_comes_later_makes_another_log(connection: Connection) -> None:
    """Who went along before does not know the deals that it had."""
    begin_log(connection, at=5)
    first = log_of(connection)
    begin_log(connection, at=9)
    assert log_of(connection) == first, "it has begun already"
    begin_log(connection, "chartmogul", at=3)
    second = log_of(connection)
    assert second.generation > first.generation, "whatever the clock says"
    assert not second.has(first.generation, first.last)


def test_a_log_that_has_ended_begins_as_another_one(connection: Connection) -> None:
    begin_log(connection, at=5)
    upsert(connection, [deal(1, status="open")])
    before = log_of(connection)
    change_log.end(connection)
    upsert(connection, [deal(1, status="won", body=b"2", read_at=2)])
    assert (logged(connection), log_of(connection).last) == ([], 1)
    begin_log(connection, at=8)
    after = log_of(connection)
    assert not after.has(before.generation, before.last)
    assert after.has(after.generation, after.last)


class Followed:
    """A log that is put back to what it was now and then, and those that read along."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.clock = itertools.count(1_000)
        self.entries: list[int] = []
        """A number for each entry that the log had, given once."""
        self.places: list[tuple[int, int, int, list[int]]] = []
        """Where readers are, each with the entries that it has seen or that were there before."""
        self.backup = self._copy()

    def write(self, count: int) -> None:
        at = next(self.clock)
        upsert(self.connection, [deal(number, status=str(at), body=b"%d" % at, read_at=at) for number in range(count)])
        self.entries = [*self.entries, *(next(self.clock) for _ in range(count))]

    def read(self, count: int) -> None:
        log = log_of(self.connection)
        self.places.append((log.generation, log.last, log.mark, self.entries))
        oldest = changes_after(self.connection, log.dropped, ALL, count=count)
        self.places.append((log.generation, oldest.end, oldest.end_mark, self.entries[: oldest.end]))

    def prune(self, most: int) -> None:
        change_log.prune(self.connection, most=most, seen_before=0)

    def back_up(self, _: int) -> None:
        self.backup = self._copy()

    def restore(self, _: int) -> None:
        rows, self.entries = self.backup
        for table, some in rows:
            put_back(self.connection, table, some)

    def _copy(self) -> Any:
        return [(one, copied(self.connection, one)) for one in (DEALS, CHANGES, CHANGE_LOG)], self.entries

    def check(self) -> None:
        for generation, position, mark, seen in self.places:
            found = changes_after(self.connection, position, ALL, count=1)
            is_taken = found.log.has(generation, position) and found.mark == mark
            assert is_taken == (self.entries[:position] == seen and position >= found.log.dropped)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["write", "read", "prune", "back_up", "restore"]), st.integers(1, 4)), max_size=20
    )
)
@beside_databases
def test_who_has_seen_what_a_restored_log_has_not_is_told_so_and_nobody_else(
    store_kind: str, steps: list[tuple[str, int]]
) -> None:
    with connected(store_kind) as connection:
        follow(connection, steps)


@pytest.mark.parametrize(
    "steps",
    [
        [("write", 1), ("read", 1), ("write", 1), ("prune", 1)],
        [("back_up", 1), ("write", 2), ("read", 1), ("restore", 1), ("write", 3)],
    ],
    ids=["the last that went is where somebody is", "a backup is put back"],
)
def test_where_somebody_is_in_the_log_is_told_by_its_entry(
    connection: Connection, steps: list[tuple[str, int]]
) -> None:
    follow(connection, steps)


def follow(connection: Connection, steps: list[tuple[str, int]]) -> None:
    begin_log(connection)
    followed = Followed(connection)
    for what, number in steps:
        getattr(followed, what)(number)
        followed.check()


async def test_a_change_that_is_not_committed_is_not_logged_and_the_other_way_round(store_url: str) -> None:
    async with open_database(store_url, threads=1) as database:
        await database.write(begin_log)

        def fail(connection: Connection) -> None:
            upsert(connection, [deal(1, status="open")])
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - it says nothing
            await database.write(fail)
        assert await database.read(log_of) == Log(generation=1, dropped=0, last=0)
        assert await database.read(state) == {}
        await database.write(lambda connection: upsert(connection, [deal(1, status="open")]))
        (entry,) = await database.read(logged)
        assert (entry.position, entry.source_id) == (1, "1")


async def test_a_log_in_a_file_goes_on_after_a_restart(store_url: str) -> None:
    async with open_database(store_url, threads=1) as database:
        await database.write(begin_log)
        await database.write(lambda connection: upsert(connection, [deal(1, status="open")]))
        before = await database.read(log_of)
    async with open_database(store_url, threads=1) as database:
        assert await database.read(log_of) == before
        await database.write(lambda connection: upsert(connection, [deal(1, status="won", body=b"2", read_at=2)]))
        assert [one.position for one in await database.read(logged)] == [1, 2]


async def test_several_processes_that_write_at_once_leave_no_gap_to_who_reads_along(store_url: str) -> None:
    """A reader that has seen position 5 would never ask for 4 again: no position is committed before a lower one."""
    count, seen = 30, list[int]()
    async with (
        open_database(store_url, threads=1) as one,
        open_database(store_url, threads=1) as other,
        open_database(store_url, threads=1) as third,
    ):
        await one.write(begin_log)

        async def write_all(database: Any, account: str) -> None:
            for number in range(count):
                deals: list[Deal] = [deal(f"{account}{number}{which}", status="open") for which in "abc"]
                await database.write(lambda connection, deals=deals: upsert(connection, deals))

        async def read_along() -> None:
            position = 0
            while len(seen) < 2 * 3 * count:
                page = await third.read(lambda connection, at=position: changes_after(connection, at, ALL, count=7))
                seen.extend(entry.position for entry in page.changes)
                position = page.end

        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(write_all(one, "x"), write_all(other, "y"), read_along())
    assert seen == list(range(1, 2 * 3 * count + 1))
