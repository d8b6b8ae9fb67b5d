"""Which of the texts that deals have for one key is shown: names that differ in case are one, and each way to write it
is in use."""

from collections.abc import Hashable
from typing import Any, Final, TypeAlias

Texts: TypeAlias = tuple[str | None, ...]

NO_TEXTS: Final[Texts] = ()


class Spellings:
    """What is shown for keys, by the texts of one or more columns.

    Of each column the least text counts, so that the order of deals does not matter, and of the columns the first that
    has one.
    """

    def __init__(self) -> None:
        self._texts: dict[Hashable, Texts] = {}

    def learn(self, key: Hashable, texts: Texts) -> None:
        """Learn what a deal has for its key, column by column."""
        known = self._texts.get(key)
        if known is None:
            self._texts[key] = texts
        elif known != texts:
            pairs = zip(known, texts, strict=True)
            self._texts[key] = tuple([min((text for text in pair if text), default=None) for pair in pairs])

    def shown(self, key: Any) -> Any:
        """Return what is shown for a key: itself where there is no text for it."""
        return next((text for text in self._texts.get(key, NO_TEXTS) if text), key)
