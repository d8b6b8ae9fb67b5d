"""How the store compares text: `store.text`."""

import pytest

from store.text import fold, searchable, storable


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


def test_letters_with_a_stroke_are_searched_as_they_are_written_without_one() -> None:
    assert (
        searchable("Łódź Ørsted Đorđe Ægir Œuvre Þór Diyarbak\u0131r")
        == "lodz orsted dorde aegir oeuvre thor diyarbakir"
    )
    assert fold("Łódź") != fold("Lodz")


def test_what_nobody_sees_is_not_searched_for() -> None:
    assert searchable("Ac\u00adme\u200b\ufeff \u202eW\u2060idgets\u200f") == "acme widgets"
    assert searchable("\u2764\ufe0f") == searchable("\u2764")
    assert searchable("\u200b\u3164\U000e0041") == ""
    visible = "".join(chr(code) for code in range(0x20, 0x3000) if chr(code).isalnum() or 0x21 <= code < 0x7F)
    assert len(searchable(visible)) > 0.9 * len(visible)


def test_folded_text_fits_into_an_index_of_postgresql() -> None:
    assert fold("A" * 400) == "a" * 300
    assert len((fold("\N{MATHEMATICAL BOLD CAPITAL A}\N{GRINNING FACE}" * 400) * 2).encode()) < 2_700
    assert len(searchable("a" * 400)) == 400


def test_text_that_a_database_refuses_is_folded_to_what_it_takes() -> None:
    assert fold("A\0\ud800") == searchable("A\0\ud800") == "a\ufffd\ufffd"
    assert storable("gr\u00f6\u00dfe \N{GRINNING FACE}") == "gr\u00f6\u00dfe \N{GRINNING FACE}"
