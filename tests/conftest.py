"""Fixtures that many tests share; what they are made of is in `tests/harness.py`."""

from collections.abc import AsyncIterator

import pytest

from tests.harness import Graph, open_graph


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    """A graph over both sources, with default settings and its costs shown."""
    async with open_graph() as found:
        yield found
