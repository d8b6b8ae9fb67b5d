"""Files of the pages for browsers: compressed where that is taken, not sent again to who has them.

They are in memory from when somebody first asks for them: most processes never serve a page.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from web.header_values import names_etag, takes_coding

SHARED_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}

PAGE_HEADERS: Final = SHARED_HEADERS | {
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Those of a page itself, beside its Content-Security-Policy."""


CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".md": "text/markdown; charset=utf-8",
}
"""Files of the pages by their ending."""


@dataclass(frozen=True)
class Asset:
    """A file in memory, with its hash as the version."""

    content_type: str
    body: bytes
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", hashlib.sha256(self.body).hexdigest()[:16])

    @cached_property
    def gzipped(self) -> bytes:
        """The body compressed, on first use: that of GraphiQL's editor takes some tenths of a second."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)

    def response(self, request: Request, *, is_immutable: bool = False) -> Response:
        """Answer with the body, compressed where the client takes it, or with 304 if the client has it.

        `is_immutable`: the address that was asked for will never have another body.
        """
        is_packed = self.content_type.startswith("font/")  # WOFF2 is compressed as it is
        compress = not is_packed and takes_coding(request.headers.get("accept-encoding", ""), "gzip")
        etag = f'"{self.version}{"-gzip" if compress else ""}"'
        headers = SHARED_HEADERS | {
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable" if is_immutable else "no-cache",
        }
        if names_etag(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        if compress:
            headers["Content-Encoding"] = "gzip"
        return Response(self.gzipped if compress else self.body, headers=headers, media_type=self.content_type)


@lru_cache(64)
def asset(file: Path) -> Asset:
    """Return a file, read when it is first asked for. To be called in a thread, for it may be large."""
    return Asset(CONTENT_TYPES[file.suffix], file.read_bytes())
