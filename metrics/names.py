"""Names of operations, which callers choose, as labels: so many of them, and no longer than so."""

from typing import Final

MAX_NAMES: Final = 100
"""How many names have samples of their own; the others share `OTHER`."""

MAX_LENGTH: Final = 64
OTHER: Final = "(other)"
UNNAMED: Final = "(unnamed)"


class Names:
    """The first names that came."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def bounded(self, name: str | None) -> str:
        """Return the name if it is one of the first, else `OTHER`."""
        if not name:
            return UNNAMED
        if name not in self._names:
            if len(self._names) >= MAX_NAMES or len(name) > MAX_LENGTH:
                return OTHER
            self._names.add(name)
        return name
