"""Messages of graphql-core's errors without the values that callers sent: they may be somebody's name or address.

Values are taken out, names never are. Where a message repeats a value, what it says before that is kept; of a variable
the name and the type are told, from the error's nodes.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    ObjectFieldNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    print_ast,
)

from schema.scalars import WRITTEN

_VALUE_TOKEN = re.compile(r"((?:Block)?String|Int|Float) '.*'", re.DOTALL)
_ANY_TOKEN = re.compile(r"(Name|(?:Block)?String|Int|Float) '.*'", re.DOTALL)
_ESCAPE_SEQUENCE = re.compile(r"(escape sequence): '.*'", re.DOTALL)
_DIGITS = re.compile(r", did you mean '0\.[0-9]+'\?")
_UNKNOWN_ENUM_VALUE = re.compile(r"Value '\w+' (does not exist in .*)")
_SUGGESTION = r" Did you mean (?:the enum values? )?(?:'\w+'(?:, or |, | or )?)+\?"
"""Names of the schema."""
_SUGGESTED_AT_END = re.compile(f"{_SUGGESTION}$", re.ASCII)
_UNKNOWN_FIELD = re.compile(
    f"(Expected value of type '\\w+' not to include unknown field '\\w+'\\.(?:{_SUGGESTION})?) Found: .*",
    re.ASCII | re.DOTALL,
)
_WRONG_VARIABLE = re.compile(
    r"Variable '\$\w+' has invalid value(?: at ((?:\.\w+|\[\d+\])+))?: (.*)", re.ASCII | re.DOTALL
)
"""The place in the value, which consists of names of the schema, and what is wrong there."""
_UNKNOWN_FIELD_SENT = re.compile(
    f"Expected value of type '(\\w+)' not to include unknown field '[^']*'(?:\\.({_SUGGESTION}) F|, f)ound: .*",
    re.ASCII | re.DOTALL,
)
_UNKNOWN_VALUE_SENT = re.compile(
    f"Value '[^']*' (does not exist in '\\w+' enum\\.(?:{_SUGGESTION})?)", re.ASCII | re.DOTALL
)
_MISSING_FIELD = re.compile(r"Expected value of type '(\w+)' to include required field '(\w+)', f", re.ASCII)
_NO_OBJECT = re.compile(r"Expected value of type '(\w+)' to be an object, f", re.ASCII)
_NULL = re.compile(r"Expected value of non-null type '[\w!\[\]]+' not to be None\.", re.ASCII)
_NO_NAME = re.compile(r"Enum '(\w+)' cannot represent non-string value: ", re.ASCII)
_OTHER_KIND = re.compile(r"(Int|Float|String|Boolean|ID) cannot represent ", re.ASCII)
_BUILT_IN = {
    "Int": "a whole number, up to two billion",
    "Float": "a number",
    "String": "text",
    "Boolean": "true or false",
    "ID": "text, or a whole number",
}
_OF_SCALAR = re.compile(r"Expected value of type '(\w+)', (?:found: |but encountered error )", re.ASCII)
_BEFORE_VALUE = re.compile(r": |[.,] found: |, but encountered | Did you mean ", re.IGNORECASE)


def root_cause(error: Exception) -> Exception:
    """Return what was raised first: graphql-core wraps its own errors, to say where in the answer they belong."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def is_about_value(error: Exception) -> TypeGuard[GraphQLError]:
    """Return whether graphql-core refuses what the caller passed, in the document or through a variable.

    Only then is the error's node a value. What it says of a resolver's result has a field's nodes, or none.
    """
    return isinstance(error, GraphQLError) and isinstance(_place(error), ValueNode)


def _place(error: GraphQLError) -> Node | None:
    return error.nodes[0] if error.nodes else None


def about_refused_value(error: GraphQLError) -> str:
    """Return why a value was refused when it came to be used: validation lets a null in a variable pass.

    That is where the variable may be null and has a default (specification, 5.8.5).
    """
    node = _place(error)
    if isinstance(node, VariableNode):
        return f"Variable '${node.name.value}' must not be null here."
    return "An argument has a value that is not of its type."


def without_value(error: GraphQLError) -> str:
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
        message = _about_literal(message)
    return message


def _about_literal(message: str) -> str:
    if found := _UNKNOWN_ENUM_VALUE.fullmatch(message):
        return f"This value {found[1]}"
    if found := _UNKNOWN_FIELD.fullmatch(message):
        return found[1]
    if (found := _OF_SCALAR.match(message)) and found[1] in WRITTEN:
        return f"Expected value of type '{found[1]}': {WRITTEN[found[1]]}."
    suggestion = _SUGGESTED_AT_END.search(message)
    return _BEFORE_VALUE.split(message, maxsplit=1)[0].removesuffix(".") + "." + (suggestion[0] if suggestion else "")


def about_variable(error: GraphQLError, given: Mapping[str, Any]) -> str | None:
    """Return why `given` variables or the choice of an operation were refused; None where graphql-core says it well."""
    cause = root_cause(error)
    if is_about_value(cause):  # of a directive at the root
        return about_refused_value(cause)
    node = _place(error)
    if not isinstance(node, VariableDefinitionNode):
        # The operation's name is the caller's own text, of any length.
        return "The document has no operation of this name." if error.message.startswith("Unknown op") else None
    name, type_ = node.variable.name.value, print_ast(node.type)
    if name not in given:
        return f"Variable '${name}' is required and was not passed: its type is {type_}."
    if given[name] is None:
        return f"Variable '${name}' must not be null: its type is {type_}."
    said = f"Variable '${name}' has a value that is not of its type, {type_}"
    found = _WRONG_VARIABLE.fullmatch(error.message)
    place, message = found.groups() if found else (None, "")
    wrong = _what_is_right(message)
    return said + (f", at `{place.removeprefix('.')}`" if place else "") + (f": {wrong}" if wrong else ".")


def _what_is_right(message: str) -> str | None:
    """Return what a wrong name could be, or how a scalar is written; what was sent is its sender's."""
    if found := _UNKNOWN_FIELD_SENT.fullmatch(message):
        return f"'{found[1]}' has no such field.{found[2] or ''}"
    if found := _UNKNOWN_VALUE_SENT.fullmatch(message):
        return f"this value {found[1]}"
    if found := _MISSING_FIELD.match(message):
        return f"'{found[1]}' must have the field '{found[2]}'."
    if found := _NO_OBJECT.match(message):
        return f"'{found[1]}' is an object."
    if _NULL.fullmatch(message):
        return "it must not be null."
    if found := _NO_NAME.match(message):
        return f"'{found[1]}' is a name, as text."
    if found := _OTHER_KIND.match(message):
        return f"'{found[1]}' is {_BUILT_IN[found[1]]}."
    if (found := _OF_SCALAR.match(message)) and found[1] in WRITTEN:
        return f"'{found[1]}' is {WRITTEN[found[1]]}."
    return None
