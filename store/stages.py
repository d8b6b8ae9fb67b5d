"""Stages as their sources list them: in which order they come, and those that no deal is in."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from store.sequence import advance, insert_into
from store.tables import STAGES
from store.text import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStage:
    """A stage of one account of a source; its columns are those of `store/tables.py`."""

    source: str
    account: str = ""
    stage_id: str
    name: str | None
    pipeline_id: str
    pipeline_name: str | None
    position: int | None


_KEY: Final = ("source", "account", "stage_id")
_STAGES: Final = select(*(STAGES.c[one.name] for one in fields(ListedStage)))


def listed_stages(connection: Connection) -> list[ListedStage]:
    """Return the stages of all sources."""
    return [ListedStage(**row) for row in connection.execute(_STAGES).mappings()]


def write_stages(
    connection: Connection, source: str, account: str, stages: Collection[ListedStage], *, is_whole: bool
) -> int:
    """Write an account's stages, and with `is_whole` forget all others of it; return how many have changed.

    A name that its source leaves out stays what it was last. Where nothing has changed nothing is written, and the
    number of the last change does not move.
    """
    known = {one.stage_id: one for one in listed_stages(connection) if (one.source, one.account) == (source, account)}
    pipelines = {one.pipeline_id: one.pipeline_name for one in (*known.values(), *stages) if one.pipeline_name}
    named = {one.stage_id: _named(one, known.get(one.stage_id), pipelines) for one in stages}
    changed = [one for one in named.values() if known.get(one.stage_id) != one]
    gone = [{"id": id_} for id_ in known if is_whole and id_ not in named]
    if changed or gone:
        advance(connection)
    if gone:
        its_own = (STAGES.c.source == source, STAGES.c.account == account, STAGES.c.stage_id == bindparam("id"))
        connection.execute(delete(STAGES).where(*its_own), gone)
    if changed:
        statement = insert_into(connection.dialect.name, STAGES)
        others = {one.name: statement.excluded[one.name] for one in fields(ListedStage) if one.name not in _KEY}
        # Those that are known, and what another process has written since they were read.
        written = statement.on_conflict_do_update(index_elements=_KEY, set_=others)
        connection.execute(written, [asdict(one) for one in changed])
    return len(changed) + len(gone)


def _named(stage: ListedStage, known: ListedStage | None, pipelines: Mapping[str, str]) -> ListedStage:
    """Return a stage with the last names that are known, as both databases take them."""
    name = stage.name or (known.name if known else None)
    pipeline_name = pipelines.get(stage.pipeline_id)
    return replace(
        stage,
        stage_id=storable(stage.stage_id),
        pipeline_id=storable(stage.pipeline_id),
        name=name and storable(name),
        pipeline_name=pipeline_name and storable(pipeline_name),
    )
