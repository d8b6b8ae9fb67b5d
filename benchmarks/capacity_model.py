"""The model of `make capacity`: a demand, processes that share both rations, their processors, and a database."""

import random
from collections.abc import Mapping
from typing import Final

import simpy

from benchmarks.capacity_demand import Demand, Request
from benchmarks.capacity_figures import SOURCE_SECONDS, Figures, Machines, Run
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_process import Process, Worker
from benchmarks.capacity_source import SourceModel
from benchmarks.capacity_sync import Account, Sync
from benchmarks.capacity_time import Events
from resolvers.registry import SOURCES
from sync.settings import SyncSettings

STORE_THREADS: Final = 2
"""Of a store in the process, for what takes long: docs/decisions/028-store.md."""

ROWS_AT_ONCE: Final = 20
"""Rows that sync reads without a pause. Assumed, so that pages wait for it as long as docs/lists.md has it: 14 ms."""


class Deployment:
    """The processes of one deployment, in simulated time; `history` is how often each source was asked before."""

    def __init__(
        self,
        demand: Demand,
        machines: Machines,
        figures: Figures,
        sync: SyncSettings,
        run: Run,
        history: Mapping[str, float],
    ) -> None:
        self._demand, self._figures, self._run = demand, figures, run
        self._machines = machines
        self.environment = simpy.Environment(initial_time=10_000)
        self._began = self.environment.now + run.settling_seconds
        self.outcome = Outcome(run.seconds)
        self._processors = [self._worker(1) for _ in range(machines.processes)]
        self._database = self._worker(machines.database_processors or STORE_THREADS)
        self._chance = random.Random(run.seed)  # noqa: S311 - a load, not a secret
        self._fetched: dict[str, float] = {}
        """When each record was last fetched, by any process."""
        self._sources: dict[str, SourceModel] = {}
        self._syncs: dict[str, Sync] = {}
        for source in SOURCES:
            if source.name not in demand.deals:
                continue
            model = self._sources[source.name] = SourceModel(
                self.environment,
                source,
                outcome=self.outcome,
                desks=machines.processes,
                seconds=SOURCE_SECONDS,
                records_seconds=figures.records_seconds,
                work=self._read_answer,
                on_fetched=lambda id_: self._fetched.__setitem__(id_, self.environment.now),
            )
            if source.name in history:
                model.remember(history[source.name])
            account = Account(
                source.name,
                demand.deals[source.name],
                model.limiter,
                model.try_background,
                model.acquire_in_line,
                model.exchange,
                self._read_rows,
            )
            self._syncs[source.name] = Sync(
                self.environment, account, sync, seed=run.seed, age=run.copy_ages.get(source.name, 0.0)
            )
            self.environment.process(self._syncs[source.name].run())
        self._processes = [
            Process(
                number=number,
                all_deals=demand.all_deals,
                shares_store=machines.shares_store,
                figures=figures,
                outcome=self.outcome,
                now=lambda: self.environment.now,
                processor=processor,
                database=self._database,
                sources=self._sources,
                syncs=self._syncs,
                fetched=self._fetched,
            )
            for number, processor in enumerate(self._processors)
        ]

    def _worker(self, at_once: int) -> Worker:
        return Worker(self.environment, at_once, slowness=self._machines.slowness)

    def _read_answer(self, number: int, records: int) -> Events:
        yield from self._processors[number].work(
            self._figures.request_seconds + self._figures.request_record_seconds * records
        )

    def _read_rows(self, rows: int) -> Events:
        """Sync is in the first process, and lets others work between few rows."""
        for at in range(0, rows, ROWS_AT_ONCE):
            yield from self._processors[0].work(self._figures.sweep_row_seconds * min(ROWS_AT_ONCE, rows - at))

    def simulate(self) -> Outcome:
        """Return what came of the demand in the seconds that are looked at."""
        run = self._run
        self.environment.process(self._arrive())
        if run.settling_seconds:
            self.environment.run(until=self._began)
        self._forget()
        self.environment.run(until=self._began + run.seconds)
        outcome = self.outcome
        for name, sync in self._syncs.items():
            outcome.background[name] = sync.requests.total()
        outcome.processor_seconds = sum(one.busy_seconds for one in self._processors)
        outcome.used = self._used()
        return outcome

    def _forget(self) -> None:
        """Count from now on."""
        self.outcome.__init__(self._run.seconds)  # type: ignore[misc] # all parts hold this one
        for worker in (*self._processors, self._database):
            worker.busy_seconds = 0.0
        for sync in self._syncs.values():
            sync.requests.clear()

    def _used(self) -> dict[str, float]:
        seconds, outcome = self._run.seconds, self.outcome
        used = {"processors": max(one.used(seconds) for one in self._processors)}
        if self._machines.database_processors is not None:
            used["database"] = self._database.used(seconds)
        for name, model in self._sources.items():
            sent = (outcome.upstream[name] + outcome.background[name]) / seconds
            rate = min(model.source.rates, key=lambda rate: rate.limit / rate.seconds)
            used[f"{model.source.title}'s ration"] = sent * rate.seconds / rate.limit
        return used

    def _arrive(self) -> Events:
        began = self.environment.now
        seconds = self._run.settling_seconds + self._run.seconds
        for request in self._demand.requests(seconds, seed=self._run.seed):
            yield self.environment.timeout(began + request.at - self.environment.now)
            self.environment.process(self._answer(request, self._chance.choice(self._processes)))

    def _answer(self, request: Request, process: Process) -> Events:
        asked = self.environment.now
        yield from process.answer(request)
        self.outcome.answered[request.kind] += 1
        self.outcome.waits.setdefault(request.kind, []).append(self.environment.now - asked)
