"""`schema.deals.customers`: a customer's deals in both systems, and the names of ChartMogul's customers in lists.

Of `schema.deals.page_arguments` too, which every list of deals takes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from store.customer_deals import Link
from store.customers import Customer
from store.deals import Deal
from sync.rows import with_customer
from tests.deal_lists import NOTHING, WITHOUT_CONTACTS, DealGraph, deal, open_deals, simulated

NEXUDUS, CHARTMOGUL = (simulated()[source][0] for source in ("nexudus", "chartmogul"))
ADA = "Ada@Example.com"


def nexudus(number: int, coworker: int, email: str | None = None, **more: Any) -> Deal:
    fields = {"id": number, "coworker_id": coworker, "coworker_email": email} | more
    return deal("nexudus", msgspec.structs.replace(NEXUDUS, **fields))


def chartmogul(number: int, customer: str, email: str | None = None, company: str = "Co", **more: Any) -> Deal:
    fields = {"uuid": f"{number:08}-0000-0000-0000-000000000000", "customer_uuid": customer} | more
    found = deal("chartmogul", msgspec.structs.replace(CHARTMOGUL, **fields))
    known = Customer(
        source="chartmogul",
        source_id=customer,
        name=f"Name of {customer}",
        company_name=company,
        email=email,
        read_at=1,
    )
    return with_customer(found, known if email else None)


DEALS = (
    nexudus(1, 7, ADA),
    nexudus(2, 7, ADA),
    nexudus(3, 8),
    chartmogul(1, "cus_a", ADA.lower()),
    chartmogul(2, "cus_a", ADA.lower()),
    chartmogul(3, "cus_b"),
)
QUERY = """query ($filter: OpportunityFilter, $first: Int) {
  opportunities(filter: $filter, orderBy: [{field: CREATED_AT}]) { nodes { sourceId customer {
    sourceId name companyName email matchedBy
    opportunities(first: $first) { totalCount nodes { source sourceId } pageInfo { hasNextPage endCursor } }
  } } } }"""


async def customers(graph: DealGraph, **more: Any) -> dict[str, Any]:
    nodes = (await graph.data(QUERY, **more))["opportunities"]["nodes"]
    return {node["customer"]["sourceId"]: node["customer"] for node in nodes}


def keys(customer: Any) -> set[str]:
    return {
        f"{one['source'].lower()[:1]}{one['sourceId'].lstrip('0')[:1]}" for one in customer["opportunities"]["nodes"]
    }


async def test_a_list_shows_the_names_that_its_filter_sees() -> None:
    async with open_deals(*DEALS) as graph:
        found = await customers(graph, filter={"customerName": {"eq": "NAME OF cus_a"}})
        assert list(found) == ["cus_a"]
        assert found["cus_a"]["name"] == "Name of cus_a"
        assert (found["cus_a"]["companyName"], found["cus_a"]["email"]) == ("Co", ADA.lower())
        unknown = await customers(graph, filter={"source": {"eq": "CHARTMOGUL"}, "customerName": {"isNull": True}})
        assert {one["name"] for one in unknown.values()} == {None}


async def test_a_customers_deals_are_found_in_both_systems_by_its_email_address_alone() -> None:
    async with open_deals(*DEALS) as graph:
        found = await customers(graph)
        assert keys(found["7"]) == keys(found["cus_a"]) == {"n1", "n2", "c1", "c2"}
        assert keys(found["8"]) == {"n3"}
        assert keys(found["cus_b"]) == {"c3"}
        assert found["7"]["matchedBy"] == ["SOURCE_ID", "EMAIL"]
        assert found["8"]["matchedBy"] == ["SOURCE_ID"]
        assert found["7"]["opportunities"]["totalCount"] == 4


async def test_a_configured_link_joins_customers_without_an_address() -> None:
    linked = chartmogul(3, "cus_b", custom={"coworker": "8"})
    links = [Link(bearer="chartmogul", of="nexudus", attribute="coworker")]
    async with open_deals(*DEALS[:5], linked, links=links) as graph:
        found = await customers(graph)
        assert keys(found["8"]) == keys(found["cus_b"]) == {"n3", "c3"}
        assert found["8"]["matchedBy"] == ["SOURCE_ID", "LINK"]
        assert found["7"]["matchedBy"] == ["SOURCE_ID", "EMAIL"]


async def test_pages_go_on_where_they_ended() -> None:
    async with open_deals(*DEALS) as graph:
        page = (await customers(graph, first=3))["7"]["opportunities"]
        assert page["pageInfo"]["hasNextPage"]
        query = """query ($after: String) { opportunities(filter: {customerSourceId: {eq: "7"}}, first: 1) {
          nodes { customer { opportunities(first: 3, after: $after) { nodes { source sourceId } } } } } }"""
        data = await graph.data(query, after=page["pageInfo"]["endCursor"])
        (rest,) = data["opportunities"]["nodes"][0]["customer"]["opportunities"]["nodes"]
        assert rest not in page["nodes"]


async def test_a_customers_deals_are_paged_from_their_end_and_searched_too() -> None:
    query = """query ($first: Int, $after: String, $last: Int, $before: String, $search: String) {
      opportunities(filter: {customerSourceId: {eq: "7"}}, first: 1) { nodes { customer {
        opportunities(first: $first, after: $after, last: $last, before: $before, search: $search) {
          totalCount nodes { source sourceId } pageInfo { hasNextPage hasPreviousPage startCursor } } } } } }"""
    named = nexudus(4, 7, ADA, crm_board_column_name="Signature")

    async with open_deals(*DEALS, named) as graph:

        async def page(**given: Any) -> Any:
            return (await graph.data(query, **given))["opportunities"]["nodes"][0]["customer"]["opportunities"]

        everything = (await page(first=50))["nodes"]
        assert len(everything) == 5
        end = await page(last=2)
        assert end["nodes"] == everything[-2:]
        assert (end["pageInfo"]["hasPreviousPage"], end["pageInfo"]["hasNextPage"]) == (True, False)
        rest = await page(last=50, before=end["pageInfo"]["startCursor"])
        assert rest["nodes"] == everything[:-2]
        assert (rest["pageInfo"]["hasPreviousPage"], rest["pageInfo"]["hasNextPage"]) == (False, True)
        searched = await page(search="SIGNATURE")
        assert (searched["totalCount"], [one["sourceId"] for one in searched["nodes"]]) == (1, ["4"])
        code, message, _ = await graph.refusal(query, search="signature", last=2, before=end["pageInfo"]["startCursor"])
        assert (code, message.split(":")[0]) == ("BAD_USER_INPUT", "`before` is a cursor of another list")


async def test_any_number_of_customers_is_one_statement() -> None:
    async with open_deals(*[nexudus(n, n, f"{n}@example.com") for n in range(1, 26)]) as graph:
        statements: list[str] = []
        engine = graph.database._engine
        event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        await graph.data("{ opportunities { nodes { customer { opportunities { nodes { id } } } } } }")
        assert len([one for one in statements if "given" in one]) == 1


async def test_what_a_caller_may_not_see_joins_nothing_for_it() -> None:
    query = """{ opportunities(orderBy: [{field: CREATED_AT}]) { nodes { customer {
      sourceId matchedBy opportunities { nodes { source sourceId } } } } } }"""
    async with open_deals(*DEALS) as graph:
        nodes = (await graph.data(query, WITHOUT_CONTACTS))["opportunities"]["nodes"]
        found = {node["customer"]["sourceId"]: node["customer"] for node in nodes}
        assert keys(found["7"]) == {"n1", "n2"}
        assert found["7"]["matchedBy"] == ["SOURCE_ID"]
        by_email = query.replace("opportunities {", 'opportunities(filter: {customerEmail: {eq: "a"}}) {')
        answer = await graph.ask(by_email, WITHOUT_CONTACTS)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
        assert (await graph.ask(query, NOTHING))["data"]["opportunities"] is None


@pytest.mark.parametrize(
    "arguments",
    ["first: 0", "first: 51", "last: 51", "first: 1, last: 1", 'after: "x"', 'before: "x"', f'search: "{"a" * 201}"'],
)
async def test_bad_arguments_are_refused_at_the_field(arguments: str) -> None:
    selected = f"customer {{ opportunities({arguments}) {{ nodes {{ id }} }} }}"
    query = f"{{ opportunities(first: 1) {{ nodes {{ id {selected} }} }} }}"
    async with open_deals(*DEALS) as graph:
        code, _, path = await graph.refusal(query)
        assert (code, path) == ("BAD_USER_INPUT", ["opportunities", "nodes", 0, "customer", "opportunities"])


INNER = "customer { opportunities { nodes { customer { opportunities { nodes { id } } } } } }"
COSTS: Sequence[tuple[str, bool]] = (
    ("opportunities(first: 10) { nodes { customer { opportunities(first: 19) { nodes { id } } } } }", True),
    ("opportunities(first: 10) { nodes { customer { opportunities(first: 20) { nodes { id } } } } }", False),
    ("opportunities(first: 10) { nodes { customer { opportunities(last: 20) { nodes { id } } } } }", False),
    ("opportunities { nodes { customer { opportunities { nodes { id } } } } }", True),
    (f"opportunities(first: 6) {{ nodes {{ {INNER} }} }}", True),
    (f"opportunities(first: 7) {{ nodes {{ {INNER} }} }}", False),
    ("opportunities(first: 20) { nodes { customer { ...F a: opportunities { nodes { id } } } } }", False),
)


@pytest.mark.parametrize(("query", "is_answered"), COSTS)
async def test_lists_within_lists_multiply(query: str, is_answered: bool) -> None:
    fragment = "fragment F on OpportunityCustomer { opportunities { nodes { id } } }" if "...F" in query else ""
    async with open_deals(*DEALS) as graph:
        answer = await graph.ask(f"{{ {query} }} {fragment}")
        assert ("errors" not in answer) is is_answered, answer
        if not is_answered:
            assert "200 records" in answer["errors"][0]["message"]


async def test_variables_count_as_their_values() -> None:
    query = """query ($n: Int) { opportunities(first: 10) { nodes { customer { opportunities(first: $n) {
      nodes { id } } } } } }"""
    async with open_deals(*DEALS) as graph:
        assert "errors" not in await graph.ask(query, n=19)
        assert "errors" in await graph.ask(query, n=20)


async def test_a_customer_without_a_company_has_none_in_the_graph_as_in_filters() -> None:
    # ChartMogul has an empty text for none.
    query = """{
      opportunities(filter: {customerCompanyName: {isNull: true}}) { nodes { customer { name companyName } } }
    }"""
    async with open_deals(chartmogul(1, "cus_a", ADA, company=""), chartmogul(2, "cus_b", "bo@example.com")) as graph:
        (node,) = (await graph.data(query))["opportunities"]["nodes"]
        assert node["customer"] == {"name": "Name of cus_a", "companyName": None}
