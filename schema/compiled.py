"""Operations compiled for their selection, with graphql-core's executor behind them.

What is compiled: an operation whose root fields all fetch records by id (`schema/lookups.py`), or are `__typename`.
When a document is asked for the second time, its fields are collected once, by graphql-core, for each combination of
the variables that `@skip` and `@include` name; and for each type of record a function is written that completes it
(`schema/completion.py`). From then on a request is: take the ids, ask the loaders, call the function for each record.

When it falls back, before anything is fetched: a variable or an argument that is not plainly right, a root field of
another kind (introspection, `_service`), a selection that cannot be compiled, such as a field that this caller may
not see. And afterwards: a record that cannot be completed, such as a null where none may be. Then the executor does
all of it over, with the records that the loaders have at hand. So every unusual answer is graphql-core's own; the
usual ones, records, nulls, and a located error for each record that failed, are the same by test
(`tests/test_compiled.py`).
"""

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

from schema.completion import Fields, NotCompiled, completer
from schema.context import Context
from schema.declared import scalars_of
from schema.lookups import LOOKUPS
from schema.memo import Memo
from schema.root_field import Completer, RootField, arrived
from schema.sources import SOURCE_TYPES
from schema.variables import Variables

MOST_SWITCHES = 4
"""Variables in `@skip` and `@include` of one document; each doubles what may have to be compiled."""

MOST_COMPILED = 200
"""Root fields of one operation, over all values of those variables: compiled, each takes some 30 kB."""

_NO_VARIABLES = VariableValues({}, {})


class CompiledOperation:
    """One operation of a document, for one schema."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, memo: Memo
    ) -> None:
        """Raises `NotCompiled`."""
        definitions = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
        if operation.operation.value != "query" or any(d.variable_definitions for d in definitions):
            raise NotCompiled
        self._schema = schema
        self._memo = memo
        self._operation = operation
        self._fragments = {d.name.value: FragmentDetails(d) for d in definitions}
        self._variables = Variables(schema, operation.variable_definitions or ())
        self._switches = _switches(document, operation)
        if len(self._switches) > MOST_SWITCHES:
            raise NotCompiled
        self._variants: dict[tuple[Any, ...], list[RootField] | None] = {}

    async def execute(self, given: dict[str, Any], context: Context) -> ExecutionResult | None:
        """Return the result; None where it is graphql-core's to give."""
        variables = self._variables.coerced(given)
        if variables is None or not context.access.may_read_opportunities:
            return None
        try:
            fields = self.root_fields(variables)
            if fields is None:
                return None
            # All of them before anything is asked for: one that is refused shall cost no request.
            values = [field.argument(variables) for field in fields]
            asked = [field.ask(value, context) for field, value in zip(fields, values, strict=True)]
            await arrived(asked)
            errors: list[GraphQLError] = []
            data = {field.key: field.complete(found, errors) for field, found in zip(fields, asked, strict=True)}
        except Exception:  # whatever it is, graphql-core will meet it again and give it its place
            return None
        return ExecutionResult(data, errors or None)

    def root_fields(self, variables: dict[str, Any]) -> list[RootField] | None:
        """Return the fields of the operation for these variables, None where they cannot be compiled."""
        switched = tuple([variables.get(name) for name in self._switches]) if self._switches else ()
        try:
            return self._variants[switched]
        except KeyError:
            pass
        if sum(len(fields) for fields in self._variants.values() if fields) >= MOST_COMPILED:
            return None
        try:
            found = self._compile({name: value for name, value in variables.items() if name in self._switches})
        except (NotCompiled, GraphQLError):
            found = None
        self._variants[switched] = found
        return found

    def _compile(self, switches: dict[str, Any]) -> list[RootField]:
        schema, operation = self._schema, self._operation
        values = VariableValues({}, switches)
        root = schema.query_type
        assert root

        def collect(type_: GraphQLObjectType, details: list[FieldDetails]) -> Fields:
            return collect_subfields(schema, self._fragments, values, operation, type_, details).grouped_field_set

        collected = collect_fields(schema, self._fragments, values, root, operation).grouped_field_set
        return [self._root_field(root, key, details, collect) for key, details in collected.items()]

    def _root_field(self, root: GraphQLObjectType, key: str, details: list[FieldDetails], collect: Any) -> RootField:
        nodes = [one.node for one in details]
        name = nodes[0].name.value
        if name == "__typename":
            return RootField(key, nodes, None, root.name, None, {})
        lookup, field = LOOKUPS.get(name), root.fields.get(name)
        if lookup is None or field is None:
            raise NotCompiled
        type_ = field.type.of_type if is_non_null_type(field.type) else field.type
        if isinstance(type_, GraphQLList) is not lookup.is_list or (lookup.is_list and is_non_null_type(type_.of_type)):
            raise NotCompiled
        node = next((a.value for a in nodes[0].arguments or () if a.name.value == lookup.argument), None)
        variable = node.name.value if isinstance(node, VariableNode) else None
        if variable is None and _has_variables(node):  # inside a list or an object, which would be another each time
            raise NotCompiled
        value = None if variable else get_argument_values(field, nodes[0], _NO_VARIABLES)[lookup.argument]
        named = get_named_type(type_)
        complete = {}
        for one in SOURCE_TYPES:
            runtime = self._schema.type_map[one.type_name]
            assert isinstance(runtime, GraphQLObjectType)
            if named is runtime or (
                not isinstance(named, GraphQLObjectType) and self._schema.is_sub_type(named, runtime)
            ):
                function = completer(runtime, one.made, details, collect, scalars_of(one.record))
                complete[one.source.name] = Completer(function, self._memo, self._memo.number())
        return RootField(key, nodes, lookup, value, variable, complete)


class Shortcuts:
    """The compiled operations of one document. What is asked for only once is not worth compiling."""

    def __init__(self, document: DocumentNode, memo: Memo) -> None:
        self._document = document
        self._memo = memo
        self._found: dict[tuple[GraphQLSchema, str | None], CompiledOperation | None] = {}
        self._asked: set[tuple[GraphQLSchema, str | None]] = set()

    def operation(self, schema: GraphQLSchema, name: str | None, *, at_once: bool = False) -> CompiledOperation | None:
        """Return an operation if it is compiled, or can be; `at_once`: though it was not asked for before."""
        key = (schema, name)
        try:
            return self._found[key]
        except KeyError:
            pass
        if key not in self._asked and not at_once:
            if self._named(name):
                self._asked.add(key)
            return None
        self._found[key] = found = self._compiled(schema, name)
        return found

    def _compiled(self, schema: GraphQLSchema, name: str | None) -> CompiledOperation | None:
        operation = self._named(name)
        try:
            return CompiledOperation(schema, self._document, operation, self._memo) if operation else None
        except NotCompiled:
            return None

    def _named(self, name: str | None) -> OperationDefinitionNode | None:
        found = [d for d in self._document.definitions if isinstance(d, OperationDefinitionNode)]
        if name is not None:
            found = [d for d in found if d.name and d.name.value == name]
        return found[0] if len(found) == 1 else None


def _has_variables(node: ValueNode | None) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variables(value) for value in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variables(field.value) for field in node.fields)
    return isinstance(node, VariableNode)


class _SwitchFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None


def _switches(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the variables that decide which fields there are: those that directives name.

    Only Booleans of this operation, which can have few values: the document's other operations may have variables of
    the same names and of other types.
    """
    finder = _SwitchFinder()
    visit(document, finder)
    booleans = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if print_ast(definition.type) in ("Boolean", "Boolean!")
    }
    return [name for name in finder.names if name in booleans]
