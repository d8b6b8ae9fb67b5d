"""How text is compared: without case, width and accents, alike in Python, SQLite and PostgreSQL."""

import re
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

_INVISIBLE: Final = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What Unicode calls default ignorable: soft hyphens, joiners, spaces without width, marks of direction, selectors of a
glyph. They come along with what is copied from a page or a document, and nobody sees that they are there."""


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
    """Return text for searching: folded, without accents, strokes and what is invisible, every run of white space one
    space."""
    letters = unicodedata.normalize("NFKD", _fold(storable(text)))
    if letters.isascii():
        return " ".join(letters.split())
    letters = _INVISIBLE.sub("", letters)
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).translate(_PLAIN).split())
