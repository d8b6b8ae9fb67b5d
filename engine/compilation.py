"""What the compiled operations of one document share: functions, serializers, and the memory that they take."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, Source

from engine.codegen import Function, Functions
from engine.compiled_field import Failure, Serializer
from engine.fallbacks import DocumentFallbacks
from engine.literals import Parameterised
from engine.lookup import Records
from engine.serialization_cache import SerializationCache
from engine.slots import moved


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
        self.parameters = parts.parameters if parts else ()
        operations = [d for d in tree.definitions if isinstance(d, OperationDefinitionNode)]
        has_any_name = parts is not None and parts.name is not None
        self.operations = {None if has_any_name or d.name is None else d.name.value: d for d in operations}
        """By their names; by None where any name will do."""
        self.specialisations = 0
        self.root_fields = 0
        self._serialization_cache = serialization_cache
        self._functions = Functions()
        self._serializers: dict[Function, Serializer] = {}

    @property
    def bytes(self) -> int:
        """Memory for what is compiled, estimated."""
        return self._functions.bytes + 1_000 * self.specialisations + 1_200 * self.root_fields

    def compile_serializer(self, *parts: Any) -> Serializer:
        """Return what completes records; `parts` are those of `Functions.function`. Raises `NotCompiled`."""
        function = self._functions.function(*parts)
        found = self._serializers.get(function)
        if found is None:
            self._serializers[function] = found = Serializer(
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
