"""How often sources are asked what has changed, and how many deletions are believed."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from resolvers.settings import Settings

DAY_SECONDS = 86_400

Interval = Annotated[float, Meta(ge=5, le=DAY_SECONDS)]
LongInterval = Annotated[float, Meta(ge=60, le=30 * DAY_SECONDS)]


class SyncSettings(Settings, frozen=True, kw_only=True):
    """The pace of sync. Its share of a source's ration is the transport's to keep (`SYNC_SHARE_OF_HOUR`).

    `enabled`: off in replicas that share a store with one that syncs. `increment_*`: of sources that say what was
    changed since a moment; the interval grows to the longest after `quiet_seconds` without a change. `sweep_seconds`:
    between complete readings of such a source; `full_sweep_seconds`: of one that does not say what was changed, up to
    `full_sweep_deals` deals, and in proportion beyond. `overlap_seconds`: how far behind its last run an increment
    begins. `brake_*`: more deletions within an hour than both the count and the share are held back.
    `customer_seconds`: how old a customer's name may grow; `customers_per_minute`: how many are asked for.
    """

    prefix: ClassVar[str] = "sync_"

    enabled: bool = True
    increment_seconds: Interval = 60.0
    increment_longest_seconds: Interval = 300.0
    quiet_seconds: Interval = 900.0
    overlap_seconds: Annotated[float, Meta(ge=120, le=DAY_SECONDS)] = 120.0
    sweep_seconds: LongInterval = 21_600.0
    full_sweep_seconds: LongInterval = 300.0
    full_sweep_deals: Annotated[int, Meta(ge=200, le=10_000_000)] = 20_000
    brake_count: Annotated[int, Meta(ge=0, le=10_000_000)] = 20
    brake_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    customer_seconds: Annotated[float, Meta(ge=DAY_SECONDS, le=365 * DAY_SECONDS)] = 86_400.0
    customers_per_minute: Annotated[int, Meta(ge=1, le=1_000)] = 60

    def problems(self) -> Iterable[str]:
        """Refuse a longest interval that is shorter than the shortest."""
        if self.increment_longest_seconds < self.increment_seconds:
            yield "SYNC_INCREMENT_LONGEST_SECONDS: must not be shorter than SYNC_INCREMENT_SECONDS"

    def holds_back(self, deletions: int, deals: int) -> bool:
        """Whether so many deletions within an hour, of so many deals, are too many to be believed."""
        return deletions > self.brake_count and deletions > self.brake_share * deals
