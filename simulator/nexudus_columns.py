"""Nexudus, "Search CrmBoardColumns": the columns of each board, which the vendor's program calls stages.

Those of the boards that the records are on. `Position` is the column's place in its board, from 0.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .nexudus_list import page_of
from .nexudus_records import BOARDS, FIELDS, STAGES, column
from .replies import Reply

if TYPE_CHECKING:
    from .nexudus import Nexudus

_PREFIX = "crmboardcolumn_"
_FILTERS = {"crmboard": "CrmBoardId", "crmboard_name": "CrmBoardName", "name": "Name", "position": "Position"}
_ACTIONS = (
    *("TourRequests", "ToursConfirmed", "TourCompleted", "SignUps", "Bookings", "Cancellations", "ProposalsSent"),
    *("ProposalsAccepted", "DocumentsSigned", "EventRegistrations", "ContactMessages", "ActivateAccount"),
    *("DeleteAccount", "DeactivateAccount", "ConfirmTour", "ProductPurchased", "ResourceBooked", "EventCheckins"),
)
CREATED = "2024-03-04T09:00:00Z"


def columns(locations: int) -> dict[int, dict[str, Any]]:
    """Return the columns of the first locations' boards by Id."""
    found = [
        _column(business, board, stage)
        for business in range(locations)
        for board in range(len(BOARDS))
        for stage in range(len(STAGES))
    ]
    return {row["Id"]: row for row in found}


def _column(business: int, board: int, stage: int) -> dict[str, Any]:
    known = column(business, board, stage)
    number: int = known.pop("CrmBoardColumnId")
    name = known.pop("CrmBoardColumnName")
    return {
        **{key.removeprefix("CrmBoardColumn"): value for key, value in known.items()},
        "Name": name,
        "Position": stage,
        "WinOpportunity": name == "Won",
        "LoseOpportunity": name == "Lost",
        **dict.fromkeys(_ACTIONS, False),
        "CannedResponseId": None,
        "TaskListId": None,
        "Id": number,
        "UniqueId": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "CreatedOn": CREATED,
        "UpdatedOn": CREATED,
        "UpdatedBy": "testy.mcadminface@example.com",
        "IsNew": False,
        "SystemId": None,
    }


def projection(column: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record that is in a column has of it, beside its Id."""
    names = [name for name in FIELDS if name.startswith("CrmBoardColumn") and name != "CrmBoardColumnId"]
    return {name: column[name.removeprefix("CrmBoardColumn")] for name in names}


def answer(upstream: "Nexudus", query: Mapping[str, str]) -> Reply:
    """Return a page of columns; without `orderBy` by their `Id` (assumed)."""
    rows = list(upstream.columns.values())
    for name, key in _FILTERS.items():
        wanted = query.get(_PREFIX + name)
        if wanted is not None:
            rows = [row for row in rows if str(row[key]).lower() == wanted.lower()]
    order = next((key for key in rows[0] if key.lower() == query.get("orderby", "").lower()), "Id") if rows else "Id"
    descending = query.get("dir", "1").lower() in ("-1", "descending")
    rows.sort(key=lambda row: (row[order] is not None, row[order], row["Id"]), reverse=descending)
    if upstream.list_order_ignored:
        rows.sort(key=lambda row: str(row["UniqueId"]))
    data = page_of(
        rows, query, order, -1 if descending else 1, largest=upstream.list_largest_size, repeats=upstream.list_repeats
    )
    return Reply(data=data, is_ordinary=True)
