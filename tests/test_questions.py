"""The ten questions that sales asks each week: what the pages show of them, and what the demo's records say."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.harness import Graph
from tests.questions import ON_README, PAGE, QUESTIONS, README, TODAY, fences, on_readme, open_demo

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = [question.name for question in QUESTIONS]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened() -> AsyncIterator[Graph]:
    async with open_demo() as found:
        yield found


@pytest.fixture
def demo(opened: Graph) -> Graph:
    """The demo, nothing asked of its sources yet."""
    opened.forget()
    return opened


async def answer_to(demo: Graph, name: str) -> Any:
    question = QUESTIONS[NAMES.index(name)]
    answer = await demo.ask(question.query, question.variables)
    assert "errors" not in answer, answer
    return answer["data"]


def records(demo: Graph) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what Nexudus and ChartMogul have."""
    return list(demo.simulator.nexudus.records.values()), list(demo.simulator.chartmogul.records.values())


def ids(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["sourceId"] for node in nodes]


def month(text: str | None) -> int | None:
    """Return how many months ahead of today's a date is."""
    if text is None:
        return None
    found = date.fromisoformat(text[:10])
    return (found.year - TODAY.year) * 12 + found.month - TODAY.month


async def test_there_are_ten() -> None:
    assert [name[:2] for name in NAMES] == [f"{number:02d}" for number in range(1, 11)]


@pytest.mark.parametrize("place", range(len(QUESTIONS)), ids=NAMES)
async def test_the_page_shows_the_query_its_variables_and_the_answer(demo: Graph, place: int) -> None:
    """After a change of the demo, the graph or a query: `python -m tests.questions`."""
    question = QUESTIONS[place]
    section = PAGE.read_text("utf-8").split("\n## ")[place + 1]
    answer = await demo.ask(question.query, question.variables)
    assert fences(section) == question.shown(answer)
    assert "\nHow to read it: " in section


async def test_the_readme_shows_one_of_them(demo: Graph) -> None:
    question = QUESTIONS[ON_README]
    answer = await demo.ask(question.query, question.variables)
    assert fences(on_readme(README.read_text("utf-8"))) == question.shown(answer)


@pytest.mark.parametrize("name", NAMES[:8])
async def test_the_answer_costs_no_request(demo: Graph, name: str) -> None:
    await answer_to(demo, name)
    assert [call for call in demo.simulator.calls if call.kind in ("get", "list-by-ids")] == []


AFTER = re.compile(r"(\w+)(?:: opportunities)?\(\s*first: \d+,?\s+after: \$(\w+)")
"""What a list is called in the answer, and the variable that takes its cursor."""


@pytest.mark.parametrize("name", NAMES)
async def test_each_list_goes_on_to_its_end(demo: Graph, name: str) -> None:
    question = QUESTIONS[NAMES.index(name)]
    answer = await answer_to(demo, name)
    lists = {field: found for field, found in answer.items() if isinstance(found, dict) and "nodes" in found}
    variables = dict(AFTER.findall(question.query))
    assert variables.keys() == lists.keys()
    for field, page in lists.items():
        listed = ids(page["nodes"])
        while page["pageInfo"]["hasNextPage"]:
            given = {**(question.variables or {}), variables[field]: page["pageInfo"]["endCursor"]}
            page = (await demo.ask(question.query, given))["data"][field]
            listed += ids(page["nodes"])
        assert len(set(listed)) == len(listed) == page["totalCount"]


async def test_open_deals(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = (await answer_to(demo, "01-open-deals"))["opportunities"]
    still_open = [row for row in chartmogul if row["forecast_category"] not in ("won", "lost")]
    assert found["totalCount"] == sum(row["Status"] == 1 for row in nexudus) + len(still_open)
    euros = [row for row in found["summary"]["rows"] if (row["currency"], row["kind"]) == ("EUR", "recurring")]
    cents = [
        row["amount_in_cents"] or 0 for row in still_open if (row["currency"], row["type"]) == ("EUR", "recurring")
    ]
    assert [(row["count"], Decimal(row["amount"])) for row in euros] == [(len(cents), Decimal(sum(cents)) / 100)]
    assert len(found["nodes"]) == 25
    assert {node["source"] for node in found["nodes"]} == {"NEXUDUS", "CHARTMOGUL"}
    customers = [node["customer"] for node in found["nodes"]]
    assert all(one["name"] for one in customers)
    assert any(one["companyName"] is None for one in customers), "docs/questions.md says who these are"


async def test_what_changed(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = (await answer_to(demo, "02-what-changed"))["opportunities"]
    changed = [row["UpdatedOn"] for row in nexudus] + [row["updated_at"] for row in chartmogul]
    assert found["totalCount"] == sum(text >= "2026-11-11T00:00" for text in changed)  # London has no summer time then
    assert [node["updatedAt"][:19] for node in found["nodes"][:2]] == [text[:19] for text in sorted(changed)[:-3:-1]]


async def test_won_and_lost(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = (await answer_to(demo, "03-won-and-lost"))["opportunities"]
    closed = [(row["Status"] == 2, row["WonOn"] or row["LostOn"]) for row in nexudus if row["Status"] != 1]
    closed += [
        (row["forecast_category"] == "won", row["updated_at"])
        for row in chartmogul
        if row["forecast_category"] in ("won", "lost")
    ]
    counts = {True: 0, False: 0}
    for row in found["summary"]["rows"]:
        counts[row["keys"][0]["value"] == "WON"] += row["count"]
    assert counts == {
        is_won: sum(month(at) in (-1, 0) for was_won, at in closed if was_won is is_won) for is_won in (True, False)
    }
    assert min(counts.values()) > 5


async def test_totals(demo: Graph) -> None:
    nexudus, _ = records(demo)
    rows = (await answer_to(demo, "04-totals"))["opportunitySummary"]["rows"]
    values = [
        row["Value"]
        for row in nexudus
        if row["Status"] == 1
        and row["CrmBoardColumnName"] == "Proposal"
        and row["ResponsibleFullName"] == "Ravi Sampleson"
        and row["CrmBoardColumnCrmBoardBusinessCurrencyCode"] == "EUR"
    ]
    (found,) = [
        row
        for row in rows
        if [key["value"] for key in row["keys"]] == ["Proposal", "Ravi Sampleson"] and row["currency"] == "EUR"
    ]
    assert found["count"] == found["missingLikelihoodCount"] + found["missingAmountCount"] == len(values)
    assert Decimal(found["amount"]) == sum(value for value in values if value is not None)
    assert found["weightedAmount"] is None


async def test_closing_this_month(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = await answer_to(demo, "05-closing-this-month")
    assert sorted(ids(found["closing"]["nodes"])) == sorted(
        row["uuid"]
        for row in chartmogul
        if month(row["estimated_close_date"]) == 0 and row["forecast_category"] not in ("won", "lost")
    )
    assert found["followUps"]["totalCount"] == sum(month(row["DueDate"]) == 0 for row in nexudus)


async def test_why_lost(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = await answer_to(demo, "06-why-lost")
    price = [row for row in found["nexudus"]["rows"] if row["keys"][0]["value"] == "PRICE"]
    lost_by_price = [row for row in nexudus if row["LossReason"] == 4 and (month(row["LostOn"]) or 0) >= -11]
    assert sum(row["count"] for row in price) == len(lost_by_price) > 20
    told = [row for row in chartmogul if "lost_reason" in row["custom"] and (month(row["updated_at"]) or 0) >= -11]
    assert found["chartMogul"]["totalCount"] == len(told) > 20


async def test_campaigns(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = await answer_to(demo, "07-campaigns")
    counts: dict[str, int] = {}
    for row in found["nexudus"]["rows"]:
        name, status = (key["value"] for key in row["keys"])
        counts[name] = counts.get(name, 0) + row["count"] * (status == "WON")
    expected = dict.fromkeys(counts, 0)
    for record in nexudus:
        if record["UtmCampaign"] and record["Status"] == 2 and (month(record["CreatedOn"]) or 0) >= -11:
            expected[record["UtmCampaign"]] += 1
    assert counts == expected
    brought = [
        row
        for row in chartmogul
        if row["custom"].get("marketing_campaign") == "bring-a-neighbour" and (month(row["created_at"]) or 0) >= -11
    ]
    assert sum(row["count"] for row in found["chartMogul"]["rows"]) == len(brought) > 5


async def test_one_customer(demo: Graph) -> None:
    nexudus, chartmogul = records(demo)
    found = (await answer_to(demo, "08-one-customer"))["opportunities"]
    hers = [str(row["Id"]) for row in nexudus if row["CoworkerFullName"] == "Ada Examplesson"]
    hers += [row["uuid"] for row in chartmogul if row["customer_uuid"].startswith("cus_f466e33d")]
    assert sorted(ids(found["nodes"])) == sorted(hers)
    assert {node["source"] for node in found["nodes"]} == {"NEXUDUS", "CHARTMOGUL"}


async def test_ids_from_a_sheet(demo: Graph) -> None:
    """The copy has all but the two that there are not; only these are asked for."""
    given = QUESTIONS[NAMES.index("09-ids-from-a-sheet")].variables or {}
    found = await answer_to(demo, "09-ids-from-a-sheet")
    assert sum(map(len, given.values())) == 60
    for field, name in (("nexudusOpportunities", "nexudus"), ("chartMogulOpportunities", "chartMogul")):
        shown = [None if node is None else node["sourceId"] for node in found[field]]
        known = {str(key) for key in getattr(demo.simulator, name.lower()).records}
        assert shown == [one if one in known else None for one in given[name]]
        assert shown.count(None) == 1
    assert sum(call.kind in ("list-by-ids", "get") for call in demo.simulator.calls) <= 2


async def test_move_one(demo: Graph) -> None:
    found = await answer_to(demo, "10-move-one")
    names = {pipeline["name"]: [stage["name"] for stage in pipeline["stages"]] for pipeline in found["pipelines"]}
    deal = found["opportunity"]
    assert deal["stageName"] in names[deal["pipelineName"]]
    schema = (await demo.ask("{ __schema { mutationType { name } } }"))["data"]["__schema"]
    assert schema["mutationType"] is None, "docs/questions.md says that the graph only reads"


@pytest.mark.programs  # a demo of its own for each day
@pytest.mark.parametrize("day", [datetime(2027, 1, 1, 0, 5), datetime(2028, 2, 29, 23)])
async def test_on_any_day_each_question_has_an_answer(day: datetime) -> None:
    async with open_demo(day.replace(tzinfo=TODAY.tzinfo)) as graph:
        for name in NAMES:
            answer = await answer_to(graph, name)
            for field in answer.values():
                shown = field.get("nodes", field.get("rows")) if isinstance(field, dict) else field
                assert shown is None or len(shown) > 0, (name, day)
