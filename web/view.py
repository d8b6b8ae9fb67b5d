"""A page beside the graph, for callers that the policy of requests lets in."""

from starlette.types import ASGIApp, Receive, Scope, Send

from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from web.policy import RequestPolicy


class View:
    """One page (ASGI). A subclass gives its response; what that raises is responded to here, as at the endpoint."""

    def __init__(self, policy: RequestPolicy) -> None:
        self.policy = policy

    async def respond(self, request: HttpRequest) -> ASGIApp:
        """Return what sends the response; raises `HTTPError` for a request that is refused."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = HttpRequest.from_scope(scope, receive)
        try:
            response = await self.respond(request)
        except HTTPError as error:
            self.policy.refusals.add(request.headers, error)
            response = error.response()
        except Exception as error:
            response = internal_error(error)
        await response(scope, receive, send)
