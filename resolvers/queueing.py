"""Ids that wait for their source's budget, in an order that is fair to every operation.

Operations take turns, id by id: one that wants a thousand records cannot starve one that wants a single one.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from resolvers.operation import Flight, Operation
from resolvers.source import Outcome


@dataclass(eq=False, slots=True)
class Wanted:
    """One record that is being fetched or waits to be; who asked first, and all who wait for it."""

    source_id: str
    outcome: asyncio.Future[Outcome]
    first: Operation
    waiting: set[Operation] = field(default_factory=set)
    is_queued: bool = False
    flight: Flight | None = None


class FairQueue:
    """Wanted records by the operation that queued them."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Operation, OrderedDict[str, Wanted]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, wanted: Wanted) -> None:
        """Put a record at the end of its operation's line."""
        self._lines.setdefault(wanted.first, OrderedDict())[wanted.source_id] = wanted
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
        return set().union(*(wanted.waiting for line in self._lines.values() for wanted in line.values()))

    def position(self, operation: Operation, place: int) -> int:
        """Return the how-manieth to be taken the `place`-th record of an operation would be."""
        others = sum(min(len(line), place) for other, line in self._lines.items() if other is not operation)
        return others + place

    def length(self, operation: Operation) -> int:
        """Return how many records an operation has in the queue."""
        return len(self._lines.get(operation, ()))
