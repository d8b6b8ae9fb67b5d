"""Every error that leaves has a code, and none tells what it should not.

Errors of `resolvers.errors` carry their code. Errors of the GraphQL request itself get one here. Whatever is neither
is a fault of this server: it is logged with its traceback and leaves as `INTERNAL_SERVER_ERROR`, without its text.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from graphql import FieldNode, GraphQLError, ValueNode, VariableDefinitionNode, print_ast
from graphql.pyutils import Path

from resolvers.errors import BadUserInput, ResolverError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL_SERVER_ERROR"

LONGEST_MESSAGE = 500
"""Names may be as long as documents, and each error repeats one."""

Refused = tuple[Path, Sequence[FieldNode]]
"""A field of an answer that was refused: its place there, and in the document."""

logger = logging.getLogger("opportunity_graph.graphql")


_TEXT_TOKEN = re.compile(r"((?:Block)?String) '.*'", re.DOTALL)


def request_errors(errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
    """Return errors of a document that was not executed, as the response has them.

    Values that stand in the document are not repeated: like those of variables they may be somebody's name.
    """
    return [_formatted(error, code, _without_value(error)) for error in errors]


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
            # Not with the exception's own text: it could repeat what was sent, or what a source answered.
            told = Exception(type(cause).__name__).with_traceback(cause.__traceback__)
            logger.error("A resolver failed at %s", error.path, exc_info=told)
            found.append(_formatted(error, INTERNAL, "Internal server error."))
    return found


def refusals(refused: Sequence[Refused], cause: ResolverError) -> list[dict[str, Any]]:
    """Return an error for each field that was refused. Where a field stands in the document is looked up once."""
    found = []
    known: dict[int, dict[str, Any]] = {}
    for path, nodes in refused:
        like = known.get(id(nodes[0]))
        if like is None:
            error = GraphQLError(str(cause), nodes, path=[], extensions=cause.extensions)
            known[id(nodes[0])] = like = _formatted(error, cause.code)
        found.append(like | {"path": path.as_list()})
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


def _without_value(error: GraphQLError) -> str:
    message = _TEXT_TOKEN.sub(r"\1", error.message)
    node = error.nodes[0] if error.nodes else None
    if isinstance(node, ValueNode):
        for printed in (print_ast(node), str(getattr(node, "value", ""))):
            message = message.replace(printed, "…") if printed else message
    return message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"


def _about_variable(error: GraphQLError) -> str | None:
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, VariableDefinitionNode):
        # The operation's name is the caller's own text, of any length.
        return "The document has no operation of this name." if error.message.startswith("Unknown op") else None
    return f"Variable '${node.variable.name.value}' has a value that is not of its type, {print_ast(node.type)}."
