"""Compiled operations answer as graphql-core's executor does, byte for byte.

Documents come from hypothesis-graphql, over the real schema, and are then made harder: aliases, fields asked for
twice, fragments with and without a name, `@skip` and `@include`, variables with and without a default. Records are
full of nulls, of codes that nobody knows and of values that do not fit their field; some are missing, some fail.
COMPILED_EXAMPLES=5000 looks further than the suite does.

`engine.codegen` writes the functions that complete a record, `engine.compiled_field` fetches records and calls them,
`engine.mapping` says where each field comes from, `engine.instances` of a value that is there already.
`engine.selected` is what the compiler hands on.

`engine.compiled_query` executes, `engine.documents` and `engine.compilation` hold what is compiled of a document.
"""

import asyncio
from dataclasses import replace
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

from engine.answer import AnswerSize
from engine.compilation import Compilation
from engine.compiled_query import CompiledQuery
from engine.documents import CompiledDocument
from engine.engine import execute_with_graphql_core
from engine.fallbacks import Fallbacks, NotCompiled
from engine.lookup import Records
from engine.mapping import Constant, ObjectMapping
from engine.serialization_cache import SerializationCache
from httpserver.response import dumps
from resolvers.chartmogul.record import ChartMogulRecord
from schema import build_schema as build_own_schema
from schema.access import NO_CONTACTS, Forbidden, personal_fields
from schema.context import Context
from schema.errors import field_errors, refusals
from schema.execution import RECORDS
from schema.lookups import LONGEST_LIST
from schema.sources import MAPPINGS
from tests.records import EXAMPLES, GLOBAL_IDS, MALFORMED, SOURCE_IDS, Scheduler, context, record
from tests.schemas import build_restricted_schema, build_schema

OPEN, RESTRICTED = build_schema()._schema, build_restricted_schema()._schema


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
        if argument.name.value not in ("id", "ids", "sourceId", "representations"):
            return argument
        many = argument.name.value in ("ids", "representations")
        count = self._chance.choice([0, 1, 3, 8, LONGEST_LIST + 1]) if many else 1
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
        elif given < 0.2:  # with a default it may stand where no null may be, and be null
            default, type_ = _literal(value), type_.removesuffix("!")
            self.variables[name] = self._chance.choice([None, value])
        elif given < 0.25:
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
    """Return the answer's bytes. In which order several fields fail is chance: it depends on what arrives when."""
    errors = sorted(result.errors or [], key=lambda error: [str(one) for one in error.path or ()])
    if result.errors and not any(error.path for error in result.errors):
        return orjson.dumps([error.formatted for error in result.errors])
    return dumps({"data": result.data, "errors": field_errors(errors)})


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


def sorted_text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _forbid(*_: Any, **__: Any) -> None:
    raise Forbidden(NO_CONTACTS)


RAISING = build_own_schema()._schema
"""The restricted schema as it would be, were each refusal an error that graphql-core takes to its place."""
for field in personal_fields(RAISING).values():
    field.resolve = _forbid


seen: dict[str, int] = {"compiled": 0, "left": 0}


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(plain=PLAIN, seed=st.integers(0, 2**32))
def answers_are_alike(plain: DocumentNode, seed: int) -> None:
    chance = Random(seed)
    harder = Harder(chance)
    text = harder.document(plain)
    document = parse(text)
    schema = chance.choice([OPEN, OPEN, RESTRICTED])
    assume(not validate(schema, document))
    schedulers = {source: Scheduler(source, chance) for source in SOURCE_IDS}

    async def both() -> tuple[ExecutionResult, list[ExecutionResult]]:
        expected = await execute_with_graphql_core(schema, document, harder.variables, None, context(schedulers))
        # Twice: from the records, then from the texts that are kept of those at hand.
        return expected, [await answered(context(schedulers)) for _ in range(2)]

    async def refused() -> None:
        noted = context(schedulers)
        raised = await execute_with_graphql_core(RAISING, document, harder.variables, None, context(schedulers))
        found = await execute_with_graphql_core(schema, document, harder.variables, None, noted)
        wanted = [e for e in field_errors(raised.errors or []) if e["extensions"]["code"] == Forbidden.code]
        assert found.data == raised.data
        mapping = refusals(noted.refused, Forbidden(NO_CONTACTS))
        assert sorted(map(sorted_text, mapping)) == sorted(map(sorted_text, wanted)), text

    async def answered(fresh: Context) -> ExecutionResult:
        found = await execute(operation, harder.variables, fresh) if operation else None
        seen["left" if found is None else "compiled"] += 1
        return found or await execute_with_graphql_core(schema, document, harder.variables, None, fresh)

    operation = compiled(document, schema)
    if schema is RESTRICTED:
        asyncio.run(refused())
    expected, found = asyncio.run(both())
    for one in found:
        assert told(one) == told(expected), text


def shared(document: DocumentNode, fallbacks: Fallbacks | None = None, records: Records = RECORDS) -> Compilation:
    assert document.loc
    text = document.loc.source.body
    return Compilation(text, document, records, SerializationCache(), (fallbacks or Fallbacks()).of(text))


def compiled(document: DocumentNode, schema: Any, records: Records = RECORDS) -> CompiledQuery | None:
    (operation,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    try:
        return CompiledQuery(schema, operation, shared(document, records=records))
    except NotCompiled:
        return None


async def execute(operation: CompiledQuery, variables: Any, fresh: Context) -> ExecutionResult | None:
    return await operation.execute(variables, fresh, AnswerSize(10_000_000), operation._shared.text)


@pytest.mark.programs
def test_the_answer_is_that_of_the_executor() -> None:
    answers_are_alike()
    assert seen["compiled"] > EXAMPLES / 4, f"too few were compiled for this to mean anything: {seen}"


async def test_a_document_is_compiled_when_it_is_asked_for_again() -> None:
    compiled_document = CompiledDocument(shared(parse('{ opportunity(id: "x") { id } }')))
    assert compiled_document.operation(OPEN, None) is None
    assert compiled_document.operation(OPEN, None) is compiled_document.operation(OPEN, None) is not None
    assert compiled_document.operation(OPEN, "Other") is None


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
    assert operation is None or await execute(operation, variables, context({})) is None


async def test_nothing_leaves_before_it_is_known_whether_the_executor_has_to_begin_anew() -> None:
    """What has arrived by then is in an answer that has no data, and else is not."""
    ids = ", ".join(f'"{id_}"' for id_ in GLOBAL_IDS)
    too_many = ", ".join(['"x"'] * (LONGEST_LIST + 1))
    schedulers = {source: Scheduler(source, Random(1)) for source in SOURCE_IDS}
    operation = compiled(parse(f"{{ many: nodes(ids: [{ids}]) {{ id }} nodes(ids: [{too_many}]) {{ id }} }}"), OPEN)
    assert operation
    assert await execute(operation, {}, context(schedulers)) is None
    assert [scheduler.visits for scheduler in schedulers.values()] == [0, 0]


async def test_a_field_that_the_caller_may_not_see_is_left_to_the_executor() -> None:
    document = parse(f'{{ opportunity(id: "{GLOBAL_IDS[0]}") {{ id owner {{ name }} }} }}')
    schedulers = {source: Scheduler(source, Random(1)) for source in SOURCE_IDS}
    for schema, is_covered in ((OPEN, True), (RESTRICTED, False)):
        operation = compiled(document, schema)
        assert operation
        assert (await execute(operation, {}, context(schedulers)) is not None) is is_covered


async def test_a_record_that_is_at_hand_again_is_not_completed_again() -> None:
    memo = SerializationCache()
    number = memo.number()
    record_ = record(ChartMogulRecord, SOURCE_IDS["chartmogul"][0], Random(2))
    kept = memo.store(number, record_, {"a": 1})
    assert memo.get(number, record_) is kept
    assert memo.get(memo.number(), record_) is None
    del record_
    assert len(memo) == 0, "it lives no longer than its record"


async def test_the_texts_kept_are_bounded() -> None:
    memo = SerializationCache(most_bytes=2_000)
    records = [record(ChartMogulRecord, SOURCE_IDS["chartmogul"][0], Random(n)) for n in range(20)]
    for one in records:
        memo.store(0, one, {"text": "x" * 500})
    assert [memo.get(0, one) is not None for one in records] == [False] * 18 + [True] * 2


async def test_an_integer_beyond_64_bits_is_answered_beside_texts_that_are_kept() -> None:
    data = [orjson.Fragment(b'{"a":1}'), {"huge": 2**70}]
    assert dumps({"data": data}) == b'{"data":[{"a":1},{"huge":1180591620717411303424}]}'


@pytest.mark.parametrize("type_", ["ID!", "[ID!]!"])
async def test_a_variable_of_another_operation_that_has_the_name_of_a_switch_is_none(type_: str) -> None:
    """Its values are without number, or not even hashable: nothing may be kept for each."""
    field = "opportunity(id: $x)" if type_ == "ID!" else "opportunitiesById(ids: $x)"
    document = parse(
        'query A($x: Boolean!) { opportunity(id: "x") { id @include(if: $x) } }'
        f"query B($x: {type_}) {{ {field} {{ id }} }}"
    )
    compiled_document = CompiledDocument(shared(document))
    compiled_document.operation(OPEN, "B")
    operation = compiled_document.operation(OPEN, "B")
    assert operation
    schedulers = {source: Scheduler(source, Random(1)) for source in SOURCE_IDS}
    for id_ in GLOBAL_IDS:
        assert await execute(operation, {"x": id_ if type_ == "ID!" else [id_]}, context(schedulers)) is not None
    assert len(operation._specialisations) == 1


@pytest.mark.parametrize(
    "selected", ["owner { name email }", "customer { sourceId name }", "value { amount currencyCode }"]
)
async def test_an_object_that_one_source_never_has_is_compiled(selected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one field that is null for one source sends every query of the interface to graphql-core."""
    nothing = {selected.split()[0]: Constant(None)}
    changed = MAPPINGS["chartmogul"]
    changed = ObjectMapping(changed.type_, {**changed.fields, **nothing})
    mappings = {**MAPPINGS, "chartmogul": changed}
    monkeypatch.setattr("schema.context.MAPPINGS", mappings)
    ids = ", ".join(f'"{id_}"' for id_ in GLOBAL_IDS)
    document = parse(f"{{ opportunitiesById(ids: [{ids}]) {{ id {selected} }} }}")
    operation = compiled(document, OPEN, replace(RECORDS, mappings=mappings))
    assert operation
    answers = []
    for seed in range(5):
        first, second = (
            context({source: Scheduler(source, Random(f"{seed} {source}")) for source in SOURCE_IDS}) for _ in range(2)
        )
        expected = await execute_with_graphql_core(OPEN, document, {}, None, first)
        answers.append(await execute(operation, {}, second))
        assert answers[-1] is None or told(answers[-1]) == told(expected)
    assert any(answers), "none was compiled"
