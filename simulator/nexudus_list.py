"""Nexudus, "List CrmOpportunities" and "List by ids": filters, ranges, order, pages.

Unknown parameters are silently ignored, as the vendor does. Names are matched without regard to case (assumed).
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from .nexudus_records import FIELDS
from .replies import Reply

if TYPE_CHECKING:
    from .nexudus import Nexudus

DEFAULT_SIZE = 25
LARGEST_SIZE = 1_000
DATES = frozenset(["DueDate", "WonOn", "LostOn", "CrmUpdatedOn", "CreatedOn", "UpdatedOn"])
RANGES = frozenset(["CreatedOn", "UpdatedOn", "DueDate", "Value", "WonOn", "LostOn", "Position"])
REFERENCES = ("CrmBoardColumn", "Coworker", "Team", "OpportunityType", "Responsible", "Referrer", "Agent")
NO_FILTER = frozenset(["CrmUpdatedOn", "IsNew", "UpdatedBy", "ToStringText", "LocalizationDetails", "CustomFields"])
_LIST_OF_IDS = re.compile(r"\[(.*)\]", re.ASCII | re.DOTALL)

Record = Mapping[str, Any]
Test = Callable[[Record], bool]


def ids_asked_for(query: Mapping[str, str]) -> list[int] | None:
    """Return the ids of `CrmOpportunity_Id=` or `id=[...]`, each once; None where the query names none.

    What is not a number in the list is passed over (assumed).
    """
    value = query.get("crmopportunity_id")
    if value is None:
        value = query.get("id")
        if value is None or not _LIST_OF_IDS.fullmatch(value.strip()):
            return None
    inside = _LIST_OF_IDS.fullmatch(value.strip())
    parts = (inside[1] if inside else value).split(",")
    return list(dict.fromkeys(int(part) for part in parts if re.fullmatch(r"\s*\d{1,30}\s*", part, re.ASCII)))


def answer(upstream: "Nexudus", query: Mapping[str, str]) -> Reply:
    """Return a page of records, or for `id=[...]` a bare array of them."""
    ids = ids_asked_for(query)
    bare = ids is not None and "crmopportunity_id" not in query
    if ids is not None and not (upstream.form_b if bare else not upstream.list_filter_ignored):
        ids, bare = None, False
    records = list(upstream.records.values())
    if upstream.list_range_ignored:
        query = {name: value for name, value in query.items() if not name.startswith(("from_", "to_"))}
    tests = _tests(query, timezone(timedelta(hours=upstream.filter_zone_hours)))
    rows = [row for row in records if all(test(row) for test in tests)]
    if ids is not None:
        wanted = set(ids)
        rows = [row for row in rows if int(row["Id"]) in wanted]
        if not rows and upstream.list_none_found == "404":
            return Reply(404, data="Not found")
    order = next((key for key in FIELDS if key.lower() == query.get("orderby", "").lower()), "CreatedOn")
    # The vendor's newest pages say 0 = ascending and 1 = descending; the older ones' -1 is understood as well.
    descending = query.get("dir", "0").lower() in ("1", "-1", "descending")
    rows.sort(key=lambda row: (_sortable(order, row.get(order)), int(row["Id"])), reverse=descending)
    if upstream.list_order_ignored:
        rows.sort(key=lambda row: str(row["UniqueId"]))
    data = page_of(
        rows, query, order, int(descending), largest=upstream.list_largest_size, repeats=upstream.list_repeats
    )
    shown = rows if bare else data["Records"]
    if upstream.partial_fields:
        shown = [{key: value for key, value in row.items() if key not in upstream.partial_fields} for row in shown]
    return Reply(data=shown if bare else {**data, "Records": shown}, is_ordinary=True)


def page_of(
    rows: list[dict[str, Any]],
    query: Mapping[str, str],
    order: str,
    direction: int,
    *,
    largest: int = LARGEST_SIZE,
    repeats: int = 0,
) -> dict[str, Any]:
    """Return the page of the rows that a query asks for; each but the first begins `repeats` rows too early."""
    page = max(_whole(query.get("page")) or 1, 1)
    size = min(_whole(query.get("size")) or DEFAULT_SIZE, largest)
    shown = rows[max((page - 1) * size - (repeats if page > 1 else 0), 0) : page * size]
    pages = math.ceil(len(rows) / size)
    return {
        "Records": shown,
        "CurrentPage": page,
        "CurrentPageSize": size,
        "CurrentOrderField": order,
        "CurrentSortDirection": direction,
        "FirstItem": (page - 1) * size + 1 if shown else 0,
        "LastItem": (page - 1) * size + len(shown) if shown else 0,
        "TotalItems": len(rows),
        "TotalPages": pages,
        "HasNextPage": page < pages,
        "HasPreviousPage": page > 1,
    }


def _whole(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,9}", value, re.ASCII) else None


def _tests(query: Mapping[str, str], zone: tzinfo) -> list[Test]:
    """Return what a record must pass; a value that cannot be read as the field's type is ignored (assumed)."""
    names = {key.lower(): key for key in FIELDS}
    names |= {reference.lower(): f"{reference}Id" for reference in REFERENCES}
    tests: list[Test] = []
    for name, text in query.items():
        start, _, rest = name.partition("crmopportunity_")
        key = names.get(rest.replace("_", "")) if rest else ("UniqueId" if name == "uniqueid" else None)
        if name == "id":
            key = None if _LIST_OF_IDS.fullmatch(text) else "Id"
        value = None if key is None else _comparable(key, text, zone)
        if key is None or value is None or key in NO_FILTER or (key == "Id" and rest):
            continue
        if start in ("from_", "to_"):
            if key in RANGES:
                tests.append(_within(key, value, is_lower=start == "from_"))
        else:
            tests.append(_equal(key, value))
    return tests


def _equal(key: str, value: Any) -> Test:
    return lambda record: bool(_comparable(key, record.get(key)) == value)


def _within(key: str, value: Any, is_lower: bool) -> Test:
    def test(record: Record) -> bool:
        actual = _comparable(key, record.get(key))
        if actual is None:
            return False
        return bool(actual >= value if is_lower else actual <= value)

    return test


def _comparable(key: str, value: Any, zone: tzinfo = UTC) -> Any:
    """Return a value of a field, or of its filter, as something to compare: time, number, or text in one case.

    Filters carry no zone; `zone` is the one that they are read in.
    """
    if value is None:
        return None
    if key in DATES:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if isinstance(value, bool):
        return str(value).lower()
    if (key.endswith("Id") and key not in ("UniqueId", "SystemId")) or key in _NUMBERS:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return str(value).lower()


_NUMBERS = frozenset(["Value", "LeadSource", "LossReason", "Status", "Position"])


def _sortable(key: str, value: Any) -> tuple[bool, Any]:
    """Order with null first, as SQL Server does (assumed)."""
    comparable = _comparable(key, value)
    return (comparable is not None, "" if comparable is None else comparable)
