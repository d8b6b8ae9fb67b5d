"""How the store compares text: `store.text`."""

import pytest

from store.text import fold, searchable


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "Straße"), ("ＡＢＣ", "abc"), ("ﬁt", "FIT"), ("É", "e\u0301"), ("ΑΣ", "ας")],  # noqa: RUF001
)
def test_text_that_reads_alike_folds_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_letters_with_accents_are_letters_of_their_own() -> None:
    assert fold("Öl") != fold("Ol")


def test_what_is_searched_has_no_accents_and_one_space_between_words() -> None:
    assert searchable("  Café\tÜnï \n Straße ") == "cafe uni strasse"
