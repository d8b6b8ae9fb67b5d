"""`resolvers.chartmogul.client` over real sockets.

`resolvers.single_record_client` is what it has in common with other sources, `resolvers.telemetry` reports
what an operator should know of its records.
"""

import base64
import logging
from typing import Any

import pytest

from resolvers.global_id import encode
from simulator import CHARTMOGUL_DOCUMENTED_ID, CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_SPECIAL, FAULTS, faults
from tests import logged, loops
from tests.harness import Graph, open_graph

LOOPS = loops.WITH_ITS_OWN_TIME
pytestmark = pytest.mark.looks_at_costs


async def fetch(graph: Graph, ids: list[str], fields: str = "sourceId") -> Any:
    query = f"query($ids: [ID!]!) {{ opportunitiesById(ids: $ids) {{ ... on ChartMogulOpportunity {{ {fields} }} }} }}"
    return await graph.ask(query, {"ids": [encode("chartmogul", source_id) for source_id in ids]})


def found(answer: Any) -> list[str | None]:
    return [row and row["sourceId"] for row in answer["data"]["opportunitiesById"]]


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


async def test_each_record_is_one_request_with_the_key_as_user_and_no_password(graph: Graph) -> None:
    chartmogul = graph.simulator.chartmogul
    assert found(await fetch(graph, [CHARTMOGUL_EXAMPLE_ID])) == [CHARTMOGUL_EXAMPLE_ID]

    (call,) = chartmogul.calls
    assert (call.kind, call.method, call.path) == ("get", "GET", f"/v1/opportunities/{CHARTMOGUL_EXAMPLE_ID}")
    scheme, _, secret = call.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(secret).decode() == f"{chartmogul.api_key}:"
    assert call.headers["accept"] == "application/json"


async def test_the_vendors_own_example_id_is_accepted_though_no_valid_rfc_4122_variant(graph: Graph) -> None:
    assert found(await fetch(graph, [CHARTMOGUL_DOCUMENTED_ID])) == [CHARTMOGUL_DOCUMENTED_ID]


async def test_at_most_10_requests_run_at_once(graph: Graph) -> None:
    """Trap 22: above 20 parallel connections ChartMogul answers 503."""
    chartmogul = graph.simulator.chartmogul
    chartmogul.latency_seconds = (0.01, 0.03)
    ids = list(chartmogul.records)[:60]

    assert found(await fetch(graph, ids)) == ids
    assert len(chartmogul.calls) == 60
    assert chartmogul.max_in_flight == 10
    assert chartmogul.max_connections <= 10


async def test_a_missing_record_is_null_without_an_error(graph: Graph) -> None:
    absent = "00000000-0000-0000-0000-000000000000"
    answer = await fetch(graph, [absent, CHARTMOGUL_EXAMPLE_ID])
    assert found(answer) == [None, CHARTMOGUL_EXAMPLE_ID]
    assert "errors" not in answer


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "UPSTREAM_UNAUTHORIZED"), (402, "UPSTREAM_FORBIDDEN"), (403, "UPSTREAM_FORBIDDEN")],
)
async def test_a_refusal_is_told_apart_and_not_tried_again(graph: Graph, status: int, code: str) -> None:
    graph.simulator.chartmogul.faults.add(faults.status(status), times=None)

    answer = await fetch(graph, [CHARTMOGUL_EXAMPLE_ID])
    assert found(answer) == [None]
    assert answer["errors"][0]["extensions"] == {"code": code, "retryable": False, "source": "chartmogul"}
    assert len(graph.simulator.chartmogul.calls) == 1


@pytest.mark.parametrize(
    ("key", "code"), [("wrong", "UPSTREAM_UNAUTHORIZED"), ("simulated-key-no-crm-seat", "UPSTREAM_FORBIDDEN")]
)
async def test_a_key_that_may_not_read_is_reported(key: str, code: str) -> None:
    async with open_graph(CHARTMOGUL_API_KEY=key) as graph:
        assert codes(await fetch(graph, [CHARTMOGUL_EXAMPLE_ID])) == [code]


async def test_another_record_than_the_one_asked_for_is_never_served(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["another-record"], times=None)

    answer = await fetch(graph, [CHARTMOGUL_EXAMPLE_ID])
    assert found(answer) == [None]
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"]


async def test_an_upper_case_uuid_is_the_same_record(graph: Graph) -> None:
    upper = faults.mutate(lambda record: {**record, "uuid": record["uuid"].upper()})
    graph.simulator.chartmogul.faults.add(upper, times=None)

    answer = await fetch(graph, [CHARTMOGUL_EXAMPLE_ID.upper()], "id")
    assert answer["data"]["opportunitiesById"] == [{"id": encode("chartmogul", CHARTMOGUL_EXAMPLE_ID)}]
    assert graph.simulator.chartmogul.calls[0].path.endswith(CHARTMOGUL_EXAMPLE_ID)


@pytest.mark.parametrize(
    "fault", ["204", "400", "418", "html", "null", "list", "empty", "invalid-json", "latin-1", "deep-json", "nan"]
)
async def test_an_answer_that_is_no_record_is_a_bad_response(graph: Graph, fault: str) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS[fault], times=None, ids={CHARTMOGUL_EXAMPLE_ID})

    answer = await fetch(graph, [CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_DOCUMENTED_ID])
    assert found(answer) == [None, CHARTMOGUL_DOCUMENTED_ID]
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"]
    assert answer["errors"][0]["path"] == ["opportunitiesById", 0]


async def test_an_overload_in_plain_text_is_a_retryable_error_of_the_one_record(graph: Graph) -> None:
    """Trap 22."""
    graph.simulator.chartmogul.faults.add(FAULTS["503"], times=None, ids={CHARTMOGUL_EXAMPLE_ID})

    answer = await fetch(graph, [CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_DOCUMENTED_ID])
    assert found(answer) == [None, CHARTMOGUL_DOCUMENTED_ID]
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert answer["errors"][0]["extensions"]["retryable"] is True


async def test_unknown_codes_are_served_and_reported_once(graph: Graph, caplog: pytest.LogCaptureFixture) -> None:
    fields = "status type rawType forecastCategory rawForecastCategory"
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ids = [CHARTMOGUL_SPECIAL["unknown type"], CHARTMOGUL_SPECIAL["unknown forecast category"]]
            first, second = (await fetch(graph, ids, fields))["data"]["opportunitiesById"]

    assert (first["type"], first["rawType"], first["status"]) == (None, "biennial", "OPEN")
    assert (second["forecastCategory"], second["rawForecastCategory"], second["status"]) == (None, "wishful", None)
    assert sorted(logged.lines(caplog)) == [
        "chartmogul sent an unknown forecast_category: wishful",
        "chartmogul sent an unknown type: biennial",
    ]


@pytest.mark.parametrize(
    ("policy", "yen", "dinar"), [("hundred", "1500000.00", "12345.67"), ("iso4217", "150000000", "1234.567")]
)
async def test_the_policy_of_minor_units_is_a_setting(policy: str, yen: str, dinar: str) -> None:
    async with open_graph(CHARTMOGUL_MINOR_UNITS=policy) as graph:
        ids = [CHARTMOGUL_SPECIAL["yen"], CHARTMOGUL_SPECIAL["dinar"]]
        rows = (await fetch(graph, ids, "amountInCents value { amount currencyCode }"))["data"]["opportunitiesById"]
        assert rows == [
            {"amountInCents": "150000000", "value": {"amount": yen, "currencyCode": "JPY"}},
            {"amountInCents": "1234567", "value": {"amount": dinar, "currencyCode": "KWD"}},
        ]


async def test_a_source_that_never_finds_a_record_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A base URL that leads elsewhere can look like records that do not exist."""
    async with open_graph() as graph:
        for first in (0, 30):
            fields = (
                f'm{n}: chartMogulOpportunity(sourceId: "00000000-0000-0000-0000-{n:012d}") {{ id }}'
                for n in range(first, first + 30)
            )
            answer = await graph.ask(f"{{ {' '.join(fields)} }}")
            assert "errors" not in answer
    assert logged.lines(caplog) == ["chartmogul had none of the first 20 records asked for: is the base URL right?"]
