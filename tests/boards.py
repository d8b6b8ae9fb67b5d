"""The board in a browser's window, and what the graph answers beside it: for tests that look at it as a person does."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.frontends import LONGEST_MILLISECONDS

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "has_touch": True},
    "wall": {"viewport": {"width": 2560, "height": 1300}, "color_scheme": "dark"},
}

NEXUDUS_DEAL = "bmV4dWR1czoxNDI3MDAwNTAx"
CHARTMOGUL_DEAL = "Y2hhcnRtb2d1bDo0ZWUxM2NhNC1lN2ZlLTExZWUtZmE3Zi1mMzAzYWJmNDFhY2M"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for the tests of a module; they are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if BROWSER is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@dataclass
class Board:
    """A window with the board, and the graph behind it."""

    page: Any
    graph: str
    """The address of the graph."""
    complaints: list[str] = field(default_factory=list)
    """What the browser complained of. A test that provokes a complaint looks at it and clears the list."""

    def open(self, address: str = "#/board", ready: str = "output:not(:text('Counting'))") -> None:
        """Open an address of it, and wait until it shows what `ready` selects."""
        self.page.goto("about:blank")
        self.page.goto(self.graph.removesuffix("/graphql") + f"/board{address}")
        self.page.locator(ready).first.wait_for()

    def ask(self, query: str, key: str | None = None, **variables: Any) -> Any:
        """Return the data that the graph answers with."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
        with urlopen(Request(self.graph, body, headers), timeout=10) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer
        return answer["data"]

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all that a selector finds, without needless white space."""
        return [squeezed(text) for text in self.page.locator(selector).all_text_contents()]

    def axe(self) -> list[str]:
        """Return what axe-core finds that is serious or worse."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@contextmanager
def window(browser: Any, graph: str, picture: Path | None = None, **options: Any) -> Iterator[Board]:
    """Open a window of somebody who was never here.

    In the end no request had left for another host, and the browser had nothing to complain of.
    """
    context = browser.new_context(reduced_motion="reduce", **(options or LOOKS["light"]))
    context.set_default_timeout(LONGEST_MILLISECONDS)
    # The console names most violations of the policy, this event all of them.
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (violation) =>"
        " console.error('violation', violation.effectiveDirective, violation.blockedURI))"
    )
    found = Board(context.new_page(), graph)
    hosts: set[str] = set()
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    context.on("console", lambda said: said.type in {"error", "warning"} and found.complaints.append(said.text))
    context.on("weberror", lambda failure: found.complaints.append(str(failure.error)))
    try:
        yield found
    finally:
        if picture is not None:
            found.page.screenshot(path=picture)
    assert found.complaints == []
    assert hosts <= {urlsplit(graph).netloc, ""}
    context.close()


def squeezed(text: str) -> str:
    """Return a text with single spaces."""
    return re.sub(r"\s+", " ", text).strip()


def amount(text: str) -> str:
    """Return an exact amount as the board writes it: all its digits, in groups of three."""
    number = Decimal(text).normalize()
    return f"{number:,f}"


def sums(rows: list[dict[str, Any]]) -> list[str]:
    """Return how the board writes sums, in no order: one for each currency and kind, and how many are in none."""
    found = [
        " ".join(filter(None, (amount(row["amount"]), row["currency"], row["kind"])))
        for row in rows
        if row["amount"] is not None
    ]
    missing = sum(row["missingAmountCount"] for row in rows)
    return sorted(found + ([f"{missing} without an amount"] if missing else []))
