"""ChartMogul, "Create / Update / Delete an Opportunity".

`custom` is written as a list of `{"key": …, "value": …}` and read as an object. An update merges `custom` by key, a
written record's customer need not exist, and the texts of refusals are the simulator's own (all assumed).
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from .calls import Call
from .chartmogul_records import EXAMPLE, PIPELINES, stamp, time_uuid
from .replies import Reply

if TYPE_CHECKING:
    from .chartmogul import ChartMogul

REQUIRED = (
    "customer_uuid",
    "owner",
    "pipeline",
    "pipeline_stage",
    "estimated_close_date",
    "currency",
    "amount_in_cents",
)
OPTIONAL = ("type", "forecast_category", "win_likelihood", "custom")
TYPES = ("recurring", "one-time", "arr")
CATEGORIES = ("pipeline", "best_case", "committed", "lost", "won")
FIRST_WRITE = datetime(2026, 3, 1, 9, 0, 0, 156_000, tzinfo=UTC)
NODE = 0x0_1C1F_303A_BF41_ACC


def answer(upstream: "ChartMogul", call: Call) -> Reply:
    """Create (POST), change (PATCH) or delete (DELETE) an opportunity."""
    if (call.method, bool(call.ids)) not in (("POST", False), ("PATCH", True), ("DELETE", True)):
        return _json(405, {"code": 405, "message": "Method not allowed", "param": None})
    before = upstream.records.get(call.ids[0]) if call.ids else None
    if call.ids and before is None:
        return _json(404, {"code": 404, "message": "Opportunity not found", "param": "uuid"})
    if call.method == "DELETE":
        delete(upstream, call.ids[0])
        return _json(200, {})
    try:
        data = json.loads(call.body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return _json(400, {"code": 400, "message": "Invalid JSON", "param": None})
    return _written(upstream, before, data)


def create(upstream: "ChartMogul", fields: Mapping[str, Any]) -> str:
    """Create a record; return its uuid."""
    start = {name: EXAMPLE[name] for name in (*REQUIRED, *OPTIONAL) if name != "custom"}
    return str(_checked(_written(upstream, None, {**start, **fields}))["uuid"])


def update(upstream: "ChartMogul", number: str, fields: Mapping[str, Any]) -> None:
    """Change some fields of a record."""
    if number not in upstream.records:
        raise ValueError("there is no such record")
    _checked(_written(upstream, upstream.records[number], dict(fields)))


def delete(upstream: "ChartMogul", number: str) -> None:
    """Delete a record."""
    if upstream.records.pop(number, None) is None:
        raise ValueError("there is no such record")
    upstream.writes += 1


def _checked(reply: Reply) -> Any:
    if reply.status not in (200, 201):
        raise ValueError(f"refused: {reply.data}")
    return reply.data


def _written(upstream: "ChartMogul", before: dict[str, Any] | None, data: dict[str, Any]) -> Reply:
    missing = [name for name in REQUIRED if data.get(name) is None] if before is None else []
    if missing:
        return _missing(missing[0], upstream.missing_field_status)
    wrong = _wrong(data)
    if wrong:
        return _unprocessable(wrong, "invalid", "is invalid")
    return _saved(upstream, before, {key: value for key, value in data.items() if key in (*REQUIRED, *OPTIONAL)})


def _saved(upstream: "ChartMogul", before: dict[str, Any] | None, data: dict[str, Any]) -> Reply:
    moment = upstream.moment(FIRST_WRITE)
    upstream.writes += 1
    written = {item["key"]: item["value"] for item in data.pop("custom", None) or []}
    if before is not None:
        data.pop("customer_uuid", None)
        record = {**before, **data, "updated_at": stamp(moment)}
        record["custom"] = {**(before.get("custom") or {}), **written}
        upstream.records[record["uuid"]] = record
        return _json(200, record)
    likelihood = PIPELINES.get(data["pipeline"], {}).get(data["pipeline_stage"], 0)
    record = {"uuid": time_uuid(moment, NODE + upstream.writes)}
    record |= {name: data[name] for name in REQUIRED}
    record |= {
        "type": data.get("type") or "recurring",
        "forecast_category": data.get("forecast_category") or "pipeline",
        "win_likelihood": likelihood if data.get("win_likelihood") is None else data["win_likelihood"],
        "custom": written,
        "created_at": stamp(moment),
        "updated_at": stamp(moment),
    }
    upstream.records[record["uuid"]] = record
    return _json(201, record)


def _wrong(data: Mapping[str, Any]) -> str | None:
    """Return the first field whose value cannot be stored."""

    def is_date(value: Any) -> bool:
        try:
            return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and bool(date.fromisoformat(value))
        except (TypeError, ValueError):
            return False

    def is_whole(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_custom(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(one, dict) and {"key", "value"} <= set(one) for one in value)

    tests = {
        "estimated_close_date": is_date,
        "currency": lambda value: isinstance(value, str) and re.fullmatch("[A-Z]{3}", value),
        "amount_in_cents": is_whole,
        "type": lambda value: value in TYPES,
        "forecast_category": lambda value: value in CATEGORIES,
        "win_likelihood": lambda value: is_whole(value) and 0 <= value <= 100,
        "custom": is_custom,
    }
    return next((name for name, test in tests.items() if data.get(name) is not None and not test(data[name])), None)


def _missing(name: str, status: int) -> Reply:
    if status == 422:
        return _unprocessable(name, "blank", "can't be blank")
    return _json(400, {"code": 400, "message": f'Parameter "{name}" is missing', "param": name})


def _unprocessable(name: str, code: str, message: str) -> Reply:
    return _json(422, {name: [message], "error_details": [{"param": name, "code": code, "message": message}]})


def _json(status: int, data: Any) -> Reply:
    return Reply(status, data=data, content_type="application/json")
