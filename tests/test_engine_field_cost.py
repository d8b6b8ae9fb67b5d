"""`engine.field_cost`: the records of one root field, whatever its variables are."""

from math import inf
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from engine.field_cost import record_count
from engine.lookup import PageSize


def count(arguments: str, given: dict[str, Any], size: PageSize | None, variables: str = "") -> int:
    (operation,) = parse(f"query{variables} {{ field({arguments}) }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
    cost = record_count([a.value for a in field.arguments or ()], defaults, size)
    assert cost.constant <= cost.count(given)
    return cost.count(given)


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        ("first: 3", {}, 3),
        ("first: 0", {}, 0),
        ("first: 201", {}, 0),
        ("first: -5", {}, 0),
        (f"first: {10**400}", {}, 0),
        ("first: null", {}, 25),
        ('first: "3"', {}, 25),
        ("first: 3, last: 8", {}, 8),
        ("first: $n", {"n": 201}, 0),
        ("first: $n", {"n": 9.0}, 9),
        ("first: $n", {"n": 9.5}, 25),
        ("first: $n", {"n": inf}, 25),
        ("first: $n", {"n": "9"}, 25),
        ("first: $n", {"n": None}, 25),
        ("first: $n", {}, 25),
        ("first: $n, last: 3", {}, 3),
        ("first: $n, last: $m", {"n": 4, "m": 9}, 9),
    ],
)
def test_a_page_has_as_many_records_as_it_is_asked_for(arguments: str, given: dict[str, Any], expected: int) -> None:
    """What is out of bounds is refused at the field: it must not refuse the whole document here."""
    assert count(arguments, given, PageSize(25, 200), "($n: Int, $m: Int)" if "$" in arguments else "") == expected


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [('ids: ["a", "b"]', {}, 2), ("ids: $i", {"i": ["a"] * 3}, 3), ("ids: $i", {"i": "a"}, 1), ("ids: null", {}, 0)],
)
def test_ids_name_records(arguments: str, given: dict[str, Any], expected: int) -> None:
    assert count(arguments, given, None, "($i: [ID!])" if "$" in arguments else "") == expected
