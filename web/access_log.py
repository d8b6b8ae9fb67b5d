"""One line of the log for each request: method, path, status, milliseconds. The id of the request is in every line.

The query string is left out, since variables stand in it. It is ASGI middleware without a fast path, so that every
request has its line: answers from the response cache then take the usual way, which is slower (`docs/operating.md`).
"""

import logging
from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("opportunity_graph.access")

MAX_PATH_CHARACTERS = 200


class AccessLog:
    """ASGI middleware, inside what gives a request its id."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = perf_counter) -> None:
        """`clock` is in seconds."""
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it has ended, however it did."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = self._clock(), 0

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            milliseconds = (self._clock() - started) * 1000
            logger.info("%s %s %s %.1f ms", scope["method"], _printable(scope["path"]), status or "-", milliseconds)


def _printable(path: str) -> str:
    """Return a path that cannot forge a line of the log, nor fill it."""
    return ascii(path[:MAX_PATH_CHARACTERS])[1:-1].replace(" ", "%20")
