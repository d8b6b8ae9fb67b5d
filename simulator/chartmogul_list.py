"""ChartMogul, "List Opportunities": six single-valued filters, newest first, an opaque cursor.

The cursor comes on the last page too: only `has_more` says where the list ends. Unknown parameters are ignored
(assumed); the withdrawn `page` is refused (assumed).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .replies import Reply

if TYPE_CHECKING:
    from .chartmogul import ChartMogul

LARGEST_PAGE = 200
EQUAL = ("customer_uuid", "owner", "pipeline", "pipeline_stage")


def answer(upstream: "ChartMogul", query: Mapping[str, str]) -> Reply:
    """Return a page."""
    if "page" in query:
        return _refused("page", 'Parameter "page" is not supported, use "cursor"')
    start = None
    if query.get("cursor"):
        start = _position(query["cursor"])
        if start is None:
            return _refused("cursor", "Invalid cursor")
    rows = sorted((row for row in upstream.records.values() if _passes(row, query)), key=_place, reverse=True)
    if start is not None:
        rows = [row for row in rows if _place(row) < start]
    size = query.get("per_page", "")
    count = min(max(int(size), 1), LARGEST_PAGE) if re.fullmatch(r"\d{1,9}", size, re.ASCII) else LARGEST_PAGE
    shown = rows[:count]
    cursor = _cursor(shown[-1]) if shown else query.get("cursor")
    data = {"entries": shown, "cursor": cursor, "has_more": len(rows) > len(shown)}
    return Reply(data=data, content_type="application/json")


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
    return row["created_at"].removesuffix("Z") + "000000Z", row["uuid"]


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
