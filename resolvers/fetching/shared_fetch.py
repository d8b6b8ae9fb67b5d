"""A fetch that serves several operations, and for whom what is being done just now is done.

What is done for several operations at once runs in an empty context, or the log would show the id of one request. Its
shared fetch is in a context variable instead, by a weak reference: connections that are opened meanwhile keep the
context for much longer.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol
from weakref import ref

from resolvers.errors import UpstreamTimeout
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.resilience.time_limit import TimeLimit
from resolvers.tracing import Span


class Permit(Protocol):
    """Permission to send one request now; `release` ends it, whatever came of it."""

    def on_sent(self) -> None:
        """Count the request in the ration from now on."""

    def release(self, verdict: Verdict, *, weight: int = 1, is_whole: bool = False) -> None:
        """Give back what is still held, and record the verdict on the source's health.

        `is_whole`: a good response is here as a whole, so that the next request may follow at once.
        """


class SharedFetch:
    """A running fetch. Its deadline is the latest of its waiters'; its requests count for its owner.

    `waiters` returns the operations that wait for it just now; `permit` is for its first request, which takes it.
    `is_background`: nobody waits for it, so it goes in a share of the ration, most of which only when nobody else does.
    """

    __slots__ = ("__weakref__", "_owner", "is_background", "loop", "now", "permit", "span", "started_at", "waiters")

    def __init__(
        self,
        waiters: Callable[[], Collection[UpstreamContext]],
        *,
        owner: UpstreamContext | None = None,
        permit: Permit | None = None,
        is_background: bool = False,
    ) -> None:
        self.waiters = waiters
        self._owner = owner
        self.is_background = is_background
        self.permit = permit
        self.span: Span | None = None
        """What its requests are traced under, if they are traced."""
        self.loop = owner.loop if owner is not None else asyncio.get_running_loop()
        self.now = self.loop.time
        self.started_at = self.now()

    @property
    def deadline(self) -> float:
        """The moment after which nobody waits any more."""
        return self._deadline(self.waiters())

    @property
    def seconds_left(self) -> float:
        """The time until the deadline."""
        return self.deadline - self.now()

    def snapshot(self) -> tuple[float, int]:
        """Return `seconds_left` and `weight`."""
        waiters = self.waiters()
        if len(waiters) == 1:
            (waiter,) = waiters
            return waiter.deadline - self.now(), 1
        return self._deadline(waiters) - self.now(), len(waiters)

    def _deadline(self, waiters: Collection[UpstreamContext]) -> float:
        return max([operation.deadline for operation in waiters], default=self.now())

    @property
    def weight(self) -> int:
        """How many operations wait for it."""
        return len(self.waiters())

    def release_permit(self) -> None:
        """Release a permit that was not used."""
        if (permit := self.permit) is not None:
            self.permit = None
            permit.release(Verdict.NONE)

    def count_request(self, source: str) -> None:
        """Count one request in the owner's usage."""
        if self._owner is not None:
            self._owner.usage(source).requests += 1

    @contextmanager
    def time_left(self, source: str) -> Iterator[None]:
        """Bound what is awaited inside by the deadline, which moves; raises `UpstreamTimeout` when it passes."""
        try:
            with TimeLimit(lambda: self.deadline, self.loop):
                yield
        except TimeoutError:
            raise UpstreamTimeout(source, detail="the deadline passed") from None


_SERVED: Final[ContextVar[ref[SharedFetch] | None]] = ContextVar("served", default=None)


def serve(shared_fetch: SharedFetch) -> None:
    """Let what is done from now on in this context be done for those who wait for a fetch."""
    _SERVED.set(ref(shared_fetch))


def served_request_ids() -> list[str]:
    """Return the ids of the requests that wait for what is being done, as of now; empty where nobody is known to."""
    served = _SERVED.get()
    shared_fetch = served() if served is not None else None
    if shared_fetch is None:
        return []
    return sorted({one.request_id for one in shared_fetch.waiters() if one.request_id is not None})
