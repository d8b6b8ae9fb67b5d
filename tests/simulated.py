"""A simulator whose clock stands still until a test moves it: fixtures that a module of tests takes by name."""

from dataclasses import dataclass

import pytest

from simulator import Simulator


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(clock=clock)
