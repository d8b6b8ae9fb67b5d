"""The example frontend in a browser's window, and what serves it: for tests that use it as a person does."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from benchmarks.processes import ending_with_us
from tests.waiting import PATIENCE_SECONDS

SERVER = Path(__file__).resolve().parent.parent / "server.py"
LONGEST_MILLISECONDS = 15_000


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, on a port of their own; give their origin."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def demo(folder: Path, **variables: str) -> Iterator[str]:
    """Run the demo in a process of its own, its log in a file of the folder; give its address."""
    command = [sys.executable, SERVER, "--demo", "--port", "0"]
    environment = {"PATH": os.environ.get("PATH", ""), "SHUTDOWN_DELAY_SECONDS": "0", **variables}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            ending_with_us(command), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        late = threading.Timer(PATIENCE_SECONDS, server.kill)
        late.start()
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+/graphql", server.stdout.readline())
            assert found is not None, (folder / "log").read_text()
            late.cancel()
            yield found.group()
        finally:
            late.cancel()
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(PATIENCE_SECONDS)
            server.kill()


@dataclass
class Frontend:
    """The example in a window of its own, and what it asked the graph for."""

    page: Any
    url: str
    simulator: str
    operations: list[dict[str, Any]] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        """Open an address of it, and wait until it shows something."""
        self.page.goto(f"{self.url}/{address}")
        self.page.locator("tbody tr, article h1").first.wait_for()

    @property
    def rows(self) -> Any:
        return self.page.locator("tbody tr")

    @property
    def count(self) -> int:
        """How many deals the list has on all its pages."""
        return int(self.page.locator("output").inner_text().split()[0])

    def cells(self, column: int) -> list[str]:
        """The texts of a column, when the list has settled."""
        # The page learns of a new address by an event, and until then shows the old list as settled.
        self.page.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))")
        self.page.locator("table[aria-busy=false]").wait_for()
        found: list[str] = self.page.locator(f"tbody tr > :nth-child({column})").all_inner_texts()
        return found

    def deals(self) -> list[str]:
        """The addresses of the listed deals."""
        self.cells(1)
        found: list[str] = self.page.locator("tbody th a").evaluate_all("links => links.map(link => link.hash)")
        return found

    def turn(self, button: str) -> None:
        """Go to the next or the previous page, and wait until its deals are shown."""
        before = self.deals()
        self.page.get_by_role("button", name=button).click()
        self.page.wait_for_function(
            "before => (link => link && link.hash !== before)(document.querySelector('tbody th a'))", arg=before[0]
        )

    def names(self) -> list[str]:
        """The operations that were sent since the last call, but for those that come by the clock."""
        found = [one["operationName"] for one in self.operations if one["operationName"] != "Sources"]
        self.operations.clear()
        return found

    def tell_simulator(self, path: str, body: object = None) -> None:
        """POST to the simulator's control, or DELETE without a body."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.simulator + path, data, method="POST" if data else "DELETE"), timeout=10):
            pass


@contextmanager
def window(browser: Any, url: str, simulator: str = "", **options: Any) -> Iterator[Frontend]:
    """Open a window of somebody who was never here.

    In the end nothing was complained of or stored, and no request left for another host.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(LONGEST_MILLISECONDS)
    found = Frontend(context.new_page(), url, simulator)
    complaints: list[str] = []
    hosts: set[str | None] = set()

    def look(request: Any) -> None:
        hosts.add(urlsplit(request.url).hostname)
        if request.method == "POST":
            found.operations.append(request.post_data_json)

    context.on("request", look)
    context.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
    context.on("weberror", lambda failure: complaints.append(str(failure.error)))
    yield found
    assert not complaints, complaints
    assert hosts <= {"localhost", "127.0.0.1", None}, hosts
    assert found.page.evaluate("localStorage.length + sessionStorage.length") == 0  # deals are personal data
    context.close()
