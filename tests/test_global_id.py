"""`resolvers.global_id`: opaque, stable, and deaf to everything else."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import BadUserInput
from resolvers.global_id import canonical_id, decode, encode
from resolvers.nexudus import NEXUDUS
from resolvers.registry import SOURCES

NEXUDUS_IDS = st.integers(1, 10**19 - 1).map(str)
UUIDS = st.uuids().map(str) | st.text("0123456789abcdef", min_size=32, max_size=32).map(
    lambda h: "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))
)


@pytest.mark.parametrize(
    ("global_id", "source", "source_id"),
    [
        ("bmV4dWR1czoxNDI3MDAwNTAx", NEXUDUS, "1427000501"),
        ("bmV4dWR1czox", NEXUDUS, "1"),
        ("bmV4dWR1czo1MDAwMDAwMDAx", NEXUDUS, "5000000001"),
        (
            "Y2hhcnRtb2d1bDo0ZWUxM2NhNC1lN2ZlLTExZWUtZmE3Zi1mMzAzYWJmNDFhY2M",
            CHARTMOGUL,
            "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc",
        ),
    ],
)
def test_the_format_of_ids_that_clients_have_stored_never_changes(global_id, source, source_id) -> None:
    assert encode(source.name, source_id) == global_id
    assert decode(global_id) == (source, source_id)


@given(NEXUDUS_IDS)
def test_a_nexudus_id_survives_the_round_trip(source_id: str) -> None:
    assert decode(encode("nexudus", source_id)) == (NEXUDUS, source_id)


@given(UUIDS)
def test_a_chartmogul_id_survives_the_round_trip(source_id: str) -> None:
    assert decode(encode("chartmogul", source_id)) == (CHARTMOGUL, source_id)


@given(NEXUDUS_IDS, st.integers(1, 3))
def test_padding_is_tolerated(source_id: str, padding: int) -> None:
    assert decode(encode("nexudus", source_id) + "=" * padding) == (NEXUDUS, source_id)


def test_an_id_that_was_pasted_with_spaces_is_refused_for_these() -> None:
    for refuse in (
        lambda: canonical_id(NEXUDUS, "1427010004 "),
        lambda: canonical_id(CHARTMOGUL, "\t4ee13ca4-e7fe-11ee-fa7f-f303abf41acc"),
        lambda: decode(" bmV4dWR1czoxNDI3MDAwNTAx\n"),
    ):
        with pytest.raises(BadUserInput, match=r"there are spaces around it\.$"):
            refuse()
    with pytest.raises(BadUserInput, match="it is a whole number like"):
        canonical_id(NEXUDUS, "14270 10004 ")


@given(st.text() | st.text(st.characters(), min_size=1) | st.binary().map(lambda raw: base64.b64encode(raw).decode()))
def test_garbage_raises_nothing_but_bad_user_input(text: str) -> None:
    with suppress(BadUserInput):
        source, source_id = decode(text)
        assert source.canonical_id(source_id) == source_id


@given(st.text(), st.sampled_from(["nexudus", "chartmogul", "salesforce", "NEXUDUS", ""]))
def test_garbage_behind_a_source_name_raises_nothing_but_bad_user_input(text: str, name: str) -> None:
    raw = base64.urlsafe_b64encode(f"{name}:{text}".encode("utf-8", "surrogatepass")).decode()
    with suppress(BadUserInput):
        source, source_id = decode(raw)
        assert source.canonical_id(source_id) == source_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "1427000501",
        "nexudus:1427000501",
        "bmV4dWR1czoxNDI3MDAwNTAx\n",
        " bmV4dWR1czoxNDI3MDAwNTAx",
        "bmV4dWR1czoxNDI3MDAwNTA\u0661",
        "\ud800",
        "bm V4dWR1czox",
        "A" * 100_000,
        "=" * 100_000,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_this_graph_never_gave_out_is_refused(text: str) -> None:
    with pytest.raises(BadUserInput):
        decode(text)


@pytest.mark.parametrize(
    "raw",
    [
        "nexudus:",
        "nexudus",
        "nexudus:0",
        "nexudus:-1",
        "nexudus:+1",
        "nexudus: 1",
        "nexudus:1 ",
        "nexudus:1\n",
        "nexudus:1.0",
        "nexudus:1e3",
        "nexudus:0x10",
        "nexudus:1_000",
        "nexudus:12345678901234567890",
        "nexudus:1:2",
        "nexudus:../users/1",
        "nexudus:1/../../users/2",
        "nexudus:1?x=1",
        "nexudus:4ee13ca4-e7fe-11ee-fa7f-f303abf41acc",
        "chartmogul:1427000501",
        "chartmogul:4ee13ca4e7fe11eefa7ff303abf41acc",
        "chartmogul:4ee13ca4-e7fe-11ee-fa7f-f303abf41acg",
        "chartmogul:{4ee13ca4-e7fe-11ee-fa7f-f303abf41acc}",
        "chartmogul:4ee13ca4-e7fe-11ee-fa7f-f303abf41acc/..",
        "NexudusOpportunity:1",
        "Nexudus:1",
        "salesforce:1",
        ":1",
    ],
)
def test_an_id_is_matched_in_full_before_it_can_reach_a_path(raw: str) -> None:
    with pytest.raises(BadUserInput):
        decode(base64.urlsafe_b64encode(raw.encode()).decode())


def test_an_id_with_path_segments_or_digits_of_other_scripts_is_refused() -> None:
    """Trap 23: `str.isdigit` takes them, and a URL library climbs."""
    for text in (
        "../users/1",
        "..",
        "1/..",
        "%2e%2e",
        "1%00",
        "\u0661\u0662",
        "1\u0662",
        "\uff11",
        "\u00b2",
        "\ud800",
        "1\u2028",
    ):
        for source in SOURCES:
            with pytest.raises(BadUserInput):
                canonical_id(source, text)


def test_one_record_has_one_canonical_spelling() -> None:
    """Trap 5: `"007"` and `"7"` are two keys to a loader."""
    assert canonical_id(NEXUDUS, "007") == canonical_id(NEXUDUS, "7") == "7"
    upper = "4EE13CA4-E7FE-11EE-FA7F-F303ABF41ACC"
    assert canonical_id(CHARTMOGUL, upper) == upper.lower()
    assert decode(encode("nexudus", "007")) == (NEXUDUS, "7")


def test_the_refusal_of_a_sources_own_id_names_the_source_and_the_shape() -> None:
    with pytest.raises(BadUserInput) as caught:
        canonical_id(NEXUDUS, "abc")

    assert caught.value.extensions == {"code": "BAD_USER_INPUT", "retryable": False, "source": "nexudus"}
    assert "whole number" in str(caught.value)
    assert "abc" not in str(caught.value)


def test_a_global_id_contains_no_graphql_type_name() -> None:
    for source, source_id in ((NEXUDUS, "1"), (CHARTMOGUL, "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc")):
        raw = base64.urlsafe_b64decode(encode(source.name, source_id) + "==").decode()
        assert "Opportunity" not in raw
