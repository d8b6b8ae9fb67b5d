"""`httpserver.hangup`: a terminal that is closed is told from one that never was."""

import os
from pathlib import Path

from httpserver.hangup import Terminal


def test_a_terminal_is_closed_when_its_other_end_is() -> None:
    window, terminal = os.openpty()
    try:
        found = Terminal(terminal)
        assert not found.is_closed
        os.close(window)
        assert found.is_closed
    finally:
        os.close(terminal)


def test_who_was_started_without_a_terminal_has_none_that_could_be_closed(tmp_path: Path) -> None:
    with (tmp_path / "input").open("w") as file:
        assert not Terminal(file.fileno()).is_closed
