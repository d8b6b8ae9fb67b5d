"""Every error that leaves has a code, and none tells what it should not.

Errors of `resolvers.errors` carry their code. Errors of the GraphQL request itself get one here. Whatever is neither
is a fault of this server: it is logged with its traceback and leaves as `INTERNAL_SERVER_ERROR`, without its text.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    ObjectFieldNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    print_ast,
)
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


_VALUE_TOKEN = re.compile(r"((?:Block)?String|Int|Float) '.*'", re.DOTALL)
_ANY_TOKEN = re.compile(r"(Name|(?:Block)?String|Int|Float) '.*'", re.DOTALL)
_ESCAPE_SEQUENCE = re.compile(r"(escape sequence): '.*'", re.DOTALL)
_DIGITS = re.compile(r", did you mean '0\.[0-9]+'\?")
_UNKNOWN_ENUM_VALUE = re.compile(r"Value '\w+' (does not exist in .*)")
_BEFORE_VALUE = re.compile(r": |[.,] found: |, but encountered | Did you mean ", re.IGNORECASE)


def request_errors(errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
    """Return errors of a document that was not executed, as the response has them.

    Values that stand in the document are not repeated: like those of variables they may be somebody's name.
    """
    return [_formatted(error, code, _without_value(error)) for error in errors]


def variable_errors(errors: Sequence[GraphQLError], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return errors of `given` variables and of the choice of an operation, without the variables' values.

    graphql-core's own message for a variable repeats the value, which may be somebody's name.
    """
    return [_formatted(error, BadUserInput.code, _about_variable(error, given)) for error in errors]


def field_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors of an execution: the expected ones as they are, all others masked and logged."""
    found = []
    for error in errors:
        cause = _root_cause(error)
        if isinstance(cause, ResolverError):
            found.append(_formatted(error, cause.code))
        elif _is_about_value(cause):
            found.append(_formatted(error, BadUserInput.code, _about_refused_value(cause)))
        else:
            # Not with the exception's own text: it could repeat what was sent, or what a source answered.
            told = Exception(type(cause).__name__).with_traceback(cause.__traceback__)
            logger.error("A resolver failed at %s", error.path, exc_info=told)
            found.append(_formatted(error, INTERNAL, "Internal server error."))
    return found


def refusals(refused: Sequence[Refused], cause: ResolverError) -> list[dict[str, Any]]:
    """Return an error for each field that was refused. Where a field stands in the document is looked up once."""
    found = []
    known: dict[tuple[int, ...], dict[str, Any]] = {}
    for path, nodes in refused:
        # All of its nodes: records of another type may have other selections behind the same first one.
        key = tuple(map(id, nodes))
        like = known.get(key)
        if like is None:
            error = GraphQLError(str(cause), nodes, path=[], extensions=cause.extensions)
            known[key] = like = _formatted(error, cause.code)
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


def _root_cause(error: Exception) -> Exception:
    """Return what was raised first: graphql-core wraps its own errors, to say where in the answer they belong."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def _is_about_value(error: Exception) -> TypeGuard[GraphQLError]:
    """Whether graphql-core refuses what the caller passed, in the document or through a variable.

    Only then is the error's node a value. What it says of a resolver's result has a field's nodes, or none.
    """
    return isinstance(error, GraphQLError) and isinstance(_place(error), ValueNode)


def _place(error: GraphQLError) -> Node | None:
    return error.nodes[0] if error.nodes else None


def _about_refused_value(error: GraphQLError) -> str:
    """Return why a value was refused when it came to be used: validation lets a null in a variable pass.

    That is where the variable may be null and has a default (specification, 5.8.5).
    """
    node = _place(error)
    if isinstance(node, VariableNode):
        return f"Variable '${node.name.value}' must not be null here."
    return "An argument has a value that is not of its type."


def _without_value(error: GraphQLError) -> str:
    """Return graphql-core's message without values. What it says before them are its own words and names.

    A message about a value in the document has the value behind a colon. A message about syntax has the token that was
    found; of those with a value only the kind stays.
    """
    message, node = error.message, _place(error)
    if isinstance(error, GraphQLSyntaxError):
        # Behind a quotation mark a name may be a piece of a text that was not closed, or closed too early.
        is_quoted = '"' in error.source.body[: min(error.positions)] if error.source and error.positions else True
        message = (_ANY_TOKEN if is_quoted else _VALUE_TOKEN).sub(r"\1", message)
        message = _DIGITS.sub("", _ESCAPE_SEQUENCE.sub(r"\1", message))
    elif isinstance(node, ValueNode | ObjectFieldNode) and not isinstance(node, VariableNode):
        if found := _UNKNOWN_ENUM_VALUE.fullmatch(message):
            message = f"This value {found[1]}"
        else:
            message = _BEFORE_VALUE.split(message, maxsplit=1)[0].removesuffix(".") + "."
    return message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"


def _about_variable(error: GraphQLError, given: Mapping[str, Any]) -> str | None:
    cause = _root_cause(error)
    if _is_about_value(cause):  # of a directive at the root
        return _about_refused_value(cause)
    node = _place(error)
    if not isinstance(node, VariableDefinitionNode):
        # The operation's name is the caller's own text, of any length.
        return "The document has no operation of this name." if error.message.startswith("Unknown op") else None
    name, type_ = node.variable.name.value, print_ast(node.type)
    if name not in given:
        return f"Variable '${name}' is required and was not passed: its type is {type_}."
    if given[name] is None:
        return f"Variable '${name}' must not be null: its type is {type_}."
    return f"Variable '${name}' has a value that is not of its type, {type_}."
