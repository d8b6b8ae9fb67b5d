"""What sync tells of the store's copy of each source. Sync is handed in: it is not known here how it goes about it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

import strawberry

from resolvers.registry import SOURCES
from schema.deals.values import moment_of


@strawberry.enum(description="How the copy of a source is doing.")
class SourceState(Enum):
    """The names are those that sync gives the states."""

    NOT_CONFIGURED = strawberry.enum_value("not configured", description="This server has no credentials for it.")
    UNLISTED = strawberry.enum_value("unlisted", description="It has no list: deals are found by id alone.")
    WAITING = strawberry.enum_value("waiting", description="Nothing was read yet.")
    FILLING = strawberry.enum_value("filling", description="Its deals are read for the first time.")
    CURRENT = strawberry.enum_value("current", description="The copy is complete, and kept current.")
    INCOMPLETE = strawberry.enum_value(
        "incomplete", description="The last sweep may have missed deals, or was of another version or other settings."
    )
    FAILING = strawberry.enum_value("failing", description="The last run failed; it is tried again.")
    BRAKED = strawberry.enum_value(
        "braked",
        description="So many deals are gone at once, or within an hour, that no more are deleted: an operator has to "
        "look, and allows it by `SYNC_BRAKE_SHARE`.",
    )
    OFF = strawberry.enum_value("off", description="Another process keeps the copy current, or none.")


@strawberry.enum(description="What a source can do.")
class SourceCapability(Enum):
    """The names are those that sync gives the capabilities."""

    BY_ID = strawberry.enum_value("by id", description="Gives records by id.")
    LIST = strawberry.enum_value("list", description="Lists its records, so that lists of deals have them.")
    CHANGED_SINCE = strawberry.enum_value("changed since", description="Tells what has changed since a time.")
    DELETIONS = strawberry.enum_value("deletions", description="Tells what was deleted.")
    CUSTOMERS = strawberry.enum_value("customers", description="Gives customers by id.")
    STAGES = strawberry.enum_value("stages", description="Lists the stages of its pipelines, in their order.")


class Progress(Protocol):
    """How far the sweep under way is."""

    @property
    def rows(self) -> int:
        """Deals that were read."""
        ...

    @property
    def total(self) -> int | None:
        """Deals that there are, where it is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """The copy of one account of a source. Times are microseconds since 1970, and None is never.

    `as_of`: the copy has everything that the source had then. `drift`: deals in the copy less the source's own count.
    `last_error` is a code of `docs/errors.md`. `renewable_at`: when it can be renewed next, where that is known.
    `unread_customers`: whose names were never read, though deals mention them by id; None where that is not known.
    """

    source: str
    account: str = ""
    state: Enum
    capabilities: Collection[Enum] = ()
    rows: int = 0
    as_of: int | None = None
    is_complete: bool = False
    last_sweep_at: int | None = None
    next_run_at: int | None = None
    drift: int | None = None
    last_error: str | None = None
    progress: Progress | None = None
    renewable_at: int | None = None
    unread_customers: int | None = None


class Sync(Protocol):
    """What keeps the store current, as far as lists need to know it."""

    async def statuses(self) -> Sequence[Any]:
        """Return the status of every account that is configured; what has the attributes of a `SourceStatus` will do.

        Raises `StoreUnavailable`.
        """
        ...

    async def refresh(self, sources: Sequence[str] | None = None, *, max_age_seconds: float = 0.0) -> None:
        """Read soon what has changed in these sources; return when it was tried, no longer ago than that."""
        ...

    async def hasten(self, sources: Sequence[str] | None = None) -> None:
        """Read soon what has changed in these sources; return at once. Raises `StoreUnavailable`."""
        ...


def name_of(status: SourceStatus) -> str:
    """Return what the graph calls an account of a source: `nexudus`, of a further one `nexudus@eu`."""
    return f"{status.source}@{status.account}" if status.account else status.source


def with_unconfigured(statuses: Sequence[SourceStatus]) -> list[SourceStatus]:
    """Return these statuses, and one for each source that has none, in the order of the registry."""
    found: list[SourceStatus] = []
    for source in SOURCES:
        own = [one for one in statuses if one.source == source.name]
        found += own or [SourceStatus(source=source.name, state=SourceState.NOT_CONFIGURED)]
    return found


def moment(count: int | None) -> datetime | None:
    """Return a time of a status."""
    return None if count is None else moment_of(count)


def age_seconds(status: SourceStatus, now: datetime) -> int | None:
    """Return how old the copy is, in whole seconds."""
    return None if status.as_of is None else max(0, int((now - moment_of(status.as_of)).total_seconds()))
