"""Apollo Client and urql in a page of another origin, in a real browser: what `CORS_ORIGINS` lets them do."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.gateways

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "gateways"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a page with both clients, on a port of its own."""
    esbuild = PROGRAMS / "node_modules" / "esbuild" / "bin" / "esbuild"
    node = shutil.which("node")
    if node is None or not esbuild.exists():
        pytest.skip("its packages are not installed: npm install --no-package-lock --prefix tests/gateways")
    folder = tmp_path_factory.mktemp("page")
    bundle = [node, esbuild, "browser/page.mjs", "--bundle", f"--outfile={folder / 'page.js'}", "--log-level=error"]
    subprocess.run(bundle, cwd=PROGRAMS, check=True, timeout=60)
    (folder / "index.html").write_text("<!doctype html><link rel=icon href='data:,'><script src=page.js></script>")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def page(origin: str) -> Iterator[Any]:
    """The page, in a browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        found = browser.new_page()
        found.goto(origin)
        yield found
        browser.close()


@contextmanager
def demo(folder: Path, **variables: str) -> Iterator[str]:
    """Run the demo in a process of its own; give its address."""
    command = [sys.executable, ROOT / "server.py", "--demo", "--port", "0"]
    environment = {"PATH": os.environ.get("PATH", ""), "SHUTDOWN_DELAY_SECONDS": "0", **variables}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+/graphql", server.stdout.readline())
        assert found is not None
        try:
            yield found.group()
        finally:
            server.terminate()


def test_clients_of_an_allowed_origin_get_their_answers(page: Any, origin: str, tmp_path: Path) -> None:
    with demo(tmp_path, CORS_ORIGINS=origin) as url:
        assert page.evaluate("url => window.ask(url)", url) == ["Office Tour", "Office Tour"]


def test_clients_of_another_origin_get_none(page: Any, tmp_path: Path) -> None:
    with demo(tmp_path, CORS_ORIGINS="https://app.example.com") as url:
        answers = page.evaluate("url => window.ask(url)", url)
    assert all("Failed to fetch" in answer for answer in answers), answers
