"""CORS, as a browser sees it (Fetch standard, 3.2)."""

import logging

import pytest

from security.settings import SecuritySettings
from tests import logged
from tests.harness import Graph, Response, open_graph
from web.auth.cors import MAX_LOGGED_ORIGINS, check_origin

SITE = "https://app.example.com"
EVIL = "https://evil.example.com"


async def ask_first(graph: Graph, *headers: str, origin: str = SITE, method: str = "POST") -> Response:
    """Send the preflight of a request with these headers."""
    asked = {"access_control_request_headers": ",".join(headers)} if headers else {}
    return await graph.request("OPTIONS", "/graphql", origin=origin, access_control_request_method=method, **asked)


def listed(answer: Response, name: str) -> set[str]:
    return {entry.strip().lower() for entry in answer.headers.get(name, "").split(",")}


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
        assert preflight.status == 403
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
        assert refused.status == 403


CLIENTS = {
    "fetch": ["accept", "content-type"],
    "Apollo Client": ["accept", "content-type", "apollographql-client-name", "apollographql-client-version"],
    "Apollo Client over GET": ["accept", "apollo-require-preflight"],
    "Apollo Kotlin": ["content-type", "x-apollo-operation-id", "x-apollo-operation-name"],
    "urql": ["accept", "content-type"],
    "graphql-request": ["accept", "content-type"],
    "Relay": ["authorization", "content-type"],
    "OpenTelemetry": ["baggage", "content-type", "traceparent", "tracestate"],
    "OpenTelemetry with B3": ["b3", "content-type"],
    "OpenTelemetry with B3 in several headers": [
        *["content-type", "x-b3-flags", "x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"],
    ],
    "Sentry": ["baggage", "content-type", "sentry-trace", "traceparent"],
    "whoever has a token": ["authorization", "content-type"],
    "whoever has an API key": ["content-type", "x-api-key"],
    "whoever wants fresh records": ["cache-control", "content-type"],
    "whoever names requests": ["content-type", "x-request-id"],
    "whoever sends a GET behind a proxy": ["apollo-require-preflight", "graphql-require-preflight"],
}


@pytest.mark.parametrize("headers", CLIENTS.values(), ids=CLIENTS)
async def test_a_page_of_a_listed_origin_may_send_what_its_client_sends(headers: list[str]) -> None:
    async with open_graph(CORS_ORIGINS=SITE) as graph:
        answer = await ask_first(graph, *headers)
        assert answer.status == 200
        assert set(headers) <= listed(answer, "access-control-allow-headers")


async def test_a_page_may_read_what_clients_look_for_in_a_response() -> None:
    async with open_graph(CORS_ORIGINS=SITE) as graph:
        answer = await graph.post({"query": "{ __typename }"}, origin=SITE)
        assert {"x-request-id", "retry-after"} <= listed(answer, "access-control-expose-headers")
        assert "origin" in listed(answer, "vary")


async def test_a_page_of_a_listed_origin_may_call_a_server_in_its_private_network() -> None:
    async with open_graph(CORS_ORIGINS=SITE) as graph:
        answer = await graph.request(
            "OPTIONS",
            "/graphql",
            origin=SITE,
            access_control_request_method="POST",
            access_control_request_private_network="true",
        )
        assert answer.status == 200
        assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("settings", [{}, {"CORS_ORIGINS": SITE}], ids=["no origin is listed", "another is listed"])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://app.example.com", SITE.upper(), f"{SITE}:8443", "\r\n{{"])
async def test_a_refused_preflight_names_the_setting_and_repeats_nothing(settings: dict[str, str], origin: str) -> None:
    async with open_graph(**settings) as graph:
        answer = await ask_first(graph, "x-api-key", origin=origin)
        assert answer.status == 403
        (error,) = answer.json["errors"]
        assert "CORS_ORIGINS" in error["message"]
        assert error["extensions"] == {"code": "FORBIDDEN", "retryable": False}
        assert origin == "null" or origin.encode() not in answer.body
        assert origin not in answer.headers.values()
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert {"x-request-id", "x-content-type-options", "content-security-policy"} <= answer.headers.keys()


async def test_a_header_or_a_method_that_pages_may_not_send_is_refused_in_json() -> None:
    async with open_graph(CORS_ORIGINS=SITE) as graph:
        for answer in (await ask_first(graph, "x-gateway-key"), await ask_first(graph, method="DELETE")):
            assert answer.status == 403
            assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
            assert int(answer.headers["content-length"]) == len(answer.body)
            assert answer.headers["content-type"] == "application/json"
            assert "x-api-key" in listed(answer, "access-control-allow-headers")


async def test_the_log_names_a_refused_origin_once(caplog: pytest.LogCaptureFixture) -> None:
    async with open_graph() as graph:
        with caplog.at_level(logging.WARNING):
            for origin in [EVIL, EVIL, SITE, EVIL, "null", "x" * 1_000, "evil\nline"]:
                await ask_first(graph, origin=origin)
    found = logged.lines(caplog)
    assert [EVIL in found[0], SITE in found[1], len(found)] == [True, True, 3]
    assert all("CORS_ORIGINS" in line and "\n" not in line and len(line) < 200 for line in found)


async def test_the_log_does_not_grow_with_the_origins_that_are_made_up(caplog: pytest.LogCaptureFixture) -> None:
    async with open_graph() as graph:
        with caplog.at_level(logging.WARNING):
            for number in range(3 * MAX_LOGGED_ORIGINS):
                await ask_first(graph, origin=f"https://{number}.example.com")
    assert len(logged.records(caplog)) == MAX_LOGGED_ORIGINS


async def test_requests_that_come_from_no_page_know_nothing_of_cors() -> None:
    async with open_graph(CORS_ORIGINS=SITE) as graph:
        answer = await graph.post({"query": "{ __typename }"})
        assert not any(name.startswith("access-control") for name in answer.headers)
        options = await graph.request("OPTIONS", "/graphql")
        assert options.status == 405


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173", "http://127.0.0.1:4000", "https://[::1]", "http://localhost"]
)
def test_a_demo_that_lists_no_origin_lets_pages_of_this_machine_read(origin: str) -> None:
    assert origin in SecuritySettings().origins(demo=True)
    assert origin not in SecuritySettings().origins(demo=False)
    assert origin not in SecuritySettings(cors_origins=SITE).origins(demo=True)


@pytest.mark.parametrize(
    "origin",
    [
        SITE,
        "null",
        "http://localhost.example.com",
        "http://evil.example.com:5173",
        "http://localhost@x",
        "http://[:::]",
    ],
)
def test_a_demo_lets_no_other_pages_read(origin: str) -> None:
    assert origin not in SecuritySettings().origins(demo=True)
