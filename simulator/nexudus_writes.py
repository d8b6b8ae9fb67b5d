"""Nexudus, "Create / update / delete CrmOpportunity": whole records in the body, an envelope in reply.

An update clears every field that its body leaves out. Not simulated: that new opportunities are accepted only in the
first column of a board.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import nexudus_audit, nexudus_columns
from .calls import Call
from .nexudus_records import EXAMPLE, FIELDS
from .replies import Reply

if TYPE_CHECKING:
    from .nexudus import Nexudus

REQUIRED = ("CrmBoardColumnId", "CoworkerId", "Position")
PROJECTIONS = {
    "CrmBoardColumnId": "CrmBoardColumn",
    "CoworkerId": "Coworker",
    "TeamId": "Team",
    "OpportunityTypeId": "OpportunityType",
    "ResponsibleId": "Responsible",
}
"""Reference -> beginning of the read-only fields that follow from it."""
KEPT = ("Id", "UniqueId", "CreatedOn")
FIRST_WRITE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def ids_in(body: bytes) -> tuple[str, ...]:
    """Return the Id that the body of an update names."""
    data = _parsed(body)
    return (str(data["Id"]),) if data and "Id" in data else ()


def answer(upstream: "Nexudus", call: Call) -> Reply:
    """Create (POST), replace (PUT) or delete (DELETE) a record."""
    if call.method == "DELETE" and call.ids:
        return _delete(upstream, int(call.ids[0]))
    if call.method not in ("POST", "PUT") or call.path.rstrip("/").endswith(call.ids or ("\n",)):
        return Reply(405, data={"Message": "The requested resource does not support this http method."})
    data = _parsed(call.body)
    if data is None:
        return Reply(400, data={"Message": "The request is invalid."})
    return _written(upstream, call.method, data)


def _written(upstream: "Nexudus", method: str, data: dict[str, Any]) -> Reply:
    missing = [name for name in REQUIRED if data.get(name) is None]
    if missing and (method == "POST" or data.get("Id") in upstream.records):
        return _invalid(missing)
    if method == "POST":
        number = max(one for one in upstream.records if one < 2**31) + 1
        return _saved(upstream, number, data, {})
    number = int(data["Id"]) if str(data.get("Id")).isascii() and str(data.get("Id")).isdigit() else 0
    before = upstream.records.get(number)
    return Reply(404, data="Not found") if before is None else _saved(upstream, number, data, before)


def create(upstream: "Nexudus", fields: Mapping[str, Any]) -> int:
    """Create a record; return its Id."""
    start = {key: EXAMPLE[key] for key in REQUIRED}
    saved = _checked(_written(upstream, "POST", {**start, **fields}))
    return int(saved["Value"]["Id"])


def update(upstream: "Nexudus", number: int, fields: Mapping[str, Any]) -> None:
    """Change some fields of a record."""
    _checked(_written(upstream, "PUT", {**upstream.records.get(number, {}), **fields, "Id": number}))


def delete(upstream: "Nexudus", number: int) -> None:
    """Delete a record."""
    _checked(_delete(upstream, number))


def _checked(reply: Reply) -> Any:
    if reply.status != 200:
        raise ValueError(f"refused: {reply.data}")
    return reply.data


def _next_moment(upstream: "Nexudus") -> str:
    moment = upstream.moment(FIRST_WRITE)
    upstream.writes += 1
    digits = "123456" if upstream.world.today is None else f"{moment.microsecond:06d}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{digits}7Z"


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body, parse_float=Decimal)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _saved(upstream: "Nexudus", number: int, data: dict[str, Any], before: dict[str, Any]) -> Reply:
    now = _next_moment(upstream)
    derived = tuple(PROJECTIONS.values())
    record: dict[str, Any] = {}
    for key in FIELDS:
        projected = key.startswith(derived) and key not in PROJECTIONS
        record[key] = None if projected else data.get(key)
    record |= {key: before.get(key) for key in KEPT}
    record |= {"Id": number, "UpdatedOn": now, "UpdatedBy": upstream.username, "IsNew": not before.get("Id")}
    record["UniqueId"] = before.get("UniqueId") or str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    record["CreatedOn"] = before.get("CreatedOn") or now
    record["CrmUpdatedOn"] = now
    record["Position"] = max(100, round(int(data["Position"]) / 100) * 100)
    record["Status"] = data.get("Status") or 1
    record["Completed"] = record["Status"] != 1
    record["Reminded"] = bool(data.get("Reminded"))
    for reference, start in PROJECTIONS.items():
        source = next((one for one in upstream.records.values() if one.get(reference) == record[reference]), None)
        if source is not None and record[reference] is not None:
            record |= {key: source.get(key) for key in FIELDS if key.startswith(start) and key != reference}
    if (column := upstream.columns.get(record["CrmBoardColumnId"])) is not None:  # also one that no record is in
        record |= nexudus_columns.projection(column)
    record["ToStringText"] = record["Name"] or record["CoworkerFullName"]
    upstream.records[number] = record
    changes = {key: (before[key], record[key]) for key in FIELDS if key in before and before[key] != record[key]}
    nexudus_audit.record(
        upstream, *((nexudus_audit.UPDATE, number, now, changes) if before else (nexudus_audit.CREATE, number, now))
    )
    verb = "updated" if before.get("Id") else "created"
    return Reply(data=_envelope(f"The record was {verb} successfully.", record, now, upstream.username))


def _delete(upstream: "Nexudus", number: int) -> Reply:
    if upstream.records.pop(number, None) is None:
        return Reply(404, data="Not found")
    nexudus_audit.record(upstream, nexudus_audit.DELETE, number, _next_moment(upstream))
    envelope = _envelope("The record was deleted successfully.", None, None, None)
    return Reply(data={key: value for key, value in envelope.items() if key not in ("UpdatedOn", "UpdatedBy")})


def _envelope(message: str, value: Any, updated_on: str | None, updated_by: str | None) -> dict[str, Any]:
    return {
        "Status": 200,
        "Message": message,
        "Value": value,
        "OpenInDialog": False,
        "OpenInWindow": False,
        "RedirectURL": None,
        "JavaScript": None,
        "UpdatedOn": updated_on,
        "UpdatedBy": updated_by,
        "Errors": None,
        "WasSuccessful": True,
    }


def _invalid(missing: list[str]) -> Reply:
    message = "is a required field"
    errors = [{"AttemptedValue": None, "Message": message, "PropertyName": name} for name in missing]
    text = "; ".join(f"{name}: {message}" for name in missing)
    return Reply(400, data={"Message": text, "Value": None, "Errors": errors, "WasSuccessful": False})
