"""Waiting for what comes at once where nothing else is to be done, on a machine that may be busy for long."""

import asyncio
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60
"""How long to wait for what has to come: only a test that fails waits so long."""


async def until(condition: Callable[[], Any]) -> None:
    """Look again and again until what tells no one of itself is so; raise `TimeoutError` where it never is."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.001)
