"""The last resort: whatever fails, the client gets an HTTP response, and the log gets one traceback."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from httpserver.http_errors import HTTPError
from httpserver.response import HttpResponse, dumps
from web.media_types import JSON

logger = logging.getLogger("opportunity_graph.http")


def internal_error(error: Exception, media_type: str = JSON) -> HttpResponse:
    """Return the response to a request that met a fault of this server, and log the fault."""
    # Not with the exception's own text: it could repeat what was sent, or what a source answered.
    logger.error("A request failed", exc_info=Exception(type(error).__name__).with_traceback(error.__traceback__))
    masked = HTTPError(500, "Internal server error.", code="INTERNAL_SERVER_ERROR")
    return HttpResponse(dumps(masked.body), masked.status, media_type)


class LastResort:
    """ASGI middleware: answers a request whose handling raised before its response was begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises what came after the response was begun: only the server can close then."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def sending(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if is_begun:
                raise
            await internal_error(error)(scope, receive, send)
