"""`web.auth.verified_tokens`: which tokens are remembered, and how long one is relied on."""

import pytest

from web.auth.verified_tokens import VERIFIED_SECONDS, VerifiedToken, VerifiedTokens


def test_the_tokens_least_recently_used_go_first() -> None:
    tokens = VerifiedTokens(max_tokens=3)
    for name in (b"a", b"b", b"c"):
        tokens.add(name, VerifiedToken(frozenset(), 0, 1, 0))
    assert tokens.find(b"a")
    tokens.add(b"d", VerifiedToken(frozenset(), 0, 1, 0))
    assert [name for name in (b"a", b"b", b"c", b"d") if tokens.find(name)] == [b"a", b"c", b"d"]


@pytest.mark.parametrize(("now", "valid"), [(69, False), (70, True), (229, True), (230, False)])
def test_a_token_is_valid_from_its_first_second_to_its_last_give_or_take_the_leeway(now: float, valid: bool) -> None:
    assert VerifiedToken(frozenset(), 100, 200, 100).is_valid(now, 30) is valid


@pytest.mark.parametrize(
    ("now", "recent"), [(99, False), (100, True), (99 + VERIFIED_SECONDS, True), (100 + VERIFIED_SECONDS, False)]
)
def test_a_verification_is_relied_on_for_a_while_and_never_after_the_clock_was_set_back(
    now: float, recent: bool
) -> None:
    assert VerifiedToken(frozenset(), 0, 10_000, 100).is_recent(now) is recent
