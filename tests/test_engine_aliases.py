"""Texts that differ in aliases are one document, and each is answered under its own ones.

`engine.literals` finds the aliases, `engine.aliases` puts numbers in their places and takes them back.
"""

import asyncio
import tracemalloc
from collections.abc import Callable
from random import Random

import orjson
import pytest
from graphql import GraphQLError, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from engine.aliases import Aliases, alias_nodes, checked, fixed_names, with_numbers
from engine.answer import Answer, AnswerSize
from engine.cost import LimitExceeded, QueryLimits
from engine.documents import Document
from engine.engine import Engine
from engine.fallbacks import NotCompiled
from engine.literals import parameterisations
from httpserver.response import dumps
from resolvers.chartmogul.record import ChartMogulRecord
from schema.access import READ_OPPORTUNITIES, SCOPES, Access
from schema.execution import build_engine
from tests.deal_lists import deals_of, open_deals, simulated
from tests.engines import EVERYTHING
from tests.fuzzing import EXAMPLES
from tests.records import GLOBAL_IDS, SOURCE_IDS, Scheduler, context, record
from tests.schemas import build_restricted_schema, build_schema

ALIASES = [
    "r1427000501",
    "r1427000502",
    "opp_1",
    "opp_2",
    "status",
    "stageName",
    "__one",
    "query",
    "abc",
    "true",
    "_0_0",
]
REPRESENTATIONS = [{"__typename": "NexudusOpportunity", "id": GLOBAL_IDS[0]}]
GAPS = ["", " ", "\n", ", ", " \n\t"]


SCHEMA, RESTRICTED = build_schema(), build_restricted_schema()


def engine(limits: QueryLimits | None = None) -> Engine:
    return build_engine(SCHEMA, restricted=RESTRICTED, limits=limits)


ENGINE, WHOLE = engine(), engine()
taken: set[int] = set()
"""The documents of the comparison that were compiled."""


async def answered(engine: Engine, query: str, seed: int, access: Access = EVERYTHING) -> bytes:
    """Return the answer's bytes; errors in the order of their places, for fields are executed side by side."""
    document = engine.read(query)
    if isinstance(document, Answer):
        return dumps(document.body())
    schedulers = {source: Scheduler(source, Random(f"{seed} {source}")) for source in SOURCE_IDS}
    found = (
        await engine.answer(document, {"yes": True, "r": REPRESENTATIONS}, None, context(schedulers, access))
    ).body()
    found.get("errors", []).sort(key=lambda error: (str(error.get("path")), str(error)))
    return dumps(found)


def text(chance: Random, shape: int) -> str:
    """Return a document of a shape, with aliases and ids of its own."""
    same = Random(shape)
    gap: Callable[[], str] = lambda: same.choice(GAPS)  # noqa: E731 - shorter than a function
    names = chance.sample(ALIASES, len(ALIASES)) if chance.random() < 0.7 else chance.choices(ALIASES, k=len(ALIASES))
    repeats = same.random() < 0.3
    used = iter(range(100))

    def alias() -> str:
        number = same.randrange(len(names)) if repeats else next(used)
        name = names[number] if number < len(names) else f"{names[number % len(names)]}_{number}"
        return f"{name}{gap()}:{gap()}"

    leaves = ["id", "sourceId", "stageName", "status", "__typename", "pipelineName", "createdAt", "url", "asOf"]

    def leaf() -> str:
        return (alias() if same.random() < 0.5 else "") + same.choice(leaves)

    def selection(field: str) -> str:
        own = {
            "nexudusOpportunity": f"{alias()}boardColumn {{ {alias()}name }}",
            "chartMogulOpportunity": f"{alias()}custom {{ {alias()}key {alias()}value }}",
        }
        further = [
            "",
            f"{alias()}value {{ {alias()}amount currencyCode }}",
            f"... on Opportunity {{ {alias()}stageName }}",
            "...F",
            f"{alias()}customer {{ {alias()}companyName }}",
            own.get(field, f"... on ChartMogulOpportunity {{ {own['chartMogulOpportunity']} }}"),
            f"{alias()}unheardOf",
        ]
        return f"{{ {leaf()} {leaf()} {same.choice(further[: same.choice([6, 6, 6, 7])])} }}"

    fields = []
    for _ in range(same.choice([1, 2, 4])):
        name, argument, ids = same.choice(
            [
                ("opportunity", "id", GLOBAL_IDS),
                ("nexudusOpportunity", "sourceId", SOURCE_IDS["nexudus"]),
                ("chartMogulOpportunity", "sourceId", SOURCE_IDS["chartmogul"]),
            ]
        )
        id_ = chance.choice([*ids, "x"])
        fields.append(f'{alias()}{name}({argument}{gap()}:{gap()}"{id_}"){selection(name)}')
    many = ", ".join(f'"{one}"' for one in chance.sample(GLOBAL_IDS, 3))
    fields.append(f"{alias()}opportunitiesById(ids: [{many}]){selection('any')}")
    if same.random() < 0.3:
        fields.append(f"{alias()}__typename")
    if same.random() < 0.1:
        fields.append(f'{alias()}__type(name: "Money") {{ {alias()}name }}')
    if same.random() < 0.1:
        fields.append(f"# {alias()}(\n")
    whole = f"{{ {' '.join(fields)} }}"
    head = same.choice(["", f"query {chance.choice(['Named', 'Other'])} ", "query ($yes: Boolean!, $r: [_Any!]!) "])
    if "$yes" in head:
        entities = f"{alias()}_entities(representations: $r) {{ ... on Node {{ {alias()}id }} }}"
        whole = whole.replace("{", f"{{ yes: __typename @include(if: $yes) {entities} ", 1)
    if "...F" in whole:
        whole += f" fragment F on Node {{ {alias()}id ... on Opportunity {{ {alias()}createdAt }} }}"
    return head + whole


@pytest.mark.programs
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 10**9))
def test_the_bytes_are_the_same_as_if_no_alias_were_a_parameter(seed: int) -> None:
    chance = Random(seed)
    before = ENGINE.compiled
    access = Access.of(chance.choice([SCOPES, {READ_OPPORTUNITIES}]), is_gateway=False, is_production=False)
    for _ in range(6):  # read, read with aliases as parameters, compiled, used
        query = text(chance, seed)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("engine.documents.parameterisations", lambda _, **__: ())
            patched.setattr("engine.documents.CompiledDocument.operation", lambda *_: None)
            expected = asyncio.run(answered(WHOLE, query, seed, access))
        assert asyncio.run(answered(ENGINE, query, seed, access)) == expected, query
    taken.update([seed] if ENGINE.compiled > before else [])


@pytest.mark.programs
def test_the_comparison_means_something() -> None:
    assert len(taken) > EXAMPLES / 10, f"too few documents with other aliases were compiled: {len(taken)}"


async def alike(*queries: str, size: int | None = None) -> Engine:
    """Have each query answered as by an engine that has seen no other; return the one that has seen all."""
    limits = QueryLimits(max_answer_bytes=size) if size else QueryLimits()
    seen = engine(limits)
    for query in queries:
        assert await answered(seen, query, 1) == await answered(engine(limits), query, 1), query
    return seen


async def compiled(seen: Engine, query: str) -> bool:
    before = seen.compiled
    assert await answered(seen, query, 1) == await answered(engine(), query, 1), query
    return seen.compiled > before


ID, OTHER = GLOBAL_IDS[0], GLOBAL_IDS[11]


async def test_the_third_text_of_other_aliases_is_neither_parsed_nor_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    query = 'query {} {{ {}: opportunity(id: "{}") {{ {}: stageName id {}: value {{ {}: amount }} }} }}'
    texts = [
        query.format(f"Q{n}", f"r{n}427000501", id_, f"name_{n}", f"worth{10**n}", f"worth{10**n}")
        for n, id_ in enumerate([ID, OTHER, ID, OTHER])
    ]
    expected = [await answered(engine(), one, 1) for one in texts]
    seen = engine()
    assert [await answered(seen, one, 1) for one in texts[:2]] == expected[:2]
    monkeypatch.setattr("engine.reader.parse", None)
    monkeypatch.setattr("engine.documents.parse", None)
    assert [await answered(seen, one, 1) for one in texts[2:]] == expected[2:]
    assert seen.compiled == 2
    document = seen.read(texts[3])
    assert isinstance(document, Document)
    assert document.operation_name(None) == "Q3"


async def test_a_text_that_comes_again_is_not_searched_for_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = engine()
    query = '{{ mine: opportunity(id: "{}") {{ name: stageName }} }}'
    expected = await answered(engine(), query.format(OTHER), 1)
    await answered(seen, query.format(ID), 1)
    monkeypatch.setattr("engine.literals._without_aliases", None)
    assert await answered(seen, query.format(OTHER), 1) == expected
    assert seen.compiled == 1


@pytest.mark.parametrize(
    ("known", "other"),
    [
        ("{{ {0}: opportunity(id: $) {{ {1}: id {1}: id }} }}", "{{ {0}: opportunity(id: $) {{ {1}: id {2}: id }} }}"),
        ("{{ {0}: opportunity(id: $) {{ {1}: id {2}: id }} }}", "{{ {0}: opportunity(id: $) {{ {1}: id {1}: id }} }}"),
    ],
    ids=["equal ones first", "different ones first"],
)
async def test_which_aliases_are_equal_is_part_of_what_a_document_is(known: str, other: str) -> None:
    texts = [one.replace("$", f'"{ID}"') for one in (known, known, known, other, known, other)]
    await alike(*[one.format(f"root{n}", f"one_{n}", f"two_{n}") for n, one in enumerate(texts)])


async def test_an_alias_that_is_another_field_s_key_is_read_anew() -> None:
    query = '{{ {}: opportunity(id: "' + ID + '") {{ {}: id status abc: stageName }} }}'
    seen = await alike(*[query.format(f"root{n}", f"leaf{n}") for n in range(3)])
    await alike(*[query.format(f"root{n}", name) for n, name in enumerate(["leaf", "leaf", "leaf", "status"])])
    assert b"conflict" in await answered(seen, query.format("root", "status"), 1)
    assert await compiled(seen, query.format("status", "leaf")) is False
    assert await compiled(seen, query.format("root", "leaf"))


async def test_no_text_of_a_numbered_alias_is_taken_for_a_known_one() -> None:
    query = '{{ {}: opportunity(id: "' + ID + '") {{ {}: id }} }}'
    seen = await alike(*[query.format(f"root{n}", f"leaf{n}") for n in range(3)])
    for names in (("\x7f0", "\x7f1"), ("root", "\x7f1"), ("\x7f0", "leaf")):
        assert b"Syntax Error" in await answered(seen, query.format(*names), 1)


async def test_errors_have_their_places_in_the_text_and_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    query = '{{ {}: opportunity(id: "{}") {{ id }}\n{}: nodes(ids: ["x"]) {{ id }} {}: opportunity(id: "x") {{ id }} }}'
    texts = [query.format(f"first{10**n}", ID, f"second{100**n}", f"third{n}") for n in range(4)]
    seen = await alike(*texts[:3])
    expected = await answered(engine(), texts[3], 1)
    monkeypatch.setattr("engine.documents.parse", None)
    found = await answered(seen, texts[3], 1)
    assert found == expected
    second = texts[3].split("\n")[1]
    assert [(one["path"], one["locations"]) for one in orjson.loads(found)["errors"]] == [
        (["second1000000", 0], [{"line": 2, "column": 1}]),
        (["third3"], [{"line": 2, "column": 1 + second.index("third")}]),
    ]


@pytest.mark.parametrize("length", [4, 5, 100])
async def test_an_answer_is_as_long_as_its_own_aliases_make_it(length: int) -> None:
    query = '{{ {0}: opportunity(id: "' + ID + '") {{ {0}: id {1}: id }} {1}: __typename }}'
    texts = [query.format(f"{n}".rjust(length, "a"), f"{n}".rjust(length, "b")) for n in range(4)]
    data = orjson.loads(await answered(engine(), texts[0], 1))["data"]
    size = len(orjson.dumps(data))
    seen = await alike(*texts, size=size)
    assert seen.compiled == 2
    assert b"bytes of data" not in await answered(seen, texts[3], 1)
    seen = await alike(*texts, size=size - 1)
    assert b"bytes of data" in await answered(seen, texts[3], 1)


def test_json_that_could_be_taken_for_an_alias_is_left_to_the_executor() -> None:
    for value in ({"\x7f0": 1}, [{"a": {"\x7f12": None}}]):
        with pytest.raises(NotCompiled):
            checked(orjson.dumps(value))
    for other in ({"a\x7f0": 1, "\x7fa": 2}, ["\x7f0", '"\x7f0":', "\\"], '"\x7f0":'):
        text = orjson.dumps(other)
        assert checked(text) == text
        assert Aliases(["one_"])._json(text, AnswerSize(0)) == text


def test_keys_are_written_back_and_nothing_else() -> None:
    size = AnswerSize(50)
    text = b'{"\x7f0":"\x7f1","\x7f1":["\\"\x7f0\\":",{"\x7f0":1}],"two":2}'
    data = Aliases(["one_", "two_", "one_"]).data({"\x7f1": text, "three": None, "\x7f0": "Query"}, size)
    assert list(data) == ["two_", "three", "one_"]
    assert orjson.loads(orjson.dumps(data)) == {
        "two_": {"one_": "\x7f1", "two_": ['"\x7f0":', {"one_": 1}], "two": 2},
        "three": None,
        "one_": "Query",
    }
    assert size.bytes == 5 * 2, "of five keys, each two longer than its number"
    with pytest.raises(LimitExceeded):
        Aliases(["a" * 60]).data({"\x7f0": b"1"}, size)


def test_an_answer_that_gets_too_long_by_its_aliases_is_refused_before_it_is_made() -> None:
    aliases, text = Aliases(["a" * 1_000_000]), b"[%b]" % b",".join([b'{"\x7f0":1}'] * 100)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            aliases.data({"one": text}, AnswerSize(10_000_000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("query", "aliases"),
    [
        ("{ mine: node(id: $id) { name: id } }", ["mine", "name"]),
        ("{ mine , : node(order: {field: NAME, deep: {than: 1}}) { id } }", ["mine"]),
        ("query Named($first: Int = 1, $order: [Order!]) { abcd: a @skip(if: $yes) { efgh:b } }", ["abcd", "efgh"]),
        ("{ abc: a toto:b ab: c }", ["toto"]),
        ('{ abcd: a(id: "x(y") { efgh: b } }', ["abcd", "efgh"]),
        (
            "{ mine: a mine: a } fragment Some on Node { other: id ... on Node { third: id } }",
            ["mine", "mine", "other", "third"],
        ),
        ("# abcd: (\n{ abcd: a }", None),
        ('{ abcd: a(id: """x""") }', None),
        ('{ abcd: a(id: "\\"") }', None),
        ("{ a b(abcd: 1) }", None),
    ],
)
def test_aliases_are_those_that_the_parser_finds(query: str, aliases: list[str] | None) -> None:
    found = next(iter(parameterisations(query, with_aliases=True)), None)
    assert (list(found.aliases) if found else None) == aliases
    if aliases:
        assert [node.value for node in alias_nodes(parse(query))] == aliases


TOKENS = [*"{}()$@:,[]!=| \n1", "...", '""', "abcd", "efg", "fragment ", "on ", "query "]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(TOKENS)))
def test_no_text_stops_the_search_for_aliases(parts: list[str]) -> None:
    query = "".join(parts)
    found = next(iter(parameterisations(query, with_aliases=True)), None)
    try:
        nodes = alias_nodes(parse(query))
    except GraphQLError:
        return
    assert [node.value for node in nodes] == (list(found.aliases) if found else [])


def test_numbers_stand_in_the_places_of_aliases_and_the_document_is_left_as_it_is() -> None:
    tree = parse("{ abcd: a { abc: b efgh: c ... { abcd: d } } } fragment F on T { e efgh: g }")
    before = str(tree.to_dict())
    changed = with_numbers(tree)
    assert str(tree.to_dict()) == before
    assert fixed_names(tree) == {"abc", "e"}
    assert str(changed.to_dict()) == before.replace("'abcd'", repr("\x7f0")).replace("'efgh'", repr("\x7f1"))


async def test_a_value_with_a_key_like_a_numbered_alias_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    value, id_ = {"\x7f0": [{"\x7f1": "\x7f0"}]}, SOURCE_IDS["chartmogul"][0]
    found = structs.replace(record(ChartMogulRecord, id_, Random(1)), custom={"seats": value})
    monkeypatch.setattr("resolvers.loaders.Loaders.request", lambda *_: found)
    query = '{{ {}: chartMogulOpportunity(sourceId: "' + id_ + '") {{ {}: custom {{ {}: value }} }} }}'
    seen = await alike(*[query.format(f"root{n}", f"own_{n}", f"value{n}") for n in range(4)])
    assert orjson.loads(await answered(seen, query.format("root", "own_", "value"), 1)) == {
        "data": {"root": {"own_": [{"value": value}]}}
    }


async def test_lists_have_their_own_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    query = """query ($size: Int!) { %: opportunities(first: $size, orderBy: [{field: CREATED_AT}]) {
      %: totalCount %: nodes { %: id %: customer { %: opportunities(first: 1) { %: nodes { %: sourceId } } } }
      %: edges { %: cursor %: node { %: stageName } } %: pageInfo { %: endCursor }
      %: summary(groupBy: [STATUS]) { %: rows { %: count } } %: __typename } }"""
    pieces = query.split("%")

    def aliased(number: int) -> str:
        aliases = [f"a{n}x{10**number}" for n in range(len(pieces) - 1)]
        return "".join(one + alias for one, alias in zip(pieces, [*aliases, ""], strict=True))

    records = simulated()
    async with open_deals(*deals_of({source: some[:20] for source, some in records.items()})) as graph:
        with monkeypatch.context() as patched:
            patched.setattr("engine.documents.parameterisations", lambda *_, **__: ())
            expected = [await graph.data(aliased(n), size=5) for n in range(4)]
        before = graph.engine.compiled
        assert [await graph.data(aliased(n + 10), size=5) for n in range(2)]
        monkeypatch.setattr("engine.reader.parse", None)
        monkeypatch.setattr("engine.documents.parse", None)
        assert [await graph.data(aliased(n), size=5) for n in range(4)] == expected
        assert graph.engine.compiled == before + 4
