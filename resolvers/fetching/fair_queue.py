"""Ids that wait for their source's ration, in an order that is fair to every operation.

Operations take turns, id by id: one that wants a thousand records cannot starve one that wants a single one.
"""

from collections import OrderedDict

from resolvers.fetching.key_request import KeyRequest
from resolvers.fetching.upstream_context import UpstreamContext


class FairQueue:
    """Records that are waited for, by the operation that queued each first."""

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
        return {waiter.operation for line in self._lines.values() for one in line.values() for waiter in one.waiters}

    def position(self, operation: UpstreamContext, place: int) -> int:
        """Return when the `place`-th record of an operation would be popped: 1 for the next of all."""
        others = sum(min(len(line), place) for other, line in self._lines.items() if other is not operation)
        return others + place

    def length(self, operation: UpstreamContext) -> int:
        """Return how many records an operation has in the queue."""
        return len(self._lines.get(operation, ()))
