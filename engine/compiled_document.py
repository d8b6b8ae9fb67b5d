"""The operations of one document that are compiled, each when it is requested for the second time."""

from graphql import GraphQLSchema, OperationDefinitionNode

from engine.compilation import Compilation
from engine.compiler import CompiledQuery
from engine.fallbacks import NotCompiled, Reason


class CompiledDocument:
    """The compiled operations of one document, by schema and name."""

    def __init__(self, shared: Compilation) -> None:
        self.shared = shared
        self._found: dict[tuple[GraphQLSchema, str | None], CompiledQuery | Reason] = {}
        self._requested: set[tuple[GraphQLSchema, str | None]] = set()

    def operation(self, schema: GraphQLSchema, name: str | None) -> CompiledQuery | None:
        """Return an operation if it is compiled, or can be."""
        key = (schema, name)
        found = self._found.get(key)
        if found is None:
            operation = self._named(name)
            if operation is None or key not in self._requested:
                if operation is not None:
                    self._requested.add(key)
                self.shared.fallbacks.add(Reason.FIRST_REQUEST if operation else Reason.OPERATION)
                return None
            self.shared.bytes += 1_500
            try:
                found = CompiledQuery(schema, operation, self.shared)
            except NotCompiled as error:
                found = error.reason
            except Exception as error:  # graphql-core answers all the same
                self._found[key] = Reason.FAULT
                self.shared.fallbacks.add(Reason.FAULT, error)
                return None
            self._found[key] = found
        if isinstance(found, Reason):
            self.shared.fallbacks.add(found)
            return None
        return found

    def _named(self, name: str | None) -> OperationDefinitionNode | None:
        operations = self.shared.operations
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        return operations.get(name)
