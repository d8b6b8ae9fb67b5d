"""`engine.input_cost`: how many input objects a field's arguments have."""

from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from engine.input_cost import NO_INPUT, input_cost, objects_in


def cost(document: str, objects: set[str]) -> Any:
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    defaults = {one.variable.name.value: one.default_value for one in operation.variable_definitions or ()}
    return input_cost(field.arguments, defaults, objects)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, 0),
        ("{}", 0),
        ([], 0),
        ({}, 1),
        ([{}, [{}, {"a": {}}]], 4),
        ({"or": [{"not": {}}, 1, "x"], "and": None}, 3),
    ],
)
def test_objects_count_within_lists_and_objects(value: Any, count: int) -> None:
    assert objects_in(value) == count


def test_as_deep_as_json_may_be_takes_no_recursion() -> None:
    value: Any = {}
    for _ in range(100_000):
        value = [value]
    assert objects_in(value) == 1


def test_literals_count_and_variables_as_often_as_they_are_used() -> None:
    found = cost("query($f: F, $g: F) { list(filter: {or: [{}, $f, {not: $f}]}, other: $g) }", {"f", "g"})
    assert found.literal == 3
    assert found.count({}) == 3
    assert found.count({"f": 5}) == 3 + 2 * 5
    assert found.count({"f": 5, "g": 7}) == 3 + 2 * 5 + 7


def test_a_variable_without_a_value_has_its_default() -> None:
    found = cost("query($f: F = {or: [{}, {}]}) { list(filter: $f) }", {"f"})
    assert found.count({}) == 3
    assert found.count({"f": 1}) == 1


def test_arguments_without_input_objects_cost_nothing() -> None:
    assert cost("{ list }", set()) is NO_INPUT
    assert cost("query($n: Int) { list(first: $n, sources: [A, B]) }", set()) is NO_INPUT


def test_costs_add_up() -> None:
    found = cost("{ list(filter: {}) }", set()).add(cost("query($f: F) { list(filter: $f) }", {"f"}))
    assert found.count({"f": 4}) == 5
