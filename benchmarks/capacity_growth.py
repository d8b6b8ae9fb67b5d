"""What grows with the deals of one account, and with accounts: arithmetic, and sync alone in the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import simpy

from benchmarks.capacity_figures import SOURCE_SECONDS, Figures
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_source import SourceModel
from benchmarks.capacity_sync import Account, Sync
from benchmarks.capacity_tables import percent
from benchmarks.capacity_time import Events
from resolvers.registry import SOURCES
from sync.schedule import Kind
from sync.settings import SyncSettings

PROCESS_MEGABYTES: Final = 108
"""Of a process that has worked: docs/performance.md, Memory and growth."""

DEAL_KILOBYTES: Final = 29.2 / 15
"""In the store: docs/decisions/068-short-ids-and-values.md has 29.2 MB for 15,000 deals in memory."""

CONNECTIONS: Final = 6
"""To the database, at most, of each process: docs/operating.md, More than one process."""

IDLE_SHARE: Final = 0.02
"""Of a processor, that a process with PostgreSQL takes while nobody asks: as `make capacity CHECK=1` measures it."""

REPORTS_PER_SECOND: Final = len(SOURCES) / 5.0
"""Of a process in which nobody asks, on what it has borrowed: `IDLE_SECONDS` of each source."""

DEALS: Final = (1_000, 10_000, 100_000, 1_000_000)
ACCOUNTS: Final = (1, 10, 100, 1_000, 5_000)
DEALS_EACH: Final = 10_000


@dataclass(frozen=True)
class Reading:
    """How long it takes to read all deals of a source in sync's lane, and how old the copy grows."""

    requests: int
    seconds: float
    interval_seconds: float

    @property
    def oldest_seconds(self) -> float:
        """The age of the copy just before it is new again: what was read at the beginning of one reading."""
        return self.interval_seconds + self.seconds


def reading(source_name: str, deals: int, figures: Figures | None = None) -> Reading:
    """Return what sync needs for all deals of a source, while nobody asks for anything."""
    figures = figures or Figures()
    environment = simpy.Environment(initial_time=10_000)

    def work(seconds: float) -> Events:
        yield environment.timeout(seconds)

    (source,) = (one for one in SOURCES if one.name == source_name)
    model = SourceModel(
        environment,
        source,
        outcome=Outcome(0.0),
        desks=1,
        seconds=SOURCE_SECONDS,
        records_seconds=figures.records_seconds,
        work=lambda _number, _records: work(0.0),
        on_fetched=lambda _: None,
    )
    account = Account(
        source.name,
        deals,
        model.limiter,
        model.try_background,
        model.acquire_in_line,
        model.exchange,
        lambda rows: work(rows * figures.sweep_row_seconds),
    )
    sync = Sync(environment, account, SyncSettings(customers_per_minute=1), seed=1)
    interval = sync.schedule.due_seconds(Kind.SWEEP) or 0.0
    sync.schedule.add(Kind.SWEEP)
    began = environment.now
    environment.process(sync.run())
    while sync.swept_at is None:
        environment.step()
    return Reading(sync.requests[Kind.SWEEP], sync.swept_at - began, interval)


def of_deals() -> Iterable[Sequence[str]]:
    """Yield what grows with the deals of one source: `OF_DEALS` names the columns."""
    figures = Figures()
    for deals in DEALS:
        nexudus, chartmogul = reading("nexudus", deals), reading("chartmogul", deals)
        yield (
            f"{deals:,}",
            f"{nexudus.requests:,} in {nexudus.seconds:,.0f} s",
            f"{chartmogul.requests:,} in {chartmogul.seconds:,.0f} s",
            f"{chartmogul.oldest_seconds / 60:,.0f}",
            percent(_busy(deals), 1),
            f"{deals * figures.summary_deal_seconds * 1e3:,.0f}",
            f"{deals * figures.export_deal_seconds:,.1f}",
            f"{deals * DEAL_KILOBYTES / 1e3:,.0f}",
        )


OF_DEALS: Final = (
    *(
        "deals in a source",
        "all of Nexudus read",
        "all of ChartMogul read",
        "ChartMogul's copy, at most so old, min",
    ),
    *("processor for ChartMogul's copy, %", "totals, ms", "file, s", "store, MB"),
)


def of_accounts() -> Iterable[Sequence[str]]:
    """Yield what grows with accounts, each a process and a store of its own, in one database: `OF_ACCOUNTS`."""
    for accounts in ACCOUNTS:
        yield (
            f"{accounts:,}",
            f"{accounts * PROCESS_MEGABYTES / 1e3:,.1f}",
            f"{accounts * CONNECTIONS:,}",
            f"{accounts * REPORTS_PER_SECOND:,.1f}",
            f"{accounts * IDLE_SHARE:,.1f}",
            f"{accounts * _busy(DEALS_EACH):,.1f}",
            f"{accounts * DEALS_EACH * len(SOURCES) * DEAL_KILOBYTES / 1e6:,.1f}",
        )


OF_ACCOUNTS: Final = (
    *(f"accounts of {DEALS_EACH:,} deals in each source", "memory of as many processes, GB", "database connections"),
    *("idle: reports a second", "idle: processors", "processors for ChartMogul's copies", "stores, GB"),
)


def _busy(deals: int) -> float:
    """Return the part of a processor that reading ChartMogul's list takes."""
    return deals * Figures().sweep_row_seconds / reading("chartmogul", deals).oldest_seconds
