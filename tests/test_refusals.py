"""`web.refusals`: who was refused and why is in the log, and never the credential."""

import logging

import pytest

from tests import credentials
from tests.harness import open_graph

LOGGER = "opportunity_graph.http"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [({}, "none"), ({"x_api_key": "CANARY"}, "API key"), ({"authorization": "Bearer CANARY"}, "bearer token")],
)
async def test_a_strangers_refusal_has_one_line(
    headers: dict[str, str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(API_KEYS=credentials.line("reports", "right")) as graph:
        response = await graph.post({"query": "{ __typename }"}, **headers)

    assert response.status == 401
    found = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert found == [f"refused with 401 UNAUTHENTICATED (credential: {kind}): A valid credential is required."]
    assert "CANARY" not in caplog.text


async def test_a_body_that_is_too_large_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(MAX_REQUEST_BYTES="1000") as graph:
        response = await graph.post({"query": "{ __typename }" + " " * 1000})

    assert response.status == 413
    assert [record.getMessage()[:16] for record in caplog.records if record.name == LOGGER] == ["refused with 413"]


async def test_a_clients_slip_has_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph() as graph:
        response = await graph.post({"query": 1})

    assert response.status == 400
    assert [record for record in caplog.records if record.name == LOGGER] == []
