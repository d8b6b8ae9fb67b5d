"""Whom an opportunity is with: `GET /v1/customers/{uuid}`, as far as the graph shows it."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from resolvers.chartmogul.record import SOURCE, UUID, ChartMogulRecord, MinorUnits, canonical_uuid
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.reply import decode, decoder
from resolvers.resilience.transport import Transport
from resolvers.single_record_client import SingleRecordClient
from resolvers.source import CustomerJoin, Outcome

_CUSTOMER_UUID: Final = re.compile(rf"cus_{UUID.pattern}", re.ASCII)


class ChartMogulCustomer(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """One customer, by ChartMogul's names. `uuid` is what an opportunity calls `customer_uuid`."""

    uuid: str
    name: str | None = None
    company: str | None = None
    email: str | None = None

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return nothing: no code is read of a customer."""
        return []


_CUSTOMER = decoder(ChartMogulCustomer)


def canonical_id(text: str) -> str | None:
    """Return a customer's `uuid` in lower case; None for what has another shape, before it becomes part of a path."""
    lower = text.lower() if text.isascii() else ""
    return lower if _CUSTOMER_UUID.fullmatch(lower) else None


def parse(body: bytes) -> ChartMogulCustomer:
    """Return the customer of a JSON object; raises `UpstreamBadResponse` for anything that is none."""
    return decode(SOURCE, _CUSTOMER, body)


class ChartMogulCustomerClient(SingleRecordClient):
    """A `resolvers.source.Client` of customers: one `canonical_id` at a time."""

    def __init__(self, base_url: str, headers: Callable[[], dict[str, str]], transport: Transport) -> None:
        super().__init__(f"{base_url}/v1/customers", headers, transport, parse=parse, id_of=canonical_uuid)

    async def fetch(self, customer_id: str, shared_fetch: SharedFetch) -> Outcome:
        """Return the customer that an opportunity names; None for one that cannot be, which is not asked for."""
        canonical = canonical_id(customer_id)
        if canonical is None:
            return None
        (outcome,) = await self.fetch_many([canonical], shared_fetch)
        return outcome


class _Joined(ChartMogulRecord, frozen=True, kw_only=True):
    """A record with its customer, which is no part of what the vendor sends of it."""

    customer: Any


class _Iso4217Joined(_Joined, frozen=True, kw_only=True):
    minor_units: ClassVar[MinorUnits] = "iso4217"


def _joined(record: ChartMogulRecord, customer: Any) -> ChartMogulRecord:
    type_ = _Joined if record.minor_units == "hundred" else _Iso4217Joined
    return type_(**{name: getattr(record, name) for name in ChartMogulRecord.__struct_fields__}, customer=customer)


def _customer_uuid(record: ChartMogulRecord) -> str:
    return record.customer_uuid


def _customer(name: str | None, company: str | None, email: str | None) -> ChartMogulCustomer:
    return ChartMogulCustomer(uuid="", name=name, company=company, email=email)


CUSTOMER_JOIN: Final = CustomerJoin(_customer_uuid, _customer, _joined)
