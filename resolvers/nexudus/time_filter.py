"""Filters of Nexudus' lists by time: how one is written, and whether the rows that came show that it was ignored."""

from datetime import UTC, datetime, timedelta
from typing import Final

FARTHEST_ZONE: Final = timedelta(hours=14)
"""Nexudus does not say in which zone it reads the times of filters. Rows that are older than asked for by no more than
this may be due to the zone; others mean that the filter is ignored."""


def minute(moment: datetime) -> str:
    """Return a moment as a filter has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}"


def is_older(moment: datetime | None, since: datetime) -> bool:
    """Whether no zone explains that what happened at a moment came for `since`."""
    return moment is not None and moment < since - FARTHEST_ZONE
