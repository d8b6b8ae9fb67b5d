"""How old an answer may be: `schema.deals.freshness`, `schema.deals.stored_first`.

And `schema.deals.source_info`, `schema.deals.source_status`: how old it is.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import Connection

from schema.deals import stored_first
from schema.deals.source_status import SourceCapability, SourceState
from store.deals import Evidence, delete, doubt
from store.sweeps import (
    begin_sweep,
    continue_sweep,
    finish_sweep,
    forget_changes_until,
    note_misses,
    note_watermarks,
)
from tests import loops
from tests.deal_lists import ALL, NOTHING, NOW, DealGraph, Sync, deal, open_deals, simulated, status
from tests.harness import open_graph
from tests.waiting import PATIENCE_SECONDS

LOOPS = loops.WITH_ITS_OWN_TIME
NEXUDUS = simulated()["nexudus"]
LIST = "query($f: FreshnessInput) { opportunities(freshness: $f) { totalCount } }"
TOTALS = "query($f: FreshnessInput) { opportunitySummary(groupBy: [], freshness: $f) { isComplete } }"


def freshness(seconds: int, on_stale: str = "WARN") -> dict[str, Any]:
    return {"maxAgeSeconds": seconds, "onStale": on_stale}


@pytest.mark.parametrize("query", [LIST, TOTALS])
@pytest.mark.parametrize("on_stale", ["WARN", "WAIT", "ERROR"])
async def test_a_copy_that_is_young_enough_answers_at_once(query: str, on_stale: str) -> None:
    async with open_deals() as graph:
        await graph.data(query, f=freshness(60, on_stale))
        assert graph.sync.refreshed == []


async def test_an_older_copy_answers_with_its_age_where_the_caller_only_wants_to_know() -> None:
    async with open_deals() as graph:
        query = "{ opportunities(freshness: {maxAgeSeconds: 59}) { sources { source ageSeconds asOf isComplete } } }"
        assert (await graph.data(query))["opportunities"]["sources"][0] == {
            "source": "nexudus",
            "ageSeconds": 60,
            "asOf": "2026-02-25T06:12:20Z",
            "isComplete": True,
        }


@pytest.mark.parametrize("query", [LIST, TOTALS])
async def test_an_older_copy_is_an_error_where_the_caller_insists(query: str) -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus", 60), status("chartmogul", 61)]
        code, message, _ = await graph.refusal(query, f=freshness(60, "ERROR"))
        assert (code, message) == ("STORE_STALE", "The store's copy is older than accepted: chartmogul.")


async def test_whoever_waits_gets_the_copy_that_was_renewed() -> None:
    def renew(sync: Sync) -> None:
        sync.known = [status("nexudus", 60), status("chartmogul", 0)]

    async with open_deals() as graph:
        graph.sync.known = [status("nexudus", 60), status("chartmogul", 61)]
        graph.sync.on_refresh = renew
        await graph.data(LIST, f=freshness(60, "WAIT"))
        assert graph.sync.refreshed == [["chartmogul"]]


async def test_a_copy_that_could_not_be_renewed_is_an_error_for_who_waits() -> None:
    async with open_deals() as graph:
        graph.sync.on_refresh = lambda _: None
        assert (await graph.refusal(LIST, f=freshness(5, "WAIT")))[0] == "STORE_STALE"


async def test_nobody_waits_beyond_the_deadline_of_the_operation() -> None:
    async with open_deals() as graph:
        graph.deadline_seconds = 0.01
        assert (await graph.refusal(LIST, f=freshness(5, "WAIT")))[0] == "STORE_STALE"
        assert graph.sync.refreshed == [["nexudus", "chartmogul"]]


def renewable(seconds: float) -> int:
    return int((NOW + seconds) * 1_000_000)


async def test_what_cannot_be_renewed_in_time_is_not_waited_for_but_hastened_and_says_when() -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus", 60), status("chartmogul", 61, renewable_at=renewable(20.5))]
        answer = await graph.ask(LIST, f=freshness(60, "WAIT"))
        assert answer["errors"][0]["extensions"] == {
            "code": "STORE_STALE",
            "retryable": True,
            "retryAfterSeconds": 21,
        }
        assert (graph.sync.refreshed, graph.sync.hastened) == ([], [["chartmogul"]])


@pytest.mark.parametrize("seconds", [-1, 4])
async def test_what_can_be_renewed_in_time_is_waited_for(seconds: float) -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus", 60), status("chartmogul", 61, renewable_at=renewable(seconds))]
        graph.sync.on_refresh = lambda sync: setattr(sync, "known", [status("nexudus", 60), status("chartmogul", 0)])
        await graph.data(LIST, f=freshness(60, "WAIT"))
        assert (graph.sync.refreshed, graph.sync.hastened) == ([["chartmogul"]], [])


async def test_a_source_that_was_never_complete_is_as_old_as_can_be() -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus"), status("chartmogul", None)]
        assert (await graph.refusal(LIST, f=freshness(315_360_000, "ERROR")))[0] == "STORE_STALE"


async def test_a_source_that_is_not_configured_is_old_only_for_who_names_it() -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("nexudus")]
        await graph.data(LIST, f=freshness(60, "ERROR"))
        query = (
            '{ opportunities(sources: ["chartmogul"], freshness: {maxAgeSeconds: 60, onStale: ERROR}) { totalCount } }'
        )
        assert (await graph.refusal(query))[0] == "STORE_STALE"


@pytest.mark.parametrize("seconds", [-1, 315_360_001])
async def test_an_age_that_makes_no_sense_is_refused(seconds: int) -> None:
    async with open_deals() as graph:
        code, message, path = await graph.refusal(LIST, f=freshness(seconds))
        assert (code, message) == (
            "BAD_USER_INPUT",
            "`freshness.maxAgeSeconds` must be from 0 to 315360000, which is ten years.",
        )
        assert path == ["opportunities"]


# --- records by id

BY_ID = """query($f: FreshnessInput) {
  opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx", freshness: $f) { sourceId asOf }
}"""


async def test_who_accepts_an_age_gets_the_stored_copy_without_a_request() -> None:
    async with open_deals(deal("nexudus", NEXUDUS[0], NOW - 60)) as graph:  # it has no source to ask
        shown = {"sourceId": "1427000501", "asOf": "2026-02-25T06:12:20Z"}
        assert await graph.data(BY_ID, f=freshness(60)) == {"opportunity": shown}
        query = """{
          opportunitiesById(ids: ["bmV4dWR1czoxNDI3MDAwNTAx"], freshness: {maxAgeSeconds: 60}) { sourceId asOf }
          nexudusOpportunity(sourceId: "01427000501", freshness: {maxAgeSeconds: 60}) { sourceId asOf }
          nexudusOpportunities(sourceIds: [1427000501], freshness: {maxAgeSeconds: 60}) { sourceId asOf }
        }"""
        assert await graph.data(query) == {
            "opportunitiesById": [shown],
            "nexudusOpportunity": shown,
            "nexudusOpportunities": [shown],
        }


async def asks_the_source(graph: DealGraph, seconds: int = 60) -> bool:
    answer = await graph.ask(BY_ID, f=freshness(seconds))
    return bool(answer.get("errors")) and answer["errors"][0]["extensions"]["code"] == "SOURCE_NOT_CONFIGURED"


async def test_the_source_is_asked_where_the_copy_will_not_do() -> None:
    copy = deal("nexudus", NEXUDUS[0], NOW - 60)
    async with open_deals(copy) as graph:
        assert await asks_the_source(graph, 59)
        assert not await asks_the_source(graph)
        await graph.database.write(
            lambda connection: delete(connection, [copy.id], evidence=Evidence.AUDIT, at=copy.read_at)
        )
        assert await asks_the_source(graph), "it is gone"
    async with open_deals(replace(copy, is_whole=False)) as graph:
        assert await asks_the_source(graph), "a list may have left fields out"
    async with open_deals() as graph:
        assert await asks_the_source(graph), "there is no copy"


async def test_the_source_is_asked_where_the_store_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would have no time left to answer."""

    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(stored_first, "LOOKUP_TIMEOUT_SECONDS", 0.0)
    async with open_deals(deal("nexudus", NEXUDUS[0], NOW - 60)) as graph, asyncio.timeout(PATIENCE_SECONDS):
        monkeypatch.setattr(graph.database, "read", hang)
        for _ in range(4):  # interpreted, and compiled
            assert await asks_the_source(graph)


async def test_a_copy_is_as_young_as_the_last_reading_that_would_have_shown_another() -> None:
    copy = deal("nexudus", NEXUDUS[0], NOW - 9_000)

    async def sweep(graph: DealGraph, seconds_ago: int, *seen: str, total: int = 1) -> None:
        def work(connection: Connection) -> None:
            number = begin_sweep(connection, "nexudus", at=int((NOW - seconds_ago) * 1e6))
            continue_sweep(connection, "nexudus", sweep=number, seen=seen, position=None, total=total)
            note_misses(connection, "nexudus", sweep=number)
            finish_sweep(connection, "nexudus", sweep=number, at=int(NOW * 1e6))

        await graph.database.write(work)

    async with open_deals(copy) as graph:
        assert await asks_the_source(graph)
        await sweep(graph, 50, copy.source_id)
        shown = {"sourceId": copy.source_id, "asOf": "2026-02-25T06:12:30Z"}
        assert await graph.data(BY_ID, f=freshness(60)) == {"opportunity": shown}
        assert await asks_the_source(graph, 49)
        await changes_are_known(graph, 20)
        shown = {"sourceId": copy.source_id, "asOf": "2026-02-25T06:13:00Z"}
        assert await graph.data(BY_ID, f=freshness(20)) == {"opportunity": shown}
        assert await asks_the_source(graph, 19)
        await graph.database.write(lambda connection: forget_changes_until(connection, "nexudus"))
        assert await asks_the_source(graph, 49), "what said so has left some out"
        await sweep(graph, 40, copy.source_id, total=2)
        assert await asks_the_source(graph), "there are deals that the store does not have"
        await sweep(graph, 30)
        assert await asks_the_source(graph), "the sweep did not see it"
        await changes_are_known(graph, 10)
        assert await asks_the_source(graph), "and so what has changed may not have it either"
        await graph.fill([replace(copy, read_at=int((NOW - 25) * 1e6))])
        assert not await asks_the_source(graph, 25), "a request has found it"
        assert await asks_the_source(graph, 24)


async def changes_are_known(graph: DealGraph, seconds_ago: int) -> None:
    until = int((NOW - seconds_ago) * 1e6)
    await graph.database.write(lambda connection: note_watermarks(connection, "nexudus", changes_until=until))


@pytest.mark.parametrize(("ahead", "is_confirmed"), [(59, True), (61, False)])
async def test_changes_that_a_clock_that_is_ahead_has_read_confirm_nothing(ahead: int, is_confirmed: bool) -> None:
    copy = deal("nexudus", NEXUDUS[0], NOW - 9_000)

    def sweep(connection: Connection) -> None:
        number = begin_sweep(connection, "nexudus", at=copy.read_at)
        finish_sweep(connection, "nexudus", sweep=number, at=copy.read_at)

    async with open_deals(copy) as graph:
        await graph.database.write(sweep)
        await changes_are_known(graph, -ahead)
        assert await asks_the_source(graph) is not is_confirmed


async def test_a_deal_that_was_doubted_is_confirmed_by_no_list() -> None:
    """As an increment does with a row that it cannot read, though it moves on."""
    copy = deal("nexudus", NEXUDUS[0], NOW - 9_000)

    def sweep_and_doubt(connection: Connection) -> None:
        number = begin_sweep(connection, "nexudus", at=int((NOW - 50) * 1e6))
        finish_sweep(connection, "nexudus", sweep=number, at=int(NOW * 1e6))
        doubt(connection, [copy.id])

    async with open_deals(copy) as graph:
        await graph.database.write(sweep_and_doubt)
        await changes_are_known(graph, 0)
        assert await asks_the_source(graph)


@pytest.mark.parametrize(("on_stale", "longest"), [("WARN", {}), ("WAIT", 60.0), ("ERROR", 60.0)])
async def test_only_a_warning_lets_an_older_copy_stand_in_for_a_source_that_fails(on_stale: str, longest: Any) -> None:
    async with open_deals() as graph:
        await graph.ask(BY_ID, f=freshness(60, on_stale))
        assert graph.context is not None
        assert graph.context.operation.longest_ages == (longest and {("nexudus", "1427000501"): longest})


@pytest.mark.parametrize("seconds", [(5, 60), (60, 5)])
async def test_of_two_fields_that_insist_on_ages_of_a_record_the_stricter_decides(seconds: tuple[int, int]) -> None:
    fields = [
        f'f{n}: opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx", freshness: {{maxAgeSeconds: {n}, onStale: ERROR}}) {{ id }}'
        for n in seconds
    ]
    async with open_deals() as graph:
        await graph.ask(f"{{ {' '.join(fields)} }}")
        assert graph.context is not None
        assert graph.context.operation.longest_ages == {("nexudus", "1427000501"): 5.0}


async def test_a_bad_id_beside_an_age_is_refused_in_its_place() -> None:
    async with open_deals(deal("nexudus", NEXUDUS[0])) as graph:
        answer = await graph.ask(
            '{ opportunitiesById(ids: ["x", "bmV4dWR1czoxNDI3MDAwNTAx"], freshness: {maxAgeSeconds: 1}) { sourceId } }'
        )
        assert answer["data"]["opportunitiesById"] == [None, {"sourceId": "1427000501"}]
        assert answer["errors"][0]["path"] == ["opportunitiesById", 0]


async def test_without_the_scope_no_copy_is_served_either() -> None:
    async with open_deals(deal("nexudus", NEXUDUS[0])) as graph:
        assert (await graph.refusal(BY_ID, NOTHING, f=freshness(60)))[0] == "FORBIDDEN"


async def test_a_source_of_its_own_ids_gives_several_records() -> None:
    async with open_graph() as graph:
        answer = await graph.ask(
            '{ nexudusOpportunities(sourceIds: ["1427000501", "9", "x"]) { name } '
            'chartMogulOpportunities(sourceIds: ["4EE13CA4-e7fe-11ee-8a7f-f303abf41acc"]) { sourceId } }'
        )
        assert [one and one["name"] for one in answer["data"]["nexudusOpportunities"]] == [
            "Example Widgets - 12 desk office",
            None,
            None,
        ]
        assert answer["data"]["chartMogulOpportunities"] == [{"sourceId": "4ee13ca4-e7fe-11ee-8a7f-f303abf41acc"}]
        assert [error["path"] for error in answer["errors"]] == [["nexudusOpportunities", 2]]
        assert len(graph.simulator.nexudus.calls) <= 3


# --- sources

SOURCES = """{ sources { name account capabilities status {
  asOf ageSeconds isComplete state lastSweepAt nextRunAt rows drift lastError progress { rows total }
  unreadCustomers } } }"""


class State(Enum):
    """Sync has enumerations of its own, of the same names."""

    FILLING = "the first sweep is under way"
    LIST = "a list"
    BY_ID = "by id"


@dataclass
class Progress:
    rows: int
    total: int | None


async def test_sources_tell_all_that_sync_knows() -> None:
    async with open_deals() as graph:
        graph.sync.known = [
            status(
                "nexudus",
                None,
                account="eu",
                state=State.FILLING,
                capabilities={State.LIST, State.BY_ID},
                rows=7,
                next_run_at=int(NOW * 1e6),
                last_error="UPSTREAM_TIMEOUT",
                progress=Progress(7, 20),
                unread_customers=3,
            ),
            status("chartmogul", 60.9, drift=-1, last_sweep_at=int((NOW - 61) * 1e6)),
        ]
        nexudus, chartmogul = (await graph.data(SOURCES))["sources"]
        assert nexudus == {
            "name": "nexudus@eu",
            "account": "eu",
            "capabilities": ["BY_ID", "LIST"],
            "status": {
                "asOf": None,
                "ageSeconds": None,
                "isComplete": False,
                "state": "FILLING",
                "lastSweepAt": None,
                "nextRunAt": "2026-02-25T06:13:20Z",
                "rows": 7,
                "drift": None,
                "lastError": "UPSTREAM_TIMEOUT",
                "progress": {"rows": 7, "total": 20},
                "unreadCustomers": 3,
            },
        }
        assert (chartmogul["status"]["ageSeconds"], chartmogul["status"]["drift"]) == (60, -1)


async def test_a_source_without_credentials_is_there_and_says_so() -> None:
    async with open_deals() as graph:
        graph.sync.known = [status("chartmogul")]
        nexudus, _ = (await graph.data(SOURCES, ALL))["sources"]
        assert (nexudus["name"], nexudus["capabilities"]) == ("nexudus", [])
        assert (nexudus["status"]["state"], nexudus["status"]["isComplete"]) == ("NOT_CONFIGURED", False)


def test_every_state_and_capability_is_described() -> None:
    for enum in (SourceState, SourceCapability):
        assert all(value.description for value in enum.__strawberry_definition__.values)  # type: ignore[attr-defined] # Strawberry sets it


async def test_a_record_that_was_fetched_tells_when(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_graph() as graph:
        query = '{ opportunity(id: "bmV4dWR1czoxNDI3MDAwNTAx") { asOf } }'
        assert (await graph.ask(query))["data"] == {"opportunity": {"asOf": None}}, "this server has no store"
    import operations

    stand_in = type("Deals", (), {"now": lambda _: datetime(2026, 3, 1, 12, tzinfo=UTC)})()
    make = operations.Context
    monkeypatch.setattr(operations, "Context", lambda *given, **_: make(*given, deals=stand_in))
    async with open_graph() as graph:
        assert (await graph.ask(query))["data"] == {"opportunity": {"asOf": "2026-03-01T12:00:00Z"}}
