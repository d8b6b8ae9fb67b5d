"""What clients see. Strawberry only, no I/O.

The whole graph in ten lines:

    opportunity(id)                     -> Opportunity          one of either source, by global id
    opportunitiesById(ids)              -> [Opportunity]        several, in order, null where missing
    nexudusOpportunity(sourceId)        -> NexudusOpportunity   by Nexudus' Id
    chartMogulOpportunity(sourceId)     -> ChartMogulOpportunity  by ChartMogul's uuid
    node(id), nodes(ids)                -> Node                 Relay
    subscription opportunityChanges     -> events               what changes, as it is seen
    _entities, _service                                         Federation 2: keys id and sourceId

    interface Opportunity: source, sourceId, status, value, pipelineName, stageName, owner, customer, created, updated
    NexudusOpportunity adds a CrmOpportunity's own fields, ChartMogulOpportunity those of ChartMogul's opportunity.
"""

from strawberry.schema.config import StrawberryConfig

from schema.access import close_personal_fields
from schema.federation import VERSION, FederatedSchema
from schema.list_size import LINK
from schema.query import Query
from schema.scalars import SCALARS
from schema.sources import SOURCE_TYPES
from schema.subscription import Subscription


def build_schema() -> FederatedSchema:
    """Return the graph. Building takes a moment: once per process is enough."""
    return FederatedSchema(
        description="The sales opportunities of Nexudus and ChartMogul, in one graph.",
        query=Query,
        subscription=Subscription,
        types=[one.mapping.type_ for one in SOURCE_TYPES],
        config=StrawberryConfig(scalar_map=SCALARS),
        federation_version=VERSION,
        schema_directives=[LINK],
    )


def build_restricted_schema(*, custom_attributes_too: bool = True) -> FederatedSchema:
    """Return the same graph with personal data closed: what callers without the scope for it are answered with."""
    schema = build_schema()
    close_personal_fields(schema._schema, custom_attributes_too=custom_attributes_too)  # noqa: SLF001 - no public way
    return schema
