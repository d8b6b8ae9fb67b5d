"""`opportunityChanges`: `schema.deals.changes`, with `schema.deals.change_list`, `schema.deals.change_filter`
and `schema.deals.change_values`.
"""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schema.deals.change_values import text_of
from schema.deals.service import StoreOutage
from store import change_log
from store.changes import Field
from store.database import StoreUnavailable
from store.deals import Evidence, delete, purge, upsert
from store.tables import CHANGE_LOG, CHANGES, DEALS
from tests.deal_lists import ALL, NOTHING, NOW, WITHOUT_CONTACTS, DealGraph, deal, open_deals, simulated
from tests.stores import begin_log, copied, key, put_back

LOG = (DEALS, CHANGES, CHANGE_LOG)

NEXUDUS = simulated()["nexudus"][0]
NEXUDUS_ID = "bmV4dWR1czoxNDI3MDAwNTAx"
CHARTMOGUL = next(one for one in simulated()["chartmogul"] if one.uuid == "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc")
CHARTMOGUL_ID = "Y2hhcnRtb2d1bDo0ZWUxM2NhNC1lN2ZlLTExZWUtZmE3Zi1mMzAzYWJmNDFhY2M"

PAGE = """query($first: Int, $after: String, $filter: OpportunityChangeFilter, $sources: [String!]) {
  opportunityChanges(first: $first, after: $after, filter: $filter, sources: $sources) {
    edges { cursor node { opportunityId } }
    nodes {
      kind opportunityId source sourceId observedAt origin
      fields { field before after valueBefore { amount currencyCode } valueAfter { amount currencyCode } }
      opportunity { id status asOf }
    }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    latestCursor
  }
}"""


def nexudus(at: float = 1, **given: Any) -> Any:
    return deal("nexudus", msgspec.structs.replace(NEXUDUS, **given), NOW + at)


def chartmogul(at: float = 1, **given: Any) -> Any:
    return deal("chartmogul", msgspec.structs.replace(CHARTMOGUL, **given), NOW + at)


@pytest.fixture
async def graph() -> AsyncIterator[DealGraph]:
    """A graph over a store that has one deal of each source, and had a complete sweep of both."""
    async with open_deals(deal("nexudus", NEXUDUS), deal("chartmogul", CHARTMOGUL)) as found:
        await found.database.write(lambda connection: begin_log(connection, "nexudus"))
        await found.database.write(lambda connection: begin_log(connection, "chartmogul"))
        yield found


async def page(graph: DealGraph, access: Any = ALL, **asked: Any) -> Any:
    return (await graph.data(PAGE, access, **asked))["opportunityChanges"]


def told(found: Any) -> list[Any]:
    return [(one["kind"], one["source"], *[each["field"] for each in one["fields"]]) for one in found["nodes"]]


async def test_a_change_says_what_when_by_what_and_what_the_deal_is_now(graph: DealGraph) -> None:
    await graph.fill([nexudus(60, status=2, value=Decimal("5000.5"))])
    (found,) = (await page(graph))["nodes"]
    assert found == {
        "kind": "UPDATED",
        "opportunityId": NEXUDUS_ID,
        "source": "NEXUDUS",
        "sourceId": "1427000501",
        "observedAt": "2026-02-25T06:14:20Z",
        "origin": "READ",
        "fields": [
            {"field": "STATUS", "before": "OPEN", "after": "WON", "valueBefore": None, "valueAfter": None},
            {
                "field": "VALUE",
                "before": "4800 EUR",
                "after": "5000.5 EUR",
                "valueBefore": {"amount": "4800", "currencyCode": "EUR"},
                "valueAfter": {"amount": "5000.5", "currencyCode": "EUR"},
            },
        ],
        "opportunity": {"id": NEXUDUS_ID, "status": "WON", "asOf": "2026-02-25T06:14:20Z"},
    }


async def test_values_are_written_as_the_graph_writes_them(graph: DealGraph) -> None:
    await graph.fill(
        [
            chartmogul(
                forecast_category="won",
                win_likelihood=100,
                estimated_close_date=CHARTMOGUL.estimated_close_date.replace(day=2),
                type="one-time",
            ),
            nexudus(
                due_date=NEXUDUS.due_date.replace(day=3), loss_reason=4, status=3, responsible_full_name="Öl Müller"
            ),
        ]
    )
    found = {
        each["field"]: (each["before"], each["after"])
        for one in (await page(graph))["nodes"]
        for each in one["fields"]
        if (one["source"], each["field"]) != ("CHARTMOGUL", "STATUS")
    }
    assert found == {
        "STATUS": ("OPEN", "LOST"),
        "DUE_DATE": ("2026-02-20T09:00:00Z", "2026-02-03T09:00:00Z"),
        "LOSS_REASON": (None, "PRICE"),
        "OWNER": ("Testy McAdminface", "Öl Müller"),
        "WIN_LIKELIHOOD": ("40", "100"),
        "FORECAST_CATEGORY": ("BEST_CASE", "WON"),
        "ESTIMATED_CLOSE_DATE": ("2024-04-21", "2024-04-02"),
        "KIND": ("recurring", "one-time"),
    }


def test_null_is_not_zero_and_an_amount_is_not_without_its_currency() -> None:
    assert text_of(Field.VALUE, (0, "EUR", 0)) == "0 EUR"
    assert [text_of(Field.VALUE, held) for held in (None, (None, "EUR", 0), (5, None, 0), (None, "EUR", 1))] == [
        None
    ] * 4
    assert text_of(Field.WIN_LIKELIHOOD, (0,)) == "0"
    assert text_of(Field.STATUS, ("a status of a later version",)) is None
    assert text_of(Field.OWNER, ("a@example.com", "Ada")) == "a@example.com"
    assert text_of(Field.VALUE, (10**18, "EUR", 0)) == "1000000000000 EUR"


async def test_a_deleted_deal_is_null_and_tells_what_it_had_until_that_is_erased(graph: DealGraph) -> None:
    gone = [key("nexudus:1427000501")]
    await graph.database.write(lambda c: delete(c, gone, evidence=Evidence.AUDIT, at=int((NOW + 5) * 1e6)))
    (found,) = (await page(graph))["nodes"]
    assert (found["kind"], found["origin"], found["opportunity"]) == ("DELETED", "AUDIT_TRAIL", None)
    assert {"field": "STATUS", "before": "OPEN", "after": None, "valueBefore": None, "valueAfter": None} in found[
        "fields"
    ]
    await graph.database.write(lambda c: purge(c, deleted_before=int((NOW + 6) * 1e6)))
    (found,) = (await page(graph))["nodes"]
    assert (found["kind"], found["sourceId"], found["fields"]) == ("DELETED", "1427000501", None)


async def test_a_poller_learns_of_every_change_once_in_its_order(graph: DealGraph) -> None:
    """Also when it asked and nothing had happened, and while others write."""
    empty = await page(graph)
    assert (empty["nodes"], empty["pageInfo"]["startCursor"]) == ([], None)
    cursor, seen = empty["pageInfo"]["endCursor"], []
    for number in range(1, 8):
        await graph.fill([nexudus(number, value=Decimal(number)), chartmogul(number, amount_in_cents=number)])
        if number % 3 == 0:
            while True:
                found = await page(graph, after=cursor, first=2)
                assert [edge["node"]["opportunityId"] for edge in found["edges"]] == [
                    one["opportunityId"] for one in found["nodes"]
                ]
                seen += [(one["source"], one["fields"][0]["after"].split()[0]) for one in found["nodes"]]
                cursor = found["pageInfo"]["endCursor"]
                if not found["pageInfo"]["hasNextPage"]:
                    break
    assert seen == [
        pair
        for number in range(1, 7)
        for pair in (("NEXUDUS", str(number)), ("CHARTMOGUL", str(Decimal(number) / 100)))
    ]


async def test_a_cursor_of_an_edge_goes_on_behind_it(graph: DealGraph) -> None:
    await graph.fill([nexudus(status=2), chartmogul(win_likelihood=1)])
    first = await page(graph)
    assert first["pageInfo"]["hasPreviousPage"] is False
    rest = await page(graph, after=first["edges"][0]["cursor"])
    assert told(rest) == [("UPDATED", "CHARTMOGUL", "WIN_LIKELIHOOD")]
    assert rest["pageInfo"]["hasPreviousPage"] is True
    assert first["edges"][1]["cursor"] == first["pageInfo"]["endCursor"] == first["latestCursor"]
    assert (await page(graph, after=first["latestCursor"]))["nodes"] == []


async def test_what_was_won_is_one_filter_away(graph: DealGraph) -> None:
    await graph.fill([nexudus(status=2), chartmogul(forecast_category="lost")])
    await graph.fill([chartmogul(2, forecast_category="lost", win_likelihood=3)])
    assert told(await page(graph, filter={"statusAfter": {"eq": "WON"}})) == [("UPDATED", "NEXUDUS", "STATUS")]
    both = await page(graph, filter={"statusAfter": {"in": ["WON", "LOST"]}})
    assert [one["source"] for one in both["nodes"]] == ["NEXUDUS", "CHARTMOGUL"]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"kind": {"eq": "UPDATED"}}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"kind": {"in": ["CREATED", "DELETED"]}}, []),
        ({"kind": {"eq": "CREATED", "in": ["UPDATED"]}}, []),
        ({"kind": {}}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"origin": {"eq": "READ"}}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"origin": {"eq": "SWEEP"}}, []),
        ({"field": {"eq": "STATUS"}}, ["NEXUDUS"]),
        ({"field": {"in": ["WIN_LIKELIHOOD", "STATUS"]}}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"opportunityId": {"eq": NEXUDUS_ID}}, ["NEXUDUS"]),
        ({"opportunityId": {"in": [CHARTMOGUL_ID]}}, ["CHARTMOGUL"]),
        ({"opportunityId": {"notIn": [CHARTMOGUL_ID]}}, ["NEXUDUS"]),
        ({"observedAt": {"gt": "2026-02-25T06:13:21Z"}}, ["CHARTMOGUL"]),
        ({"observedAt": {"eq": "2026-02-25T06:13:21Z"}}, ["NEXUDUS"]),
        ({"observedAt": {"relative": {"unit": "DAY", "from": 0, "to": 0}}}, ["NEXUDUS", "CHARTMOGUL"]),
        ({"observedAt": {"isNull": False}}, ["NEXUDUS", "CHARTMOGUL"]),
    ],
)
async def test_filters(graph: DealGraph, filter_: Any, expected: list[str]) -> None:
    await graph.fill([nexudus(1, status=2)])
    await graph.fill([chartmogul(9, win_likelihood=3)])
    assert [one["source"] for one in (await page(graph, filter=filter_))["nodes"]] == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"first": 0}, "`first` must be from 1 to 200, not 0."),
        ({"first": 201}, "`first` must be from 1 to 200, not 201."),
        ({"after": "x"}, "`after` is no cursor of this graph: pass back a `cursor` unchanged."),
        ({"sources": ["sap"]}, "`sources[0]` must be one of nexudus, chartmogul."),
        ({"filter": {"opportunityId": {"eq": "7"}}}, "`filter.opportunityId.eq`: This is not the id of an opp"),
        ({"filter": {"opportunityId": {"in": [NEXUDUS_ID, "7"]}}}, "`filter.opportunityId.in[1]`: This is not the id"),
        ({"filter": {"opportunityId": {"notIn": ["7"]}}}, "`filter.opportunityId.notIn[0]`: This is not the id"),
        ({"filter": {"kind": {"eq": None}}}, "`filter.kind.eq` must not be null: leave it out."),
        ({"filter": {"observedAt": {"lt": "soon"}}}, "`filter.observedAt.lt` must be "),
        ({"filter": {"observedAt": {"isNull": True}}}, "`filter.observedAt.isNull` can only be false"),
        (
            {"filter": {"opportunityId": {"in": [NEXUDUS_ID] * 101}}},
            "`filter` may have at most 100 values",
        ),
    ],
)
async def test_what_cannot_be_asked_is_refused_at_its_field(graph: DealGraph, asked: Any, message: str) -> None:
    code, said, path = await graph.refusal(PAGE, **asked)
    assert (code, path) == ("BAD_USER_INPUT", ["opportunityChanges"])
    assert said.startswith(message)


async def test_a_cursor_of_another_list_or_with_other_values_is_refused(graph: DealGraph) -> None:
    cursor = (await page(graph))["latestCursor"]
    code, said, _ = await graph.refusal(PAGE, after=cursor, filter={"kind": {"eq": "CREATED"}})
    assert (code, said) == (
        "BAD_USER_INPUT",
        "`after` is a cursor of another list: `filter` and `sources` must be those that it came with.",
    )
    version, hash_, *own = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    generation, position, mark = own
    odd: list[list[Any]] = [own[:2], [*own, 1], *([generation, one, mark] for one in ("x", -1, True, 2**70))]
    for values in (*odd, [generation, position, "x"]):
        made_up = base64.urlsafe_b64encode(json.dumps([version, hash_, *values]).encode()).rstrip(b"=").decode()
        code, said, _ = await graph.refusal(PAGE, after=made_up)
        is_other_version = len(values) != len(own)
        assert (code, "another version of this graph" in said) == ("BAD_USER_INPUT", is_other_version)
    ahead = base64.urlsafe_b64encode(json.dumps([version, hash_, generation, position + 1, mark]).encode()).decode()
    assert (await graph.refusal(PAGE, after=ahead))[0] == "CURSOR_EXPIRED"


async def test_fault_12_who_was_away_for_too_long_is_told_so_and_misses_nothing_silently(graph: DealGraph) -> None:
    await graph.fill([nexudus(1, value=Decimal(1))])
    cursor = (await page(graph))["pageInfo"]["endCursor"]
    for number in (2, 3, 4):
        await graph.fill([nexudus(number, value=Decimal(number))])
    assert len((await page(graph, after=cursor))["nodes"]) == 3
    await graph.database.write(lambda connection: change_log.prune(connection, most=3, seen_before=0))
    assert len((await page(graph, after=cursor))["nodes"]) == 3, "all behind it is there"
    await graph.database.write(lambda connection: change_log.prune(connection, most=2, seen_before=0))
    code, said, path = await graph.refusal(PAGE, after=cursor)
    assert (code, path) == ("CURSOR_EXPIRED", ["opportunityChanges"])
    assert "read `opportunities` anew, and begin without `after`" in said
    oldest = await page(graph, first=1)
    assert len((await page(graph, after=oldest["pageInfo"]["endCursor"]))["nodes"]) == 1, "all that is kept can be read"


async def test_a_cursor_that_is_younger_than_a_backup_which_was_put_back_has_expired(graph: DealGraph) -> None:
    """Also when as much has happened since as before, and the log goes further than the cursor."""
    await graph.fill([nexudus(1, value=Decimal(1))])
    older = (await page(graph))["latestCursor"]
    backup = await graph.database.read(lambda connection: [(one, copied(connection, one)) for one in LOG])
    await graph.fill([nexudus(2, value=Decimal(2))])
    younger = (await page(graph))["edges"][-1]["cursor"]
    assert (await page(graph, after=younger))["nodes"] == []
    await graph.database.write(lambda connection: [put_back(connection, *one) for one in backup])
    for number in (3, 4):
        assert (await graph.refusal(PAGE, after=younger))[0] == "CURSOR_EXPIRED"
        await graph.fill([nexudus(number, value=Decimal(number))])
    assert len((await page(graph, after=older))["nodes"]) == 2, "all that has happened to what it knows is there"
    assert (await graph.refusal(PAGE, after=younger))[0] == "CURSOR_EXPIRED"


async def test_a_cursor_from_before_a_source_was_read_for_the_first_time_has_expired() -> None:
    """Who had it does not know the deals that were found then."""
    async with open_deals() as graph:
        cursor = (await page(graph))["latestCursor"]
        await graph.database.write(lambda connection: begin_log(connection, "nexudus"))
        assert (await graph.refusal(PAGE, after=cursor))[0] == "CURSOR_EXPIRED"


async def test_only_the_sources_that_are_asked_for(graph: DealGraph) -> None:
    await graph.fill([nexudus(status=2), chartmogul(win_likelihood=3)])
    assert [one["source"] for one in (await page(graph, sources=["ChartMogul"]))["nodes"]] == ["CHARTMOGUL"]
    assert (await page(graph, sources=[]))["nodes"] == []


async def test_a_source_without_credentials_is_hidden(graph: DealGraph) -> None:
    await graph.fill([nexudus(status=2), chartmogul(win_likelihood=3)])
    graph.deals = replace(graph.deals, unconfigured=frozenset({"nexudus"}))
    assert [one["source"] for one in (await page(graph))["nodes"]] == ["CHARTMOGUL"]


async def test_who_may_not_see_personal_data_sees_that_it_changed_and_not_what_it_was(graph: DealGraph) -> None:
    await graph.fill([nexudus(responsible_full_name="Ada Examplesson", name="For Ada", status=2)])
    answer = await graph.ask(PAGE, WITHOUT_CONTACTS)
    (found,) = answer["data"]["opportunityChanges"]["nodes"]
    shown = {one["field"]: (one["before"], one["after"]) for one in found["fields"]}
    assert shown == {"STATUS": ("OPEN", "WON"), "OWNER": (None, None), "NAME": (None, None)}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"] * 4
    assert answer["errors"][0]["path"] == ["opportunityChanges", "nodes", 0, "fields", 1, "before"]
    assert "Ada" not in json.dumps(answer)
    for name in ("OWNER", "NAME"):
        code, message, _ = await graph.refusal(PAGE, WITHOUT_CONTACTS, filter={"field": {"in": ["STATUS", name]}})
        assert (code, f"list by `{name}` in `filter.field`, which" in message) == ("FORBIDDEN", True)
    assert len((await page(graph, filter={"field": {"eq": "OWNER"}}))["nodes"]) == 1


async def test_who_may_not_read_opportunities_reads_no_changes(graph: DealGraph) -> None:
    assert (await graph.refusal(PAGE, NOTHING))[0] == "FORBIDDEN"


async def test_a_store_that_cannot_be_read_is_said_so(graph: DealGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(graph.database, "read", fail)
    assert (await graph.refusal(PAGE))[0] == StoreOutage.code


async def test_a_server_that_keeps_no_changes_says_so(graph: DealGraph) -> None:
    graph.deals = replace(graph.deals, keeps_changes=False)
    answer = await graph.ask(PAGE)
    (error,) = answer["errors"]
    assert error["message"] == "This server keeps no changes: STORE_CHANGES_DAYS is 0."
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("STORE_UNAVAILABLE", False)


async def test_an_answer_holds_until_the_log_is_another_one(graph: DealGraph) -> None:
    """`schema.deals.validity` goes by the store's number, which what is written, dropped or erased moves."""

    async def validator(**asked: Any) -> Any:
        await page(graph, **asked)
        assert graph.context is not None
        return graph.context.validator()

    holds = await validator()
    assert holds()
    await graph.fill([nexudus(status=2)])
    assert not holds()
    holds = await validator()
    await graph.database.write(lambda connection: change_log.prune(connection, most=0, seen_before=0))
    assert not holds()
    assert await validator(filter={"observedAt": {"relative": {"unit": "DAY", "from": -1, "to": 0}}}) is None


async def test_the_copies_of_a_page_are_read_by_one_statement(
    graph: DealGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await graph.fill([nexudus(number, value=Decimal(number)) for number in (1,)])
    for number in range(2, 9):
        await graph.fill([nexudus(number, value=Decimal(number)), chartmogul(number, win_likelihood=number)])
    reads = 0
    read = graph.database.read

    async def counted(work: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(work)

    monkeypatch.setattr(graph.database, "read", counted)
    assert len((await page(graph))["nodes"]) == 15
    assert reads == 2


async def test_a_copy_that_cannot_be_read_is_an_error_at_its_place(graph: DealGraph) -> None:
    await graph.fill([nexudus(status=2), chartmogul(win_likelihood=3)])
    broken = replace(nexudus(5, status=3), body=b"{")
    await graph.database.write(lambda connection: upsert(connection, [broken]))
    answer = await graph.ask(PAGE)
    nodes = answer["data"]["opportunityChanges"]["nodes"]
    assert [one["opportunity"] is None for one in nodes] == [True, False, True]
    assert {tuple(error["path"]) for error in answer["errors"]} == {
        ("opportunityChanges", "nodes", place, "opportunity") for place in (0, 2)
    }


@pytest.mark.parametrize(("first", "is_refused"), [(152, False), (153, True)])
async def test_the_limits_count_each_field_that_may_have_changed(
    graph: DealGraph, first: int, is_refused: bool
) -> None:
    texts = " ".join(f"a{number}: before b{number}: after" for number in range(6))
    asked = f"{{ opportunityChanges(first: {first}) {{ nodes {{ fields {{ {texts} }} }} }} }}"
    if is_refused:
        code, said, path = await graph.refusal(asked)
        assert (code, path) == ("BAD_USER_INPUT", None)
        assert said.startswith("This asks for too much: at most 24,000 fields in the answer are allowed, not 24,0")
    else:
        assert "errors" not in await graph.ask(asked)


async def test_the_limits_count_the_changes_of_a_page(graph: DealGraph) -> None:
    def asked(*sizes: int) -> str:
        pages = [f"p{size}: opportunityChanges(first: {size}) {{ nodes {{ kind }} }}" for size in sizes]
        return f"{{ {' '.join(pages)} }}"

    assert "errors" not in await graph.ask(asked(199, 1))
    assert await graph.refusal(asked(199, 2)) == (
        "BAD_USER_INPUT",
        "This asks for too much: at most 200 records are allowed, not 201: `p199` asks for 199 of them, by `first`.",
        None,
    )
