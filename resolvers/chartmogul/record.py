"""A ChartMogul opportunity as `GET /v1/opportunities/{uuid}` documents it, field by field. Pure.

Nullability is not documented: `uuid`, `customer_uuid`, `created_at` and `updated_at` are taken to be always there.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from resolvers.reply import Timestamp, decode, decoder

SOURCE: Final = "chartmogul"

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""Any 8-4-4-4-12 hexadecimal text: the vendor's own example is no valid variant of RFC 4122."""


def canonical_id(text: str) -> str | None:
    """Return an opportunity's `uuid` in lower case; None for what has another shape."""
    lower = text.lower() if text.isascii() else ""
    return lower if UUID.fullmatch(lower) else None


def canonical_uuid(record: Any) -> str:
    """Return the `uuid` of a record of ChartMogul's, in lower case."""
    uuid: str = record.uuid
    return uuid.lower()


FORECAST_CATEGORIES: Final = frozenset({"pipeline", "best_case", "committed", "lost", "won"})
TYPES: Final = frozenset({"recurring", "arr", "one-time"})

_FORECAST_CATEGORIES: Final = FORECAST_CATEGORIES | {None}
_TYPES: Final = TYPES | {None}

MinorUnits = Literal["hundred", "iso4217"]

# ISO 4217, currencies whose minor unit is not a hundredth.
_EXPONENTS: Final[dict[str, int]] = (
    dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0)
    | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
    | dict.fromkeys("CLF UYW".split(), 4)
)


_MOST_DIGITS: Final = 4_000
"""Of an amount with an exponent or a fraction; Python makes no longer text of a number either."""


MOST_NESTED: Final = 100
"""Objects and lists within one another in a custom attribute, whose form the vendor leaves open. msgspec reads deeper
than any writer of JSON goes: what is read must be writable."""

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def check_nesting(attributes: dict[str, Any]) -> None:
    """Raise `ValueError` for a JSON object that is nested too deeply."""
    level: list[Any] = [attributes]
    for _ in range(MOST_NESTED):
        inner = [value for one in level for value in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise ValueError("nested too deeply")


class ChartMogulRecord(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """One record, in the order of the vendor's page."""

    uuid: str
    customer_uuid: str
    owner: str | None = None
    pipeline: str | None = None
    pipeline_stage: str | None = None
    estimated_close_date: date | None = None
    currency: str | None = None
    amount_in_cents: int | Decimal | None = None  # an `int`, once it is read
    type: str | None = None
    forecast_category: str | None = None
    win_likelihood: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    custom: dict[str, Any] | None = None
    created_at: Timestamp
    updated_at: Timestamp

    minor_units: ClassVar[MinorUnits] = "hundred"

    def __post_init__(self) -> None:
        """Refuse custom attributes that could not be written again; make an integer of cents such as `1.0` or `1e3`."""
        if isinstance(self.custom, dict) and not _SCALARS.issuperset(map(type, self.custom.values())):
            check_nesting(self.custom)
        cents = self.amount_in_cents
        if not isinstance(cents, Decimal):
            return
        if not cents.is_finite() or cents.adjusted() > _MOST_DIGITS or cents != cents.to_integral_value():
            raise ValueError("not a number of cents")
        msgspec.structs.force_setattr(self, "amount_in_cents", int(cents))

    @property
    def amount(self) -> Decimal | None:
        """The amount in the currency's major unit, exactly; None if the amount or the currency is not recorded.

        Whether ChartMogul counts yen in hundredths is not documented. `hundred` follows the field's name and the
        vendor's own tool, which divides by 100 whatever the currency; `iso4217` follows the currency's minor unit.
        """
        if self.amount_in_cents is None or not self.currency:
            return None
        exponent = 2 if self.minor_units == "hundred" else _EXPONENTS.get(self.currency.upper(), 2)
        return Decimal(f"{self.amount_in_cents}E-{exponent}")  # `scaleb` and `/` round to 28 digits

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return (field, code) for each code that the vendor's pages do not list."""
        if self.type in _TYPES and self.forecast_category in _FORECAST_CATEGORIES:
            return []
        codes = (("type", _TYPES, self.type), ("forecast_category", _FORECAST_CATEGORIES, self.forecast_category))
        return [(name, str(code)) for name, known, code in codes if code not in known]


class _Iso4217Record(ChartMogulRecord, frozen=True, kw_only=True):
    minor_units: ClassVar[MinorUnits] = "iso4217"


RECORDS: Final = (ChartMogulRecord, _Iso4217Record)

STORED: Final = tuple(
    (
        "uuid customer_uuid owner pipeline pipeline_stage estimated_close_date currency amount_in_cents type "
        "forecast_category win_likelihood custom created_at updated_at"
    ).split()
)
"""The fields, as stores have them: a new one goes to the end."""

_DECODERS: Final[dict[MinorUnits, msgspec.json.Decoder[ChartMogulRecord]]] = {
    "hundred": decoder(ChartMogulRecord),
    "iso4217": decoder(_Iso4217Record),
}


def parser(minor_units: MinorUnits) -> Callable[[bytes], ChartMogulRecord]:
    """Return what gives the record of a JSON object, and raises `UpstreamBadResponse` for what is no opportunity."""
    return partial(decode, SOURCE, _DECODERS[minor_units])


def parse(body: bytes, minor_units: MinorUnits = "hundred") -> ChartMogulRecord:
    """Return the record of one JSON object, as a `parser` does."""
    return parser(minor_units)(body)
