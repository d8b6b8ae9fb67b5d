"""Starlette, with a shorter way for the one route that nearly all requests take.

Starlette finds a route by trying one pattern after the other, between two layers that turn exceptions into responses.
The endpoint of GraphQL has one path and turns its exceptions into responses by itself: requests for exactly that path
pass the other middleware and go straight to it. They take the usual way too, where anything is unusual about them.
"""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from web.graphql_http import GraphQLEndpoint


class Application(Starlette):
    """A Starlette application; `path` leads to `endpoint`, which must also be among the routes."""

    def __init__(
        self, path: str, endpoint: GraphQLEndpoint, *, middleware: Sequence[Middleware], **others: Any
    ) -> None:
        super().__init__(middleware=middleware, **others)
        self.path = path
        self.endpoint = endpoint
        self._shortcut: ASGIApp = endpoint
        for layer in reversed(middleware):
            self._shortcut = layer.cls(self._shortcut, *layer.args, **layer.kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        if scope["type"] == "http" and scope["path"] == self.path and not scope.get("root_path"):
            scope["app"] = self
            await self._shortcut(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
