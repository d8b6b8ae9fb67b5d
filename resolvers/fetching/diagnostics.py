"""What an operator should know of one source's outcomes, and no single exchange with it shows."""

from typing import Final

from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamForbidden, UpstreamUnauthorized
from resolvers.source import Record
from resolvers.telemetry import FetchFailed, NothingFound, Telemetry, UnknownCode

REPORTED: Final = (UpstreamBadResponse, UpstreamUnauthorized, UpstreamForbidden)
"""Errors that an operator can do something about."""

SUSPICIOUSLY_MANY: Final = 20
"""Records that are asked for before the first is found."""

MOST_REPORTED: Final = 100
"""Unknown codes that are reported, each once."""


class Diagnostics:
    """Reports surprises to telemetry."""

    def __init__(self, source: str, telemetry: Telemetry) -> None:
        self._source = source
        self._telemetry = telemetry
        self._reported: set[tuple[str, str]] = set()
        self._missing = 0
        self._has_found = False

    def on_error(self, error: UpstreamError) -> None:
        """Report an error that no `UpstreamCall` shows. Refusals of limiter and breaker are none."""
        if not error.is_reported and isinstance(error, REPORTED):
            error.is_reported = True
            self._telemetry(FetchFailed(self._source, error.code, error.detail))

    def on_record(self, record: Record | None) -> None:
        """Report codes of a record that are not documented; where there is none (None), that none is ever found."""
        if record is not None:
            self._has_found = True
            for unknown in record.unknown_codes():
                if unknown not in self._reported and len(self._reported) < MOST_REPORTED:
                    self._reported.add(unknown)
                    self._telemetry(UnknownCode(self._source, *unknown))
        elif not self._has_found:
            self._missing += 1
            if self._missing == SUSPICIOUSLY_MANY:
                self._telemetry(NothingFound(self._source, SUSPICIOUSLY_MANY))
