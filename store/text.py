"""How text is compared: without case, width and accents, alike in Python, SQLite and PostgreSQL."""

import unicodedata


def fold(text: str) -> str:
    """Return text for comparing and ordering: NFKC, casefolded. Accents stay: `ö` and `o` are two letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def searchable(text: str) -> str:
    """Return text for searching: folded, without accents, every run of white space one space."""
    letters = unicodedata.normalize("NFKD", fold(text))
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())
