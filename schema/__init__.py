"""What clients see. Strawberry only, no I/O.

The whole graph in ten lines:

    opportunity(id)                     -> Opportunity          one of either source, by global id
    opportunitiesById(ids)              -> [Opportunity]        several, in order, null where missing
    nexudusOpportunity(sourceId)        -> NexudusOpportunity   by Nexudus' Id
    chartMogulOpportunity(sourceId)     -> ChartMogulOpportunity  by ChartMogul's uuid
    node(id), nodes(ids)                -> Node                 Relay
    _entities, _service                                         Federation 2: keys id and sourceId

    interface Opportunity: source, sourceId, status, value, pipelineName, stageName, owner, customer, created, updated
    NexudusOpportunity adds a CrmOpportunity's own fields, ChartMogulOpportunity those of ChartMogul's opportunity.
"""

from strawberry.schema.config import StrawberryConfig

from schema.chartmogul import ChartMogulOpportunity
from schema.federation import VERSION, FederatedSchema
from schema.nexudus import NexudusOpportunity
from schema.query import Query
from schema.scalars import SCALARS


def build_schema() -> FederatedSchema:
    """Return the graph. Building takes a moment: once per process is enough."""
    return FederatedSchema(
        query=Query,
        types=[NexudusOpportunity, ChartMogulOpportunity],
        config=StrawberryConfig(scalar_map=SCALARS),
        federation_version=VERSION,
    )
