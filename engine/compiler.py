"""Queries compiled for their selection, with graphql-core's executor behind them.

A query can be compiled if each root field has a `Lookup`, a `Listing` or an object (`engine/lookup.py`), or is
`__typename`. graphql-core collects its fields once for each combination of the variables that `@skip` and `@include`
name; for each type of record a function is generated that serializes it (`engine/codegen.py`). A request then reads the
ids, asks the loaders for the records, and calls the function for each.

graphql-core executes, before anything is fetched: operations with a variable or an argument that is not plainly valid,
a root field without a lookup (introspection), or a selection that cannot be compiled, such as a field that is closed
to this caller. And afterwards: those with a record that cannot be serialized, such as a null in a non-null field; the
loaders have its records already. So every unusual answer is graphql-core's own. The usual ones (records, nulls, and a
located error for each record that failed) are compared with it by `tests/test_engine_compiler.py`.
`engine/fallbacks.py` counts each reason; an unexpected exception is logged.
"""

from asyncio import Future, Task
from functools import partial
from typing import Any

from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    coerce_input_literal,
    get_named_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from orjson import Fragment

from engine.aliases import NO_ALIASES, Aliases
from engine.answer import AnswerSize
from engine.arguments import Arguments, has_variables
from engine.compilation import Compilation
from engine.compiled_connection import Connection
from engine.compiled_field import CompiledField
from engine.compiled_listing import CompiledListing, NestedListing
from engine.compiled_records import CompiledRecords
from engine.connection_parts import parts_of
from engine.context import Context
from engine.cost import LimitExceeded
from engine.fallbacks import NotCompiled, Reason
from engine.literals import Parameterised
from engine.lookup import Listing, event_of, no_listing
from engine.resolved_fields import FieldOfContext, executed_field
from engine.run import Run
from engine.selected import Collect, Fields, Operation, SelectedField, positions
from engine.serializer import ResolvedField, Serializer
from engine.slots import slot_of
from engine.variables import Variables, conditional_variables

MAX_CONDITIONAL_VARIABLES = 4
"""Variables in `@skip` and `@include` of one document; each doubles what may have to be compiled."""

MAX_COMPILED_FIELDS = 200
"""Root fields of one document, over its operations and all values of those variables."""

MAX_SPECIALISATIONS = 32
"""Combinations of an operation and values of those variables, of one document."""

RootField = CompiledField | CompiledRecords | CompiledListing


class CompiledQuery:
    """One operation of a document, for one schema."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, shared: Compilation) -> None:
        """Raises `NotCompiled`."""
        document = shared.tree
        definitions = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
        self._is_subscription = operation.operation.value == "subscription"
        if operation.operation.value == "mutation" or any(d.variable_definitions for d in definitions):
            raise NotCompiled(Reason.OPERATION)
        self._schema = schema
        self._shared = shared
        self._operation = operation
        self._fragments = {d.name.value: FragmentDetails(d) for d in definitions}
        self._asked = Operation(schema, document, operation, {d.name.value: d for d in definitions})
        self._variables = Variables(schema, operation.variable_definitions or ())
        self._conditional_variables = conditional_variables(document, operation)
        if len(self._conditional_variables) > MAX_CONDITIONAL_VARIABLES:
            raise NotCompiled(Reason.CONDITIONS)
        self._specialisations: dict[tuple[Any, ...], list[RootField] | Reason] = {}
        self._unconditional: list[RootField] = []
        """Its fields, once they are compiled, where no variable decides which they are."""

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
        awaited: list[Future[Any]] = []
        try:
            if not context.access.may_fetch:
                raise NotCompiled(Reason.ACCESS)
            variables = self._variables.coerced(given)
            if variables is None:
                raise NotCompiled(Reason.VARIABLES)
            fields = self._unconditional or self.root_fields(variables)
            parameters = parts.parameters if parts else ()
            # All of them before anything is asked for: one that is refused shall cost no request.
            values = [field.argument(variables, parameters) for field in fields]
            run = Run(self._asked, context, variables, given, size)
            requested = []
            if len(fields) == 1 and isinstance(fields[0], CompiledListing):
                requested.append(await fields[0].find(values[0], run))
            else:
                for field, value in zip(fields, values, strict=True):
                    requested.append(found := field.request(value, run))
                    for _, _, outcome in found:
                        if isinstance(outcome, Future):
                            awaited.append(outcome)
            for outcome in awaited:
                # One by one: those of a source come together, so that only the first one has to be awaited.
                if not outcome.done():
                    try:
                        await outcome
                    except Exception:  # noqa: S112 - `complete` puts it at its place in the answer
                        continue
            size.bytes += 1  # braces around the fields, less the comma behind the last one
            data: dict[str, Any] = {}
            for field, found in zip(fields, requested, strict=True):
                data[field.key] = field.complete(found, run)
            aliases = Aliases(parts.aliases) if parts and parts.aliases else NO_ALIASES
            if aliases is NO_ALIASES:
                for key, one in data.items():
                    if type(one) is bytes:
                        data[key] = Fragment(one)
            else:
                data = aliases.data(data, size)
            failures = run.failures if run.executor is None else run.all_failures()
            errors = self._shared.located(failures, text, parameters, aliases) if failures else None
        except LimitExceeded:
            raise
        except NotCompiled as error:
            self._shared.fallbacks.add(error.reason)
        except GraphQLError:  # a scalar refuses a value of a record
            self._shared.fallbacks.add(Reason.VALUE)
        except Exception as error:  # graphql-core will answer all the same
            self._shared.fallbacks.add(Reason.FAULT, error)
        except BaseException:  # its client has gone: pages that are still looked for are given up
            for outcome in awaited:
                if isinstance(outcome, Task):
                    outcome.cancel()
            raise
        else:
            return ExecutionResult(data, errors)
        return None

    def root_fields(self, variables: dict[str, Any]) -> list[RootField]:
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
            shared.bytes += 1_000
            try:
                found = self._compile(
                    {name: value for name, value in variables.items() if name in self._conditional_variables}
                )
                shared.root_fields += len(found)
                shared.bytes += 1_200 * len(found)
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
        if not self._conditional_variables:
            self._unconditional = found
        return found

    def _compile(self, conditions: dict[str, Any]) -> list[RootField]:
        schema, operation = self._schema, self._operation
        values = VariableValues({}, conditions)
        root = schema.subscription_type if self._is_subscription else schema.query_type
        assert root

        def collect(type_: GraphQLObjectType, details: list[FieldDetails]) -> Fields:
            return collect_subfields(schema, self._fragments, values, operation, type_, details).grouped_field_set

        collected = collect_fields(schema, self._fragments, values, root, operation).grouped_field_set
        return [self._root_field(root, key, details, collect) for key, details in collected.items()]

    def _root_field(
        self, root: GraphQLObjectType, key: str, details: list[FieldDetails], collect: Collect
    ) -> RootField:
        nodes = [one.node for one in details]
        name = nodes[0].name.value
        if name == "__typename":
            return CompiledField(key, positions(details), None, root.name, None, None, {})
        if self._is_subscription:
            return CompiledListing(key, positions(details), self._event(root.fields[name], details, collect))
        lookup, field = self._shared.records.lookups.get(name), root.fields.get(name)
        listing = self._shared.records.listings.get(name)
        if listing is not None and field is not None:
            return CompiledListing(key, positions(details), self._connection(listing, field, details, collect))
        find = self._shared.records.objects.get(name)
        if find is not None and field is not None:
            return CompiledListing(key, positions(details), self._connection(no_listing(find), field, details, collect))
        if lookup is None or field is None:
            raise NotCompiled(Reason.ROOT_FIELD)
        type_ = field.type.of_type if is_non_null_type(field.type) else field.type
        if isinstance(type_, GraphQLList) is not lookup.is_list or (lookup.is_list and is_non_null_type(type_.of_type)):
            raise NotCompiled(Reason.ROOT_FIELD)
        given = {one.name.value: one.value for one in nodes[0].arguments or ()}
        copies = self._shared.records.copies
        has_copies = copies is not None and copies.argument in given
        node = given.get(lookup.argument)
        if node is None or given.keys() - {lookup.argument, copies.argument if copies else ""}:
            raise NotCompiled(Reason.ARGUMENT)
        variable = node.name.value if isinstance(node, VariableNode) else None
        if variable is None and has_variables(node):  # inside a list or an object, which would be another each time
            raise NotCompiled(Reason.ARGUMENT)
        slot = slot_of(node, self._shared.slots, is_list=lookup.is_list)
        is_constant = variable is None and slot is None
        value = coerce_input_literal(node, field.args[lookup.argument].type) if is_constant else None
        if value is Undefined:
            raise NotCompiled(Reason.ARGUMENT)
        serializers = self._serializers(get_named_type(type_), details, collect)
        found = CompiledField(key, positions(details), lookup, value, variable, slot, serializers)
        if copies is not None and has_copies:
            return CompiledRecords(found, copies, Arguments(field, {copies.argument: given[copies.argument]}))
        return CompiledRecords(found) if any(one.resolved for one in serializers.values()) else found

    def _connection(
        self, listing: Listing, field: GraphQLField, details: list[FieldDetails], collect: Collect
    ) -> Connection:
        given = {one.name.value: one.value for one in details[0].node.arguments or ()}
        parts = parts_of(field.type, details, collect, self._shared, self._serializers, listing.parts)
        self._shared.bytes += 3_000 + 500 * len(parts)
        return Connection(listing, Arguments(field, given), parts)

    def _event(self, field: GraphQLField, details: list[FieldDetails], collect: Collect) -> Connection:
        """Return what is selected of a subscription's events; its arguments were the stream's to read."""
        parts = parts_of(field.type, details, collect, self._shared, self._serializers, {})
        self._shared.bytes += 3_000 + 500 * len(parts)
        return Connection(no_listing(event_of), Arguments(field, {}), parts)

    def _resolved(self, selected: SelectedField, collect: Collect) -> ResolvedField:
        records = self._shared.records
        known = records.known_fields.get(selected.python_name) if len(selected.parents) == 1 else None
        if known is not None and not is_non_null_type(selected.field.type):
            return FieldOfContext(selected, known)
        listing = records.nested_listings.get(selected.name)
        if listing is None:
            return executed_field(selected, collect)
        return NestedListing(selected, self._connection(listing, selected.field, selected.details, collect))

    def _serializers(
        self, named: GraphQLNamedType, details: list[FieldDetails], collect: Collect
    ) -> dict[str, Serializer]:
        """Return what serializes the records that a field of this type may give, by their sources' names."""
        found = {}
        resolve = partial(self._resolved, collect=collect)
        for source, mapping in self._shared.records.mappings.items():
            type_ = self._schema.type_map[mapping.type_.__strawberry_definition__.name]
            assert isinstance(type_, GraphQLObjectType)
            if named is type_ or (
                not isinstance(named, GraphQLObjectType) and self._schema.is_sub_type(named, type_)  # type: ignore[arg-type] # abstract, if no object
            ):
                found[source] = self._shared.serializer(type_, mapping, details, collect, resolve)
        return found
