"""What a deal is known by in the store: `store.deal_ids`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.registry import SOURCES
from store.deal_ids import SHORT, deal_id, sources_of
from tests.fuzzing import bounded

UUIDS = ("00000000-0000-4000-8000-000000000000", "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc")
NUMBERS = ("1", "9", "10", "255", "256", "1427000501", "9" * 19)
OTHERS = ("", "0", "007", "-1", "1" * 20, "T-1", "٣", UUIDS[1].upper(), UUIDS[1][:-1], "n", "é\0\ud800")

parts = st.tuples(
    st.sampled_from([*SHORT, *(source.name for source in SOURCES), "n", "ne", "toy"]),
    st.sampled_from(["", "eu", "eu2", "é"]),
    st.sampled_from([*UUIDS, *NUMBERS, *OTHERS]) | st.text(max_size=4) | st.integers(0).map(str) | st.uuids().map(str),
)


@bounded
@given(parts, parts)
def test_two_deals_never_have_the_same(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (deal_id(*one) == deal_id(*other)) == (one == other)


@bounded
@given(st.lists(parts))
def test_a_key_tells_its_system(deals: list[tuple[str, str, str]]) -> None:
    assert sources_of([deal_id(*one) for one in deals]) == [source for source, _, _ in deals]


def test_what_is_no_key_tells_none() -> None:
    for nothing in (b"", b"\0", b"@eu\0\x01\x09"):
        with pytest.raises(ValueError, match="no key"):
            sources_of([nothing])


def test_of_systems_and_accounts_with_like_names_each_has_ids_of_its_own() -> None:
    names = [*SHORT, "n", "c", "ne", "toy", "toy2"]
    found = {deal_id(name, account, own) for name in names for account in ("", "e", "eu") for own in ("9", "u9", "eu")}
    assert len(found) == len(names) * 3 * 3


def test_what_is_stored_is_found_by_every_version() -> None:
    """What fails here would have each deal stored a second time."""
    assert deal_id("nexudus", "", "1427000501").hex(" ") == "6e 04 55 0e 4c b5"
    assert deal_id("nexudus", "eu", "9").hex(" ") == "6e 40 65 75 00 01 09"
    assert deal_id("chartmogul", "", UUIDS[1]).hex(" ", 8) == "6310 4ee13ca4e7fe11ee fa7ff303abf41acc"
    assert deal_id("toy", "", "T-1") == b"toy\x20T-1"


def test_ids_come_by_system_then_by_account_then_by_their_own() -> None:
    names = sorted(source.name for source in SOURCES)
    expected = [
        deal_id(name, account, own)
        for name in names
        for account in ("", "eu", "eu2")
        for own in (*NUMBERS, *UUIDS, *sorted(OTHERS[5:7]))
    ]
    assert sorted(expected) == expected


def test_every_id_is_compared_with_less_than_what_comes_behind_all() -> None:
    assert all(deal_id(source.name, "", one) < b"\xff" for source in SOURCES for one in (*NUMBERS, *UUIDS))
