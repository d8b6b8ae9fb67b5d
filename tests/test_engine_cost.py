"""`engine.cost` and `engine.answer_cost`: what a document costs before it is executed, and the limits on it."""

import sys
from dataclasses import replace
from typing import Any

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, SelectionNode, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

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


def test_where_a_document_is_too_deep_is_found_without_measuring_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[SelectionNode] = []
    add = CostVisitor._add

    def counted(visitor: CostVisitor, size: QueryCost, node: SelectionNode) -> None:
        measured.append(node)
        add(visitor, size, node)

    monkeypatch.setattr(CostVisitor, "_add", counted)
    with pytest.raises(LimitExceeded, match="levels of fields"):
        walk(f"{{ {'... { ' * 60}{'a { ' * 25}{'b ' * 1_000}{'} ' * 85} }}", QueryLimits())
    assert len(measured) == 60 + 25 + 1_000


def test_introspection_passes_the_defaults() -> None:
    walk(get_introspection_query(True, True, True, True, True), QueryLimits())


A_OR_B = ("A", "B")


def answer_fields(selected: str, *fragments: str) -> int:
    """Return how many fields an object has at most, as it is measured; objects are of type A or B."""
    tree = parse(" ".join((f"{{ root {{ {selected} }} }}", *fragments)))
    definitions = {d.name.value: d for d in tree.definitions if isinstance(d, FragmentDefinitionNode)}
    operation = tree.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    ((_, size),) = CostVisitor(definitions, ENDLESS, object_types=A_OR_B).root_fields(operation.selection_set)
    return size.answer.fields


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ("x ... on A { x y } ... on B { z }", 3),
        ("... on A { a: x } ... on B { b: x c: x } ... on A { d: x e: x }", 3),
        ("... on A { ...OfA } ... on B { x } ...OfA ...OfB", 4),
        ("... on I { ... on A { x } ... { ... on B { x y } } } ... on B { z }", 3),
        ("... on I { x } ... on Union { y } ... on A { z }", 3),
        ("of { ... on A { x } ... on B { x y } } ... on A { of { ... on B { x y z } } }", 7),
        ("... on A { ... on I { ... on A { x y } } ... on A { z } } ... on B { x }", 3),
    ],
)
def test_of_fragments_on_types_that_exclude_each_other_the_dearest_counts(selected: str, expected: int) -> None:
    assert answer_fields(
        selected, "fragment OfA on A { f: x ...I } fragment OfB on B { x }", "fragment I on I { g: y }"
    ) == (expected)


def test_what_a_list_of_known_length_selects_counts_for_each_item_and_at_any_depth_is_measured_at_once() -> None:
    document = "{ root { few { x y few { z } } " + "few { " * 18 + "x" + " }" * 18 + " } }"
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    ((_, size),) = CostVisitor({}, ENDLESS, list_lengths={"few": 10}).root_fields(operation.selection_set)
    assert size.answer.fields == 1 + 10 * (1 + 1 + 1 + 10) + int("1" * 19)


@st.composite
def selections(draw: st.DrawFn, type_: str | None = None, levels: int = 3) -> list[Any]:
    """Return a selection set: numbers of plain fields, ("of", selections), and (type condition, selections).

    Within a fragment on a type there is none on another, which validation refuses.
    """
    parts: list[Any] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["plain", "of", "on"])) if levels else "plain"
        if kind == "plain":
            parts.append(draw(st.integers(1, 3)))
        elif kind == "of":
            parts.append(("of", draw(selections(None, levels - 1))))
        else:
            condition = draw(st.sampled_from([None, "I", type_] if type_ else [None, "I", *A_OR_B]))
            inside = type_ if condition not in A_OR_B else condition
            parts.append((condition, draw(selections(inside, levels - 1))))
    return parts


def written(parts: list[Any]) -> str:
    found = []
    for part in parts:
        if isinstance(part, int):
            found += [f"a{n}: x" for n in range(part)]
        elif part[0] == "of":
            found.append(f"of {{ {written(part[1])} }}")
        else:
            found.append(f"... {f'on {part[0]} ' if part[0] else ''}{{ {written(part[1])} }}")
    return " ".join(found)


def most(parts: list[Any]) -> int:
    """Return how many fields an object has of the type that has most."""

    def of(parts: list[Any], type_: str) -> int:
        return sum(
            part
            if isinstance(part, int)
            else 1 + most(part[1])
            if part[0] == "of"
            else of(part[1], type_)
            if part[0] not in A_OR_B or part[0] == type_
            else 0
            for part in parts
        )

    return max(of(parts, type_) for type_ in A_OR_B)


@given(selections())
def test_an_answer_has_as_many_fields_as_an_object_of_the_dearest_type(parts: list[Any]) -> None:
    assert answer_fields(written(parts)) == most(parts)


def test_fragments_on_types_are_counted_without_being_walked() -> None:
    fragments = [
        f"fragment F{n} on I {{ ...F{n + 1} ... on A {{ ...F{n + 1} }} ... on B {{ b ...F{n + 1} }} }}"
        for n in range(30)
    ]
    assert answer_fields("...F0", *fragments, "fragment F30 on I { a }") == 2**31 - 1
