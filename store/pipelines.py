"""Pipelines and their stages, as the deals of the store have them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, null, select

from store.tables import ALIVE, DEALS

_NAMES: Final = ("source", "account", "pipeline_folded", "pipeline_name", "stage_folded", "stage_name")


@dataclass(slots=True)
class Stage:
    """A stage that deals are in, or have been in when they were last read."""

    name: str | None
    count: int = 0


@dataclass(slots=True)
class Pipeline:
    """A pipeline of one account of a source, its stages by name, and how many deals it has."""

    source: str
    account: str
    name: str | None
    stages: list[Stage]
    count: int = 0


def pipelines(connection: Connection) -> list[Pipeline]:
    """Return the pipelines of deals that are not deleted, by source, account and name.

    Names that differ in case are one, shown as the first of them; None is where deals have none. No source says in
    which order its stages come.
    """
    groups = [func.coalesce(DEALS.c[name], null()).label(name) for name in _NAMES]
    statement = select(*groups, func.count().label("deals")).where(ALIVE).group_by(*groups)
    found: dict[tuple[str, str, str], Pipeline] = {}
    stages: dict[tuple[str, str, str, str], Stage] = {}
    for row in sorted(connection.execute(statement), key=lambda row: (row.pipeline_name or "", row.stage_name or "")):
        key = (row.source, row.account, row.pipeline_folded or "")
        pipeline = found.setdefault(key, Pipeline(row.source, row.account, row.pipeline_name, []))
        stage_key = (*key, row.stage_folded or "")
        if stage_key not in stages:
            stages[stage_key] = Stage(row.stage_name)
            pipeline.stages.append(stages[stage_key])
        stages[stage_key].count += row.deals
        pipeline.count += row.deals
    return [found[key] for key in sorted(found)]
