"""Answers of a graph that are given again: only while they would be the same, and only to whom they might be given."""

import gc
import json
from hashlib import sha256
from pathlib import Path

from tests.credentials import line
from tests.repeated import ID, KEEPS, NAMES, asked

MISSING = '{ nexudusOpportunity(sourceId: "404404") { name } }'


async def test_an_answer_from_the_cache_is_given_again_without_executing_anything() -> None:
    async with asked() as ask:
        first, second, third, fourth = [await ask(NAMES) for _ in range(4)]
        assert ask.executed == 2, first  # the first fetches, the second finds all of it in the cache
    assert first == second == third == fourth
    assert json.loads(first.body)["data"]["nexudusOpportunity"]["name"]


async def test_that_a_record_is_missing_is_answered_again_too() -> None:
    async with asked() as ask:
        answers = [await ask(MISSING) for _ in range(4)]
        assert ask.executed == 2
    assert {one.body for one in answers} == {b'{"data":{"nexudusOpportunity":null}}'}


async def test_what_is_missing_now_is_answered_so() -> None:
    async with asked() as ask:
        for _ in range(3):
            await ask(NAMES)
        del ask.graph.simulator.nexudus.records[int(ID)]
        fresh = await ask(NAMES, cache_control="no-cache")
        assert json.loads(fresh.body)["data"]["nexudusOpportunity"] is None
        gc.collect()
        assert await ask(NAMES) == fresh
        assert await ask(NAMES) == fresh


async def test_what_was_fetched_anew_is_another_answer() -> None:
    async with asked() as ask:
        for _ in range(3):
            before = await ask(NAMES)
        ask.graph.simulator.nexudus.records[int(ID)]["Name"] = "Another name"
        assert await ask(NAMES) == before  # it is in the cache
        fresh = await ask(NAMES, cache_control="no-cache")
        assert json.loads(fresh.body)["data"]["nexudusOpportunity"]["name"] == "Another name"
        assert await ask(NAMES) == fresh
        assert await ask(NAMES) == fresh


async def test_an_answer_with_an_error_or_with_costs_is_not_given_again() -> None:
    async with asked(UPSTREAM_COST="true") as ask:
        for _ in range(4):
            await ask(NAMES)
        assert ask.executed == 4
    async with asked() as ask:
        for _ in range(4):
            assert b'"errors"' in (await ask('{ nexudusOpportunity(sourceId: "none") { name } }')).body
        assert ask.executed == 4


async def test_an_answer_from_the_store_is_given_again_unless_it_tells_an_age(tmp_path: Path) -> None:
    async with asked(STORE_URL=str(tmp_path / "deals.db")) as ask:
        for _ in range(4):
            found = await ask("{ opportunities { totalCount nodes { id } } pipelines { name } }")
            assert found.body == b'{"data":{"opportunities":{"totalCount":0,"nodes":[]},"pipelines":[]}}'
            assert b'"errors"' not in (await ask("{ opportunitySummary(groupBy: []) { rows { count } } }")).body
        assert ask.executed == 4
        for _ in range(4):
            await ask("{ opportunities { totalCount sources { isComplete } } }")
        assert ask.executed == 8


async def test_an_answer_with_records_that_were_fetched_is_not_given_again() -> None:
    async with asked(**{name: "0" for name in KEEPS if name.startswith("NEXUDUS")}) as ask:
        for _ in range(4):
            await ask(NAMES)
        assert ask.executed == 4


async def test_what_is_asked_in_other_ways_is_answered_anew() -> None:
    """Names of documents can come to mean something else, and to ask with one may have effects."""
    hash_ = sha256(NAMES.encode()).hexdigest()
    async with asked() as ask:
        for _ in range(4):
            await ask(NAMES, others={"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}})
        assert ask.executed == 4


async def test_it_is_not_given_to_callers_that_may_see_less() -> None:
    keys = line("all", "one", "opportunities:read contacts:read") + ";" + line("less", "two", "opportunities:read")
    async with asked(API_KEYS=keys) as ask:
        for _ in range(3):
            seen = await ask(NAMES, x_api_key="one")
        assert ask.executed == 2
        assert json.loads(seen.body)["data"]["nexudusOpportunity"]["coworker"]["email"]
        for _ in range(2):
            less = await ask(NAMES, x_api_key="two")
            assert b"FORBIDDEN" in less.body
            assert b"@" not in less.body
        for headers in ({}, {"x_api_key": "three"}):
            assert (await ask(NAMES, **headers)).status == 401
        assert await ask(NAMES, x_api_key="one") == seen


async def test_a_head_that_would_be_refused_is_refused_all_the_same() -> None:
    async with asked() as ask:
        for _ in range(3):
            good = await ask(NAMES)
        assert (await ask(NAMES, content_type="text/plain")).status == 415
        assert (await ask(NAMES, content_encoding="gzip")).status == 415
        other = await ask(NAMES, accept="application/graphql-response+json")
        assert other.body == good.body
        assert other.media_type == "application/graphql-response+json"
        assert ask.executed == 2
