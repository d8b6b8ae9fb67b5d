"""Values of arguments, read into what resolvers take: Strawberry's input objects.

graphql-core and Strawberry go through all fields of an input object, several times, also of those that were not given.
What is read here goes through those that were; it is prepared once for each type. A value that is not plainly valid is
not read: graphql-core will say what is wrong with it, or make it valid.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_required_input_field,
)

from engine.fallbacks import NotCompiled, Reason

Read = Callable[[Any], Any]
"""Returns what a resolver takes for a value; raises `NotReadError`, or what a scalar raises."""


class NotReadError(Exception):
    """The value is not plainly valid."""


def has_input_objects(type_: Any) -> TypeGuard[GraphQLInputType]:
    """Return whether values of the type are input objects of Strawberry, or lists of them."""
    named = get_named_type(type_)
    return isinstance(named, GraphQLInputObjectType) and "strawberry-definition" in named.extensions


def reader(type_: GraphQLInputType, *, is_coerced: bool = False) -> Read:
    """Return what reads values of a type: as they were sent, or as graphql-core has coerced them.

    Raises `NotCompiled` for types that are not read here.
    """
    return (_OF_COERCED if is_coerced else _OF_SENT).of(type_)


def read_for_strawberry(schema: GraphQLSchema) -> None:
    """Have Strawberry's resolvers get input objects as they are read here, where graphql-core executes their fields.

    Strawberry itself looks at all fields of each object's type, given or not: at dozens of them 0.07 ms an object.
    """
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType) and "strawberry-definition" in type_.extensions:
            definition = type_.extensions["strawberry-definition"]
            if definition.from_input is None:
                with suppress(NotCompiled):  # Strawberry goes on to make those that are not read here
                    definition.from_input = _FromInput(reader(type_, is_coerced=True))


@dataclass(frozen=True, slots=True)
class _FromInput:
    """Strawberry's hook for types that build their own value: `StrawberryObjectDefinition.from_input`."""

    read: Read

    def __call__(self, _type: type, value: Any, _context: Any) -> Any:
        return self.read(value)


class _Readers:
    """The readers of types that may contain each other, shared by all that ask for them."""

    def __init__(self, *, is_coerced: bool) -> None:
        self._is_coerced = is_coerced
        self._objects: WeakKeyDictionary[GraphQLInputObjectType, _ObjectReader] = WeakKeyDictionary()

    def of(self, type_: GraphQLInputType) -> Read:
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type)
        read = self._present(type_)
        return lambda value: None if value is None else read(value)

    def _present(self, type_: GraphQLInputType) -> Read:
        if isinstance(type_, GraphQLList):
            return _list_reader(self.of(type_.of_type))
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_)
        assert isinstance(type_, GraphQLScalarType | GraphQLEnumType)
        return _not_none if self._is_coerced else _leaf_reader(type_.coerce_input_value)

    def _object(self, type_: GraphQLInputObjectType) -> "_ObjectReader":
        known = self._objects.get(type_)
        if known is None:
            definition = type_.extensions["strawberry-definition"]
            # Strawberry checks by itself that one field is given: its types do not tell graphql-core of that.
            if definition.is_one_of or not isinstance(definition.from_input, _FromInput | None):
                raise NotCompiled(Reason.ARGUMENT)
            self._objects[type_] = known = _ObjectReader(definition)
            try:
                for name, field in type_.fields.items():
                    known.fields[name] = (field.extensions["strawberry-definition"].python_name, self.of(field.type))
                    if is_required_input_field(field):
                        known.required.add(name)
            except NotCompiled:
                self._objects.clear()  # others may contain this one, which is not whole
                raise
        return known


class _ObjectReader:
    """Reads objects of one type, whose Python class has the defaults that the schema has."""

    def __init__(self, definition: Any) -> None:
        self.make = definition.origin
        self.fields: dict[str, tuple[str, Read]] = {}
        self.required: set[str] = set()
        self._absent = dict.fromkeys(
            [
                one.python_name
                for one in definition.fields
                if one.default_value is MISSING and one.default_factory is MISSING
            ]
        )

        self._values = None if hasattr(self.make, "__post_init__") else _values(self.make, self._absent)
        """What an object has of which nothing is given, in the order of its fields, where all of that is constant: to
        set dozens of fields one by one takes longer than to read those that are given."""

    def __call__(self, value: Any) -> Any:
        """Return the object."""
        if type(value) is self.make:  # a variable's, inside a literal
            return value
        if type(value) is not dict or not self.required <= value.keys():
            raise NotReadError
        given = self._absent.copy()
        fields = self.fields
        for name, one in value.items():
            if name not in fields:
                raise NotReadError
            python_name, read = fields[name]
            given[python_name] = read(one)
        if self._values is None:
            return self.make(**given)
        found = self.make.__new__(self.make)
        vars(found).update(self._values | given)
        return found


def _values(type_: Any, absent: Mapping[str, None]) -> dict[str, Any] | None:
    found = {one.name: None if one.name in absent else one.default for one in fields(type_)}
    return None if MISSING in found.values() or not all(one.init for one in fields(type_)) else found


_OF_SENT, _OF_COERCED = _Readers(is_coerced=False), _Readers(is_coerced=True)


def _list_reader(read: Read) -> Read:
    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise NotReadError
        return [read(one) for one in value]

    return read_list


def _leaf_reader(coerce: Read) -> Read:
    def read_leaf(value: Any) -> Any:
        return _not_none(None if value is None else coerce(value))

    return read_leaf


def _not_none(value: Any) -> Any:
    if value is None:
        raise NotReadError
    return value
