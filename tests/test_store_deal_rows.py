"""Rows of deals in the driver's own words: `store.deal_rows`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select, update

from store.deals import Deal, upsert
from store.groups import numbered
from store.tables import DEAL_ATTRIBUTES, DEALS, DealColumns
from tests.fuzzing import bounded
from tests.stores import connected, deal, deals_as_written, key

OURS = {"stage_name": "Won", "stage_folded": "won", "status": "won"}


@contextmanager
def watched(connection: Connection) -> Iterator[list[str]]:
    """Yield the statements that are run from now on."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(connection, "after_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "after_cursor_execute", note)


def stored(connection: Connection) -> Any:
    return connection.execute(deals_as_written()).one()


def test_of_indexed_columns_those_are_assigned_that_differ(connection: Connection) -> None:
    upsert(connection, [deal(updated_at=1, stage_folded="lead", attributes={"plan": "a"})])
    changed = deal(body=b"b", updated_at=2, stage_folded="lead", read_at=2, attributes={"plan": "a"})
    with watched(connection) as statements:
        assert upsert(connection, [changed]) == 1
    [change] = [one for one in statements if one.startswith("UPDATE deals")]
    assigned = set(re.findall(r"(\w+)=", change.partition(" WHERE ")[0]))
    assert {"body", "hash", "sequence", "read_at", "updated_at"} <= assigned
    assert not assigned & {"id", "stage_folded", "status", "created_at", "deleted_at"}
    assert (stored(connection).body, stored(connection).updated_at, stored(connection).read_at) == (b"b", 2, 2)
    assert not [one for one in statements if re.match("(INSERT INTO|DELETE FROM) deal_attributes", one)]


@pytest.mark.parametrize(("theirs", "wins"), [(5, True), (9, False)])
def test_a_row_that_has_changed_since_our_look_is_written_whole_or_not_at_all(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, theirs: int, wins: bool
) -> None:
    """We have read the deal at 7, with the stage that it had; meanwhile who takes no lock has written another one."""
    upsert(connection, [deal(read_at=1, **OURS)])
    upsert(connection, [deal(2, stage_name="Lost", stage_folded="lost", status="lost")])
    of_theirs = {"stage_folded": "lost", "status": "lost", "hash": b"x", "read_at": theirs}
    its_own = DEALS.c.id == key("nexudus:1")
    of_theirs["group_id"] = connection.scalar(select(DEALS.c.group_id).where(~its_own))

    def meanwhile(*given: Any) -> Any:
        connection.execute(update(DEALS).where(its_own).values(**of_theirs, sequence=DEALS.c.sequence + 1))
        return numbered(*given)

    monkeypatch.setattr("store.deals.numbered", meanwhile)
    assert upsert(connection, [deal(read_at=7, body=b"new", **OURS)]) == int(wins)
    row = connection.execute(deals_as_written().where(its_own)).one()
    ours = ("Won", "won", "won", 7, b"new")
    expected = ours if wins else ("Lost", "lost", "lost", 9, b"{}")
    assert (row.stage_name, row.stage_folded, row.status, row.read_at, row.body) == expected


def test_attributes_of_a_deal_that_has_none_any_more_are_gone(connection: Connection) -> None:
    upsert(connection, [deal(1, attributes={"a": "b"}), deal(2, attributes={"a": "c"})])
    upsert(connection, [deal(1), deal(2, body=b"new", attributes={"a": "c"})])
    found = connection.execute(select(DEAL_ATTRIBUTES.c.deal_id, DEAL_ATTRIBUTES.c.text)).all()
    assert found == [(key("nexudus:2"), "c")]


NAMES = ("status", "stage_folded", "stage_name", "customer_email_folded", "system_id", "search_public", "utm_term")
SOME = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "b"]), max_size=4)


@bounded
@given(history=st.lists(st.tuples(st.integers(1, 3), SOME, st.sampled_from([b"a", b"b"])), min_size=1, max_size=12))
def test_a_row_is_what_was_read_last_whatever_it_was_before(
    store_kind: str, history: list[tuple[int, dict[str, str], bytes]]
) -> None:
    with connected(store_kind) as connection:
        last: dict[str, Deal] = {}
        for read_at, (number, columns, body) in enumerate(history):
            one = deal(number, body=body, read_at=read_at, **columns)
            upsert(connection, [one])
            last[one.id] = one
        rows = {row["id"]: dict(row) for row in connection.execute(deals_as_written()).mappings()}
        names = DealColumns.__dataclass_fields__
        assert {id_: ({name: row[name] for name in names}, row["body"]) for id_, row in rows.items()} == {
            id_: (asdict(one.columns), one.body) for id_, one in last.items()
        }
