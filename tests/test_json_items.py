"""`resolvers.json_items`, beside a parser of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.json_items import elements, members

TEXTS = st.text(st.characters() | st.sampled_from('[]{},:"\\'), max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
INDENTS = st.sampled_from([None, 0, 2])


@pytest.mark.programs
@given(st.lists(VALUES, max_size=5), INDENTS, st.booleans())
def test_the_elements_of_an_array_are_those_that_a_parser_finds(
    values: list[Any], indent: int | None, in_ascii: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=in_ascii).encode(errors="surrogatepass")
    assert [json.loads(element.decode(errors="surrogatepass")) for element in elements(text)] == values


@pytest.mark.programs
@given(st.dictionaries(st.text(st.sampled_from("[]{},:aé"), max_size=4), VALUES, max_size=5), INDENTS)
def test_the_members_of_an_object_are_those_that_a_parser_finds(values: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode(errors="surrogatepass")
    assert {
        name.decode(): json.loads(value.decode(errors="surrogatepass")) for name, value in members(text).items()
    } == values


@pytest.mark.parametrize(
    "text", [b"", b"[", b"{}", b"null", b"[1", b"[]]", b"[1][2]", b'["]', b"[[]", b"[1] 2", b'[1,"]']
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"value|closed"):
        elements(text)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"5", b'{"a":1', b"{}{}", b'{"a":{}'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"value|closed"):
        members(text)


def test_an_element_may_be_anything_or_nothing() -> None:
    assert elements(b' [ NaN , \xff,, {"a" 1}, [5} ] ') == [b"NaN", b"\xff", b"", b'{"a" 1}', b"[5}"]
    assert elements(b"[ ]") == []
