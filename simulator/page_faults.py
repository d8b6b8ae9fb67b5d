"""What can go wrong with the pages of a list, ready and by name. Records by id are left alone.

`simulator.nexudus.faults.add(PAGE_FAULTS["short-page"], kinds={"list"}, after=2)`. What holds for a whole list, such as
an order that nobody asked for, is a knob of the vendor: `list_order_ignored` and its like.
"""

import re
from typing import Any

from . import faults
from .chartmogul_records import CHARTMOGUL_EXAMPLE_ID
from .fault_rules import Fault
from .fault_table import named
from .nexudus_records import NEXUDUS_EXAMPLE_ID


def _rows(page: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    name = next(one for one in faults.ROWS if one in page)
    return name, page[name]


def _moved_order(page: dict[str, Any]) -> dict[str, Any]:
    name, rows = _rows(page)
    half = len(rows) // 2
    return {**page, name: rows[half:] + rows[:half]}


def _short_page(page: dict[str, Any]) -> dict[str, Any]:
    name, rows = _rows(page)
    return {**page, name: rows[: max(1, len(rows) // 5)]}


def _wrong_total(page: dict[str, Any]) -> dict[str, Any]:
    return {**page, "TotalItems": page["TotalItems"] + 7} if "TotalItems" in page else page


def _same_row_twice(page: dict[str, Any]) -> dict[str, Any]:
    name, rows = _rows(page)
    return {**page, name: rows[:1] + rows}


def _unreadable_row(page: dict[str, Any]) -> dict[str, Any]:
    name, rows = _rows(page)
    return {**page, name: [{**rows[0], "Status": "half", "created_at": "soon"}, *rows[1:]]}


def _row_without_id(page: dict[str, Any]) -> dict[str, Any]:
    name, rows = _rows(page)
    return {**page, name: [None, *rows[1:]]}


def _row_that_is_no_json(body: bytes) -> bytes:
    return re.sub(rb'("CoworkerId"|"customer_uuid"):', rb"\1:=", body, count=1)


PAGE_FAULTS: dict[str, Fault] = named(
    moved_order=faults.page(_moved_order),
    short_page=faults.page(_short_page),
    wrong_total=faults.page(_wrong_total),
    same_row_twice=faults.page(_same_row_twice),
    unreadable_row=faults.page(_unreadable_row),
    row_without_id=faults.page(_row_without_id),
    row_that_stops_its_page=faults.stops_page(NEXUDUS_EXAMPLE_ID, CHARTMOGUL_EXAMPLE_ID),
    row_that_is_no_json=faults.rewrite(_row_that_is_no_json),
)
