"""The GraphiQL page: what a browser sees that opens the GraphQL endpoint.

Everything comes from this server, so that the page works without internet and under a strict Content-Security-Policy:
the files lie in `web/graphiql/`, `web/graphiql/renew.py` renews those of others. No inline script or style.
"""

import html
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from web.assets import PAGE_HEADERS, Asset

FOLDER = Path(__file__).resolve().parent
EXPLORER = "vendor/@graphiql/plugin-explorer/dist"

#: Placeholder in page.html -> (file, content type). Nothing else in the folder is served.
ASSETS: Mapping[str, tuple[str, str]] = {
    "graphiql_js": ("vendor/graphiql/graphiql.min.js", "text/javascript; charset=utf-8"),
    "graphiql_css": ("vendor/graphiql/graphiql.min.css", "text/css; charset=utf-8"),
    "explorer_js": (f"{EXPLORER}/index.umd.js", "text/javascript; charset=utf-8"),
    "explorer_css": (f"{EXPLORER}/style.css", "text/css; charset=utf-8"),
    "react_js": ("vendor/react/umd/react.production.min.js", "text/javascript; charset=utf-8"),
    "react_dom_js": ("vendor/react-dom/umd/react-dom.production.min.js", "text/javascript; charset=utf-8"),
    "boot_js": ("boot.js", "text/javascript; charset=utf-8"),
    "page_css": ("page.css", "text/css; charset=utf-8"),
    "icon_svg": ("icon.svg", "image/svg+xml"),
}

#: The one inline style of GraphiQL's dialogs and menus: the scroll lock of react-remove-scroll-bar, one and the same
#: text where the body has no scroll bar. Should a release change it, the browser's console names the new hash.
SCROLL_LOCK = "'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {SCROLL_LOCK}",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = PAGE_HEADERS | {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # The same address answers GraphQL requests.
    "Vary": "Accept",
}


@dataclass(frozen=True)
class Sample:
    """A tab that a first visit finds open. GraphiQL names the tab after the query's operation: give it `name`."""

    name: str
    query: str
    variables: str = ""


class GraphiQL:
    """The page, its files and its samples.

    The page is to be served at `endpoint` itself: its addresses are relative to it, so that any prefix will do.
    """

    def __init__(
        self, endpoint: str = "/graphql", title: str = "Opportunity graph", samples: Sequence[Sample] = ()
    ) -> None:
        self._assets = {
            posixpath.basename(file): Asset(content_type, (FOLDER / file).read_bytes())
            for file, content_type in ASSETS.values()
        }
        self._samples = Asset("application/json", dumps([asdict(sample) for sample in samples]).encode())
        values = {"title": title, "endpoint": posixpath.basename(endpoint) or "."}
        base = posixpath.dirname(endpoint)
        values["samples"] = posixpath.relpath("/graphiql/samples.json", base)
        for placeholder, (file, _) in ASSETS.items():
            name = posixpath.basename(file)
            url = posixpath.relpath(f"/graphiql/assets/{name}", base)
            values[placeholder] = f"{url}?v={self._assets[name].version}"
        template = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
        self._page = template.substitute({name: html.escape(value) for name, value in values.items()})

    def page(self, request: Request) -> Response:
        """Answer a browser's GET of the endpoint with the page. The caller has checked that it wants HTML."""
        return HTMLResponse(self._page, headers=HEADERS)

    def routes(self) -> list[Route]:
        """Return the routes of the page's files and samples; the page itself belongs to the endpoint's own route."""
        return [
            Route("/graphiql/assets/{name}", self._asset, methods=["GET"]),
            Route("/graphiql/samples.json", self._samples.response, methods=["GET"]),
        ]

    # Not `async`: Starlette then runs it in a thread, where the compression does not hold up other requests.
    def _asset(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response("Not found", status_code=404)
        return asset.response(request, is_immutable=request.query_params.get("v") == asset.version)
