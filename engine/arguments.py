"""The arguments of one field of an operation, as its resolver takes them."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_literal,
    is_non_null_type,
)
from graphql.execution.values import VariableValues

from engine.fallbacks import NotCompiled, Reason
from engine.inputs import NotReadError, reader


class Arguments:
    """Reads the arguments: once what is written in the document, each time what is a variable, or has one inside.

    An argument that is not given has the default of the resolver, which is that of the schema.
    """

    def __init__(self, field: GraphQLField, given: Mapping[str, ValueNode]) -> None:
        """Raises `NotCompiled` for what is refused."""
        self._types = {name: one.type for name, one in field.args.items()}
        self._names = {name: one.extensions["strawberry-definition"].python_name for name, one in field.args.items()}
        self._readers = {name: reader(self._types[name], is_coerced=True) for name in given}
        variables = {name: value for name, value in given.items() if isinstance(value, VariableNode)}
        self._variables = [
            (self._names[name], value.name.value, is_non_null_type(self._types[name]))
            for name, value in variables.items()
        ]
        self._inside = {name: value for name, value in given.items() if name not in variables and has_variables(value)}
        constant = given.keys() - variables.keys() - self._inside.keys()
        self._constant = {self._names[name]: self._literal(name, given[name], {}) for name in constant}

    def values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by their names in Python, without absent ones; raises `NotCompiled`."""
        found = self._constant.copy()
        for name, variable, is_required in self._variables:
            if variable in variables:
                found[name] = variables[variable]
                if found[name] is None and is_required:
                    raise NotCompiled(Reason.ARGUMENT)
        for name, node in self._inside.items():
            found[self._names[name]] = self._literal(name, node, variables)
        return found

    def _literal(self, name: str, node: ValueNode, variables: Mapping[str, Any]) -> Any:
        value = coerce_input_literal(node, self._types[name], VariableValues({}, dict(variables)))
        try:
            if value is not Undefined:
                return self._readers[name](value)
        except NotReadError:
            pass
        raise NotCompiled(Reason.ARGUMENT)


def has_variables(node: ValueNode | None) -> bool:
    """Return whether a value is a variable, or holds any."""
    if isinstance(node, ListValueNode):
        return any(has_variables(value) for value in node.values)
    if isinstance(node, ObjectValueNode):
        return any(has_variables(field.value) for field in node.fields)
    return isinstance(node, VariableNode)
