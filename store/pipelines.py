"""Pipelines and their stages, as the deals of the store have them, and as their sources list them."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from store.spellings import Spellings
from store.stages import listed_stages
from store.tables import ALIVE, DEAL_GROUPS, DEALS
from store.text import fold

_NAMES: Final = ("source", "account", "pipeline_folded", "pipeline_name", "stage_folded", "stage_name")


@dataclass(slots=True)
class Stage:
    """A stage, and how many deals are in it, or were when they were last read.

    `position`: the stages of its pipeline come in this order; None where its source does not list it.
    """

    name: str | None
    count: int = 0
    position: int | None = None


@dataclass(slots=True)
class Pipeline:
    """A pipeline of one account of a source, its stages in their order, and how many deals it has."""

    source: str
    account: str
    name: str | None
    stages: list[Stage]
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    """Deals of one stage by its names, or a stage that is listed, by the same."""

    source: str
    account: str
    pipeline_folded: str | None
    pipeline_name: str | None
    stage_folded: str | None
    stage_name: str | None
    count: int = 0
    position: int | None = None


def pipelines(connection: Connection, sources: Container[str] | None = None) -> list[Pipeline]:
    """Return the pipelines of deals that are not deleted and of stages that are listed, by source, account and name.

    They are those of `sources`, or of all. Names that differ in case are one, shown as totals of all these deals show
    it, and as it is listed where no deal has it; None is where deals have none. The pipelines of several locations that
    share a name are one, too. A stage that these have at different places is shown at the last of them: where one
    location has more stages, they come before those in which the deals of all end. Stages come by position, then by
    name; those that are not listed are the last.
    """
    read = _of_deals(connection), _listed(connection)
    of_deals, listed = ([row for row in rows if sources is None or row.source in sources] for rows in read)
    pipeline_names, stage_names = _spellings(of_deals, listed)
    found: dict[tuple[str, str, str | None], Pipeline] = {}
    stages: dict[tuple[str, str, str | None, str | None], Stage] = {}
    for row in [*of_deals, *listed]:
        key = (row.source, row.account, row.pipeline_folded)
        if key not in found:
            found[key] = Pipeline(row.source, row.account, pipeline_names.shown(row.pipeline_folded), [])
        pipeline = found[key]
        stage_key = (*key, row.stage_folded)
        if stage_key not in stages:
            stages[stage_key] = Stage(stage_names.shown(row.stage_folded))
            pipeline.stages.append(stages[stage_key])
        stage = stages[stage_key]
        stage.count += row.count
        pipeline.count += row.count
        if row.position is not None:
            stage.position = row.position if stage.position is None else max(stage.position, row.position)
    for pipeline in found.values():
        pipeline.stages.sort(key=lambda one: (one.position is None, one.position or 0, _nulls_first(one.name)))
    return [found[key] for key in sorted(found, key=lambda one: (*one[:2], _nulls_first(one[2])))]


def _nulls_first(name: str | None) -> tuple[bool, str]:
    return name is not None, name or ""


def _spellings(of_deals: Iterable[_Row], listed: Iterable[_Row]) -> tuple[Spellings, Spellings]:
    """Return what pipelines and stages are called: as deals have it, and else as their sources list it."""
    pipeline_names, stage_names = Spellings(), Spellings()
    for row in of_deals:
        pipeline_names.learn(row.pipeline_folded, (row.pipeline_name, None))
        stage_names.learn(row.stage_folded, (row.stage_name, None))
    for row in listed:
        pipeline_names.learn(row.pipeline_folded, (None, row.pipeline_name))
        stage_names.learn(row.stage_folded, (None, row.stage_name))
    return pipeline_names, stage_names


def _of_deals(connection: Connection) -> Iterator[_Row]:
    names = [DEAL_GROUPS.c[name] for name in _NAMES]
    counted = select(*names, func.count()).where(ALIVE, DEALS.c.group_id == DEAL_GROUPS.c.id)
    for row in connection.execute(counted.group_by(DEAL_GROUPS.c.id)):
        source, account, pipeline, pipeline_name, stage, stage_name, count = tuple(row)
        yield _Row(source, account, pipeline, pipeline_name, stage, stage_name, count)


def _listed(connection: Connection) -> Iterator[_Row]:
    for one in listed_stages(connection):
        if one.name is not None and one.pipeline_name is not None:  # without names nobody could filter by it
            pipeline, stage = fold(one.pipeline_name), fold(one.name)
            yield _Row(one.source, one.account, pipeline, one.pipeline_name, stage, one.name, position=one.position)
