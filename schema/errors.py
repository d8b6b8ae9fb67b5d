"""Every error that leaves has a code, and none tells what it should not.

Errors of `resolvers.errors` carry their code. Errors of the GraphQL request itself get one here. Whatever is neither
is a fault of this server: it is logged with its traceback and leaves as `INTERNAL_SERVER_ERROR`, without its text.
"""

import logging
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, VariableDefinitionNode, print_ast

from resolvers.errors import BadUserInput, ResolverError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL_SERVER_ERROR"

logger = logging.getLogger("opportunity_graph.graphql")


def request_errors(errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
    """Return errors of a document that was not executed, as the response has them."""
    return [_formatted(error, code) for error in errors]


def variable_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors of variables and of the choice of an operation, without the variables' values.

    graphql-core's own message for a variable repeats the value, which may be somebody's name.
    """
    return [_formatted(error, BadUserInput.code, _about_variable(error)) for error in errors]


def field_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors of an execution: the expected ones as they are, all others masked and logged."""
    found = []
    for error in errors:
        cause = error.original_error
        if isinstance(cause, ResolverError):
            found.append(_formatted(error, cause.code))
        elif cause is None:
            # graphql-core's own: an argument's value that only execution could refuse.
            found.append(_formatted(error, BadUserInput.code, "An argument has a value that is not of its type."))
        else:
            logger.error("A resolver failed at %s", error.path, exc_info=cause)
            found.append(_formatted(error, INTERNAL, "Internal server error."))
    return found


def _formatted(error: GraphQLError, code: str, message: str | None = None) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    if message is not None:
        formatted["message"] = message
    if code == INTERNAL:
        formatted["extensions"] = {"code": code, "retryable": False}
    else:
        formatted["extensions"] = {"code": code, "retryable": False, **(error.extensions or {})}
    return formatted


def _about_variable(error: GraphQLError) -> str | None:
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, VariableDefinitionNode):
        return None
    return f"Variable '${node.variable.name.value}' has a value that is not of its type, {print_ast(node.type)}."
