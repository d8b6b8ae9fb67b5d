"""The board: what a browser sees at `/board`.

It is built from the sources beside this file into `built/` (`web/board/renew.py`), and everything comes from this
server. The page holds no deals: it asks the graph for them as any other client, with the credential of its user.
"""

import re
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from web.assets import PAGE_HEADERS, asset

BUILT: Final = Path(__file__).resolve().parent / "built"
PATH: Final = "/board"
"""Where the page is. Its files are below, at addresses relative to it, so that any prefix will do."""

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

HEADERS: Final = PAGE_HEADERS | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}

_NAMED_BY_ITS_CONTENT: Final = re.compile(r".+-[\w-]{8}\.\w+")


class Board:
    """The page and its files."""

    def __init__(self) -> None:
        self._page = (BUILT / "index.html").read_text(encoding="utf-8")
        self._files = {file.name: file for file in (BUILT / "board").iterdir()}

    def routes(self) -> list[Route]:
        """Return the routes of the page and its files."""
        return [
            Route(PATH, self._sent_page, methods=["GET"]),
            Route(f"{PATH}/{{name}}", self._asset, methods=["GET"]),
        ]

    def _sent_page(self, _: Request) -> Response:
        return HTMLResponse(self._page, headers=HEADERS)

    # Not `async`: Starlette then runs it in a thread, where the compression does not hold up other requests.
    def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        file = self._files.get(name)
        if file is None:
            return Response("Not found", status_code=404)
        return asset(file).response(request, is_immutable=_NAMED_BY_ITS_CONTENT.fullmatch(name) is not None)
