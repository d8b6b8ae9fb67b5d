"""The GraphiQL page: what a browser sees that opens the GraphQL endpoint.

Everything comes from this server, so that the page works without internet and under a strict Content-Security-Policy:
the files lie in `web/graphiql/built`, and `web/graphiql/renew.py` makes them from `web/graphiql/app`. No inline script;
styles that the editor makes carry the nonce of the one page that they are for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from json import dumps, loads
from pathlib import Path
from secrets import token_urlsafe
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from web.assets import CONTENT_TYPES, PAGE_HEADERS, Asset, asset

FOLDER = Path(__file__).resolve().parent
BUILT = FOLDER / "built"
ENTRY = "src/main.tsx"
ICON = FOLDER / "icon.svg"
ERRORS = FOLDER.parent.parent / "docs" / "errors.md"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'nonce-$nonce'",
        "style-src-attr 'unsafe-inline'",  # the editor places each line by an attribute
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = PAGE_HEADERS | {"Vary": "Accept"}  # the same address answers GraphQL requests


@dataclass(frozen=True)
class Sample:
    """A tab that a first visit finds open. GraphiQL names the tab after the query's operation: give it `name`."""

    name: str
    query: str
    variables: str = ""


class GraphiQL:
    """The page, its files and its samples.

    The page is to be served at `/graphql`: its addresses are relative to that, so that any prefix will do.
    """

    def __init__(self, samples: Sequence[Sample], credentials: Sequence[str]) -> None:
        """`credentials` are the headers of those that the page asks its user for."""
        self._files = {file.name: file for file in BUILT.iterdir() if file.suffix in CONTENT_TYPES.keys() - {".md"}}
        self._samples = Asset("application/json", dumps([asdict(sample) for sample in samples]).encode())
        entry = loads((BUILT / "manifest.json").read_text("utf-8"))[ENTRY]
        self._values = {
            "credentials": " ".join(credentials),
            "style": f"graphiql/assets/{entry['css'][0]}",
            "script": f"graphiql/assets/{entry['file']}",
        }

    @cached_property
    def _page(self) -> Template:
        from html import escape  # which loads a third of a megabyte: only for those who have the page

        template = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
        values = {name: escape(value) for name, value in self._values.items()}
        return Template(template.safe_substitute(values))

    def page(self, request: Request) -> Response:
        """Answer a browser's GET of the endpoint with the page. The caller has checked that it wants HTML."""
        nonce = token_urlsafe(16)
        policy = Template(CONTENT_SECURITY_POLICY).substitute(nonce=nonce)
        headers = HEADERS | {"Content-Security-Policy": policy}
        return HTMLResponse(self._page.safe_substitute(nonce=nonce), headers=headers)

    def routes(self) -> list[Route]:
        """Return the routes of the page's files; the page itself belongs to the endpoint's own route."""
        return [
            Route("/graphiql/assets/{name}", self._built, methods=["GET"]),
            Route(f"/graphiql/{ICON.name}", lambda request: asset(ICON).response(request), methods=["GET"]),
            Route("/graphiql/errors.md", lambda request: asset(ERRORS).response(request), methods=["GET"]),
            Route("/graphiql/samples.json", self._samples.response, methods=["GET"]),
        ]

    # Not `async`: Starlette then runs it in a thread, where the compression does not hold up other requests.
    def _built(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return Response("Not found", status_code=404)
        return asset(file).response(request, is_immutable=True)  # its name has a hash of its contents
