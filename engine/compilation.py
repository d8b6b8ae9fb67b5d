"""What the compiled operations of one document share: serializers, and the memory that they take."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLObjectType, GraphQLOutputType, OperationDefinitionNode, Source
from graphql.execution.collect_fields import FieldDetails

from engine.aliases import Aliases
from engine.codegen import Resolve, Writer
from engine.fallbacks import DocumentFallbacks, NotCompiled, Reason
from engine.literals import Parameterised
from engine.lookup import Records
from engine.mapping import ObjectMapping
from engine.run import Failure
from engine.selected import Collect
from engine.serialization_cache import SerializationCache
from engine.serializer import Serializer
from engine.slots import shifted_position

MOST_BYTES = 1_000_000
"""Memory for the serializers of one document, estimated; what would take more is not compiled."""


class Compilation:
    """What the compiled operations of a document share."""

    def __init__(
        self,
        text: str,
        tree: DocumentNode,
        records: Records,
        serialization_cache: SerializationCache,
        fallbacks: DocumentFallbacks,
        parts: Parameterised | None = None,
        slots: Mapping[int, int] | None = None,
    ) -> None:
        """`slots` are the numbers of the text's parameters by their places in it."""
        self.text = text
        self.tree = tree
        self.records = records
        self.fallbacks = fallbacks
        self.slots = slots or {}
        self.parameters: Sequence[str] = parts.parameters if parts else ()
        operations = [d for d in tree.definitions if isinstance(d, OperationDefinitionNode)]
        has_any_name = parts is not None and parts.name is not None
        self.operations = {None if has_any_name or d.name is None else d.name.value: d for d in operations}
        """By their names; by None where any name will do."""
        self.bytes = 0
        """Estimated memory: `tests/test_engine_documents_memory.py` compares this with a measurement."""
        self.specialisations = 0
        self.root_fields = 0
        self._serializers_bytes = 0
        self._serialization_cache = serialization_cache
        self._serializers: dict[tuple[Any, ...], Serializer] = {}

    def serializer(
        self,
        type_: GraphQLObjectType,
        mapping: ObjectMapping[Any],
        details: list[FieldDetails],
        collect: Collect,
        resolve: Resolve,
    ) -> Serializer:
        """Return what serializes records of this type; equal ones are generated once. Raises `NotCompiled`."""
        writer = Writer(collect, self.records.read_at, resolve)
        return self._generated(writer, writer.object(type_, mapping, details, "record"))

    def resolved_serializer(
        self, type_: GraphQLOutputType, details: list[FieldDetails], collect: Collect
    ) -> Serializer:
        """Return what serializes values that a resolver gives for a field of this type. Raises `NotCompiled`."""
        writer = Writer(collect)
        return self._generated(writer, writer.value(type_, details))

    def _generated(self, writer: Writer, expression: str) -> Serializer:
        if writer.repeats:  # else it is no longer than what the source sent
            expression = f"size.checked({expression})"
        text = f"lambda record, size, read_at: {expression}"
        key = (text, *writer.values)
        if (known := self._serializers.get(key)) is not None:
            return known
        size = writer.bytes + 1_500 + 4 * len(text)
        if self._serializers_bytes + size > MOST_BYTES:
            raise NotCompiled(Reason.SIZE)
        self._serializers_bytes += size
        self.bytes += size
        complete = eval(text, writer.names)  # noqa: S307 - nothing of a request is in it but GraphQL names
        cache = self._serialization_cache
        told = (writer.tells_age, cache, cache.number(), tuple(writer.resolved))
        self._serializers[key] = found = Serializer(complete, *told)
        return found

    def located(
        self, failures: Sequence[Failure], text: str, parameters: Sequence[str], aliases: Aliases
    ) -> list[GraphQLError]:
        """Return errors with their places in this text and its answer (GraphQL specification, 7.1.2)."""
        source = Source(text)
        return [
            GraphQLError(
                str(failure.error),
                None,
                source,
                [shifted_position(position, self.slots, self.parameters, parameters) for position in failure.positions],
                aliases.path(failure.path),
                failure.error if isinstance(failure.error, Exception) else None,
            )
            for failure in failures
        ]
