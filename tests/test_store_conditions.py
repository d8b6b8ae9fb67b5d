"""Filters of the store: `store.conditions`."""

import pytest
from hypothesis import given
from sqlalchemy import Column, Connection, select
from sqlalchemy.sql import visitors

from store.conditions import (
    MOST_SHAPED,
    And,
    Compare,
    CompareAttribute,
    Condition,
    Not,
    Operator,
    Or,
    Search,
    clause,
    shape,
    shaped,
)
from store.narrow import BY_GROUPS, BY_TEXTS, narrow_clause
from store.tables import ALIVE, DEALS, NUMBERED, held
from tests.deal_rows import Deal, conditions, deal, deals, listed, put
from tests.fuzzing import beside_databases
from tests.stores import connected


def found(connection: Connection, condition: Condition, walked: str | None = None) -> set[str]:
    return set(connection.scalars(select(DEALS.c.source_id).where(ALIVE, clause(condition, walked=walked))))


@pytest.mark.programs
@given(rows=deals(), condition=conditions)
@beside_databases
def test_any_filter_finds_what_a_plain_filter_finds(store_kind: str, rows: list[Deal], condition: Condition) -> None:
    with connected(store_kind) as connection:
        put(connection, rows)
        expected = {one["source_id"] for one in listed(rows, condition, ())}
        assert found(connection, condition) == found(connection, condition, "value") == expected
        if store_kind == "sqlite":
            for index in (BY_GROUPS, BY_TEXTS):
                by_index = select(DEALS.c.source_id).where(ALIVE, narrow_clause(condition, index))
                assert set(connection.scalars(by_index)) == expected
        for is_along in (True, False):
            by_number = clause(condition, walked="value", held=held("value"), is_along=is_along)
            assert set(connection.scalars(select(DEALS.c.source_id).where(ALIVE, by_number))) == expected
        found_shape, values = shape(condition)
        statement = select(DEALS.c.source_id).where(ALIVE, clause(shaped(found_shape)))
        assert set(connection.scalars(statement, values)) == expected


@pytest.mark.parametrize("is_along", [True, False])
@pytest.mark.parametrize("column", list(NUMBERED))
def test_names_are_compared_by_the_numbers_that_the_orders_index_has(column: str, *, is_along: bool) -> None:
    met = Compare(column, Operator.EQ, "x")
    for condition in (met, And((met, Not(met))), Or((met, Compare(column, Operator.CONTAINS, "x")))):
        found_clause = clause(condition, walked="value", held=held("value"), is_along=is_along)
        read = {one.name for one in visitors.iterate(found_clause) if isinstance(one, Column) and one.table is DEALS}
        assert read == {NUMBERED[column]}
    walked = clause(met, walked=column, held=held(column), is_along=is_along)
    assert f"deals.{column} = " in str(walked)


def test_conditions_of_one_shape_differ_in_their_values_alone() -> None:
    one, other = Compare("value", Operator.GT, 1), Compare("value", Operator.GT, 2)
    listed_ = Compare("status", Operator.IN, ("open", "won"))
    assert shape(And((one, listed_)))[0] == shape(And((other, Compare("status", Operator.IN, ("x", "y")))))[0]
    assert shape(And((one, listed_)))[1] == {"operand_0": 1, "operand_1": "open", "operand_2": "won"}
    different = [
        *(one, Not(one), And((one,)), Or((one,)), And((one, other)), And((And((one, other)),)), And((Not(one),))),
        *(Compare("value", Operator.GTE, 1), Compare("created_at", Operator.GT, 1), listed_, Or(()), And(())),
        *(Compare("status", Operator.NOT_IN, ("open", "won")), Compare("status", Operator.IN, ("open",))),
        *(Compare("status", Operator.CONTAINS, "o"), Compare("status", Operator.CONTAINS, "w"), Search("o", False)),
    ]
    assert len({shape(condition)[0] for condition in different}) == len(different)


@pytest.mark.parametrize("column", DEALS.c.keys())
def test_a_list_that_is_too_long_for_a_shape_stays_in_it_beside_the_values_of_others(column: str) -> None:
    values = tuple(range(MOST_SHAPED + 1))
    one, other = Compare("status", Operator.EQ, "open"), Compare("status", Operator.NE, "won")
    found_shape, given_values = shape(And((one, Compare(column, Operator.IN, values), other)))
    parameters = clause(shaped(found_shape)).compile().params
    assert given_values.keys() < parameters.keys()
    assert values in map(tuple, filter(None, parameters.values()))


@pytest.mark.parametrize("column", ["value", "owner_folded", "name_folded"])
def test_a_comparison_with_a_null_is_false_and_its_negation_true(connection: Connection, column: str) -> None:
    put(connection, [deal(1)])
    operand = 1 if column == "value" else "x"
    for operator in (Operator.EQ, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE):
        assert not found(connection, Compare(column, operator, operand))
        assert found(connection, Not(Compare(column, operator, operand))) == {"1"}
    assert found(connection, Compare(column, Operator.NE, operand)) == {"1"}
    assert found(connection, Compare(column, Operator.NOT_IN, [operand])) == {"1"}


def test_text_is_compared_by_its_bytes_also_by_like(connection: Connection) -> None:
    put(connection, [deal(1, utm_campaign="Spring 100%"), deal(2, utm_campaign="spring 1000")])
    assert found(connection, Compare("utm_campaign", Operator.CONTAINS, "spring")) == {"2"}
    assert found(connection, Compare("utm_campaign", Operator.STARTS_WITH, "Spring")) == {"1"}
    assert found(connection, Compare("utm_campaign", Operator.CONTAINS, "0%")) == {"1"}
    assert found(connection, Compare("utm_campaign", Operator.LT, "a")) == {"1"}


def test_text_that_no_database_takes_finds_nothing(connection: Connection) -> None:
    put(connection, [deal(1, name_folded="a", search_public="a")])
    for text in ("\0", "\ud800"):
        for operator in (Operator.EQ, Operator.CONTAINS, Operator.STARTS_WITH):
            assert not found(connection, Compare("name_folded", operator, text))
        assert not found(connection, Compare("name_folded", Operator.IN, [text]))
        assert not found(connection, Search(text, is_personal=True))
        assert not found(connection, CompareAttribute(text, "text_folded", Operator.EQ, text))


@pytest.mark.parametrize("text", ["a_b", "a%b", "a\\b"])
def test_a_search_takes_no_character_for_a_pattern(connection: Connection, text: str) -> None:
    put(connection, [deal(1, search_public="axb"), deal(2, search_public=text)])
    assert found(connection, Search(text, is_personal=False)) == {"2"}


def test_a_search_without_words_finds_all(connection: Connection) -> None:
    put(connection, [deal(1)])
    assert found(connection, Search("  ", is_personal=False)) == {"1"}


def test_a_search_looks_at_people_only_where_it_may(connection: Connection) -> None:
    put(connection, [deal(1, search_public="acme sales", search_personal="ada lovelace")])
    assert found(connection, Search("ADA acme", is_personal=True)) == {"1"}
    assert not found(connection, Search("ADA acme", is_personal=False))


def test_no_parts_are_all_deals_for_and_and_none_for_or(connection: Connection) -> None:
    put(connection, [deal(1)])
    assert found(connection, And(())) == {"1"}
    assert not found(connection, Or(()))


@pytest.mark.parametrize(
    "condition",
    [
        Compare("body; DROP TABLE deals", Operator.EQ, "x"),
        CompareAttribute("size", "deal_id", Operator.EQ, "x"),
        Compare("value", Operator.EQ, [1]),
    ],
)
def test_what_there_is_not_is_refused(condition: Condition) -> None:
    with pytest.raises(ValueError, match=r"no|one value"):
        clause(condition)
