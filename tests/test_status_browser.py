"""`web.status.page` in a real browser, wide and on a phone, light and dark: it says what the graph knows.

No request leaves for another host, and the browser complains of nothing.
"""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID
from tests import credentials
from tests.harness import Graph, open_graph
from tests.sockets import real
from tests.two_sources import ALWAYS

async_api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]

ONE = f'query Deal {{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ stageName }} }}'
OTHER = f'{{ chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ sourceId }} }}'

SIZES = {"wide": (1280, 800), "phone": (400, 800)}


@asynccontextmanager
async def browsing(graph: Graph) -> AsyncIterator[tuple[Any, str]]:
    """What opens a page, and the address of the graph; in the end nothing was complained of, and nobody else asked."""
    complaints: list[str] = []
    hosts: set[str] = set()
    async with real(graph) as served, async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)

        async def new_page(**options: Any) -> Any:
            context = await browser.new_context(**options)
            context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
            context.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
            context.on("weberror", lambda failure: complaints.append(str(failure.error)))
            return await context.new_page()

        yield new_page, f"http://127.0.0.1:{served.port}"
        await browser.close()
        assert hosts - {""} == {f"127.0.0.1:{served.port}"}
    assert [one for one in complaints if "401" not in one] == []


async def test_it_shows_what_the_graph_knows_in_every_size_and_light(tmp_path: Path) -> None:
    settings = {"STATUS_PAGE": "true", "SYNC_ENABLED": "true", "CHARTMOGUL_RATIONED": "true"}
    async with open_graph(**settings) as graph, browsing(graph) as (new_page, url):
        await graph.post({"query": ONE})
        graph.simulator.chartmogul.faults.add(FAULTS["503"], times=ALWAYS, kinds={"get"})
        await graph.post({"query": OTHER})
        for (size, (width, height)), scheme in product(SIZES.items(), ("light", "dark")):
            page = await new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            await page.goto(f"{url}/status")
            await page.wait_for_selector("section")
            await page.screenshot(path=tmp_path / f"{size}-{scheme}.png", full_page=True)
            data = (await graph.request("GET", "/status.json")).json
            cards = {
                await card.locator("h2").inner_text(): re.sub(r"\s+", " ", await card.inner_text())
                for card in await page.locator("section").all()
            }
            failing = next(one for one in data["sources"] if one["name"] == "chartmogul")
            assert f"UPSTREAM_UNAVAILABLE {failing['failures'][0]['count']}" in cards["ChartMogul"]
            assert "of 40 left" in cards["ChartMogul"]
            assert "Answers" in cards["Nexudus"]
            assert f"Operations {data['operations']} none with errors" in cards["This server"]
            assert "ChartMogul has failed lately." in await page.locator("h1").inner_text()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_stranger_signs_in_for_this_tab_alone() -> None:
    keys = credentials.line("people", "right")
    async with open_graph(STATUS_PAGE="true", API_KEYS=keys) as graph, browsing(graph) as (new_page, url):
        page = await new_page()
        await page.goto(f"{url}/status")
        kind, secret = page.get_by_label("Kind of credential"), page.get_by_label("Credential", exact=True)
        assert await kind.locator("option").all_inner_texts() == ["API key", "Token"]
        assert await page.get_by_role("alert").count() == 0
        await kind.select_option("Token")
        await secret.fill("no.such.token")
        await page.keyboard.press("Enter")
        told = await page.get_by_role("alert").inner_text()
        assert told == "The server does not accept this token. It may have expired."
        assert await kind.input_value() == "Authorization"
        await kind.select_option("API key")
        await secret.fill("right")
        await page.get_by_role("button").click()
        await page.wait_for_selector("section")
        stored = await page.evaluate("sessionStorage.getItem('opportunity-graph.credential')")

    assert json.loads(stored) == {"header": "X-API-Key", "value": "right"}


async def test_it_says_that_names_of_customers_are_lacking() -> None:
    async with open_graph(STATUS_PAGE="true", SYNC_ENABLED="true") as graph, browsing(graph) as (new_page, url):
        data = (await graph.request("GET", "/status.json")).json
        for one in data["sources"]:
            one["copy"] |= {"state": "current", "drift": None, "unreadCustomers": 1270 * (one["name"] == "chartmogul")}
        page = await new_page()
        await page.route("**/status.json", lambda route: route.fulfill(json=data))
        await page.goto(f"{url}/status")
        await page.wait_for_selector("section")
        assert await page.locator("h1").inner_text() == "The names of ChartMogul's customers are being read."
        assert [
            await one.inner_text() for one in await page.get_by_text("Customers not read yet").locator("..").all()
        ] == ["Customers not read yet\n1,270\ndeals lack their names"]
