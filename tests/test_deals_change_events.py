"""`schema.deals.change_events`, the only field of `schema.subscription`: what subscribers are told, and when."""

import asyncio
from contextlib import aclosing
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from schema.deals.change_events import AT_ONCE_SECONDS
from store.change_log import prune
from store.database import Database
from store.deals import Evidence, delete, upsert
from store.errors import StoreUnavailable
from store.sequence import advance
from tests import change_log, loops, stores
from tests.change_log import begin, follow, logged, write
from tests.deal_lists import ALL, NOTHING, NOW, WITHOUT_CONTACTS, DealGraph, deal, open_deals, simulated

LOOPS = loops.WITH_ITS_OWN_TIME
HEARTBEAT_SECONDS = 15.0


async def opened(graph: DealGraph) -> DealGraph:
    await graph.database.write(begin)
    return graph


def event(response: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a response without errors."""
    assert "errors" not in response, response
    return dict(response["data"]["opportunityChanges"])


def refused(response: dict[str, Any]) -> str:
    """Return the code of a response that has nothing but an error at the field."""
    (error,) = response["errors"]
    assert (response["data"], error["path"]) == ({"opportunityChanges": None}, ["opportunityChanges"])
    return str(error["extensions"]["code"])


async def test_the_first_event_comes_at_once_with_the_cursor_to_go_on_from() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        await write(graph.database, "before")
        began = loops.now()
        first = event(await anext(events))
        assert (first["changes"], first["at"], loops.now()) == ([], "2026-02-25T06:13:20Z", began)
        assert first["after"] == first["cursor"]


async def test_changes_come_within_a_moment_and_those_of_a_moment_together() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        first = event(await anext(events))
        began = loops.now()
        await write(graph.database, "one", "two")
        second = event(await anext(events))
        assert second["changes"] == [{"kind": "CREATED", "sourceId": "1"}, {"kind": "UPDATED", "sourceId": "1"}]
        assert loops.now() - began == pytest.approx(AT_ONCE_SECONDS)
        assert second["after"] == first["cursor"] != second["cursor"]


async def test_who_waits_is_woken_by_a_change() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(1)
        began = loops.now()
        await write(graph.database, "one")
        assert len(event(await waiting)["changes"]) == 1
        assert loops.now() - began == pytest.approx(AT_ONCE_SECONDS)


async def test_fault_12_a_silent_stream_says_that_it_is_alive() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        began, first = loops.now(), event(await anext(events))
        for number in (1, 2, 3):
            assert event(await anext(events)) == first
            assert loops.now() - began == pytest.approx(number * HEARTBEAT_SECONDS)


async def test_a_change_that_nobody_asked_for_is_no_event_and_moves_the_cursor_on() -> None:
    async with open_deals() as graph:
        await opened(graph)
        async with aclosing(follow(graph, filter="{kind: {eq: DELETED}}")) as events:
            began, first = loops.now(), event(await anext(events))
            await write(graph.database, "one", "two")
            alive = event(await anext(events))
            assert (alive["changes"], loops.now() - began) == ([], pytest.approx(HEARTBEAT_SECONDS))
            assert alive["cursor"] != first["cursor"]
            gone = stores.key("nexudus:1")
            await graph.database.write(
                lambda connection: delete(connection, [gone], evidence=Evidence.AUDIT, at=change_log.clock())
            )
            assert event(await anext(events))["changes"] == [{"kind": "DELETED", "sourceId": "1"}]


@pytest.mark.parametrize("seed", range(5))
async def test_fault_12_who_goes_on_from_a_cursor_loses_no_change_and_gets_none_twice(seed: int) -> None:
    """Streams break off anywhere, whatever the size of their events, and the query has the same cursors."""
    random = Random(seed)
    async with open_deals() as graph:
        await opened(graph)
        told: list[tuple[str, str]] = []
        cursor = (await graph.data("{ opportunityChanges { pageInfo { endCursor } } }"))["opportunityChanges"]
        cursor = cursor["pageInfo"]["endCursor"]
        written = 0
        while written < 60 or told[-1:] != [("UPDATED", "last")]:
            size = random.randint(1, 7)
            async with aclosing(follow(graph, first=size, after=f'"{cursor}"')) as events:
                for _ in range(random.randint(1, 4)):
                    for _ in range(random.randint(0, 5)):
                        written += 1
                        await write(graph.database, f"name {written}", source_id=random.randint(1, 9))
                    if written >= 60:
                        await write(graph.database, f"name {written}", source_id="last")
                    found = event(await anext(events))
                    assert len(found["changes"]) <= size
                    assert found["after"] == cursor
                    told += [(one["kind"], one["sourceId"]) for one in found["changes"]]
                    cursor = found["cursor"]
                    if told[-1:] == [("UPDATED", "last")]:
                        break
        query = f'{{ opportunityChanges(first: 200, after: "{cursor}") {{ nodes {{ kind sourceId }} }} }}'
        rest = (await graph.data(query))["opportunityChanges"]["nodes"]
        assert len(told) + len(rest) == len(await logged(graph.database))
        whole = await graph.data("{ opportunityChanges(first: 200) { nodes { kind sourceId } } }")
        expected = [(one["kind"], one["sourceId"]) for one in whole["opportunityChanges"]["nodes"]]
        assert told + [(one["kind"], one["sourceId"]) for one in rest] == expected


async def test_who_is_slow_gets_all_of_it_later_in_events_of_the_size_asked_for() -> None:
    async with open_deals() as graph:
        await opened(graph)
        async with aclosing(follow(graph, first=4)) as events:
            await anext(events)
            await write(graph.database, *map(str, range(10)))
            began = loops.now()
            assert [len(event(await anext(events))["changes"]) for _ in range(3)] == [4, 4, 2]
            assert loops.now() - began <= AT_ONCE_SECONDS


async def test_fault_12_who_is_slower_than_the_log_is_kept_is_told_and_the_stream_ends() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        first = event(await anext(events))
        await write(graph.database, "one", "two", "three")
        await graph.database.write(lambda connection: prune(connection, most=1, seen_before=0))
        assert [refused(response) async for response in events] == ["CURSOR_EXPIRED"]
        again = follow(graph, after=f'"{first["cursor"]}"')
        assert [refused(response) async for response in again] == ["CURSOR_EXPIRED"]


@pytest.mark.parametrize(
    ("access", "arguments", "code"),
    [
        (ALL, {"first": "0"}, "BAD_USER_INPUT"),
        (ALL, {"after": '"nonsense"'}, "BAD_USER_INPUT"),
        (ALL, {"sources": '["nowhere"]'}, "BAD_USER_INPUT"),
        (ALL, {"filter": '{opportunityId: {eq: "nonsense"}}'}, "BAD_USER_INPUT"),
        (NOTHING, {}, "FORBIDDEN"),
        (WITHOUT_CONTACTS, {"filter": "{field: {eq: OWNER}}"}, "FORBIDDEN"),
    ],
)
async def test_what_is_refused_is_one_event_and_the_end(access: Any, arguments: dict[str, str], code: str) -> None:
    async with open_deals() as graph:
        await opened(graph)
        assert [refused(response) async for response in follow(graph, access=access, **arguments)] == [code]


async def test_a_cursor_of_another_filter_is_refused() -> None:
    async with open_deals() as graph:
        await opened(graph)
        async with aclosing(follow(graph)) as events:
            cursor = event(await anext(events))["cursor"]
        other = follow(graph, after=f'"{cursor}"', filter="{kind: {eq: CREATED}}")
        assert [refused(response) async for response in other] == ["BAD_USER_INPUT"]


async def test_what_a_caller_may_not_see_is_refused_in_each_event_alone() -> None:
    one, other = (deal("nexudus", record) for record in simulated()["nexudus"][:2])
    async with open_deals() as graph:
        await opened(graph)
        asked = "changes { sourceId fields { field before after } opportunity { stageName owner { name } } }"
        async with aclosing(follow(graph, asked, WITHOUT_CONTACTS)) as events:
            assert event(await anext(events)) == {"changes": []}
            for written in (one, other):
                await graph.database.write(lambda connection, given=written: upsert(connection, [given]))
                response = await anext(events)
                (change,) = response["data"]["opportunityChanges"]["changes"]
                assert change["sourceId"] == written.source_id
                assert change["opportunity"]["stageName"]
                assert {error["extensions"]["code"] for error in response["errors"]} == {"FORBIDDEN"}
                hidden = {repr(error["path"][-2:]) for error in response["errors"]}
                assert "['opportunity', 'owner']" in hidden


async def test_an_outage_of_the_store_is_in_its_event_and_the_stream_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        await anext(events)
        began = loops.now()
        with monkeypatch.context() as patched:
            patched.setattr(Database, "read", _away)
            assert [refused(await anext(events)) for _ in range(2)] == ["STORE_UNAVAILABLE"] * 2
            assert loops.now() - began == pytest.approx(2 * HEARTBEAT_SECONDS)
        await write(graph.database, "one")
        assert len(event(await anext(events))["changes"]) == 1


@pytest.mark.parametrize(("reads", "expected"), [(1, [["1", "2"]]), (2, [["1"], ["2"]])])
async def test_a_change_that_comes_while_the_log_is_read_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, reads: int, expected: list[list[str]]
) -> None:
    """The first reading is of where the log ends, the second one of what is in it."""
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        await anext(events)
        read, left = Database.read, iter(range(reads - 1, -1, -1))

        async def read_and_write(database: Database, work: Any) -> Any:
            found = await read(database, work)
            if next(left) == 0:
                monkeypatch.undo()
                await write(database, "two", source_id=2)
            return found

        await write(graph.database, "one", source_id=1)
        began = loops.now()
        monkeypatch.setattr(Database, "read", read_and_write)
        told = [event(await anext(events))["changes"] for _ in expected]
        assert [[one["sourceId"] for one in some] for some in told] == expected
        assert loops.now() - began < 1


async def test_what_is_no_change_of_a_deal_is_read_once_for_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_deals() as graph:
        await opened(graph)
        streams = [follow(graph) for _ in range(20)]
        await asyncio.gather(*map(anext, streams))
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(1)
        reads, read = list[Any](), Database.read

        async def counted(database: Database, work: Any) -> Any:
            reads.append(work)
            return await read(database, work)

        monkeypatch.setattr(Database, "read", counted)
        await graph.database.write(advance)
        await asyncio.sleep(1)
        assert len(reads) == 1
        await write(graph.database, "one")
        assert [len(event(one)["changes"]) for one in await asyncio.gather(*waiting)] == [1] * 20
        for stream in streams:
            await stream.aclose()


async def test_the_time_for_an_event_begins_when_it_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_deals(deal("nexudus", simulated()["nexudus"][0])) as graph:
        await opened(graph)
        async with aclosing(follow(graph, "changes { opportunity { id } }")) as events:
            await anext(events)
            late = SimpleNamespace(wait_seconds=lambda: 10 * graph.deadline_seconds)
            monkeypatch.setattr("schema.deals.change_events.TELLING", late)
            changed = msgspec.structs.replace(simulated()["nexudus"][0], status=3)
            await graph.fill([deal("nexudus", changed, NOW + 1)])
            (change,) = event(await anext(events))["changes"]
            assert change["opportunity"] is not None


async def _away(*_: Any) -> Any:
    raise StoreUnavailable("away")


async def test_events_without_what_needs_a_resolver_are_compiled() -> None:
    async with open_deals() as graph:
        await opened(graph)
        async with aclosing(follow(graph, "cursor at")) as events:
            for _ in range(3):
                event(await anext(events))
        assert graph.engine.compiled == 2


async def test_who_stops_listening_leaves_nothing_behind() -> None:
    async with open_deals() as graph, aclosing(follow(await opened(graph))) as events:
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(1)
        before = asyncio.all_tasks()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == before - {waiting}
        assert not graph.deals.followers.turns.locked()
