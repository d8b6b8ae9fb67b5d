"""Starlette, with a fast path where every layer of it has one."""

from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from httpserver.fast_path import Prepared, prepare
from httpserver.request import HttpRequest


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
