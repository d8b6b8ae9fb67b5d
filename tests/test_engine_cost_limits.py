"""`engine.cost_limits`: how many records, root fields, input objects and operations a request may ask for."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from graphql import get_introspection_query, get_named_type, is_input_object_type, is_object_type, parse

from engine.cost import LimitExceeded, QueryLimits
from engine.cost_limits import CostLimits
from schema.execution import RECORDS
from tests.schemas import build_schema

SCHEMA = build_schema()._schema
PLANNER = CostLimits(SCHEMA, QueryLimits(), RECORDS.listings)


def records(document: str, variables: dict[str, Any] | None = None, *, most: int) -> None:
    planner = CostLimits(SCHEMA, replace(QueryLimits(), max_records=most), RECORDS.listings)
    for plan in planner.costs(parse(document)).values():
        planner.check(plan, variables)


@pytest.mark.parametrize(
    ("document", "variables", "count"),
    [
        ('{ opportunity(id: "a") { id } }', None, 1),
        (
            '{ a: opportunity(id: "a") { id } b: node(id: "a") { id } c: nexudusOpportunity(sourceId: "1") { id } }',
            None,
            3,
        ),
        ('{ opportunitiesById(ids: ["a", "b", "c"]) { id } }', None, 3),
        ('{ opportunitiesById(ids: "a") { id } }', None, 1),
        ("query($i: [ID!]!) { opportunitiesById(ids: $i) { id } nodes(ids: $i) { id } }", {"i": ["a"] * 7}, 14),
        ("query($i: [ID!]!) { opportunitiesById(ids: $i) { id } }", {"i": "a"}, 1),
        ('query($i: [ID!]! = ["a", "b"]) { opportunitiesById(ids: $i) { id } }', None, 2),
        ('query($i: [ID!]! = ["a", "b"]) { opportunitiesById(ids: $i) { id } }', {"i": ["a"] * 5}, 5),
        ("query($i: ID!) { opportunitiesById(ids: [$i, $i, $i]) { id } }", {"i": "a"}, 3),
        ("query($r: [_Any!]!) { _entities(representations: $r) { __typename } }", {"r": [{}] * 9}, 9),
        (
            '{ a: nodes(ids: ["a"]) { id } ...F } fragment F on Query { ... { b: nodes(ids: ["a", "b"]) { id } } }',
            None,
            3,
        ),
        ('{ ...F ...F ...G } fragment F on Query { nodes(ids: ["a"]) { id } } fragment G on Query { ...F }', None, 1),
        ('{ node(id: "a") { id } node(id: "a") { __typename } }', None, 1),
        ("{ __typename __schema { queryType { name } } _service { sdl } }", None, 0),
        ("{ opportunities { totalCount } }", None, 25),
        ("{ opportunities(first: 7) { totalCount } more: opportunities(last: 5) { totalCount } }", None, 12),
        ('{ ...F node(id: "a") { id } } fragment F on Query { opportunities(first: 3) { totalCount } }', None, 4),
        ("query($n: Int) { opportunities(first: $n) { totalCount } }", {"n": 30}, 30),
        ("query($n: Int) { opportunities(first: $n) { totalCount } }", None, 25),
        ("query($n: Int = 4) { opportunities(first: $n) { totalCount } }", None, 4),
        ("query($n: Int, $l: Int) { opportunities(first: $n, last: $l) { totalCount } }", {"l": 8}, 8),
    ],
)
def test_records_are_counted_over_the_whole_operation(document: str, variables: Any, count: int) -> None:
    records(document, variables, most=count)
    if count:
        with pytest.raises(LimitExceeded, match=f"at most {count - 1} records are allowed"):
            records(document, variables, most=count - 1)


def test_every_root_field_that_fetches_is_known_to_ask_for_records() -> None:
    """A new root field without an id has to be bounded in some other way, and named here."""
    asks = {name for name, arguments in PLANNER._id_arguments.items() if arguments}
    assert SCHEMA.query_type
    pages, bounded_otherwise = (
        {"opportunities", "opportunityChanges"},
        {"opportunitySummary", "pipelines", "sources", "_service"},
    )
    assert asks == set(SCHEMA.query_type.fields) - pages - bounded_otherwise
    assert {*RECORDS.listings, *RECORDS.page_sizes} == pages


def test_fields_count_once_for_each_record_they_are_asked_of() -> None:
    document = "query($i: [ID!]!) { nodes(ids: $i) { a: id b: id } }"
    planner = CostLimits(SCHEMA, replace(QueryLimits(), max_answer_fields=21))
    (plan,) = planner.costs(parse(document)).values()
    planner.check(plan, {"i": ["a"] * 10})
    with pytest.raises(LimitExceeded, match="at most 21 fields in the answer are allowed"):
        planner.check(plan, {"i": ["a"] * 11})


DEALS_OF_CUSTOMERS = """query($a: Int, $b: Int) { opportunities(first: 10) {
  nodes {
    id
    ... on NexudusOpportunity { customer { opportunities(first: $a) { nodes { id status } } } }
    ... on ChartMogulOpportunity { name: rawType customer { opportunities(first: $b) { nodes { id } } } }
  }
} }"""


@pytest.mark.parametrize(("given", "count"), [({"a": 3, "b": 1}, 40), ({"a": 1, "b": 4}, 50)])
def test_a_record_has_the_lists_of_one_type_alone(given: dict[str, int], count: int) -> None:
    for most, is_refused in ((count, False), (count - 1, True)):
        limits = replace(QueryLimits(), max_records=most)
        planner = CostLimits(SCHEMA, limits, RECORDS.listings, RECORDS.nested_listings)
        (plan,) = planner.costs(parse(DEALS_OF_CUSTOMERS)).values()
        with pytest.raises(LimitExceeded) if is_refused else nullcontext():
            planner.check(plan, given)


def test_the_fields_of_the_dearest_type_count_for_each_record() -> None:
    document = (
        "{ nodes(ids: [%s]) { id ... on NexudusOpportunity { a: id b: id } ... on ChartMogulOpportunity { c: id } } }"
    )
    for most, is_refused in ((31, False), (30, True)):
        planner = CostLimits(SCHEMA, replace(QueryLimits(), max_answer_fields=most))
        (plan,) = planner.costs(parse(document % ('"a" ' * 10))).values()
        with pytest.raises(LimitExceeded) if is_refused else nullcontext():
            planner.check(plan, {})


def measure(document: str, variables: dict[str, Any] | None = None, **limits: int) -> None:
    """Read a document as the engine does, and check a request with these variables; raises `LimitExceeded`."""
    planner = CostLimits(
        SCHEMA,
        replace(QueryLimits(), **limits),
        RECORDS.listings,
        RECORDS.nested_listings,
        RECORDS.page_sizes,
        RECORDS.list_lengths,
        RECORDS.item_fields,
    )
    for cost in planner.costs(parse(document)).values():
        planner.check(cost, variables)


PAGE_FIELDS = {
    "{ opportunities(first: 10) { totalCount summary(groupBy: []) { rows { count } } sources { asOf } } }": 1 + 6,
    "{ opportunities(first: 10) { nodes { id } } }": 1 + 1 + 10,
    "{ opportunities(last: 10) { edges { cursor node { id status } } pageInfo { endCursor } } }": 1 + 1 + 10 * 4 + 2,
    "{ opportunities { totalCount nodes { id } } }": 1 + 1 + 1 + 25,
    "query($n: Int) { opportunities(first: $n) { totalCount a: nodes { id } b: nodes { id } } }": 1 + 1 + 2 + 2 * 7,
    """{ opportunities(first: 10) { ...F ... on OpportunityConnection { b: totalCount c: nodes { id } } ... { ...G } } }
    fragment F on OpportunityConnection { nodes { id } totalCount ...G }
    fragment G on OpportunityConnection { ... on OpportunityConnection { d: nodes { id } } }""": 1 + 2 + 4 + 10 * 4,
    "{ opportunities(first: 10) { nodes { customer { opportunities(first: 3) { totalCount nodes { id } } } } } }": 2
    + 10 * (1 + 1 + 1 + 1 + 3),
    """{ opportunities(first: 10) { nodes {
      ... on NexudusOpportunity { customer { opportunities(first: 3) { totalCount nodes { id } } } }
      ... on ChartMogulOpportunity { customer { opportunities(first: 2) { totalCount nodes { id } } } }
    } } }""": 2 + 10 * (1 + 1 + 1 + 1 + 3),
    "{ opportunityChanges(first: 10) { latestCursor nodes { kind fields { field } } } }": 1 + 2 + 10 * (1 + 1 + 13),
    "subscription { opportunityChanges(first: 10) { cursor at changes { kind } } }": 1 + 3 + 10,
    '{ nodes(ids: ["a", "b"]) { id source } }': 1 + 2 * 2,
    "{ sources { name } pipelines { stages { name } } }": 2 + 3,
}


@pytest.mark.parametrize("document", PAGE_FIELDS)
def test_what_a_page_has_once_counts_once_and_what_each_record_has_counts_for_each(document: str) -> None:
    most = PAGE_FIELDS[document]
    measure(document, {"n": 7}, max_answer_fields=most)
    with pytest.raises(LimitExceeded, match=f"not {most}"):
        measure(document, {"n": 7}, max_answer_fields=most - 1)


NESTED = "{ deals: opportunities(first: 10) { nodes { customer { opportunities(first: $m) { nodes { id } } } } } }"
TOO_MUCH = {
    "{ a: opportunities(first: 150) { totalCount } b: opportunities(last: 60) { totalCount } }": (
        "200 records are allowed, not 210: `a` asks for 150 of them, by `first`",
        ["first: 150"],
    ),
    "query($n: Int) { opportunities { totalCount } b: opportunities(last: $n) { totalCount } }": (
        "200 records are allowed, not 215: `b` asks for 190 of them, by `last`",
        ["last: $n"],
    ),
    f"query($m: Int) {NESTED}": (
        "200 records are allowed, not 410: `opportunities` within `deals` asks for 400 of them, by `first`",
        ["first: $m"],
    ),
    f"{{ {' '.join(f'a{number}: opportunities {{ totalCount }}' for number in range(9))} }}": (
        "200 records are allowed, not 225: `a0` asks for 25 of them, by default",
        ["a0: opportunities { totalCount }"],
    ),
    "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }": (
        "200 records are allowed, not 201: `_entities` asks for 201 of them, by `representations`",
        ["representations: $r"],
    ),
    f"{{ opportunities(first: 200) {{ nodes {{ {' '.join(f'a{number}: id' for number in range(121))} }} }} }}": (
        "24,000 fields in the answer are allowed, not 24,202: `opportunities` asks for 24,201 of them, by `first`",
        ["first: 200"],
    ),
    f"query Deep {{ a {{ b {'{ c ' * 19} {'}' * 19} }} }}": (
        "20 levels of fields are allowed, not 21 in query `Deep`",
        ["c"],
    ),
    f"{{ a {{ ...F }} }} fragment F on T {{ x y {'{ c ' * 20} {'}' * 20} z }}": (
        "20 levels of fields are allowed, not 21 in fragment `F`",
        ["c"],
    ),
    f"{{ {'x { y ' * 18} ...F {'}' * 18} }} fragment F on T {{ a b {{ d c {{ e }} }} }}": (
        "20 levels of fields are allowed, not 21 in the query",
        ["e"],
    ),
    f"subscription S {{ a {{ {' '.join(f'a{number}: x' for number in range(501))} }} }}": (
        "500 aliases are allowed, not 501 in subscription `S`",
        ["subscription S"],
    ),
    f"{{ {' '.join(f'a{number}: x' for number in range(101))} }}": (
        "100 root fields are allowed, not 101 in the query",
        ["{ a0"],
    ),
    "{ ...F0 } "
    + " ".join(f"fragment F{number} on T {{ ...F{number + 1} ...F{number + 1} }}" for number in range(40))
    + f" fragment F40 on T {{ {'x ' * 2_000} }}": (
        "2,500 fields are allowed, not 4,000 in fragment `F39`",
        ["fragment F39"],
    ),
    " ".join(f"query Q{number} {{ x }}" for number in range(21)): (
        "20 operations in a document are allowed, not 21",
        ["query Q20"],
    ),
    f"{{ {'... {' * 100} x {'}' * 100} }}": ("100 selection sets within one another are allowed", ["{ x"]),
    "query($f: OpportunityFilter) { opportunities { totalCount } b: opportunities(filter: $f) { totalCount } }": (
        "1,000 input objects in arguments are allowed, not 1,001: `b` takes 1,001 of them",
        ["b: opportunities"],
    ),
    "{ a: __schema { types { name } } b: __schema { c: types { name } } }": (
        "2 aliases in introspection are allowed, not 3 in the query",
        ["a: __schema", "b: __schema"],
    ),
}


@pytest.mark.parametrize("document", TOO_MUCH)
def test_a_refusal_says_how_much_was_asked_for_and_where(document: str) -> None:
    said, places = TOO_MUCH[document]
    with pytest.raises(LimitExceeded) as refused:
        measure(document, {"n": 190, "m": 40, "r": [{}] * 201, "f": filters(1_001)})
    assert str(refused.value) == f"This asks for too much: at most {said}."
    found = refused.value.located().positions or []
    assert [document[at : at + len(place)] for at, place in zip(found, places, strict=True)] == places


def filters(count: int) -> dict[str, Any]:
    return {"or": [{}] * (count - 1)}


NESTED_FILTER = (
    "{ opportunities(first: 10) { nodes { customer { opportunities(first: 1, filter: %s) { totalCount } } } } }"
)
INPUT_OBJECTS = {
    "query($f: OpportunityFilter) { opportunities(filter: $f) { totalCount } }": 9,
    "query($f: OpportunityFilter) { opportunitySummary(filter: $f, groupBy: []) { isComplete } }": 9,
    "query($f: OpportunityFilter) { a: opportunities(filter: $f) { totalCount } b: opportunities { totalCount } }": 9,
    "query($f: OpportunityFilter) { a: opportunities(filter: $f) { asOf } b: opportunities(filter: $f) { asOf } }": 18,
    "query($f: OpportunityFilter) { opportunities(filter: {and: [$f, $f]}) { totalCount } }": 19,
    "query($f: OpportunityFilter = {or: [{}, {not: {}}]}) { opportunities(filter: $f) { totalCount } }": 9,
    "query($g: OpportunityFilter = {or: [{}, {not: {}}]}) { opportunities(filter: $g) { totalCount } }": 4,
    f"query($f: OpportunityFilter) {NESTED_FILTER % '$f'}": 90,
    NESTED_FILTER % "{or: [{}, {status: {eq: OPEN}}]}": 40,
    "{ opportunities(orderBy: [{field: VALUE}, {field: ID}], freshness: {maxAgeSeconds: 1}) { totalCount } }": 3,
    "{ ...F } fragment F on Query { opportunities(filter: {not: {}}) { totalCount } }": 2,
    'query($r: [_Any!]!) { _entities(representations: $r) { id } opportunity(id: "a", freshness: {}) { id } }': 1,
}


@pytest.mark.parametrize("document", INPUT_OBJECTS)
def test_input_objects_count_wherever_they_are_read(document: str) -> None:
    most, given = INPUT_OBJECTS[document], {"f": filters(9), "r": [{}] * 20}
    measure(document, given, max_input_objects=most)
    with pytest.raises(LimitExceeded, match=f"at most {most - 1} input objects in arguments are allowed, not {most}: "):
        measure(document, given, max_input_objects=most - 1)


def test_fields_that_take_input_objects_are_root_fields_or_lists_within_lists() -> None:
    """Of others the limits would not know how often their arguments are read."""
    takes = {
        (name, field)
        for name, type_ in SCHEMA.type_map.items()
        if is_object_type(type_) and type_ not in (SCHEMA.query_type, SCHEMA.subscription_type)
        for field, one in type_.fields.items()
        if any(is_input_object_type(get_named_type(argument.type)) for argument in one.args.values())
    }
    assert takes
    assert {field for _, field in takes} <= RECORDS.nested_listings.keys()


def test_a_fragment_that_spreads_itself_does_not_keep_a_refusal_from_being_made() -> None:
    with pytest.raises(LimitExceeded, match="levels of fields are allowed"):
        measure(f"{{ {'a { ' * 21} ...A {'}' * 21} }} fragment A on T {{ ...B }} fragment B on T {{ ...A b }}")


@pytest.mark.parametrize(
    ("limit", "document"),
    [
        ("max_root_fields", "{ a: __typename b: __typename c: __typename }"),
        ("max_root_fields", "{ a: __typename ...F } fragment F on Query { b: __typename ... { c: __typename } }"),
        ("max_operations", "query A { __typename } query B { __typename } query C { __typename }"),
    ],
)
def test_root_fields_and_operations_are_bounded(limit: str, document: str) -> None:
    CostLimits(SCHEMA, replace(QueryLimits(), **{limit: 3})).costs(parse(document))
    with pytest.raises(LimitExceeded):
        CostLimits(SCHEMA, replace(QueryLimits(), **{limit: 2})).costs(parse(document))


@pytest.mark.parametrize(
    "document",
    [
        "{ a: __schema { types { name } } b: __schema { types { name } } c: __schema { types { name } } }",
        "{ __schema { a: types { name } b: types { name } c: types { name } } }",
        '{ a: __type(name: "Query") { name } ...F } fragment F on Query { b: __schema { queryType { x: name } } }',
    ],
)
def test_introspection_cannot_ask_for_everything_many_times(document: str) -> None:
    with pytest.raises(LimitExceeded, match="at most 2 aliases in introspection"):
        PLANNER.costs(parse(document))


@pytest.mark.parametrize("options", [{}, {"input_value_deprecation": True, "specified_by_url": True}])
def test_the_introspection_of_every_tool_passes(options: dict[str, bool]) -> None:
    PLANNER.costs(parse(get_introspection_query(**options)))
    PLANNER.costs(parse('{ a: __type(name: "Query") { name } b: __type(name: "Node") { name } }'))
