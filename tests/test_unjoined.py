"""`schema.unjoined`: a ChartMogul customer's names take a request of their own, and only if they are selected.

And `schema.context`: the address of a record.
"""

import pytest

from resolvers.nexudus import NexudusSettings
from resolvers.settings import BadSettings, read
from simulator import CHARTMOGUL_EXAMPLE_ID, faults
from tests.harness import CACHES, Graph, open_graph

CUSTOMER = f"""{{ chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{
    stageName customer {{ sourceId name companyName email }} }} }}"""


async def test_names_are_those_of_the_customers_record(graph: Graph) -> None:
    upstream = graph.simulator.chartmogul
    found = (await graph.ask(CUSTOMER))["data"]["chartMogulOpportunity"]["customer"]
    sent = upstream.customers[found["sourceId"]]
    assert sent["name"]
    assert (found["name"], found["companyName"], found["email"]) == (sent["name"], sent["company"], sent["email"])
    assert {call.kind for call in upstream.calls} == {"get", "customer"}


async def test_who_does_not_select_them_costs_no_request(graph: Graph) -> None:
    await graph.ask(CUSTOMER.replace("name companyName email", ""))
    assert {call.kind for call in graph.simulator.chartmogul.calls} == {"get"}


async def test_a_failure_is_an_error_at_each_name_and_nowhere_else(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(faults.status(403), times=None, kinds={"customer"})
    answer = await graph.ask(CUSTOMER)
    found = answer["data"]["chartMogulOpportunity"]
    assert found["stageName"]
    assert found["customer"]["sourceId"]
    assert {found["customer"][name] for name in ("name", "companyName", "email")} == {None}
    assert {error["path"][-1] for error in answer["errors"]} == {"name", "companyName", "email"}


async def test_a_customer_that_the_source_does_not_have_has_no_names(graph: Graph) -> None:
    graph.simulator.chartmogul.customers.clear()
    answer = await graph.ask(CUSTOMER)
    assert "errors" not in answer
    assert answer["data"]["chartMogulOpportunity"]["customer"]["email"] is None


async def test_deals_of_one_customer_ask_for_it_once(graph: Graph) -> None:
    upstream = graph.simulator.chartmogul
    records = list(upstream.records.values())[2:12]
    for record in records:
        record["customer_uuid"] = records[0]["customer_uuid"]
    ids = [record["uuid"] for record in records]
    query = "query ($ids: [ID!]!) { chartMogulOpportunities(sourceIds: $ids) { customer { name email } } }"
    found = (await graph.ask(query, {"ids": ids}))["data"]["chartMogulOpportunities"]
    assert len({one["customer"]["name"] for one in found}) == 1
    assert len([call for call in upstream.calls if call.kind == "customer"]) == 1


async def test_what_is_cached_is_asked_for_once_and_answered_alike() -> None:
    async with open_graph(**CACHES) as graph:
        answers = [await graph.ask(CUSTOMER) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["data"]["chartMogulOpportunity"]["customer"]["name"]
        assert [call.kind for call in graph.simulator.chartmogul.calls] == ["get", "customer"]


async def test_a_records_address_is_that_of_the_operators_pattern() -> None:
    pattern = "https://crm.example.com/#/deals/{sourceId}?from=graph"
    query = CUSTOMER.replace("stageName", "url")
    async with open_graph(CHARTMOGUL_RECORD_URL=pattern) as graph:
        found = (await graph.ask(query))["data"]["chartMogulOpportunity"]["url"]
        assert found == f"https://crm.example.com/#/deals/{CHARTMOGUL_EXAMPLE_ID}?from=graph"
    async with open_graph() as graph:
        assert (await graph.ask(query))["data"]["chartMogulOpportunity"]["url"] is None


@pytest.mark.parametrize(
    "pattern",
    ["javascript:{sourceId}", "https://{sourceId}/", "https://x.org/", "https://x.org/{sourceId}{sourceId}", "x/{id}"],
)
def test_a_pattern_that_makes_no_address_is_refused_at_start(pattern: str) -> None:
    with pytest.raises(BadSettings, match="NEXUDUS_RECORD_URL: must be a URL like"):
        read(NexudusSettings, {"NEXUDUS_RECORD_URL": pattern})
