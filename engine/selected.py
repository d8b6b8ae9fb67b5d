"""What an operation selects, as the compiler hands it on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails

from engine.fallbacks import NotCompiled, Reason
from engine.mapping import ObjectMapping

Fields = Mapping[str, list[FieldDetails]]
Collect = Callable[[GraphQLObjectType, list[FieldDetails]], Fields]
"""Collects the fields of a selection on a type (GraphQL specification, 6.3.2)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a document, and the schema that it is executed on."""

    schema: GraphQLSchema
    tree: DocumentNode
    node: OperationDefinitionNode
    definitions: dict[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class SelectedField:
    """A field of an object. `keys` lead to it from the record, through the objects of `parents`, the last of which
    has the field."""

    type_: GraphQLObjectType
    field: GraphQLField
    details: list[FieldDetails]
    keys: tuple[str, ...]
    parents: tuple[ObjectMapping[Any], ...] = ()

    @property
    def name(self) -> str:
        """The field's name in the graph."""
        return self.details[0].node.name.value

    @property
    def python_name(self) -> str:
        """The field's name in Python."""
        name: str = self.field.extensions["strawberry-definition"].python_name
        return name

    @property
    def nodes(self) -> list[FieldNode]:
        """Where it stands in the document."""
        return [one.node for one in self.details]

    def has_parent(self, record: Any) -> bool:
        """Return whether a record has the object that has the field."""
        return all(mapping.is_in(record) for mapping in self.parents)


def positions(details: list[FieldDetails]) -> list[int]:
    """Return where a field stands in the text that is compiled."""
    return [one.node.loc.start for one in details if one.node.loc]


def is_open(field: GraphQLField) -> bool:
    """Return whether a field has the resolver that Strawberry made for it, and so none that refuses callers."""
    return hasattr(field.resolve, "_is_default")


def is_plain(field: GraphQLField) -> bool:
    """Return whether a field is read from an attribute: it has no arguments, and no resolver of its own."""
    return not field.args and getattr(field.resolve, "_is_default", False)


def open_fields(type_: Any, details: list[FieldDetails], collect: Collect) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a selection and their fields' types, those of the innermost ones, too.

    Raises `NotCompiled` if a field refuses callers: graphql-core shall not meet one twice.
    """
    if is_leaf_type(type_):
        return
    if not isinstance(type_, GraphQLObjectType):
        raise NotCompiled(Reason.SELECTION)
    for key, same in collect(type_, details).items():
        name = same[0].node.name.value
        if name == "__typename":
            yield key, GraphQLString
            continue
        field = type_.fields.get(name)
        if field is None or not is_open(field):
            raise NotCompiled(Reason.SELECTION)
        inner = get_named_type(field.type)
        yield key, inner
        yield from open_fields(inner, same, collect)
