"""The status page: one file for browsers, and what it shows as JSON, which it asks for every few seconds.

The file holds nobody's data and is given to whoever asks, like GraphiQL. The data need the credential and the scope
that records need. Script and style stand in the file; the Content-Security-Policy names their hashes alone.
"""

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from string import Template
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse, dumps
from web.policy import RequestPolicy
from web.view import View

FOLDER: Final = Path(__file__).resolve().parent

PATH: Final = "/status"
DATA: Final = "/status.json"

Overview = Callable[[], Awaitable[dict[str, Any]]]


class StatusPage:
    """The page at `PATH` and its data at `DATA`. `scope` is what a caller needs to see the data."""

    def __init__(self, overview: Overview, policy: RequestPolicy, *, scope: str) -> None:
        self._data = _Data(overview, policy, scope)
        style, script = (FOLDER.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
        self._page = Template(FOLDER.joinpath("page.html").read_text("utf-8")).substitute(style=style, script=script)
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self'; "
                "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
        }

    def routes(self) -> list[Route]:
        """Return the routes of the page and of its data."""
        return [Route(PATH, self._file, methods=["GET"]), Route(DATA, self._data)]

    async def _file(self, _: Request) -> Response:
        return HTMLResponse(self._page, headers=self._headers)


class _Data(View):
    def __init__(self, overview: Overview, policy: RequestPolicy, scope: str) -> None:
        super().__init__(policy)
        self._overview = overview
        self._scope = scope

    async def respond(self, request: HttpRequest) -> HttpResponse:
        caller = await self.policy.admit(request, "GET")
        if self._scope not in caller.scopes:
            raise HTTPError(403, f"This caller lacks the scope {self._scope}.", code="FORBIDDEN")
        return HttpResponse(dumps(await self._overview()))


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls an inline script or style (CSP Level 3, 8.3)."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
