"""The variables of a request, coerced as graphql-core does, but quickly if coercion would change nothing.

And which of them decide what fields an operation has.
"""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    print_ast,
    type_from_ast,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values

from engine.inputs import NotReadError, Read, has_input_objects, reader

IsPlain = Callable[[Any], bool]
"""Whether coercion of a value gives the value itself."""


class Variables:
    """The variables that an operation defines."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        types = {d.variable.name.value: type_from_ast(schema, d.type) for d in definitions}
        inputs = {name: type_ for name, type_ in types.items() if has_input_objects(type_)}
        self._read = [(name, reader(inputs[name]) if name in inputs else _plain(types[name])) for name in types]
        self._read_coerced = {name: reader(type_, is_coerced=True) for name, type_ in inputs.items()}
        self._optional = {
            definition.variable.name.value
            for definition in definitions
            if definition.default_value is None
            and not isinstance(definition.type, NonNullTypeNode)
            and types[definition.variable.name.value] is not None
        }

    def coerced(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """Return the values by name, without absent ones; None if one cannot be coerced.

        Input objects are read (`engine/inputs.py`), everything else is coerced as graphql-core does.
        """
        found = {}
        try:
            for name, read in self._read:
                if name in given:
                    found[name] = read(given[name])
                elif name not in self._optional:
                    return self._coerced(given)
        except Exception:  # it may be valid all the same, or has to be refused
            return self._coerced(given)
        return found

    def _coerced(self, given: dict[str, Any]) -> dict[str, Any] | None:
        values = get_variable_values(self._schema, self._definitions, given)
        if not isinstance(values, VariableValues):
            return None
        read = self._read_coerced
        return {name: read[name](value) if name in read else value for name, value in values.coerced.items()}


def _plain(type_: Any) -> Read:
    """Return what returns a value that coercion would leave as it is, and raises `NotReadError` for any other."""
    is_plain, may_be_null = _test(type_), type_ is not None and not isinstance(type_, GraphQLNonNull)

    def read(value: Any) -> Any:
        if not is_plain(value) and not (may_be_null and value is None):
            raise NotReadError
        return value

    return read


def _test(type_: Any) -> IsPlain:
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if not isinstance(type_, GraphQLList):
        return _PLAIN.get(getattr(type_, "name", ""), _never)
    item = type_.of_type
    test = _PLAIN.get(getattr(item.of_type, "name", "")) if isinstance(item, GraphQLNonNull) else None
    return _all_are(test) if test else _never


def _all_are(test: IsPlain) -> IsPlain:
    return lambda value: type(value) is list and all(map(test, value))


def _is_text(value: Any) -> bool:
    return type(value) is str


def _never(_: Any) -> bool:
    return False


def _is_int(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


_PLAIN: dict[str, IsPlain] = {
    "ID": _is_text,
    "String": _is_text,
    "Int": _is_int,
    "Boolean": lambda value: value is True or value is False,
    "_Any": lambda value: type(value) is dict,
}


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None


def conditional_variables(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the names of the variables in the document's directives, `@skip` and `@include`.

    Only Booleans of this operation, which can have few values: the document's other operations may have variables of
    the same names and of other types.
    """
    finder = _ConditionFinder()
    visit(document, finder)
    booleans = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if print_ast(definition.type) in ("Boolean", "Boolean!")
    }
    return [name for name in finder.names if name in booleans]
