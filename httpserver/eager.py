"""A coroutine, run up to the first point where it waits.

Most requests arrive in one piece, and most responses come from memory. A timer or a watcher around work that does not
wait would cost more than the work itself, so they are set up only for work that does.
"""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class EagerCoroutine(Generic[T]):
    """A coroutine whose first step runs in the constructor, which raises what that step raises.

    The step need not run in a task (`httpserver/protocol.py`), so it must not ask for the current one.

    `await` runs the rest and gives the result. Where there is a rest, it must be awaited.
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
