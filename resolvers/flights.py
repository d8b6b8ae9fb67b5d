"""Fetches under way, each for as many records as one request can carry.

Mostly that request is all there is to a fetch. Then it is sent and its reply is read without a task (`Client.request`
and `Client.read`). Whatever else there is to do, a task does: connecting, signing in, trying again, asking singly. It
goes on from what the first attempt has found.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from resolvers.attempt import Attempt, Found
from resolvers.errors import UpstreamError, UpstreamRateLimited, UpstreamUnavailable
from resolvers.exchange import Request
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
        self._under_way: dict[Flight, tuple[asyncio.Task[None] | Attempt, Batch]] = {}

    def begin(self, batch: Batch, permit: Permit) -> None:
        """Fetch a batch; the permit is for its first request."""
        flight = _flight(batch, self._client.transport.source)
        flight.give(permit)
        for one in batch:
            one.flight = flight
        try:
            attempt = self._attempt(flight, batch)
        except Exception as error:
            self._land(flight, batch, error)
        else:
            self._under_way[flight] = attempt or self._task(flight, batch), batch

    def abandon(self, flight: Flight) -> Batch:
        """Break off a fetch that nobody waits for any more; return what it was for."""
        if flight not in self._under_way:
            return []
        work, batch = self._under_way.pop(flight)
        work.cancel()
        flight.end()  # it may not even have begun
        for one in batch:
            one.flight = None
        return batch

    def _attempt(self, flight: Flight, batch: Batch) -> Attempt | None:
        ids = _ids(batch)
        request = self._client.request(ids)
        if request is None:
            return None
        return self._client.transport.start(request, flight, partial(self._answered, request, ids, flight, batch))

    def _answered(
        self, request: Request, ids: list[str], flight: Flight, batch: Batch, found: Found | Exception
    ) -> None:
        """Land with the reply to the first request, if that was all there is to do."""
        outcomes: list[Outcome] | Exception | None
        if isinstance(found, UpstreamError):
            # A refusal matters to others, even if nobody waits for this any more.
            outcomes = None if flight.weight or isinstance(found, UpstreamRateLimited) else [found] * len(batch)
        elif isinstance(found, Exception):
            outcomes = found
        else:
            try:
                outcomes = self._client.read(request, ids, found)
            except Exception as error:
                outcomes = error
        if outcomes is None:
            flight.give_first(request, found)
            self._under_way[flight] = self._task(flight, batch), batch
        else:
            self._land(flight, batch, outcomes)

    def _task(self, flight: Flight, batch: Batch) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(self._fetch(flight, batch))

    async def _fetch(self, flight: Flight, batch: Batch) -> None:
        outcomes: list[Outcome] | Exception
        try:
            outcomes = await self._client.fetch_many(_ids(batch), flight)
        except asyncio.CancelledError:
            outcomes = UpstreamUnavailable(self._client.transport.source, detail="the fetch was cancelled")
        except Exception as error:
            outcomes = error
        self._land(flight, batch, outcomes)

    def _land(self, flight: Flight, batch: Batch, outcomes: list[Outcome] | Exception) -> None:
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


def _ids(batch: Sequence[Wanted]) -> list[str]:
    return [one.source_id for one in batch]


def _flight(batch: Batch, source: str) -> Flight:
    """Return the flight of a batch; whoever asked for the first record pays for it, the others ride along."""
    payer = batch[0].first
    if len(batch) == 1:
        return Flight(batch[0].riders, payer=payer)
    for one in batch:
        if one.first is not payer:
            one.first.cost(source).joined += 1
    return Flight(lambda: set().union(*[one.riders() for one in batch]), payer=payer)
