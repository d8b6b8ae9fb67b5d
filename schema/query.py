"""The root fields: each finds the loader's key and leaves the rest to the context."""

from typing import Annotated

import strawberry

from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from schema.chartmogul import ChartMogulOpportunity
from schema.context import Info
from schema.nexudus import NexudusOpportunity
from schema.opportunity import GlobalId, GlobalIds, Node, Opportunity

NexudusId = Annotated[strawberry.ID, strawberry.argument(description="Nexudus' `Id`, a whole number.")]
ChartMogulId = Annotated[strawberry.ID, strawberry.argument(description="ChartMogul's `uuid`.")]


@strawberry.type(description="Sales opportunities of every configured source, by id.")
class Query:
    """Everything that can be asked."""

    @strawberry.field(
        description="The opportunity with this global `id`, whichever source it lives in; "
        "null if that source has no such record."
    )
    async def opportunity(self, info: Info, id: GlobalId) -> Opportunity | None:
        """Fetch one of either source."""
        return await info.context.by_global_id(id)

    @strawberry.field(
        description="The opportunities with these global `id`s, in the order asked for, null where a source has no "
        "such record. Ids that appear twice are fetched once."
    )
    async def opportunities_by_id(self, info: Info, ids: GlobalIds) -> list[Opportunity | None]:
        """Fetch several of both sources."""
        return await info.context.by_global_ids(ids)  # type: ignore[no-any-return] # exceptions among them

    @strawberry.field(description="One Nexudus CrmOpportunity, by Nexudus' own numeric `Id`.")
    async def nexudus_opportunity(self, info: Info, source_id: NexudusId) -> NexudusOpportunity | None:
        """Fetch one from Nexudus."""
        return await info.context.by_source_id(NEXUDUS, source_id)  # type: ignore[no-any-return] # the source's type

    @strawberry.field(
        name="chartMogulOpportunity", description="One ChartMogul opportunity, by ChartMogul's own `uuid`."
    )
    async def chartmogul_opportunity(self, info: Info, source_id: ChartMogulId) -> ChartMogulOpportunity | None:
        """Fetch one from ChartMogul."""
        return await info.context.by_source_id(CHARTMOGUL, source_id)  # type: ignore[no-any-return] # the source's type

    @strawberry.field(description="Fetches any object again by its global `id` (Relay).")
    async def node(self, info: Info, id: GlobalId) -> Node | None:
        """Fetch one object."""
        return await info.context.by_global_id(id)

    @strawberry.field(description="Fetches several objects again by their global `id`s (Relay).")
    async def nodes(self, info: Info, ids: GlobalIds) -> list[Node | None]:
        """Fetch several objects."""
        return await info.context.by_global_ids(ids)  # type: ignore[no-any-return] # exceptions among them
