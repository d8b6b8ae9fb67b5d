"""Nexudus, "AuditTrailEntry": who created, changed or deleted what. Of opportunities only, and since the last reset.

An update has one entry for each property; creating has one without values, as the vendor's CLI documents. The names of
filters follow the pattern of other entities (assumed).
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from .nexudus_list import page_of
from .replies import Reply

if TYPE_CHECKING:
    from .nexudus import Nexudus

CREATE, UPDATE, DELETE = 1, 2, 3
ENTITY = "CrmOpportunity"
FIRST_ID = 1_900_000_001
_PREFIX = "audittrailentry_"
_EQUAL = ("AuditType", "EntityShortName", "EntityId", "PropertyName", "ActionBy")


def record(
    upstream: "Nexudus", kind: int, number: int, at: str, changes: Mapping[str, tuple[Any, Any]] | None = None
) -> None:
    """Put into the trail that a record was written at a moment; `changes` are old and new values by property."""
    for name, (old, new) in (changes or {"": (None, None)}).items():
        place = FIRST_ID + len(upstream.audit_trail)
        entry = {
            "AuditType": kind,
            "EntityShortName": ENTITY,
            "EntityId": number,
            "PropertyName": name or None,
            "OldValue": None if old is None else str(old),
            "NewValue": None if new is None else str(new),
            "ActionBy": upstream.username,
            "Id": place,
            "UniqueId": str(uuid.uuid5(uuid.NAMESPACE_OID, str(place))),
            "CreatedOn": at,
            "UpdatedOn": at,
        }
        upstream.audit_trail.append(entry)


def answer(upstream: "Nexudus", query: Mapping[str, str]) -> Reply:
    """Return a page of entries, ordered by `Id`."""
    rows = upstream.audit_trail
    for name in _EQUAL:
        wanted = query.get(_PREFIX + name.lower())
        if wanted is not None:
            rows = [row for row in rows if str(row[name]).lower() == wanted.lower()]
    zone = timezone(timedelta(hours=upstream.filter_zone_hours))
    since, until = (_moment(query.get(f"{side}_{_PREFIX}createdon"), zone) for side in ("from", "to"))
    if not upstream.list_range_ignored:
        rows = [row for row in rows if since is None or _moment(row["CreatedOn"]) >= since]
        rows = [row for row in rows if until is None or _moment(row["CreatedOn"]) <= until]
    descending = query.get("dir", "0").lower() in ("1", "-1", "descending")
    rows = sorted(rows, key=lambda row: int(row["Id"]), reverse=descending)
    return Reply(data=page_of(rows, query, "Id", int(descending), largest=upstream.list_largest_size), is_ordinary=True)


def _moment(text: str | None, zone: tzinfo = UTC) -> Any:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
