"""Pipelines and their stages, as the deals of the store have them, and as their sources list them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

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
    pipeline_folded: str
    pipeline_name: str | None
    stage_folded: str
    stage_name: str | None
    count: int = 0
    position: int | None = None


def pipelines(connection: Connection) -> list[Pipeline]:
    """Return the pipelines of deals that are not deleted and of stages that are listed, by source, account and name.

    Names that differ in case are one, shown as the first of them that deals have; None is where deals have none. So are
    the pipelines of several locations that share a name. A stage that these have at different places is shown at the
    last of them: where one location has more stages, they come before those in which the deals of all end. Stages come
    by position, then by name; those that are not listed are the last.
    """
    found: dict[tuple[str, str, str], Pipeline] = {}
    stages: dict[tuple[str, str, str, str], Stage] = {}
    for row in [*sorted(_of_deals(connection), key=_names), *sorted(_listed(connection), key=_names)]:
        key = (row.source, row.account, row.pipeline_folded)
        pipeline = found.setdefault(key, Pipeline(row.source, row.account, row.pipeline_name, []))
        stage_key = (*key, row.stage_folded)
        if stage_key not in stages:
            stages[stage_key] = Stage(row.stage_name)
            pipeline.stages.append(stages[stage_key])
        stage = stages[stage_key]
        stage.count += row.count
        pipeline.count += row.count
        if row.position is not None:
            stage.position = row.position if stage.position is None else max(stage.position, row.position)
    for pipeline in found.values():
        pipeline.stages.sort(key=lambda stage: (stage.position is None, stage.position or 0, stage.name or ""))
    return [found[key] for key in sorted(found)]


def _names(row: _Row) -> tuple[str, str]:
    return row.pipeline_name or "", row.stage_name or ""


def _of_deals(connection: Connection) -> Iterator[_Row]:
    names = [DEAL_GROUPS.c[name] for name in _NAMES]
    counted = select(*names, func.count()).where(ALIVE, DEALS.c.group_id == DEAL_GROUPS.c.id)
    for row in connection.execute(counted.group_by(DEAL_GROUPS.c.id)):
        source, account, pipeline, pipeline_name, stage, stage_name, count = tuple(row)
        yield _Row(source, account, pipeline or "", pipeline_name, stage or "", stage_name, count)


def _listed(connection: Connection) -> Iterator[_Row]:
    for one in listed_stages(connection):
        if one.name is not None and one.pipeline_name is not None:  # without names nobody could filter by it
            pipeline, stage = fold(one.pipeline_name), fold(one.name)
            yield _Row(one.source, one.account, pipeline, one.pipeline_name, stage, one.name, position=one.position)
