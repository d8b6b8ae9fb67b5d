"""Starlette, with a fast path where every layer of it has one, a short way to the graph, and JSON for no page."""

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from httpserver.fast_path import Prepared, prepare
from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest

NOTHING_HERE: Final = "There is nothing here; the endpoint is /graphql."


class Application(Starlette):
    """A Starlette application that offers the fast path of its outermost middleware (`httpserver/fast_path.py`)."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware without Starlette's own last resort: `Envelope` is that, and the connection is."""
        stack = super().build_middleware_stack()
        return stack.app if type(stack) is ServerErrorMiddleware else stack

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Return what the middleware has prepared."""
        if self.middleware_stack is None:  # Starlette, too, makes it when it is first asked
            self.middleware_stack = self.build_middleware_stack()
        return prepare(self.middleware_stack, request)


class AtPath:
    """ASGI middleware, the innermost: the endpoint answers requests to its path, the router those to other pages.

    Starlette's router and its handling of exceptions take as much time as all else of a response from the cache.
    """

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the endpoint or to the router."""
        if scope["type"] == "http" and _path(scope) == self._path:
            await self._endpoint(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Do the same on the fast path."""
        return prepare(self._endpoint if request.path == self._path else self._app, request)


class NotFound:
    """Responds where no route fits (404), or none with this method (405): in JSON, like everything else.

    `hints` says what is to be found instead under paths that begin so.
    """

    def __init__(self, hints: Mapping[str, str]) -> None:
        self._hints = hints

    async def __call__(self, request: Request, error: Exception) -> JSONResponse:
        """Return the response."""
        assert isinstance(error, HTTPException)
        path = _path(request.scope)
        message = next((hint for start, hint in self._hints.items() if path.startswith(start)), NOTHING_HERE)
        if error.status_code == 405:
            message = "This page does not take this method."
        refusal = HTTPError(error.status_code, message)
        return JSONResponse(refusal.body, refusal.status, error.headers)


def _path(scope: Scope) -> str:
    """Return the path of a request below the one at which a proxy has the server."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
