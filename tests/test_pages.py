"""`pages`: which there are, as the settings say."""

import pytest

from tests.harness import open_graph

ALWAYS = {"/", "/schema.graphql"}


@pytest.mark.parametrize(
    ("settings", "further"),
    [
        ({"BOARD": "false", "EXPORTS": "false"}, set()),
        ({"BOARD": "false", "EXPORTS": "true"}, {"/export/opportunities.csv", "/export/opportunities.ndjson"}),
        ({"BOARD": "true", "EXPORTS": "false"}, {"/board"}),
        ({"BOARD": "false", "EXPORTS": "false", "METRICS": "true"}, {"/metrics"}),
        ({"BOARD": "false", "EXPORTS": "false", "STATUS_PAGE": "true"}, {"/status"}),
    ],
    ids=["neither", "files", "the board", "metrics", "the status page"],
)
async def test_a_page_is_there_if_the_settings_say_so(settings: dict[str, str], further: set[str]) -> None:
    async with open_graph(GRAPHIQL="false", **settings) as graph:
        found = {getattr(route, "path", "") for route in graph.app.routes}
    switched = {"/export/opportunities.csv", "/export/opportunities.ndjson", "/board", "/metrics", "/status"}
    assert found >= ALWAYS
    assert found & switched == further
