"""`web.line_ends`: JSON is one line, whatever its reader takes for the end of one."""

import json
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing import bounded
from web.line_ends import one_line

LINES = "a".join(map(chr, range(sys.maxunicode + 1))).splitlines(keepends=True)
ENDS = "".join(line[-1] for line in LINES[:-1])


def test_python_knows_more_ends_of_lines_than_json_escapes() -> None:
    assert {end for end in ENDS if end.encode() in orjson.dumps(end)} == {"\x85", "\u2028", "\u2029"}


@bounded
@given(st.recursive(st.text(st.characters(codec="utf-8") | st.sampled_from(ENDS)), lambda part: st.lists(part)))
def test_any_json_is_the_same_in_one_line(value: object) -> None:
    line = one_line(orjson.dumps({"a": value, f"b{ENDS}": value}))
    assert json.loads(line) == {"a": value, f"b{ENDS}": value}
    assert len(line.decode().splitlines()) == 1


@pytest.mark.parametrize("text", ["Å", "\u2027\u202a", "\x86\xa8"])
def test_what_only_looks_like_one_in_bytes_stays(text: str) -> None:
    assert one_line(orjson.dumps(text)) == orjson.dumps(text)
