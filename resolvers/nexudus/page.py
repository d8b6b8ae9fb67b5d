"""What a reply to list-by-ids proves about each id that was asked for. Pure.

`GET /api/crm/crmopportunities?CrmOpportunity_Id=[1,2]` ("List by Ids") answers with a page of rows. Nexudus silently
ignores parameters that it does not know, cuts a page at `size`, and may leave fields out of rows, so nothing is
believed unchecked: an id counts as missing only where the page is whole and holds nothing that was not asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus.record import SOURCE, NexudusRecord, fill, is_complete, parse
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


_ENVELOPE = decoder(_Envelope)
_RECORDS = decoder(_Records)
_ROW_ID = decoder(_RowId)


def read_page(body: bytes, ids: Sequence[str], *, never_sent: frozenset[str] = frozenset()) -> Page:
    """Return what the page proves about `ids`; raises `UpstreamBadResponse` if it is not a page of records."""
    envelope: _Envelope
    try:
        envelope = decode(SOURCE, _RECORDS, body)
    except UpstreamBadResponse:  # perhaps a single row's fault
        envelope = decode(SOURCE, _ENVELOPE, body)
    if envelope.was_successful is False:
        raise UpstreamBadResponse(SOURCE, detail="WasSuccessful is false")
    page = Page()
    asked = frozenset(ids)
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


def _read_row(row: NexudusRecord | msgspec.Raw, never_sent: frozenset[str]) -> tuple[str | None, NexudusRecord | None]:
    """Return the row's id, None if it has none, and the record, None if the row cannot stand for it."""
    if isinstance(row, NexudusRecord):
        record, absent = fill(row)
    else:
        try:
            record, absent = parse(row)
        except UpstreamBadResponse:
            return _id_of(row), None
    return str(record.id), record if is_complete(record, absent, never_sent=never_sent) else None


def _id_of(row: msgspec.Raw) -> str | None:
    try:
        return str(decode(SOURCE, _ROW_ID, row).id)
    except UpstreamBadResponse:
        return None
