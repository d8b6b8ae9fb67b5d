"""One process of the server in the model: what it does for each kind of request, and how long that takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import simpy

from benchmarks.capacity_demand import BY_ID, RECORDS, Kind, Request
from benchmarks.capacity_figures import Figures
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_source import SourceModel
from benchmarks.capacity_sync import Sync
from benchmarks.capacity_time import Events

EXPORT_ROWS: Final = 250
"""Rows that a file is read by: docs/decisions/033-files.md."""


class Worker:
    """A processor, or several alike: does one thing after another. `slowness`: seconds for a second's work."""

    def __init__(self, environment: simpy.Environment, at_once: int = 1, *, slowness: float = 1.0) -> None:
        self._environment = environment
        self._turns = simpy.Resource(environment, at_once)
        self._slowness = slowness
        self.busy_seconds = 0.0

    def work(self, seconds: float) -> Events:
        """Wait for a turn, and take so long."""
        with self._turns.request() as turn:
            yield turn
            yield self._environment.timeout(seconds * self._slowness)
        self.busy_seconds += seconds

    def used(self, seconds: float) -> float:
        """Return the part of so many seconds in which it worked."""
        return self.busy_seconds / seconds / self._turns.capacity


@dataclass(frozen=True)
class Process:
    """The `number`-th of a deployment. `fetched`: when each record was last fetched, by any process."""

    number: int
    all_deals: int
    shares_store: bool
    figures: Figures
    outcome: Outcome
    now: Callable[[], float]
    processor: Worker
    database: Worker
    sources: Mapping[str, SourceModel]
    syncs: Mapping[str, Sync]
    fetched: Mapping[str, float]

    def answer(self, request: Request) -> Events:
        """Do what a request asks for."""
        if request.kind in BY_ID:
            yield from self._by_id(request)
        elif request.kind is Kind.PAGE:
            yield from self._page()
        elif request.kind is Kind.SUMMARY:
            yield from self.database.work(self.figures.summary_deal_seconds * self.all_deals)
            yield from self.processor.work(self.figures.summary_answer_seconds)
        else:
            yield from self._export()

    def _by_id(self, request: Request) -> Events:
        model, figures, outcome = self.sources[request.source], self.figures, self.outcome
        cache = model.desks[self.number].cache
        ids = [f"{request.source}:{one}" for one in request.ids]
        missing = [one for one in ids if cache.fresh(one) is None]
        if request.kind is Kind.HOT and not missing:
            yield from self.processor.work(figures.stored_answer_seconds)
        else:
            yield from self.processor.work(figures.answer_seconds + figures.answer_record_seconds * len(ids))
        if missing and self.shares_store:
            yield from self._look_up(model, missing)
            missing = [one for one in missing if cache.fresh(one) is None]
        found = len(ids) - len(missing)
        if missing:
            found += yield from model.desks[self.number].fetch(missing)
        outcome.records[request.source] += found
        outcome.stale[request.source] += len(ids) - found
        outcome.ages += [cache.age_seconds(one) for one in ids if cache.fresh(one) is not None]

    def _look_up(self, model: SourceModel, ids: list[str]) -> Events:
        """Take what other processes have fetched of late."""
        figures = self.figures
        yield from self.database.work(figures.shared_record_seconds)
        yield from self.processor.work(figures.shared_record_seconds)
        for one in ids:
            age = self.now() - self.fetched.get(one, float("-inf"))
            if figures.shared_after_seconds <= age < figures.records_seconds:
                model.desks[self.number].cache.refresh(one, True, age_seconds=age, adds=True)

    def _page(self) -> Events:
        figures = self.figures
        if self.shares_store:
            yield from self.database.work(figures.database_page_seconds)
            yield from self.processor.work(figures.shared_page_seconds)
        else:
            yield from self.processor.work(figures.page_seconds)
        self.outcome.rows += RECORDS[Kind.PAGE]
        for name, sync in self.syncs.items():
            self.outcome.copy_ages.setdefault(name, []).append(self.now() - sync.as_of)

    def _export(self) -> Events:
        for at in range(0, self.all_deals, EXPORT_ROWS):
            rows = min(EXPORT_ROWS, self.all_deals - at)
            yield from self.processor.work(self.figures.export_deal_seconds * rows)
            self.outcome.rows += rows
