"""What is asked of all deals, by a narrow index of SQLite: `store.narrow`."""

import pytest
from sqlalchemy import Connection, select

from store.conditions import And, Compare, CompareAttribute, Condition, Not, Operator, Or, Search
from store.narrow import BY_GROUPS, BY_TEXTS, narrow_clause, narrow_index, narrowed
from store.pages import count
from store.tables import ALIVE, DEALS
from tests.deal_rows import deal, put
from tests.stores import connected

OPEN = Compare("status", Operator.EQ, "open")
OWNED = Compare("owner_folded", Operator.CONTAINS, "a")
LARGE = Compare("value", Operator.GT, 5)
FOUND = Search("acme", is_personal=True)
SEATS = CompareAttribute("seats", "number", Operator.GT, 1)
ELSEWHERE = Compare("utm_term", Operator.EQ, "x")
ONE_OF_FEW = Compare("customer_email_folded", Operator.EQ, "a@b")

INDEXES: list[tuple[Condition | None, str | None]] = [
    *((one, BY_GROUPS) for one in (OPEN, LARGE, SEATS, And((OPEN, LARGE, SEATS)), Or((OPEN, Not(LARGE))))),
    *((one, BY_TEXTS) for one in (FOUND, And((FOUND, OPEN)), And((FOUND, LARGE)), Or((FOUND, Not(OWNED))))),
    *((one, None) for one in (None, ELSEWHERE, And((FOUND, SEATS)), And((OPEN, ELSEWHERE)), And((OPEN, ONE_OF_FEW)))),
]


@pytest.mark.parametrize(("condition", "index"), INDEXES)
def test_a_condition_is_read_from_the_index_that_has_all_of_it_and_from_no_row(
    condition: Condition | None, index: str | None
) -> None:
    with connected("sqlite") as connection:
        put(connection, [deal(1, status="open", value=9, search_personal="acme", owner_folded="ada"), deal(2)])
        assert narrow_index(connection, condition) == index
        if index is not None:
            asked = narrowed(select(DEALS.c.deleted_at).where(ALIVE, narrow_clause(condition, index)), index)
            text = asked.compile(connection, compile_kwargs={"literal_binds": True})
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
            [step] = [step for step in plan if " deals " in step]
            assert f"USING COVERING INDEX {index}" in step
            assert "SCAN" not in step or condition not in (OPEN, And((OPEN, LARGE, SEATS)))


def test_what_another_index_has_is_found_once_for_all_and_from_no_row() -> None:
    condition = Or((And((FOUND, SEATS)), Not(CompareAttribute("region", "text_folded", Operator.EQ, "eu"))))
    with connected("sqlite") as connection:
        put(connection, [deal(1, search_personal="acme", attributes={"seats": {"number": 5}}), deal(2)])
        assert narrow_index(connection, condition, finds_texts=True) == BY_GROUPS
        asked = narrowed(select(DEALS.c.deleted_at).where(ALIVE, narrow_clause(condition, BY_GROUPS)), BY_GROUPS)
        text = asked.compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert not any("CORRELATED" in step for step in plan)
    assert [step.partition(" USING ")[2] for step in plan if " USING " in step] == [
        "COVERING INDEX deals_grouped",
        "COVERING INDEX deals_searched",
        "COVERING INDEX deal_attributes_by_key (key=?)",
        "COVERING INDEX deal_attributes_by_key (key=? AND text_folded=?)",
    ]


def test_what_groups_have_is_counted_with_what_deals_have(connection: Connection) -> None:
    put(connection, [deal(n, status="open" if n % 2 else None, value=n) for n in range(10)])
    for condition, expected in (
        (OPEN, 5),
        (Not(OPEN), 5),
        (And((OPEN, LARGE)), 2),
        (Or((OPEN, LARGE)), 7),
        (Not(Or((OPEN, LARGE))), 3),
        (And((OPEN, OWNED)), 0),
    ):
        assert count(connection, condition) == expected


@pytest.mark.programs
def test_a_table_of_postgresql_is_read_as_it_is() -> None:
    with connected("postgresql") as connection:
        assert narrow_index(connection, OPEN) is None
