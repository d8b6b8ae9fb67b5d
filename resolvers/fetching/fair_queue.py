"""Ids that wait for their source's ration, in an order that is fair to every operation.

Operations take turns, id by id: one that wants a thousand records cannot starve one that wants a single one.
"""

import asyncio
from collections import OrderedDict
from typing import Any, Final

from resolvers.fetching.upstream_context import SharedFetch, UpstreamContext
from resolvers.resilience.timeouts import TimeLimit

PENDING: Final[Any] = object()
"""The outcome of a request that has none yet."""


class Waiter:
    """One operation that waits for some records."""

    __slots__ = ("_future", "operation", "pending", "since")

    def __init__(self, operation: UpstreamContext, since: float = 0.0) -> None:
        self.operation = operation
        self.since = since
        """When it began to wait."""
        self.pending = 0
        """Records without an outcome."""
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait until each record that has been joined has an outcome, or the operation's deadline passes."""
        if self.pending:
            self._future = self.operation.loop.create_future()
            try:
                with TimeLimit(self.operation.deadline, self.operation.loop):
                    await self._future
            except TimeoutError:
                return  # what is pending stays so

    def on_outcome(self) -> None:
        """Wait for one record less; wake the operation at the last one."""
        self.pending -= 1
        if self.pending == 0 and self._future is not None and not self._future.done():
            self._future.set_result(None)


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


class FairQueue:
    """Wanted records by the operation that queued them."""

    def __init__(self) -> None:
        self._lines: OrderedDict[UpstreamContext, OrderedDict[str, KeyRequest]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, key_request: KeyRequest) -> None:
        """Put a record at the end of its operation's line."""
        line = self._lines.get(key_request.owner)
        if line is None:
            line = self._lines[key_request.owner] = OrderedDict()
        line[key_request.source_id] = key_request
        key_request.is_queued = True

    def remove(self, key_request: KeyRequest) -> None:
        """Take a record out that nobody waits for any more."""
        line = self._lines[key_request.owner]
        del line[key_request.source_id]
        if not line:
            del self._lines[key_request.owner]
        key_request.is_queued = False

    def pop(self, most: int | None = None) -> list[KeyRequest]:
        """Take all records out, or up to `most`: one of each operation in turn."""
        popped: list[KeyRequest] = []
        if len(self._lines) == 1:  # the usual case, and no turns to take
            (line,) = self._lines.values()
            if most is None or len(line) <= most:
                popped += line.values()
                self._lines.clear()
                for key_request in popped:
                    key_request.is_queued = False
                return popped
        while self._lines and (most is None or len(popped) < most):
            operation, line = next(iter(self._lines.items()))
            _, key_request = line.popitem(last=False)
            key_request.is_queued = False
            popped.append(key_request)
            if line:
                self._lines.move_to_end(operation)
            else:
                del self._lines[operation]
        return popped

    def contexts(self) -> set[UpstreamContext]:
        """Return the operations that wait for what is in the queue."""
        return {
            v.operation for line in self._lines.values() for key_request in line.values() for v in key_request.waiters
        }

    def position(self, operation: UpstreamContext, place: int) -> int:
        """Return the how-manieth to be popped the `place`-th record of an operation would be."""
        others = sum(min(len(line), place) for other, line in self._lines.items() if other is not operation)
        return others + place

    def length(self, operation: UpstreamContext) -> int:
        """Return how many records an operation has in the queue."""
        return len(self._lines.get(operation, ()))
