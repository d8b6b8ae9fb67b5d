"""The mapping of a value that is there already: an instance of a type, a list of such, or what a scalar serializes.

Resolvers give these. What a record has for a type is said by its source (`engine/mapping.py`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from operator import attrgetter
from typing import Any

from graphql import GraphQLList, GraphQLObjectType, GraphQLOutputType, get_nullable_type

from engine.fallbacks import NotCompiled, Reason
from engine.mapping import ListMapping, ObjectMapping, Value


def itself(value: Any) -> Any:
    """Return the value."""
    return value


def as_it_is(type_: GraphQLOutputType) -> Value:
    """Return the mapping of a value that is an instance of the type, or what its scalar serializes."""
    if not isinstance(type_, GraphQLObjectType):
        return itself
    definition = type_.extensions["strawberry-definition"]
    found: dict[str, Value] = {one.name: one.name for one in fields(definition.origin) if one.init}
    for field in type_.fields.values():
        name, inner = field.extensions["strawberry-definition"].python_name, get_nullable_type(field.type)
        if name in found and inner is not field.type and isinstance(inner, GraphQLList):
            with suppress(NotCompiled):  # a list of something else
                found[name] = items_as_they_are(inner, attrgetter(name))
    return ObjectMapping(definition.origin, found, present=lambda value: value is not None)


def items_as_they_are(type_: GraphQLList[Any], items: Callable[[Any], Any]) -> ListMapping:
    """Return the mapping of a list of instances of a type; raises `NotCompiled` for a list of anything else."""
    mapping = as_it_is(get_nullable_type(type_.of_type))
    if not isinstance(mapping, ObjectMapping):
        raise NotCompiled(Reason.SELECTION)
    return ListMapping(mapping, items)
