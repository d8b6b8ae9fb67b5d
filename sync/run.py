"""One run of a job: what it did, kept in the store and written to the log in one line. Counts only, nobody's data."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

logger: Final = logging.getLogger("opportunity_graph.sync")


class Problem(StrEnum):
    """Why a run is not as it should be, where no `UpstreamError` says so."""

    DELETION_BRAKE = "DELETION_BRAKE"
    FILTER_IGNORED = "FILTER_IGNORED"
    FILTER_DIFFERS = "FILTER_DIFFERS"
    MOVED_ORDER = "MOVED_ORDER"
    COUNT_DIFFERS = "COUNT_DIFFERS"
    UNREADABLE_ROWS = "UNREADABLE_ROWS"
    DERIVATION_DIFFERS = "DERIVATION_DIFFERS"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(slots=True)
class Counts:
    """What a run has done so far; of a sweep `rows` are those that it has read since it began, each of them once."""

    requests: int = 0
    rows: int = 0
    changed: int = 0
    deleted: int = 0


def log_run(label: str, job: str, counts: Counts, seconds: float, *, problem: str | None, state: str) -> None:
    """Write one line: at debug level where nothing changed, as a warning where something is wrong.

    Of customers it is deals that change: each has the names of its customer.
    """
    read, changed = ("customers", "deals changed") if job == "customers" else ("rows", "changed")
    level = logging.WARNING if problem else logging.INFO if counts.changed or counts.deleted else logging.DEBUG
    logger.log(
        level,
        "%s %s: %s%s: %d %s, %d %s, %d deleted, %d requests, %.1f s",
        label,
        job,
        state,
        f" ({problem})" if problem else "",
        counts.rows,
        read,
        counts.changed,
        changed,
        counts.deleted,
        counts.requests,
        seconds,
    )
