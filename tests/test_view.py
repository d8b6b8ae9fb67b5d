"""`web.view`: a page beside the graph, and what becomes of what it raises."""

from typing import Any

import pytest

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from tests.harness import Graph
from web.policy import RequestPolicy
from web.view import View


class Page(View):
    """Responds with a text, or raises."""

    def __init__(self, outcome: bytes | Exception) -> None:
        super().__init__(RequestPolicy())
        self.outcome = outcome

    async def respond(self, request: HttpRequest) -> HttpResponse:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return HttpResponse(self.outcome)


async def test_a_page_is_sent_as_its_view_gives_it() -> None:
    unused: Any = None
    found = await Graph(Page(b"{}"), unused).request("GET", "/")
    assert (found.status, found.body) == (200, b"{}")


async def test_a_refusal_is_counted_and_told() -> None:
    unused: Any = None
    page = Page(HTTPError(403, "Not you.", code="FORBIDDEN"))
    found = await Graph(page, unused).request("GET", "/")
    assert (found.status, found.json["errors"][0]["message"]) == (403, "Not you.")
    assert page.policy.refusals.counts == {(403, "FORBIDDEN", "forbidden", "none"): 1}


async def test_a_fault_is_logged_and_masked(caplog: pytest.LogCaptureFixture) -> None:
    unused: Any = None
    found = await Graph(Page(RuntimeError("CANARY")), unused).request("GET", "/")
    assert (found.status, found.json["errors"][0]["extensions"]["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert "CANARY" not in found.body.decode() + caplog.text
    assert "A request failed" in caplog.text
