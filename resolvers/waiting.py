"""A time limit around what is awaited: what asyncio has for it, done in a third of its time.

Each exchange is bounded, so it is done tens of times in an operation.
"""

import asyncio


class TimeLimit:
    """`with TimeLimit(seconds):` raises `TimeoutError` from what is awaited inside when the time is over.

    As `asyncio.timeout` does, in a third of its time: there is one around each exchange. Never zero or less in all, so
    that what is awaited inside begins; and never moved, nor asked whether it has expired.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._seconds), self._expire)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._timer.cancel()
        if self._has_expired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError

    def _expire(self) -> None:
        self._has_expired = True
        self._task.cancel()
