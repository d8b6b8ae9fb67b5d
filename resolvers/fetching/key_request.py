"""One wanted record, which several operations may wait for, and one operation, which may wait for several records."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext

PENDING: Final[Any] = object()
"""The outcome of a request that has none yet."""


@dataclass(eq=False, slots=True)
class Waiter:
    """One operation that waits for some records, since when it began to."""

    operation: UpstreamContext
    since: float = 0.0
    pending: int = 0
    """Records without an outcome."""
    future: asyncio.Future[None] | None = None
    """What it awaits, if anything: done when each record has an outcome."""

    def on_outcome(self) -> None:
        """Wait for one record less; wake the operation at the last one."""
        self.pending -= 1
        if self.pending == 0 and self.future is not None and not self.future.done():
            self.future.set_result(None)


class KeyRequest:
    """One record that is queued or being fetched; its owner requested it first, its waiters wait for it."""

    __slots__ = ("is_queued", "outcome", "owner", "requested_at", "shared_fetch", "source_id", "waiters")

    def __init__(self, source_id: str, waiter: Waiter) -> None:
        """`waiter` is that of the owner."""
        self.source_id = source_id
        self.owner = waiter.operation
        self.requested_at = waiter.since
        self.waiters = {waiter: waiter.operation}
        """Each with its operation: no operation waits twice for one record."""
        waiter.pending += 1
        self.outcome: Any = PENDING
        self.is_queued = False
        self.shared_fetch: SharedFetch | None = None

    def join(self, waiter: Waiter) -> None:
        """Add a waiter."""
        self.waiters[waiter] = waiter.operation
        waiter.pending += 1

    def remove(self, waiter: Waiter) -> None:
        """Remove a waiter, if it is one."""
        self.waiters.pop(waiter, None)

    def settle(self, outcome: Any) -> None:
        """Set the outcome, once, and notify all waiters."""
        if self.outcome is PENDING:
            self.outcome = outcome
            # It knows its records: a cycle would keep all of them until somebody looks for such.
            self.shared_fetch = None
            for waiter in self.waiters:
                waiter.on_outcome()
