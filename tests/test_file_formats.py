"""Files of a table: what a spreadsheet and a program read of them."""

import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import bounded
from web.file_formats import CSV, NDJSON

NAMES = ("id", "name")
CONTROLS = re.compile(r"[^\t\r\n -~\x80-\U0010ffff]")


def cell(value: Any) -> str:
    """Return what a reader of CSV finds in a cell."""
    text = CSV.rows(["one"], [[value]]).decode()
    ((found,),) = csv.reader(io.StringIO(text, newline=""))
    return found


def test_csv_begins_with_a_byte_order_mark_and_its_lines_end_as_rfc_4180_says() -> None:
    assert CSV.header(NAMES) + CSV.rows(NAMES, [["1", "Ärger"], ["2", None]]) == (
        b"\xef\xbb\xbfid,name\r\n" + "1,Ärger\r\n2,\r\n".encode()
    )


def test_csv_quotes_what_would_end_a_cell() -> None:
    assert CSV.rows(NAMES, [["a,b", 'say "hi"'], ["two\nlines", "\u2028"]]).decode() == (
        '"a,b","say ""hi"""\r\n"two\nlines",\u2028\r\n'
    )


@pytest.mark.parametrize(
    "value", ["=1+1", "+49 30 12", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "-", "+1e", "="]
)
def test_no_cell_begins_like_a_formula(value: str) -> None:
    assert cell(value).startswith(f"'{value[0]}")
    assert cell(value).replace("'", "") == value


@pytest.mark.parametrize("spaces", [" ", "   ", "\xa0", "\u2003"])
def test_nor_behind_spaces_which_some_spreadsheets_leave_out(spaces: str) -> None:
    assert cell(f"{spaces}=1+1") == f"'{spaces}=1+1"
    assert cell(f"Acme;{spaces}@SUM(A1)") == f"Acme;'{spaces}@SUM(A1)"
    assert cell(f"{spaces}Acme = 1") == f"{spaces}Acme = 1"


@pytest.mark.parametrize("separator", [";", "\t", "\r", "\n", "\r\n"])
def test_nor_does_one_where_a_spreadsheet_of_another_country_ends_a_cell(separator: str) -> None:
    assert cell(f"Acme{separator}=cmd()") == f"Acme{separator}'=cmd()"


@pytest.mark.parametrize("spaces", ["", " ", "\xa0"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_nor_within_a_list_or_an_object_whose_json_stays_the_same(sign: str, spaces: str) -> None:
    value = [f"Acme;{spaces}{sign}cmd()", {f"a;{sign}": f"; =1;{sign}2 = 3"}]
    written = cell(value)
    assert not re.search(r";\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", written)
    assert json.loads(written) == value


@pytest.mark.parametrize("value", ["-12.50", "+3", "0", "-0.00000000000000000001", "99999999999999999999.99"])
def test_plain_numbers_stay_as_they_are(value: str) -> None:
    assert cell(value) == value


@pytest.mark.parametrize("value", ["-1\n", "-٣", "-1,5", "--1", "-1-1"])
def test_what_is_nearly_a_number_is_none(value: str) -> None:
    assert cell(value)[0] == "'"


@pytest.mark.parametrize("control", ["\0", "\x08", "\x0b", "\x0c", "\x1a", "\x1f", "\x7f"])
def test_what_is_no_text_in_rfc_4180_and_ends_a_file_for_some_readers_is_replaced(control: str) -> None:
    assert cell(f"a{control}b") == "a\ufffdb"
    assert cell(f"{control}=1").lstrip("'") == "\ufffd=1"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (2.5, "2.5"),
        (-0.5, "-0.5"),
        (10**30, "1" + "0" * 30),
        ([1, {"a": None}], '[1,{"a":null}]'),
        ([10**30], f"[{10**30}]"),
    ],
)
def test_what_is_no_text_is_written_as_in_json(value: Any, written: str) -> None:
    assert cell(value) == written
    assert NDJSON.rows(["one"], [[value]]).decode() == f'{{"one":{written}}}\n'


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x0b", "\x1c", "\r", "\n"])
def test_a_line_of_json_is_one_to_readers_that_know_more_ends_of_lines(character: str) -> None:
    text = NDJSON.rows(["one"], [[f"a{character}b"], ["é"]]).decode()
    assert [json.loads(line)["one"] for line in text.splitlines()] == [f"a{character}b", "é"]


def test_half_a_surrogate_pair_ends_no_file() -> None:
    assert [json.loads(NDJSON.rows(["one"], [["a\ud83d"]]))["one"], cell("a\ud83d")] == ["a\ud83d", "a?"]


@bounded
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), max_size=4))
def test_every_text_is_read_back_but_for_the_apostrophes(rows: list[list[str]]) -> None:
    text = CSV.rows(NAMES, rows).decode()
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [[one.replace("'", "") for one in row] for row in found] == [
        [CONTROLS.sub("\ufffd", one.replace("'", "")) for one in row] for row in rows
    ]
    assert not any(one[0] in "=+-@\t\r\n" for row in found for one in row if one and not one.lstrip("+-").isdecimal())


def test_json_has_an_object_a_line_with_all_columns() -> None:
    assert NDJSON.header(NAMES) == b""
    text = NDJSON.rows(NAMES, [["1", "=1\n2"], [None, 3]])
    assert [json.loads(line) for line in text.splitlines()] == [{"id": "1", "name": "=1\n2"}, {"id": None, "name": 3}]
    assert text.endswith(b"\n")
