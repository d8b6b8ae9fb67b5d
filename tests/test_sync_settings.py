"""`sync.settings`: bounds, and the brake."""

import pytest

from resolvers.settings import BadSettings, read
from sync.settings import SyncSettings


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = read(SyncSettings, {})
    assert (settings.increment_seconds, settings.sweep_seconds, settings.full_sweep_seconds) == (60, 21_600, 300)
    assert settings.enabled


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SYNC_INCREMENT_SECONDS", "1"),
        ("SYNC_OVERLAP_SECONDS", "60"),
        ("SYNC_BRAKE_SHARE", "1.5"),
        ("SYNC_CUSTOMER_SECONDS", "3600"),
        ("SYNC_FULL_SWEEP_SECONDS", "0"),
        ("SYNC_ENABLED", "perhaps"),
    ],
)
def test_a_value_that_would_harm_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadSettings, match=name):
        read(SyncSettings, {name: text})


def test_the_longest_interval_is_not_shorter_than_the_shortest() -> None:
    with pytest.raises(BadSettings, match="SYNC_INCREMENT_LONGEST_SECONDS"):
        read(SyncSettings, {"SYNC_INCREMENT_SECONDS": "600"})


@pytest.mark.parametrize(
    ("deletions", "deals", "is_held_back"),
    [(20, 20, False), (21, 400, True), (21, 420, False), (22, 420, True), (0, 0, False), (500, 10_000, False)],
)
def test_the_brake_holds_beyond_both_its_count_and_its_share(deletions: int, deals: int, is_held_back: bool) -> None:
    assert SyncSettings().holds_back(deletions, deals) is is_held_back
