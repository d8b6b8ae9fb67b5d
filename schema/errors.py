"""Every error that leaves has a code, and none tells what it should not.

Errors of `resolvers.errors` carry their code. Errors of the GraphQL request itself get one here. Whatever is neither
is a fault of this server: it is logged with its traceback and leaves as `INTERNAL_SERVER_ERROR`, without its text.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import FieldNode, GraphQLError
from graphql.pyutils import Path

from resolvers.errors import BadUserInput, ResolverError
from schema.redaction import about_refused_value, about_variable, is_about_value, root_cause, without_value

INTERNAL = "INTERNAL_SERVER_ERROR"

LONGEST_MESSAGE = 500
"""Names may be as long as documents, and each error repeats one."""

Refused = tuple[Path, Sequence[FieldNode]]
"""A field of an answer that was refused: its place there, and in the document."""

logger = logging.getLogger("opportunity_graph.graphql")


def request_errors(errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
    """Return errors of a document that was not executed, as the response has them.

    Values that stand in the document are not repeated: like those of variables they may be somebody's name.
    """
    return [_formatted(error, code, without_value(error)) for error in errors]


def variable_errors(errors: Sequence[GraphQLError], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return errors of `given` variables and of the choice of an operation, without the variables' values.

    graphql-core's own message for a variable repeats the value, which may be somebody's name.
    """
    return [_formatted(error, BadUserInput.code, about_variable(error, given)) for error in errors]


def field_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors of an execution: the expected ones as they are, all others masked and logged.

    A field has the same arguments in all rows of a list: that they are refused is told once.
    """
    found = []
    refused: set[tuple[Any, ...]] = set()
    for error in errors:
        cause = root_cause(error)
        if (isinstance(cause, BadUserInput) or is_about_value(cause)) and isinstance((error.path or [0])[-1], str):
            # Rows of another type may have another field of the document at the same place.
            place = [one for one in error.path or () if isinstance(one, str)]
            field = (str(cause), *(error.positions or ()), *place)
            if field in refused:
                continue
            refused.add(field)
        if isinstance(cause, ResolverError):
            found.append(_formatted(error, cause.code))
        elif is_about_value(cause):
            found.append(_formatted(error, BadUserInput.code, about_refused_value(cause)))
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


def add_docs(errors: Sequence[dict[str, Any]], url: str) -> None:
    """Say with each error where its code is described: at the heading that a rendered `docs/errors.md` has for it."""
    for error in errors:
        error["extensions"]["docs"] = f"{url}#{error['extensions']['code'].lower()}"


def _formatted(error: GraphQLError, code: str, message: str | None = None) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    message = error.message if message is None else message
    formatted["message"] = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
    if code == INTERNAL:
        formatted["extensions"] = {"code": code, "retryable": False}
    else:
        formatted["extensions"] = {"code": code, "retryable": False, **(error.extensions or {})}
    return formatted
