"""Nexudus' REST API, as far as CRM opportunities go: token, get one, list, list by ids, writes, columns of boards.

Follows the vendor's pages "Authentication", "Get one CrmOpportunity", "List CrmOpportunities", "Search
CrmBoardColumns", "API limitations". What those pages leave open, and what is served here all the same, is marked
"assumed".
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import parse_qsl

from msgspec import Meta

from . import nexudus_audit, nexudus_columns, nexudus_list, nexudus_writes
from .calls import Call, Kind
from .nexudus_demo import RATES as DEMO_RATES
from .nexudus_demo import nexudus_demo
from .nexudus_records import BUSINESSES, nexudus_deals, nexudus_records
from .replies import Reply, text
from .throttle import Throttle
from .tokens import Tokens
from .upstream import Count, PageSize, Seconds, Upstream, World, lowered, originals

COLLECTION = "/api/crm/crmopportunities"
AUDIT_TRAIL = "/api/sys/audittrailentries"
COLUMNS = "/api/crm/crmboardcolumns"
LIMITS = ((1, 0.1), (120, 60.0), (5_000, 3_600.0))
"""(requests, seconds) for each token."""
WAIT = "You must wait before accessing this url again."
_records = originals(nexudus_records)
_deals = originals(nexudus_deals)
_demo = originals(nexudus_demo)
_columns = originals(nexudus_columns.columns)
NOT_FOUND = Reply(404, data="Not found")
DENIED = Reply(
    401, data={"Message": "Authorization has been denied for this request."}, headers={"WWW-Authenticate": "Bearer"}
)
"""The body is not documented; assumed, it is the stock text of ASP.NET."""


class Nexudus(Upstream):
    """Nexudus. Records by integer Id."""

    name = "nexudus"
    knobs: ClassVar[Mapping[str, Any]] = {
        **Upstream.knobs,
        "access_ttl": Seconds,
        "refresh_ttl": Seconds,
        "role_missing": bool,
        "list_role_missing": bool,
        "list_filter_ignored": bool,
        "list_none_found": Literal["404", "empty"],
        "partial_fields": set[str],
        "form_b": bool,
        "throttle_status": Literal[409, 429],
        "list_largest_size": PageSize,
        "list_range_ignored": bool,
        "filter_zone_hours": Annotated[int, Meta(ge=-24, le=24)],
        "list_order_ignored": bool,
        "list_repeats": Count,
        "audit_role_missing": bool,
        "columns_role_missing": bool,
    }
    username = "gateway@example.com"
    password = "simulated-password-3f9c"

    def __init__(self, world: World, log: list[Call]) -> None:
        super().__init__(world, log)
        self.records: dict[int, dict[str, Any]] = self._originals()
        self.audit_trail: list[dict[str, Any]] = []
        """Entries for what was written since the last reset, the oldest first."""
        self.columns: dict[int, dict[str, Any]] = self._its_columns()
        """Columns of boards by Id."""
        self.tokens = Tokens(world.seed, world.clock)
        self.throttle = Throttle(LIMITS)
        self._set_knobs()

    def _set_knobs(self) -> None:
        self.access_ttl: float = 604_799
        """Seconds; tokens made from now on live so long."""
        self.refresh_ttl: float = 15 * 86_400
        self.role_missing = False
        """401 on every CRM route, as for a valid token without the role."""
        self.list_role_missing = False
        """401 on lists only; reading one is another role."""
        self.list_filter_ignored = False
        """`CrmOpportunity_Id` counts as an unknown parameter: an ordinary first page comes back."""
        self.list_none_found: Literal["404", "empty"] = "404"
        self.partial_fields: set[str] = set()
        """Keys left out of the rows of lists."""
        self.form_b = True
        """Whether `?id=[...]` answers a bare array; not documented for this entity, assumed."""
        self.throttle_status: Literal[409, 429] = 409
        self.list_largest_size = nexudus_list.LARGEST_SIZE
        """The rows of a page at most, whatever is asked for."""
        self.list_range_ignored = False
        """`from_` and `to_` count as unknown parameters: rows come that they leave out."""
        self.filter_zone_hours = 0
        """The zone in which the times of filters are read, in hours east of UTC; no page says which."""
        self.list_order_ignored = False
        """Rows come in an order that nobody asked for."""
        self.list_repeats = 0
        """So many rows of a page come again on the page behind it."""
        self.audit_role_missing = False
        """401 on the audit trail, as for a valid token without the role."""
        self.columns_role_missing = False
        """401 on the columns of boards, as for a valid token without the role."""

    def reset(self) -> None:
        """Restore the records and the knobs, forget calls, faults and tokens."""
        super().reset()
        self._set_knobs()
        self.tokens.clear()
        self.throttle.clear()
        self.audit_trail.clear()
        self.records.clear()
        self.records.update(self._originals())
        self.columns.clear()
        self.columns.update(self._its_columns())

    def _originals(self) -> dict[int, dict[str, Any]]:
        world = self.world
        if world.is_demo:
            return _demo(world.seed, world.today)
        return _deals(world.seed, world.deals, world.today) if world.deals else _records(world.seed)

    def _its_columns(self) -> dict[int, dict[str, Any]]:
        return _columns(len(DEMO_RATES) if self.world.is_demo else len(BUSINESSES))

    def create(self, fields: Mapping[str, Any]) -> int:
        """Create a record as a POST would, the example's stage and customer unless `fields` say others; return its Id.

        Raises `ValueError` for fields that the vendor refuses; so do `update` and `delete`, for an Id that there is not
        as well.
        """
        return nexudus_writes.create(self, fields)

    def update(self, number: int, fields: Mapping[str, Any]) -> None:
        """Change these fields of a record, as a PUT of the whole record would."""
        nexudus_writes.update(self, number, fields)

    def delete(self, number: int) -> None:
        """Delete a record."""
        nexudus_writes.delete(self, number)

    def expire_tokens(self) -> None:
        """Make all present access tokens invalid; refresh tokens stay."""
        self.tokens.expire_access()

    def classify(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[Kind, tuple[str, ...]]:
        """Return the kind of a request and the ids it asks for."""
        if path == "/api/token":
            grant = _form(body).get("grant_type")
            kinds: dict[str | None, Kind] = {"password": "token-password", "refresh_token": "token-refresh"}
            return kinds.get(grant, "other"), ()
        if path == "/api/auth/me":
            return "me", ()
        if path == AUDIT_TRAIL:
            return "audit-trail", ()
        if path == COLUMNS and method == "GET":
            return "stages", ()
        one = re.fullmatch(rf"{COLLECTION}/(\d{{1,30}})", path, re.ASCII)
        if one:
            return ("get" if method == "GET" else "write"), (str(int(one[1])),)
        if path.rstrip("/") != COLLECTION:
            return "other", ()
        if method != "GET":
            return "write", nexudus_writes.ids_in(body)
        ids = nexudus_list.ids_asked_for(lowered(query))
        return ("list", ()) if ids is None else ("list-by-ids", tuple(str(one) for one in ids))

    def answer(self, call: Call) -> Reply:
        """Return the real answer."""
        if call.path == "/api/token":
            return self._token(call)
        caller = call.headers.get("authorization", "")
        crm = call.path.startswith("/api/crm/")
        if not self._is_allowed(caller) or (crm and self.role_missing):
            return DENIED
        if self.throttled and not self.throttle.admit(caller, call):
            return self._slow_down()
        match call.kind:
            case "me":
                return Reply(data=_me(self.username))
            case "get":
                record = self.records.get(int(call.ids[0]))
                return NOT_FOUND if record is None else Reply(data=record)
            case "list" | "list-by-ids":
                return DENIED if self.list_role_missing else nexudus_list.answer(self, lowered(call.query))
            case "audit-trail":
                return DENIED if self.audit_role_missing else nexudus_audit.answer(self, lowered(call.query))
            case "stages":
                return DENIED if self.columns_role_missing else nexudus_columns.answer(self, lowered(call.query))
            case "write":
                return nexudus_writes.answer(self, call)
            case _:
                return Reply(404, data={"Message": f"No HTTP resource was found that matches {call.path!r}."})

    def _token(self, call: Call) -> Reply:
        form = _form(call.body)
        is_form = call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if call.method != "POST":
            return Reply(405, data={"Message": "The requested resource does not support this http method."})
        if not is_form or call.kind == "other":
            return Reply(400, data={"error": "unsupported_grant_type"})
        client_id = call.headers.get("client_id", self.username)
        if call.kind == "token-password":
            if (form.get("username"), form.get("password")) != (self.username, self.password):
                reason = "The user name or password is incorrect."
                return Reply(400, data={"error": "invalid_grant", "error_description": reason})
        elif "client_id" not in call.headers or not self.tokens.may_refresh(client_id, form.get("refresh_token", "")):
            return Reply(400, data={"error": "invalid_grant"})
        granted = self.tokens.grant(client_id, self.access_ttl, self.refresh_ttl)
        return Reply(
            data={
                "access_token": granted.access,
                "token_type": "bearer",
                "expires_in": int(self.access_ttl),
                "refresh_token": granted.refresh,
            }
        )

    def _is_allowed(self, authorization: str) -> bool:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.is_valid(secret)
        return scheme.lower() == "basic" and decoded_basic(secret) == f"{self.username}:{self.password}"

    def _slow_down(self) -> Reply:
        if self.throttle_status == 429:
            return text(429, "Wait 1 seconds")
        return Reply(409, body=b"", content_type="", headers={"Retry-After": "1"}, reason=WAIT)


def decoded_basic(secret: str) -> str:
    """Return the `user:password` of HTTP Basic, empty if it is not one."""
    try:
        return base64.b64decode(secret, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _me(email: str) -> dict[str, Any]:
    """Nexudus, "Who am I"; only part of the fields, their names assumed."""
    return {
        "Email": email,
        "FullName": "Simulated Gateway",
        "DefaultBusinessId": 390000001,
        "DefaultBusinessName": "Example Coworking - Riverside",
        "DefaultBusinessCurrencyCode": "EUR",
        "Roles": ["CrmOpportunity-Read", "CrmOpportunity-List", "CrmBoardColumn-List"],
    }
