"""`pipelines`: the names of pipelines and stages that deals have, which is what filters can be set to."""

import strawberry

from schema.context import Info
from schema.opportunity import OpportunitySource
from store.pipelines import pipelines as stored_pipelines


@strawberry.type(description="A stage of a pipeline.")
class PipelineStage:
    """A stage (ChartMogul), or a board column (Nexudus)."""

    name: str | None = strawberry.field(description="Its name; null for deals without one.")
    position: int | None = strawberry.field(
        description="Its place in the pipeline, from 0. Always null now: no source tells it of a deal. Nexudus' "
        "`Position` is the deal's place within its column, and ChartMogul's stages are names alone."
    )
    count: int = strawberry.field(description="How many deals are in it.")


@strawberry.type(description="A pipeline (ChartMogul), or a board (Nexudus).")
class Pipeline:
    """A pipeline of one source."""

    name: str | None = strawberry.field(description="Its name; null for deals without one.")
    source: OpportunitySource = strawberry.field(description="The source that has it.")
    stages: list[PipelineStage] = strawberry.field(description="Its stages that have deals, by name.")


@strawberry.field(description="Pipelines and their stages, as deals have them: what filters can be set to.")
async def pipelines(info: Info) -> list[Pipeline] | None:
    """Return all pipelines."""
    deals = info.context.lists()
    found = await deals.read(stored_pipelines, info.context.turns)
    return [
        Pipeline(
            name=one.name,
            source=OpportunitySource(one.source),
            stages=[PipelineStage(name=stage.name, position=None, count=stage.count) for stage in one.stages],
        )
        for one in found
        if one.source not in deals.unconfigured
    ]
