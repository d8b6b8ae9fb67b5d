"""SIGHUP: a wish to read settings anew, or the end of the terminal that a server was started at."""

import os
from typing import Final

_STDIN: Final = 0


class Terminal:
    """The terminal that this process was started at, if it was."""

    def __init__(self, descriptor: int = _STDIN) -> None:
        self._descriptor = descriptor
        self._was_there = os.isatty(descriptor)

    @property
    def is_closed(self) -> bool:
        """Whether there was one that is closed by now: nobody is left who could stop the server."""
        return self._was_there and not os.isatty(self._descriptor)
