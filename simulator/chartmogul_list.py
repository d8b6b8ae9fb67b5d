"""ChartMogul, "List Opportunities": six single-valued filters, newest first, an opaque cursor.

The cursor comes on the last page too: only `has_more` says where the list ends. Unknown parameters are ignored
(assumed); the withdrawn `page` is refused (assumed).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .replies import Reply

if TYPE_CHECKING:
    from .chartmogul import ChartMogul

LARGEST_PAGE = 200
EQUAL = ("customer_uuid", "owner", "pipeline", "pipeline_stage")
FILTERS = (*EQUAL, "estimated_close_date_on_or_after", "estimated_close_date_on_or_before")


def answer(upstream: "ChartMogul", query: Mapping[str, str]) -> Reply:
    """Return a page."""
    if "page" in query:
        return _refused("page", 'Parameter "page" is not supported, use "cursor"')
    start = None
    if query.get("cursor"):
        start = _position(query["cursor"])
        if start is None:
            return _refused("cursor", "Invalid cursor")
    all_pass = not any(name in query for name in FILTERS)
    rows = [(_place(row), row) for row in upstream.records.values() if all_pass or _passes(row, query)]
    before = [] if start is None else [one for one in rows if one[0] >= start]
    if start is not None:
        rows = [one for one in rows if one[0] < start]
    size = query.get("per_page", "")
    largest = upstream.list_largest_size
    count = min(max(int(size), 1), largest) if re.fullmatch(r"\d{1,9}", size, re.ASCII) else largest
    shown = [row for _, row in nlargest(count, rows, key=itemgetter(0))]
    cursor = _cursor(shown[-1]) if shown else query.get("cursor")
    has_more = len(rows) > len(shown)
    if upstream.list_repeats:
        shown = [row for _, row in nsmallest(upstream.list_repeats, before, key=itemgetter(0))][::-1] + shown
    if upstream.list_order_ignored:
        shown.sort(key=lambda row: str(row["customer_uuid"]))
    data = {"entries": shown, "cursor": cursor, "has_more": has_more}
    return Reply(data=data, content_type="application/json", is_ordinary=True)


def _passes(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    closes = row.get("estimated_close_date")
    since = query.get("estimated_close_date_on_or_after")
    until = query.get("estimated_close_date_on_or_before")
    return (
        all(row.get(name) == query[name] for name in EQUAL if name in query)
        and (since is None or (closes is not None and closes >= since))
        and (until is None or (closes is not None and closes <= until))
    )


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return where a row stands: its time of creation with nine fractional digits, then its uuid."""
    return row["created_at"][:-1] + "000000Z", row["uuid"]


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.b64encode("&".join(_place(row)).encode()).decode()


def _position(cursor: str) -> tuple[str, str] | None:
    try:
        created, mark, number = base64.b64decode(cursor, validate=True).decode().partition("&")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (created, number) if mark else None


def _refused(param: str, message: str) -> Reply:
    data = {"code": 422, "message": message, "param": param}
    return Reply(422, data=data, content_type="application/json")
