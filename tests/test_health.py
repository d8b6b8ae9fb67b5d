"""`web.health`: what an orchestrator is told while the server starts, serves and stops."""

import pytest
from starlette.applications import Starlette

from configuration import AllSettings
from server import create_app
from simulator import Simulator
from tests.harness import DEFAULTS, Graph
from web.health import Health

PATHS = ("live", "startup", "ready")


async def statuses(app: object) -> list[int]:
    graph = Graph(app, Simulator())
    return [(await graph.request("GET", f"/health/{path}")).status for path in PATHS]


@pytest.mark.parametrize(
    ("has_started", "is_ready", "expected"),
    [(False, False, [200, 503, 503]), (True, True, [200, 200, 200]), (True, False, [200, 200, 503])],
)
async def test_each_path_answers_one_question(has_started: bool, is_ready: bool, expected: list[int]) -> None:
    health = Health()
    health.has_started, health.is_ready = has_started, is_ready
    assert await statuses(Starlette(routes=health.routes())) == expected


async def test_the_start_is_over_when_all_parts_are_there_and_stays_so_to_the_end() -> None:
    app = create_app(AllSettings(DEFAULTS | {"CHARTMOGUL_API_KEY": "key"}))
    assert await statuses(app) == [200, 503, 503]
    async with app.router.lifespan_context(app):
        assert await statuses(app) == [200, 200, 200]
    assert await statuses(app) == [200, 200, 503]
