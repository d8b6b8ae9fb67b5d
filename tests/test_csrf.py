"""`web.auth.csrf`: which requests a page of another origin can make a browser send."""

from typing import Any

import pytest

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from tests.harness import open_graph
from web.auth.csrf import PREFLIGHT_HEADERS, check_cross_site, comes_from_here, is_loopback

SITE = "https://app.example.com"


def request(method: str = "GET", server: Any = ("127.0.0.1", 80), **headers: str) -> HttpRequest:
    raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HttpRequest(method, Headers(raw), server)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [".".join("0000"), "::", "", "10.0.0.1", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "1"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("server", "host", "here"),
    [
        (("127.0.0.1", 80), "localhost:8000", True),
        (("127.0.0.1", 80), "[::1]:8000", True),
        (("::1", 80), "127.0.0.1", True),
        (None, "localhost", True),
        (("run/socket", None), "localhost", True),
        (("10.0.0.1", 80), "localhost", False),
        (("127.0.0.1", 80), "rebound.example.com", False),
        (("127.0.0.1", 80), "[::1", False),
        (("127.0.0.1", 80), "", False),
        (("127.0.0.1", 80), "user@rebound.example.com", False),
    ],
)
def test_a_request_is_local_by_its_address_and_by_its_name(server: object, host: str, here: bool) -> None:
    assert comes_from_here(request(server=server, host=host)) is here


FOREIGN = [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "https://evil.example.com"}]


@pytest.mark.parametrize("headers", [*FOREIGN, {"origin": "null"}])
def test_a_foreign_page_cannot_make_a_browser_send_a_get(headers: dict[str, str]) -> None:
    with pytest.raises(HTTPError) as error:
        check_cross_site(request(**headers), (SITE,), header_required=False)
    assert error.value.status == 403


def test_an_origin_in_two_lines_is_not_taken_for_the_first_of_them() -> None:
    for names in ([b"origin", b"origin"], [b"sec-fetch-site", b"origin", b"origin"]):
        values = {b"origin": [SITE.encode(), b"https://evil.example.com"], b"sec-fetch-site": [b"cross-site"]}
        head = Headers([(name, values[name].pop(0)) for name in names])
        with pytest.raises(HTTPError):
            check_cross_site(HttpRequest("GET", head), (SITE,), header_required=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "cross-site", "origin": SITE},
        {"sec_fetch_site": "cross-site", "apollo_require_preflight": "true"},
    ],
)
def test_other_gets_pass(headers: dict[str, str]) -> None:
    check_cross_site(request(**headers), (SITE,), header_required=False)


@pytest.mark.parametrize("name", PREFLIGHT_HEADERS)
def test_where_a_header_is_required_any_of_the_known_ones_will_do(name: str) -> None:
    with pytest.raises(HTTPError):
        check_cross_site(request(), (), header_required=True)
    check_cross_site(request(**{name: "x"}), (), header_required=True)
    check_cross_site(request("POST"), (), header_required=True)


async def test_behind_a_proxy_a_get_needs_a_header_that_only_a_preflight_allows() -> None:
    async with open_graph(AUTHENTICATION="proxy") as graph:
        assert (await graph.request("GET", "/graphql?query={__typename}")).status == 403
        assert (await graph.request("GET", "/graphql?query={__typename}", apollo_require_preflight="1")).status == 200
