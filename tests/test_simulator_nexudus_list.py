"""Lists of the simulated Nexudus: pages, orders, ids and filters as the vendor's pages say, traps included."""

from decimal import Decimal
from typing import Any

import pytest

from simulator import NEXUDUS_EXAMPLE_ID, Simulator
from simulator.nexudus_records import EXAMPLE, FIELDS, nexudus_records
from simulator.nexudus_special import LARGE_ID
from tests import nexudus_api, simulated
from tests.nexudus_api import CRM, Client, ids

clock, simulator, client = simulated.clock, simulated.simulator, nexudus_api.client


async def test_a_plain_list_is_the_first_page_of_25_in_the_envelope(client: Client) -> None:
    data = (await client.get(CRM)).data
    assert len(data["Records"]) == 25
    del data["Records"]
    assert data == {
        "CurrentPage": 1,
        "CurrentPageSize": 25,
        "CurrentOrderField": "CreatedOn",
        "CurrentSortDirection": 0,
        "FirstItem": 1,
        "LastItem": 25,
        "TotalItems": 200,
        "TotalPages": 8,
        "HasNextPage": True,
        "HasPreviousPage": False,
    }


async def test_unknown_parameters_are_silently_ignored(client: Client) -> None:
    plain = (await client.get(CRM)).text
    assert (
        await client.get(CRM, PageNumber=3, PageSize=5, CrmOpportunity_Stattus=2, crmopportunity_="x")
    ).text == plain


async def test_pages_together_are_the_whole_list_once(client: Client) -> None:
    pages = [(await client.get(CRM, page=page, size=60, orderBy="Id")).data for page in (1, 2, 3, 4)]
    assert [page["HasNextPage"] for page in pages] == [True, True, True, False]
    assert [page["FirstItem"] for page in pages] == [1, 61, 121, 181]
    assert pages[3]["LastItem"] == 200
    assert [one for page in pages for one in ids(page["Records"])] == sorted(nexudus_records(1))


@pytest.mark.parametrize("direction", ["1", "-1", "Descending"])
async def test_lists_order_by_any_field_and_descend_in_every_spelling(client: Client, direction: str) -> None:
    rows = (await client.get(CRM, orderby="value", dir=direction, size=1000)).data["Records"]
    values = [Decimal(row["Value"]) for row in rows if row["Value"] is not None]
    assert len(rows) == 200
    assert values == sorted(values, reverse=True)
    assert rows[-1]["Value"] is None


async def test_list_by_ids_answers_the_matching_rows_and_passes_over_missing_ones(client: Client) -> None:
    answer = await client.get(CRM, CrmOpportunity_Id=f"[1427000503,999,{LARGE_ID},1427000503,oops]", size=50)
    assert answer.data["TotalItems"] == 2
    assert set(ids(answer.data["Records"])) == {1427000503, LARGE_ID}


async def test_list_by_ids_without_a_size_shows_25_rows_only(client: Client) -> None:
    wanted = ",".join(str(NEXUDUS_EXAMPLE_ID + number) for number in range(30))
    data = (await client.get(CRM, CrmOpportunity_Id=f"[{wanted}]")).data
    assert (len(data["Records"]), data["TotalItems"]) == (25, 30)
    assert len((await client.get(CRM, CrmOpportunity_Id=f"[{wanted}]", size=30)).data["Records"]) == 30


@pytest.mark.parametrize("brackets", ["[]", ("%5B", "%5D")])
async def test_brackets_may_be_raw_or_encoded(client: Client, brackets: str) -> None:
    left, right = brackets
    path = f"{CRM}?CrmOpportunity_Id={left}1427000501,1427000502{right}&size=2"
    answer = await client.call("GET", path, encoded=True)
    assert set(ids(answer.data["Records"])) == {1427000501, 1427000502}


async def test_list_by_ids_with_none_found_is_404_or_an_empty_page(client: Client, simulator: Simulator) -> None:
    answer = await client.get(CRM, CrmOpportunity_Id="[998,999]")
    assert (answer.status, answer.text) == (404, '"Not found"')
    simulator.nexudus.list_none_found = "empty"
    assert (await client.get(CRM, CrmOpportunity_Id="[998,999]")).data["Records"] == []


async def test_an_ignored_id_filter_brings_an_ordinary_first_page(client: Client, simulator: Simulator) -> None:
    simulator.nexudus.list_filter_ignored = True
    answer = await client.get(CRM, CrmOpportunity_Id="[1427000501,1427000502]")
    assert answer.text == (await client.get(CRM)).text
    assert simulator.nexudus.calls[-2].kind == "list-by-ids"


async def test_the_other_form_of_list_by_ids_is_a_bare_array(client: Client, simulator: Simulator) -> None:
    rows = (await client.get(f"{CRM}/", id="[1427000501,1427000502,999]")).data
    assert set(ids(rows)) == {1427000501, 1427000502}
    simulator.nexudus.form_b = False
    assert (await client.get(f"{CRM}/", id="[1427000501]")).text == (await client.get(CRM)).text


@pytest.mark.parametrize("query", [{"CrmOpportunity_Id": "[1427000501]"}, {"id": "[1427000501]"}, {}])
async def test_partial_rows_lack_fields_in_lists_but_not_in_single_records(
    client: Client, simulator: Simulator, query: dict[str, str]
) -> None:
    simulator.nexudus.partial_fields = {"TeamDescription", "UtmSource"}
    data = (await client.get(CRM, **query)).data
    rows = data if isinstance(data, list) else data["Records"]
    assert rows
    assert all(set(FIELDS) - set(row) == {"TeamDescription", "UtmSource"} for row in rows)
    assert "UtmSource" in (await client.get(f"{CRM}/1427000501")).data


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ({"CrmOpportunity_Status": "2"}, lambda row: row["Status"] == 2),
        ({"crmopportunity_completed": "true"}, lambda row: row["Completed"] is True),
        ({"CrmOpportunity_Coworker": "1415000201"}, lambda row: int(row["CoworkerId"]) == 1415000201),
        ({"CrmOpportunity_Coworker_Email": "ADA.examplesson@example.com"}, lambda row: row["CoworkerId"]),
        ({"CrmOpportunity_CrmBoardColumn_CrmBoard_Business_Currency_Code": "JPY"}, lambda row: True),
        ({"from_CrmOpportunity_Value": "100000"}, lambda row: row["Value"] >= 100_000),
        ({"to_CrmOpportunity_UpdatedOn": "2025-09-01T00:00"}, lambda row: row["UpdatedOn"] < "2025-09-01T00:00"),
        ({"Id": "1427000502"}, lambda row: row["Id"] == 1427000502),
        ({"UniqueId": EXAMPLE["UniqueId"].upper()}, lambda row: row["Id"] == NEXUDUS_EXAMPLE_ID),
    ],
)
async def test_filters_keep_the_rows_they_name(client: Client, query: dict[str, str], test: Any) -> None:
    data = (await client.get(CRM, **query, size=1000)).data
    assert 0 < data["TotalItems"] < 200
    assert all(test(row) for row in data["Records"])
