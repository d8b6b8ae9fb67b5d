"""The rows of one page of a list, each read by itself: one that cannot be read spoils no other."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from background import in_slices
from resolvers.errors import UpstreamBadResponse
from resolvers.json_items import elements, members
from resolvers.listing import ListedRow
from resolvers.reply import decode, decoder, readable
from resolvers.source import Record

_MEMBERS = decoder(dict[str, msgspec.Raw])
_ELEMENTS = decoder(list[msgspec.Raw])

PIECE_BYTES: Final = 65_536
"""Of a page, at least; half of what a slice of work is (`background`). A page has a megabyte."""

_FIRST_NAME = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*("[^"\\]*")')
_BETWEEN = rb"\}[ \t\r\n]*,[ \t\r\n]*(?=\{[ \t\r\n]*%s)"
"""What lies between two rows that begin with the same name; it may also stand within one, or in a text."""

_OTHER = b'"other than rows"'


def split(source: str, body: bytes, array: str, beside: Iterable[str]) -> tuple[bytes, list[bytes]]:
    """Return a page's members `beside` its array of rows, as a JSON object, and the text of each row.

    Texts are as sent, each digit and blank; but what is no Unicode text becomes U+FFFD (`resolvers.reply.readable`).
    Raises `UpstreamBadResponse` for what is no page.
    """
    body = readable(body)
    found: dict[str, bytes] = {}
    with suppress(UpstreamBadResponse):  # one of the rows is no JSON
        found = {name: bytes(value) for name, value in decode(source, _MEMBERS, body).items()}
    try:
        found = found or {name.decode(): value for name, value in members(body).items()}
        rows = _elements(source, found[array])
    except (KeyError, ValueError):
        raise UpstreamBadResponse(source, detail="not a page of records") from None
    rest = [b'"%s":%s' % (name.encode(), found[name]) for name in beside if name in found]
    return b"{%s}" % b",".join(rest), rows


async def split_in_slices(source: str, body: bytes, array: str, beside: Iterable[str]) -> tuple[bytes, list[bytes]]:
    """Return what `split` does, and raise what it raises; others use the event loop in between."""
    begins = re.search(rb'"%s"[ \t\r\n]*:[ \t\r\n]*\[' % re.escape(array.encode()), body)
    ends = body.rfind(b"]")
    if begins is None or ends - begins.end() <= PIECE_BYTES:
        return split(source, body, array, beside)
    before, behind, rows = body[: begins.end()], body[ends:], list[bytes]()
    # If what is around the rows is a page by itself, with something else in their place, and each piece of them an
    # array, then the whole is that page with these rows. If not, it was cut at the wrong place, or is no JSON.
    try:
        async for piece in in_slices(_pieces(body, begins.end(), ends)):
            found: list[msgspec.Raw] = decode(source, _ELEMENTS, readable(b"[%s]" % piece))
            rows += map(bytes, found)
        rest, others = split(source, before + _OTHER + behind, array, beside)
    except UpstreamBadResponse:
        others = []
    is_so = others == [_OTHER] and _OTHER not in before + behind
    return (rest, rows) if is_so else split(source, body, array, beside)


def _pieces(body: bytes, start: int, end: int) -> Iterator[bytes]:
    if name := _FIRST_NAME.match(body, start, end):
        between = re.compile(_BETWEEN % re.escape(name[1]))
        while found := between.search(body, start + PIECE_BYTES, end):
            yield body[start : found.start() + 1]
            start = found.end()
    yield body[start:end]


def _elements(source: str, array: bytes) -> list[bytes]:
    with suppress(UpstreamBadResponse):
        return [bytes(row) for row in decode(source, _ELEMENTS, array)]
    return elements(array)


async def read_rows(
    texts: Sequence[bytes],
    read: Callable[[bytes], tuple[str, Record, frozenset[str]]],
    id_of: Callable[[bytes], str | None],
) -> list[ListedRow]:
    """Return the rows that have an id, in order; others use the event loop in between.

    `read` gives a row's id, its record, and which fields the row lacks; it raises `UpstreamBadResponse` for what is no
    record. `id_of` gives the id of such a row, if it has one.
    """
    rows = []
    async for text in in_slices(texts):
        try:
            source_id, record, lacks = read(text)
            rows.append(ListedRow(source_id, record, lacks))
        except UpstreamBadResponse:
            if (found := id_of(text)) is not None:
                rows.append(ListedRow(found, None))
    return rows


def once(rows: Iterable[ListedRow]) -> list[ListedRow]:
    """Return the rows without those whose id has come before."""
    found: dict[str, ListedRow] = {}
    for row in rows:
        found.setdefault(row.source_id, row)
    return list(found.values())
