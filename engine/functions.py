"""The generated functions of one document, within a bound of memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from engine.codegen import Collect, Writer
from engine.fallbacks import NotCompiled, Reason
from engine.mapping import ObjectMapping

MOST_BYTES = 1_000_000
"""Memory for the functions of one document, estimated; what would take more is not compiled."""


class Functions:
    """The functions of one document. Equal functions are generated once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Function] = {}
        self.bytes = 0
        """Estimated memory: `tests/test_engine_documents_memory.py` compares this with a measurement."""

    def function(
        self, type_: GraphQLObjectType, mapping: ObjectMapping[Any], details: list[FieldDetails], collect: Collect
    ) -> "Function":
        """Return the function that completes records of this type; raises `NotCompiled`."""
        writer = Writer(collect)
        text = f"lambda record: {writer.object(type_, mapping, details, 'record')}"
        key = (text, *writer.values)
        if (known := self._known.get(key)) is not None:
            return known
        size = writer.bytes + 1_500 + 4 * len(text)
        if self.bytes + size > MOST_BYTES:
            raise NotCompiled(Reason.SIZE)
        self.bytes += size
        complete = eval(text, writer.names)  # noqa: S307 - nothing of a request is in it but GraphQL names
        self._known[key] = found = Function(complete, writer.repeats)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """Makes the object that is encoded as a record's JSON. `repeats`: it may hold one value several times."""

    complete: Callable[[Any], msgspec.Struct]
    repeats: bool
