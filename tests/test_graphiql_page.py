"""The GraphiQL page as a server sees it: headers, files, addresses. test_graphiql_browser has the browser's view.

`web.assets` sends them, `web.graphiql.renew` checks what is built.
"""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from web.graphiql.page import BUILT, ERRORS, FOLDER, GraphiQL, Sample

SAMPLES = (
    Sample("OneOpportunity", "query OneOpportunity($id: ID!) { opportunity(id: $id) { id } }", '{"id": "</script>"}'),
    Sample("Names", "query Names { __typename }"),
)


SCRIPT = next(file.name for file in BUILT.glob("main-*.js"))
STYLE = next(file.name for file in BUILT.glob("main-*.css"))


def build_app(credentials: Sequence[str] = ()) -> Starlette:
    graphiql = GraphiQL(SAMPLES, credentials)

    def page(request: Request) -> Response:
        return graphiql.page(request)

    return Starlette(routes=[Route("/graphql", page), *graphiql.routes()])


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
    assert policy["worker-src"] == "'self'"
    assert re.fullmatch(r"'self' 'nonce-[\w-]{22}'", policy["style-src"])
    assert policy["style-src-attr"] == "'unsafe-inline'"
    assert policy["img-src"] == policy["font-src"] == "'self' data:"


async def test_the_nonce_of_a_page_is_new_each_time_and_the_one_in_its_policy():
    app = build_app()
    nonces = set()
    for _ in range(2):
        reply = await ask(app, "/graphql")
        (nonce,) = re.findall(r'nonce="([^"]+)"', bytes(reply.body).decode())
        assert f"'nonce-{nonce}'" in reply.headers["content-security-policy"]
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_the_page_names_the_headers_of_the_credentials_that_it_is_to_ask_for():
    assert Page(await ask(build_app(), "/graphql")).data["credentials"] == ""
    page = Page(await ask(build_app(credentials=["X-API-Key", "Authorization"]), "/graphql"))
    assert page.data["credentials"] == "X-API-Key Authorization"


async def test_the_page_has_no_inline_script_or_style():
    assert Page(await ask(build_app(), "/graphql")).inline == []


TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
}


async def test_every_file_the_page_names_is_served_with_its_content_type():
    app = build_app()
    for url in Page(await ask(app, "/graphql")).urls:
        reply = await ask(app, urljoin("/graphql", url))
        assert reply.status_code == 200
        assert reply.headers["content-type"] == TYPES[Path(urlsplit(url).path).suffix]
        assert reply.headers["x-content-type-options"] == "nosniff"


async def test_every_built_file_but_manifest_and_licences_is_served_and_kept_for_ever():
    app = build_app()
    for file in BUILT.iterdir():
        reply = await ask(app, f"/graphiql/assets/{file.name}")
        if file.suffix in TYPES:
            assert reply.body == file.read_bytes()
            assert reply.headers["content-type"] == TYPES[file.suffix]
            assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        else:
            assert reply.status_code == 404, file.name


async def test_what_keeps_its_name_when_it_changes_is_revalidated():
    app = build_app()
    for target in ("/graphiql/icon.svg", "/graphiql/errors.md", "/graphiql/samples.json"):
        assert (await ask(app, target)).headers["cache-control"] == "no-cache"


async def test_a_known_etag_is_answered_with_304_and_no_body():
    app = build_app()
    etag = (await ask(app, "/graphiql/icon.svg")).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = await ask(app, "/graphiql/icon.svg", if_none_match=known)
        assert (reply.status_code, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert (await ask(app, "/graphiql/icon.svg", if_none_match='"other"')).status_code == 200


async def test_a_file_is_compressed_where_the_client_takes_gzip():
    app = build_app()
    plain = await ask(app, f"/graphiql/assets/{STYLE}")
    packed = await ask(app, f"/graphiql/assets/{STYLE}", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == (BUILT / STYLE).read_bytes()
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


async def test_the_page_on_errors_is_served_as_it_is_written():
    reply = await ask(build_app(), "/graphiql/errors.md")
    assert (reply.headers["content-type"], reply.body) == ("text/markdown; charset=utf-8", ERRORS.read_bytes())


async def test_head_answers_like_get():
    app = build_app()
    for target in ("/graphql", f"/graphiql/assets/{SCRIPT}", "/graphiql/icon.svg", "/graphiql/samples.json"):
        got, head = await ask(app, target), await ask(app, target, "HEAD")
        # The server in front drops the body of an answer to HEAD. Each page has a nonce of its own.
        names = set(got.headers) - {"content-security-policy"}
        assert head.status_code == 200
        assert {name: head.headers[name] for name in names} == {name: got.headers[name] for name in names}


@pytest.mark.parametrize(
    "name",
    [
        "renew.py",
        "page.html",
        "SHA256SUMS",
        "LICENSES.md",
        "manifest.json",
        "",
        ".",
        "..",
        "../graphiql_page.py",
        "../../pyproject.toml",
        "..%2f..%2fpyproject.toml",
        "..\\renew.py",
        "/etc/passwd",
        "../app/package.json",
        "main.tsx",
        f"{SCRIPT}/",
        f"{SCRIPT}\x00",
        SCRIPT.upper(),
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


@pytest.mark.parametrize("prefix", ["", "/behind/a/proxy"])
async def test_every_address_holds_behind_a_prefix(prefix):
    app, address = Starlette(routes=[Mount(prefix, app=build_app())]), f"{prefix}/graphql"
    page = Page(await ask(app, address))
    for url in [*page.urls, page.data["samples"], page.data["errors"]]:
        assert (await ask(app, urljoin(address, url))).status_code == 200
    assert urljoin(address, page.data["endpoint"]) == address


SOURCES = [FOLDER / "page.html", *sorted((FOLDER / "app" / "src").iterdir())]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_our_own_files_name_no_other_host(file):
    assert re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+", file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", sorted(BUILT.glob("*.css")), ids=lambda file: file.name)
def test_no_stylesheet_fetches_anything_from_elsewhere(file):
    text = file.read_text(encoding="utf-8")
    assert "@import" not in text
    urls = re.findall(r"url\(\s*['\"]?([^)'\"]{0,60})", text)
    assert {url for url in urls if not url.startswith(("data:", "./"))} == set()


def test_the_built_files_and_their_sources_are_the_ones_in_the_manifest():
    command = [sys.executable, FOLDER / "renew.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_package_of_the_page_is_pinned_and_its_licence_named():
    packages = json.loads((FOLDER / "app" / "package.json").read_text())
    licences = (BUILT / "LICENSES.md").read_text(encoding="utf-8")
    for name, version in packages["dependencies"].items():
        assert f"## {name} - {version} (MIT)" in licences
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in packages["devDependencies"].values())
