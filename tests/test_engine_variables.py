"""`engine.variables`: values are coerced as graphql-core coerces them, the quick way or not."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from graphql.execution.values import VariableValues, get_variable_values

import engine.variables
from engine.variables import Variables

SCHEMA = build_schema(
    """
    scalar _Any
    enum Color { RED }
    input Point { x: Int = 1, y: Int }
    type Query { a(id: ID, s: String, b: Boolean, i: Int, f: Float, p: Point, c: Color, any: _Any): Int }
    """
)
TYPES = (
    *(f"{name}{bang}" for name in ("ID", "String", "Boolean", "Int", "Float", "_Any", "Color") for bang in ("", "!")),
    *("[ID!]!", "[ID!]", "[ID]", "[[ID!]!]", "[_Any!]!", "[_Any]", "[Int!]", "Point", "[Point!]", "Unknown"),
    'String = "x"',
    "Boolean! = true",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2**31, 1.0, 1.5, float("nan"), "", "a", "1", "RED"),
    *([], ["a"], ["a", 1], ["a", None], [None], [[]], [["a"]], [{}], [{"x": 1}, 2], ("a",)),
    *({}, {"x": 1}, {"y": 2}, {"x": "a"}, {"x": 1, "z": 1}, {"__typename": "A"}),
)


@pytest.mark.parametrize("type_", TYPES)
def test_a_value_of_any_type_becomes_what_graphql_core_makes_of_it(type_: str) -> None:
    operation = parse(f"query($v: {type_}) {{ a }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    definitions = operation.variable_definitions or ()
    variables = Variables(SCHEMA, definitions)
    for given in ({}, {"z": 1}, *({"v": value} for value in VALUES), {"v": "a", "z": 1}):
        expected = get_variable_values(SCHEMA, definitions, given)
        found = variables.coerced(given)
        assert repr(found) == repr(expected.coerced if isinstance(expected, VariableValues) else None), given


@pytest.mark.parametrize("type_", ["ID", "[ID!]", "Int"])
def test_a_null_where_one_may_be_costs_no_detour(type_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = parse(f"query($v: {type_}) {{ a }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = Variables(SCHEMA, operation.variable_definitions or ())
    monkeypatch.setattr(engine.variables, "get_variable_values", None)
    assert variables.coerced({"v": None}) == {"v": None}
