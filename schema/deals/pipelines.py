"""`pipelines`: the names of pipelines and stages that deals have or can have, which is what filters can be set to."""

import strawberry

from schema.context import Info
from schema.opportunity import OpportunitySource
from schema.sources import MAPPINGS
from store.pipelines import pipelines as stored_pipelines


@strawberry.type(description="A stage of a pipeline.")
class PipelineStage:
    """A stage (ChartMogul), or a board column (Nexudus)."""

    name: str | None = strawberry.field(description="Its name; null for deals without one.")
    position: int | None = strawberry.field(
        description="Its place in the pipeline: the lowest first, in Nexudus from 0. Where boards of one name have it "
        "at several places, the last of them. Null where its source does not list it: ChartMogul's stages are names."
    )
    count: int = strawberry.field(description="How many deals are in it; 0 for one that its source lists all the same.")


@strawberry.type(description="A pipeline (ChartMogul), or a board (Nexudus).")
class Pipeline:
    """A pipeline of one source."""

    name: str | None = strawberry.field(description="Its name; null for deals without one.")
    source: OpportunitySource = strawberry.field(description="The source that has it.")
    stages: list[PipelineStage] = strawberry.field(description="Its stages, by position, then by name.")


@strawberry.field(
    description="Pipelines and their stages, as deals have them or sources list them: what filters can be set to."
)
async def pipelines(info: Info) -> list[Pipeline] | None:
    """Return all pipelines."""
    deals = info.context.lists()
    sources = MAPPINGS.keys() - deals.unconfigured
    found = await deals.read(lambda connection: stored_pipelines(connection, sources), info.context.turns)
    return [
        Pipeline(
            name=one.name,
            source=OpportunitySource(one.source),
            stages=[PipelineStage(name=stage.name, position=stage.position, count=stage.count) for stage in one.stages],
        )
        for one in found
    ]
