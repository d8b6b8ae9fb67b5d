from typing import Any

import pytest

from tests.harness import open_graph
from web.arrival import Arrival, Head
from web.origins import PREFLIGHT_HEADERS, check_cross_site, check_origin, comes_from_here, is_loopback
from web.problems import HTTPProblem

SITE = "https://app.example.com"


def request(method: str = "GET", server: Any = ("127.0.0.1", 80), **headers: str) -> Arrival:
    raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Arrival(method, Head(raw), server)


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
    with pytest.raises(HTTPProblem) as problem:
        check_cross_site(request(**headers), (SITE,), header_required=False)
    assert problem.value.status == 403


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
    with pytest.raises(HTTPProblem):
        check_cross_site(request(), (), header_required=True)
    check_cross_site(request(**{name: "x"}), (), header_required=True)
    check_cross_site(request("POST"), (), header_required=True)


@pytest.mark.parametrize("origin", [SITE, "http://localhost:3000", "https://[::1]:8443"])
def test_origins_are_taken(origin: str) -> None:
    assert check_origin(origin) is None


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "app.example.com", f"{SITE}/", f"{SITE}/x", "https://*.example.com", SITE.upper(), "file://x"],
)
def test_what_is_no_origin_is_refused_a_star_above_all(origin: str) -> None:
    assert check_origin(origin)


PREFLIGHT = {"access_control_request_method": "POST", "access_control_request_headers": "authorization,content-type"}


async def test_cors_is_closed_unless_listed() -> None:
    async with open_graph() as graph:
        preflight = await graph.request("OPTIONS", "/graphql", origin=SITE, **PREFLIGHT)
        answer = await graph.post({"query": "{ __typename }"}, origin=SITE)
        assert preflight.status == 405
        for found in (preflight, answer):
            assert not any(name.startswith("access-control") for name in found.headers)


async def test_cors_lets_listed_sites_read_and_no_others_and_never_with_cookies() -> None:
    async with open_graph(CORS_ORIGINS=f"{SITE} http://localhost:3000") as graph:
        preflight = await graph.request("OPTIONS", "/graphql", origin=SITE, **PREFLIGHT)
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == SITE
        answer = await graph.post({"query": "{ __typename }"}, origin=SITE)
        assert answer.headers["access-control-allow-origin"] == SITE
        for found in (preflight, answer):
            assert "access-control-allow-credentials" not in found.headers
        evil = await graph.post({"query": "{ __typename }"}, origin="https://evil.example.com")
        assert "access-control-allow-origin" not in evil.headers
        refused = await graph.request("OPTIONS", "/graphql", origin="https://evil.example.com", **PREFLIGHT)
        assert refused.status == 400


async def test_behind_a_proxy_a_get_needs_a_header_that_only_a_preflight_allows() -> None:
    async with open_graph(AUTHENTICATION="proxy") as graph:
        assert (await graph.request("GET", "/graphql?query={__typename}")).status == 403
        assert (await graph.request("GET", "/graphql?query={__typename}", apollo_require_preflight="1")).status == 200
