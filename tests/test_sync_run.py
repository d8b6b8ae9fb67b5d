"""`sync.run`: one line a run, as loud as it has to be."""

import logging

import pytest

from sync.run import Counts, Problem, log_run
from tests import logged


@pytest.mark.parametrize(
    ("counts", "problem", "level"),
    [
        (Counts(rows=5), None, logging.DEBUG),
        (Counts(rows=5, changed=1), None, logging.INFO),
        (Counts(deleted=1), None, logging.INFO),
        (Counts(rows=5), Problem.COUNT_DIFFERS, logging.WARNING),
    ],
)
def test_a_line_is_as_loud_as_what_happened(
    counts: Counts, problem: str | None, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_run("nexudus", "sweep", counts, 1.0, problem=problem, state="complete")
    (line,) = logged.records(caplog)
    assert line.levelno == level
    assert ("COUNT_DIFFERS" in line.getMessage()) is (problem is not None)


def test_of_customers_the_line_says_that_it_is_their_deals_that_changed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_run("chartmogul", "customers", Counts(rows=20, changed=61), 1.0, problem=None, state="complete")
    assert caplog.messages == [
        "chartmogul customers: complete: 20 customers, 61 deals changed, 0 deleted, 0 requests, 1.0 s"
    ]
