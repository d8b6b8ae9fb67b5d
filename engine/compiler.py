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

from collections.abc import Sequence
from functools import partial
from typing import Any

from graphql import (
    FragmentDefinitionNode,
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
    get_nullable_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

from engine.arguments import Arguments, has_variables
from engine.compilation import Compilation
from engine.compiled_connection import Connection
from engine.compiled_field import CompiledField
from engine.compiled_listing import CompiledListing, NestedListing
from engine.compiled_records import CompiledRecords
from engine.connection_parts import parts_of
from engine.fallbacks import NotCompiled, Reason
from engine.lookup import Listing, event_of, no_listing
from engine.resolved_fields import FieldOfContext, executed_field
from engine.selected import Collect, Fields, SelectedField, positions
from engine.serializer import ResolvedField, Serializer
from engine.slots import slot_of

RootField = CompiledField | CompiledRecords | CompiledListing


class Compiler:
    """Compiles the root fields of one operation, with its fragments; what it makes is held by `shared`."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Sequence[FragmentDefinitionNode],
        shared: Compilation,
    ) -> None:
        self._schema = schema
        self._shared = shared
        self._operation = operation
        self._is_subscription = operation.operation.value == "subscription"
        self._fragments = {one.name.value: FragmentDetails(one) for one in fragments}

    def root_fields(self, conditions: dict[str, Any]) -> list[RootField]:
        """Return them for these values of the variables in `@skip` and `@include`; raises `NotCompiled`."""
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
        type_ = get_nullable_type(field.type)
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
