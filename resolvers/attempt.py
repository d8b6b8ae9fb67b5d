"""One attempt at a request: bounded in time, judged, and told of.

Mostly a connection is at hand. Then the request is written at once and the reply is judged in the turn of the loop in
which it came, with no task in between (`start`). Else somebody has to wait until one is open (`make`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from resolvers.connection import Connection, Garbled, NoReply
from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.exchange import Exchanges, Request
from resolvers.operation import Flight, Permit
from resolvers.places import Places
from resolvers.reply import Reply, decipher
from resolvers.telemetry import Telemetry, UpstreamCall
from resolvers.waiting import Afterwards, Alarm, Alarms, TimeLimit

Found = bytes | None | UpstreamError
"""A body, None where there is no such record, or what went wrong."""

Told = Callable[[Found | Exception], None]
"""Takes what was found; another exception is a fault of ours."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What all attempts at one source share."""

    source: str
    exchanges: Exchanges
    places: Places
    telemetry: Telemetry
    timeout_seconds: float
    max_bytes: int
    alarms: Alarms = field(default_factory=Alarms)
    afterwards: Afterwards = field(default_factory=Afterwards)


class Attempt:
    """An attempt, made with a permit, for a flight, which pays for it: either `start` or `make`, once."""

    __slots__ = (
        "_connection",
        "_flight",
        "_permit",
        "_request",
        "_round",
        "_seconds",
        "_started",
        "_timer",
        "_told",
        "_upstream",
        "_weight",
    )

    def __init__(self, upstream: Upstream, request: Request, flight: Flight, permit: Permit) -> None:
        self._upstream = upstream
        self._request = request
        self._flight = flight
        self._permit = permit
        seconds_left, self._weight = flight.look()
        self._seconds = min(upstream.timeout_seconds, seconds_left)
        self._round = upstream.places.round
        self._started = perf_counter()
        self._connection: Connection | None = None
        self._timer: Alarm | asyncio.TimerHandle | None = None
        self._told: Told | None = None

    def start(self, told: Told) -> bool:
        """Begin if a connection is at hand; `told` is called once, later. Return whether it was."""
        upstream = self._upstream
        try:
            self._connection = upstream.exchanges.start(self._request, upstream.max_bytes, self._ended)
        except NoReply:  # as `make` will say
            return False
        if self._connection is None:
            return False
        self._flight.pay(upstream.source)
        self._permit.sent()
        self._told = told
        self._timer = upstream.alarms.call_later(self._seconds, self._expire)
        return True

    async def make(self) -> Found:
        """Return what was found; raises nothing but a cancellation."""
        upstream = self._upstream
        self._flight.pay(upstream.source)
        found: Reply | TimeoutError | Garbled | NoReply
        try:
            with TimeLimit(self._seconds):
                found = await upstream.exchanges.make(
                    self._request, max_bytes=upstream.max_bytes, sent=self._permit.sent
                )
        except TimeoutError:
            found = TimeoutError()  # a traceback would know this frame, which knows what was found
        except (Garbled, NoReply) as error:
            found = error.with_traceback(None)
        except BaseException:
            self._broken_off()
            raise
        try:
            result, end = self._judge(found)
        except Exception as error:
            self._close_books(error, self._broken_off)
            raise
        self._close_books(result, end)
        return result

    def cancel(self) -> None:
        """Break off what was started; nobody is told."""
        if self._stop():
            self._broken_off()

    def _expire(self) -> None:
        """Give up when what has come has been read.

        uvloop rings before it reads, so that after a pause of the process every reply would be found too late.
        """
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._give_up)

    def _give_up(self) -> None:
        self._ended(TimeoutError())

    def _ended(self, found: Reply | TimeoutError | Garbled | NoReply) -> None:
        if not isinstance(found, TimeoutError):
            self._connection = None  # it can rest
        if not (told := self._stop()):
            return
        result: Found | Exception
        try:
            result, end = self._judge(found)
        except Exception as error:
            result, end = error, self._broken_off
        try:
            self._close_books(result, end)
        finally:
            told(result)

    def _close_books(self, result: Found | Exception, end: Callable[[], None]) -> None:
        """Keep the books of this exchange, after those of what came before it.

        At once if those who ask next have to find what it means for the source.
        """
        afterwards = self._upstream.afterwards
        if not isinstance(result, Exception) and not self._permit.is_probe:
            afterwards.add(end)
            return
        try:
            afterwards.do()
        finally:
            end()

    def _stop(self) -> Told | None:
        """Let go of all that knows this; return whom to tell."""
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._connection.abandon()
        told, self._told, self._connection, self._timer = self._told, None, None, None
        return told

    def _broken_off(self) -> None:
        self._end(None, None, self._milliseconds(), failed=None)

    def _milliseconds(self) -> float:
        return (perf_counter() - self._started) * 1000

    def _judge(self, found: Reply | TimeoutError | Garbled | NoReply) -> tuple[Found, Callable[[], None]]:
        """Return what came of it, and what is to be done about it: to be called once."""
        upstream = self._upstream
        source = upstream.source
        status: int | None = None
        failure: UpstreamError | None = None
        failed: bool | None = None
        try:
            if isinstance(found, Reply):
                status = found.status
                body = decipher(source, found)
                upstream.places.widen()
                self._permit.leave_place()
                return body, partial(self._end, status, None, self._milliseconds(), failed=False)
            if isinstance(found, Garbled):
                failure, failed = UpstreamBadResponse(source, detail=str(found)), False
            elif isinstance(found, NoReply):
                failure, failed = UpstreamUnavailable(source, detail=str(found)), True
            else:
                failure = UpstreamTimeout(source, detail="no complete answer in time")
                # A source that was given hardly any time has not failed.
                failed = True if self._seconds * 2 >= upstream.timeout_seconds else None
        except UpstreamError as error:
            failure, failed = error.with_traceback(None), isinstance(error, UpstreamUnavailable)
            if status == 503:
                upstream.places.narrow(self._round)
        failure.is_told = True
        return failure, partial(self._end, status, failure, self._milliseconds(), failed=failed)

    def _end(
        self, status: int | None, failure: UpstreamError | None, milliseconds: float, *, failed: bool | None
    ) -> None:
        upstream, request = self._upstream, self._request
        code, detail = (failure.code, failure.detail) if failure else (None, "")
        upstream.telemetry(
            UpstreamCall(upstream.source, request.kind, request.keys, status, milliseconds, code, detail)
        )
        self._permit.end(failed=failed, weight=max(self._weight, len(self._flight.riders())))
