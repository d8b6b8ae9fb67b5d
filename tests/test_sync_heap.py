"""`sync.heap`: what a sweep needed goes back to the machine."""

import ctypes
from typing import Any

import pytest

from sync import heap


@pytest.mark.parametrize("fault", [OSError, AttributeError])
def test_a_c_library_that_cannot_give_back_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def library(_: None) -> Any:
        raise fault

    monkeypatch.setattr(ctypes, "CDLL", library)
    heap.give_back()


def test_all_that_is_free_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    class Library:
        malloc_trim = staticmethod(kept.append)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    heap.give_back()
    assert kept == [0]
