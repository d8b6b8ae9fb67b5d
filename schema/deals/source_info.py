"""`sources`: which sources there are, and how current the store's copy of each is."""

from datetime import datetime

import strawberry

from resolvers.registry import SOURCES
from schema.context import Info
from schema.deals.service import NoStore, StoreOutage
from schema.deals.source_status import SourceCapability, SourceState, SourceStatus, age_seconds, moment, name_of
from schema.deals.sync_runs import RUNS, First, LastRuns, SyncRun
from schema.list_size import first_of


@strawberry.type(description="How far a sweep is.")
class SweepProgress:
    """Deals read, of how many."""

    rows: int = strawberry.field(description="Deals that it has read.")
    total: int | None = strawberry.field(description="Deals that there are, where the source tells.")


@strawberry.type(name="SourceStatus", description="The store's copy of a source.")
class SourceStatusInfo:
    """A status, with its age at the time of the answer."""

    as_of: datetime | None = strawberry.field(
        description="The copy has everything that the source had then; null before the first complete sweep."
    )
    age_seconds: int | None = strawberry.field(description="How long ago that was.")
    is_complete: bool = strawberry.field(
        description="Whether all deals of the source have been read once, as this server reads them now."
    )
    state: SourceState = strawberry.field(description="How it is doing.")
    last_sweep_at: datetime | None = strawberry.field(description="When all deals were last read through.")
    next_run_at: datetime | None = strawberry.field(
        description="When the source is asked next what has changed; now, while it is being asked."
    )
    rows: int | None = strawberry.field(description="Deals in the copy.")
    drift: int | None = strawberry.field(
        description="Deals in the copy less the source's own count, after the last sweep; below 0, too, if some cannot "
        "be read; else null where it does not count."
    )
    last_error: str | None = strawberry.field(description="The code of the error that ended the last run, if any did.")
    progress: SweepProgress | None = strawberry.field(description="How far the sweep under way is, if one is.")
    unread_customers: int | None = strawberry.field(
        description="Customers of deals whose names were not read yet: these deals are without them, and no filter, "
        "order, search or total finds them by these. 0 where deals come with them; null where that is not known."
    )
    last_runs: strawberry.Private[LastRuns]
    account: strawberry.Private[tuple[str, str]]

    @strawberry.field(
        description="What was done of late to keep the copy current, the latest first; a few hundred runs are kept.",
        directives=[first_of(RUNS)],
    )
    async def runs(self, first: First = None) -> list[SyncRun] | None:
        """Return the last runs; raises `RefusedArgument` and `StoreOutage`."""
        return await self.last_runs.of(self.account, first)


@strawberry.type(description="A system that owns opportunities.")
class SourceInfo:
    """A source, and its account; `found` is its status, or why there is none. `last_runs` are those of all sources."""

    found: strawberry.Private[SourceStatus | Exception]
    last_runs: strawberry.Private[LastRuns]
    name: str = strawberry.field(description="Its name, with its account where it is not the first: `nexudus@eu`.")
    account: str | None = strawberry.field(description="The account's name; null for the first.")

    @strawberry.field(description="What it can do; null if that cannot be told now.")
    def capabilities(self) -> list[SourceCapability] | None:
        """Return its capabilities."""
        one = _status(self.found)
        return [known for known in SourceCapability if known.name in {can.name for can in one.capabilities}]

    @strawberry.field(description="The store's copy of it; null if that cannot be told now, or not to this caller.")
    def status(self, info: Info) -> SourceStatusInfo | None:
        """Return its status now."""
        deals = info.context.lists()
        one = _status(self.found)
        return SourceStatusInfo(
            as_of=moment(one.as_of),
            age_seconds=age_seconds(one, deals.now()),
            is_complete=one.is_complete,
            state=SourceState[one.state.name],
            last_sweep_at=moment(one.last_sweep_at),
            next_run_at=moment(one.next_run_at),
            rows=one.rows,
            drift=one.drift,
            last_error=one.last_error,
            progress=None if one.progress is None else SweepProgress(rows=one.progress.rows, total=one.progress.total),
            unread_customers=one.unread_customers,
            last_runs=self.last_runs,
            account=(one.source, one.account),
        )


@strawberry.field(name="sources", description="The sources of this server, and how current the copy of each is.")
async def sources(info: Info) -> list[SourceInfo]:
    """Return all sources, also without a store."""
    context = info.context
    context.dependence.on_time = True
    try:
        if context.deals is None:
            raise NoStore
        statuses = await context.deals.all_statuses(context.turns)
    except StoreOutage as error:
        last_runs = LastRuns(context, ())
        return [SourceInfo(found=error, last_runs=last_runs, name=one.name, account=None) for one in SOURCES]
    last_runs = LastRuns(context, statuses)
    return [
        SourceInfo(found=one, last_runs=last_runs, name=name_of(one), account=one.account or None) for one in statuses
    ]


def _status(found: SourceStatus | Exception) -> SourceStatus:
    if isinstance(found, Exception):
        raise found
    return found
