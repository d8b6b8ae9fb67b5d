"""`runs` of a source's status: what sync did of late, as the store keeps it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Final

import strawberry
from sqlalchemy import Connection

from engine.lookup import PageSize
from schema.context import Context
from schema.deals.page_arguments import PageArguments
from schema.deals.source_status import SourceState, SourceStatus
from schema.deals.values import moment_of
from store import runs
from store.runs import Run, RunState

RUNS: Final = PageSize(10, 50)

First = Annotated[
    int | None, strawberry.argument(description=f"How many: 1 to {RUNS.most}, {RUNS.default} unless given.")
]


@strawberry.enum(description="What a run reads.")
class SyncRunKind(Enum):
    """The names are those that the store gives the kinds."""

    SWEEP = strawberry.enum_value("sweep", description="All deals.")
    INCREMENT = strawberry.enum_value("increment", description="Deals that were changed.")
    DELETIONS = strawberry.enum_value("deletions", description="Which deals were deleted.")
    CUSTOMERS = strawberry.enum_value("customers", description="Names of customers.")
    STAGES = strawberry.enum_value("stages", description="The stages of pipelines.")


@strawberry.enum(description="How far a run has come.")
class SyncRunState(Enum):
    """The names are those that the store gives the states."""

    RUNNING = strawberry.enum_value("running", description="It is under way.")
    COMPLETE = strawberry.enum_value("complete", description="It has come to its end.")
    FAILED = strawberry.enum_value("failed", description="It broke off; `errorCode` says why.")
    INTERRUPTED = strawberry.enum_value("interrupted", description="Its process ended before it did.")


@strawberry.type(description="Something that was done to keep the copy of a source current.")
class SyncRun:
    """A run. Its counts are written when it ends: none are known of one that has not, or never did."""

    kind: SyncRunKind = strawberry.field(description="What it reads.")
    started_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it ended; null while it is under way.")
    state: SyncRunState = strawberry.field(description="How far it has come.")
    error_code: str | None = strawberry.field(
        description="What was wrong, if anything was; also of a complete run, such as `UNREADABLE_ROWS`."
    )
    requests: int | None = strawberry.field(
        description="Requests to the source. Null, as all counts, while it is under way, and if it was interrupted."
    )
    rows: int | None = strawberry.field(
        description="What it has read; of a sweep all that was read since it began, by runs that broke off, too."
    )
    changed: int | None = strawberry.field(description="Deals in the copy that it has changed; of `STAGES`, stages.")
    deleted: int | None = strawberry.field(description="Deals that it has found to be gone.")


class LastRuns:
    """The last runs of all sources of an answer: they are read together, once, however often they are selected."""

    def __init__(self, context: Context, statuses: Sequence[SourceStatus]) -> None:
        self._context = context
        self._accounts = [(one.source, one.account) for one in statuses if one.state is not SourceState.NOT_CONFIGURED]
        self._found: asyncio.Task[Mapping[tuple[str, str], list[Run]]] | None = None

    async def of(self, account: tuple[str, str], first: int | None) -> list[SyncRun]:
        """Return the last runs of a source's account, the latest first; raises `RefusedArgument` and `StoreOutage`."""
        count = PageArguments.of(RUNS, first).count
        if self._found is None:
            self._found = asyncio.create_task(self._read())
        return [_shown(run) for run in (await self._found).get(account, ())[:count]]

    async def _read(self) -> Mapping[tuple[str, str], list[Run]]:
        def read(connection: Connection) -> Mapping[tuple[str, str], list[Run]]:
            return {key: runs.last_runs(connection, *key, count=RUNS.most) for key in self._accounts}

        return await self._context.lists().read(read, self._context.turns)


def _shown(run: Run) -> SyncRun:
    is_counted = run.state in (RunState.COMPLETE, RunState.FAILED)
    requests, rows, changed, deleted = (
        (run.requests, run.rows, run.changed, run.deleted) if is_counted else (None, None, None, None)
    )
    return SyncRun(
        kind=SyncRunKind[run.kind.name],
        started_at=moment_of(run.started_at),
        ended_at=None if run.ended_at is None else moment_of(run.ended_at),
        state=SyncRunState[run.state.name],
        error_code=run.error_code,
        requests=requests,
        rows=rows,
        changed=changed,
        deleted=deleted,
    )
