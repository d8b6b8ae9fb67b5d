"""Compiled operations answer as graphql-core's executor does, byte for byte.

Documents come from hypothesis-graphql, over the real schema, and are then made harder: aliases, fields asked for
twice, fragments with and without a name, `@skip` and `@include`, variables with and without a default. Records are
full of nulls, of codes that nobody knows and of values that do not fit their field; some are missing, some fail.
COMPILED_EXAMPLES=5000 looks further than the suite does.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

import orjson
import pytest
from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    parse,
    parse_type,
    parse_value,
    print_ast,
    validate,
)
from graphql.language import ConstValueNode, NamedTypeNode, VariableDefinitionNode, VariableNode
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries
from msgspec.structs import fields as struct_fields

from resolvers import global_id
from resolvers.cache import Entry
from resolvers.chartmogul.record import ChartMogulRecord
from resolvers.errors import UpstreamRateLimited, UpstreamTimeout
from resolvers.loaders import Loaders
from resolvers.nexudus.record import NexudusRecord
from resolvers.operation import Operation
from resolvers.queueing import Visit
from resolvers.reply import Timestamp
from schema import build_restricted_schema, build_schema
from schema.access import SCOPES, Access
from schema.compiled import MOST_COMPILED, CompiledOperation, Shortcuts
from schema.completion import NotCompiled
from schema.context import Context
from schema.declared import scalars_of
from schema.errors import field_errors
from schema.execution import execute_with_graphql_core
from schema.made import Constant
from schema.memo import Memo
from schema.nexudus import OPPORTUNITY
from schema.sources import SOURCE_TYPES
from web.sent import written

OPEN, RESTRICTED = build_schema()._schema, build_restricted_schema()._schema
EVERYTHING = Access.of(SCOPES, is_gateway=True, is_production=False)
EXAMPLES = int(os.environ.get("COMPILED_EXAMPLES", "75"))

UUID = "4ee13ca4-e7fe-11ee-fa7f-{:012d}"
NUMBERS = range(1, 7)
SOURCE_IDS = {"nexudus": [str(n) for n in NUMBERS], "chartmogul": [UUID.format(n) for n in NUMBERS]}
GLOBAL_IDS = [global_id.encode(source, id_) for source, ids in SOURCE_IDS.items() for id_ in ids]
MALFORMED = ["", "x", "bmV4dWR1czow"]

TEXTS = ["", "a", 'quo"te\n', "£", "7", "Company", "won", "pipeline", "recurring", "one-time", "USD", "unheard-of"]
TIMES = [
    Timestamp.of("2026-02-11T16:42:07.913118Z"),
    Timestamp.of("2026-02-11T16:42:07+02:00"),
]
VALUES: dict[str, Sequence[Any]] = {
    "str": TEXTS,
    "int": [0, 1, 2, 3, 19, 98, 2**31 - 1, 2**31, 2**70, -5],
    "int of 32 bits": [0, 1, 2, 3, 19, 98, 2**31 - 1, -(2**31), -5],
    "bool": [True, False],
    "Decimal": [Decimal("4800.00000"), Decimal("-0"), Decimal("1E+3")],
    "Timestamp": TIMES,
    "date": [datetime(2026, 3, 31).date()],
    "dict": [{}, {"seats": 3, "list": [1, None]}, {"none": None, "huge": 2**70, "deep": {"a": 0.5}}],
}
MISFITS = [object(), "text", 5, 1.5, True, [1], {"a": 1}]


@cache
def choices(type_: type[Any]) -> list[tuple[str, bool, Sequence[Any]]]:
    """Return each field's name, whether it may be null, and values for it."""
    types = {field.name: str(field.type) for field in struct_fields(type_)}
    kinds = {name: next(v for v in VALUES if v in text) for name, text in types.items()}
    kinds |= {name: "int of 32 bits" for name, scalars in scalars_of(type_).items() if "Int" in scalars}
    return [(name, "None" in text, VALUES[kinds[name]]) for name, text in types.items()]


def record(type_: type[Any], source_id: str, chance: Random) -> Any:
    """Return a record; a quarter of its values are null, and once in a while one does not fit.

    Not where its decoder would never let it through (`tests/test_declared.py`).
    """
    made: dict[str, Any] = {}
    for name, is_optional, values in choices(type_):
        made[name] = None if is_optional and chance.random() < 0.25 else chance.choice(values)
    made |= (
        {"id": int(source_id), "status": chance.choice([1, 2, 3, 4])} if type_ is NexudusRecord else {"uuid": source_id}
    )
    if chance.random() < 0.03:
        name = chance.choice([name for name in made if name not in ("id", "uuid", "value")])
        made[name] = chance.choice([None] if scalars_of(type_)[name] else [None, *MISFITS])
    return type_(**made)


def outcome(source: str, source_id: str, chance: Random) -> Any:
    """Return what becomes of an id."""
    draw = chance.random()
    if draw < 0.1:
        return None
    if draw < 0.2:
        return chance.choice([UpstreamTimeout(source), UpstreamRateLimited(source, retry_after_seconds=3.0)])
    if draw < 0.23:
        return RuntimeError("a fault of ours")
    return record(NexudusRecord if source == "nexudus" else ChartMogulRecord, source_id, chance)


class Fetcher:
    """A source with some of its records at hand, as `resolvers.fetcher.Fetcher` is to the loaders."""

    def __init__(self, source: str, chance: Random) -> None:
        self.source = source
        self.sends_at_once = source == "chartmogul"
        self.visits = 0
        self._outcomes = {id_: outcome(source, id_, chance) for id_ in SOURCE_IDS[source]}
        self._at_hand = {id_ for id_, found in self._outcomes.items() if not isinstance(found, Exception)}
        self._at_hand = {id_ for id_ in sorted(self._at_hand) if chance.random() < 0.5}

    def at_hand(self, source_id: str, _: Operation) -> Entry | None:
        return Entry(self._outcomes.get(source_id), 0, 0, 0, 0) if source_id in self._at_hand else None

    async def fetch_many(self, ids: Sequence[str], _: Operation) -> list[Any]:
        await asyncio.sleep(0)
        return self._found(ids)

    def visit(self, ids: Sequence[str], operation: Operation, told: Callable[[list[Any]], None]) -> Visit:
        self.visits += 1
        asyncio.get_running_loop().call_soon(told, self._found(ids))
        return Visit(operation, lambda _: None)

    def leave(self, _: Visit) -> None:
        pass

    def _found(self, ids: Sequence[str]) -> list[Any]:
        return [self._outcomes.get(id_) for id_ in ids]


def context(fetchers: dict[str, Fetcher], access: Access = EVERYTHING) -> Context:
    operation = Operation(5)
    return Context(Loaders(fetchers, operation), operation, access)  # type: ignore[arg-type] # as much as they need


class Harder:
    """Makes a document harder without making it invalid, or not often."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._fragments: list[FragmentDefinitionNode] = []
        self._definitions: list[VariableDefinitionNode] = []
        self._arguments: dict[int, list[ArgumentNode]] = {}
        self.variables: dict[str, Any] = {}

    def document(self, plain: DocumentNode) -> str:
        """Return the harder document's text."""
        operation = plain.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        assert OPEN.query_type
        selected = self._selected(operation.selection_set, OPEN.query_type)
        harder = OperationDefinitionNode(
            operation=operation.operation,
            name=NameNode(value="Asked"),
            variable_definitions=self._definitions,
            selection_set=selected,
        )
        return print_ast(DocumentNode(definitions=[harder, *self._fragments]))

    def _argument(self, node: FieldNode, argument: ArgumentNode) -> ArgumentNode:
        name = node.name.value
        many = argument.name.value in ("ids", "representations")
        count = self._chance.choice([0, 1, 3, 8]) if many else 1
        drawn = [self._id(name) for _ in range(count)]
        value = drawn if many else drawn[0]
        type_ = {"ids": "[ID!]!", "representations": "[_Any!]!"}.get(argument.name.value, "ID!")
        if self._chance.random() < 0.6:
            return ArgumentNode(name=argument.name, value=self._variable(type_, value))
        return ArgumentNode(name=argument.name, value=_literal(value))

    def _id(self, field: str) -> Any:
        if field == "_entities":
            source, ids = self._chance.choice(list(SOURCE_IDS.items()))
            name = {"nexudus": "NexudusOpportunity", "chartmogul": "ChartMogulOpportunity"}[source]
            by = self._chance.choice(
                [{"sourceId": self._chance.choice(ids)}, {"id": self._chance.choice(GLOBAL_IDS)}, {}]
            )
            return {"__typename": self._chance.choice([name, name, "Opportunity", "Money"]), **by}
        good = {
            "nexudusOpportunity": SOURCE_IDS["nexudus"],
            "chartMogulOpportunity": SOURCE_IDS["chartmogul"],
        }.get(field, GLOBAL_IDS)
        return self._chance.choice(good if self._chance.random() < 0.9 else MALFORMED)

    def _variable(self, type_: str, value: Any) -> VariableNode:
        name = f"v{len(self._definitions)}"
        default: ConstValueNode | None = None
        given = self._chance.random()
        if given < 0.15:
            default = _literal(value)
        elif given < 0.2:
            self.variables[name] = self._chance.choice([None, 5, [7], {"a": []}])
        else:
            self.variables[name] = value
        node = VariableNode(name=NameNode(value=name))
        self._definitions.append(VariableDefinitionNode(variable=node, type=parse_type(type_), default_value=default))
        return node

    def _selected(self, selection_set: SelectionSetNode, type_: GraphQLNamedType) -> SelectionSetNode:
        found: list[SelectionNode] = []
        for node in selection_set.selections:
            found.append(self._inside(node, type_))
            if self._chance.random() < 0.15:
                found.append(self._inside(node, type_))
        if self._chance.random() < 0.2:
            found.append(FieldNode(name=NameNode(value="__typename")))
        self._chance.shuffle(found)
        return SelectionSetNode(selections=[self._wrapped(node, type_) for node in found])

    def _inside(self, node: SelectionNode, type_: GraphQLNamedType) -> SelectionNode:
        if isinstance(node, InlineFragmentNode):
            inner = OPEN.type_map[node.type_condition.name.value] if node.type_condition else type_
            selected = self._selected(node.selection_set, inner)
            return InlineFragmentNode(type_condition=node.type_condition, selection_set=selected)
        assert isinstance(node, FieldNode)
        field = OPEN.get_field(type_, node.name.value)  # type: ignore[arg-type] # a composite type
        assert field
        alias = NameNode(value=f"a{self._chance.randrange(9)}") if self._chance.random() < 0.15 else node.alias
        inner_set = self._selected(node.selection_set, get_named_type(field.type)) if node.selection_set else None
        if id(node) not in self._arguments:
            self._arguments[id(node)] = [self._argument(node, argument) for argument in node.arguments or ()]
        return FieldNode(name=node.name, alias=alias, arguments=self._arguments[id(node)], selection_set=inner_set)

    def _wrapped(self, node: SelectionNode, type_: GraphQLNamedType) -> SelectionNode:
        draw = self._chance.random()
        if draw < 0.1:
            node = InlineFragmentNode(selection_set=SelectionSetNode(selections=[node]))
        elif draw < 0.2:
            name = NameNode(value=f"F{len(self._fragments)}")
            condition = NamedTypeNode(name=NameNode(value=type_.name))
            inner = SelectionSetNode(selections=[node])
            self._fragments.append(FragmentDefinitionNode(name=name, type_condition=condition, selection_set=inner))
            node = FragmentSpreadNode(name=name)
        if self._chance.random() < 0.1:
            return replace(node, directives=[self._switch()])
        return node

    def _switch(self) -> DirectiveNode:
        value = self._chance.random() < 0.5
        if self._definitions and self._chance.random() < 0.7:
            known = [d.variable for d in self._definitions if print_ast(d.type) == "Boolean!"]
            node = self._chance.choice(known) if known else self._variable("Boolean!", value)
        else:
            node = self._variable("Boolean!", value) if self._chance.random() < 0.5 else None
        argument = ArgumentNode(name=NameNode(value="if"), value=node or _literal(value))
        return DirectiveNode(name=NameNode(value=self._chance.choice(["skip", "include"])), arguments=[argument])


def _literal(value: Any) -> Any:
    if isinstance(value, dict):
        text = ", ".join(f"{name}: {orjson.dumps(one).decode()}" for name, one in value.items())
        return parse_value(f"{{{text}}}")
    if isinstance(value, list):
        return parse_value(f"[{', '.join(print_ast(_literal(one)) for one in value)}]")
    return parse_value(orjson.dumps(value).decode())


def told(result: ExecutionResult) -> bytes:
    """Return the answer's bytes. In which order several root fields fail is chance: it depends on what arrives when."""
    errors = sorted(result.errors or [], key=lambda error: str((error.path or [""])[0]))
    if result.errors and not any(error.path for error in result.errors):
        return orjson.dumps([error.formatted for error in result.errors])
    return written({"data": result.data, "errors": field_errors(errors)})


PLAIN = queries(
    OPEN,
    fields=(
        "opportunity",
        "opportunitiesById",
        "node",
        "nodes",
        "nexudusOpportunity",
        "chartMogulOpportunity",
        "_entities",
    ),
    custom_scalars={"_Any": st.just(nodes.Object([]))},
    print_ast=lambda document: document,
)

seen: dict[str, int] = {"compiled": 0, "left": 0}


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(plain=PLAIN, seed=st.integers(0, 2**32))
def answers_are_alike(plain: DocumentNode, seed: int) -> None:
    chance = Random(seed)
    harder = Harder(chance)
    text = harder.document(plain)
    document = parse(text)
    schema = chance.choice([OPEN, OPEN, RESTRICTED])
    assume(not validate(schema, document))
    fetchers = {source: Fetcher(source, chance) for source in SOURCE_IDS}

    async def both() -> tuple[ExecutionResult, list[ExecutionResult]]:
        expected = await execute_with_graphql_core(schema, document, harder.variables, None, context(fetchers))
        # Twice: from the records, then from the texts that are kept of those at hand.
        return expected, [await answered(context(fetchers)) for _ in range(2)]

    async def answered(fresh: Context) -> ExecutionResult:
        found = await operation.execute(harder.variables, fresh) if operation else None
        seen["left" if found is None else "compiled"] += 1
        return found or await execute_with_graphql_core(schema, document, harder.variables, None, fresh)

    operation = compiled(document, schema)
    expected, found = asyncio.run(both())
    for one in found:
        assert told(one) == told(expected), text


def compiled(document: DocumentNode, schema: Any) -> CompiledOperation | None:
    (operation,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    try:
        return CompiledOperation(schema, document, operation, Memo())
    except NotCompiled:
        return None


def test_the_answer_is_that_of_the_executor() -> None:
    answers_are_alike()
    assert seen["compiled"] > EXAMPLES / 4, f"too few were compiled for this to mean anything: {seen}"


async def test_a_document_is_compiled_when_it_is_asked_for_again() -> None:
    shortcuts = Shortcuts(parse('{ opportunity(id: "x") { id } }'), Memo())
    assert shortcuts.operation(OPEN, None) is None
    assert shortcuts.operation(OPEN, None) is shortcuts.operation(OPEN, None) is not None
    assert shortcuts.operation(OPEN, "Other") is None


FIVE_SWITCHES = """
query Q($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Boolean!, $e: Boolean!) {
  opportunity(id: "x") {
    a: id @skip(if: $a) b: id @skip(if: $b) c: id @skip(if: $c) d: id @skip(if: $d) e: id @skip(if: $e)
  }
}
"""


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        "{ _service { sdl } }",
        "query Q($id: ID!) { opportunitiesById(ids: [$id]) { id } }",
        FIVE_SWITCHES,
    ],
)
async def test_what_is_not_covered_is_left_to_the_executor(text: str) -> None:
    operation = compiled(parse(text), OPEN)
    variables = {"id": GLOBAL_IDS[0], **dict.fromkeys("abcde", True)}
    assert operation is None or await operation.execute(variables, context({})) is None


async def test_nothing_leaves_before_it_is_known_whether_the_executor_has_to_begin_anew() -> None:
    """What has arrived by then is in an answer that has no data, and else is not."""
    ids = ", ".join(f'"{id_}"' for id_ in GLOBAL_IDS)
    fetchers = {source: Fetcher(source, Random(1)) for source in SOURCE_IDS}
    operation = compiled(parse(f"{{ many: nodes(ids: [{ids}]) {{ id }} nodes(ids: []) {{ id }} }}"), OPEN)
    assert operation
    assert await operation.execute({}, context(fetchers)) is None
    assert [fetcher.visits for fetcher in fetchers.values()] == [0, 0]


async def test_a_field_that_the_caller_may_not_see_is_left_to_the_executor() -> None:
    document = parse(f'{{ opportunity(id: "{GLOBAL_IDS[0]}") {{ id owner {{ name }} }} }}')
    fetchers = {source: Fetcher(source, Random(1)) for source in SOURCE_IDS}
    for schema, is_covered in ((OPEN, True), (RESTRICTED, False)):
        operation = compiled(document, schema)
        assert operation
        assert (await operation.execute({}, context(fetchers)) is not None) is is_covered


async def test_an_object_that_a_source_never_has_is_null_like_any_other_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a source is no reason to leave what all sources are asked for to the executor."""
    bare = replace(OPPORTUNITY, fields={**OPPORTUNITY.fields, "owner": Constant(None)})
    types = [replace(one, made=bare) if one.made is OPPORTUNITY else one for one in SOURCE_TYPES]
    monkeypatch.setattr("schema.compiled.SOURCE_TYPES", types)
    operation = compiled(parse(f'{{ opportunity(id: "{GLOBAL_IDS[0]}") {{ id owner {{ name }} }} }}'), OPEN)
    assert operation
    result = await operation.execute({}, context({source: Fetcher(source, Random(2)) for source in SOURCE_IDS}))
    assert result
    assert written({"data": result.data}) == orjson.dumps(
        {"data": {"opportunity": {"id": GLOBAL_IDS[0], "owner": None}}}
    )


async def test_a_record_that_is_at_hand_again_is_not_completed_again() -> None:
    memo = Memo()
    number = memo.number()
    record_ = record(ChartMogulRecord, SOURCE_IDS["chartmogul"][0], Random(2))
    kept = memo.keep(number, record_, {"a": 1})
    assert memo.get(number, record_) is kept
    assert memo.get(memo.number(), record_) is None
    del record_
    assert len(memo) == 0, "it lives no longer than its record"


async def test_the_texts_kept_are_bounded() -> None:
    memo = Memo(most_bytes=2_000)
    records = [record(ChartMogulRecord, SOURCE_IDS["chartmogul"][0], Random(n)) for n in range(20)]
    for one in records:
        memo.keep(0, one, {"text": "x" * 500})
    assert [memo.get(0, one) is not None for one in records] == [False] * 18 + [True] * 2


async def test_an_integer_beyond_64_bits_is_answered_beside_texts_that_are_kept() -> None:
    data = [orjson.Fragment(b'{"a":1}'), {"huge": 2**70}]
    assert written({"data": data}) == b'{"data":[{"a":1},{"huge":1180591620717411303424}]}'


@pytest.mark.parametrize("type_", ["ID!", "[ID!]!"])
async def test_a_variable_of_another_operation_that_has_the_name_of_a_switch_is_none(type_: str) -> None:
    """Its values are without number, or not even hashable: nothing may be kept for each."""
    field = "opportunity(id: $x)" if type_ == "ID!" else "opportunitiesById(ids: $x)"
    document = parse(
        'query A($x: Boolean!) { opportunity(id: "x") { id @include(if: $x) } }'
        f"query B($x: {type_}) {{ {field} {{ id }} }}"
    )
    shortcuts = Shortcuts(document, Memo())
    shortcuts.operation(OPEN, "B")
    operation = shortcuts.operation(OPEN, "B")
    assert operation
    fetchers = {source: Fetcher(source, Random(1)) for source in SOURCE_IDS}
    for id_ in GLOBAL_IDS:
        assert await operation.execute({"x": id_ if type_ == "ID!" else [id_]}, context(fetchers)) is not None
    assert len(operation._variants) == 1


def test_what_is_compiled_of_one_operation_is_bounded() -> None:
    switches = [f"s{number}" for number in range(4)]
    fields = " ".join(f'f{number}: opportunity(id: "x") {{ id }}' for number in range(MOST_COMPILED // 3))
    skipped = " ".join(f"x{name}: __typename @skip(if: ${name})" for name in switches)
    head = ", ".join(f"${name}: Boolean!" for name in switches)
    operation = Shortcuts(parse(f"query ({head}) {{ {fields} {skipped} }}"), Memo()).operation(OPEN, None, at_once=True)
    assert operation is not None
    values = [{name: bool(number >> place & 1) for place, name in enumerate(switches)} for number in range(16)]
    assert sum(operation.root_fields(value) is not None for value in values) == 3
