"""Event loops that a module of tests can run on: it names them as its `LOOPS`, and `tests/conftest.py` looks there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from time import monotonic

import looptime

from resolvers.breaker import Breaker
from resolvers.budget import Budget
from resolvers.cache import Cache
from resolvers.nexudus.list_doubts import ListDoubts
from resolvers.nexudus.tokens import PasswordTokens
from simulator import Simulator
from web.kept import KeptAnswers
from web.key_set import KeySet

Loops = dict[str, Callable[[], asyncio.AbstractEventLoop]]

ONE: Loops = {"asyncio": asyncio.new_event_loop}
"""What all run on that name none."""

BOTH: Loops = ONE | ({"uvloop": import_module("uvloop").new_event_loop} if find_spec("uvloop") else {})
"""asyncio's, and uvloop, the server's where there is one."""

WITH_ITS_OWN_TIME: Loops = {"looptime": looptime.new_event_loop}
"""Its time stands still while anything can be done, and then leaps to the next timer. Not for what starts a process."""


def now() -> float:
    """The machine's clock, but in a loop that has its own time that time."""
    with suppress(RuntimeError):  # no loop is running
        loop = asyncio.get_running_loop()
        if isinstance(loop, looptime.LoopTimeEventLoop):
            return loop.time()
    return monotonic()


for kind in (Breaker, Budget, Cache, KeySet, KeptAnswers, ListDoubts, PasswordTokens, Simulator):
    kind.__init__.__kwdefaults__["clock"] = now  # type: ignore[index] # each takes a clock by its name
