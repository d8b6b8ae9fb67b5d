"""`engine.cost`: what a document costs before it is executed, and the limits on it."""

import sys
from dataclasses import replace

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, get_introspection_query, parse

from engine.cost import MAX_NESTING, CostVisitor, LimitExceeded, QueryCost, QueryLimits

ENDLESS = QueryLimits(**dict.fromkeys(QueryLimits.__dataclass_fields__, sys.maxsize))


def walk(document: str, limits: QueryLimits = ENDLESS) -> CostVisitor:
    tree = parse(document)
    fragments = {d.name.value: d for d in tree.definitions if isinstance(d, FragmentDefinitionNode)}
    found = CostVisitor(fragments, limits)
    for definition in tree.definitions:
        if isinstance(definition, OperationDefinitionNode):
            found.operation(definition)
    return found


def size(fragment: str, *more: str) -> QueryCost:
    return walk(" ".join((f"fragment F on T {fragment}", *more))).fragment("F")


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("{ a }", QueryCost(depth=1, nesting=1, fields=1)),
        ("{ a { b { c } } d }", QueryCost(depth=3, nesting=3, fields=4)),
        ("{ x: a y: b { z: c } }", QueryCost(depth=2, nesting=2, fields=3, aliases=3)),
        ("{ ... on T { ... { a } } }", QueryCost(depth=1, nesting=3, fields=1)),
        ("@d { a @d @d ... @d { b @d } }", QueryCost(depth=1, nesting=2, fields=2, directives=5)),
        ("{ a { ...G } ...G }", QueryCost(depth=3, nesting=4, fields=5, aliases=2)),
        ("{ ...Missing }", QueryCost(nesting=1)),
    ],
)
def test_fragments_count_as_if_they_were_written_out(fragment: str, expected: QueryCost) -> None:
    assert size(fragment, "fragment G on T { x: g { h } }") == expected


def test_a_million_fields_in_twenty_fragments_are_counted_without_being_walked() -> None:
    fragments = " ".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    found = walk(f"{fragments} fragment F60 on T {{ a }}")
    assert found.fragment("F0").fields == 2**60


def test_a_fragment_that_spreads_itself_ends() -> None:
    assert walk("fragment A on T { a ...B } fragment B on T { b ...A }").fragment("A").fields == 2


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_of_fragments_is_no_way_around_the_nesting(backwards: bool) -> None:
    numbers = range(MAX_NESTING + 5)
    chain = [f"fragment F{n} on T {{ ...F{n + 1} }}" for n in (reversed(numbers) if backwards else numbers)]
    found = walk(" ".join(chain))
    names = [f"F{n}" for n in (reversed(numbers) if backwards else numbers)]
    with pytest.raises(LimitExceeded, match="selection sets within one another"):
        list(map(found.fragment, names))


@pytest.mark.parametrize(
    ("limit", "document", "what"),
    [
        ("max_depth", "{ a { b { c } } }", "levels of fields"),
        ("max_fields", "{ a b c }", "fields"),
        ("max_aliases", "{ x: a y: a z: a }", "aliases"),
        ("max_directives", "{ a @d @d @d }", "directives"),
        ("max_directives", "query Q($x: Int @d) @d { a @d }", "directives"),
    ],
)
def test_what_is_over_a_limit_is_refused_and_what_is_at_it_is_not(limit: str, document: str, what: str) -> None:
    walk(document, replace(ENDLESS, **{limit: 3}))
    with pytest.raises(LimitExceeded, match=f"at most 2 {what} are allowed"):
        walk(document, replace(ENDLESS, **{limit: 2}))


def test_introspection_passes_the_defaults() -> None:
    walk(get_introspection_query(True, True, True, True, True), QueryLimits())
