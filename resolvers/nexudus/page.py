"""What a reply to list-by-ids proves about each id that was asked for. Pure.

`GET /api/crm/crmopportunities?CrmOpportunity_Id=[1,2]` ("List by Ids") answers with a page of rows. Nexudus silently
ignores parameters that it does not know, cuts a page at `size`, and may leave fields out of rows, so nothing is
believed unchecked: an id counts as missing only where the page is whole and holds nothing that was not asked for.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus.record import SOURCE, NexudusRecord, PartialRecord, fill, is_complete, never_null, parse
from resolvers.reply import decode, decoder


@dataclass(slots=True)
class Page:
    """The verdict: records by id, ids that have none, ids to ask for singly, and whether the filter was ignored."""

    records: dict[str, NexudusRecord] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    filter_ignored: bool = False


class _Envelope(msgspec.Struct, rename="pascal"):
    records: list[msgspec.Raw]
    total_items: int | None = None
    has_next_page: bool | None = None
    was_successful: bool | None = None


class _RowId(msgspec.Struct, rename="pascal"):
    id: int


class _Records(_Envelope):
    records: list[NexudusRecord]  # type: ignore[assignment] # instead of their texts


class _PartialRecords(_Envelope):
    records: list[PartialRecord]  # type: ignore[valid-type] # made at run time


_RECORDS: msgspec.json.Decoder[_Envelope] = decoder(_Records)
_PARTIAL_RECORDS: msgspec.json.Decoder[_Envelope] = decoder(_PartialRecords)
_ENVELOPE = decoder(_Envelope)
_ROW_ID = decoder(_RowId)

_NOTHING: frozenset[str] = frozenset()


def read_page(body: bytes, ids: Sequence[str], *, never_sent: frozenset[str] = _NOTHING) -> Page:
    """Return what the page proves about `ids`; raises `UpstreamBadResponse` if it is not a page of records."""
    envelope = _envelope(body)
    if envelope.was_successful is False:
        raise UpstreamBadResponse(SOURCE, detail="WasSuccessful is false")
    asked = frozenset(ids)
    if isinstance(envelope, _Records):  # which is how it nearly always is: just what was asked for
        records = {str(row.id): row for row in envelope.records if None not in never_null(row)}
        if len(records) == len(envelope.records) and records.keys() == asked:
            return Page(records)
    page = Page()
    unproven = set(ids)
    whole = not envelope.has_next_page and (envelope.total_items or 0) <= len(envelope.records)
    for row in envelope.records:
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


def _envelope(body: bytes) -> _Envelope:
    """Return a page of records; else of records that may lack fields; else of rows that may be no records at all."""
    for usual in (_RECORDS, _PARTIAL_RECORDS):
        with suppress(UpstreamBadResponse):
            return decode(SOURCE, usual, body)
    return decode(SOURCE, _ENVELOPE, body)


def _read_row(row: Any, never_sent: frozenset[str]) -> tuple[str | None, NexudusRecord | None]:
    """Return the row's id, None if it has none, and the record, None if the row cannot stand for it."""
    absent = _NOTHING
    if isinstance(row, PartialRecord):
        row, absent = fill(row)
    elif isinstance(row, msgspec.Raw):
        try:
            row, absent = parse(row)
        except UpstreamBadResponse:
            return _id_of(row), None
    return str(row.id), row if is_complete(row, absent, never_sent=never_sent) else None


def _id_of(row: msgspec.Raw) -> str | None:
    try:
        return str(decode(SOURCE, _ROW_ID, row).id)
    except UpstreamBadResponse:
        return None
