"""Names that JSON has twice: `json_names`."""

import pytest

from json_names import DoubledName, check_names


@pytest.mark.parametrize(
    "text", [b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "c": [], "a": 2}}]', rb'{"\u0061": 1, "a": 2}']
)
def test_a_name_that_an_object_has_twice_is_found_at_any_depth(text: bytes) -> None:
    with pytest.raises(DoubledName, match=r"^a$"):
        check_names(text)


@pytest.mark.parametrize("text", [b"1", b'{"a": {"a": 1}, "A": [{"a": 1}, {"a": 1}]}', b"1" * 5_000, b"1e999"])
def test_all_else_is_let_pass(text: bytes) -> None:
    check_names(text)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_none(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        check_names(text)
