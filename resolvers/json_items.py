"""The items of a JSON array or object as texts, without a look into them: one that cannot be read spoils no other.

No parser of JSON goes on behind a value that it cannot read. Strings and brackets are all that it takes to find where
an item ends (RFC 8259, 2).
"""

import re
from collections.abc import Iterator

_PIECE = re.compile(rb'"(?:[^"\\]|\\.)*+"|\[+|\]+|\{+|\}+|,|"', re.DOTALL)
_MOST_PIECES = 1_000_000
"""Some tenths of a second; a page of fifty records has 8,000."""

_BLANKS = b" \t\r\n"
_NAME = re.compile(rb'"([^"\\]*)"[ \t\r\n]*:')


def elements(array: bytes) -> list[bytes]:
    """Return the texts of an array's elements; raises `ValueError` for what is no array."""
    return _items(array, b"[]")


def members(object_: bytes) -> dict[bytes, bytes]:
    """Return an object's values by name, the last one of each; raises `ValueError` for what is no object."""
    named = ((_NAME.match(item), item) for item in _items(object_, b"{}"))
    return {name[1]: item[name.end() :].strip(_BLANKS) for name, item in named if name}


def _items(container: bytes, brackets: bytes) -> list[bytes]:
    container = container.strip(_BLANKS)
    if container[:1] + container[-1:] != brackets:
        raise ValueError("another kind of value")
    found = list(_split(container))
    return found if found != [b""] else []


def _split(container: bytes) -> Iterator[bytes]:
    depth, start = 0, 1
    for count, piece in enumerate(_PIECE.finditer(container)):
        text = piece[0]
        if text[0] in b"[{":
            depth += len(text)
        elif text[0] in b"]}":
            depth -= len(text)
            if depth <= 0 and piece.end() < len(container):
                raise ValueError("more than one value")
        elif text == b'"':
            raise ValueError("a text that is not closed")
        elif text == b"," and depth == 1:
            yield container[start : piece.start()].strip(_BLANKS)
            start = piece.end()
        if count > _MOST_PIECES:
            raise ValueError("too many pieces")
    if depth != 0:
        raise ValueError("not closed")
    yield container[start:-1].strip(_BLANKS)
