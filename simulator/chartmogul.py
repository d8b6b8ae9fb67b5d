"""ChartMogul's REST API, as far as opportunities go: ping, retrieve, list with a cursor, writes, and customers to join.

Follows the vendor's pages "Retrieve an Opportunity", "List Opportunities", "Response codes", "Rate limits". What those
pages leave open, and what is served here all the same, is marked "assumed".
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from . import chartmogul_list, chartmogul_writes
from .calls import Call, Kind
from .chartmogul_demo import chartmogul_demo, chartmogul_demo_customers
from .chartmogul_records import CUSTOMERS, chartmogul_customers, chartmogul_deals, chartmogul_records
from .nexudus import decoded_basic
from .replies import Reply
from .throttle import Throttle
from .upstream import Count, PageSize, Upstream, World, originals

COLLECTION = "/v1/opportunities"
LIMITS = ((40, 1.0),)
"""(requests, seconds) for each key; the quota of compute time is not simulated."""
MAX_PARALLEL = 20
_records = originals(chartmogul_records)
_deals = originals(chartmogul_deals)
_demo = originals(chartmogul_demo)
_demo_customers = originals(chartmogul_demo_customers)
_customers = originals(chartmogul_customers)
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def problem(code: int, message: str, param: str | None = None) -> Reply:
    """Return an error in the vendor's shape; for 403, 404 and 429 the shape is assumed."""
    return Reply(code, data={"code": code, "message": message, "param": param}, content_type="application/json")


class ChartMogul(Upstream):
    """ChartMogul. Opportunities by uuid."""

    name = "chartmogul"
    knobs: ClassVar[Mapping[str, Any]] = {
        **Upstream.knobs,
        "missing_field_status": Literal[400, 422],
        "list_largest_size": PageSize,
        "list_order_ignored": bool,
        "list_repeats": Count,
    }
    api_key = "simulated-key-5d1e"
    read_only_key = "simulated-key-read-only"
    seatless_key = "simulated-key-no-crm-seat"
    """A valid key of a user without a CRM seat: 403 on opportunities (assumed)."""

    def __init__(self, world: World, log: list[Call]) -> None:
        super().__init__(world, log)
        self.records: dict[str, dict[str, Any]] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self._restore()
        self.throttle = Throttle(LIMITS)
        self._set_knobs()

    def _set_knobs(self) -> None:
        self.max_parallel = MAX_PARALLEL
        self.missing_field_status: Literal[400, 422] = 400
        """The status of a write without a required field; the vendor's pages allow both readings."""
        self.list_largest_size = chartmogul_list.LARGEST_PAGE
        """The rows of a page at most, whatever is asked for."""
        self.list_order_ignored = False
        """The rows of a page come in an order that is not that of the list."""
        self.list_repeats = 0
        """So many rows of a page come again on the page behind it."""

    def reset(self) -> None:
        """Restore the records, the customers and the knobs, forget calls and faults."""
        super().reset()
        self._set_knobs()
        self.throttle.clear()
        self._restore()

    def _restore(self) -> None:
        world = self.world
        self.records.clear()
        self.customers.clear()
        if world.is_demo:
            self.records.update(_demo(world.seed, world.today))
            self.customers.update(_demo_customers(world.seed))
            return
        if world.deals:
            self.records.update(_deals(world.seed, world.deals, world.today))
            self.customers.update(_customers(world.seed, CUSTOMERS))
        else:
            self.records.update(_records(world.seed))
        self.customers.update(_customers(world.seed))

    def create(self, fields: Mapping[str, Any]) -> str:
        """Create a record as a POST would, the example's values unless `fields` say others; return its uuid.

        Raises `ValueError` for fields that the vendor refuses; so do `update` and `delete`, for a uuid that there is
        not as well.
        """
        return chartmogul_writes.create(self, fields)

    def update(self, number: str, fields: Mapping[str, Any]) -> None:
        """Change these fields of a record, as a PATCH would."""
        chartmogul_writes.update(self, number, fields)

    def delete(self, number: str) -> None:
        """Delete a record."""
        chartmogul_writes.delete(self, number)

    def classify(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[Kind, tuple[str, ...]]:
        """Return the kind of a request and the uuid it asks for."""
        if path == "/v1/ping":
            return "ping", ()
        if path == "/v1/customers/search" or re.fullmatch(rf"/v1/customers/cus_{UUID}", path):
            return "customer", (path.removeprefix("/v1/customers/"),) if "cus_" in path else ()
        if path.rstrip("/") == COLLECTION:
            return ("list" if method == "GET" else "write"), ()
        one = re.fullmatch(rf"{COLLECTION}/([^/]+)", path)
        if one:
            return ("get" if method == "GET" else "write"), (one[1].lower(),)
        return "other", ()

    def answer(self, call: Call) -> Reply:
        """Return the real answer."""
        key = self._key(call.headers.get("authorization", ""))
        if key is None:
            return problem(401, "No valid API key provided")
        if self.throttled and not self.throttle.admit(key, call):
            return problem(429, "Your request rate has exceeded our rate limit.")
        if call.kind == "ping":
            return Reply(data={"data": "pong!"}, content_type="application/json")
        if call.kind == "customer":
            return self._customer(call)
        if call.kind == "other":
            return problem(404, "Not found")
        if key == self.seatless_key:
            return problem(403, "A CRM seat is required to use opportunities")
        if call.kind == "list":
            return chartmogul_list.answer(self, call.query)
        if call.kind == "write":
            allowed = key != self.read_only_key
            return chartmogul_writes.answer(self, call) if allowed else problem(403, "This API key is read-only")
        record = self.records.get(call.ids[0])
        if record is None:
            return problem(404, "Opportunity not found", "uuid")
        return Reply(data=record, content_type="application/json")

    def _key(self, authorization: str) -> str | None:
        scheme, _, secret = authorization.partition(" ")
        key, _, password = decoded_basic(secret).partition(":")
        known = key in (self.api_key, self.read_only_key, self.seatless_key)
        return key if scheme.lower() == "basic" and known and password in ("", key) else None

    def _customer(self, call: Call) -> Reply:
        """ChartMogul, "Retrieve a customer" and "Search for customers by email address"; envelope assumed."""
        if call.ids:
            customer = self.customers.get(call.ids[0])
            if customer is None:
                return problem(404, "Customer not found", "uuid")
            return Reply(data=customer, content_type="application/json")
        email = call.query.get("email", "")
        found = [customer for customer in self.customers.values() if customer["email"].lower() == email.lower()]
        if not found:
            return problem(404, f"Can't find any customers with email: {email}", "email")
        return Reply(data={"entries": found, "has_more": False, "cursor": None}, content_type="application/json")
