import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import pytest

from tests.issuer import key_set
from web.key_set import LIFETIME_SECONDS, MAX_KEYS, PAUSE_SECONDS, PAUSE_WITHOUT_KEYS_SECONDS, KeySet, read_key_set
from web.problems import HTTPProblem

ALGORITHMS = ("RS256", "ES256")


@dataclass
class Issuer:
    """What the address answers, the time, and how often it was asked."""

    body: bytes | Exception = b""
    now: float = 1_000.0
    fetches: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def keys(self) -> KeySet:
        self.gate.set()
        return KeySet("https://issuer.example.com/keys", self.fetch, algorithms=ALGORITHMS, clock=lambda: self.now)

    async def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.example.com/keys"
        self.fetches += 1
        await self.gate.wait()
        if isinstance(self.body, Exception):
            raise self.body
        return self.body


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
        assert await keys.key(f"invented-{n}") is None
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
    assert await keys.key("invented") is None


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"keys": []}', b'{"keys": 1}', b"\xff", b"[" * 100_000])
async def test_rubbish_in_place_of_keys_does_not_replace_them(body: bytes) -> None:
    issuer = Issuer(key_set("rsa-1"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += PAUSE_SECONDS
    issuer.body = body
    assert await keys.key("other") is None
    assert issuer.fetches == 2
    assert await keys.key("rsa-1")


async def test_a_withdrawn_key_is_forgotten_after_its_lifetime_without_anybody_waiting() -> None:
    issuer = Issuer(key_set("rsa-1", "rsa-2"))
    keys = issuer.keys()
    assert await keys.key("rsa-1")
    issuer.now += LIFETIME_SECONDS + 1
    issuer.body = key_set("rsa-2")
    issuer.gate.clear()
    assert await keys.key("rsa-1")  # answered at once
    issuer.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert await keys.key("rsa-1") is None


async def test_an_issuer_that_is_down_at_the_start_is_503_and_is_asked_again_soon() -> None:
    issuer = Issuer(OSError("down"))
    keys = issuer.keys()
    for _ in range(10):
        with pytest.raises(HTTPProblem) as problem:
            await keys.key("rsa-1")
        assert problem.value.status == 503
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


async def test_a_token_without_a_key_id_is_checked_with_the_only_key() -> None:
    issuer = Issuer(key_set("rsa-1"))
    assert await issuer.keys().key(None)
    issuer = Issuer(key_set("rsa-1", "rsa-2"))
    assert await issuer.keys().key(None) is None


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
    assert set(read_key_set(json.dumps({"keys": [bad, *good]}).encode(), ALGORITHMS)) == {"ec-1"}


def test_no_more_keys_are_read_than_an_issuer_would_have() -> None:
    many = json.loads(key_set("ec-1"))["keys"] * (MAX_KEYS + 50)
    entries = [entry | {"kid": str(number)} for number, entry in enumerate(many)]
    assert len(read_key_set(json.dumps({"keys": entries}).encode(), ALGORITHMS)) == MAX_KEYS


async def test_a_fetch_has_no_request_id_because_several_wait_for_it() -> None:
    id_: ContextVar[str] = ContextVar("id_", default="none")
    seen: list[str] = []

    async def fetch(_: str) -> bytes:
        seen.append(id_.get())
        return key_set("rsa-1", "ec-1")

    id_.set("mine")
    await KeySet("https://issuer.example.com/keys", fetch, algorithms=ALGORITHMS).key("rsa-1")
    assert seen == ["none"]
