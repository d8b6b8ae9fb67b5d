"""What the project's loggers said in a test, whatever others say meanwhile: asyncio, a library, a thread.

`caplog.text` has the words of them all: in it is looked for what nobody may log.
"""

import logging

import pytest

PROJECT = "opportunity_graph"


def records(caplog: pytest.LogCaptureFixture, logger: str = PROJECT) -> list[logging.LogRecord]:
    """Return what this logger, and those below it, said since the test began."""
    return [record for record in caplog.records if f"{record.name}.".startswith(f"{logger}.")]


def lines(caplog: pytest.LogCaptureFixture, logger: str = PROJECT) -> list[str]:
    """Return the messages of `records`."""
    return [record.getMessage() for record in records(caplog, logger)]
