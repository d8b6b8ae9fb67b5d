"""What a reply to list-by-ids proves about each id that was asked for. Pure.

`GET /api/crm/crmopportunities?CrmOpportunity_Id=[1,2]` ("List by Ids") answers with a page of rows. Nexudus silently
ignores parameters that it does not know, cuts a page at `size`, and may leave fields out of rows, so nothing is
believed unchecked: an id counts as missing only where the page is whole and holds nothing that was not asked for.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.json_items import members
from resolvers.nexudus.record import SOURCE, NexudusRecord, PartialRecord, fill, is_complete, never_null, parse
from resolvers.reply import decode, decoder
from resolvers.rows import split, split_in_slices


@dataclass(slots=True)
class Page:
    """The verdict: records by id, ids that have none, ids to ask for singly, and whether the filter was ignored."""

    records: dict[str, NexudusRecord] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    filter_ignored: bool = False


class Envelope(msgspec.Struct, rename="pascal", kw_only=True):
    """What a page says of itself."""

    total_items: int | None = None
    has_next_page: bool | None = None
    was_successful: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a failure that came with status 200."""
        if self.was_successful is False:
            raise ValueError("WasSuccessful is false")


class _Records(Envelope, kw_only=True):
    records: list[NexudusRecord]


class _PartialRecords(Envelope, kw_only=True):
    records: list[PartialRecord]  # type: ignore[valid-type] # made at run time


_RECORDS = decoder(_Records)
_PARTIAL_RECORDS = decoder(_PartialRecords)
_ENVELOPE = decoder(Envelope)
_ID = decoder(int)

_COUNTS = ("TotalItems", "HasNextPage", "WasSuccessful")

_NOTHING: frozenset[str] = frozenset()

ROWS_FAULTS: Final = frozenset({400, 500})
"""Statuses of a list that one of its rows may be to blame for: asked for again, it would answer the same."""


def read_page(body: bytes, ids: Sequence[str], *, never_sent: frozenset[str] = _NOTHING) -> Page:
    """Return what the page proves about `ids`; raises `UpstreamBadResponse` if it is not a page of records."""
    envelope, rows = _envelope(body)
    asked = frozenset(ids)
    if isinstance(envelope, _Records):  # which is how it nearly always is: just what was asked for
        records = {str(row.id): row for row in envelope.records if None not in never_null(row)}
        if len(records) == len(rows) and records.keys() == asked:
            return Page(records)
    page = Page()
    unproven = set(ids)
    whole = not envelope.has_next_page and (envelope.total_items or 0) <= len(rows)
    for row in rows:
        source_id, record = _read_row(row, never_sent)
        if source_id is None:
            whole = False
        elif source_id not in asked:
            page.filter_ignored = True
        elif source_id not in unproven:
            continue  # a row that came twice
        elif record is not None:
            page.records[source_id] = record
            unproven.discard(source_id)
        else:
            page.unsure.append(source_id)
            unproven.discard(source_id)
    left = page.missing if whole and not page.filter_ignored else page.unsure
    left.extend(source_id for source_id in ids if source_id in unproven)
    return page


def _envelope(body: bytes) -> tuple[Envelope, Sequence[Any]]:
    """Return a page and its rows: records; else records that may lack fields; else texts that may be anything."""
    with suppress(UpstreamBadResponse):
        page = decode(SOURCE, _RECORDS, body)
        return page, page.records
    with suppress(UpstreamBadResponse):
        partial = decode(SOURCE, _PARTIAL_RECORDS, body)
        return partial, partial.records
    return split_page(body)


def split_page(body: bytes) -> tuple[Envelope, list[bytes]]:
    """Return a page and the texts of its rows, whatever these are; raises `UpstreamBadResponse` if it is no page."""
    counts, rows = split(SOURCE, body, "Records", _COUNTS)
    return decode(SOURCE, _ENVELOPE, counts), rows


async def split_list_page(body: bytes) -> tuple[Envelope, list[bytes]]:
    """Return what `split_page` does of a long page; others use the event loop in between."""
    counts, rows = await split_in_slices(SOURCE, body, "Records", _COUNTS)
    return decode(SOURCE, _ENVELOPE, counts), rows


def _read_row(row: Any, never_sent: frozenset[str]) -> tuple[str | None, NexudusRecord | None]:
    """Return the row's id, None if it has none, and the record, None if the row cannot stand for it."""
    absent = _NOTHING
    if isinstance(row, PartialRecord):
        row, absent = fill(row)
    elif isinstance(row, bytes):
        try:
            row, absent = parse(row)
        except UpstreamBadResponse:
            return id_of(row), None
    return str(row.id), row if is_complete(row, absent, never_sent=never_sent) else None


def id_of(row: bytes) -> str | None:
    """Return the id of a row's text, whatever else is in it; None if it has none."""
    try:
        return str(decode(SOURCE, _ID, members(row)[b"Id"]))
    except (KeyError, ValueError, UpstreamBadResponse):
        return None
