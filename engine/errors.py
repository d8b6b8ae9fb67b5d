"""How a request is refused, and what formats the errors of a response. The messages are the graph's own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from graphql import GraphQLError, Node

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"


class RequestRefused(Exception):
    """Nothing of the request is answered but this text, with this code, and where these `nodes` are in its document."""

    def __init__(self, message: str, code: str, nodes: Sequence[Node] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.nodes = nodes

    def located(self) -> GraphQLError:
        """Return it as an error of the document."""
        return GraphQLError(str(self), list(self.nodes) or None)


def forget_frames(errors: Sequence[GraphQLError]) -> None:
    """Forget where errors were raised, once they are formatted, and logged if they are no one's fault but ours.

    They know the frames through which they went, and those know them: cycles that only a collection frees, with
    everything that the operation had.
    """
    for error in errors:
        cause: BaseException | None = error
        while cause is not None:
            cause.__traceback__ = None
            cause = cause.original_error if isinstance(cause, GraphQLError) else None


class ErrorFormatter(Protocol):
    """Turns errors into those of the response (GraphQL specification, 7.1.2)."""

    def request_errors(self, errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
        """Return errors of a document that is not executed."""
        ...

    def variable_errors(self, errors: Sequence[GraphQLError], given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return errors of the variables that were given, and of the choice of an operation."""
        ...

    def execution_errors(self, errors: Sequence[GraphQLError], context: Any) -> list[dict[str, Any]]:
        """Return errors of fields, and what else the context holds of the sort; may raise `RequestRefused`."""
        ...
