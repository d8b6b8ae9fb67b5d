"""`resolvers.nexudus.client` over real sockets: what is asked, how often, and what is believed of the answers.

`resolvers.nexudus.list_by_ids` settles doubts about lists, `resolvers.nexudus.list_doubts` remembers them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from configuration import AllSettings
from resolvers.global_id import encode
from resolvers.nexudus.list_doubts import DOUBT_SECONDS
from server import create_app
from simulator import FAULTS, NEXUDUS_SPECIAL, Simulator, faults
from tests import logged, loops
from tests.harness import Graph, open_graph

LOOPS = loops.WITH_ITS_OWN_TIME
pytestmark = pytest.mark.looks_at_costs

IDS = [str(number) for number in range(1427000501, 1427000701)]
ABSENT = [str(number) for number in range(1, 60)]
READS = ("get", "list-by-ids", "list")


@pytest.fixture
async def signed_in() -> AsyncIterator[Graph]:
    """A graph that has its token already, so that only reads are left to count."""
    async with open_graph() as graph:
        await fetch(graph, ["1427000699"])
        graph.simulator.nexudus.calls.clear()
        yield graph


async def fetch(graph: Graph, ids: list[str], fields: str = "sourceId") -> Any:
    query = f"query($ids: [ID!]!) {{ opportunitiesById(ids: $ids) {{ ... on NexudusOpportunity {{ {fields} }} }} }}"
    return await graph.ask(query, {"ids": [encode("nexudus", source_id) for source_id in ids]})


def found(answer: Any) -> list[str | None]:
    return [row and row["sourceId"] for row in answer["data"]["opportunitiesById"]]


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def kinds(graph: Graph) -> list[str]:
    return [call.kind for call in graph.simulator.nexudus.calls]


def reads(graph: Graph) -> list[str]:
    return [kind for kind in kinds(graph) if kind in READS]


async def test_one_id_is_got_by_itself(signed_in: Graph) -> None:
    assert found(await fetch(signed_in, IDS[:1])) == IDS[:1]
    (call,) = signed_in.simulator.nexudus.calls
    assert (call.kind, call.method, call.path) == ("get", "GET", f"/api/crm/crmopportunities/{IDS[0]}")
    assert call.headers["accept"] == "application/json"


async def test_a_list_by_ids_sends_its_size_or_only_25_rows_would_come(signed_in: Graph) -> None:
    """Trap 19."""
    assert found(await fetch(signed_in, IDS[:26])) == IDS[:26]
    (call,) = signed_in.simulator.nexudus.calls
    assert call.query["size"] == "26"
    assert call.query["page"] == "1"
    assert call.query["CrmOpportunity_Id"] == f"[{','.join(IDS[:26])}]"


@pytest.mark.parametrize(("asked", "sizes"), [(2, [2]), (50, [50]), (51, [1, 50]), (100, [50, 50])])
async def test_ids_are_asked_for_in_chunks_of_at_most_50(signed_in: Graph, asked: int, sizes: list[int]) -> None:
    assert found(await fetch(signed_in, IDS[:asked])) == IDS[:asked]
    assert sorted(len(call.ids) for call in signed_in.simulator.nexudus.calls) == sizes


async def test_rows_of_the_vendor_come_in_any_order_and_are_given_in_the_order_asked_for(signed_in: Graph) -> None:
    wanted = [IDS[7], IDS[1], IDS[30], IDS[2]]
    assert found(await fetch(signed_in, wanted)) == wanted


async def test_an_id_that_a_list_leaves_out_is_null_without_an_error(signed_in: Graph) -> None:
    answer = await fetch(signed_in, [IDS[0], "5", IDS[1]])
    assert found(answer) == [IDS[0], None, IDS[1]]
    assert "errors" not in answer
    assert kinds(signed_in) == ["list-by-ids"]


async def test_a_missing_record_can_be_confirmed_singly() -> None:
    async with open_graph(NEXUDUS_CONFIRM_MISSING="true") as graph:
        assert found(await fetch(graph, [IDS[0], "5"])) == [IDS[0], None]
        assert reads(graph) == ["list-by-ids", "get"]


async def test_the_first_404_of_a_list_is_confirmed_once(signed_in: Graph) -> None:
    assert found(await fetch(signed_in, ABSENT[:3])) == [None, None, None]
    assert kinds(signed_in) == ["list-by-ids", "get"]

    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, ABSENT[3:6])) == [None, None, None]
    assert kinds(signed_in) == ["list-by-ids"]

    # Not for ever: on the day on which it means that there is no such route, every record would be missing.
    await asyncio.sleep(DOUBT_SECONDS)
    signed_in.simulator.nexudus.faults.add(FAULTS["404"], times=None, kinds={"list-by-ids"})
    assert found(await fetch(signed_in, IDS[:4])) == IDS[:4]


async def test_a_404_of_a_route_that_does_not_exist_is_not_taken_for_missing_records(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS["404"], times=None, kinds={"list-by-ids"})

    assert found(await fetch(signed_in, IDS[:4])) == IDS[:4]
    assert kinds(signed_in) == ["list-by-ids", *["get"] * 4]

    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[4:7])) == IDS[4:7]
    assert kinds(signed_in) == ["get"] * 3


async def test_an_empty_page_needs_no_confirmation(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.list_none_found = "empty"
    assert found(await fetch(signed_in, ABSENT[:3])) == [None, None, None]
    assert kinds(signed_in) == ["list-by-ids"]


async def test_an_ignored_filter_is_detected_and_not_tried_again_for_some_minutes(
    signed_in: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 18: rows that were not asked for are never served."""
    signed_in.simulator.nexudus.list_filter_ignored = True
    wanted = [*IDS[150:155], "5"]

    with caplog.at_level(logging.WARNING):
        assert found(await fetch(signed_in, wanted)) == [*IDS[150:155], None]
    assert kinds(signed_in) == ["list-by-ids", *["get"] * 6]
    assert logged.lines(caplog) == [
        "nexudus: list-by-ids is switched off: it answered with records that were not asked for"
    ]

    signed_in.simulator.nexudus.calls.clear()
    signed_in.simulator.nexudus.list_filter_ignored = False
    assert found(await fetch(signed_in, IDS[40:43])) == IDS[40:43]
    assert kinds(signed_in) == ["get"] * 3

    await asyncio.sleep(DOUBT_SECONDS)
    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[40:43])) == IDS[40:43]
    assert kinds(signed_in) == ["list-by-ids"]


@pytest.mark.parametrize("field", ["CoworkerId", "TeamDescription", "UtmTerm"])
async def test_incomplete_rows_are_fetched_singly(signed_in: Graph, field: str) -> None:
    signed_in.simulator.nexudus.partial_fields = {field}
    answer = await fetch(signed_in, IDS[:3], "sourceId customer { sourceId } team { description } utm { term }")

    assert answer["data"]["opportunitiesById"][0] == {
        "sourceId": IDS[0],
        "customer": {"sourceId": "1415000201"},
        "team": {"description": "Hardware start-up (invented for this example)"},
        "utm": {"term": "private office riverside"},
    }
    assert kinds(signed_in) == ["list-by-ids", *["get"] * 3]


async def test_a_field_that_the_account_never_sends_does_not_cost_a_request_each_time(signed_in: Graph) -> None:
    nexudus = signed_in.simulator.nexudus
    nexudus.partial_fields = {"UtmTerm"}
    nexudus.faults.add(
        faults.mutate(lambda record: {k: v for k, v in record.items() if k != "UtmTerm"}), times=None, kinds={"get"}
    )
    assert found(await fetch(signed_in, IDS[:3])) == IDS[:3]
    nexudus.calls.clear()

    assert found(await fetch(signed_in, IDS[3:6])) == IDS[3:6]
    assert kinds(signed_in) == ["list-by-ids"]


@pytest.mark.parametrize(
    "fault", ["invalid-json", "not-successful", "html", "null", "list", "empty", "truncated", "400", "ooops-400"]
)
async def test_a_list_that_cannot_be_used_falls_back_to_single_requests(signed_in: Graph, fault: str) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"list-by-ids"})

    answer = await fetch(signed_in, IDS[:3])
    assert found(answer) == IDS[:3]
    assert "errors" not in answer
    assert kinds(signed_in).count("get") == 3


@pytest.mark.parametrize("fault", ["500", "ooops-400", "invalid-json"])
async def test_lists_that_always_fail_cost_three_requests_and_are_left_alone_for_some_minutes(
    signed_in: Graph, fault: str
) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"list-by-ids"})
    assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
    # The list, and its halves in case that one of its rows stops it.
    assert sorted(kinds(signed_in)) == [*["get"] * 50, *["list-by-ids"] * 3]

    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[50:60])) == IDS[50:60]
    assert kinds(signed_in) == ["get"] * 10

    await asyncio.sleep(DOUBT_SECONDS)
    signed_in.simulator.nexudus.faults.clear()
    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[50:60])) == IDS[50:60]
    assert kinds(signed_in) == ["list-by-ids"]


@pytest.mark.parametrize("row", [0, 1, 2, 24, 25, 26, 48, 49])
async def test_a_row_that_stops_lists_is_found_by_halves_and_asked_for_by_itself_from_then_on(
    signed_in: Graph, row: int
) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS["500"], times=None, kinds={"list-by-ids"}, ids={IDS[row]})
    assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
    assert len(reads(signed_in)) <= 16

    for _ in range(2):
        signed_in.simulator.nexudus.calls.clear()
        assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
        assert sorted(kinds(signed_in)) == ["get", "list-by-ids"]

    await asyncio.sleep(DOUBT_SECONDS)
    signed_in.simulator.nexudus.faults.clear()
    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
    assert kinds(signed_in) == ["list-by-ids"]


async def test_a_row_that_stops_lists_and_cannot_be_read_by_itself_keeps_nobody_from_its_neighbours(
    signed_in: Graph,
) -> None:
    await fetch(signed_in, IDS[100:103])  # lists work
    signed_in.simulator.nexudus.faults.add(FAULTS["500"], times=None, ids={IDS[9]})
    for _ in range(2):
        assert found(await fetch(signed_in, IDS[:50])) == [*IDS[:9], None, *IDS[10:50]]
    assert found(await fetch(signed_in, IDS[100:103])) == IDS[100:103]


@pytest.mark.parametrize("rows", [{0, 1}, {1, 2}, {3, 40}, {10, 11, 12}])
async def test_several_rows_that_stop_lists_cost_no_record(signed_in: Graph, rows: set[int]) -> None:
    await fetch(signed_in, IDS[100:103])
    bad = {IDS[row] for row in rows}
    signed_in.simulator.nexudus.faults.add(FAULTS["500"], times=None, kinds={"list-by-ids"}, ids=bad)
    for count in (2, 3, 50, 50):
        assert found(await fetch(signed_in, IDS[:count])) == IDS[:count]


async def test_lists_that_stop_working_are_given_up_when_both_halves_fail(signed_in: Graph) -> None:
    await fetch(signed_in, IDS[100:103])
    signed_in.simulator.nexudus.calls.clear()
    signed_in.simulator.nexudus.faults.add(FAULTS["500"], times=None, kinds={"list-by-ids"})
    assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
    assert sorted(kinds(signed_in)) == ["get"] * 50 + ["list-by-ids"] * 3


async def test_one_thin_record_is_no_reason_to_believe_thin_rows(signed_in: Graph) -> None:
    """It takes two in a row; and what single records have again is expected of rows again."""
    nexudus = signed_in.simulator.nexudus
    thin = faults.mutate(lambda record: {k: v for k, v in record.items() if k != "UtmTerm"})
    nexudus.faults.add(thin, times=1, kinds={"get"})
    nexudus.partial_fields = {"UtmTerm"}
    await fetch(signed_in, IDS[10:11])
    nexudus.calls.clear()

    answer = await fetch(signed_in, IDS[:3], "sourceId utm { term }")
    assert answer["data"]["opportunitiesById"][0]["utm"] == {"term": "private office riverside"}
    assert kinds(signed_in) == ["list-by-ids", *["get"] * 3]


async def test_that_rows_lack_what_single_records_lack_is_found_out_with_two_of_them_and_again_in_some_minutes(
    signed_in: Graph,
) -> None:
    nexudus = signed_in.simulator.nexudus
    nexudus.partial_fields = {"UtmTerm"}
    thin = faults.mutate(lambda record: {k: v for k, v in record.items() if k != "UtmTerm"})
    nexudus.faults.add(thin, times=None, kinds={"get"})
    assert found(await fetch(signed_in, IDS[:50])) == IDS[:50]
    assert kinds(signed_in) == ["list-by-ids", "get", "get"]

    nexudus.faults.clear()
    await asyncio.sleep(DOUBT_SECONDS)
    nexudus.calls.clear()
    answer = await fetch(signed_in, IDS[:1] + IDS[60:62], "sourceId utm { term }")
    assert answer["data"]["opportunitiesById"][0]["utm"] == {"term": "private office riverside"}
    assert kinds(signed_in) == ["list-by-ids", *["get"] * 3]


async def test_an_outage_is_not_multiplied_by_the_number_of_ids(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS["invalid-json"], times=None)

    answer = await fetch(signed_in, IDS[:50])
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"] * 50
    assert kinds(signed_in) == ["list-by-ids", "get"]


async def test_a_missing_list_role_falls_back_to_single_requests_for_some_minutes(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.list_role_missing = True

    assert found(await fetch(signed_in, IDS[:3])) == IDS[:3]
    assert kinds(signed_in) == ["list-by-ids", "token-refresh", "list-by-ids", *["get"] * 3]

    signed_in.simulator.nexudus.calls.clear()
    assert found(await fetch(signed_in, IDS[3:6])) == IDS[3:6]
    assert kinds(signed_in) == ["get"] * 3


async def test_another_record_than_the_one_asked_for_is_never_served(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS["another-record"], times=None, kinds={"get"})

    answer = await fetch(signed_in, IDS[:1])
    assert found(answer) == [None]
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"]


async def test_one_broken_record_of_a_list_hurts_no_other(signed_in: Graph) -> None:
    broken = faults.mutate(lambda record: {**record, "Status": "broken"})
    signed_in.simulator.nexudus.faults.add(broken, times=None, ids={IDS[1]})

    answer = await fetch(signed_in, IDS[:3])
    assert found(answer) == [IDS[0], None, IDS[2]]
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"]
    assert answer["errors"][0]["path"] == ["opportunitiesById", 1]
    assert kinds(signed_in) == ["list-by-ids", "get"]


async def test_half_a_surrogate_pair_in_one_of_fifty_rows_costs_no_request_and_no_record(signed_in: Graph) -> None:
    signed_in.simulator.nexudus.faults.add(FAULTS["half-surrogate"], times=None, ids={IDS[20]})

    answer = await fetch(signed_in, IDS[:50], "sourceId stageName")
    assert found(answer) == IDS[:50]
    assert [
        number for number, row in enumerate(answer["data"]["opportunitiesById"]) if "\ufffd" in row["stageName"]
    ] == [20]
    assert kinds(signed_in) == ["list-by-ids"]


@pytest.mark.parametrize(
    "bad",
    [
        {"Notes": float("nan")},
        {"Value": float("inf")},
        {"Name": 5},
        {"DueDate": "yesterday"},
        {"Status": None},
    ],
    ids=["NaN", "infinity", "a number", "no date", "null"],
)
async def test_a_row_of_fifty_that_cannot_be_read_costs_one_more_request_and_its_own_record(
    signed_in: Graph, bad: dict[str, Any]
) -> None:
    change = faults.mutate(lambda record: {**record, **bad})
    signed_in.simulator.nexudus.faults.add(change, times=None, ids={IDS[20]})

    answer = await fetch(signed_in, IDS[:50])
    assert found(answer) == [*IDS[:20], None, *IDS[21:50]]
    assert codes(answer) == ["UPSTREAM_BAD_RESPONSE"]
    assert kinds(signed_in) == ["list-by-ids", "get"]


async def test_unknown_codes_are_served_and_reported_once(signed_in: Graph, caplog: pytest.LogCaptureFixture) -> None:
    unknown = str(NEXUDUS_SPECIAL["unknown status"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            answer = await fetch(signed_in, [unknown], "status statusCode leadSource leadSourceCode")

    assert answer["data"]["opportunitiesById"] == [
        {"status": None, "statusCode": 4, "leadSource": "GOOGLE_SEARCH", "leadSourceCode": 19}
    ]
    assert logged.lines(caplog) == ["nexudus sent an unknown Status: 4"]


async def test_an_id_beyond_32_bits_is_fetched_like_any_other(signed_in: Graph) -> None:
    large = str(NEXUDUS_SPECIAL["large id"])
    assert found(await fetch(signed_in, [large, IDS[0]])) == [large, IDS[0]]


@pytest.mark.parametrize("ending", ["", "/"])
async def test_a_base_url_may_carry_a_path_and_end_in_a_slash(ending: str) -> None:
    simulator = Simulator()
    async with simulator.serve() as urls:
        assert urls.nexudus.endswith("/nexudus")
        given = simulator.environment(urls) | {"NEXUDUS_URL": urls.nexudus + ending, "SYNC_ENABLED": "false"}
        settings = AllSettings(given)
        app = create_app(settings, clock=loops.now)
        async with app.router.lifespan_context(app):
            assert found(await fetch(Graph(app, simulator), IDS[:2])) == IDS[:2]
    assert [call.path for call in simulator.nexudus.calls] == ["/api/token", "/api/crm/crmopportunities"]


async def test_a_renewal_under_a_ration_is_not_held_up_by_a_fetch_that_waits_for_it() -> None:
    """A fetch that had its permit already, and found the token gone, kept the renewal waiting for that permit."""
    simulator = Simulator()
    async with open_graph(simulator, NEXUDUS_RATIONED="true") as graph:
        simulator.nexudus.latency_seconds = (0.15, 0.15)
        await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { name } }')
        simulator.nexudus.expire_tokens()
        asked = []
        for number in range(15):
            query = f'{{ nexudusOpportunity(sourceId: "{1427000510 + number}") {{ sourceId }} }}'
            asked.append(asyncio.create_task(graph.ask(query)))
            await asyncio.sleep(0.02)

        assert not [answer["errors"] for answer in await asyncio.gather(*asked) if "errors" in answer]
        assert [call.kind for call in simulator.nexudus.calls].count("token-refresh") == 1
