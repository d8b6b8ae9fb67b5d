"""Cross-site request forgery: requests that a browser makes for a page of another site, and how they are recognised.

CORS (`web/auth/cors.py`) lets listed sites read answers. It does not keep any site from sending a plain GET. Where a
caller proves who it is in a header, such a request carries no proof and is refused anyway. Where the place it comes
from is proof enough (this machine, or behind a proxy that signs people in), it must be refused here.
"""

import ipaddress
from collections.abc import Container
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest

PREFLIGHT_HEADERS = ("Apollo-Require-Preflight", "X-Apollo-Operation-Name", "GraphQL-Require-Preflight")
"""No browser adds one of these for another site without asking this server first. The names are Apollo's."""

FORWARDED: Final = frozenset(
    b"forwarded via x-real-ip x-client-ip x-cluster-client-ip x-original-host x-original-url x-envoy-external-address "
    b"x-proxyuser-ip true-client-ip cf-connecting-ip fastly-client-ip fly-client-ip x-arr-log-id".split()
)
"""What proxies add to a request (RFC 7239; RFC 9110, 7.6.3; habit), beside all that begins with `X-Forwarded`."""


def check_cross_site(request: HttpRequest, origins: Container[str], *, header_required: bool) -> None:
    """Refuse a GET that a browser sends for another site; raises `HTTPError`.

    Browsers say so in `Sec-Fetch-Site` (Fetch Metadata) and `Origin`. Where `header_required`, a header must prove
    that the request cannot have been sent without a preflight.
    """
    head = request.headers
    if request.method not in ("GET", "HEAD") or any(name.lower().encode() in head for name in PREFLIGHT_HEADERS):
        return
    if header_required:
        raise _forged(f"Send GET requests with the header {PREFLIGHT_HEADERS[0]}: true.")
    # Two of either, which no browser sends, make a value that is in no list.
    is_foreign = head.combined(b"sec-fetch-site") not in (b"", b"none", b"same-origin")
    if (is_foreign or b"origin" in head) and head.combined(b"origin").decode("latin-1") not in origins:
        raise _forged(
            "This server takes no such requests from pages of other sites: CORS_ORIGINS lists those that may."
        )


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether an address, or a name that every system knows, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def comes_from_here(request: HttpRequest) -> bool:
    """Whether a request was sent to this machine by this machine, and meant to be.

    A foreign page can make a browser send requests to 127.0.0.1 under the page's own name (DNS rebinding); `Host`
    tells. What a proxy on this machine passes on may come from anywhere; the headers that it adds tell. The address
    that the connection came in on also holds where something else than `server.py` listens.
    """
    server = request.server
    is_local = server is None or server[1] is None or is_loopback(server[0])
    return is_local and request.headers.memoized(_is_from_here)


def _is_from_here(head: Headers) -> bool:
    if any(name in FORWARDED or name.startswith(b"x-forwarded") for name, _ in head.fields):
        return False
    return all(map(_is_loopback_authority, head.all(b"host")))


@lru_cache(256)
def _is_loopback_authority(host: bytes) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host.decode('latin-1')}").hostname or "")
    except ValueError:
        return False


def _forged(message: str) -> HTTPError:
    return HTTPError(403, message, code="FORBIDDEN")
