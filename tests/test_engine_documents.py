"""Texts that differ in the ids in them are one document, and are answered as if each were read by itself.

`engine.literals` finds the literals.

`engine.reader` reads a text, `engine.slots` finds where its parameters stand.
"""

import asyncio
import gc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from graphql import GraphQLError, Lexer, Source, Token, TokenKind, execute_sync, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import documents
from engine.answer import Answer
from engine.cost import QueryLimits
from engine.documents import Document
from engine.engine import Engine
from engine.literals import parameterisations
from resolvers.errors import UpstreamUnavailable
from resolvers.fetching.record_cache import Entry
from schema.access import READ_OPPORTUNITIES, SCOPES, Access
from schema.execution import build_engine
from tests.engines import EVERYTHING, body
from tests.records import EXAMPLES, GLOBAL_IDS, SOURCE_IDS, Scheduler
from tests.schemas import build_restricted_schema, build_schema

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
    "{ id ...F }",
    "{ id @include(if: $yes) }",
    # Invalid, each in a way of its own: an unknown field, no fields of a type, no variable of that name.
    "{ unheardOf }",
    "{ id ... on Opportunity { value } }",
    "{ id @include(if: $no) }",
]


def engine(limits: QueryLimits | None = None) -> Engine:
    return build_engine(build_schema(), restricted=build_restricted_schema(), limits=limits)


SCHEMA = build_schema()._schema
ENGINE, WHOLE = engine(), engine()


def text(chance: Random, shape: int) -> str:
    """Return a document of a shape, with ids of its own: often a valid one, often one that is not always so."""
    same = Random(shape)
    gap: Callable[[], str] = lambda: same.choice(["", " ", "\n", ", "])  # noqa: E731 - shorter than a function
    selections = same.sample(SELECTIONS[: same.choice([5, 7, 10])], 2)
    fields = []
    for number in range(same.choice([1, 2, 4])):
        field = same.choice(list(ROOT))
        argument, ids = ROOT[field]
        drawn = [chance.choice([*ids, "x", ""]) if chance.random() < 0.2 else chance.choice(ids) for _ in range(2)]
        literals = [f'"{one}"' if same.random() < 0.95 else same.choice(["$i", "7", '"""7"""']) for one in drawn]
        one = literals[0]
        many = same.choice([f"[{literals[0]}{gap()}{literals[1]}]", f"[{literals[0]}]", literals[0]])
        alias = same.choice([f"a{number}", f"a{number}", f"a{number}", "same"]) + gap() + ":"
        fields.append(
            f"{gap()}{alias}{gap()}{field}{gap()}({argument}:{gap()}{many if argument == 'ids' else one}{gap()})"
            f"{same.choice(selections)}"
        )
    if same.random() < 0.2:
        fields[0] = f"... on Query {{ {fields[0]} }}"
    if same.random() < 0.1:
        fields.append(f'__type(name: "{chance.choice(["Query", "Money"])}") {{ name }}')
    whole = "{" + gap().join(fields) + gap() + "}" + gap()
    named = chance.choice(["Named", "Named", "Q", "Another"])
    head = same.choice(["", "query ", f"query {named} ", f",query\n{named}"])
    variables = [v for v in ("$yes: Boolean!", "$i: ID!") if v.split(":")[0] in whole]
    if variables:
        head = f"query {named}({', '.join(variables)})"
    if same.random() < 0.1:
        whole += " query Other { __typename }"
    if "...F" in whole:
        whole += " fragment F on Node { __typename }"
    return head + whole


@pytest.mark.programs
@settings(max_examples=EXAMPLES // 2)
@given(seed=st.integers(0, 10**9))
def test_the_answer_is_the_same_as_if_each_text_were_a_document_of_its_own(seed: int) -> None:
    chance = Random(seed)
    access = Access.of(chance.choice([SCOPES, {READ_OPPORTUNITIES}, set()]), is_gateway=False, is_production=False)
    name = chance.choice([None, None, None, "Named", "Other"])
    for _ in range(4):  # read, compiled, used, used
        query = text(chance, seed)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("engine.documents.parameterisations", lambda _, **__: ())
            patched.setattr("engine.documents.CompiledDocument.operation", lambda *_: None)
            expected = asyncio.run(body(WHOLE, query, seed, access, name=name))
        assert asyncio.run(body(ENGINE, query, seed, access, name=name)) == expected, query


def tokens(query: str) -> list[str] | None:
    """Return the values of graphql-core's string tokens, None where there are others or it refuses the text."""
    lexer = Lexer(Source(query))
    found = []
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind is TokenKind.BLOCK_STRING:
                return None
            if token.kind is TokenKind.STRING:
                found.append(token.value or "")
    except GraphQLError:
        return None
    return found


@settings(max_examples=300)
@given(st.text(st.sampled_from('""""" a7#\\\n\r\t{}(:),\ufeff\u00e9\ud800'), max_size=12))
def test_literals_are_those_that_the_lexer_finds(query: str) -> None:
    found = next((one for one in parameterisations(query) if one.name is None), None)
    lexed = tokens(query)
    if found is not None and lexed is not None:
        assert found.parameters == lexed
    if found is not None and lexed is None:  # refused for what is around the literals: every such text is
        assert tokens(query.replace('"', " ")) is None or tokens(found.template.replace('""', '"a"')) is None


@pytest.mark.parametrize(
    "query",
    [
        '{ node(id: "1") { id } node(id: "1") { id } }',
        '{ a: node(id: "1") { id } ...F } fragment F on Query { a: node(id: "1") { id } }',
        '{ node(id: "\\u0031") { id } }',
        '{ node(id: """1""") { id } }',
        '{ node(id: "1") { id # }\n } }',
        '{ __type(name: "1") { name } }',
        '{ node(id: "1") { id } __type(name: "1") { name } }',
        'query($i: ID = "1") { node(id: $i) { id } }',
        '{ _entities(representations: [{__typename: "NexudusOpportunity", sourceId: "1"}]) { __typename } }',
        '{ nodes(ids: ["1", 2]) { id } }',
        'query { node(id: "1") { id ... @defer(label: "1") { __typename } } }',
    ],
)
def test_a_text_whose_literals_decide_what_it_is_has_a_document_of_its_own(query: str) -> None:
    """Each of these is another document with other literals, or may be; that they are none is never lost."""
    first = ENGINE.read(query)
    other = ENGINE.read(query.replace("1", "3"))
    if isinstance(first, Document) and isinstance(other, Document):
        assert first.compiled_document is not other.compiled_document
        assert first.parts is None


@pytest.mark.parametrize("first_is_valid", [True, False])
async def test_whether_fields_of_one_name_are_equal_is_decided_for_each_text(first_is_valid: bool) -> None:
    template = '{{ a: node(id: "{}") {{ id }} a: node(id: "{}") {{ id }} }}'
    mine = engine()
    for valid in (first_is_valid, not first_is_valid):
        found = mine.read(template.format("x", "x" if valid else "y"))
        assert isinstance(found, Document) is valid


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that are known not to exist."""
    monkeypatch.setattr(Scheduler, "cached", lambda *_: Entry(None, 0, 0, 0))


@pytest.mark.parametrize(
    "template",
    [
        '{{ new: opportunity(id: "{}") {{ id }} }}',
        'query Q {{ new: node(id:"{}") {{ ...F }} }} fragment F on Node {{ id }}',
        '{{ ... on Query {{ new: opportunity(id: "{}") @include(if: true) {{ id }} }} }}',
    ],
)
@pytest.mark.usefixtures("known")
async def test_a_text_of_a_known_template_is_neither_parsed_nor_validated(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        await body(ENGINE, template.format(GLOBAL_IDS[number]), 1, EVERYTHING)
    for name in ("reader.parse", "reader.validate", "documents.parse", "engine.execute_with_graphql_core"):
        monkeypatch.setattr(f"engine.{name}", None)
    assert await body(ENGINE, template.format(GLOBAL_IDS[5]), 1, EVERYTHING) == {"data": {"new": None}}


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ('query {} {{ new: node(id: "%s") {{ id }} }}', {}),
        (' ,\n query\t{}{{ new: nodes(ids: ["%s"]) {{ ...F }} }} fragment F on Node {{ id }}', {}),
        ("query {}($i: ID!) {{ new: node(id: $i) {{ id }} }} # %s", {"i": GLOBAL_IDS[0]}),
    ],
)
@pytest.mark.usefixtures("known")
async def test_a_known_document_whose_operation_has_another_name_is_neither_parsed_nor_validated(
    template: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def query(name: str) -> str:
        return template.format(name).replace("%s", GLOBAL_IDS[0])

    for name in ("A", "Bee"):
        await body(ENGINE, query(name), 1, EVERYTHING, name=name)
    for name in ("reader.parse", "reader.validate", "documents.parse", "engine.execute_with_graphql_core"):
        monkeypatch.setattr(f"engine.{name}", None)
    for name in ("A", "Bee", "Another"):
        for asked in (None, name):
            found = await body(ENGINE, query(name), 1, EVERYTHING, name=asked)
            assert found in ({"data": {"new": None}}, {"data": {"new": [None]}})


async def test_an_operation_is_found_by_the_name_that_it_has_in_its_own_text() -> None:
    """GraphQL specification, 6.1: `operationName` that names no operation of the document is a request error."""
    names = ("A", "Bee", "Another")
    for name in (*names, *names):
        for asked in ("A", "Bee", "Cee", ""):
            query = f'query {name} {{ node(id: "x") {{ id }} }}'
            found = await body(ENGINE, query, 1, EVERYTHING, name=asked)
            if asked == name:
                assert "data" in found
            else:
                expected = execute_sync(SCHEMA, parse(query), operation_name=asked)
                assert expected.errors
                assert expected.data is None
                assert [error["message"] for error in found["errors"]] == [
                    "The document has no operation of this name."
                ]
                assert "data" not in found


async def test_documents_with_several_operations_keep_their_names() -> None:
    template = 'query {} {{ new: node(id: "x") {{ id }} }} query {} {{ old: node(id: "x") {{ id }} }}'
    for first, second in (("A", "B"), ("C", "B"), ("B", "B"), ("B", "A"), ("A", "B")):
        found = ENGINE.read(template.format(first, second))
        assert isinstance(found, Document) is (first != second)
        if isinstance(found, Document):
            for name, key in ((first, "new"), (second, "old")):
                errors = (await body(ENGINE, template.format(first, second), 1, EVERYTHING, name=name))["errors"]
                assert [error["path"] for error in errors] == [[key]]


async def test_each_text_is_answered_with_its_own_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(_: object, _source: object, source_id: str) -> None:
        asked.append(source_id)

    monkeypatch.setattr("resolvers.loaders.Loaders.request", ask)
    template = '{{ a: nexudusOpportunity(sourceId: "{}") {{ id }} nodes(ids: ["{}", "{}"]) {{ id }} }}'
    for numbers in ((1, 2, 3), (4, 5, 6), (6, 4, 1)):
        asked.clear()
        ids = [SOURCE_IDS["nexudus"][numbers[0] - 1], *(GLOBAL_IDS[n - 1] for n in numbers[1:])]
        await body(ENGINE, template.format(*ids), 1, EVERYTHING)
    assert asked == ["6", "4", "1"]


async def test_a_source_that_fails_costs_no_parsing_and_has_its_place_in_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template = (
        '{{ a: opportunity(id: "{}") {{ id }} b: opportunity(id: "{}")\n{{ id }} c: opportunity(id: "x") {{ id }} }}'
    )
    for number in range(2):
        await body(ENGINE, template.format(GLOBAL_IDS[0], GLOBAL_IDS[number]), 1, EVERYTHING)
    monkeypatch.setattr("engine.documents.parse", None)

    def ask(*_: object) -> Any:
        raise UpstreamUnavailable("nexudus")

    monkeypatch.setattr("resolvers.loaders.Loaders.request", ask)
    for first, second in ((GLOBAL_IDS[5], GLOBAL_IDS[11]), (GLOBAL_IDS[11], GLOBAL_IDS[5]), ("x", "y")):
        query = template.format(first, second)
        found = await body(ENGINE, query, 1, EVERYTHING)
        lines = query.split("\n")
        assert [(error["path"], error["locations"]) for error in found["errors"]] == [
            (["a"], [{"line": 1, "column": 1 + query.index("a:")}]),
            (["b"], [{"line": 1, "column": 1 + query.index("b:")}]),
            (["c"], [{"line": 2, "column": 1 + lines[1].index("c:")}]),
        ]


@pytest.mark.parametrize(
    ("limits", "query"),
    [
        (QueryLimits(max_characters=35), '{ node(id: "12345678901234567890") { id } }'),
        (QueryLimits(max_records=1), '{ nodes(ids: ["1", "2"]) { id } }'),
        (QueryLimits(max_aliases=0), '{ a: node(id: "1") { id } }'),
    ],
)
def test_a_limit_holds_for_every_text_of_a_template(limits: QueryLimits, query: str) -> None:
    mine = engine(limits)
    short = '{ node(id: "1") { id } }'
    assert isinstance(mine.read(short), Document)
    for _ in range(2):
        refused = mine.read(query)
        assert isinstance(refused, Answer) or mine._refusal(refused.plan(None), None, EVERYTHING)
    assert isinstance(mine.read(short), Document)


async def test_what_is_compiled_counts_towards_the_memory_for_documents() -> None:
    mine = engine()
    query = (
        "query A { "
        + " ".join(f"a{n}: __typename" for n in range(50))
        + ' opportunity(id: "x") { id owner { name } } }'
    )
    sizes = []
    for _ in range(3):
        await body(mine, query, 1, EVERYTHING)
        sizes.append(mine._documents.bytes)
    assert sizes[0] < sizes[1] == sizes[2]


async def test_many_documents_that_are_compiled_stay_within_the_memory_for_documents() -> None:
    most = documents.MOST_BYTES // 10
    mine = build_engine(build_schema(), max_document_bytes=most)
    for number in range(30):
        aliases = " ".join(f'a{n}: opportunity(id: "x") {{ id }}' for n in range(20))
        fragment = f"fragment F{number} on Query {{ __typename }}"
        for _ in range(2):
            await body(mine, f"{{ {aliases} ...F{number} }} {fragment}", 1, EVERYTHING)
            assert mine._documents.bytes <= most
    assert 1 < len(mine._documents) < 30


async def test_a_document_that_is_cast_out_needs_no_full_garbage_collection() -> None:
    """Trees whose tokens are linked with one another wait for a full collection, during which everybody waits."""
    mine = build_engine(build_schema(), max_document_bytes=100_000)

    def tokens_alive() -> int:
        return sum(isinstance(one, Token) for one in gc.get_objects())

    async def ask(number: int) -> None:
        for _ in range(2):
            fragment = f"fragment F{number} on Opportunity {{ id stageName }}"
            await body(mine, f'query Q {{ opportunity(id: "x") {{ ...F{number} }} }} {fragment}', 1, EVERYTHING)
        gc.collect(0)  # what validation and execution leave behind at once; what is cached grows older

    await ask(0)
    gc.collect()
    gc.disable()
    try:
        before = tokens_alive()
        for number in range(1, 60):
            await ask(number)
        assert tokens_alive() - before < 200
    finally:
        gc.enable()
