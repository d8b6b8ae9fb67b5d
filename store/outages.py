"""One line of the log when the store cannot be used any more, and one when it can again, however many ask meanwhile."""

import logging
from enum import StrEnum
from typing import Final

logger: Final = logging.getLogger("opportunity_graph.store")


class Use(StrEnum):
    """What may fail by itself: a disk that is full can still be read."""

    READ = "read"
    WRITTEN = "written"


class Outages:
    """Why the store cannot be read or written, where it cannot. Called from the event loop alone."""

    def __init__(self) -> None:
        self._reasons: dict[Use, str] = {}
        self._is_full = False

    def failed(self, use: Use, reason: str, *, is_full: bool = False) -> None:
        """Note that the store could not be used; `reason` is one line without a credential."""
        self._is_full |= is_full
        if self._reasons.get(use) != reason:
            self._reasons[use] = reason
            logger.warning("the store cannot be %s: %s", use, reason)

    def worked(self, use: Use, *, has_changed: bool = True) -> None:
        """Note that the store could be used, and whether anything in it that is seen has changed, such as a deal.

        A disk that is full has still room for a mark of sync here and there: that does not say that deals have room.
        """
        if not self._reasons or (use is Use.WRITTEN and self._is_full and not has_changed):
            return
        if self._reasons.pop(use, None) is not None:
            self._is_full &= use is not Use.WRITTEN
            logger.info("the store can be %s again", use)
