"""The GraphiQL page as a server sees it: headers, files, addresses. test_graphiql_browser has the browser's view.

`web.graphiql.renew` checks the vendored files.
"""

import gzip
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from web.graphiql.page import ASSETS, FOLDER, GraphiQL, Sample

SAMPLES = (
    Sample("OneOpportunity", "query OneOpportunity($id: ID!) { opportunity(id: $id) { id } }", '{"id": "</script>"}'),
    Sample("Names", "query Names { __typename }"),
)


def build_app(endpoint: str = "/graphql", title: str = "Opportunity graph") -> Starlette:
    graphiql = GraphiQL(endpoint, title, SAMPLES)

    def page(request: Request) -> Response:
        return graphiql.page(request)

    return Starlette(routes=[Route(endpoint, page), *graphiql.routes()])


async def ask(app: Starlette, target: str, method: str = "GET", **headers: str) -> Response:
    """One exchange with the application, no server in between."""
    path, _, query = target.partition("?")
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "root_path": "", "scheme": "http"}
    scope |= {"query_string": query.encode(), "headers": raw, "server": ("testserver", 80), "client": None}
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    reply = Response(b"".join(message.get("body", b"") for message in sent[1:]), status_code=sent[0]["status"])
    reply.raw_headers = sent[0]["headers"]
    return reply


class Page(HTMLParser):
    """What a browser would fetch, and what a strict policy would refuse."""

    def __init__(self, reply: Response) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self.data: dict[str, str] = {}
        self._open = ""
        self.feed(bytes(reply.body).decode())

    def handle_starttag(self, tag, attrs):
        self._open = tag
        for name, value in attrs:
            if name in {"src", "href"}:
                self.urls.append(value)
            elif name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
            elif name.startswith("data-"):
                self.data[name.removeprefix("data-")] = value

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in {"script", "style"} and data.strip():
            self.inline.append(data)


async def test_the_page_is_locked_down_by_its_headers():
    reply = await ask(build_app(), "/graphql", accept="text/html")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["cache-control"] == "no-store"
    policy = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    # The hash is the one exception; see web/graphiql/page.py.
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]+'", policy["style-src"])
    assert policy["img-src"] == policy["font-src"] == "'self' data:"


async def test_the_page_has_no_inline_script_or_style():
    assert Page(await ask(build_app(), "/graphql")).inline == []


async def test_every_file_the_page_names_is_served_with_its_content_type():
    app = build_app()
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    urls = Page(await ask(app, "/graphql")).urls
    assert len(urls) == len(ASSETS)
    for url in urls:
        reply = await ask(app, urljoin("/graphql", url))
        assert reply.status_code == 200
        assert reply.headers["content-type"] == types[Path(urlsplit(url).path).suffix]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_asked_for_without_its_current_version_is_revalidated():
    app = build_app()
    for target in ("/graphiql/assets/boot.js", "/graphiql/assets/boot.js?v=stale"):
        assert (await ask(app, target)).headers["cache-control"] == "no-cache"


async def test_a_known_etag_is_answered_with_304_and_no_body():
    app = build_app()
    etag = (await ask(app, "/graphiql/assets/page.css")).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = await ask(app, "/graphiql/assets/page.css", if_none_match=known)
        assert (reply.status_code, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert (await ask(app, "/graphiql/assets/page.css", if_none_match='"other"')).status_code == 200


async def test_a_file_is_compressed_where_the_client_takes_gzip():
    app = build_app()
    plain = await ask(app, "/graphiql/assets/boot.js")
    packed = await ask(app, "/graphiql/assets/boot.js", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == (FOLDER / "boot.js").read_bytes()
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


async def test_head_answers_like_get():
    app = build_app()
    for target in ("/graphql", "/graphiql/assets/boot.js", "/graphiql/samples.json"):
        got, head = await ask(app, target), await ask(app, target, "HEAD")
        # The server in front drops the body of an answer to HEAD.
        assert (head.status_code, head.headers) == (200, got.headers)


@pytest.mark.parametrize(
    "name",
    [
        "renew.py",
        "page.html",
        "VERSIONS",
        "LICENSE",
        "",
        ".",
        "..",
        "../graphiql_page.py",
        "../../pyproject.toml",
        "..%2f..%2fpyproject.toml",
        "..\\renew.py",
        "/etc/passwd",
        "vendor/graphiql/LICENSE",
        "boot.js/",
        "boot.js\x00",
        "BOOT.JS",
    ],
)
async def test_nothing_but_the_listed_files_is_served(name):
    assert (await ask(build_app(), f"/graphiql/assets/{name}")).status_code in {307, 404}


async def test_the_samples_are_served_as_json():
    reply = await ask(build_app(), "/graphiql/samples.json")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.headers["cache-control"] == "no-cache"
    assert json.loads(reply.body) == [
        {"name": sample.name, "query": sample.query, "variables": sample.variables} for sample in SAMPLES
    ]


async def test_a_title_cannot_become_markup():
    reply = await ask(build_app(title='"><script>alert(1)</script>'), "/graphql")
    assert b"<script>alert" not in reply.body
    assert Page(reply).data["title"] == '"><script>alert(1)</script>'


@pytest.mark.parametrize("prefix", ["", "/behind/a/proxy"])
@pytest.mark.parametrize("endpoint", ["/graphql", "/api/v1/graphql", "/"])
async def test_every_address_holds_behind_a_prefix(endpoint, prefix):
    app = Starlette(routes=[Mount(prefix, app=build_app(endpoint))])
    page = Page(await ask(app, prefix + endpoint))
    for url in [*page.urls, page.data["samples"]]:
        assert (await ask(app, urljoin(prefix + endpoint, url))).status_code == 200
    assert urljoin(prefix + endpoint, page.data["endpoint"]) == prefix + endpoint


@pytest.mark.parametrize("name", ["page.html", "boot.js", "page.css"])
def test_our_own_files_name_no_other_host(name):
    assert re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+", (FOLDER / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", [file for file, _ in ASSETS.values() if file.endswith(".css")])
def test_no_stylesheet_fetches_anything(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "@import" not in text
    assert {url for url in re.findall(r"url\(\s*['\"]?([^)]{0,20})", text) if not url.startswith("data:")} == set()


def test_the_vendored_files_are_the_ones_in_the_manifest():
    command = [sys.executable, FOLDER / "renew.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("package", ["graphiql", "graphiql-explorer", "react", "react-dom"])
def test_each_vendored_package_has_its_licence_beside_it(package):
    assert "MIT License" in (FOLDER / "vendor" / package / "LICENSE").read_text(encoding="utf-8")
