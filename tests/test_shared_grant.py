"""`resolvers.nexudus.shared_grant`: several processes sign in once, and nobody reads their tokens in the database."""

import asyncio
import json
from typing import Any

import pytest

from httpclient.client import Request
from loans import Claim
from resolvers.errors import UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus import shared_grant
from resolvers.nexudus.shared_grant import CLAIM_SECONDS, Kept, SharedGrant
from resolvers.nexudus.tokens import PasswordTokens
from resolvers.settings import Secret
from tests import loops

URL, USER, PASSWORD = "https://spaces.nexudus.com", "someone@example.com", "a password"


class Database:
    """Keeps what `store.grants` does, for the processes of a test; `is_away` raises."""

    def __init__(self) -> None:
        self.number = 0
        self.sealed: bytes | None = None
        self.written_at = 0.0
        self.claimed_by: object = None
        self.claimed_until = 0.0
        self.is_away = False


class Store:
    """What one process has of it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def claim(self, known: int, *, seconds: float) -> Claim:
        database, now = self.database, loops.now()
        if database.is_away:
            raise ConnectionError
        is_free = database.claimed_by in (None, self) or database.claimed_until <= now
        is_mine = database.number <= known and is_free
        if is_mine:
            database.claimed_by, database.claimed_until = self, now + seconds
        return Claim(database.number, database.sealed, now - database.written_at, is_mine)

    async def write(self, sealed: bytes) -> int | None:
        if self.database.claimed_by is not self:
            return None
        self.database.number += 1
        self.database.sealed, self.database.written_at, self.database.claimed_by = sealed, loops.now(), None
        return self.database.number

    async def release(self) -> None:
        if self.database.claimed_by is self:
            self.database.claimed_by = None


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys whose making takes no time."""
    monkeypatch.setattr(shared_grant, "_COST", 2)


@pytest.fixture
def database() -> Database:
    return Database()


def grant_of(database: Database, *, password: str = PASSWORD, user: str = USER) -> SharedGrant:
    return SharedGrant(Store(database), URL, user, Secret(password))


KEPT = Kept("a client", access_token="an access token", refresh_token="a refresh token", life_seconds=60.0)


async def test_what_one_keeps_another_finds(database: Database) -> None:
    one, other = grant_of(database), grant_of(database)
    found = await one.find(0)
    assert found is not None
    assert (found.is_mine, found.kept) == (True, None)
    waiting = asyncio.create_task(other.find(0))
    await asyncio.sleep(0)
    assert await one.write(KEPT) == 1
    taken = await waiting
    assert taken is not None
    assert (taken.number, taken.kept, taken.is_mine) == (1, KEPT, False)


async def test_it_is_of_no_use_without_the_password(database: Database) -> None:
    await (mine := grant_of(database)).find(0)
    await mine.write(KEPT)
    assert database.sealed is not None
    for secret in (b"token", b"client", PASSWORD.encode(), USER.encode()):
        assert secret not in database.sealed
    for other in (grant_of(database, password="another"), grant_of(database, user="another@example.com")):
        found = await other.find(0)
        assert found is not None
        assert (found.kept, found.is_mine) == (None, True)
        await other.release()
    database.sealed = database.sealed[:-1] + bytes([database.sealed[-1] ^ 1])
    tampered = await grant_of(database).find(0)
    assert tampered is not None
    assert tampered.kept is None


async def test_what_is_over_is_not_taken(database: Database) -> None:
    await (mine := grant_of(database)).find(0)
    await mine.write(KEPT)
    database.written_at -= 61
    found = await grant_of(database).find(0)
    assert found is not None
    assert (found.is_mine, found.kept) == (True, KEPT)  # its refresh token gives the next one


async def test_the_claim_of_a_process_that_died_ends(database: Database) -> None:
    await grant_of(database).find(0)
    database.claimed_until -= CLAIM_SECONDS
    found = await grant_of(database).find(0)
    assert found is not None
    assert found.is_mine


async def test_nobody_waits_for_a_database_that_is_away(database: Database) -> None:
    database.is_away = True
    assert await grant_of(database).find(0) is None


class Vendor:
    """A token endpoint, behind what stands for every process's transport."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.clients: set[str] = set()
        self.refuses = False

    async def fetch(self, request: Request, shared_fetch: SharedFetch) -> bytes:
        self.asked.append(request.kind)
        self.clients.add(request.headers["client_id"])
        await asyncio.sleep(0.05)
        if self.refuses:
            raise UpstreamUnauthorized("nexudus", status=400)
        number = len(self.asked)
        return json.dumps({"access_token": f"a{number}", "expires_in": 1000, "refresh_token": f"r{number}"}).encode()


def processes(database: Database, vendor: Any, count: int) -> list[PasswordTokens]:
    """Return the sign-ins of so many processes."""
    return [
        PasswordTokens(URL, USER, Secret(PASSWORD), vendor, shared=grant_of(database), clock=loops.now)
        for _ in range(count)
    ]


def a_fetch() -> SharedFetch:
    context = UpstreamContext(5)
    return SharedFetch(lambda: (context,), owner=context)


async def test_one_of_all_processes_signs_in_and_one_renews(database: Database) -> None:
    vendor = Vendor()
    all_of_them = processes(database, vendor, 4)
    tokens = await asyncio.gather(*[one.get(a_fetch()) for one in all_of_them])
    assert (vendor.asked, set(tokens)) == (["token-password"], {"a1"})
    renewed = await asyncio.gather(*[one.renew("a1", a_fetch()) for one in all_of_them])
    assert (vendor.asked[1:], set(renewed)) == (["token-refresh"], {"a2"})
    assert len(vendor.clients) == 1  # with which the refresh token goes
    (late,) = processes(database, vendor, 1)
    assert await late.get(a_fetch()) == "a2"


async def test_a_refused_password_is_tried_once_by_all(database: Database) -> None:
    vendor = Vendor()
    vendor.refuses = True
    all_of_them = processes(database, vendor, 4)
    found = await asyncio.gather(*[one.get(a_fetch()) for one in all_of_them], return_exceptions=True)
    assert [type(one) for one in found] == [UpstreamUnauthorized] * 4
    assert vendor.asked == ["token-password"]
    with pytest.raises(UpstreamUnauthorized):
        await processes(database, vendor, 1)[0].get(a_fetch())
    assert vendor.asked == ["token-password"]


async def test_without_the_database_each_signs_in_with_a_client_id_of_its_own(database: Database) -> None:
    vendor = Vendor()
    one, other = processes(database, vendor, 2)
    for tokens in (one, other):
        await tokens.get(a_fetch())
    database.is_away = True
    for tokens in (one, other):
        await tokens.renew("a1", a_fetch())
    # One client id's refresh token is good for who has made it up; the other's own has none yet.
    assert vendor.asked == ["token-password", "token-refresh", "token-password"]
    assert len(vendor.clients) == 2
