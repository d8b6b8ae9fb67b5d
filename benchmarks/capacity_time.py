"""Simulated time for coroutines of the server: what they wait for is an event of simpy."""

from collections.abc import Coroutine, Generator
from typing import Any

import simpy

Events = Generator[simpy.Event, Any, Any]


class Sleep:
    """What a coroutine that `drive` runs awaits in place of `asyncio.sleep`."""

    def __init__(self, environment: simpy.Environment, seconds: float) -> None:
        self._event = environment.timeout(seconds)

    def __await__(self) -> Generator[simpy.Event, Any, None]:
        yield self._event


class Until:
    """The same for an event."""

    def __init__(self, event: simpy.Event) -> None:
        self._event = event

    def __await__(self) -> Generator[simpy.Event, Any, None]:
        yield self._event


def drive(coroutine: Coroutine[Any, Any, Any]) -> Events:
    """Run a coroutine that waits for nothing but `Sleep` as a process of simpy; gives what it returns."""
    while True:
        try:
            event = coroutine.send(None)
        except StopIteration as end:
            return end.value
        yield event
