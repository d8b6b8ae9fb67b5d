"""`X-Request-ID`: every request has one, every response and every line of the log tells it.

A caller's own is kept if it cannot forge a line of the log. It is asgi-correlation-id's context variable that holds
it, for that library's filter of log records; its middleware takes ten times as long as this one.
"""

import re
from random import getrandbits

from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"

_SOUND = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


def enter(given: bytes) -> bytes:
    """Put a request's id into the context, and return it; one is made up where what was given is no sound one."""
    id_ = given if given and _SOUND.fullmatch(given) else b"%032x" % getrandbits(128)
    correlation_id.set(id_.decode())
    return id_


class RequestId:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its id in the context, and add the id to the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id_ = enter(next((value for name, value in scope["headers"] if name == HEADER), b""))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, id_)]
            await send(message)

        await self._app(scope, receive, sending)
