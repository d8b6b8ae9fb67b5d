"""The model of `make capacity`: a demand, processes that share both rations, their processors, and a database."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import simpy

from benchmarks.capacity_demand import BY_ID, RECORDS, Demand, Kind, Request
from benchmarks.capacity_figures import SOURCE_SECONDS, Figures, Machines
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_source import SourceModel
from benchmarks.capacity_sync import Account, Events, Sync
from resolvers.registry import SOURCES
from sync.settings import SyncSettings

STORE_THREADS: Final = 2
"""Of a store in the process, for what takes long: docs/decisions/028-store.md."""

EXPORT_ROWS: Final = 250
"""Rows that a file is read by: docs/decisions/033-files.md."""

LONG_SECONDS: Final = 1_800.0
"""Windows of a ration so long have a history that matters."""


@dataclass(frozen=True)
class Run:
    """How long to look, after how long, and from which moment on. `seed`: another one is another day."""

    seconds: float = 240.0
    settling_seconds: float = 90.0
    seed: int = 1


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
        self._processors = [simpy.Resource(self.environment) for _ in range(machines.processes)]
        self._busy = [0.0] * machines.processes
        self._database = simpy.Resource(self.environment, machines.database_processors or STORE_THREADS)
        self._database_busy = 0.0
        self._shared: dict[str, float] = {}
        """When a record was fetched by any process, for all that share a store."""
        self._chance = random.Random(run.seed)  # noqa: S311 - a load, not a secret
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
                seconds=machines.source_seconds.get(source.name, SOURCE_SECONDS),
                records_seconds=figures.records_seconds,
                work=self._read_answer,
                on_fetched=lambda id_: self._shared.__setitem__(id_, self.environment.now),
            )
            if source.name in history:
                model.remember(history[source.name])
            account = Account(
                source.name,
                demand.deals[source.name],
                model.limiter,
                model.try_background,
                model.exchange,
                lambda rows: self._work(0, figures.sweep_row_seconds * rows),
            )
            self._syncs[source.name] = Sync(self.environment, account, sync, seed=run.seed)
            self.environment.process(self._syncs[source.name].run())

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
        outcome.processor_seconds = sum(self._busy)
        outcome.used = self._used()
        return outcome

    def _forget(self) -> None:
        """Count from now on."""
        self.outcome.__init__(self._run.seconds)  # type: ignore[misc] # all parts hold this one
        self._busy = [0.0] * len(self._busy)
        self._database_busy = 0.0
        for sync in self._syncs.values():
            sync.requests.clear()

    def _used(self) -> dict[str, float]:
        seconds, outcome = self._run.seconds, self.outcome
        used = {"processors": max(self._busy) / seconds}
        if self._machines.database_processors is not None:
            used["database"] = self._database_busy / seconds / self._machines.database_processors
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
            self.environment.process(self._answer(request, self._chance.randrange(len(self._processors))))

    def _answer(self, request: Request, number: int) -> Events:
        asked = self.environment.now
        if request.kind in BY_ID:
            yield from self._by_id(request, number)
        elif request.kind is Kind.PAGE:
            yield from self._page(number)
        elif request.kind is Kind.SUMMARY:
            yield from self._store(self._figures.summary_deal_seconds * self._demand.all_deals)
            yield from self._work(number, self._figures.answer_seconds)
        else:
            yield from self._export(number)
        if asked >= self._began:
            self.outcome.answered[request.kind] += 1
            self.outcome.waits.setdefault(request.kind, []).append(self.environment.now - asked)

    def _by_id(self, request: Request, number: int) -> Events:
        model, figures, outcome = self._sources[request.source], self._figures, self.outcome
        cache = model.desks[number].cache
        ids = [f"{request.source}:{one}" for one in request.ids]
        missing = [one for one in ids if cache.fresh(one) is None]
        if request.kind is Kind.HOT and not missing:
            yield from self._work(number, figures.stored_answer_seconds)
        else:
            yield from self._work(number, figures.answer_seconds + figures.answer_record_seconds * len(ids))
        if missing and self._machines.shares_store:
            yield from self._store(figures.shared_record_seconds)
            yield from self._work(number, figures.shared_record_seconds)
            for one in missing:
                age = self.environment.now - self._shared.get(one, float("-inf"))
                if figures.shared_after_seconds <= age < figures.records_seconds:
                    cache.refresh(one, True, age_seconds=age, adds=True)
            missing = [one for one in missing if cache.fresh(one) is None]
        found = len(ids) - len(missing)
        if missing:
            found += yield from model.fetch(number, missing)
        outcome.records[request.source] += found
        outcome.stale[request.source] += len(ids) - found
        outcome.ages += [cache.age_seconds(one) for one in ids if cache.fresh(one) is not None]

    def _page(self, number: int) -> Events:
        figures = self._figures
        if self._machines.shares_store:
            yield from self._store(figures.database_page_seconds)
            yield from self._work(number, figures.shared_page_seconds)
        else:
            yield from self._work(number, figures.page_seconds)
        self.outcome.rows += RECORDS[Kind.PAGE]
        for name, sync in self._syncs.items():
            self.outcome.copy_ages.setdefault(name, []).append(self.environment.now - sync.as_of)

    def _export(self, number: int) -> Events:
        for at in range(0, self._demand.all_deals, EXPORT_ROWS):
            rows = min(EXPORT_ROWS, self._demand.all_deals - at)
            yield from self._work(number, self._figures.export_deal_seconds * rows)
            self.outcome.rows += rows

    def _read_answer(self, number: int, records: int) -> Events:
        yield from self._work(
            number, self._figures.request_seconds + self._figures.request_record_seconds * records
        )

    def _work(self, number: int, seconds: float) -> Events:
        with self._processors[number].request() as turn:
            yield turn
            yield self.environment.timeout(seconds * self._machines.slowness)
        self._busy[number] += seconds

    def _store(self, seconds: float) -> Events:
        with self._database.request() as turn:
            yield turn
            yield self.environment.timeout(seconds * self._machines.slowness)
        self._database_busy += seconds


def simulate(
    demand: Demand,
    machines: Machines,
    *,
    figures: Figures | None = None,
    sync: SyncSettings | None = None,
    run: Run | None = None,
    is_steady: bool = True,
) -> Outcome:
    """Return what comes of a demand. `is_steady`: as after hours of it, when the ration of an hour is used as much."""
    parts = (demand, machines, figures or Figures(), sync or SyncSettings(), run or Run())
    long = {
        source.name: longest
        for source in SOURCES
        if (longest := max(source.rates, key=lambda rate: rate.seconds)).seconds >= LONG_SECONDS
    }
    if not is_steady or not long.keys() & demand.deals.keys():
        return Deployment(*parts, {}).simulate()
    first = Deployment(*parts, {}).simulate()
    history = {
        name: min((first.upstream[name] + first.background[name]) / first.seconds, rate.limit / rate.seconds)
        for name, rate in long.items()
        if first.upstream[name] + first.background[name]
    }
    return Deployment(*parts, history).simulate()
