"""Long work in the event loop, a little at a time, so that it holds up nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 5
"""Rows of a list: less work than a request is."""

PAUSE_SECONDS: Final = 0.001
"""`asyncio.sleep(0)` lets others have one turn of the loop; a request takes several."""


async def slices(items: Sequence[T], at_once: int = AT_ONCE) -> AsyncIterator[Sequence[T]]:
    """Yield the items, so many at a time, with a pause between them."""
    for start in range(0, len(items), at_once):
        if start:
            await asyncio.sleep(PAUSE_SECONDS)
        yield items[start : start + at_once]
