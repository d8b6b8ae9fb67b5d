"""`resolvers.telemetry`: the line in the log for each event, and that no event can put other words there."""

import logging

import pytest

from resolvers.telemetry import (
    Event,
    FetchFailed,
    ListByIdsSwitchedOff,
    NothingFound,
    UnknownCode,
    UpstreamCall,
    log_events,
)
from tests import logged


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            UpstreamCall("nexudus", "get", 1, 503, 12.4, "UPSTREAM_UNAVAILABLE", "Ooops"),
            "nexudus get failed: UPSTREAM_UNAVAILABLE (Ooops, status 503, 12 ms)",
        ),
        (
            UpstreamCall("nexudus", "list-by-ids", 9, None, 1000.0, "UPSTREAM_TIMEOUT", ""),
            "nexudus list-by-ids failed: UPSTREAM_TIMEOUT (1000 ms)",
        ),
        (
            FetchFailed("chartmogul", "UPSTREAM_BAD_RESPONSE", "no object"),
            "chartmogul: a fetch failed: UPSTREAM_BAD_RESPONSE (no object)",
        ),
        (
            NothingFound("chartmogul", 20),
            "chartmogul had none of the first 20 records asked for: is the base URL right?",
        ),
        (UnknownCode("nexudus", "Status", "4"), "nexudus sent an unknown Status: 4"),
        (ListByIdsSwitchedOff("nexudus", "it answered 404"), "nexudus: list-by-ids is switched off: it answered 404"),
    ],
)
def test_what_an_operator_should_know_is_one_warning(event: Event, line: str, caplog: pytest.LogCaptureFixture) -> None:
    log_events(event)
    assert [(record.levelno, record.message) for record in logged.records(caplog)] == [(logging.WARNING, line)]


def test_a_request_that_went_well_is_logged_for_debugging_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log_events(UpstreamCall("nexudus", "get", 1, 200, 12.4, None, ""))
    assert [record.levelno for record in logged.records(caplog)] == [logging.DEBUG]


@pytest.mark.parametrize("value", ["Ada Lovelace", "ada@example.com", "x" * 41, "a\nb", "\u0663", ""])
def test_a_code_that_does_not_look_like_one_is_not_repeated(value: str, caplog: pytest.LogCaptureFixture) -> None:
    log_events(UnknownCode("nexudus", "Status", value))
    assert logged.lines(caplog) == ["nexudus sent an unknown Status: (not a code)"]
