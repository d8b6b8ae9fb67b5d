"""One execution of a compiled operation: what its fields share, and graphql-core's executor for what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.pyutils import Path, Undefined, is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.answer import AnswerSize
from engine.context import Context
from engine.fallbacks import NotCompiled, Reason
from engine.selected import Operation, SelectedField

Keys = list[str | int]
"""A place in the answer."""


class Failure(NamedTuple):
    """An error, its path in the response, and the positions of its field in the text that was compiled."""

    error: BaseException
    path: Keys
    positions: list[int]


@dataclass(slots=True)
class Run:
    """One execution. `variables` are as resolvers take them, `given` as they were sent."""

    operation: Operation
    context: Context
    variables: Mapping[str, Any]
    given: dict[str, Any]
    size: AnswerSize
    failures: list[Failure] = field(default_factory=list)
    executor: Executor[Any] | None = None

    def info(self, field: GraphQLField, nodes: list[FieldNode], parent: str, keys: Keys) -> GraphQLResolveInfo[Any]:
        """Return what a resolver is told of a field that is at these keys, of a type by its name."""
        one = self.operation
        path = path_of(keys, parent)
        type_ = one.schema.type_map[parent]
        name, told = nodes[0].name.value, (one.schema, one.definitions, None, one.node, self.variables, self.context)
        return GraphQLResolveInfo(name, nodes, field.type, type_, path, *told, is_awaitable, None, None)  # type: ignore[arg-type] # graphql-core's own helpers: none here

    def executed(self, selected: SelectedField, parent: Any, keys: Keys) -> Any:
        """Return a field of an object as graphql-core completes it, or an awaitable of that."""
        executor = self.executor
        if executor is None:
            self.executor = executor = self._made()
        path = path_of(keys, selected.type_.name)
        found = executor.execute_field(selected.type_, parent, selected.details, path, None)
        if found is Undefined:
            raise NotCompiled(Reason.SELECTION)
        return found

    def _made(self) -> Executor[Any]:
        one = self.operation
        name = one.node.name.value if one.node.name else None
        found = StrawberryGraphQLCoreExecutionContext.build(
            one.schema, one.tree, context_value=self.context, raw_variable_values=self.given, operation_name=name
        )
        if not isinstance(found, Executor):
            raise NotCompiled(Reason.VARIABLES)
        return found

    def all_failures(self) -> Sequence[Failure]:
        """Return the errors, with those of graphql-core's executor; raises `NotCompiled` if one of these is one."""
        if self.executor is None:
            return self.failures
        found = []
        for error in self.executor.collected_errors.errors:
            cause = error.original_error or error
            raise_if_not_compiled(cause)
            found.append(Failure(cause, list(error.path or ()), list(error.positions or ())))
        return [*self.failures, *found]


def raise_if_not_compiled(error: BaseException) -> None:
    """Raise an error that means that graphql-core has to execute the operation, or what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NotCompiled):
            raise cause
        cause = getattr(cause, "original_error", None)


def path_of(keys: Keys, type_: str | None = None) -> Path:
    """Return graphql-core's path of keys, the last of which is of a field of this type."""
    path: Path | None = None
    for key in keys[:-1]:
        path = Path(path, key, None)
    return Path(path, keys[-1], type_)


def object_type(type_: Any) -> GraphQLObjectType:
    """Return a type that is an object; raises `NotCompiled` for any other."""
    if not isinstance(type_, GraphQLObjectType):
        raise NotCompiled(Reason.SELECTION)
    return type_
