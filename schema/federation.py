"""The subgraph's `_entities`: from a router's representations to the same loaders that the root fields use.

Follows the Federation 2 subgraph specification. Each representation is resolved by itself: one that is malformed, of
the wrong type, missing or failing is null, with a located error where it is no plain miss, and hurts no other.
"""

from functools import cached_property
from typing import Any, Literal

import strawberry
from graphql import Undefined
from strawberry.federation.schema import FederationAny

from engine.inputs import read_for_strawberry
from schema.context import Info
from schema.lookups import BY_REPRESENTATIONS

# 2.3 is the first version with keys on interfaces; composers in use refuse versions newer than they know.
VERSION: Literal["2.3"] = "2.3"

DESCRIPTIONS = {
    "Query._entities": "For routers (Apollo Federation): the entities with these keys, in order, null where missing.",
    "Query._entities.representations": "The keys of the entities, each with its `__typename`.",
    "Query._service": "For routers (Apollo Federation): this subgraph's schema.",
    "_Service": "What a router wants to know of this subgraph.",
    "_Service.sdl": "The schema of this subgraph in GraphQL's schema definition language.",
    "_Entity": "Any type with a key.",
    "_Any": "A representation: an object with `__typename` and the fields of one key.",
}
"""Strawberry adds these types and fields without a word."""


class FederatedSchema(strawberry.federation.Schema):
    """Strawberry's federation schema with an `_entities` that survives what routers and strangers send."""

    def __init__(self, *arguments: Any, description: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._schema.description = description
        for coordinates, text in DESCRIPTIONS.items():
            type_, _, rest = coordinates.partition(".")
            field, _, argument = rest.partition(".")
            described: Any = self._schema.type_map[type_]
            described = described.fields[field] if field else described
            described = described.args[argument] if argument else described
            described.description = text
        for named in self._schema.type_map.values():
            for one in getattr(named, "fields", {}).values():
                for argument in (one, *getattr(one, "args", {}).values()):
                    _drop_null(argument)
        read_for_strawberry(self._schema)
        service: Any = self._schema.type_map["_Service"]
        service.fields["sdl"].resolve = lambda *_: self._text

    @cached_property
    def _text(self) -> str:
        """What `_service` gives. Printed once: that takes tens of milliseconds, in which nobody else is answered."""
        return self.as_str()

    async def entities_resolver(  # type: ignore[override] # the base is synchronous; awaiting here keeps the batch
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """Return one entity, None or exception for each representation, in order."""
        return await BY_REPRESENTATIONS.many(  # type: ignore[no-any-return] # exceptions among them
            info.context, representations
        )


def _drop_null(argument: Any) -> None:
    """Let an argument be left out, for which Strawberry would pass a null: resolvers have defaults of their own."""
    if getattr(argument, "default_value", 0) is None:
        argument.default_value = Undefined
