"""`httpserver.envelope`: what every response carries, whatever it answers.

Also the answers of `httpserver.http_errors`, where there is no such page.

Also the answers of `web.application`.
"""

import pytest

from httpserver.envelope import SECURITY_HEADERS
from tests.harness import Graph, open_graph


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/nowhere"),
        ("POST", "/graphql/"),
        ("GET", "/"),
        ("POST", "/"),
        ("POST", "/health/live"),
        ("OPTIONS", "/health/live"),
        ("GET", "/graphql?query={__typename}"),
        ("GET", "/graphql?query={x}"),
        ("GET", "/graphiql/samples.json"),
        ("PUT", "/graphql"),
        ("OPTIONS", "/graphql"),
        ("POST", "/graphql"),
    ],
)
async def test_every_page_carries_them(graph: Graph, method: str, target: str) -> None:
    answer = await graph.request(method, target)
    for name in SECURITY_HEADERS:
        assert answer.headers[name.lower()], name
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_answers_of_the_graph_are_private_and_never_stored(graph: Graph) -> None:
    for body in ({"query": "{ __typename }"}, {"query": "{"}, {}):
        assert (await graph.post(body)).headers["cache-control"] == "private, no-store"


async def test_a_page_keeps_what_it_says_itself(graph: Graph) -> None:
    page = await graph.request("GET", "/graphql", accept="text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    "path", ["/nowhere", "/graphql/", "/graphql/x", "/graphiql/", "/graphiql/assets/../../server.py"]
)
async def test_where_there_is_nothing_it_is_said_in_json(graph: Graph, method: str, path: str) -> None:
    """No redirect either: it would go to whatever `Host` says, and not every client repeats a POST."""
    answer = await graph.request(method, path, host="evil.example.com")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False}
    assert b"evil" not in answer.body


async def test_a_method_that_a_page_does_not_take_is_refused_in_json(graph: Graph) -> None:
    for path in ("/", "/health/live", "/health/ready"):
        answer = await graph.request("POST", path)
        assert answer.status == 405
        assert answer.json["errors"]
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_preflight_carries_them_too() -> None:
    async with open_graph(CORS_ORIGINS="https://app.example.com") as graph:
        asked = {"origin": "https://app.example.com", "access_control_request_method": "POST"}
        answer = await graph.request("OPTIONS", "/graphql", **asked)
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    for name in SECURITY_HEADERS:
        assert answer.headers[name.lower()], name
