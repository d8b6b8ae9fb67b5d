"""The root fields: each names the lookup that finds its records. `Query` lists them in the order of the schema."""

from typing import Annotated, Any

import strawberry
from strawberry.tools import create_type

from schema.context import Info
from schema.deals.changes import opportunity_changes
from schema.deals.connections import opportunities
from schema.deals.freshness import FreshnessInput
from schema.deals.pipelines import pipelines
from schema.deals.source_info import sources
from schema.deals.stored_first import stored_first
from schema.deals.summaries import opportunity_summary
from schema.list_size import at_most
from schema.lookups import BY_ID, BY_IDS, LONGEST_LIST, LOOKUPS
from schema.opportunity import GlobalId, GlobalIds, Node, Opportunity
from schema.sources import SOURCE_TYPES, SourceType

AcceptedAge = Annotated[
    FreshnessInput | None,
    strawberry.argument(
        description="How old the answer may be. A copy in the store that is no older is served without asking the "
        "source; otherwise, and without this argument, the source is asked."
    ),
]


@strawberry.field(
    description="The opportunity with this global `id`, whichever source it lives in; "
    "null if that source has no such record."
)
async def opportunity(info: Info, id: GlobalId, freshness: AcceptedAge = None) -> Opportunity | None:
    """Fetch one of either source."""
    context = await stored_first(info.context, freshness, BY_ID, [id])
    return await BY_ID.one(context, id)  # type: ignore[no-any-return] # one lookup serves several types


@strawberry.field(
    description="The opportunities with these global `id`s, in the order asked for, null where a source has no "
    "such record. Ids that appear twice are fetched once. Null if the list is refused.",
    directives=[at_most(LONGEST_LIST)],
)
async def opportunities_by_id(
    info: Info, ids: GlobalIds, freshness: AcceptedAge = None
) -> list[Opportunity | None] | None:
    """Fetch several of both sources."""
    context = await stored_first(info.context, freshness, BY_IDS, ids)
    return await BY_IDS.many(context, ids)  # type: ignore[no-any-return] # exceptions among them


@strawberry.field(description="Fetches any object again by its global `id` (Relay).")
async def node(info: Info, id: GlobalId) -> Node | None:
    """Fetch one object."""
    return await BY_ID.one(info.context, id)  # type: ignore[no-any-return] # one lookup serves several types


@strawberry.field(
    description="Fetches several objects again by their global `id`s (Relay); null if the list is refused.",
    directives=[at_most(LONGEST_LIST)],
)
async def nodes(info: Info, ids: GlobalIds) -> list[Node | None] | None:
    """Fetch several objects."""
    return await BY_IDS.many(info.context, ids)  # type: ignore[no-any-return] # exceptions among them


def own_field(one: SourceType) -> Any:
    """Return the field that finds one record of a source by the source's own id."""
    lookup = LOOKUPS[one.root_field]
    SourceId = Annotated[strawberry.ID, strawberry.argument(description=one.id_description)]  # noqa: N806 - a type

    async def fetch(info: Info, source_id: SourceId, freshness: AcceptedAge = None) -> Any:
        return await lookup.one(await stored_first(info.context, freshness, lookup, [source_id]), source_id)

    fetch.__name__ = f"{one.source.name}_opportunity"
    return strawberry.field(
        fetch, name=one.root_field, description=one.description, graphql_type=one.mapping.type_ | None
    )


def own_list_field(one: SourceType) -> Any:
    """Return the field that finds several records of a source by the source's own ids."""
    lookup = LOOKUPS[one.list_field]
    SourceIds = Annotated[  # noqa: N806 - a type
        list[strawberry.ID], strawberry.argument(description=f"At most {LONGEST_LIST}. {one.id_description}")
    ]

    async def fetch(info: Info, source_ids: SourceIds, freshness: AcceptedAge = None) -> Any:
        return await lookup.many(await stored_first(info.context, freshness, lookup, source_ids), source_ids)

    fetch.__name__ = f"{one.source.name}_opportunities"
    return strawberry.field(
        fetch,
        name=one.list_field,
        description=f"Several {one.source.title} opportunities by their own ids, in the order asked for, null where "
        "there is no such record. Null if the list is refused.",
        directives=[at_most(LONGEST_LIST)],
        graphql_type=list[one.mapping.type_ | None] | None,  # type: ignore[name-defined] # a type known at run time
    )


Query = create_type(
    "Query",
    [
        opportunity,
        opportunities_by_id,
        *map(own_field, SOURCE_TYPES),
        *map(own_list_field, SOURCE_TYPES),
        node,
        nodes,
        opportunities,
        opportunity_summary,
        opportunity_changes,
        pipelines,
        sources,
    ],
    description="Sales opportunities of every configured source: by id, in lists, and in totals.",
)
