"""What an operator should know of a source's responses, each thing reported once."""

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamForbidden, UpstreamUnauthorized
from resolvers.source import Outcome
from resolvers.telemetry import FetchFailed, NothingFound, Telemetry, UnknownCode

REPORTED = (UpstreamBadResponse, UpstreamUnauthorized, UpstreamForbidden)
"""Errors that an operator can do something about."""

SUSPICIOUSLY_MANY = 20

MOST_REPORTED = 100
"""Unknown codes that are reported, each once."""


class Diagnostics:
    """Reports surprises among one source's outcomes to telemetry."""

    def __init__(self, source: str, telemetry: Telemetry) -> None:
        self._source = source
        self._telemetry = telemetry
        self._reported: set[tuple[str, str]] = set()
        self._missing_at_first: int | None = 0
        """How many records were missing before one was found; None from then on."""

    def record(self, outcome: Outcome) -> None:
        """Report an error, that no record is ever found, and each code that is not documented."""
        if isinstance(outcome, UpstreamError):
            self.report(outcome)
        elif outcome is None:
            self._count_missing()
        else:
            self._missing_at_first = None
            for unknown in outcome.unknown_codes():
                if unknown not in self._reported and len(self._reported) < MOST_REPORTED:
                    self._reported.add(unknown)
                    self._telemetry(UnknownCode(self._source, *unknown))

    def report(self, error: UpstreamError) -> None:
        """Report an error that no `UpstreamCall` shows. Refusals of limiter and breaker are none."""
        if not error.is_reported and isinstance(error, REPORTED):
            error.is_reported = True
            self._telemetry(FetchFailed(self._source, error.code, error.detail))

    def _count_missing(self) -> None:
        if self._missing_at_first is not None:
            self._missing_at_first += 1
            if self._missing_at_first == SUSPICIOUSLY_MANY:
                self._telemetry(NothingFound(self._source, SUSPICIOUSLY_MANY))
