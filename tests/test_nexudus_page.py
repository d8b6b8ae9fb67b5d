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


BAD = {
    "NaN": b'"Notes": NaN',
    "a control character": b'"Notes": "a\nb"',
    "half an escape": b'"Notes": "\\u12"',
    "too deep": b'"Notes": ' + b"[" * 5_000 + b"]" * 5_000,
    "a number of 5,000 digits": b'"TeamId": ' + b"9" * 5_000,
    "an infinite amount": b'"Value": 1e999999999',
    "a text for a number": b'"TeamId": "many"',
    "a list for a text": b'"Notes": [1, {"Id": 8}]',
    "no value": b'"Notes": ',
    "no JSON": b"Notes; 1",
    "a second value": b'"Notes": 1} {"Id": 9',
}


def spoilt(source_id: int, what: bytes) -> bytes:
    """Return a row with something in it that cannot be read."""
    return json.dumps(without(source_id, "Notes", "Value", "TeamId")).encode()[:-1] + b", " + what + b"}"


def fifty(*bad: bytes, ids: range = range(1, 51)) -> Page:
    rows = [json.dumps(row(n)).encode() for n in ids[len(bad) :]]
    rows.insert(20, b" , ".join(bad))
    body = b'{"Records" : [ %s ], "TotalItems": 50, "HasNextPage": false, "X": {"Records": []}}' % b",\n".join(rows)
    return read_page(body, list(map(str, ids)))


@pytest.mark.parametrize("what", BAD.values(), ids=BAD)
def test_one_of_fifty_rows_that_cannot_be_read_is_to_be_asked_for_singly_and_no_other(what: bytes) -> None:
    page = fifty(spoilt(1, what))
    assert verdict(page) == ([str(n) for n in range(2, 51)], [], ["1"], False)


@pytest.mark.parametrize(
    "broken", [b"null", b"NaN", b"[]", b"5", b'"x"', b"{}", b"", b'{"Name": "\\x"}', b'{"Id": NaN}']
)
def test_one_of_fifty_rows_without_an_id_costs_the_one_record_that_is_absent(broken: bytes) -> None:
    assert fifty(broken).unsure == ["1"]
    assert len(fifty(broken).records) == 49


def test_several_bad_rows_are_each_their_own_doubt() -> None:
    page = fifty(*[spoilt(n, what) for n, what in enumerate(BAD.values(), 1)])
    assert page.unsure == [str(n) for n in range(1, len(BAD) + 1)]
    assert len(page.records) == 50 - len(BAD)


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\udE00", rb"a\ud83d\n", b"\xff", b"\xf0\x9f\x98"])
def test_a_text_that_was_cut_inside_a_character_costs_no_row(half: bytes) -> None:
    page = fifty(spoilt(1, b'"Value": 1, "TeamId": null, "Notes": "' + half + b'"'))
    assert len(page.records) == 50
    assert "\ufffd" in (page.records["1"].notes or "")


def test_half_a_character_beside_a_row_that_cannot_be_read_costs_no_row_either() -> None:
    page = fifty(spoilt(1, b'"Value": 1, "TeamId": 2, "Notes": "\\ud83d"'), spoilt(2, BAD["NaN"]))
    assert page.unsure == ["2"]
    assert page.records["1"].notes == "\ufffd"


def test_a_byte_order_mark_or_what_stands_beside_the_rows_costs_none() -> None:
    bad = spoilt(2, BAD["NaN"])
    for start in (b"\xef\xbb\xbf {", b'{"Message": NaN, "Records": [5], '):
        body = start + b'"Records": [' + json.dumps(row(1)).encode() + b"," + bad + b"]}"
        assert verdict(read_page(body, ["1", "2"])) == (["1"], [], ["2"], False)


def test_of_one_name_that_a_row_has_twice_the_last_counts_as_in_every_parser() -> None:
    body = json.dumps({"Records": [row(1, Name="first")]}).encode()
    assert read_page(body.replace(b"}]", b', "Name": "last"}]'), ["1"]).records["1"].name == "last"


@pytest.mark.parametrize(
    "body", [b'{"Records":[NaN', b'{"Records":[NaN]', b'{"Records":[NaN]}}', b'{"Records":[NaN]}{}']
)
def test_a_page_that_is_not_whole_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        read_page(body, ["1"])


def test_a_page_of_nothing_but_brackets_is_refused_in_a_moment() -> None:
    for pieces in (b"[" * 1_000_000, b"[]" * 1_000_000, b'{"Records":[' + b"[]," * 1_500_000):
        with pytest.raises(UpstreamBadResponse):
            read_page(pieces, ["1"])
