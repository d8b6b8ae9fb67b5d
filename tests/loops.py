"""Event loops that a module of tests can run on: it names them as its `LOOPS`, and `tests/conftest.py` looks there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from time import monotonic

import looptime

Loops = dict[str, Callable[[], asyncio.AbstractEventLoop]]

ONE: Loops = {"asyncio": asyncio.new_event_loop}
"""What all run on that name none."""

BOTH: Loops = ONE | ({"uvloop": import_module("uvloop").new_event_loop} if find_spec("uvloop") else {})
"""asyncio's, and uvloop, the server's where there is one."""

WITH_ITS_OWN_TIME: Loops = {"looptime": looptime.new_event_loop}
"""Its time stands still while anything can be done, and then leaps to the next timer. Not for what starts a process."""


def now() -> float:
    """Return the time of the running loop where it has its own, else the machine's; a clock for what takes one."""
    with suppress(RuntimeError):  # no loop is running
        loop = asyncio.get_running_loop()
        if isinstance(loop, looptime.LoopTimeEventLoop):
            return loop.time()
    return monotonic()
