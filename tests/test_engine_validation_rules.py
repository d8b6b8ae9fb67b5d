"""Leaving out idle rules changes no verdict."""

import pytest
from graphql import parse, specified_rules, validate

from engine.validation_rules import rules_for
from tests.schemas import build_schema

SCHEMA = build_schema()._schema

DOCUMENTS = [
    '{ opportunity(id: "x") { id nothing } }',
    '{ opportunity(id: "$ @ ... fragment") { id } }',
    "query Q($id: ID!) { opportunity(id: $other) { id } }",
    "query Q($id: ID!, $id: Money) { opportunity(id: $id) { id } }",
    "query Q($n: [ID!]!) { opportunity(id: $n) { id } }",
    '{ opportunity(id: "x") { id @unknown } }',
    '{ opportunity(id: "x") { id @skip(if: true) @skip(if: true) } }',
    '{ opportunity(id: "x") { ... on Money { amount } ...F } }',
    '{ opportunity(id: "x") { id } } fragment F on ID { x } fragment F on Money { amount }',
    '{ opportunity(id: "x") { ...F } } fragment F on Opportunity { ...F }',
    "subscription S { a b }",
    '{ a: opportunity(id: "x") { id } a: node(id: "x") { id } }',
    "{ __typename } query Second { __typename }",
]


STREAMS = [rule for rule in specified_rules if "Defer" in rule.__name__ or "Stream" in rule.__name__]
"""Of directives that the schema does not define: tests/test_directives.py."""
RULES = [rule for rule in specified_rules if rule not in STREAMS]


def test_every_name_is_that_of_a_rule() -> None:
    assert len(STREAMS) == 4
    assert rules_for("$ @ ... subscription") == RULES
    assert set(rules_for("{ a }")) < set(RULES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_verdict_is_that_of_all_rules(document: str) -> None:
    tree = parse(document)
    assert validate(SCHEMA, tree, rules_for(document)) == validate(SCHEMA, tree, RULES)
