"""Cancels the work for a client that disconnects: ASGI servers report that, but cancel nothing by themselves."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from httpserver.request import HttpRequest

T = TypeVar("T")

PATIENCE_SECONDS = 0.05
"""Work that ends sooner is not watched: most does, and watching costs a task."""


class ClientDisconnected(Exception):
    """The client is gone; nobody reads an answer."""


def while_connected(request: HttpRequest, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """Return the work for a request so that it is cancelled if the client disconnects.

    Where the server sees to that, the work stays as it is; else `cancel_on_disconnect` does.
    """
    if request.receive is None or request.is_cancelled_by_server:
        return work
    return cancel_on_disconnect(request.receive, work)


async def cancel_on_disconnect(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work gives; cancels it and raises `ClientDisconnected` if the client disconnects (ASGI
    `http.disconnect`)."""
    working = asyncio.current_task()
    assert working is not None, "an application runs in a task"
    watching: asyncio.Task[None] | None = None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        working.cancel()

    def start_watching() -> None:
        nonlocal watching
        watching = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, start_watching)
    try:
        return await work
    except asyncio.CancelledError:
        if gone and working.uncancel() == 0:
            raise ClientDisconnected from None
        raise
    finally:
        timer.cancel()
        if watching is not None:
            watching.cancel()
