"""Messages of requests that are not executed: they can be read, and hold no value that the caller passed.

The documents are held against a schema that has what ours does not have yet: input objects, enums and scalars as
arguments.
"""

import json
import re
from datetime import date
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, build_schema, execute, parse, validate
from graphql.execution import get_variable_values
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.errors import PARSE_FAILED, VALIDATION_FAILED
from engine.validation_rules import rules_for
from schema.errors import field_errors, request_errors, variable_errors
from tests import logged
from tests.fuzzing import EXAMPLES

SECRET = "hunter2"
SCHEMA = build_schema("""
  scalar Date
  enum Status { OPEN WON LOST }
  input Range { from: Date!, to: Date, any: [Int!] }
  input One @oneOf { id: ID, name: String }
  type Query {
    deal(
      id: ID, ids: [ID!], name: String, count: Int, share: Float, isOpen: Boolean,
      status: Status, day: Date, range: Range, one: One
    ): Query
    required(id: ID!, of: Boolean! = true): Boolean
  }
""")
_date: Any = SCHEMA.type_map["Date"]
assert isinstance(_date, GraphQLScalarType)
_date.coerce_input_value = date.fromisoformat  # its errors repeat the value


def messages(query: str) -> list[str]:
    """Return what a caller is told of a document."""
    try:
        tree = parse(query)
    except GraphQLError as error:
        return [one["message"] for one in request_errors([error], PARSE_FAILED)]
    return [one["message"] for one in request_errors(validate(SCHEMA, tree, rules_for(query)), VALIDATION_FAILED)]


READABLE = {
    # About values: what is wrong, and not with what.
    "{ deal(id: 1.5) { __typename } }": "ID cannot represent a non-string and non-integer value.",
    "{ deal(id: r) { __typename } }": "ID cannot represent a non-string and non-integer value.",
    "{ deal(ids: [e]) { __typename } }": "ID cannot represent a non-string and non-integer value.",
    "{ deal(name: 5) { __typename } }": "String cannot represent a non string value.",
    '{ deal(count: "n") { __typename } }': "Int cannot represent non-integer value.",
    "{ deal(count: 99999999999) { __typename } }": "Int cannot represent non 32-bit signed integer value.",
    '{ deal(share: "a") { __typename } }': "Float cannot represent non numeric value.",
    '{ deal(isOpen: "no") { __typename } }': "Boolean cannot represent a non boolean value.",
    "{ deal(status: OPE) { __typename } }": "This value does not exist in 'Status' enum. "
    "Did you mean the enum value 'OPEN'?",
    '{ deal(status: "OPEN") { __typename } }': "Enum 'Status' cannot represent non-enum value. "
    "Did you mean the enum value 'OPEN'?",
    '{ deal(day: "tomorrow: 5") { __typename } }': "Expected value of type 'Date': text, YYYY-MM-DD.",
    "{ deal(range: {from: 2026}) { __typename } }": "Expected value of type 'Date': text, YYYY-MM-DD.",
    "{ deal(range: 5) { __typename } }": "Expected value of type 'Range' to be an object.",
    "{ deal(range: {any: [1]}) { __typename } }": "Expected value of type 'Range' to include required field 'from'.",
    '{ deal(range: {from: "2026-01-01", till: 5}) { __typename } }': "Expected value of type 'Range' not to include "
    "unknown field 'till'.",
    '{ deal(range: {from: "2026-01-01", tom: 5}) { __typename } }': "Expected value of type 'Range' not to include "
    "unknown field 'tom'. Did you mean 'to' or 'from'?",
    "{ deal(range: {from: null}) { __typename } }": "Expected value of non-null type 'Date!' not to be None.",
    '{ deal(one: {id: "1", name: "a"}) { __typename } }': "Within OneOf Input Object type 'One', exactly one field "
    "must be specified, and the value for that field must be non-null.",
    "query($a: Int = e) { deal(count: $a) { __typename } }": "Int cannot represent non-integer value.",
    # About names: all of it is graphql-core's.
    "{ deal(id: $a) { __typename } }": "Variable '$a' is not defined.",
    "query Q { deal(id: $e) { __typename } }": "Variable '$e' is not defined by operation 'Q'.",
    "query($e: ID) { __typename }": "Variable '$e' is never used.",
    "query($a: ID, $a: ID) { deal(id: $a) { __typename } }": "There can be only one variable named '$a'.",
    "query($s: String) { deal(id: $s) { __typename } }": "Variable '$s' of type 'String' used in position expecting "
    "type 'ID'.",
    "query($q: Query) { __typename @skip(if: $q) }": "Variable '$q' cannot be non-input type 'Query'.",
    "{ deal(idd: 5) { __typename } }": "Unknown argument 'idd' on field 'Query.deal'. Did you mean 'id' or 'ids'?",
    "{ required }": "Argument 'Query.required(id:)' of type 'ID!' is required, but it was not provided.",
    "{ required(id: 1, id: 2) }": "There can be only one argument named 'id'.",
    "{ __typename @skip }": "Argument '@skip(if:)' of type 'Boolean!' is required, but it was not provided.",
    "{ __typename @include(iff: true, if: true) }": "Unknown argument 'iff' on directive '@include'. "
    "Did you mean 'if'?",
    '{ deal(id: "a") { x: __typename } deal(id: "b") { __typename } }': "Fields 'deal' conflict because they have "
    "differing arguments. Use different aliases on the fields to fetch both if this was intentional.",
    "{ deal(range: {to: null, to: null, from: 1}) { __typename } }": "There can be only one input field named 'to'.",
    # About tokens: of those with a value the kind.
    '{ "somebody" }': "Syntax Error: Expected Name, found String.",
    '{ deal(id: "a" "it\'s somebody") }': "Syntax Error: Expected Name, found String.",
    '{ """some\nbody""" }': "Syntax Error: Expected Name, found BlockString.",
    "{ 4155550123 }": "Syntax Error: Expected Name, found Int.",
    "{ 41555.50123 }": "Syntax Error: Expected Name, found Float.",
    "{ deal(share: .5550123) }": "Syntax Error: Invalid number, expected digit before '.'",
    '{ deal(id: "\\u12G4") }': "Syntax Error: Invalid Unicode escape sequence.",
    '{ deal(id: "\\q") }': "Syntax Error: Invalid character escape sequence.",
    '{ deal(name: "Jo" hn oe) }': "Syntax Error: Expected ':', found Name.",
    "{ deal(id: ) }": "Syntax Error: Unexpected ')'.",
    "{ deal(id: $) }": "Syntax Error: Expected Name, found ')'.",
    "{": "Syntax Error: Expected Name, found <EOF>.",
    "query somebody else": "Syntax Error: Expected '{', found Name 'else'.",
}


@pytest.mark.parametrize("query", READABLE)
def test_a_message_says_what_is_wrong_in_whole_words(query: str) -> None:
    assert READABLE[query] in messages(query)


HOLES = [
    *("HERE", "{ HERE }", "{ deal HERE }", "{ deal(id: HERE) }", "{ deal(ids: [HERE, {a: HERE}]) { __typename } }"),
    *(
        f"{{ deal({name}: HERE) {{ __typename }} }}"
        for name in "id name count share isOpen status day range one".split()
    ),
    *(f"{{ deal({name}: [[HERE]]) {{ __typename }} }}" for name in "ids name status day one".split()),
    "{ deal(range: {from: HERE, to: {a: [HERE]}, any: HERE}) { __typename } }",
    "{ deal(range: {unknown: HERE}, one: {id: [HERE], name: HERE}) { __typename } }",
    "query($a: Range = HERE, $b: Status = HERE) { __typename @skip(if: HERE) @unknown(a: HERE) }",
    "{ required(id: {a: HERE}, of: HERE, unknown: HERE) }",
    "{ a: required(id: HERE) a: required(id: 5) deal(id: HERE) }",
]
TEXTS = st.text(max_size=12).map(lambda text: f"zq{text}zq")
NUMBERS = st.integers(730_000, 10**12)
VALUES = TEXTS.map(json.dumps) | TEXTS.map(lambda text: f'"{text}"') | TEXTS.map(lambda text: f'"""{text}"""')
VALUES |= TEXTS.map(lambda text: f'"{text}') | NUMBERS.map(lambda number: f"{number}")
VALUES |= NUMBERS.map(lambda number: f"{number}.5e3") | NUMBERS.map(lambda number: f".{number}")


@settings(max_examples=EXAMPLES * 2)
@given(hole=st.sampled_from(HOLES), value=VALUES)
def test_no_value_in_a_document_is_repeated(hole: str, value: str) -> None:
    bare = value.strip('".').removesuffix(".5e3")
    for message in messages(hole.replace("HERE", value)):
        assert "zq" not in message
        assert bare not in message


TYPES = "ID! [ID!] String Int! Float Boolean Status Date Range [Range!]! One".split()
JSON = st.recursive(
    TEXTS | NUMBERS | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["from", "to", "any", "id", "name", "zqzq", "fromm"]) | TEXTS, inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=EXAMPLES * 2)
@given(type_=st.sampled_from(TYPES), value=JSON)
def test_no_value_of_a_variable_is_repeated(type_: str, value: Any) -> None:
    definitions: Any = parse(f"query($given: {type_}) {{ __typename }}").definitions[0]
    errors = get_variable_values(SCHEMA, definitions.variable_definitions, {"given": value})
    assume(isinstance(errors, list))
    assert isinstance(errors, list)
    for told in variable_errors(errors, {"given": value}):
        assert "zq" not in told["message"]
        message = re.sub(r"\[\d\]", "", told["message"])  # the place in the value
        assert not any(digit in message for digit in "0123456789")
        assert "$given" in told["message"]


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("Range", {"from": "2026-01-01", "tom": SECRET}, ": 'Range' has no such field. Did you mean 'to' or 'from'?"),
        ("[Range!]", [{"from": "2026-01-01", "x": 1}], ", at `[0]`: 'Range' has no such field."),
        ("Status", "OPE", ": this value does not exist in 'Status' enum. Did you mean the enum value 'OPEN'?"),
        ("Status", SECRET, ": this value does not exist in 'Status' enum."),
        (
            "Range",
            {"from": "2026-01-01", "any": [1, SECRET]},
            ", at `any[1]`: 'Int' is a whole number, up to two billion.",
        ),
        ("Range", {"any": [1]}, ": 'Range' must have the field 'from'."),
        ("Range", SECRET, ": 'Range' is an object."),
        ("[Range!]", [None], ", at `[0]`: it must not be null."),
        ("Status", 5, ": 'Status' is a name, as text."),
        ("Boolean", SECRET, ": 'Boolean' is true or false."),
        ("Float", SECRET, ": 'Float' is a number."),
        ("String", 5, ": 'String' is text."),
        ("Status", f"'. Did you mean '{SECRET}'?", "."),
        ("ID", [1], ": 'ID' is text, or a whole number."),
        ("Date", SECRET, ": 'Date' is text, YYYY-MM-DD."),
        ("Range", {"from": 5}, ", at `from`: 'Date' is text, YYYY-MM-DD."),
    ],
)
def test_a_wrong_value_in_a_variable_is_told_with_its_place_and_what_it_could_be(
    type_: str, value: Any, said: str
) -> None:
    definitions: Any = parse(f"query($v: {type_}) {{ __typename }}").definitions[0]
    errors: Any = get_variable_values(SCHEMA, definitions.variable_definitions, {"v": value})
    (told,) = variable_errors(errors, {"v": value})
    assert told["message"] == f"Variable '$v' has a value that is not of its type, {type_}{said}"


@pytest.mark.parametrize(
    ("definition", "arguments", "expected"),
    [
        ('$v: Date = "2026-01-01"', "range: {from: $v}", "Variable '$v' must not be null here."),
        ("$v: Int = 1", 'range: {from: "2026-01-01", any: [1, $v]}', "Variable '$v' must not be null here."),
        ("$v: ID = 1", "ids: [$v]", "Variable '$v' must not be null here."),
    ],
)
def test_a_null_inside_of_an_argument_is_the_callers(
    caplog: pytest.LogCaptureFixture, definition: str, arguments: str, expected: str
) -> None:
    document = parse(f"query({definition}) {{ deal({arguments}) {{ __typename }} }}")
    assert validate(SCHEMA, document) == []
    result: Any = execute(SCHEMA, document, variable_values={"v": None})
    (error,) = field_errors(result.errors)
    assert error["message"] == expected
    assert error["path"] == ["deal"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert logged.records(caplog) == []


def test_what_a_resolver_returns_is_not_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    """graphql-core's own errors, too: for it, it makes no difference whose value is not of its type."""
    document = parse("{ required(id: 1) deal { __typename } }")
    result: Any = execute(SCHEMA, document, {"required": [SECRET], "deal": None})
    (error,) = field_errors(result.errors)
    assert (error["message"], error["extensions"]["code"]) == ("Internal server error.", "INTERNAL_SERVER_ERROR")
    assert len(logged.records(caplog)) == 1
    assert SECRET not in caplog.text
