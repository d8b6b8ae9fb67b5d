"""`FreshnessInput`: how old an answer of the store may be, and what happens if it is older."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum
from math import ceil
from typing import Final

import strawberry

from resolvers.errors import ResolverError
from schema.deals.service import Deals, ReadTurns
from schema.deals.source_status import SourceStatus, name_of
from schema.deals.values import moment_of
from schema.refused_argument import RefusedArgument

MOST_SECONDS: Final = 10 * 365 * 86_400


class StoreStale(ResolverError):
    """The store's copy is older than the caller accepts."""

    code = "STORE_STALE"
    retryable = True


@strawberry.enum(description="What happens if the store's copy is older than accepted.")
class OnStale(Enum):
    """The value is its name."""

    WARN = strawberry.enum_value("warn", description="It answers, and `sources` says how old the copy is.")
    WAIT = strawberry.enum_value(
        "wait", description="The copy is renewed first; an error if that takes longer than a request may."
    )
    ERROR = strawberry.enum_value("error", description="An error, `STORE_STALE`.")


@strawberry.input(description="How old an answer may be. Without it lists answer at once, however old the copy is.")
class FreshnessInput:
    """An age, and what to do about an older copy."""

    max_age_seconds: int = strawberry.field(description="The oldest copy that is accepted, in seconds.")
    on_stale: OnStale = strawberry.field(default=OnStale.WARN, description="What happens if the copy is older.")


def max_age(freshness: FreshnessInput) -> timedelta:
    """Return the accepted age; raises `RefusedArgument`."""
    if not 0 <= freshness.max_age_seconds <= MOST_SECONDS:
        raise RefusedArgument(f"must be from 0 to {MOST_SECONDS}, which is ten years.", "freshness", "maxAgeSeconds")
    return timedelta(seconds=freshness.max_age_seconds)


async def check_freshness(
    deals: Deals, turns: ReadTurns, freshness: FreshnessInput, sources: Sequence[str] | None, deadline: float
) -> None:
    """Return when the copies of these sources are as fresh as the caller accepts; raises `StoreStale`.

    Sources that are not configured count if they are named. `deadline` is a time of the running loop: what cannot be
    renewed until then is not waited for, but will be renewed as soon as may be.
    """
    age = max_age(freshness)
    oldest = deals.now() - age
    stale = await _stale(deals, turns, sources, oldest)
    if not stale or freshness.on_stale is OnStale.WARN:
        return
    seconds = None
    if freshness.on_stale is OnStale.WAIT:
        names, seconds = [one.source for one in stale], _seconds_to_renewal(deals, stale)
        if seconds is not None and asyncio.get_running_loop().time() + seconds >= deadline:
            async with turns.turn():
                await deals.sync.hasten(names)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await deals.sync.refresh(names, max_age_seconds=age.total_seconds())
                    stale = await _stale(deals, turns, sources, oldest)
            seconds = _seconds_to_renewal(deals, stale)
    if stale:
        raise StoreStale(
            f"The store's copy is older than accepted: {', '.join(map(name_of, stale))}.",
            retry_after_seconds=None if seconds is None else ceil(seconds),
        )


def _seconds_to_renewal(deals: Deals, stale: Sequence[SourceStatus]) -> float | None:
    """Return in how many seconds the last of these copies begins to be renewed; None if there is nothing to be known,
    or it should have begun."""
    known = [one.renewable_at for one in stale if one.renewable_at is not None]
    seconds = (moment_of(max(known)) - deals.now()).total_seconds() if known else 0.0
    return seconds if seconds > 0 else None


async def _stale(deals: Deals, turns: ReadTurns, sources: Sequence[str] | None, oldest: datetime) -> list[SourceStatus]:
    return [one for one in await deals.statuses(turns, sources) if one.as_of is None or moment_of(one.as_of) < oldest]
