"""`engine.inputs`: what is read is what graphql-core and Strawberry make of a value together."""

from dataclasses import fields
from datetime import date
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import NamedTypeNode, NameNode, type_from_ast
from graphql.utilities import coerce_input_value
from strawberry.types.arguments import convert_argument

from engine.fallbacks import NotCompiled
from engine.inputs import has_input_objects, read_for_strawberry, reader


@strawberry.enum
class Colour(Enum):
    RED = "r"
    BLUE = "b"


@strawberry.input
class Range:
    low_end: int
    high_end: int | None = strawberry.UNSET
    in_: list[int] | None = strawberry.field(name="in", default=strawberry.UNSET)


@strawberry.input
class Marks:
    each: list[int] = strawberry.field(default_factory=list)


@strawberry.input
class Doubled:
    number: int = 1

    def __post_init__(self) -> None:
        self.number *= 2


@strawberry.input
class Wanted:
    colour: Colour | None = None
    size: Range | None = None
    ranges: list[Range] | None = None
    since: date | None = None
    title: str = "none"
    also: list["Wanted"] | None = None
    marks: Marks | None = None
    doubled: Doubled | None = None
    note: str | None


@strawberry.type
class Query:
    @strawberry.field
    def found(self, wanted: Wanted | None = None) -> int:
        return 1


@strawberry.input
class Given:
    """Of a schema that has its input objects read here: types tell Strawberry so, whichever schema has them."""

    low_end: list[int] | None = strawberry.UNSET
    title: str = "none"
    also: list["Given"] | None = None
    note: str | None


@strawberry.type
class Asked:
    @strawberry.field
    def found(self, given: Given | None = None) -> str:
        return repr(given)


@strawberry.input(one_of=True)
class Choice:
    by_name: str | None = strawberry.UNSET
    by_size: int | None = strawberry.UNSET


@strawberry.input
class Inner:
    outer: "Outer | None" = None
    note: str | None = None


@strawberry.input
class Outer:
    inner: Inner | None = None
    choice: Choice | None = None


@strawberry.type
class Chosen:
    @strawberry.field
    def found(self, given: Inner | None = None) -> str:
        return repr(given)


STRAWBERRY = strawberry.Schema(Query)
SCHEMA = STRAWBERRY._schema
WANTED = type_from_ast(SCHEMA, NamedTypeNode(name=NameNode(value="Wanted")))

PLAIN: list[Any] = [
    None,
    {},
    {"colour": "RED", "note": "x", "since": "2026-02-03"},
    {"size": {"lowEnd": 1}, "title": "a"},
    {"size": {"lowEnd": 1, "highEnd": None, "in": [1, 2]}, "ranges": []},
    {"marks": {}, "doubled": {}},
    {"marks": {"each": [1]}, "doubled": {"number": 2}},
    {"ranges": [{"lowEnd": 2, "highEnd": 3}], "also": [{"also": [{"note": None}]}, {}]},
]
OTHER: list[Any] = [
    5,
    [],
    {"colour": "GREEN"},
    {"colour": "r"},
    {"colour": 5},
    {"since": "yesterday"},
    {"nothing": 1},
    {"low_end": 1},
    {"size": {}},
    {"size": {"lowEnd": None}},
    {"size": {"lowEnd": "1"}},
    {"size": {"lowEnd": 2**40}},
    {"ranges": {"lowEnd": 2}},  # a list of one
    {"ranges": [None]},
    {"title": None},
    {"also": [{"size": {"in": [None]}}]},
]


def converted(value: Any) -> Any:
    """Return what graphql-core and Strawberry make of a value."""
    return convert_argument(coerced(value), Wanted, STRAWBERRY.schema_converter.scalar_registry, STRAWBERRY.config)


def coerced(value: Any) -> Any:
    return coerce_input_value(value, WANTED)  # type: ignore[arg-type] # an input type


@pytest.mark.parametrize("value", PLAIN)
def test_a_plain_value_is_read(value: Any) -> None:
    assert has_input_objects(WANTED)
    assert reader(WANTED)(value) == converted(value)
    assert reader(WANTED, is_coerced=True)(coerced(value)) == converted(value)


@pytest.mark.parametrize("value", OTHER)
def test_what_is_not_plainly_valid_is_left_to_graphql_core(value: Any) -> None:
    assert has_input_objects(WANTED)
    with pytest.raises(Exception):  # noqa: B017, PT011 - a scalar raises what it likes
        reader(WANTED)(value)


def test_what_was_read_may_stand_inside_of_what_is_read() -> None:
    assert has_input_objects(WANTED)
    inner = reader(WANTED)({"note": "x"})
    assert reader(WANTED, is_coerced=True)({"also": [inner]}).also == [inner]


def test_each_object_has_a_default_of_its_own() -> None:
    one, other = [reader(WANTED)({"marks": {}}).marks.each for _ in range(2)]
    one.append(1)
    assert other == []


def test_an_object_has_its_fields_in_their_order_whatever_the_order_of_what_is_given() -> None:
    """A list's cursors hold a hash of it."""
    given = {"title": "a", "note": None, "colour": "RED"}
    found = [reader(WANTED)(dict(some)) for some in (given.items(), reversed(given.items()))]
    assert [list(vars(one)) for one in found] == [[field.name for field in fields(Wanted)]] * 2


def test_a_resolver_gets_what_strawberry_would_make_for_what_is_given_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without looking at all fields of the type for each object: a filter has dozens."""
    looked_at: list[str] = []
    schema = strawberry.Schema(Asked)
    query = """query($also: Given!) {
      found(given: {lowEnd: 2, also: [{title: "a", note: null}, $also, {lowEnd: null}]})
    }"""
    name = type(schema.config.name_converter).from_field

    def from_field(self: Any, field: Any) -> str:
        looked_at.append(field.python_name)
        return name(self, field)

    monkeypatch.setattr(type(schema.config.name_converter), "from_field", from_field)
    given = {"also": {"also": [{"title": "b"}]}}
    before = schema.execute_sync(query, given)
    assert looked_at
    assert before.data is not None
    looked_at.clear()

    read_for_strawberry(schema._schema)
    after = schema.execute_sync(query, given)
    assert (after.data, after.errors) == (before.data, None)
    assert looked_at == []


def test_an_object_of_one_field_and_what_contains_it_are_left_to_strawberry() -> None:
    schema = strawberry.Schema(Chosen)
    for name in ("Inner", "Outer", "Choice", "Inner"):
        type_ = schema._schema.type_map[name]
        assert has_input_objects(type_)
        for is_coerced in (False, True):
            with pytest.raises(NotCompiled):
                reader(type_, is_coerced=is_coerced)

    read_for_strawberry(schema._schema)
    query = "query($given: Inner) { found(given: $given) }"
    found = schema.execute_sync(query, {"given": {"outer": {"choice": {"byName": "a"}}, "note": "b"}})
    assert found.data == {"found": repr(Inner(outer=Outer(choice=Choice(by_name="a")), note="b"))}
    refused = schema.execute_sync(query, {"given": {"outer": {"choice": {"byName": "a", "bySize": 1}}}})
    assert refused.errors
