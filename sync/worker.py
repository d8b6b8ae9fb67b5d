"""The task that keeps one account current: whichever job is due takes a step, one after the other.

Nothing but its cancellation ends it. A job that fails waits, and the others go on; no account knows another's faults.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from traceback import extract_tb
from typing import Final

from sqlalchemy import Connection

from resolvers.errors import UpstreamError, UpstreamForbidden, UpstreamRateLimited, UpstreamUnauthorized
from store import runs, sweeps
from store.database import StoreUnavailable
from store.runs import RunKind, RunState
from sync.customers import Customers
from sync.deletions import Deletions
from sync.increment import Increment
from sync.job import SECOND, Job, Parts, Step
from sync.run import Counts, Problem, log_run
from sync.schedule import READS_CHANGES, Kind, Schedule
from sync.stages import Stages
from sync.sweep import Sweep

logger: Final = logging.getLogger("opportunity_graph.sync")


SHORTEST_WAIT_SECONDS: Final = 0.001
"""Event loops round to milliseconds; without this, what is left of a wait would be spent turning the loop."""


PROGRESS_SECONDS: Final = 15.0
"""Between two lines about a run that takes long, such as the first sweep of a large account."""

_OF_LIST: Final = frozenset({Kind.SWEEP, Kind.INCREMENT})
_DENIED: Final = frozenset(
    {UpstreamForbidden.code, UpstreamUnauthorized.code}
)  # for a missing role Nexudus says either


@dataclass(slots=True)
class _Run:
    number: int
    began_at: float
    told_at: float
    counts: Counts = field(default_factory=Counts)


class Worker:
    """Runs the jobs of one account that has a list. `clock` only goes forward, in seconds."""

    def __init__(self, parts: Parts, schedule: Schedule, *, clock: Callable[[], float]) -> None:
        self.parts = parts
        self.schedule = schedule
        self.problems: dict[Kind, str] = {}
        """What is wrong with the last step of each job, where something is."""
        self._clock = clock
        self._jobs: dict[Kind, Job] = {Kind.SWEEP: Sweep(parts)}
        if parts.account.its_listing.has_changed_since:
            self._jobs[Kind.INCREMENT] = Increment(parts)
            self._jobs[Kind.DELETIONS] = Deletions(parts)
        self._customers = Customers(parts) if parts.account.fetch_customer is not None else None
        if self._customers is not None:
            self._jobs[Kind.CUSTOMERS] = self._customers
        if parts.account.list_stages is not None:
            self._jobs[Kind.STAGES] = Stages(parts)
        self.impossible: set[Kind] = set()
        """Jobs that the source turned out not to be able to do."""
        self._runs: dict[Kind, _Run] = {}
        self._has_swept = False
        self._is_hastened = asyncio.Event()
        self._waiting: list[tuple[Kind, float, asyncio.Future[None]]] = []

    async def run(self) -> None:
        """Keep the account current until cancelled."""
        while True:
            try:
                await self._plan()
                break
            except Exception as error:
                self._report(error)
                is_stores = isinstance(error, StoreUnavailable)
                await asyncio.sleep(self.schedule.failed(Kind.SWEEP, is_stores=is_stores))
        while True:
            kind, seconds = self.schedule.next()
            if seconds > SHORTEST_WAIT_SECONDS:
                self._is_hastened.clear()
                try:
                    async with asyncio.timeout(seconds):
                        await self._is_hastened.wait()
                except TimeoutError:
                    continue
            else:
                await self._step(kind)
                await asyncio.sleep(0)

    @property
    def _renewal(self) -> Kind:
        """The job that reads what has changed."""
        return Kind.INCREMENT if self.schedule.is_incremental and self._has_swept else Kind.SWEEP

    @property
    def denied(self) -> set[Kind]:
        """Jobs that the source does not allow this account. Both readings of its list need the same permission."""
        found = {kind for kind, problem in self.problems.items() if problem in _DENIED}
        return found if found.isdisjoint(_OF_LIST) else found | _OF_LIST

    def hasten(self) -> None:
        """Have what changed read soon."""
        self._hasten(self._renewal)

    def renewable_seconds(self) -> float | None:
        """Return in how many seconds a run that somebody waits for begins; None while one is under way."""
        return None if self._renewal in self._runs else self.schedule.hastened_seconds(self._renewal)

    def reading_seconds(self) -> float | None:
        """Return in how many seconds the source is asked next what has changed; 0 while it is, None if never."""
        due = map(self.schedule.due_seconds, READS_CHANGES)
        return min((seconds for seconds in due if seconds is not None), default=None)

    @property
    def unread_customers(self) -> int | None:
        """How many customers of deals were never read; None while that is not known."""
        return None if self._customers is None else self._customers.unread

    async def refresh(self, max_age_seconds: float = 0.0) -> None:
        """Have what changed read soon; return when a run has ended, well or not, that began no longer ago than that.

        Before the first complete sweep it is a sweep that is waited for, also the one that is under way.
        """
        kind = self._renewal
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((kind, self._clock() - max_age_seconds if self._has_swept else -inf, ended))
        self._hasten(kind)
        await ended

    def read_all(self) -> None:
        """Have all deals read soon, and their columns derived anew, by a sweep that begins from now on."""
        self.parts.rows.derive_anew()
        self._hasten(Kind.SWEEP)

    def begin_anew(self) -> None:
        """Try at once what failed or could not be done: the source has another credential of ours."""
        self.schedule.begin_anew(self.impossible)
        self._is_hastened.set()

    async def _plan(self) -> None:
        """Set out from what the store knows: a sweep that broke off goes on, and one that is not due waits.

        It is due if the columns of all deals are not known to be made as they are now.
        """
        self.schedule.is_incremental = Kind.INCREMENT in self._jobs
        self.schedule.add(Kind.SWEEP)
        source, account = self.parts.account.key

        def read(connection: Connection) -> sweeps.SyncState | None:
            runs.interrupt_runs(connection, source, account, at=self.parts.now())
            return sweeps.state(connection).get((source, account))

        state = await self.parts.database.write(read)
        self._has_swept = state is not None and state.last_sweep_at is not None
        if self._customers is not None and self._has_swept:
            await self._customers.count()
        after = 0.0
        is_alike = state is not None and state.derivation == self.parts.rows.derivation
        if state is not None and state.sweep is None and state.last_sweep_at is not None and is_alike:
            page_rows = self.parts.account.its_listing.page_size
            interval = self.schedule.sweep_seconds(state.last_sweep_rows or 0, page_rows)
            after = max(0.0, state.last_sweep_at / SECOND + interval - self.parts.wall_clock())
        for kind in self._jobs:
            self.schedule.add(
                kind, after_seconds=min(after, self.parts.settings.sweep_seconds) if kind is Kind.SWEEP else 0
            )

    async def _step(self, kind: Kind) -> None:
        run = self._runs.get(kind)
        try:
            if run is None:
                run = self._runs[kind] = await self._begin(kind)
            step = await self._jobs[kind].step(run.counts)
            if step.problem is not None:
                self.problems[kind] = step.problem
            if not step.is_done:
                self._progress(kind, run, step)
                return
            await self._end(kind, run, step)
        except UpstreamRateLimited as error:
            # It waits for its share of the ration, and goes on where it is.
            self.problems[kind] = error.code
            self.schedule.failed(kind, wait_seconds=error.retry_after_seconds)
        except StoreUnavailable as error:
            # A run that has begun goes on where it is: it could not even be told that it has failed.
            self.problems[kind] = self._report(error)
            self.schedule.failed(kind, is_stores=True)
        except Exception as error:
            self.problems[kind] = self._report(error)
            wait_seconds = error.retry_after_seconds if isinstance(error, UpstreamError) else None
            self.schedule.failed(kind, wait_seconds=wait_seconds)
            await self._fail(kind)

    def _progress(self, kind: Kind, run: _Run, step: Step) -> None:
        if step.problem is None:
            self.problems.pop(kind, None)
        self.schedule.progressed(kind)
        if self._clock() - run.told_at >= PROGRESS_SECONDS:
            run.told_at = self._clock()
            total = f" of {step.total}" if step.total is not None else ""
            logger.info("%s %s: %d rows%s so far", self.parts.account.label, kind.name.lower(), run.counts.rows, total)

    async def _begin(self, kind: Kind) -> _Run:
        source, account = self.parts.account.key
        at = self.parts.now()

        def begin(connection: Connection) -> tuple[int, bool, bool, bool]:
            was_ahead = sweeps.forget_future(connection, source, account, at=at)
            state = sweeps.state(connection).get((source, account))
            number = runs.begin_run(connection, source, account, kind=RunKind[kind.name], at=at)
            is_swept = state is not None and state.last_sweep_at is not None
            ours = (self.parts.rows.derivation, sweeps.SEVERAL)
            is_otherwise = is_swept and state is not None and state.derivation not in ours
            if is_otherwise:
                sweeps.mix_derivations(connection, source, account)
            return number, was_ahead, is_swept, is_otherwise

        number, was_ahead, is_swept, is_otherwise = await self.parts.database.write(begin)
        is_another = self._has_swept and not is_swept and not was_ahead
        if was_ahead or is_another:
            why = "the clock was ahead" if was_ahead else "the store is another one"
            logger.warning("%s: %s: all deals are read anew", self.parts.account.label, why)
            for one in self._jobs.keys() & {Kind.SWEEP, Kind.STAGES}:
                self.schedule.add(one)
        if is_another:
            self._has_swept = False
            if self._customers is not None:
                self._customers.forget()
            self.parts.rows.derive_anew()
        if is_otherwise:
            why = "its columns were made by another version or other settings"
            logger.warning("%s: %s: all deals are read anew", self.parts.account.label, why)
            self.parts.rows.derive_anew()
            self.schedule.hasten(Kind.SWEEP)
        return _Run(number, self._clock(), self._clock())

    async def _end(self, kind: Kind, run: _Run, step: Step) -> None:
        counts, schedule = run.counts, self.schedule
        self._has_swept |= kind is Kind.SWEEP and step.problem is None
        await self._close(kind, run, state=RunState.COMPLETE, problem=step.problem)
        if step.problem is None:
            self.problems.pop(kind, None)
        if step.is_impossible:
            self.impossible.add(kind)
            schedule.impossible(kind)
        else:
            self.impossible.discard(kind)
            schedule.done(
                kind,
                changed=counts.changed,
                rows=counts.rows,
                page_rows=self.parts.account.its_listing.page_size,
                is_doubtful=step.problem in (Problem.COUNT_DIFFERS, Problem.MOVED_ORDER),
            )
        if step.is_outdated:
            schedule.hasten(kind)
        if kind is Kind.SWEEP and step.problem is None:
            schedule.hasten(Kind.STAGES)  # which the deals of now have the names of
        if kind in READS_CHANGES and counts.changed and self._customers is not None:
            schedule.hasten(Kind.CUSTOMERS)  # whom new deals may mention
            with suppress(StoreUnavailable):  # the run has ended all the same
                await self._customers.count()
        if kind is Kind.INCREMENT:
            schedule.is_incremental = not step.is_impossible
            if step.is_impossible:
                schedule.hasten(Kind.SWEEP)

    async def _fail(self, kind: Kind) -> None:
        if (run := self._runs.get(kind)) is not None:
            try:
                await self._close(kind, run, state=RunState.FAILED, problem=self.problems[kind])
            except Exception as error:  # the store's: it will be asked again soon enough
                self._report(error)
                self._runs.pop(kind, None)

    async def _close(self, kind: Kind, run: _Run, *, state: RunState, problem: str | None) -> None:
        counts, at = run.counts, self.parts.now()
        await self.parts.database.write(
            lambda connection: runs.end_run(
                connection,
                run.number,
                at=at,
                state=state,
                error_code=problem,
                requests=counts.requests,
                rows=counts.rows,
                changed=counts.changed,
                deleted=counts.deleted,
            )
        )
        del self._runs[kind]
        seconds = self._clock() - run.began_at
        log_run(self.parts.account.label, kind.name.lower(), counts, seconds, problem=problem, state=state)
        self._settle(kind, run.began_at)

    def _settle(self, kind: Kind, began_at: float) -> None:
        """Tell those who wait for a run of this kind, or have another one for those who came after it had begun."""
        left = []
        for wanted, asked_at, ended in self._waiting:
            if wanted is kind and asked_at <= began_at and not ended.done():
                ended.set_result(None)
            elif not ended.done():
                left.append((wanted, asked_at, ended))
        self._waiting = left

    def _hasten(self, kind: Kind) -> None:
        self.schedule.hasten(kind)
        self._is_hastened.set()

    def _report(self, error: Exception) -> str:
        """Return the code of an error; log a fault of ours by its place, for its words may be somebody's data."""
        if isinstance(error, UpstreamError):
            return error.code
        if isinstance(error, StoreUnavailable):  # which has told the log itself
            return Problem.STORE_UNAVAILABLE
        place = extract_tb(error.__traceback__)[-1]
        file = Path(place.filename).name
        logger.error("%s: %s at %s:%s", self.parts.account.label, type(error).__name__, file, place.lineno)
        return Problem.INTERNAL_ERROR
