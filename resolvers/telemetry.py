"""What happened upstream, reported to a listener, without a dependency on any monitoring library.

An event is one frozen value; a `Telemetry` is any callable that takes one. `log_events` is the listener that ships.
Events carry no id, name, address or credential of anybody. Those of what goes well (`UpstreamCall` without a code,
`BatchSent`) are only made where somebody listens to them.
"""

import logging
import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

logger = logging.getLogger("opportunity_graph.upstream")


class UpstreamCall(NamedTuple):
    """One HTTP exchange with a source ended; `attempt` counts how often the request was sent."""

    source: str
    kind: str
    keys: int
    status: int | None
    milliseconds: float
    code: str | None
    detail: str
    attempt: int = 1


class BatchSent(NamedTuple):
    """Records that waited, or did not have to, go in one batch, for so many operations as want them at this moment."""

    source: str
    keys: int
    operations: int
    waited_seconds: float


class NotSent(NamedTuple):
    """Records are refused without a request: the ration or the breaker does not allow one in time."""

    source: str
    keys: int
    code: str


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A fetch failed for a reason that no exchange shows: what came could not be used, or a refusal still stands."""

    source: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NothingFound:
    """A source has had none of the first records that it was asked for: perhaps its base URL leads elsewhere."""

    source: str
    missing: int


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A record carries a code that the vendor's documentation does not list."""

    source: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class ListByIdsSwitchedOff:
    """Several ids in one call do not work on this account; from now on each record is asked for singly."""

    source: str
    reason: str


Event = UpstreamCall | BatchSent | NotSent | FetchFailed | NothingFound | UnknownCode | ListByIdsSwitchedOff


class Telemetry(Protocol):
    """Takes every event, at once and without raising."""

    def __call__(self, event: Event) -> None:
        """Take one event."""


def logs_all() -> bool:
    """Return whether `log_events` makes a line of what goes well, too."""
    return logger.isEnabledFor(logging.DEBUG)


def log_events(event: Event) -> None:
    """Log failures and surprises as one warning line each, ordinary calls at debug level."""
    match event:
        case UpstreamCall(code=None) | BatchSent() | NotSent():
            logger.debug("%s", event)
        case UpstreamCall():
            logger.warning(
                "%s %s failed: %s (%s%s%.0f ms)",
                event.source,
                event.kind,
                event.code,
                f"{event.detail}, " if event.detail else "",
                f"status {event.status}, " if event.status else "",
                event.milliseconds,
            )
        case FetchFailed():
            logger.warning("%s: a fetch failed: %s (%s)", event.source, event.code, event.detail)
        case NothingFound():
            logger.warning(
                "%s had none of the first %d records asked for: is the base URL right?", event.source, event.missing
            )
        case UnknownCode():
            # What has not the shape of a code may be anybody's words.
            value = event.value if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", event.value, re.ASCII) else "(not a code)"
            logger.warning("%s sent an unknown %s: %s", event.source, event.field, value)
        case ListByIdsSwitchedOff():
            logger.warning("%s: list-by-ids is switched off: %s", event.source, event.reason)
