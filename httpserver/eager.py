"""A coroutine, taken as far as it goes without waiting.

Most requests are here as a whole when they are looked at, and most answers come from memory. A timer or a watcher
around what does not wait would cost more than the work itself; so they are set up only for what does.
"""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class EagerCoroutine(Generic[T]):
    """Work whose first step was done when this was made; what it raised then was raised then.

    That step need not be in a task (`httpserver/protocol.py`): nothing in it may ask for the running one.

    `await` gives its result, and does the rest of the work where there is any: then it must not be forgotten.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.is_done = False
        self._waits_for: Any = None
        try:
            self._waits_for = work.send(None)
        except StopIteration as end:
            self.is_done = True
            self.result: T = end.value

    def __await__(self) -> Generator[Any, Any, T]:
        """Do as `yield from` does (PEP 380), from the second step on."""
        waits_for, work = self._waits_for, self._work
        while not self.is_done:
            try:
                try:
                    sent = yield waits_for
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:
                    waits_for = work.throw(error)
                else:
                    waits_for = work.send(sent)
            except StopIteration as end:
                self.is_done = True
                self.result = end.value
        return self.result
