"""A request that offers an upgrade ends its connection, whichever server carries the application.

uvicorn over httptools takes no body for such a request, and reads the body's bytes as the next request. A stranger's
body could so become a request that a proxy in front has never seen. After `Connection: close` nothing more is read.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSE = (b"connection", b"close")


class NoUpgrade:
    """ASGI middleware. An upgrade is never taken (RFC 9110, 7.8), nor a tunnel opened (CONNECT)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and close the connection with the response if it offers an upgrade."""
        if scope["type"] != "http" or not (
            scope["method"] == "CONNECT" or any(name == b"upgrade" for name, _ in scope["headers"])
        ):
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message.get("headers", ()) if header[0].lower() != CLOSE[0]]
                message["headers"] = [*headers, CLOSE]
            await send(message)

        await self._app(scope, receive, sending)
