"""The view of `/metrics`. Whoever may query the graph may read it, but for users of frontends."""

from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import Receive, Scope, Send

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from metrics.exposition import text_of
from metrics.service import Metrics
from web.policy import RequestPolicy

FORBIDDEN: Final = HTTPError(403, "A frontend's user may not see metrics.", code="FORBIDDEN")


class MetricsPage:
    """Answers Prometheus (ASGI)."""

    def __init__(self, metrics: Metrics, policy: RequestPolicy) -> None:
        self._metrics = metrics
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = HttpRequest.from_scope(scope, receive)
        try:
            caller = await self._policy.admit(request, "GET")
            if caller.kind == "frontend":
                raise FORBIDDEN
            response = HttpResponse(text_of(await self._metrics.collect()), 200, CONTENT_TYPE_LATEST)
        except HTTPError as error:
            self._policy.refusals.add(request.headers, error)
            response = error.response()
        await response(scope, receive, send)
