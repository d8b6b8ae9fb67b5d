"""Which way to write a name is shown: `store.spellings`."""

from itertools import permutations

from store.spellings import Spellings, Texts


def shown(*texts: Texts) -> object:
    spellings = Spellings()
    for one in texts:
        spellings.learn("key", one)
    return spellings.shown("key")


def test_of_a_column_the_least_text_is_shown_in_whatever_order_they_come() -> None:
    assert {shown(*texts) for texts in permutations([("b",), ("A",), ("a",), ("",), (None,)])} == {"A"}


def test_of_columns_the_first_that_has_a_text_is_shown() -> None:
    assert shown((None, "A"), ("b", None), ("", "a")) == "b"
    assert shown((None, "b"), ("", "a")) == "a"


def test_without_a_text_the_key_itself_is_shown() -> None:
    assert (shown(), shown(("",), (None,))) == ("key", "key")
    assert Spellings().shown(None) is None
