"""A demand in a deployment as it is after hours of it: the ration of an hour has a memory."""

from typing import Final

from benchmarks.capacity_demand import Demand
from benchmarks.capacity_figures import Figures, Machines, Run
from benchmarks.capacity_model import Deployment
from benchmarks.capacity_outcome import Outcome
from resolvers.registry import SOURCES
from sync.settings import SyncSettings

LONG_SECONDS: Final = 1_800.0
"""Windows of a ration so long have a history that matters."""


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
