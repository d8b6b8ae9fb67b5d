"""Operations compiled for their selection, with graphql-core's executor behind them.

What is compiled: an operation whose root fields all fetch records by id (`schema/lookups.py`), or are `__typename`.
When a document is asked for the second time, its fields are collected once, by graphql-core, for each combination of
the variables that `@skip` and `@include` name; and for each type of record a function is written that completes it
(`engine/codegen.py`). From then on a request is: take the ids, ask the loaders, call the function for each record.

When it falls back, before anything is fetched: a variable or an argument that is not plainly right, a root field of
another kind (introspection, `_service`), a selection that cannot be compiled, such as a field that this caller may
not see. And afterwards: a record that cannot be completed, such as a null where none may be. Then the executor does
all of it over, with the records that the loaders have at hand. So every unusual answer is graphql-core's own; the
usual ones, records, nulls, and a located error for each record that failed, are the same by test
(`tests/test_engine_compiler.py`). `engine/fallbacks.py` counts each reason; an exception that nobody expects is logged.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    Source,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_non_null_type,
    print_ast,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values

from engine.answer_size import AnswerSize
from engine.codegen import Fields, Function, Functions
from engine.compiled_field import CompiledField, Failure, Serializer, wait_all
from engine.cost import LimitExceeded
from engine.fallbacks import DocumentFallbacks, NotCompiled, Reason
from engine.literals import Parameterised, moved, slot_of
from engine.serialization_cache import SerializationCache
from engine.variables import Variables
from schema.context import Context
from schema.lookups import LOOKUPS
from schema.sources import SOURCE_TYPES

MAX_CONDITIONAL_VARIABLES = 4
"""Variables in `@skip` and `@include` of one document; each doubles what may have to be compiled."""

MAX_COMPILED_FIELDS = 200
"""Root fields of one document, over its operations and all values of those variables."""

MAX_SPECIALISATIONS = 32
"""Combinations of an operation and values of those variables, of one document."""

_NO_VARIABLES = VariableValues({}, {})


class Compiled:
    """What the compiled operations of a document share: the text and its literals, functions, and bounds."""

    def __init__(
        self,
        text: str,
        tree: DocumentNode,
        serialization_cache: SerializationCache,
        fallbacks: DocumentFallbacks,
        parts: Parameterised | None = None,
        slots: Mapping[int, int] | None = None,
    ) -> None:
        """`slots` are the numbers of the text's parameters by their places in it."""
        self.text = text
        self.tree = tree
        self.fallbacks = fallbacks
        self.slots = slots or {}
        self.parameters = parts.parameters if parts else ()
        operations = [d for d in tree.definitions if isinstance(d, OperationDefinitionNode)]
        has_any_name = parts is not None and parts.name is not None
        self.operations = {None if has_any_name or d.name is None else d.name.value: d for d in operations}
        """By their names; by None where any name will do."""
        self.specialisations = 0
        self.root_fields = 0
        self._serialization_cache = serialization_cache
        self._functions = Functions()
        self._completers: dict[Function, Serializer] = {}

    @property
    def bytes(self) -> int:
        """Memory for what is compiled, estimated."""
        return self._functions.bytes + 1_000 * self.specialisations + 1_200 * self.root_fields

    def compile_serializer(self, *parts: Any) -> Serializer:
        """Return what completes records; `parts` are those of `Functions.function`. Raises `NotCompiled`."""
        function = self._functions.function(*parts)
        found = self._completers.get(function)
        if found is None:
            self._completers[function] = found = Serializer(
                function, self._serialization_cache, self._serialization_cache.number()
            )
        return found

    def located(self, failures: Sequence[Failure], text: str, parameters: Sequence[str]) -> list[GraphQLError]:
        """Return errors with their places in this text (GraphQL specification, 7.1.2: `locations`)."""
        source = Source(text)
        return [
            GraphQLError(
                str(failure.error),
                None,
                source,
                [moved(position, self.slots, self.parameters, parameters) for position in failure.positions],
                failure.path,
                failure.error if isinstance(failure.error, Exception) else None,
            )
            for failure in failures
        ]


class CompiledQuery:
    """One operation of a document, for one schema."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, shared: Compiled) -> None:
        """Raises `NotCompiled`."""
        document = shared.tree
        definitions = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
        if operation.operation.value != "query" or any(d.variable_definitions for d in definitions):
            raise NotCompiled(Reason.OPERATION)
        self._schema = schema
        self._shared = shared
        self._operation = operation
        self._fragments = {d.name.value: FragmentDetails(d) for d in definitions}
        self._variables = Variables(schema, operation.variable_definitions or ())
        self._conditional_variables = _conditional_variables(document, operation)
        if len(self._conditional_variables) > MAX_CONDITIONAL_VARIABLES:
            raise NotCompiled(Reason.CONDITIONS)
        self._specialisations: dict[tuple[Any, ...], list[CompiledField] | Reason] = {}

    async def execute(
        self,
        given: dict[str, Any],
        context: Context,
        size: AnswerSize,
        text: str,
        parts: Parameterised | None = None,
    ) -> ExecutionResult | None:
        """Return the result for a text that differs from the compiled one in its parameters alone.

        None where it is graphql-core's to give. Raises `LimitExceeded` for an answer that is too long.
        """
        parameters = parts.parameters if parts else ()
        try:
            if not context.access.may_read_opportunities:
                raise NotCompiled(Reason.ACCESS)
            variables = self._variables.coerced(given)
            if variables is None:
                raise NotCompiled(Reason.VARIABLES)
            fields = self.root_fields(variables)
            # All of them before anything is asked for: one that is refused shall cost no request.
            values = [field.argument(variables, parameters) for field in fields]
            asked = [field.ask(value, context) for field, value in zip(fields, values, strict=True)]
            await wait_all(asked)
            failures: list[Failure] = []
            size.add(1)  # braces around the fields, less the comma behind the last one
            data = {f.key: f.complete(found, failures, size) for f, found in zip(fields, asked, strict=True)}
            errors = self._shared.located(failures, text, parameters) if failures else None
        except LimitExceeded:
            raise
        except NotCompiled as error:
            self._shared.fallbacks.add(error.reason)
        except GraphQLError:  # a scalar refuses a value of a record
            self._shared.fallbacks.add(Reason.VALUE)
        except Exception as error:  # graphql-core will answer all the same
            self._shared.fallbacks.add(Reason.FAULT, error)
        else:
            return ExecutionResult(data, errors)
        return None

    def root_fields(self, variables: dict[str, Any]) -> list[CompiledField]:
        """Return the fields of the operation for these variables; raises `NotCompiled`."""
        switched = (
            tuple([variables.get(name) for name in self._conditional_variables]) if self._conditional_variables else ()
        )
        found = self._specialisations.get(switched)
        if found is None:
            shared = self._shared
            if shared.specialisations >= MAX_SPECIALISATIONS or shared.root_fields >= MAX_COMPILED_FIELDS:
                raise NotCompiled(Reason.CONDITIONS)
            shared.specialisations += 1
            try:
                found = self._compile(
                    {name: value for name, value in variables.items() if name in self._conditional_variables}
                )
                shared.root_fields += len(found)
            except NotCompiled as error:
                found = error.reason
            except GraphQLError:  # a literal that its type refuses
                found = Reason.ARGUMENT
            except Exception:
                self._specialisations[switched] = Reason.FAULT
                raise
            self._specialisations[switched] = found
        if isinstance(found, Reason):
            raise NotCompiled(found)
        return found

    def _compile(self, conditions: dict[str, Any]) -> list[CompiledField]:
        schema, operation = self._schema, self._operation
        values = VariableValues({}, conditions)
        root = schema.query_type
        assert root

        def collect(type_: GraphQLObjectType, details: list[FieldDetails]) -> Fields:
            return collect_subfields(schema, self._fragments, values, operation, type_, details).grouped_field_set

        collected = collect_fields(schema, self._fragments, values, root, operation).grouped_field_set
        return [self._root_field(root, key, details, collect) for key, details in collected.items()]

    def _root_field(
        self, root: GraphQLObjectType, key: str, details: list[FieldDetails], collect: Any
    ) -> CompiledField:
        nodes = [one.node for one in details]
        positions = [node.loc.start for node in nodes if node.loc]
        name = nodes[0].name.value
        if name == "__typename":
            return CompiledField(key, positions, None, root.name, None, None, {})
        lookup, field = LOOKUPS.get(name), root.fields.get(name)
        if lookup is None or field is None:
            raise NotCompiled(Reason.ROOT_FIELD)
        type_ = field.type.of_type if is_non_null_type(field.type) else field.type
        if isinstance(type_, GraphQLList) is not lookup.is_list or (lookup.is_list and is_non_null_type(type_.of_type)):
            raise NotCompiled(Reason.ROOT_FIELD)
        node = next((a.value for a in nodes[0].arguments or () if a.name.value == lookup.argument), None)
        variable = node.name.value if isinstance(node, VariableNode) else None
        if variable is None and _has_variables(node):  # inside a list or an object, which would be another each time
            raise NotCompiled(Reason.ARGUMENT)
        slot = slot_of(node, self._shared.slots, is_list=lookup.is_list)
        is_constant = variable is None and slot is None
        value = get_argument_values(field, nodes[0], _NO_VARIABLES)[lookup.argument] if is_constant else None
        named = get_named_type(type_)
        completers = {}
        for one in SOURCE_TYPES:
            runtime = self._schema.type_map[one.type_name]
            assert isinstance(runtime, GraphQLObjectType)
            if named is runtime or (
                not isinstance(named, GraphQLObjectType) and self._schema.is_sub_type(named, runtime)
            ):
                completers[one.source.name] = self._shared.compile_serializer(runtime, one.mapping, details, collect)
        return CompiledField(key, positions, lookup, value, variable, slot, completers)


class CompiledDocument:
    """The compiled operations of one document. What is asked for only once is not worth compiling."""

    def __init__(self, shared: Compiled) -> None:
        self._shared = shared
        self._found: dict[tuple[GraphQLSchema, str | None], CompiledQuery | Reason] = {}
        self._asked: set[tuple[GraphQLSchema, str | None]] = set()

    @property
    def bytes(self) -> int:
        """Memory for what is compiled, estimated."""
        return self._shared.bytes + 1_500 * len(self._found)

    def operation(self, schema: GraphQLSchema, name: str | None) -> CompiledQuery | None:
        """Return an operation if it is compiled, or can be."""
        key = (schema, name)
        found = self._found.get(key)
        if found is None:
            operation = self._named(name)
            if operation is None or key not in self._asked:
                if operation is not None:
                    self._asked.add(key)
                self._shared.fallbacks.add(Reason.FIRST_REQUEST if operation else Reason.OPERATION)
                return None
            try:
                found = CompiledQuery(schema, operation, self._shared)
            except NotCompiled as error:
                found = error.reason
            except Exception as error:  # graphql-core answers all the same
                self._found[key] = Reason.FAULT
                self._shared.fallbacks.add(Reason.FAULT, error)
                return None
            self._found[key] = found
        if isinstance(found, Reason):
            self._shared.fallbacks.add(found)
            return None
        return found

    def _named(self, name: str | None) -> OperationDefinitionNode | None:
        operations = self._shared.operations
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        return operations.get(name)


def _has_variables(node: ValueNode | None) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variables(value) for value in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variables(field.value) for field in node.fields)
    return isinstance(node, VariableNode)


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None


def _conditional_variables(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the variables that decide which fields there are: those that directives name.

    Only Booleans of this operation, which can have few values: the document's other operations may have variables of
    the same names and of other types.
    """
    finder = _ConditionFinder()
    visit(document, finder)
    booleans = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if print_ast(definition.type) in ("Boolean", "Boolean!")
    }
    return [name for name in finder.names if name in booleans]
