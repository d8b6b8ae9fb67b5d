"""`schema.unjoined`: a ChartMogul customer's names take a request of their own, and only if they are selected."""

from simulator import CHARTMOGUL_EXAMPLE_ID, faults
from tests.harness import Graph

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
