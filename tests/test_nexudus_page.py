"""`resolvers.nexudus.page`: what a page proves about the ids that were asked for."""

import json
from typing import Any

import pytest

from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus.page import Page, read_page
from simulator.nexudus_records import DATA

EXAMPLE = json.loads((DATA / "nexudus_example.json").read_text("utf-8"))


def row(source_id: Any, **changes: Any) -> dict[str, Any]:
    return {**EXAMPLE, "Id": source_id, **changes}


def without(source_id: int, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row(source_id).items() if name not in names}


def read(rows: list[Any], asked: str, **envelope: Any) -> Page:
    page = {"Records": rows, "TotalItems": len(rows), "HasNextPage": False, **envelope}
    return read_page(json.dumps(page).encode(), asked.split())


def verdict(page: Page) -> tuple[list[str], list[str], list[str], bool]:
    return list(page.records), page.missing, page.unsure, page.filter_ignored


def test_rows_asked_for_are_records() -> None:
    page = read([row(2), row(1)], "1 2")
    assert verdict(page) == (["2", "1"], [], [], False)
    assert [record.id for record in page.records.values()] == [2, 1]


def test_an_id_absent_from_a_whole_page_is_missing() -> None:
    assert verdict(read([row(1)], "1 2 3")) == (["1"], ["2", "3"], [], False)


def test_an_empty_page_means_that_all_are_missing() -> None:
    assert verdict(read([], "1 2")) == ([], ["1", "2"], [], False)


def test_a_row_not_asked_for_shows_that_the_filter_was_ignored() -> None:
    """Trap 18: Nexudus ignores parameters that it does not know, without a word."""
    page = read([row(7), row(1)], "1 2")
    assert verdict(page) == (["1"], [], ["2"], True)


@pytest.mark.parametrize(
    "envelope", [{"HasNextPage": True}, {"TotalItems": 60}, {"HasNextPage": True, "TotalItems": None}]
)
def test_an_id_absent_from_a_cut_page_is_unsure(envelope: dict[str, Any]) -> None:
    assert verdict(read([row(1)], "1 2", **envelope)) == (["1"], [], ["2"], False)


def test_counts_left_out_of_the_envelope_prove_nothing_against_it() -> None:
    page = read_page(json.dumps({"Records": [row(1)]}).encode(), ["1", "2"])
    assert verdict(page) == (["1"], ["2"], [], False)


@pytest.mark.parametrize("broken", [None, 5, "x", {}, {"Id": None}, {"Id": "x"}, {"Id": True}, []])
def test_a_row_that_cannot_be_read_makes_the_absent_ids_unsure(broken: Any) -> None:
    assert verdict(read([row(1), broken], "1 2")) == (["1"], [], ["2"], False)


def test_an_unreadable_record_with_an_id_is_unsure_and_hurts_no_other() -> None:
    assert verdict(read([row(1), row(2, Status="x")], "1 2")) == (["1"], [], ["2"], False)


@pytest.mark.parametrize("name", ["CoworkerId", "CreatedOn", "UtmTerm", "TeamDescription", "Value"])
def test_an_incomplete_row_is_to_be_asked_for_singly(name: str) -> None:
    assert verdict(read([without(1, name), row(2)], "1 2")) == (["2"], [], ["1"], False)


def test_a_field_that_single_records_lack_too_does_not_make_a_row_incomplete() -> None:
    body = json.dumps({"Records": [without(1, "UtmTerm")]}).encode()
    assert verdict(read_page(body, ["1"], never_sent=frozenset({"utm_term"}))) == (["1"], [], [], False)


def test_a_row_that_comes_twice_counts_once() -> None:
    assert verdict(read([row(1), row(1, Name="again")], "1 2")) == (["1"], ["2"], [], False)
    assert verdict(read([row(1, Status="x"), row(1)], "1")) == ([], [], ["1"], False)


def test_a_row_whose_id_is_text_is_recognized() -> None:
    assert verdict(read([row("1"), row("2")], "1 2")) == (["1", "2"], [], [], False)


def test_the_order_of_the_missing_is_the_order_asked_for() -> None:
    assert read([], "3 1 2").missing == ["3", "1", "2"]


def test_a_failure_inside_an_answer_is_told_from_a_record_by_was_successful() -> None:
    """Trap 19: the entity has a field `Value`, and so has the error envelope."""
    with pytest.raises(UpstreamBadResponse):
        read([row(1)], "1", WasSuccessful=False, Value=None)

    assert list(read([row(1)], "1", Value={"Id": 5}).records) == ["1"]
    assert list(read([row(1)], "1", WasSuccessful=True).records) == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'[{"Id":1}]',
        b'"Not found"',
        b"{}",
        b'{"Records":null}',
        b'{"Records":{}}',
        b'{"Records":[',
        b'{"Message":"Ooops!","Value":null,"WasSuccessful":false}',
        b"<html></html>",
    ],
)
def test_what_is_no_page_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        read_page(body, ["1"])
