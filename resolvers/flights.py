"""Fetches under way, each for as many records as one request can carry, and a task for each."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from resolvers.errors import UpstreamUnavailable
from resolvers.operation import Flight, Permit
from resolvers.queueing import Wanted
from resolvers.source import Client, Outcome

Batch = list[Wanted]


class Flights:
    """The fetches under way from one source.

    `landed` is told of a batch and its outcomes, `failed` of one that a fault of ours keeps from having any: whoever
    waits has to know, or would wait for ever.
    """

    def __init__(
        self,
        client: Client,
        *,
        landed: Callable[[Batch, list[Outcome]], None],
        failed: Callable[[Batch, Exception], None],
    ) -> None:
        self._client = client
        self._landed = landed
        self._failed = failed
        self._under_way: dict[Flight, tuple[asyncio.Task[None], Batch]] = {}

    def begin(self, batch: Batch, permit: Permit) -> None:
        """Fetch a batch; the permit is for its first request.

        In an empty context: the log would show the id of one request beside what is done for several.
        """
        flight = _flight(batch, self._client.transport.source)
        flight.give(permit)
        for one in batch:
            one.flight = flight
        task = asyncio.get_running_loop().create_task(self._fetch(flight, batch), context=Context())
        self._under_way[flight] = task, batch

    def abandon(self, flight: Flight) -> Batch:
        """Break off a fetch that nobody waits for any more; return what it was for."""
        if flight not in self._under_way:
            return []
        task, batch = self._under_way.pop(flight)
        task.cancel()
        flight.end()  # it may not even have begun
        for one in batch:
            one.flight = None
        return batch

    async def _fetch(self, flight: Flight, batch: Batch) -> None:
        outcomes: list[Outcome] | Exception
        try:
            outcomes = await self._client.fetch_many([one.source_id for one in batch], flight)
        except asyncio.CancelledError:
            outcomes = UpstreamUnavailable(self._client.transport.source, detail="the fetch was cancelled")
        except Exception as error:
            outcomes = error
        self._under_way.pop(flight, None)
        flight.end()
        if not isinstance(outcomes, Exception):
            try:
                self._landed(batch, outcomes)
            except Exception as error:
                outcomes = error
        if isinstance(outcomes, StopIteration):
            outcomes = RuntimeError("StopIteration")  # as a coroutine makes of it, because no future takes one
        if isinstance(outcomes, Exception):
            self._failed(batch, outcomes)


def _flight(batch: Sequence[Wanted], source: str) -> Flight:
    """Return the flight of a batch; whoever asked for the first record pays for it, the others ride along."""
    payer = batch[0].first
    if len(batch) == 1:
        return Flight(batch[0].riders, payer=payer)
    for one in batch:
        if one.first is not payer:
            one.first.cost(source).joined += 1
    return Flight(lambda: set().union(*[one.riders() for one in batch]), payer=payer)
