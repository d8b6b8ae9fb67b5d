"""From families to Prometheus' metrics and their text."""

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.families import Family
from metrics.workers import Families, Shared

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder that workers share; whoever starts several of them sets it."""


class Exposition(Protocol):
    """Makes metrics of families."""

    def metrics(self, families: Iterable[Family]) -> list[Metric]:
        """Return the metrics to show where this process has these families."""

    def written(self, families: Families) -> AbstractAsyncContextManager[None]:
        """Let the other processes know what the function gives, until the block ends."""


class Alone:
    """The numbers of this process, and what its system says of it (`process_…`)."""

    def __init__(self) -> None:
        self._process = ProcessCollector(registry=None)

    def metrics(self, families: Iterable[Family]) -> list[Metric]:
        """Return the families as they are."""
        return [*map(_metric, families), *self._process.collect()]

    def written(self, families: Families) -> AbstractAsyncContextManager[None]:
        """Do nothing: there is no other process."""
        return nullcontext()


def open_exposition(variables: Mapping[str, str]) -> Exposition:
    """Return what shows the numbers of this process, or of all that share the folder which the environment names."""
    folder = variables.get(FOLDER)
    return Shared(Path(folder), os.getpid()) if folder else Alone()


def text_of(metrics: Iterable[Metric]) -> bytes:
    """Return what Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Collected(list(metrics)))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _metric(family: Family) -> Metric:
    name, text, labels = family.full_name, family.text, family.labels
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for key, value in family.values.items():
            total, buckets = 0, []
            for bound, count in value.buckets():
                total += count
                buckets.append((bound, float(total)))
            histogram.add_metric(key, buckets, value.sum)
        return histogram
    made = (CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily)(name, text, labels=labels)
    for key, value in family.values.items():
        made.add_metric(key, value)
    return made
