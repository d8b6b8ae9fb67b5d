"""The rows of one page of a list, each read by itself: one that cannot be read spoils no other."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec

from background import in_slices
from resolvers.errors import UpstreamBadResponse
from resolvers.json_items import elements, members
from resolvers.listing import ListedRow
from resolvers.reply import decode, decoder, readable
from resolvers.source import Record

_MEMBERS = decoder(dict[str, msgspec.Raw])
_ELEMENTS = decoder(list[msgspec.Raw])


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
