"""Every fault worth trying, ready and by name: the rows of a fault matrix, and what the control routes accept.

How often a fault strikes is said when it is added: `faults.add(FAULTS["reset"], times=1)`, or `times=None` for always.
"""

from dataclasses import replace
from typing import Any

from . import faults, odd_replies
from .fault_rules import Fault

_NEXUDUS_REQUIRED = frozenset(
    ["Id", "UniqueId", "CrmBoardColumnId", "CoworkerId", "Completed", "Status", "Position", "CreatedOn", "UpdatedOn"]
)
_CHARTMOGUL_REQUIRED = frozenset(["uuid", "customer_uuid", "created_at", "updated_at"])
REQUIRED = _NEXUDUS_REQUIRED | _CHARTMOGUL_REQUIRED
"""The fields that are never null; neither vendor says so of all of them, assumed."""

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


def _nulled(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key in REQUIRED else None for key, value in record.items()}


def _absent(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key in REQUIRED}


def _unknown_enums(record: dict[str, Any]) -> dict[str, Any]:
    if "uuid" in record:
        return {**record, "forecast_category": "wishful", "type": "biennial"}
    return {**record, "LeadSource": 27, "LossReason": 77, "Status": 4, "CoworkerCoworkerType": "Cooperative"}


def _new_fields(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "NewField": {"nested": [1, {"deep": None}]}, "new_field": "new"}


def _half_surrogate(record: dict[str, Any]) -> dict[str, Any]:
    name = "pipeline_stage" if "uuid" in record else "CrmBoardColumnName"
    return {**record, name: f"{record[name]} \ud83d"}


def _another(record: dict[str, Any]) -> dict[str, Any]:
    if "uuid" in record:
        return {**record, "uuid": "00000000-e7fe-11ee-8a7f-f303abf41acc"}
    return {**record, "Id": int(record["Id"]) + 100_000}


def named(**ready: Fault) -> dict[str, Fault]:
    """Return faults by their names in the table, which each of them has from now on."""
    return {(name := key.strip("_").replace("_", "-")): replace(fault, name=name) for key, fault in ready.items()}


def _retry_after(status: int, value: str) -> Fault:
    return faults.status(status, headers={"Retry-After": value})


FAULTS: dict[str, Fault] = named(
    _204=faults.status(204),
    _400=faults.status(400, b'{"code":400,"message":"Bad request","param":null}', content_type="application/json"),
    _401=faults.status(401, b'{"Message":"Authorization has been denied for this request."}'),
    _403=faults.status(403, b'{"code":403,"message":"Forbidden","param":null}', content_type="application/json"),
    _404=faults.status(404, b'"Not found"', content_type="application/json"),
    _409_retry_after_1=_retry_after(409, "1"),
    _409_retry_after_60=_retry_after(409, "60"),
    _409_retry_after_2099=_retry_after(409, "Thu, 31 Dec 2099 23:59:59 GMT"),
    _409_garbage_retry_after=_retry_after(409, "soon, I promise"),
    _418=faults.status(418, b"I'm a teapot"),
    _429_retry_after_1=_retry_after(429, "1"),
    _429_retry_after_60=_retry_after(429, "60"),
    _429_retry_after_2099=_retry_after(429, "Thu, 31 Dec 2099 23:59:59 GMT"),
    _429_garbage_retry_after=_retry_after(429, "soon, I promise"),
    _429_wait_text=faults.status(429, b"Wait 1 seconds"),
    _500=faults.status(500, b"500 Internal Server Error"),
    _502=faults.status(502, HTML, content_type="text/html"),
    _503=faults.status(503, b"Service Unavailable"),
    _504=faults.status(504, b"Gateway Timeout"),
    _520=faults.status(520, HTML, content_type="text/html", reason="Web Server Returned an Unknown Error"),
    _524=faults.status(524, HTML, content_type="text/html", reason="A Timeout Occurred"),
    ooops=faults.ooops(),
    ooops_400=faults.ooops(400),
    not_successful=faults.not_successful(),
    reset=faults.reset(),
    close=faults.close(),
    hang=faults.hang(),
    late_head=faults.late_head(30),
    trickle=faults.trickle(0.2),
    delay=faults.delay(0.3),
    html=faults.body(HTML, content_type="text/html; charset=utf-8"),
    invalid_json=faults.body(b'{"Id": 1427000501, "uuid": '),
    null=faults.body(b"null"),
    list=faults.body(b"[]"),
    empty=faults.body(b""),
    latin_1=faults.body('{"Name":"Café"}'.encode("latin-1")),
    deep_json=faults.body(b"[" * 100_000 + b"]" * 100_000),
    huge_integer=faults.body(b'{"Id":' + b"9" * 5_000 + b',"amount_in_cents":' + b"9" * 5_000 + b"}"),
    nan=faults.body(b'{"Id":NaN,"Value":NaN,"uuid":"x","amount_in_cents":Infinity}'),
    truncated=faults.truncated(),
    not_http=faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    many_headers=faults.raw(
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-Header-%d: x\r\n" % n for n in range(5_000)) + b"\r\n{}"
    ),
    bad_gzip=faults.body(b"this is not gzip", headers={"Content-Encoding": "gzip"}),
    gzip_bomb=faults.gzip_bomb(200),
    huge=faults.huge(50),
    # Relative, so that a client which follows it shows up in the log of calls.
    redirect=faults.redirect("redirected"),
    another_record=faults.mutate(_another),
    null_fields=faults.mutate(_nulled),
    absent_fields=faults.mutate(_absent),
    unknown_enums=faults.mutate(_unknown_enums),
    new_fields=faults.mutate(_new_fields),
    half_surrogate=faults.mutate(_half_surrogate),
    folded_headers=odd_replies.folded_headers(),
    bare_line_feeds=odd_replies.bare_line_feeds(),
    padded_chunks=odd_replies.padded_chunks(),
    padded_gzip=odd_replies.padded_gzip(),
    charset_as_encoding=odd_replies.charset_as_encoding(),
    byte_order_mark=odd_replies.byte_order_mark(),
)
