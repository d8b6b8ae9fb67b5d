"""All numbers of the server together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prometheus_client.metrics_core import Metric

from metrics.copies import Statuses, copies
from metrics.counts import Counts
from metrics.exposition import Exposition
from metrics.families import Family
from metrics.readings import Readings


class Metrics:
    """What is counted here, and what is read elsewhere.

    `statuses` gives what reads how each account's copy stands, or None where deals are not listed.
    """

    def __init__(
        self,
        counts: Counts,
        readings: Readings,
        exposition: Exposition,
        *,
        statuses: Callable[[], Statuses | None],
    ) -> None:
        self._counts = counts
        self._readings = readings
        self._exposition = exposition
        self._statuses = statuses

    async def collect(self) -> list[Metric]:
        """Return the metrics at this moment."""
        store = await copies(self._statuses())
        return self._exposition.metrics([*self._families(), *store])

    def _families(self) -> list[Family]:
        return [*self._counts.families(), *self._readings.families()]

    def written(self) -> AbstractAsyncContextManager[None]:
        """Let the other workers know these numbers, until the block ends."""
        return self._exposition.written(self._families)
