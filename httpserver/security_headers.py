"""The headers that every response carries, unless the page behind it has said something of its own.

The OWASP Secure Headers project's list for an API: nothing is stored, framed, sniffed or sent on. There is no
`Strict-Transport-Security`: that is a promise about a whole host, for whoever holds its certificate to make.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_RAW = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add to the response what it lacks."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                present = dict(headers)
                if missing := [header for header in _RAW if header[0] not in present]:
                    message["headers"] = [*headers, *missing]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
