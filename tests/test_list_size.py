"""`schema.list_size`: what gateways are told of the length of lists, and of costs, is what the limits count."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)

from engine.cost import LimitExceeded, QueryLimits
from schema.deals.sync_runs import RUNS
from schema.execution import RECORDS, build_engine
from schema.list_size import Cost, ListSize
from schema.lookups import LONGEST_LIST
from store.changes import Field
from tests.schemas import build_schema


def sizes() -> dict[str, ListSize]:
    """Return the directives by the coordinates of their fields."""
    types: Any = build_schema()._schema.type_map
    return {
        f"{type_.name}.{name}": directive
        for type_ in types.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in type_.fields.items()
        if (definition := field.extensions.get("strawberry-definition"))
        for directive in definition.directives
        if isinstance(directive, ListSize)
    }


def test_pages_are_as_long_as_the_limits_count_them() -> None:
    found = sizes()
    pages = {f"Query.{name}": listing for name, listing in RECORDS.listings.items()}
    pages["OpportunityCustomer.opportunities"] = RECORDS.nested_listings["opportunities"]
    page_sizes = {coordinates: listing.size for coordinates, listing in pages.items()}
    page_sizes |= {f"Query.{name}": size for name, size in RECORDS.page_sizes.items()}
    page_sizes["Subscription.opportunityChanges"] = RECORDS.page_sizes["opportunityChanges"]
    for coordinates, size in page_sizes.items():
        directive = found.pop(coordinates)
        assert directive.assumed_size == size.default
        assert {*(directive.slicing_arguments or ())} <= {"first", "last"}
        assert directive.require_one_slicing_argument is False
    assert found.pop("SourceStatus.runs").assumed_size == RUNS.default
    assert found.pop("OpportunityChange.fields").assumed_size == len(Field)
    assert {one.assumed_size for one in found.values()} == {LONGEST_LIST}


def fields_by_directives(document: str) -> int:
    """Return how many fields an answer has at most, as `@listSize` tells it to who knows nothing of the limits."""
    types, directives = build_schema()._schema.type_map, sizes()
    tree = parse(document)
    fragments = {d.name.value: d for d in tree.definitions if isinstance(d, FragmentDefinitionNode)}

    def fields(type_: Any, selection_set: SelectionSetNode, sized: dict[str, int]) -> int:
        found = 0
        for node in selection_set.selections:
            if isinstance(node, InlineFragmentNode):
                found += fields(type_, node.selection_set, sized)
            elif isinstance(node, FragmentSpreadNode):
                found += fields(type_, fragments[node.name.value].selection_set, sized)
            else:
                found += 1 + of_field(type_, node, sized.get(node.name.value, 1))
        return found

    def of_field(type_: Any, node: FieldNode, times: int) -> int:
        if node.selection_set is None:
            return 0
        below = get_named_type(type_.fields[node.name.value].type)
        directive = directives.get(f"{type_.name}.{node.name.value}")
        if directive is None:
            return times * fields(below, node.selection_set, {})
        slices = [a.value.value for a in node.arguments or () if a.name.value in (directive.slicing_arguments or ())]
        size = int(slices[0]) if slices else directive.assumed_size or 1
        if directive.sized_fields:
            return fields(below, node.selection_set, dict.fromkeys(directive.sized_fields, size))
        return times * size * fields(below, node.selection_set, {})

    operation = tree.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    root = types["Subscription" if operation.operation.value == "subscription" else "Query"]
    return fields(root, operation.selection_set, {})


@pytest.mark.parametrize(
    "document",
    [
        "{ opportunities(first: 7) { totalCount pageInfo { endCursor } sources { asOf } nodes { id status } } }",
        (
            "{ a: opportunities { edges { cursor node { id value { amount } } } } b: opportunities(last: 3) { ...F } } "
            "fragment F on OpportunityConnection { summary(groupBy: []) {rows {count}} n: nodes { id } nodes { id }}"
        ),
        "{ opportunities(first: 4) { nodes { customer { opportunities(last: 3) { totalCount nodes { id } } } } } }",
        "{ opportunities(first: 4) { nodes { customer { opportunities { edges { node { id } } } } } } }",
        "{ opportunityChanges(first: 9) { latestCursor edges { cursor node { kind fields { before after } } } } }",
        "subscription { opportunityChanges { cursor changes { fields { before } opportunity { id } } } }",
        f"{{ nodes(ids: [{' '.join(LONGEST_LIST * ['1'])}]) {{ id ... on Opportunity {{ source }} }} }}",
    ],
)
def test_who_counts_by_the_directives_finds_the_fields_that_the_limits_count(document: str) -> None:
    count = fields_by_directives(document)
    for most, is_refused in ((count, False), (count - 1, True)):
        limits = replace(QueryLimits(), max_answer_fields=most)
        found = build_engine(build_schema(), limits=limits)._cost_limits
        (cost,) = found.costs(parse(document)).values()
        with pytest.raises(LimitExceeded) if is_refused else nullcontext():
            found.check(cost, {})


def test_a_page_has_its_records_in_the_fields_that_the_limits_take_for_them() -> None:
    types: Any = build_schema()._schema.type_map
    for coordinates, directive in sizes().items():
        type_, name = coordinates.split(".")
        if directive.sized_fields:
            page = get_named_type(types[type_].fields[name].type)
            assert RECORDS.item_fields & page.fields.keys() == {*directive.sized_fields}


def test_a_list_that_is_counted_by_its_name_is_the_only_one_of_that_name() -> None:
    types: Any = build_schema()._schema.type_map
    having = {
        name: {one for one, type_ in types.items() if name in getattr(type_, "fields", ())} - {"__Type"}
        for name in RECORDS.list_lengths
    }
    assert having == {"fields": {"OpportunityChange"}, "runs": {"SourceStatus"}}


def test_a_page_is_sized_by_every_argument_that_the_limits_read() -> None:
    types: Any = build_schema()._schema.type_map
    for coordinates, directive in sizes().items():
        type_, name = coordinates.split(".")
        field = types[type_].fields[name]
        sliced = {argument for argument in ("first", "last") if argument in field.args}
        assert sliced == {*(directive.slicing_arguments or ())}
        for inner in directive.sized_fields or ():
            assert inner in get_named_type(field.type).fields


def test_every_list_of_records_by_id_has_its_size() -> None:
    lists = {f"Query.{name}" for name, lookup in RECORDS.lookups.items() if lookup.is_list} - {"Query._entities"}
    assert lists <= sizes().keys()


def test_what_goes_through_all_deals_costs_what_an_operation_may_ask_for() -> None:
    types: Any = build_schema()._schema.type_map
    weights = {
        coordinates: directive.weight
        for type_ in types.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in type_.fields.items()
        for coordinates, one in [
            (f"{type_.name}.{name}", field),
            *[(f"{type_.name}.{name}({argument}:)", given) for argument, given in field.args.items()],
        ]
        if (definition := one.extensions.get("strawberry-definition"))
        for directive in definition.directives
        if isinstance(directive, Cost)
    }
    dear = ["summary", "totalCount"]
    expected = [
        "Query.opportunitySummary",
        "Query.opportunities(search:)",
        *[f"OpportunityConnection.{one}" for one in dear],
    ]
    assert weights == dict.fromkeys(expected, QueryLimits().max_records)


def test_gateways_take_no_cost_of_a_field_of_an_interface_and_multiply_that_of_a_list() -> None:
    types: Any = build_schema()._schema.type_map
    for type_ in types.values():
        for field in getattr(type_, "fields", {}).values():
            definition = field.extensions.get("strawberry-definition")
            if any(isinstance(one, Cost) for one in getattr(definition, "directives", ())):
                assert isinstance(type_, GraphQLObjectType)
                assert not is_list_type(get_nullable_type(field.type))
