"""The subgraph's `_entities`: from a router's representations to the same loaders that the root fields use.

Follows the Federation 2 subgraph specification. Each representation is resolved by itself: one that is malformed, of
the wrong type, missing or failing is null, with a located error where it is no plain miss, and hurts no other.
"""

import asyncio
from typing import Any, Literal

import strawberry
from strawberry.federation.schema import FederationAny

from resolvers import global_id
from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import BadUserInput
from resolvers.nexudus import NEXUDUS
from resolvers.source import Source
from schema.chartmogul import ChartMogulOpportunity
from schema.context import Info
from schema.nexudus import NexudusOpportunity
from schema.opportunity import Opportunity

# 2.3 is the first version with keys on interfaces; composers in use refuse versions newer than they know.
VERSION: Literal["2.3"] = "2.3"

_SOURCE_OF = {NexudusOpportunity: NEXUDUS, ChartMogulOpportunity: CHARTMOGUL}
_TYPES = {t.__strawberry_definition__.name: t for t in (Opportunity, *_SOURCE_OF)}  # type: ignore[attr-defined]


DESCRIPTIONS = {
    "Query._entities": "For routers (Apollo Federation): the entities with these keys, in order, null where missing.",
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
            name, _, field = coordinates.partition(".")
            type_: Any = self._schema.type_map[name]
            (type_.fields[field] if field else type_).description = text
        representations = self._schema.type_map["Query"].fields["_entities"].args["representations"]  # type: ignore[attr-defined]
        representations.description = "The keys of the entities, each with its `__typename`."

    async def entities_resolver(  # type: ignore[override] # the base is synchronous; awaiting here keeps the batch
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """Return one entity, None or exception for each representation, in order."""
        return await asyncio.gather(  # type: ignore[no-any-return] # exceptions among them
            *(_resolve(info, r) for r in representations), return_exceptions=True
        )


async def _resolve(info: Info, representation: Any) -> Any:
    source, source_id = key_of(representation)
    return await info.context.by_source_id(source, source_id)


def key_of(representation: Any) -> tuple[Source, str]:
    """Return the source and the canonical source id that a representation names; raises `BadUserInput`."""
    # Values arrive as the router sent them, neither coerced nor checked.
    if not isinstance(representation, dict):
        raise BadUserInput("A representation must be an object with __typename and a key.")
    name = representation.get("__typename")
    type_ = _TYPES.get(name) if isinstance(name, str) else None
    if type_ is None:
        raise BadUserInput("A representation's __typename must be the name of an entity of this subgraph.")
    source = _SOURCE_OF.get(type_)
    id_, source_id = representation.get("id"), representation.get("sourceId")
    if isinstance(id_, str):
        key = global_id.decode(id_)
        if source is not None and key[0] is not source:
            raise BadUserInput(f"This id is not that of a {name}.")
        return key
    if source is not None and _is_id(source_id):
        return source, global_id.canonical_id(source, str(source_id))
    raise BadUserInput("A representation must have a key: `id`, or on a source's own type `sourceId`, as a string.")


def _is_id(value: Any) -> bool:
    """GraphQL's ID accepts strings and whole numbers; to Python a boolean is one too."""
    return isinstance(value, str | int) and not isinstance(value, bool)
