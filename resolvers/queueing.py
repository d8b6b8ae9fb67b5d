"""Ids that wait for their source's budget, in an order that is fair to every operation.

Operations take turns, id by id: one that wants a thousand records cannot starve one that wants a single one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

from resolvers.operation import Flight, Operation
from resolvers.waiting import TimeLimit

PENDING: Final[Any] = object()
"""In place of an outcome that is not there yet."""


class Visit:
    """One operation that waits for some records."""

    __slots__ = ("_complete", "_left", "operation")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._left = 0
        self._complete: asyncio.Future[None] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether each record has an outcome."""
        return self._left == 0

    async def wait(self) -> None:
        """Wait until each record that has been joined has an outcome, or the operation's deadline passes."""
        if self._left:
            self._complete = self.operation.loop.create_future()
            with suppress(TimeoutError), TimeLimit(lambda: self.operation.deadline):
                await self._complete

    def await_one(self) -> None:
        """Wait for one record more."""
        self._left += 1

    def one_is_there(self) -> None:
        """Wait for one less."""
        self._left -= 1
        if self._left == 0 and self._complete is not None and not self._complete.done():
            self._complete.set_result(None)


class Wanted:
    """One record that is being fetched or waits to be; who asked first, and all who wait for it."""

    __slots__ = ("first", "flight", "is_queued", "outcome", "source_id", "visits")

    def __init__(self, source_id: str, first: Operation) -> None:
        self.source_id = source_id
        self.first = first
        self.visits: list[Visit] = []
        self.outcome: Any = PENDING
        self.is_queued = False
        self.flight: Flight | None = None

    def join(self, visit: Visit) -> None:
        """Let somebody wait for it."""
        self.visits.append(visit)
        visit.await_one()

    def leave(self, visit: Visit) -> None:
        """Let somebody wait no more."""
        if visit in self.visits:
            self.visits.remove(visit)

    def settle(self, outcome: Any) -> None:
        """Tell all who wait, once."""
        if self.outcome is PENDING:
            self.outcome = outcome
            self.flight = None  # which knows its records: a cycle would keep all of them until somebody looks for such
            for visit in self.visits:
                visit.one_is_there()

    def riders(self) -> Collection[Operation]:
        """Return the operations that wait for it."""
        visits = self.visits
        return (visits[0].operation,) if len(visits) == 1 else {visit.operation for visit in visits}


class FairQueue:
    """Wanted records by the operation that queued them."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Operation, OrderedDict[str, Wanted]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, wanted: Wanted) -> None:
        """Put a record at the end of its operation's line."""
        line = self._lines.get(wanted.first)
        if line is None:
            line = self._lines[wanted.first] = OrderedDict()
        line[wanted.source_id] = wanted
        wanted.is_queued = True

    def remove(self, wanted: Wanted) -> None:
        """Take a record out that nobody waits for any more."""
        line = self._lines[wanted.first]
        del line[wanted.source_id]
        if not line:
            del self._lines[wanted.first]
        wanted.is_queued = False

    def take(self, most: int | None = None) -> list[Wanted]:
        """Take all records out, or up to `most`: one of each operation in turn."""
        taken: list[Wanted] = []
        if len(self._lines) == 1:  # the usual case, and no turns to take
            (line,) = self._lines.values()
            if most is None or len(line) <= most:
                taken += line.values()
                self._lines.clear()
                for wanted in taken:
                    wanted.is_queued = False
                return taken
        while self._lines and (most is None or len(taken) < most):
            operation, line = next(iter(self._lines.items()))
            _, wanted = line.popitem(last=False)
            wanted.is_queued = False
            taken.append(wanted)
            if line:
                self._lines.move_to_end(operation)
            else:
                del self._lines[operation]
        return taken

    def riders(self) -> set[Operation]:
        """Return the operations that wait for what is in the queue."""
        return {v.operation for line in self._lines.values() for wanted in line.values() for v in wanted.visits}

    def position(self, operation: Operation, place: int) -> int:
        """Return the how-manieth to be taken the `place`-th record of an operation would be."""
        others = sum(min(len(line), place) for other, line in self._lines.items() if other is not operation)
        return others + place

    def length(self, operation: Operation) -> int:
        """Return how many records an operation has in the queue."""
        return len(self._lines.get(operation, ()))
