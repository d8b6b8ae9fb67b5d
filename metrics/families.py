"""Families of samples: one name, its labels, and a value for each combination of theirs."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from prometheus_client.utils import floatToGoString

PREFIX: Final = "opportunity_graph_"

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COUNTS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)

Kind = Literal["counter", "gauge", "histogram"]

Mode = Literal["livesum", "livemin", "livemax", "livemostrecent"]
"""How the gauges of several processes make one, as prometheus-client names it; those of dead processes do not count."""


class Histogram:
    """How many values were up to each bound, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = (*map(floatToGoString, bounds), "+Inf")
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Yield each bound, as samples are labelled with it, and how many values lie between it and the one before."""
        return zip(self.bounds, self.counts, strict=True)


class Histograms(dict[tuple[str, ...], Histogram]):
    """A histogram for each combination of labels, all with the same bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self._bounds = bounds

    def add(self, labels: tuple[str, ...], value: float) -> None:
        """Count a value."""
        histogram = self.get(labels)
        if histogram is None:
            histogram = self[labels] = Histogram(self._bounds)
        histogram.counts[bisect_left(self._bounds, value)] += 1
        histogram.sum += value


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name, without the prefix. `values` are numbers, or histograms, by the values of the labels."""

    kind: Kind
    name: str
    text: str
    labels: Sequence[str] = ()
    values: Mapping[Any, Any] = field(default_factory=dict)
    mode: Mode = "livesum"

    @property
    def full_name(self) -> str:
        """The name as Prometheus has it, without what a kind adds."""
        return PREFIX + self.name


def counter(name: str, text: str, labels: Sequence[str], values: Mapping[Any, int]) -> Family:
    """Return counters; Prometheus adds `_total` to the name."""
    return Family("counter", name, text, labels, values)


def gauge(
    name: str, text: str, labels: Sequence[str], values: Mapping[Any, float], *, mode: Mode = "livesum"
) -> Family:
    """Return gauges."""
    return Family("gauge", name, text, labels, values, mode)


def histogram(name: str, text: str, labels: Sequence[str], values: Histograms) -> Family:
    """Return histograms."""
    return Family("histogram", name, text, labels, values)
