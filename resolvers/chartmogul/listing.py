"""Lists all opportunities, newest first: `GET /v1/opportunities`.

The vendor has a cursor for it, but neither a count nor a "changed since"."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from msgspec import Meta

from httpclient.client import Request
from resolvers.chartmogul.record import SOURCE, UUID, ChartMogulRecord, MinorUnits, parse
from resolvers.errors import UpstreamBadResponse
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.json_items import members
from resolvers.listing import DeletionsPage, ListedPage
from resolvers.reply import decode, decoder
from resolvers.resilience.transport import Transport
from resolvers.rows import once, read_rows, split_in_slices

LARGEST_PAGE: Final = 200
"""ChartMogul's page on pagination."""

_FIELDS: Final = frozenset(field.name for field in msgspec.structs.fields(ChartMogulRecord))


class _End(msgspec.Struct):
    has_more: bool
    cursor: Annotated[str, Meta(max_length=2_000)] | None = None


_END = decoder(_End)
_TEXT = decoder(str)
_NAMES = decoder(dict[str, msgspec.Raw])


class ChartMogulListing:
    """A `resolvers.listing.Listing`. A position is the cursor, and before it when the last row was created."""

    has_changed_since = False
    page_size = LARGEST_PAGE

    def __init__(
        self, base_url: str, headers: Callable[[], dict[str, str]], transport: Transport, *, minor_units: MinorUnits
    ) -> None:
        self._url = f"{base_url}/v1/opportunities?per_page={LARGEST_PAGE}"
        self._headers = headers
        self._transport = transport
        self._minor_units: MinorUnits = minor_units

    async def page(
        self, position: str | None, shared_fetch: SharedFetch, *, changed_since: datetime | None = None
    ) -> ListedPage:
        """Return the page at a position; raises an `UpstreamError`."""
        if changed_since is not None:
            raise ValueError("ChartMogul cannot say what was changed since a moment")
        before, cursor = _parsed(position)
        url = self._url + (f"&cursor={quote(cursor, safe='')}" if cursor else "")
        body = await self._transport.fetch(Request(url, "list", headers=self._headers()), shared_fetch)
        if body is None:
            raise UpstreamBadResponse(SOURCE, detail="there is no list: is the base URL right?")
        rest, texts = await split_in_slices(SOURCE, body, "entries", ("has_more", "cursor"))
        end = decode(SOURCE, _END, rest)
        if end.has_more and (not texts or end.cursor in (None, "", cursor)):
            raise UpstreamBadResponse(SOURCE, detail="a list that does not move on")
        rows = await read_rows(texts, self._read, _id_of)
        created = [row.record.created_at for row in rows if row.record is not None]
        moments = [before, *created] if before is not None else created
        return ListedPage(
            once(rows),
            f"{moments[-1].isoformat() if moments else ''} {end.cursor}" if end.has_more else None,
            None,
            is_ordered=all(newer >= older for newer, older in pairwise(moments)),
            unreadable=len(texts) - len(rows),
        )

    async def deletions(self, since: datetime, position: str | None, shared_fetch: SharedFetch) -> DeletionsPage | None:
        """Return None: ChartMogul does not tell of deletions."""
        return None

    def _read(self, row: bytes) -> tuple[str, ChartMogulRecord, frozenset[str]]:
        record = parse(row, self._minor_units)
        names: dict[str, msgspec.Raw] = decode(SOURCE, _NAMES, row)
        return _checked(record.uuid), record, _FIELDS.difference(names)


def _parsed(position: str | None) -> tuple[datetime | None, str]:
    moment, _, cursor = (position or "").partition(" ")
    try:
        return (datetime.fromisoformat(moment) if moment else None), cursor
    except ValueError:
        return None, ""  # which begins anew


def _checked(uuid: str) -> str:
    lower = uuid.lower()
    if not UUID.fullmatch(lower):
        raise UpstreamBadResponse(SOURCE, detail="a row with an id that is none")
    return lower


def _id_of(row: bytes) -> str | None:
    try:
        return _checked(decode(SOURCE, _TEXT, members(row)[b"uuid"]))
    except (KeyError, ValueError, UpstreamBadResponse):
        return None
