"""Event loops that a module of tests can run on: it names them as its `LOOPS`, and `tests/conftest.py` looks there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any

import looptime

Loops = dict[str, Callable[[], asyncio.AbstractEventLoop]]

ONE: Loops = {"asyncio": asyncio.new_event_loop}
"""What all run on that name none."""

BOTH: Loops = ONE | ({"uvloop": import_module("uvloop").new_event_loop} if find_spec("uvloop") else {})
"""asyncio's, and uvloop, the server's where there is one."""

MOMENT_SECONDS = 0.000_25
"""How long a loop really waits before it leaps: what was sent may be on its way through a busy kernel."""


def _with_its_own_time() -> asyncio.AbstractEventLoop:
    loop: Any = looptime.new_event_loop(noop_cycles=0)  # to look 42 times in a row takes as long, and waits for nobody
    selector = loop._selector
    wait, leap = type(selector).select, selector.select

    def select(timeout: float | None) -> list[Any]:
        has_sockets = len(selector.get_map()) > 1  # beside the one that wakes the loop up
        if timeout and has_sockets and (found := wait(selector, MOMENT_SECONDS)):
            return found
        began = loop.time()
        found = leap(timeout)
        return leap(timeout) if timeout and not found and loop.time() == began else found  # at first it stays put

    selector.select = select
    return loop


WITH_ITS_OWN_TIME: Loops = {"looptime": _with_its_own_time}
"""Its time stands still while anything can be done, and then leaps to the next timer. Not for what starts a process."""


def now() -> float:
    """Return the time of the running loop where it has its own, else the machine's; a clock for what takes one."""
    with suppress(RuntimeError):  # no loop is running
        loop = asyncio.get_running_loop()
        if isinstance(loop, looptime.LoopTimeEventLoop):
            return loop.time()
    return monotonic()
