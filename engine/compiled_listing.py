"""A compiled query's root field that gives a page of records: the page, and what else is selected of its connection.

The field's own resolver finds the page, as it does for graphql-core. The records are serialized as those of any other
compiled field, each text stored for the next page that has the same record.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.pyutils import Path, is_awaitable
from orjson import Fragment

from engine.answer_size import AnswerSize
from engine.arguments import Arguments
from engine.codegen import Collect, is_open
from engine.compilation import Compilation
from engine.compiled_field import Failure, Found, Serializer
from engine.context import Context
from engine.fallbacks import NotCompiled, Reason
from engine.lookup import ListedRecord, Listing

Serializers = Mapping[str, Serializer]
"""By the source's name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of an operation as graphql-core's executor knows it."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDetails]
    key: str
    field: GraphQLField
    nodes: list[FieldNode]

    def info(self, context: Context, variables: Mapping[str, Any]) -> GraphQLResolveInfo[Any]:
        """Return what the field's resolver is told."""
        root = self.schema.query_type
        assert root
        fragments = {name: details.definition for name, details in self.fragments.items()}
        path = Path(None, self.key, root.name)
        name, type_ = self.nodes[0].name.value, self.field.type
        told = (name, self.nodes, type_, root, path, self.schema, fragments, None, self.operation, variables, context)
        return GraphQLResolveInfo(*told, is_awaitable, None, None)  # type: ignore[arg-type] # no helpers


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
    """Anything else: resolved, and completed as a whole."""

    field: GraphQLField
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    serializer: Serializer

    def resolve(self, connection: Any, root: GraphQLResolveInfo[Any]) -> Any:
        """Return the value of a connection that is in the `root` field."""
        assert self.field.resolve
        path = Path(root.path, self.key, self.parent.name)
        info = root._replace(
            field_name=self.nodes[0].name.value,
            field_nodes=self.nodes,
            return_type=self.field.type,
            parent_type=self.parent,
            path=path,
        )
        return self.field.resolve(connection, info)


@dataclass(slots=True)
class _Page:
    connection: Any
    resolved: dict[str, Any]
    """The values of `Resolved` parts by their keys, or why there are none."""


@dataclass(frozen=True, slots=True)
class CompiledListing:
    """A root field that gives a page."""

    listing: Listing
    asked: Asked
    arguments: Arguments
    parts: list[Part]

    @property
    def key(self) -> str:
        """Its key in the answer."""
        return self.asked.key

    def argument(self, variables: Mapping[str, Any], _parameters: Sequence[str]) -> Any:
        """Return the arguments' values, and the variables; raises an exception where they are refused."""
        return self.arguments.values(variables), variables

    def request(self, value: Any, context: Context) -> list[Found]:
        """Request the page, and what is to be resolved of it."""
        arguments, variables = value
        return [("", "", asyncio.ensure_future(self._find(arguments, variables, context)))]

    async def _find(self, arguments: Mapping[str, Any], variables: Mapping[str, Any], context: Context) -> _Page | None:
        connection = await self.listing.find(context, **arguments)
        if connection is None:
            return None
        info = self.asked.info(context, variables)
        resolved: dict[str, Any] = {}
        for part in self.parts:
            if isinstance(part, Resolved):
                try:
                    resolved[part.key] = part.resolve(connection, info)
                except Exception as error:
                    resolved[part.key] = error
        waiting = {key: value for key, value in resolved.items() if isawaitable(value)}
        if waiting:
            found = await asyncio.gather(*waiting.values(), return_exceptions=True)
            resolved.update(zip(waiting, found, strict=True))
        return _Page(connection, resolved)

    def complete(self, found: list[Found], failures: list[Failure], size: AnswerSize, _context: Context) -> Any:
        """Return the connection's JSON. Raises `LimitExceeded`, and `NotCompiled` for what graphql-core refuses."""
        ((_, _, outcome),) = found
        size.add(len(self.key) + 4)  # quotation marks, colon, comma
        if (error := outcome.exception()) is not None:
            failures.append(Failure(error, [self.key], [node.loc.start for node in self.asked.nodes if node.loc]))
            return None
        page = outcome.result()
        if page is None:
            return None
        records = self.listing.records(page.connection)
        completion = _Completion(self.key, records, failures, size)
        return Fragment(completion.object([(part.key, self._text(part, page, completion)) for part in self.parts]))

    def _text(self, part: Part, page: _Page, completion: "_Completion") -> bytes:
        match part:
            case Constant():
                return part.text
            case Nodes():
                return completion.nodes(part)
            case Edges():
                return completion.edges(part, self.listing.cursors(page.connection))
            case Resolved():
                return completion.resolved(part, page.resolved[part.key])
        raise NotCompiled(Reason.SELECTION)


@dataclass(slots=True)
class _Completion:
    """One page that is written."""

    key: str
    records: Sequence[ListedRecord]
    failures: list[Failure]
    size: AnswerSize

    def object(self, texts: list[tuple[str, bytes]]) -> bytes:
        self.size.add(sum([len(key) + 4 for key, _ in texts]) + 1)
        return b"{%b}" % b",".join([b'"%b":%b' % (key.encode(), text) for key, text in texts])

    def nodes(self, part: Nodes) -> bytes:
        self.size.add(1 + (len(self.records) or 1))
        texts = [self._record(part, record, [part.key, index]) for index, record in enumerate(self.records)]
        return b"[%b]" % b",".join(texts)

    def edges(self, part: Edges, cursors: Sequence[str]) -> bytes:
        self.size.add(1 + (len(self.records) or 1))
        found = []
        for index, (record, cursor) in enumerate(zip(self.records, cursors, strict=True)):
            texts = []
            for one in part.parts:
                match one:
                    case Constant():
                        text = one.text
                    case Nodes():
                        text = self._record(one, record, [part.key, index, one.key])
                    case _:
                        text = msgspec.json.encode(cursor)
                        self.size.add(len(text))
                texts.append((one.key, text))
            found.append(self.object(texts))
        return b"[%b]" % b",".join(found)

    def _record(self, part: Nodes, found: ListedRecord, path: list[str | int]) -> bytes:
        source, record, read_at = found
        if isinstance(record, Exception):
            self.failures.append(Failure(record, [self.key, *path], part.positions))
            record = None
        text = b"null" if record is None else part.serializers[source].complete_cached(record, self.size, read_at)
        self.size.add(len(text))
        return text

    def resolved(self, part: Resolved, value: Any) -> bytes:
        if isinstance(value, Exception):
            self.failures.append(Failure(value, [self.key, part.key], part.positions))
            value = None
        text = msgspec.json.encode(part.serializer.complete(value, self.size))
        self.size.add(len(text))
        return text


def page_parts(
    type_: GraphQLOutputType,
    details: list[FieldDetails],
    collect: Collect,
    shared: Compilation,
    serializers: Callable[[GraphQLNamedType, list[FieldDetails], Collect], Serializers],
) -> list[Part]:
    """Return the parts of a connection that are selected; raises `NotCompiled`."""

    def nodes(key: str, same: list[FieldDetails], inner: GraphQLOutputType) -> Nodes:
        if isinstance(inner, GraphQLNonNull):  # a record that cannot be shown would take more than itself away
            raise NotCompiled(Reason.SELECTION)
        return Nodes(key, _positions(same), serializers(get_named_type(inner), same, collect))

    def part(parent: GraphQLObjectType, key: str, same: list[FieldDetails], *, of_edge: bool) -> Part:
        name = same[0].node.name.value
        field = parent.fields.get(name)
        if name == "__typename":
            return Constant(key, [], msgspec.json.encode(parent.name))
        if field is None or field.args or not is_open(field):
            raise NotCompiled(Reason.SELECTION)
        inner = _list_item(field.type)
        if of_edge and name == "node":
            return nodes(key, same, field.type)
        if of_edge and name == "cursor":
            return Part(key, [])
        if of_edge:
            raise NotCompiled(Reason.SELECTION)
        if name == "nodes" and inner is not None:
            return nodes(key, same, inner)
        if name == "edges" and inner is not None:
            edge = inner.of_type if isinstance(inner, GraphQLNonNull) else inner
            assert isinstance(edge, GraphQLObjectType)
            parts = [part(edge, one, fields, of_edge=True) for one, fields in collect(edge, same).items()]
            return Edges(key, [], parts)
        serializer = shared.resolved_serializer(field.type, same, collect)
        return Resolved(key, _positions(same), field, [one.node for one in same], parent, serializer)

    if not isinstance(type_, GraphQLObjectType):  # it may be null
        raise NotCompiled(Reason.ROOT_FIELD)
    return [part(type_, key, same, of_edge=False) for key, same in collect(type_, details).items()]


def _list_item(type_: GraphQLOutputType) -> GraphQLOutputType | None:
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return inner.of_type if isinstance(inner, GraphQLList) else None


def _positions(details: list[FieldDetails]) -> list[int]:
    return [one.node.loc.start for one in details if one.node.loc]
