"""What a credential that ends means for who holds it, for answers and for caches: docs/security.md, "How long"."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from unittest.mock import patch

import pytest

from security.issuer import TokenIssuer
from tests import loops
from tests.credentials import SCOPES, line
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.repeated import NAMES, Asked, asked
from web.auth.jwks import LIFETIME_SECONDS, MAX_STALE_SECONDS

LOOPS = loops.WITH_ITS_OWN_TIME

JWT = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example.com/keys"}
ALL = " ".join(SCOPES)
A_YEAR = 31_536_000


@asynccontextmanager
async def behind_an_issuer(publish: Callable[[], bytes], **settings: str) -> AsyncIterator[Asked]:
    """Run a graph whose issuer publishes what `publish` gives; all clocks are the loop's."""
    began_at, began = time.time(), loops.now()

    async def fetch(*_: object) -> bytes:
        return publish()

    with patch.object(TokenIssuer, "_fetch", fetch):
        async with asked(wall_clock=lambda: began_at + loops.now() - began, **JWT, **settings) as ask:
            yield ask


async def status(ask: Asked, text: str) -> int:
    answer = await ask(NAMES, authorization=f"Bearer {text}")
    return answer.status


@pytest.mark.parametrize("every_seconds", [20, LIFETIME_SECONDS])
async def test_a_withdrawn_key_is_void_within_ten_minutes_whether_many_ask_or_few(every_seconds: float) -> None:
    published = ["rsa-1", "ec-1"]
    async with behind_an_issuer(lambda: key_set(*published)) as ask:
        old, new = (token(name, scope=ALL, expires_in=A_YEAR) for name in published)
        for _ in range(3):
            assert await status(ask, old) == 200
        assert ask.executed == 2, "the third answer came from memory"
        published.remove("rsa-1")
        withdrawn_at = loops.now()
        while loops.now() - withdrawn_at <= LIFETIME_SECONDS:
            await asyncio.sleep(every_seconds)
            await status(ask, old)
        executed = ask.executed
        assert await status(ask, old) == 401
        assert ask.executed == executed
        assert await status(ask, new) == 200


async def test_an_emptied_key_set_makes_all_tokens_void() -> None:
    published = ["rsa-1", "ec-1"]
    async with behind_an_issuer(lambda: key_set(*published)) as ask:
        text = token(scope=ALL, expires_in=A_YEAR)
        assert await status(ask, text) == 200
        published.clear()
        await asyncio.sleep(LIFETIME_SECONDS + 1)
        assert await status(ask, text) == 401


@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, MAX_STALE_SECONDS), ({"JWT_KEYS_MAX_STALE_SECONDS": "3600"}, 3_600)]
)
async def test_a_key_set_that_cannot_be_fetched_is_believed_for_a_day_and_then_nobody_is_let_in(
    settings: dict[str, str], seconds: float
) -> None:
    answers = [key_set("rsa-1")]

    def publish() -> bytes:
        if not answers:
            raise OSError("down")
        return answers[0]

    async with behind_an_issuer(publish, **settings) as ask:
        text = token(scope=ALL, expires_in=A_YEAR)
        assert await status(ask, text) == 200
        answers.clear()
        await asyncio.sleep(seconds - 1)
        assert await status(ask, text) == 200
        await asyncio.sleep(2)
        assert await status(ask, text) == 503
        answers.append(key_set("rsa-1"))
        await asyncio.sleep(5)
        assert await status(ask, text) == 200


async def test_an_expired_token_gets_no_answer_though_the_answer_is_in_memory() -> None:
    async with behind_an_issuer(lambda: key_set("rsa-1")) as ask:
        text = token(scope=ALL, expires_in=100)
        for _ in range(3):
            assert await status(ask, text) == 200
        await asyncio.sleep(100 + 30 - 2)
        assert await status(ask, text) == 200
        await asyncio.sleep(3)
        executed = ask.executed
        assert await status(ask, text) == 401
        assert ask.executed == executed


async def test_a_token_that_has_lost_a_scope_gets_no_answer_made_with_it() -> None:
    async with behind_an_issuer(lambda: key_set("rsa-1")) as ask:
        for scope, refusals in ((ALL, 0), (SCOPES[0], 3), ("", 2), (ALL, 0)):
            for _ in range(3):
                answer = await ask(NAMES, authorization=f"Bearer {token(scope=scope)}")
                assert len(json.loads(answer.body).get("errors", [])) == refusals


async def test_a_removed_api_key_is_void_from_the_start_without_it() -> None:
    keys = line("old", "old-key", ALL), line("new", "new-key", ALL)
    async with asked(API_KEYS="\n".join(keys)) as ask:
        assert (await ask(NAMES, x_api_key="old-key")).status == 200
    async with asked(API_KEYS=keys[1]) as ask:
        for _ in range(3):
            assert (await ask(NAMES, x_api_key="new-key")).status == 200
        assert (await ask(NAMES, x_api_key="old-key")).status == 401
