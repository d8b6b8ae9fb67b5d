"""Deals are written: `store.deals`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from sqlalchemy import event as events

from store.deals import (
    Deal,
    Evidence,
    confirm,
    count_alive,
    deal_id,
    delete,
    find,
    find_by_customer,
    purge,
    upsert,
)
from store.tables import DEAL_ATTRIBUTES, DEALS
from store.together import IDS_AT_ONCE
from tests.fuzzing import bounded
from tests.stores import connected, current, deal, key

ONE = key("nexudus:1")


def row(connection: Connection, id_: str = ONE) -> Any:
    return connection.execute(select(DEALS).where(DEALS.c.id == id_)).one()


def later(connection: Connection) -> Callable[[], int]:
    """Return what tells by how much the number of the last change has moved."""
    before = current(connection)
    # A test is one transaction, and that has one number: each savepoint stands for a transaction of its own.
    return lambda: current(connection) - before


def test_the_key_of_a_deal_names_a_further_account() -> None:
    assert deal_id("nexudus", "", "12") == key("nexudus:12")
    assert deal_id("nexudus", "eu", "12") == key("nexudus@eu:12")


def test_a_deal_is_found_as_it_was_written(connection: Connection) -> None:
    written = deal(1, body=b"\x00{}", read_at=5, is_whole=True, account="eu")
    assert upsert(connection, [written]) == 1
    found = find(connection, [written.id, key("nexudus:9")])
    assert list(found) == [key("nexudus@eu:1")]
    stored = found[key("nexudus@eu:1")]
    assert (stored.source, stored.account, stored.source_id) == ("nexudus", "eu", "1")
    assert (stored.body, stored.read_at, stored.is_whole, stored.deleted_at) == (b"\x00{}", 5, True, None)


def test_columns_are_stored_as_they_are(connection: Connection) -> None:
    upsert(connection, [deal(status="open", value=-(2**63) + 1, value_is_inexact=True, name="Straße", close_on=0)])
    stored = row(connection)
    assert (stored.status, stored.value, stored.value_is_inexact) == ("open", -(2**63) + 1, 1)
    assert (stored.name, stored.close_on, stored.currency) == ("Straße", 0, None)


def test_what_is_unchanged_is_not_written(connection: Connection) -> None:
    upsert(connection, [deal(body=b"a")])
    before, moved = row(connection), later(connection)
    with connection.begin_nested():
        assert upsert(connection, [deal(body=b"a", read_at=9)]) == 0
    assert (row(connection), moved()) == (before, 0)


def test_what_is_found_as_it_was_moves_the_time_of_its_reading_alone(connection: Connection) -> None:
    upsert(connection, [deal(body=b"a"), deal(2, body=b"a")])
    before, moved = row(connection)._asdict(), later(connection)
    with connection.begin_nested():
        confirm(connection, [(ONE, before["sequence"], 9)])
    assert (row(connection)._asdict(), moved()) == (before | {"read_at": 9}, 0)
    assert row(connection, key("nexudus:2")).read_at == 1


def test_what_has_changed_or_was_read_since_is_not_found_as_it_was(connection: Connection) -> None:
    upsert(connection, [deal(body=b"a", read_at=5)])
    first = row(connection).sequence
    confirm(connection, [(ONE, first, 4)])
    assert row(connection).read_at == 5
    with connection.begin_nested():
        upsert(connection, [deal(body=b"b", read_at=6)])
    confirm(connection, [(ONE, first, 9)])
    assert row(connection).read_at == 6
    delete(connection, [ONE], evidence=Evidence.AUDIT, at=7)
    confirm(connection, [(ONE, row(connection).sequence, 9)])
    assert row(connection).read_at == 6


@pytest.mark.parametrize("changed", [{"body": b"b"}, {"stage_name": "Won"}, {"attributes": {"plan": "b"}}])
def test_what_has_changed_is_written_with_the_next_number(connection: Connection, changed: dict[str, Any]) -> None:
    upsert(connection, [deal(attributes={"plan": "a"}), deal(2)])
    moved = later(connection)
    with connection.begin_nested():
        assert upsert(connection, [deal(**({"attributes": {"plan": "a"}} | changed)), deal(2)]) == 1
    assert moved() == 1
    assert (row(connection).sequence, row(connection, key("nexudus:2")).sequence) == (current(connection), 1)


def test_a_transaction_that_changes_much_takes_one_number(connection: Connection) -> None:
    upsert(connection, [deal(1), deal(2)])
    upsert(connection, [deal(3)])
    delete(connection, [ONE], evidence=Evidence.AUDIT, at=9)
    assert current(connection) == 1


def test_11_what_is_older_does_not_overwrite_what_is_newer(connection: Connection) -> None:
    upsert(connection, [deal(body=b"written", read_at=10)])
    moved = later(connection)
    with connection.begin_nested():
        assert upsert(connection, [deal(body=b"polled", read_at=9)]) == 0
    assert moved() == 0
    assert find(connection, [ONE])[ONE].body == b"written"


def test_2_a_deal_on_two_pages_is_one_row_and_the_newer(connection: Connection) -> None:
    assert upsert(connection, [deal(body=b"new", read_at=2), deal(body=b"old", read_at=1)]) == 1
    assert find(connection, [ONE])[ONE].body == b"new"


def test_a_deal_that_was_read_whole_is_known_to_be(connection: Connection) -> None:
    upsert(connection, [deal()])
    assert upsert(connection, [deal(is_whole=True, read_at=2)]) == 1
    assert upsert(connection, [deal(is_whole=False, read_at=3)]) == 0
    assert row(connection).is_whole == 1


def test_a_deal_is_deleted_by_evidence(connection: Connection) -> None:
    upsert(connection, [deal(), deal(2)])
    moved = later(connection)
    with connection.begin_nested():
        assert delete(connection, [ONE, key("nexudus:9")], evidence=Evidence.NOT_FOUND, at=7) == 1
    assert (row(connection).deleted_at, row(connection).evidence, moved()) == (7, "not_found", 1)
    assert find(connection, [ONE])[ONE].deleted_at == 7
    assert count_alive(connection, "nexudus") == 1


def test_a_deal_that_is_gone_already_is_not_deleted_again(connection: Connection) -> None:
    upsert(connection, [deal()])
    delete(connection, [ONE], evidence=Evidence.AUDIT, at=7)
    moved = later(connection)
    with connection.begin_nested():
        assert delete(connection, [ONE], evidence=Evidence.SWEEPS, at=8) == 0
    assert (row(connection).evidence, moved()) == ("audit", 0)


def test_evidence_that_is_older_than_the_deal_deletes_nothing(connection: Connection) -> None:
    upsert(connection, [deal(read_at=8)])
    assert delete(connection, [ONE], evidence=Evidence.NOT_FOUND, at=7) == 0


def test_a_page_that_is_older_than_the_deletion_brings_nothing_back(connection: Connection) -> None:
    upsert(connection, [deal(read_at=1)])
    delete(connection, [ONE], evidence=Evidence.NOT_FOUND, at=7)
    moved = later(connection)
    with connection.begin_nested():
        assert upsert(connection, [deal(body=b"late", read_at=6)]) == 0
    assert (row(connection).deleted_at, moved()) == (7, 0)


def test_a_deal_that_is_seen_again_comes_back_even_unchanged(connection: Connection) -> None:
    upsert(connection, [deal(read_at=1)])
    delete(connection, [ONE], evidence=Evidence.SWEEPS, at=7)
    assert upsert(connection, [deal(read_at=8)]) == 1
    assert (row(connection).deleted_at, row(connection).evidence) == (None, None)


def test_what_was_deleted_long_ago_is_forgotten_with_its_attributes(connection: Connection) -> None:
    upsert(connection, [deal(1, attributes={"a": "b"}), deal(2, attributes={"a": "c"}), deal(3)])
    delete(connection, [ONE], evidence=Evidence.AUDIT, at=7)
    delete(connection, [key("nexudus:2")], evidence=Evidence.AUDIT, at=8)
    assert purge(connection, deleted_before=8) == 1
    assert find(connection, [ONE, key("nexudus:2"), key("nexudus:3")]).keys() == {key("nexudus:2"), key("nexudus:3")}
    assert connection.scalars(select(DEAL_ATTRIBUTES.c.text)).all() == ["c"]


def test_attributes_are_stored_by_their_type_and_replaced_as_a_whole(connection: Connection) -> None:
    of_one = select(DEAL_ATTRIBUTES).order_by(DEAL_ATTRIBUTES.c.key)
    upsert(connection, [deal(attributes={"is": True, "of": Decimal("1.5"), "plan": "Groß", "wide": Decimal("1e30")})])
    assert [tuple(one)[1:] for one in connection.execute(of_one)] == [
        ("is", None, None, None, 1),
        ("of", None, None, 1_500_000, None),
        ("plan", "Groß", "gross", None, None),
        ("wide", None, None, None, None),
    ]
    upsert(connection, [deal(attributes={"plan": "b"})])
    assert [one.key for one in connection.execute(of_one)] == ["plan"]


def test_deals_are_found_by_their_customers_but_for_those_that_are_gone(connection: Connection) -> None:
    upsert(connection, [deal(n, customer_source_id="cus_1") for n in (1, 2)] + [deal(3, customer_source_id="cus_2")])
    delete(connection, [ONE], evidence=Evidence.AUDIT, at=7)
    assert [one.id for one in find_by_customer(connection, "nexudus", "", ["cus_1"])] == [key("nexudus:2")]
    assert find_by_customer(connection, "chartmogul", "", ["cus_1"]) == []


def test_more_deals_than_a_statement_takes_are_written_and_found(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.deals.DEALS_AT_ONCE", 10)
    many = [deal(n, attributes={"n": Decimal(n)}) for n in range(25)]
    assert upsert(connection, many) == 25
    assert upsert(connection, many) == 0
    assert len(find(connection, [one.id for one in many])) == 25
    assert delete(connection, [one.id for one in many], evidence=Evidence.AUDIT, at=9) == 25


def test_deals_are_counted_by_their_groups_and_not_row_by_row(connection: Connection) -> None:
    upsert(connection, [deal(n) for n in range(3)])
    delete(connection, [deal(1).id], evidence=Evidence.AUDIT, at=9)
    asked: list[str] = []
    events.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert (count_alive(connection, "nexudus"), count_alive(connection, "nexudus", "eu")) == (2, 0)
    assert len(asked) == 2
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", ("nexudus", "")).all()
        assert "COVERING INDEX deals_grouped" in str(plan)


def test_one_bad_value_does_not_spoil_the_page(connection: Connection) -> None:
    half = "\ud800"
    bad = deal(1, name=f"a\0b{half}", win_likelihood=2**70, attributes={"a\0": f"c{half}\0"})
    assert upsert(connection, [bad, deal(2)]) == 2
    assert upsert(connection, [bad, deal(2)]) == 0
    stored = row(connection)
    assert (stored.name, stored.win_likelihood) == ("a\ufffdb\ufffd", None)
    attribute = connection.execute(select(DEAL_ATTRIBUTES)).one()
    assert (attribute.key, attribute.text) == ("a\ufffd", "c\ufffd\ufffd")


def test_what_another_process_has_written_since_our_look_is_not_overwritten(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert(connection, [deal(body=b"newer", read_at=10)])
    monkeypatch.setattr("store.deals.is_replaced", lambda *_: True)
    assert upsert(connection, [deal(body=b"older", read_at=9)]) == 0
    assert find(connection, [ONE])[ONE].body == b"newer"


TIMES = st.integers(0, 5)
READS = st.builds(lambda at, body: deal(read_at=at, body=body), TIMES, st.sampled_from([b"a", b"b"]))


@bounded
@given(history=st.lists(READS | TIMES, max_size=8))
def test_reads_and_evidence_may_come_in_any_order(store_kind: str, history: list[Deal | int]) -> None:
    """A number is evidence of that time. What is newest counts, and of the same time what came last."""
    with connected(store_kind) as connection:
        body, read_at, deleted_at = b"", -1, None
        for event in history:
            if not isinstance(event, Deal):
                delete(connection, [ONE], evidence=Evidence.AUDIT, at=event)
                if deleted_at is None and 0 <= read_at <= event:
                    deleted_at = event
                continue
            upsert(connection, [event])
            is_news = event.body != body or deleted_at is not None
            if is_news and event.read_at >= max(read_at, deleted_at or 0):
                body, read_at, deleted_at = event.body, event.read_at, None
        found = find(connection, [ONE]).get(ONE)
        assert (found and (found.body, found.read_at, found.deleted_at)) == (
            (body, read_at, deleted_at) if read_at >= 0 else None
        )


def test_unchanged_deals_are_looked_up_together_and_nothing_else(connection: Connection) -> None:
    """Not one by one: 10,000 would take seconds in place of 0.07."""
    many = [deal(n) for n in range(5 * IDS_AT_ONCE)]
    upsert(connection, many)
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    events.listen(connection, "before_cursor_execute", note)
    try:
        upsert(connection, many)
    finally:
        events.remove(connection, "before_cursor_execute", note)
    is_together = connection.dialect.name != "sqlite"  # which `tests/test_store_together.py` looks at
    assert [one.split()[0] for one in statements] == ([] if is_together else ["SELECT"] * (5 + 5 + 1))
