"""Whatever directive stands wherever it likes: the document is valid or refused, and never a fault of the server."""

from itertools import product

import pytest

from engine.answer import Answer
from engine.documents import Document
from schema.execution import build_engine
from tests.schemas import build_schema

ENGINE = build_engine(build_schema())

NAMES = "stream defer skip include deprecated specifiedBy oneOf key shareable tag link unheardOf".split()
ARGUMENTS = [
    "",
    "(if: true)",
    '(if: "x")',
    "(if: null)",
    "(if: $v)",
    "(label: $v)",
    '(label: "a", initialCount: -1)',
    "(if: {a: [1]})",
]
PLACES = [
    "{ _entities(representations: []) { __typename HERE } }",
    "{ _entities(representations: []) HERE { ... on Opportunity { id HERE } } }",
    '{ node(id: "x") HERE { id } }',
    '{ node(id: "x") { id HERE } }',
    '{ node(id: "x") { id { a HERE } } }',
    '{ node(id: "x") { unknown HERE { a HERE } } }',
    '{ node(id: "x") { ... HERE { id } } }',
    '{ opportunity(id: "x") { status { a HERE } value { amount HERE } } }',
    '{ chartMogulOpportunity(sourceId: "x") { custom HERE { value { a HERE } } } }',
    "{ __typename HERE __schema HERE { types HERE { name HERE } } }",
    "{ _service HERE { sdl HERE } }",
    "query HERE { __typename }",
    "query($v: Boolean = true HERE) { __typename }",
    "query($v: _Entity HERE) { __typename }",
    "mutation HERE { a HERE }",
    "subscription HERE { a HERE }",
    '{ node(id: "x") { ...F HERE } } fragment F on Opportunity HERE { id HERE }',
    '{ node(id: "x") { ...F HERE ...G } } fragment F on _Entity { id HERE } fragment G on ID { a HERE }',
]


@pytest.mark.programs
@pytest.mark.parametrize("place", PLACES)
def test_no_directive_anywhere_is_a_fault_of_the_server(place: str) -> None:
    for name, arguments in product(NAMES, ARGUMENTS):
        found = ENGINE.read(place.replace("HERE", f"@{name}{arguments}"))
        if isinstance(found, Answer):
            assert found.errors
            assert {e["extensions"]["code"] for e in found.errors} <= {
                "GRAPHQL_VALIDATION_FAILED",
                "GRAPHQL_PARSE_FAILED",
            }
        else:
            assert isinstance(found, Document)
            assert name in ("skip", "include")


@pytest.mark.parametrize("name", ["stream", "defer", "unheardOf"])
def test_a_directive_that_the_schema_does_not_define_is_unknown_and_no_more(name: str) -> None:
    found = ENGINE.read(f'{{ node(id: "x") @{name} {{ id }} }}')
    assert isinstance(found, Answer)
    assert [error["message"] for error in found.errors or ()] == [f"Unknown directive '@{name}'."]
