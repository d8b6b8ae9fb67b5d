"""`web.auth.jwks` and `web.auth.jwk`: when an issuer's keys are fetched, which are read, and how long one is good."""

import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpserver.http_errors import HTTPError
from tests.issuer import jwk, key_set
from tests.waiting import PATIENCE_SECONDS
from web.auth.jwk import MAX_KEYS, read_jwks
from web.auth.jwks import (
    LIFETIME_SECONDS,
    MAX_STALE_SECONDS,
    PAUSE_SECONDS,
    PAUSE_WITHOUT_KEYS_SECONDS,
    REFRESH_SECONDS,
    JWKSet,
)

ALGORITHMS = ("RS256", "ES256")


@dataclass
class Issuer:
    """What the address answers, the time, and how often it was asked."""

    body: bytes | Exception = b""
    now: float = 1_000.0
    fetches: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def keys(self) -> "Keys":
        self.gate.set()
        set_ = JWKSet("https://issuer.example.com/keys", self.fetch, algorithms=ALGORITHMS, clock=lambda: self.now)
        return Keys(set_)

    async def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.example.com/keys"
        self.fetches += 1
        await self.gate.wait()
        if isinstance(self.body, Exception):
            raise self.body
        return self.body


@dataclass
class Keys:
    """A key set as tokens use it."""

    set: JWKSet

    async def key(self, name: str) -> bool:
        """Return whether the issuer has a key, as far as is known."""
        await self.set.ready()
        algorithm = "ES256" if name.startswith("ec") else "RS256"
        return bool(self.set.find(name, algorithm) or (await self.set.refresh() and self.set.find(name, algorithm)))


async def settle() -> None:
    """Let a fetch in the background end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_keys_are_fetched_once_for_many_tokens() -> None:
    issuer = Issuer(key_set("rsa-1", "ec-1"))
    keys = issuer.keys()
    issuer.gate.clear()
    waiting = [asyncio.create_task(keys.key(name)) for name in ("rsa-1", "ec-1") * 20]
    await asyncio.sleep(0)
    issuer.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert issuer.fetches == 1


async def test_a_flood_of_unknown_key_ids_causes_one_fetch_a_minute() -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    for n in range(1_000):
        assert not await keys.key(f"invented-{n}")
    assert issuer.fetches == 1
    issuer.now += PAUSE_SECONDS
    issuer.body = key_set("rsa-1", "rsa-2")
    assert await keys.key("rsa-2")
    assert issuer.fetches == 2


async def test_old_keys_stay_good_while_the_issuer_is_down() -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.body = OSError("down")
    for _ in range(5):
        issuer.now += LIFETIME_SECONDS + 1
        assert await keys.key("rsa-1")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert issuer.fetches == 6
    assert not await keys.key("invented")


RUBBISH = [
    b"",
    b"null",
    b"[]",
    b"7",
    b"{}",
    b'{"keys": 1}',
    b'{"keys": null}',
    b'{"keys": {"kty": "RSA"}}',
    b"<!doctype html><title>Sign in</title>",
    b"\xff",
    b"[" * 100_000,
    b'{"keys": ' + b"[" * 100_000,
    b'{"keys": [' + b"9" * 10_000 + b"]}",
]


@pytest.mark.parametrize("body", RUBBISH)
async def test_what_is_no_key_set_is_a_failed_fetch(body: bytes) -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += PAUSE_SECONDS
    issuer.body = body
    assert not await keys.key("rsa-other")
    assert issuer.fetches == 2
    assert await keys.key("rsa-1")
    with pytest.raises(HTTPError) as error:
        await Issuer(body).keys().key("rsa-1")
    assert error.value.status == 503


@pytest.mark.parametrize("body", [b'{"keys": []}', b'{"keys": [{"kty": "new"}]}', b'{"keys": [7, null, [], {}]}'])
async def test_a_set_without_usable_keys_withdraws_them_all(body: bytes) -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += LIFETIME_SECONDS + 1
    issuer.body = body
    assert not await keys.key("rsa-1")
    assert not await Issuer(body).keys().key("rsa-1")


async def test_a_withdrawn_key_is_void_within_its_lifetime_without_anybody_waiting() -> None:
    issuer = Issuer(key_set("rsa-1", "rsa-2"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += REFRESH_SECONDS + 1
    issuer.body = key_set("rsa-2")
    issuer.gate.clear()
    assert await keys.key("rsa-1")  # answered at once
    issuer.gate.set()
    await settle()
    assert not await keys.key("rsa-1")
    assert issuer.fetches == 2


async def test_after_a_quiet_time_a_withdrawn_key_is_not_believed_even_once() -> None:
    issuer = Issuer(key_set("rsa-1", "rsa-2"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += LIFETIME_SECONDS + 1
    issuer.body = key_set("rsa-2")
    assert not await keys.key("rsa-1")
    # Nor where the fetch before failed, and that is long ago.
    issuer.now += REFRESH_SECONDS + 1
    issuer.body = OSError("down")
    assert await keys.key("rsa-2")
    await settle()
    issuer.now += LIFETIME_SECONDS + 1
    issuer.body = key_set("rsa-3")
    assert not await keys.key("rsa-2")


async def test_while_the_issuer_is_down_requests_do_not_wait_for_it_each_minute() -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.body = OSError("down")
    issuer.gate.clear()
    for minute in range(60):
        issuer.now += PAUSE_SECONDS
        assert await asyncio.wait_for(keys.key("rsa-1"), PATIENCE_SECONDS)
        await settle()
        issuer.gate.set()
        await settle()
        issuer.gate.clear()
        assert issuer.fetches == max(1, minute - 3)


async def test_keys_that_cannot_be_fetched_are_believed_for_a_day() -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.body = OSError("down")
    issuer.now += MAX_STALE_SECONDS
    assert await keys.key("rsa-1")
    issuer.now += 1
    with pytest.raises(HTTPError) as error:
        await keys.key("rsa-1")
    assert error.value.status == 503
    issuer.now += PAUSE_WITHOUT_KEYS_SECONDS
    issuer.body = key_set("rsa-1")
    assert await keys.key("rsa-1")


async def test_an_equal_set_is_no_new_version() -> None:
    issuer = Issuer(key_set("rsa-1", "ec-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    version = keys.set.version
    issuer.now += LIFETIME_SECONDS + 1
    assert await keys.key("rsa-1")
    assert (issuer.fetches, keys.set.version) == (2, version)
    issuer.body = key_set("rsa-1")
    issuer.now += LIFETIME_SECONDS + 1
    assert await keys.key("rsa-1")
    assert keys.set.version != version


async def test_an_issuer_that_is_down_at_the_start_is_503_and_is_asked_again_soon() -> None:
    issuer = Issuer(OSError("down"))
    keys = issuer.keys()
    for _ in range(10):
        with pytest.raises(HTTPError) as error:
            await keys.key("rsa-1")
        assert error.value.status == 503
    assert issuer.fetches == 1
    issuer.now += PAUSE_WITHOUT_KEYS_SECONDS
    issuer.body = key_set("rsa-1")
    assert await keys.key("rsa-1")


async def test_a_caller_that_gives_up_does_not_spoil_the_fetch_for_others() -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    issuer.gate.clear()
    first, second = (asyncio.create_task(keys.key("rsa-1")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    issuer.gate.set()
    assert await second


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        lambda entry: entry | {"use": "enc"},
        lambda entry: entry | {"alg": "RS512"},
        lambda entry: entry | {"kid": 7},
        lambda entry: entry | {"n": "!"},
        lambda entry: "text",
    ],
    ids=["symmetric", "for encryption", "another algorithm", "an id that is a number", "broken", "no object"],
)
def test_keys_that_cannot_be_used_are_left_out(change: Callable[[object], object]) -> None:
    bad = change(json.loads(key_set("rsa-1"))["keys"][0])
    good = json.loads(key_set("ec-1"))["keys"]
    assert [key.id for key in read_jwks(json.dumps({"keys": [bad, *good]}).encode(), ALGORITHMS)] == ["ec-1"]


def test_no_more_keys_are_read_than_an_issuer_would_have() -> None:
    many = json.loads(key_set("ec-1"))["keys"] * (MAX_KEYS + 50)
    entries = [entry | {"kid": str(number)} for number, entry in enumerate(many)]
    assert len(read_jwks(json.dumps({"keys": entries}).encode(), ALGORITHMS)) == MAX_KEYS


async def test_a_fetch_has_no_request_id_because_several_wait_for_it() -> None:
    id_: ContextVar[str] = ContextVar("id_", default="none")
    seen: list[str] = []

    async def fetch(_: str) -> bytes:
        seen.append(id_.get())
        return key_set("rsa-1", "ec-1")

    id_.set("mine")
    await JWKSet("https://issuer.example.com/keys", fetch, algorithms=ALGORITHMS).ready()
    assert seen == ["none"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("kty", "crv", "alg", "use", "key_ops", "kid", "n", "e", "x", "y", "d")


@given(
    st.lists(
        st.tuples(st.sampled_from(["rsa-1", "ec-1"]), st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES)),
        max_size=3,
    )
)
@settings(max_examples=100)
def test_no_entry_of_a_set_spoils_the_others(changed: list[tuple[str, dict[str, object]]]) -> None:
    entries = [jwk(name) | changes for name, changes in changed]
    found = read_jwks(json.dumps({"keys": [*entries, jwk("ec-2")]}).encode(), ALGORITHMS)
    assert found[-1].id == "ec-2"
