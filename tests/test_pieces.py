"""Documents put together from pieces are answered as documents that are read whole."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.cache import Entry
from resolvers.errors import UpstreamUnavailable
from schema import build_restricted_schema, build_schema, execution
from schema.access import READ_OPPORTUNITIES, SCOPES, Access
from schema.execution import Answer, Document, Engine
from schema.measure import Limits
from schema.pieces import PiecedShortcuts, take_apart
from tests.test_compiled import EXAMPLES, GLOBAL_IDS, SOURCE_IDS, Fetcher, context
from web.sent import written as as_json

ROOT = {
    "opportunity": ("id", GLOBAL_IDS),
    "node": ("id", GLOBAL_IDS),
    "nodes": ("ids", GLOBAL_IDS),
    "opportunitiesById": ("ids", GLOBAL_IDS),
    "nexudusOpportunity": ("sourceId", SOURCE_IDS["nexudus"]),
    "chartMogulOpportunity": ("sourceId", SOURCE_IDS["chartmogul"]),
}
SELECTIONS = [
    "{ id }",
    "{id,__typename}",
    "{ id ... on NexudusOpportunity { stageName boardColumn { board { business { currency { code } } } } } }",
    "{ ... on Opportunity { mine: stageName, value{amount currencyCode} owner { name email } } }",
    "{ id @skip(if: false) ... @include(if: true) { id } }",
    # Invalid, each in a way of its own: an unknown field, no fields of a type, no variable of that name.
    "{ unheardOf }",
    "{ id ... on Opportunity { value } }",
    "{ id @include(if: $no) }",
]


def pieced(query: str) -> str:
    found = take_apart(query, Limits())
    assert found
    return " ".join(found.texts)


def test_the_pieces_of_a_document_are_its_root_fields_without_ids() -> None:
    found = take_apart('query Q { a: opportunity(id: "x") { id } opportunitiesById(ids:["y",\n"z"]) {id} }', Limits())
    assert found
    assert found.operation_name == "Q"
    assert found.fields == [
        ("a", '{opportunity(id:""){ id }}', "x", 10),
        ("opportunitiesById", '{opportunitiesById(ids:[""]){id}}', ["y", "z"], 41),
    ]


def test_texts_that_differ_in_ids_aliases_and_the_operations_name_have_the_same_pieces() -> None:
    first = pieced('query A { a: node(id: "1") { id } b: node(id: "2") { id } }')
    assert pieced('{ c: node(id: "3") { id }, node(id:"") { id } }') == first


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "{ }",
        '{ node(id: "1") { id }',
        '{ node(id: "1") { id } } { node(id: "1") { id } }',
        'query($a: ID!) { node(id: "1") { id } }',
        'mutation { node(id: "1") { id } }',
        'queryA { node(id: "1") { id } }',
        'query A @skip(if: false) { node(id: "1") { id } }',
        '{ node(id: "1") { id } node(id: "1") { id } }',
        '{ a: node(id: "1") { id } a: node(id: "2") { id } }',
        "{ node(id: $a) { id } }",
        "{ node(id: 1) { id } }",
        '{ node(id: ["1"]) { id } }',
        '{ nodes(ids: "1") { id } }',
        '{ node(ids: "1") { id } }',
        '{ node(id: "1", id: "2") { id } }',
        '{ node(id: "\\u0031") { id } }',
        '{ node(id: """1""") { id } }',
        '{ nodes(ids: ["""1"]) { id } }',
        '{ node(id: "1") @skip(if: true) { id } }',
        '{ node(id: "1") { id ... F } } fragment F on Node { id }',
        '{ node(id: "1") { id # }\n } }',
        '{ node(id: "1") { a(b: "}") } }',
        '{ node(id: "1") { id } __typename }',
        '{ node(id: "1") { id } ... on Query { __typename } }',
        '{ __type(name: "Query") { name } }',
        '{ unheardOf(id: "1") { id } }',
        '{node(id:""){ id }}',
    ],
)
def test_any_other_text_is_read_as_a_whole(query: str) -> None:
    assert take_apart(query, Limits()) is None


@pytest.mark.parametrize(
    ("limits", "query"),
    [
        (Limits(max_characters=30), '{ node(id: "12345678901234567890") { id } }'),
        (Limits(max_tokens=25), '{ node(id: "1") { id id id id id id id id } }'),
        (Limits(max_fields=25), '{ node(id: "1") { id id id id id id id id } }'),
        (Limits(max_answer_fields=20), '{ nodes(ids: ["1", "2"]) { id id id id } }'),
        (Limits(max_aliases=2), '{ a: node(id: "1") { b: id c: id } }'),
        (Limits(max_root_fields=1), '{ a: node(id: "1") { id } b: node(id: "1") { id } }'),
        (Limits(max_records=1), '{ nodes(ids: ["1", "2"]) { id } }'),
        (Limits(max_directives=0), '{ node(id: "1") { id @skip(if: true) } }'),
        (Limits(), "{" + "".join(f'a{n}: node(id: "1") {{ a{n}: id }} ' for n in range(9)) + "}"),
    ],
)
def test_what_may_be_over_a_limit_is_read_as_a_whole(limits: Limits, query: str) -> None:
    assert take_apart(query, limits) is None
    assert take_apart('{ node(id: "1") { id } }', limits)


def engine(limits: Limits | None = None) -> Engine:
    return Engine(build_schema(), restricted=build_restricted_schema(), limits=limits)


PIECED, WHOLE = engine(), engine()


async def body(
    engine: Engine, query: str, seed: int, access: Access, *, name: str | None = None
) -> tuple[dict[str, Any], bool]:
    """Return the answer, and whether the document was put together from pieces."""
    document = engine.read(query)
    if isinstance(document, Answer):
        return document.body(), False
    fetchers = {source: Fetcher(source, Random(f"{seed} {source}")) for source in SOURCE_IDS}
    found = await engine.answer(document, {"unused": 1}, name, context(fetchers, access))
    answer = orjson.loads(as_json(found.body()))
    if "errors" in answer:  # fields are executed side by side: which fails first is a matter of luck
        answer["errors"].sort(key=lambda error: (str(error.get("path")), str(error)))
    return answer, isinstance(document.shortcuts, PiecedShortcuts)


def written(chance: Random) -> str:
    """Return a document, often a valid one, often one that can be taken apart."""
    gap: Callable[[], str] = lambda: chance.choice(["", " ", "\n", ", "])  # noqa: E731 - shorter than a function
    selections = chance.sample(SELECTIONS[: chance.choice([5, 5, 8])], 2)
    fields = []
    for number in range(chance.choice([1, 2, 4])):
        field = chance.choice(list(ROOT))
        argument, ids = ROOT[field]
        drawn = [chance.choice([*ids, "x", ""]) if chance.random() < 0.2 else chance.choice(ids) for _ in range(2)]
        value = f'["{drawn[0]}"{gap()}"{drawn[1]}"]' if argument == "ids" else f'"{drawn[0]}"'
        alias = chance.choice([f"a{number}", f"a{number}", f"a{number}", "same"]) + gap() + ":"
        fields.append(
            f"{gap()}{alias}{gap()}{field}{gap()}({argument}:{gap()}{value}{gap()}){chance.choice(selections)}"
        )
    return chance.choice(["", "query ", "query Named "]) + "{" + gap().join(fields) + gap() + "}" + gap()


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_answer_is_the_same_as_that_of_the_whole_text(seed: int) -> None:
    chance = Random(seed)
    query = written(chance)
    access = Access.of(chance.choice([SCOPES, {READ_OPPORTUNITIES}, set()]), is_gateway=False, is_production=False)
    name = chance.choice([None, None, None, "Named", "Other"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("schema.execution.take_apart", lambda *_: None)
        expected, _ = asyncio.run(body(WHOLE, query, seed, access, name=name))
    for _ in range(3):  # read, compiled, used
        found, _ = asyncio.run(body(PIECED, query, seed, access, name=name))
        assert found == expected


async def test_a_new_text_of_known_pieces_is_neither_parsed_nor_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = Access.of(SCOPES, is_gateway=False, is_production=False)
    text = '{{ {}: opportunity(id: "{}") {{ id }} }}'
    for number in range(3):
        _, was_pieced = await body(PIECED, text.format(f"b{number}", GLOBAL_IDS[number]), 1, everything)
        assert was_pieced
    monkeypatch.setattr("schema.execution.parse", None)
    monkeypatch.setattr("schema.execution.validate", None)
    monkeypatch.setattr(Fetcher, "at_hand", lambda *_: Entry(None, 0, 0, 0, 0))
    assert (await body(PIECED, text.format("new", GLOBAL_IDS[5]), 1, everything))[0] == {"data": {"new": None}}


async def test_a_piece_that_occurs_often_is_compiled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = Access.of(SCOPES, is_gateway=False, is_production=False)
    monkeypatch.setattr("schema.execution.execute_with_graphql_core", None)
    monkeypatch.setattr(Fetcher, "at_hand", lambda *_: Entry(None, 0, 0, 0, 0))
    aliases = " ".join(f'a{n}: opportunity(id: "{GLOBAL_IDS[0]}") {{ quiteNew: id }}' for n in range(10))
    assert (await body(PIECED, f"{{ {aliases} }}", 1, everything))[0] == {"data": {f"a{n}": None for n in range(10)}}


async def test_an_error_stands_where_it_stands_in_the_text() -> None:
    access = Access.of(SCOPES, is_gateway=False, is_production=False)
    for _ in range(3):
        found, was_pieced = await body(PIECED, '{ a: node(id: "x")\n { id }\n b: node(id: "y") { id } }', 1, access)
        assert was_pieced
        assert [error["locations"] for error in found["errors"]] == [
            [{"line": 1, "column": 3}],
            [{"line": 3, "column": 2}],
        ]


async def test_a_source_that_fails_costs_no_parsing_and_has_its_place_in_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = Access.of(SCOPES, is_gateway=False, is_production=False)
    text = '{{ {}: opportunity(id: "{}")\n{{ id }}\n  {}: opportunity(id: "{}") {{ id }} }}'
    for number in range(3):
        await body(PIECED, text.format("a", GLOBAL_IDS[0], f"b{number}", GLOBAL_IDS[number]), 1, everything)
    monkeypatch.setattr("schema.execution.parse", None)

    def ask(*_: object) -> Any:
        raise UpstreamUnavailable("nexudus")

    monkeypatch.setattr("resolvers.loaders.Loaders.ask", ask)
    found, _ = await body(PIECED, text.format("new", GLOBAL_IDS[5], "newer", GLOBAL_IDS[6]), 1, everything)
    assert found["data"] == {"new": None, "newer": None}
    assert [(error["path"], error["locations"]) for error in found["errors"]] == [
        (["new"], [{"line": 1, "column": 3}]),
        (["newer"], [{"line": 3, "column": 3}]),
    ]
    assert {error["extensions"]["source"] for error in found["errors"]} == {"nexudus"}


def test_many_new_texts_of_known_pieces_stay_within_the_memory_for_documents() -> None:
    mine = engine()
    for number in range(1000):
        aliases = " ".join(f'a{number}x{n}: opportunity(id: "{n}") {{ id }}' for n in range(20))
        document = mine.read(f"{{ {aliases} }}")
        assert isinstance(document, Document)
        assert document.kept_tree is None
    assert mine._kept_bytes <= 8_000_000
    assert mine.read('{opportunity(id:""){ id }}') is mine.read('{opportunity(id:""){ id }}')


def test_no_document_outlives_its_pieces_among_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "KEPT_DOCUMENT_BYTES", 200_000)
    engine = Engine(build_schema())
    whole = '{ a: opportunity(id: "x") { stageName } b: opportunity(id: "y") { id } }'
    for number in range(20):
        found = engine.read(whole)
        assert isinstance(found, Document)
        assert len(found.pieces) == 2
        assert set(found.pieces) <= set(engine._documents)
        engine.read(f"{{ a{number}: __typename }}")
