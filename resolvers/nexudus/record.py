"""A Nexudus CrmOpportunity as `GET /api/crm/crmopportunities/{id}` documents it, field by field. Pure.

Names are the vendor's, in Python's spelling (`CrmBoardColumnId` is `crm_board_column_id`). Only `Id` and `Status` can
never be missing from a record that is used; every other field may be null, whatever the documentation promises.
"""

from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus.codes import COWORKER_TYPES, unknown_codes
from resolvers.reply import Timestamp, decode, decoder

SOURCE: Final = "nexudus"

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class NexudusRecord(msgspec.Struct, rename="pascal", frozen=True, kw_only=True, weakref=True):
    """One record, in the order of the vendor's page. Amounts are in major units, times in UTC."""

    name: str | None
    crm_board_column_id: int | None
    crm_board_column_name: str | None
    crm_board_column_crm_board_id: int | None
    crm_board_column_crm_board_name: str | None
    crm_board_column_crm_board_business_id: int | None
    crm_board_column_crm_board_business_name: str | None
    crm_board_column_crm_board_business_currency_id: int | None
    crm_board_column_crm_board_business_currency_code: str | None
    coworker_id: int | None
    coworker_full_name: str | None
    coworker_coworker_type: str | int | None
    coworker_company_name: str | None
    coworker_email: str | None
    team_id: int | None
    team_name: str | None
    team_description: str | None
    team_profile_website: str | None
    opportunity_type_id: int | None
    opportunity_type_name: str | None
    responsible_id: int | None
    responsible_full_name: str | None
    referrer_id: int | None
    agent_id: int | None
    notes: str | None
    completed: bool | None
    due_date: Timestamp | None
    value: Decimal | None
    reminded: bool | None
    lead_source: Int32 | None
    loss_reason: Int32 | None
    status: Int32
    won_on: Timestamp | None
    lost_on: Timestamp | None
    crm_updated_on: Timestamp | None
    position: Int32 | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_content: str | None
    utm_term: str | None
    id: int
    unique_id: str | None
    created_on: Timestamp | None
    updated_on: Timestamp | None
    updated_by: str | None
    is_new: bool | None
    system_id: str | None

    def __post_init__(self) -> None:
        """Refuse amounts that are no amounts: NaN, infinity, and exponents that would print as megabytes of zeros.

        Digits that were sent are an amount, however many.
        """
        if isinstance(self.value, Decimal) and not _is_amount(self.value):
            raise ValueError("not an amount")

    @property
    def coworker_type(self) -> str | None:
        """The customer's record type by name; Nexudus sends `"Company"`, and was seen to send `2` and `"2"`."""
        sent = self.coworker_coworker_type
        return None if sent is None else COWORKER_TYPES.get(str(sent), str(sent))

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return (field, code) for each code that the vendor's pages do not list."""
        return unknown_codes(self.status, self.lead_source, self.loss_reason)


_MOST_ZEROS = 40
"""In an amount's plain notation, beyond the digits that were sent."""


def _is_amount(value: Decimal) -> bool:
    if not value.is_finite():
        return False
    size = value.adjusted()
    if size < _MOST_ZEROS:
        return size > -_MOST_ZEROS
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent < _MOST_ZEROS


_ABSENT: Any = object()
_NOTHING: frozenset[str] = frozenset()

PartialRecord = msgspec.defstruct(
    "PartialRecord",
    [
        (field.name, field.type) if field.name in ("id", "status") else (field.name, field.type, _ABSENT)
        for field in msgspec.structs.fields(NexudusRecord)
    ],
    rename="pascal",
    kw_only=True,
    namespace={"__post_init__": NexudusRecord.__post_init__},
)
"""A record of which fields may be missing."""

NAMES: Final = (
    ("crm_board_column_id", "crm_board_column_name"),
    ("crm_board_column_crm_board_id", "crm_board_column_crm_board_name"),
    ("crm_board_column_crm_board_business_id", "crm_board_column_crm_board_business_name"),
    ("opportunity_type_id", "opportunity_type_name"),
)
"""Ids, and the names that Nexudus joins to them. Of people and teams none: whose name is gone may have asked for it."""

STORED: Final = tuple(
    (
        "name crm_board_column_id crm_board_column_name crm_board_column_crm_board_id crm_board_column_crm_board_name "
        "crm_board_column_crm_board_business_id crm_board_column_crm_board_business_name "
        "crm_board_column_crm_board_business_currency_id crm_board_column_crm_board_business_currency_code "
        "coworker_id coworker_full_name coworker_coworker_type coworker_company_name coworker_email "
        "team_id team_name team_description team_profile_website opportunity_type_id opportunity_type_name "
        "responsible_id responsible_full_name referrer_id agent_id notes completed due_date value reminded "
        "lead_source loss_reason status won_on lost_on crm_updated_on position "
        "utm_source utm_medium utm_campaign utm_content utm_term "
        "id unique_id created_on updated_on updated_by is_new system_id"
    ).split()
)
"""The fields, as stores have them: a new one goes to the end."""

_RECORD = decoder(NexudusRecord)
_PARTIAL = decoder(PartialRecord)
_NEVER_NULL = ("crm_board_column_id", "coworker_id", "position", "completed", "unique_id", "created_on")
never_null = attrgetter(*_NEVER_NULL)
"""Gives the fields that are null in no record of its own."""


def parse(body: bytes | msgspec.Raw) -> tuple[NexudusRecord, frozenset[str]]:
    """Return the record of a JSON object, and which documented fields the object does not have (null in the record).

    Raises `UpstreamBadResponse` for anything that is not a CrmOpportunity.
    """
    try:
        return decode(SOURCE, _RECORD, body), _NOTHING
    except UpstreamBadResponse:  # mostly a missing field
        return fill(decode(SOURCE, _PARTIAL, body))


def fill(partial: Any) -> tuple[NexudusRecord, frozenset[str]]:
    """Return the record of a `PartialRecord`, with null for what is missing, and what that is."""
    values = msgspec.structs.asdict(partial)
    absent = frozenset([name for name, value in values.items() if value is _ABSENT])
    return NexudusRecord(**values | dict.fromkeys(absent)), absent


_VENDORS_NAMES: Final = {field.name: field.encode_name for field in msgspec.structs.fields(NexudusRecord)}


def lacking(record: NexudusRecord, absent: frozenset[str]) -> frozenset[str]:
    """Return what a list's row leaves out, by the vendor's names: what is absent, and what is null but never is so."""
    if not absent and None not in never_null(record):
        return absent
    nulled = [name for name in _NEVER_NULL if getattr(record, name) is None]
    return frozenset([_VENDORS_NAMES[name] for name in (*absent, *nulled)])


def is_complete(record: NexudusRecord, absent: frozenset[str], *, never_sent: frozenset[str]) -> bool:
    """Whether a list's row may stand for the record: nothing absent or null that a record of its own would have.

    `never_sent` are fields that this account's single records lack as well, so that their absence says nothing.
    """
    if None not in never_null(record):
        return absent <= never_sent
    return absent <= never_sent and all(getattr(record, f) is not None or f in never_sent for f in _NEVER_NULL)
