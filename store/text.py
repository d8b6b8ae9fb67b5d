"""How text is compared: without case, width and accents, alike in Python, SQLite and PostgreSQL."""

import unicodedata
from typing import Final

FOLDED_LENGTH: Final = 300
"""Characters by which text is compared and ordered: an entry of a PostgreSQL index takes no more than 2,700 bytes."""

PLAIN: Final = {
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "ŧ": "t",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
}
"""Letters of their own to Unicode, to people others with a stroke, or two: as they are written where a keyboard lacks
them, in email addresses for example."""

_PLAIN: Final = str.maketrans(PLAIN)


def fold(text: str) -> str:
    """Return text for comparing and ordering: NFKC, casefolded. Accents stay: `ö` and `o` are two letters.

    Two texts that are alike in their first `FOLDED_LENGTH` characters compare as equal.
    """
    return storable(_fold(text))[:FOLDED_LENGTH]


def storable(text: str) -> str:
    """Return text as both databases take it: with U+FFFD in place of NUL, and of halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _fold(text: str) -> str:
    if text.isascii():  # which has no other form
        return text.casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def searchable(text: str) -> str:
    """Return text for searching: folded, without accents and strokes, every run of white space one space."""
    letters = unicodedata.normalize("NFKD", _fold(storable(text)))
    if letters.isascii():
        return " ".join(letters.split())
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).translate(_PLAIN).split())
