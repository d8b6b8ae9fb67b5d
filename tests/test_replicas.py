"""Several servers of one database, in processes of their own, over the simulator, whose list of calls is looked at.

What they share is tested part by part elsewhere (`store.leases`, `resolvers.resilience.shared_limits`); here is what
somebody sees who runs them. `make soak-replicas` goes on for minutes.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import postgres
from tests.fleet import Fleet, a_fleet, until

QUIET = {"SYNC_ENABLED": "false"}
FIRST = 1427000501
SERVERS = 3


def deal(number: int) -> str:
    return f'{{ nexudusOpportunity(sourceId: "{FIRST + number}") {{ sourceId stageName }} }}'


async def asked_everywhere(fleet: Fleet, query: str, times: int) -> None:
    answers = await asyncio.gather(*[fleet.ask(query, server=n % SERVERS) for n in range(times)])
    assert [answer for answer in answers if "errors" in answer] == []


@pytest.fixture(autouse=True)
def database() -> postgres.Server:
    """The server behind all databases here."""
    return postgres.server()


async def test_a_record_is_fetched_once_for_all_and_one_signs_in_for_all(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, SERVERS, **QUIET) as fleet:
        await fleet.ask(deal(0))
        await until(lambda: stored(fleet, FIRST))
        await asked_everywhere(fleet, deal(0), 100)
        assert len(fleet.calls("get", "list-by-ids")) == 1
        await asked_everywhere(fleet, deal(1), 100)  # all at once, where nobody has it
        assert 2 <= len(fleet.calls("get", "list-by-ids")) <= 1 + SERVERS
        assert [call.kind for call in fleet.calls("token-password", "token-refresh")] == ["token-password"]

        # An expired token is renewed once, though all meet it.
        fleet.simulator.nexudus.expire_tokens()
        await asked_everywhere(fleet, deal(2), 3)
        assert [call.kind for call in fleet.calls("token-password", "token-refresh")] == [
            "token-password",
            "token-refresh",
        ]

        # What one learns of a change, all know.
        for server in range(SERVERS):
            await fleet.ask(deal(0), server=server)
        fleet.simulator.nexudus.records[FIRST]["CrmBoardColumnName"] = "Elsewhere"
        fresh = {"Cache-Control": "no-cache"}
        async with fleet.session.post(fleet.servers[0].url, json={"query": deal(0)}, headers=fresh) as response:
            assert "Elsewhere" in await response.text()

        async def others_know() -> bool:
            return all(["Elsewhere" in str(await fleet.ask(deal(0), server=n)) for n in range(SERVERS)])

        await until(others_know)


async def stored(fleet: Fleet, source_id: int) -> bool:
    conninfo = postgres.server().conninfo
    schema = fleet.settings["STORE_URL"].rpartition("search_path%3D")[2] or "public"
    async with await psycopg.AsyncConnection.connect(conninfo, options=f"-c search_path={schema}") as connection:
        found = await connection.execute("SELECT 1 FROM fetched WHERE id = %s", [f"nexudus:{source_id}"])
        return await found.fetchone() is not None


async def test_by_id_queries_do_not_fail_whatever_the_database_does(tmp_path: Path, database: postgres.Server) -> None:
    """It hangs, takes no writes, is gone, and comes back, while every server is asked for records that it has not."""
    async with a_fleet(tmp_path, SERVERS, **QUIET) as fleet:
        numbers = iter(range(200))
        failed: list[Any] = []

        async def ask_for_a_while(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for server in range(SERVERS):
                    answer = await fleet.ask(deal(next(numbers)), server=server)
                    failed.extend(answer.get("errors", ()))
                await asyncio.sleep(0.8)  # well within the ration, and a part of it

        await ask_for_a_while(1)
        with hanging(database):
            await ask_for_a_while(3)
        await ask_for_a_while(0.5)
        await set_read_only(database, "on")
        await ask_for_a_while(2)
        await set_read_only(database, "off")
        with database.away():
            await ask_for_a_while(3)
        await ask_for_a_while(3)
        assert failed == []
        log = fleet.log.read_text()
        assert "this process keeps to 33 % of it" in log
        assert log.count("share its ration again") >= SERVERS
        assert "Traceback" not in log
        refused = [call for call in fleet.simulator.nexudus.calls if call.status in (409, 429)]
        assert refused == []


STATES = "{ sources { name status { state lastError } } }"


async def test_one_process_syncs_another_takes_over_and_all_say_how_it_stands(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, 0, REPLICAS="2") as fleet:
        for _ in range(2):
            await fleet.start()

        async def are_current(server: int) -> bool:
            answer = await fleet.ask(STATES, server=server)
            return [one["status"]["state"] for one in answer["data"]["sources"]] == ["CURRENT", "CURRENT"]

        for server in range(2):
            await until(partial(are_current, server))
        assert fleet.log.read_text().count("this process syncs") == 1
        lists = len(fleet.calls("list"))
        await fleet.servers[0].kill()

        async def has_taken_over() -> bool:
            return fleet.log.read_text().count("this process syncs") == 2

        await until(has_taken_over, seconds=10)
        await until(partial(are_current, 1))
        assert len(fleet.calls("list")) <= lists + 1  # it goes on where the other one was

        # Who waits for fresh lists through a process that does not sync is served by the one that does.
        await fleet.start()
        before = len(fleet.calls("list"))
        fresh = "freshness: {maxAgeSeconds: 0, onStale: WAIT}"

        async def is_read_again() -> bool:  # not more often than every few seconds
            await fleet.ask(f"{{ opportunities(first: 1, {fresh}) {{ nodes {{ id }} }} }}", server=2)
            return len(fleet.calls("list")) > before

        await until(is_read_again, seconds=40)


@contextmanager
def hanging(database: postgres.Server) -> Iterator[None]:
    """Have the database answer nothing until the block ends."""
    database.send(signal.SIGSTOP)
    try:
        yield
    finally:
        database.send(signal.SIGCONT)


async def set_read_only(database: postgres.Server, state: str) -> None:
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as connection:
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {state}")  # type: ignore[arg-type]
        await connection.execute("SELECT pg_reload_conf()")
