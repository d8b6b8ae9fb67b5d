"""Seeded ChartMogul opportunities and customers: both examples, ordinary ones, and special ones under fixed uuids."""

# ruff: noqa: RUF001 - names and texts in many scripts are the point

import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from .people import COUNT as COUNT_OF_PEOPLE
from .people import Person, known_to_chartmogul

DATA = Path(__file__).parent / "data"
EXAMPLE: Final[dict[str, Any]] = json.loads((DATA / "chartmogul_example.json").read_text("utf-8"))
DOCUMENTED: Final[dict[str, Any]] = json.loads((DATA / "chartmogul_documented.json").read_text("utf-8"))
CHARTMOGUL_EXAMPLE_ID: Final[str] = EXAMPLE["uuid"]
CHARTMOGUL_DOCUMENTED_ID: Final[str] = DOCUMENTED["uuid"]
"""The vendor's own example id; its variant bits are not those of RFC 4122."""
COUNT = 200
CUSTOMERS = 4_000
TODAY = datetime(2026, 2, 28, tzinfo=UTC)
SELLERS = ("testy.seller", "maerta.mockstroem", "ravi.sampleson", "aoife.example")
PIPELINES: Final = {
    "New Business": {"Discovery": 10, "Demo": 30, "Proposal": 50, "Closed Won": 100, "Closed Lost": 0},
    "Expansion": {"Signal": 20, "Negotiation": 60, "Closed Won": 100, "Closed Lost": 0},
    "Erneuerung – Süd": {"Gespräch": 25, "Angebot": 70, "Closed Won": 100, "Closed Lost": 0},
}
"""Pipeline -> stage -> the win likelihood that a new opportunity gets there."""
CATEGORIES = ("pipeline", "best_case", "committed")
CUSTOM: tuple[dict[str, Any], ...] = (
    {},
    {"seats": 3, "marketing_campaign": "Facebook"},
    {"seats": 40, "from_campaign": False, "discount": 12.5},
    {"zone": "Nord/Süd", "note": "客戶", "signed_on": "2026-02-01"},
)
OPTIONAL = tuple(key for key in EXAMPLE if key not in ("uuid", "customer_uuid", "created_at", "updated_at"))
"""Fields that may be null; the vendor does not say, assumed."""
_SPECIAL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("null custom", {"custom": None}),
    ("empty custom", {"custom": {}}),
    ("nested custom", {"custom": {"object": {"deep": [1, 2.5, None, {"x": True}]}, "list": [], "none": None, "": ""}}),
    ("custom order", {"custom": {"zulu": 1, "alpha": 2, "mike": 3, "1": 4, "Alpha": 5}}),
    ("annual type", {"type": "arr"}),
    ("one-time type", {"type": "one-time"}),
    ("unknown type", {"type": "biennial"}),
    ("unknown forecast category", {"forecast_category": "wishful"}),
    ("closed won", {"forecast_category": "won", "win_likelihood": 100, "pipeline_stage": "Closed Won"}),
    ("closed lost", {"forecast_category": "lost", "win_likelihood": 0, "pipeline_stage": "Closed Lost"}),
    ("yen", {"currency": "JPY", "amount_in_cents": 150_000_000}),
    ("dinar", {"currency": "KWD", "amount_in_cents": 1_234_567}),
    ("amount above 32 bits", {"amount_in_cents": 9_999_999_999}),
    ("amount above 53 bits", {"amount_in_cents": 9_007_199_254_740_993}),
    ("negative amount", {"amount_in_cents": -125_000}),
    ("zero amount", {"amount_in_cents": 0}),
    ("missing win likelihood", {"win_likelihood": None}),
    ("null optional fields", dict.fromkeys(OPTIONAL)),
    ("non-ascii pipeline", {"pipeline": "新規 – Ümläute", "pipeline_stage": "Első kör 🎯"}),
    ("unknown customer", {"customer_uuid": "cus_00000000-0000-4000-8000-000000000000"}),
    ("new chartmogul fields", {"brand_new_field": {"nested": [1, None]}, "probability_model": "v2"}),
    ("linked to nexudus", {"custom": {"nexudus_id": 1427000501}}),
)  # fmt: skip
ABSENT: Final = {"missing win likelihood": ("win_likelihood",)}
"""What a special record lacks altogether."""
CHARTMOGUL_SPECIAL: Final[dict[str, str]] = {
    what: f"5c0de0{number:02x}-e54b-11ee-81c1-f303abf41acc" for number, (what, _) in enumerate(_SPECIAL, 1)
}
"""What is odd about an opportunity -> its uuid."""


def chartmogul_records(seed: int) -> dict[str, dict[str, Any]]:
    """Return 200 opportunities by uuid: the example, the vendor's documented one, ordinary ones, special ones."""
    chance = random.Random(f"chartmogul {seed}")
    customers = [person.customer_uuid for person in known_to_chartmogul(seed)]
    records = {one["uuid"]: dict(one) for one in (EXAMPLE, DOCUMENTED)}
    for _ in range(COUNT - len(records) - len(_SPECIAL)):
        record = _ordinary(chance, chance.choice(customers))
        records[record["uuid"]] = record
    for (what, oddity), number in zip(_SPECIAL, CHARTMOGUL_SPECIAL.values(), strict=True):
        record = {**EXAMPLE, "uuid": number, **oddity}
        records[number] = {key: value for key, value in record.items() if key not in ABSENT.get(what, ())}
    return records


def chartmogul_deals(seed: int, count: int, today: datetime) -> dict[str, dict[str, Any]]:
    """Return so many opportunities by uuid: the 200 of `chartmogul_records`, and others of the last 500 days."""
    chance = random.Random(f"chartmogul deals {seed}")
    customers = [person.customer_uuid for person in known_to_chartmogul(seed, CUSTOMERS)]
    records = chartmogul_records(seed)
    while len(records) < count:
        record = _ordinary(chance, chance.choice(customers), today)
        records[record["uuid"]] = record
    return records


def chartmogul_customers(seed: int, count: int = COUNT_OF_PEOPLE) -> dict[str, dict[str, Any]]:
    """Return the customers by uuid, of `count` people in all."""
    return customer_records(known_to_chartmogul(seed, count))


def customer_records(known: Sequence[Person]) -> dict[str, dict[str, Any]]:
    """Return people as ChartMogul's customers by uuid; only part of the vendor's fields."""
    return {
        person.customer_uuid: {
            "uuid": person.customer_uuid,
            "external_id": f"crm-{person.coworker_id}",
            "name": person.company or person.name,
            # Addresses have no case, and some people type them so: only where there are many customers.
            "email": person.email.upper() if number > COUNT_OF_PEOPLE and number % 9 == 0 else person.email,
            "company": person.company or "",
            "status": "Lead",
        }
        for number, person in enumerate(known)
    }


def time_uuid(moment: datetime, tail: int) -> str:
    """Return a version 1 UUID of a moment; `tail` (62 bits) stands for clock and machine."""
    ticks = (moment - datetime(1582, 10, 15, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    high = (ticks >> 48 & 0x0FFF) | 0x1000
    number = (ticks & 0xFFFFFFFF) << 96 | (ticks >> 32 & 0xFFFF) << 80 | high << 64
    return str(uuid.UUID(int=number | 0b10 << 62 | tail))


def stamp(moment: datetime) -> str:
    """Return a UTC timestamp with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _ordinary(chance: random.Random, customer: str, today: datetime = TODAY) -> dict[str, Any]:
    created = today - timedelta(milliseconds=chance.randrange(500 * 86_400_000))
    updated = created + timedelta(milliseconds=chance.randrange((today - created) // timedelta(milliseconds=1) + 1))
    pipeline = chance.choice(list(PIPELINES))
    stage = chance.choice(list(PIPELINES[pipeline]))
    closed = {"Closed Won": "won", "Closed Lost": "lost"}.get(stage)
    return {
        "uuid": time_uuid(created, chance.getrandbits(62)),
        "customer_uuid": customer,
        "owner": f"{chance.choice(SELLERS)}@example.com",
        "pipeline": pipeline,
        "pipeline_stage": stage,
        "estimated_close_date": f"{today + timedelta(days=chance.randrange(-300, 200)):%Y-%m-%d}",
        "currency": chance.choice(("USD", "USD", "EUR", "GBP", "HUF", "JPY", "KWD")),
        "amount_in_cents": chance.choice((chance.randrange(1, 500) * 10_000, chance.randrange(1, 90_000_000))),
        "type": chance.choice(("recurring", "recurring", "one-time")),
        "forecast_category": closed or chance.choice(CATEGORIES),
        "win_likelihood": PIPELINES[pipeline][stage],
        "custom": dict(chance.choice(CUSTOM)),
        "created_at": stamp(created),
        "updated_at": stamp(updated),
    }
