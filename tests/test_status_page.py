"""`web.status.page`: the file is given to whoever asks, and what it shows to nobody who may not read deals."""

import hashlib
import re
from base64 import b64encode

import pytest

from tests import credentials
from tests.harness import open_graph


async def test_the_page_is_one_file_whose_script_and_style_alone_may_run() -> None:
    async with open_graph(STATUS_PAGE="true") as graph:
        response = await graph.request("GET", "/status")

    page, policy = response.body.decode(), response.headers["content-security-policy"]
    assert response.headers["content-type"].startswith("text/html")
    for name in ("style", "script"):
        (text,) = re.findall(rf"<{name}[^>]*>(.*?)</{name}>", page, re.DOTALL)
        assert f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]


async def test_there_is_none_unless_it_is_asked_for() -> None:
    async with open_graph(METRICS="true") as graph:
        assert [(await graph.request("GET", path)).status for path in ("/status", "/status.json")] == [404, 404]


async def test_it_alone_shows_prometheus_nothing() -> None:
    async with open_graph(STATUS_PAGE="true") as graph:
        assert (await graph.request("GET", "/metrics")).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"x_api_key": "wrong"}, 401), ({"x_api_key": "other"}, 403), ({"x_api_key": "right"}, 200)],
)
async def test_its_data_need_the_scope_that_deals_need(headers: dict[str, str], status: int) -> None:
    keys = f"{credentials.line('people', 'right')};{credentials.line('none', 'other', 'contacts:read')}"
    async with open_graph(STATUS_PAGE="true", API_KEYS=keys) as graph:
        assert (await graph.request("GET", "/status.json", **headers)).status == status
        assert (await graph.request("GET", "/status")).status == 200


async def test_pages_of_other_sites_get_nothing() -> None:
    async with open_graph(STATUS_PAGE="true") as graph:
        response = await graph.request(
            "GET", "/status.json", sec_fetch_site="cross-site", origin="https://evil.example"
        )
        assert response.status == 403
        assert (await graph.request("POST", "/status.json")).status == 405
