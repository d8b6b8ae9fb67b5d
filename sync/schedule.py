"""When each job of one account is due. Pure: time and chance are passed in.

An increment comes every minute, less often while nothing changes. A sweep of a source that says what has changed comes
every few hours; of one that does not, every few minutes, and in proportion to its pages where there are many. Stages
are read after a sweep, though not after each of many. Every interval is shortened by chance a little, so that replicas
and sources do not march in step. After a failure a job waits twice as long each time: up to minutes for a source, up to
seconds for the store, which costs nobody's ration.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sync.settings import SyncSettings

JITTER: Final = 0.1
FIRST_BACKOFF_SECONDS: Final = 5.0
LONGEST_BACKOFF_SECONDS: Final = 300.0
FIRST_STORE_BACKOFF_SECONDS: Final = 1.0
LONGEST_STORE_BACKOFF_SECONDS: Final = 15.0
GROWTH: Final = 1.5
"""Of an increment's interval, with each run in quiet times."""

DOUBTFUL_SHARE: Final = 1 / 12
"""Of its interval, after which a sweep comes again that may have missed rows."""

IMPOSSIBLE_SECONDS: Final = 3_600.0
"""Until what a source could not do is tried again, such as an increment of which it ignored the filter."""

CUSTOMERS_SECONDS: Final = 20.0
"""Between two batches of customers; where there was none, `CUSTOMERS_LONGEST_SECONDS`."""

CUSTOMERS_LONGEST_SECONDS: Final = 120.0

PAGE_ROWS: Final = 200
"""Of the pages that `full_sweep_deals` counts in."""


class Kind(IntEnum):
    """The jobs; of those that are due, the first one goes first."""

    INCREMENT = 1
    DELETIONS = 2
    SWEEP = 3
    CUSTOMERS = 4
    STAGES = 5


READS_CHANGES: Final = (Kind.INCREMENT, Kind.DELETIONS, Kind.SWEEP)
"""The jobs that read what has changed of deals, or which are gone."""

HASTE_SECONDS: Final = {
    Kind.INCREMENT: 10.0,
    Kind.SWEEP: 60.0,
    Kind.CUSTOMERS: CUSTOMERS_SECONDS,
    Kind.STAGES: 3_600.0,
}
"""Since the last run, before somebody who wants it fresher gets another one, or a sweep has stages or customers read
again."""


@dataclass(slots=True)
class _Job:
    due: float
    ended_at: float = float("-inf")
    failures: int = 0


class Schedule:
    """The due times of one account's jobs, in seconds of a clock that only goes forward."""

    def __init__(self, settings: SyncSettings, *, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._jobs: dict[Kind, _Job] = {}
        self._changed_at = clock()
        self._increment_seconds = settings.increment_seconds
        self.is_incremental = False
        """Whether increments work, so that sweeps may be rare."""

    def add(self, kind: Kind, *, after_seconds: float = 0.0) -> None:
        """Have a job, due in so many seconds."""
        self._jobs[kind] = _Job(self._clock() + after_seconds)

    def next(self) -> tuple[Kind, float]:
        """Return the job whose turn it is, and in how many seconds it is due."""
        now = self._clock()
        kind = min(self._jobs, key=lambda one: (max(self._jobs[one].due, now), one))
        return kind, max(0.0, self._jobs[kind].due - now)

    def due_seconds(self, kind: Kind) -> float | None:
        """Return in how many seconds a job is due; None for one that there is not."""
        job = self._jobs.get(kind)
        return None if job is None else max(0.0, job.due - self._clock())

    def failures(self, kind: Kind) -> int:
        """Return how often in a row a job has failed."""
        job = self._jobs.get(kind)
        return 0 if job is None else job.failures

    def hasten(self, kind: Kind) -> None:
        """Make a job due soon, unless it waits after a failure."""
        if (job := self._jobs.get(kind)) is not None:
            job.due = self._hastened(kind, job)

    def hastened_seconds(self, kind: Kind) -> float | None:
        """Return in how many seconds a job is due if it is hastened; None for one that there is not."""
        job = self._jobs.get(kind)
        return None if job is None else max(0.0, self._hastened(kind, job) - self._clock())

    def _hastened(self, kind: Kind, job: _Job) -> float:
        if job.failures:
            return job.due
        return min(job.due, max(self._clock(), job.ended_at + HASTE_SECONDS.get(kind, 0.0)))

    def begin_anew(self, kinds: Collection[Kind]) -> None:
        """Make these jobs, and every one that failed, due at once: the source may let us now."""
        for kind, job in self._jobs.items():
            if job.failures or kind in kinds:
                job.failures, job.due = 0, self._clock()

    def progressed(self, kind: Kind) -> None:
        """Go on with a job that is not at its end, when nothing more urgent is due."""
        self._jobs[kind] = _Job(self._clock(), self._jobs[kind].ended_at)

    def done(
        self, kind: Kind, *, changed: int = 0, rows: int = 0, page_rows: int = PAGE_ROWS, is_doubtful: bool = False
    ) -> None:
        """Have a job again after its interval; `changed` rows were found to have changed, of `rows` in all.

        After a sweep that may have missed some, the next one comes sooner.
        """
        if changed:
            self._changed_at = self._clock()
        interval = self._interval(kind, rows, page_rows)
        if is_doubtful:
            interval = min(interval, max(self._settings.full_sweep_seconds, interval * DOUBTFUL_SHARE))
        self._after(kind, interval * (1 - JITTER * self._random()))

    def impossible(self, kind: Kind) -> None:
        """Try a job again much later: the source cannot do it."""
        self._after(kind, IMPOSSIBLE_SECONDS)

    def failed(self, kind: Kind, *, wait_seconds: float | None = None, is_stores: bool = False) -> float:
        """Try a job again after a while, no sooner than the source asks for; return in how many seconds.

        `is_stores`: it was the store that failed.
        """
        job = self._jobs[kind]
        job.failures += 1
        first = FIRST_STORE_BACKOFF_SECONDS if is_stores else FIRST_BACKOFF_SECONDS
        longest = LONGEST_STORE_BACKOFF_SECONDS if is_stores else LONGEST_BACKOFF_SECONDS
        backoff = min(longest, first * 2.0 ** min(job.failures - 1, 16))
        seconds = max(backoff * (1 - JITTER * self._random()), wait_seconds or 0.0)
        job.due = self._clock() + seconds
        return seconds

    def sweep_seconds(self, rows: int, page_rows: int) -> float:
        """Return the interval between sweeps of so many rows, so many to a page."""
        if self.is_incremental:
            return self._settings.sweep_seconds
        pages = rows / max(page_rows, 1)
        return self._settings.full_sweep_seconds * max(1.0, pages * PAGE_ROWS / self._settings.full_sweep_deals)

    def _interval(self, kind: Kind, rows: int, page_rows: int) -> float:
        settings = self._settings
        if kind is Kind.SWEEP:
            return self.sweep_seconds(rows, page_rows)
        if kind is Kind.STAGES:
            return settings.sweep_seconds
        if kind is Kind.CUSTOMERS:  # `rows` are those that it has just asked for
            return CUSTOMERS_SECONDS if rows else CUSTOMERS_LONGEST_SECONDS
        if kind is Kind.INCREMENT:
            quiet = self._clock() - self._changed_at > settings.quiet_seconds
            longer = min(self._increment_seconds * GROWTH, settings.increment_longest_seconds)
            self._increment_seconds = longer if quiet else settings.increment_seconds
        return self._increment_seconds

    def _after(self, kind: Kind, seconds: float) -> None:
        self._jobs[kind] = _Job(self._clock() + seconds, self._clock())
