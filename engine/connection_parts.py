"""What may be selected of a connection or an edge (GraphQL Cursor Connections Specification), part by part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import (
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
)
from graphql.execution.collect_fields import FieldDetails

from engine.compilation import Compilation
from engine.fallbacks import NotCompiled, Reason
from engine.resolved_fields import ExecutedField, executed_field
from engine.run import Keys, Run
from engine.selected import Collect, SelectedField, is_open, positions
from engine.serializer import Serializer, Serializers


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a connection or an edge: its key in the answer, and where it stands in the text that was compiled."""

    key: str
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Constant(Part):
    """The name of a type."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Nodes(Part):
    """The records, or the record of an edge."""

    serializers: Serializers


@dataclass(frozen=True, slots=True)
class Edges(Part):
    """The records in their edges. Of the parts a plain one is the cursor."""

    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Resolved(Part):
    """Anything else whose value is an object as its type describes it: resolved, and serialized as a whole."""

    selected: SelectedField
    serializer: Serializer
    known: Callable[[Any], Any] | None
    """What gives its value without a resolver."""

    def of(self, connection: Any, run: Run, keys: Keys) -> Any:
        """Return its value of a connection, or an awaitable of that."""
        if self.known is not None:
            return self.known(connection)
        field = self.selected.field
        assert field.resolve
        return field.resolve(connection, run.info(field, self.selected.nodes, self.selected.type_.name, keys))


@dataclass(frozen=True, slots=True)
class Executed(Part):
    """What is left: executed by graphql-core."""

    executed: ExecutedField


WritersOf = Callable[[GraphQLNamedType, list[FieldDetails], Collect], Serializers]
"""Returns what serializes the records that a field of this type may give."""

KnownParts = Mapping[str, Callable[[Any], Any]]


def parts_of(
    type_: GraphQLOutputType,
    details: list[FieldDetails],
    collect: Collect,
    shared: Compilation,
    writers: WritersOf,
    known: KnownParts,
) -> list[Part]:
    """Return the parts of a connection that are selected; `known` as `Listing.parts`. Raises `NotCompiled`."""
    if not isinstance(type_, GraphQLObjectType):  # it may be null
        raise NotCompiled(Reason.ROOT_FIELD)
    reading = _Selection(collect, shared, writers, known)
    return [reading.part(type_, key, same, of_edge=False) for key, same in collect(type_, details).items()]


@dataclass(frozen=True, slots=True)
class _Selection:
    collect: Collect
    shared: Compilation
    writers: WritersOf
    known: KnownParts

    def part(self, parent: GraphQLObjectType, key: str, same: list[FieldDetails], *, of_edge: bool) -> Part:
        name = same[0].node.name.value
        if name == "__typename":
            return Constant(key, [], msgspec.json.encode(parent.name))
        field = parent.fields.get(name)
        if field is None or not is_open(field):
            raise NotCompiled(Reason.SELECTION)
        inner = _list_item(field.type)
        if of_edge:
            return self._of_edge(field.type, key, name, same)
        if name == "nodes" and inner is not None:
            return self._nodes(key, same, inner)
        if name == "edges" and inner is not None:
            edge = get_nullable_type(inner)
            assert isinstance(edge, GraphQLObjectType)
            fields = self.collect(edge, same)
            return Edges(key, [], [self.part(edge, one, details, of_edge=True) for one, details in fields.items()])
        selected = SelectedField(parent, field, same, (key,))
        if not field.args:
            try:
                serializer = self.shared.resolved_serializer(field.type, same, self.collect)
                known = self.known.get(selected.python_name)
                return Resolved(key, positions(same), selected, serializer, known)
            except NotCompiled as error:
                if error.reason is not Reason.SELECTION:
                    raise
        return Executed(key, positions(same), executed_field(selected, self.collect))

    def _of_edge(self, type_: GraphQLOutputType, key: str, name: str, same: list[FieldDetails]) -> Part:
        if name == "node":
            return self._nodes(key, same, type_)
        if name == "cursor":
            return Part(key, [])
        raise NotCompiled(Reason.SELECTION)

    def _nodes(self, key: str, same: list[FieldDetails], type_: GraphQLOutputType) -> Nodes:
        if isinstance(type_, GraphQLNonNull):  # a record that cannot be shown would take more than itself away
            raise NotCompiled(Reason.SELECTION)
        return Nodes(key, positions(same), self.writers(get_named_type(type_), same, self.collect))


def _list_item(type_: GraphQLOutputType) -> GraphQLOutputType | None:
    inner = get_nullable_type(type_)
    return inner.of_type if isinstance(inner, GraphQLList) else None
