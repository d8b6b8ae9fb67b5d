"""The view of `/metrics`. Whoever may query the graph may read it, but for users of frontends."""

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from metrics.exposition import text_of
from metrics.service import Metrics
from web.policy import RequestPolicy
from web.view import View


class MetricsPage(View):
    """Answers Prometheus."""

    def __init__(self, metrics: Metrics, policy: RequestPolicy) -> None:
        super().__init__(policy)
        self._metrics = metrics

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the numbers; raises `HTTPError`."""
        caller = await self.policy.admit(request, "GET")
        if caller.kind == "frontend":
            raise HTTPError(403, "A frontend's user may not see metrics.", code="FORBIDDEN")
        return HttpResponse(text_of(await self._metrics.collect()), 200, CONTENT_TYPE_LATEST)
