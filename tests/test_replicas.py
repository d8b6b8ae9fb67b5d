"""Several servers of one database, in processes of their own, over the simulator, whose list of calls is looked at.

What they share is tested part by part elsewhere (`store.leases`, `resolvers.resilience.shared_limits`); here is what
somebody sees who runs them. `make soak-replicas` goes on for minutes.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from store.deal_ids import deal_id
from tests import full_disk, postgres
from tests.fleet import Fleet, a_fleet, until

QUIET = {"SYNC_ENABLED": "false"}
FIRST = 1427000501
SERVERS = 4


def deal(number: int) -> str:
    return f'{{ nexudusOpportunity(sourceId: "{FIRST + number}") {{ sourceId stageName }} }}'


async def asked_everywhere(fleet: Fleet, query: str, times: int, *, at_once: int | None = None) -> None:
    for start in range(0, times, at_once or times):
        numbers = range(start, min(times, start + (at_once or times)))
        answers = await asyncio.gather(*[fleet.ask(query, server=n % SERVERS) for n in numbers])
        assert [answer for answer in answers if "errors" in answer] == []


def fetched(fleet: Fleet, number: int) -> int:
    """Return how often a deal was fetched."""
    return sum(str(FIRST + number) in call.ids for call in fleet.calls("get", "list-by-ids"))


@pytest.fixture(autouse=True)
def database() -> postgres.Server:
    """The server behind all databases here."""
    return postgres.server()


async def test_a_record_is_fetched_once_for_all_and_one_signs_in_for_all(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, SERVERS, **QUIET) as fleet:
        requests: list[int] = []
        while 1 not in requests[-1:]:
            # On a machine that is busy, a look into the store may take too long; then a process fetches by itself.
            assert len(requests) < 5, requests
            number = 10 + len(requests)
            await fleet.ask(deal(number))
            await until(partial(stored, fleet, FIRST + number))
            await asked_everywhere(fleet, deal(number), 100, at_once=SERVERS)
            requests.append(fetched(fleet, number))
        assert max(requests) <= SERVERS
        await asked_everywhere(fleet, deal(1), 100)  # all at once, where nobody has it
        assert 1 <= fetched(fleet, 1) <= SERVERS
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


async def stored(fleet: Fleet, source_id: int, *, database: postgres.Server | None = None) -> bool:
    conninfo = (database or postgres.server()).conninfo
    schema = fleet.settings["STORE_URL"].rpartition("search_path%3D")[2] or "public"
    async with await psycopg.AsyncConnection.connect(conninfo, options=f"-c search_path={schema}") as connection:
        found = await connection.execute(
            "SELECT 1 FROM fetched WHERE id = %s", [deal_id("nexudus", "", str(source_id))]
        )
        return await found.fetchone() is not None


async def test_by_id_queries_do_not_fail_whatever_the_database_does(tmp_path: Path, database: postgres.Server) -> None:
    """It hangs, takes no writes, is gone, and comes back, while every server is asked for records that it has not."""
    async with a_fleet(tmp_path, SERVERS, **QUIET) as fleet:
        demand = Demand(fleet)
        await demand.ask_everywhere(rounds=1)
        with hanging(database):
            await demand.ask_everywhere(rounds=2)
        await demand.ask_everywhere(rounds=1)
        await set_read_only(database, "on")
        await demand.ask_everywhere(rounds=2)
        await set_read_only(database, "off")
        with database.away():
            await demand.ask_everywhere(rounds=2)
        await until(demand.is_shared)
        await demand.ask_everywhere(rounds=2)
        # In all 40 of the minute's 120: 10 for each server, whose part is 30. So none fails for want of the ration.
        assert demand.failed == []
        log = fleet.log.read_text()
        assert "this process keeps to 25 % of it" in log
        assert "Traceback" not in log
        assert fleet.refused() == []


@pytest.mark.parametrize("what", ["deals", "log"])
async def test_by_id_queries_do_not_fail_while_the_databases_disk_is_full(tmp_path: Path, what: str) -> None:
    """Where the deals have no room it refuses to write them; where its log has none it ends, and starts no more."""
    with full_disk.disk(megabytes=160) as disk:
        database = postgres.own_server("max_wal_size=32MB", "min_wal_size=32MB", "max_connections=60", folder=disk.path)
        try:
            async with a_fleet(tmp_path, SERVERS, STORE_URL=database.create(), **QUIET) as fleet:
                demand = Demand(fleet)
                await demand.ask_everywhere(rounds=1)
                disk.fill()
                if what == "log":
                    database.switch_log()
                await demand.ask_everywhere(rounds=4)
                said = "has no room left on its disk" if what == "deals" else "this process keeps to 25 % of it"
                assert said in fleet.log.read_text()
                disk.clear()
                database.start_again()
                await until(demand.is_shared)
                last = await demand.ask_everywhere(rounds=2)
                assert demand.failed == []
                await until(partial(stored, fleet, last, database=database))
                assert "Traceback" not in fleet.log.read_text()
                assert fleet.refused() == []
        finally:
            database.close()


class Demand:
    """Asks all servers at once, each for a record that none has: one request to the source for each."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._next = 0
        self.failed: list[Any] = []

    async def ask_everywhere(self, *, rounds: int) -> int:
        """Ask so many times; return the id of the last record."""
        for _ in range(rounds):
            queries = [deal(self._next + server) for server in range(SERVERS)]
            self._next += SERVERS
            answers = await asyncio.gather(*[self._fleet.ask(one, server=n) for n, one in enumerate(queries)])
            for answer in answers:
                self.failed.extend(answer.get("errors", ()))
        return FIRST + self._next - 1

    async def is_shared(self) -> bool:
        """Whether no server keeps to its own part of Nexudus' ration."""
        log = self._fleet.log.read_text()
        return log.count("nexudus: its ration is not shared") == log.count("nexudus: the processes share its ration")


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
