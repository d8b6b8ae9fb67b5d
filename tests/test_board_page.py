"""The board as a server sees it: headers, files, when it is there. test_board_browser has the browser's view.

`web.board.renew` checks what is built; `web.assets` is what all pages serve their files with.
"""

import gzip
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.harness import open_graph
from web.assets import CONTENT_TYPES
from web.board.page import BUILT

FOLDER = BUILT.parent
PRODUCTION = {"PRODUCTION": "true", "API_KEYS": f"key {'0' * 64} opportunities:read"}


class Page(HTMLParser):
    """What a browser would fetch, and what a strict policy would refuse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.urls += [value for name, value in attrs if name in {"src", "href"} and value]
        self.inline += [f"{tag} {name}" for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style"} and data.strip():
            self.inline.append(data)


async def test_the_page_is_locked_down_and_names_files_beside_it_alone() -> None:
    async with open_graph() as graph:
        reply = await graph.request("GET", "/board")
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert set(policy.values()) == {"'none'", "'self'"}
        assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
        assert reply.headers["cache-control"] == "no-store"
        page = Page(reply.body.decode())
        assert page.inline == []
        assert all(url.startswith("./board/") for url in page.urls)  # behind any prefix
        for url in page.urls:
            name = url.removeprefix("./board/")
            file = await graph.request("GET", f"/board/{name}")
            assert (file.status, file.headers["content-type"]) == (200, CONTENT_TYPES[Path(name).suffix])
            assert file.headers["cache-control"] == (
                "no-cache" if name == "theme.js" else "public, max-age=31536000, immutable"
            )


async def test_files_are_compressed_and_sent_once() -> None:
    script = next((BUILT / "board").glob("index-*.js"))
    font = next((BUILT / "board").glob("*.woff2"))
    async with open_graph() as graph:
        packed = await graph.request("GET", f"/board/{script.name}", accept_encoding="gzip, br")
        assert gzip.decompress(packed.body) == script.read_bytes()
        known = await graph.request(
            "GET", f"/board/{script.name}", accept_encoding="gzip", if_none_match=packed.headers["etag"]
        )
        assert (known.status, known.body) == (304, b"")
        plain = await graph.request("GET", f"/board/{font.name}", accept_encoding="gzip")
        assert "content-encoding" not in plain.headers  # it is compressed as it is
        assert plain.body == font.read_bytes()


@pytest.mark.parametrize("name", ["", "index.html", "LICENSES.md", "..%2fpage.py", "../page.py", "SHA256SUMS"])
async def test_nothing_else_is_served(name: str) -> None:
    async with open_graph() as graph:
        assert (await graph.request("GET", f"/board/{name}")).status == 404


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"BOARD": "false"}, 404), (PRODUCTION, 404), ({**PRODUCTION, "BOARD": "true"}, 200)],
)
async def test_in_production_there_is_a_board_only_if_that_is_set(settings: dict[str, str], status: int) -> None:
    async with open_graph(**settings) as graph:
        assert (await graph.request("GET", "/board")).status == status


def test_what_is_built_belongs_to_its_sources() -> None:
    checked = subprocess.run(
        [sys.executable, FOLDER / "renew.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_source_that_was_changed_since_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "board"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules", "gql", "__pycache__"))
    (copy / "src" / "main.tsx").write_text("// changed")
    checked = subprocess.run(
        [sys.executable, copy / "renew.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr.splitlines()[1:]) == (1, ["src/main.tsx"])


def test_all_that_is_built_in_has_its_licence_beside_it() -> None:
    text = (BUILT / "LICENSES.md").read_text("utf-8")
    for name in ("preact", "@urql/core", "@urql/preact", "@tanstack/react-virtual", "d3-scale", "d3-shape"):
        assert re.search(rf"^## {name} - [\d.]+ \((MIT|ISC)\)$", text, re.MULTILINE), name
    assert "SIL OPEN FONT LICENSE" in text


def test_the_build_is_small_enough_to_arrive_at_once() -> None:
    files = [file for file in BUILT.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 500_000
    assert (
        sum(len(gzip.compress(file.read_bytes())) for file in files if file.suffix in {".js", ".css", ".html"}) < 80_000
    )
