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

    def failed(self, use: Use, reason: str) -> None:
        """Note that the store could not be used; `reason` is one line without a credential."""
        if self._reasons.get(use) != reason:
            self._reasons[use] = reason
            logger.warning("the store cannot be %s: %s", use, reason)

    def worked(self, use: Use) -> None:
        """Note that the store could be used."""
        if self._reasons and self._reasons.pop(use, None) is not None:
            logger.info("the store can be %s again", use)
