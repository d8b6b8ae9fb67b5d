import pytest

from tests.harness import Graph
from web.security_headers import SECURITY_HEADERS


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/nowhere"),
        ("GET", "/graphql?query={__typename}"),
        ("GET", "/graphql?query={x}"),
        ("GET", "/graphiql/samples.json"),
        ("PUT", "/graphql"),
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
