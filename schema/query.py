"""The root fields: each names the lookup that finds its records. `Query` lists them in the order of the schema."""

from typing import Annotated, Any

import strawberry
from strawberry.tools import create_type

from schema.context import Info
from schema.deals.connections import opportunities
from schema.deals.pipelines import pipelines
from schema.deals.source_info import sources
from schema.deals.summaries import opportunity_summary
from schema.lookups import BY_ID, BY_IDS, LOOKUPS
from schema.opportunity import GlobalId, GlobalIds, Node, Opportunity
from schema.sources import SOURCE_TYPES, SourceType


@strawberry.field(
    description="The opportunity with this global `id`, whichever source it lives in; "
    "null if that source has no such record."
)
async def opportunity(info: Info, id: GlobalId) -> Opportunity | None:
    """Fetch one of either source."""
    return await BY_ID.one(info.context, id)  # type: ignore[no-any-return] # one lookup serves several types


@strawberry.field(
    description="The opportunities with these global `id`s, in the order asked for, null where a source has no "
    "such record. Ids that appear twice are fetched once. Null if the list is refused."
)
async def opportunities_by_id(info: Info, ids: GlobalIds) -> list[Opportunity | None] | None:
    """Fetch several of both sources."""
    return await BY_IDS.many(info.context, ids)  # type: ignore[no-any-return] # exceptions among them


@strawberry.field(description="Fetches any object again by its global `id` (Relay).")
async def node(info: Info, id: GlobalId) -> Node | None:
    """Fetch one object."""
    return await BY_ID.one(info.context, id)  # type: ignore[no-any-return] # one lookup serves several types


@strawberry.field(
    description="Fetches several objects again by their global `id`s (Relay); null if the list is refused."
)
async def nodes(info: Info, ids: GlobalIds) -> list[Node | None] | None:
    """Fetch several objects."""
    return await BY_IDS.many(info.context, ids)  # type: ignore[no-any-return] # exceptions among them


def own_field(one: SourceType) -> Any:
    """Return the field that finds one record of a source by the source's own id."""
    lookup = LOOKUPS[one.root_field]
    SourceId = Annotated[strawberry.ID, strawberry.argument(description=one.id_description)]  # noqa: N806 - a type

    async def fetch(info: Info, source_id: SourceId) -> Any:
        return await lookup.one(info.context, source_id)

    fetch.__name__ = f"{one.source.name}_opportunity"
    return strawberry.field(
        fetch, name=one.root_field, description=one.description, graphql_type=one.mapping.type_ | None
    )


Query = create_type(
    "Query",
    [
        opportunity,
        opportunities_by_id,
        *map(own_field, SOURCE_TYPES),
        node,
        nodes,
        opportunities,
        opportunity_summary,
        pipelines,
        sources,
    ],
    description="Sales opportunities of every configured source: by id, in lists, and in totals.",
)
