"""`runs` of a source's status: `schema.deals.sync_runs`."""

from typing import Any

import pytest

from schema.deals.source_status import SourceState
from schema.deals.sync_runs import SyncRunKind, SyncRunState
from store.runs import RunKind, RunState, begin_run, end_run
from tests.deal_lists import NOTHING, DealGraph, open_deals, status

RUNS = """query($first: Int) { sources { name status { runs(first: $first) {
  kind startedAt endedAt state errorCode requests rows changed deleted } } } }"""


async def add_run(graph: DealGraph, source: str, number: int, state: RunState | None = None, **ended: Any) -> None:
    def write(connection: Any) -> None:
        run = begin_run(connection, source, kind=RunKind.SWEEP, at=number * 1_000_000)
        if state is not None:
            end_run(connection, run, at=(number + 1) * 1_000_000, state=state, **ended)

    await graph.database.write(write)


async def test_what_every_run_did_is_shown_the_latest_first() -> None:
    counts = {"requests": 3, "rows": 40, "changed": 5, "deleted": 6}
    async with open_deals() as graph:
        await add_run(graph, "nexudus", 1, RunState.FAILED, error_code="UPSTREAM_TIMEOUT", **counts)
        await add_run(graph, "nexudus", 2)
        await add_run(graph, "chartmogul", 3, RunState.INTERRUPTED)
        nexudus, chartmogul = [one["status"]["runs"] for one in (await graph.data(RUNS))["sources"]]
        assert nexudus[1] == counts | {
            "kind": "SWEEP",
            "startedAt": "1970-01-01T00:00:01Z",
            "endedAt": "1970-01-01T00:00:02Z",
            "state": "FAILED",
            "errorCode": "UPSTREAM_TIMEOUT",
        }
        for (run,), state in ((nexudus[:1], "RUNNING"), (chartmogul, "INTERRUPTED")):
            assert (run["state"], run["errorCode"]) == (state, None)
            assert [run[name] for name in counts] == [None] * 4, "what it did is not known"


async def test_all_runs_of_an_answer_are_one_read_and_cost_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_deals() as graph:
        for number in range(12):
            await add_run(graph, "nexudus", number)
        reads: list[Any] = []
        read = graph.database.read

        async def counted(work: Any) -> Any:
            reads.append(work)
            return await read(work)

        monkeypatch.setattr(graph.database, "read", counted)
        some = "{ sources { status { runs { kind } one: runs(first: 1) { kind } all: runs(first: 50) { kind } } } }"
        nexudus, chartmogul = [one["status"] for one in (await graph.data(some))["sources"]]
        assert len(reads) == 1
        assert [len(nexudus[name]) for name in ("runs", "one", "all")] == [10, 1, 12]
        assert chartmogul["runs"] == []
        await graph.data("{ sources { status { state } } }")
        assert len(reads) == 1


@pytest.mark.parametrize("first", [0, 51, -1])
async def test_more_or_fewer_than_there_may_be_are_refused_there_alone(first: int) -> None:
    async with open_deals() as graph:
        answer = await graph.ask(RUNS, first=first)
        assert [one["status"] for one in answer["data"]["sources"]] == [{"runs": None}] * 2
        codes = {(error["extensions"]["code"], error["message"]) for error in answer["errors"]}
        assert codes == {("BAD_USER_INPUT", f"`first` must be from 1 to 50, not {first}.")}


async def test_who_may_not_see_the_status_sees_no_runs_nor_those_of_a_source_that_is_not_configured() -> None:
    async with open_deals() as graph:
        await add_run(graph, "nexudus", 1)
        answer = await graph.ask(RUNS, NOTHING)
        assert [one["status"] for one in answer["data"]["sources"]] == [None, None]
        graph.sync.known = [status("chartmogul")]
        nexudus, _ = (await graph.data(RUNS))["sources"]
        assert nexudus["status"]["runs"] == []
        graph.sync.known = [status("nexudus", None, state=SourceState.OFF)]
        assert len((await graph.data(RUNS))["sources"][0]["status"]["runs"]) == 1


def test_kinds_and_states_are_those_of_the_store() -> None:
    assert set(SyncRunKind.__members__) == set(RunKind.__members__)
    assert set(SyncRunState.__members__) == set(RunState.__members__)
