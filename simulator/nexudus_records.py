"""Seeded CrmOpportunity records: the example, ordinary ones, and special ones under fixed ids."""

# ruff: noqa: RUF001 - names and texts in many scripts are the point

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from .nexudus_special import FIRST_SPECIAL, LARGE_ID, SPECIAL
from .people import Person, known_to_nexudus

DATA = Path(__file__).parent / "data"
EXAMPLE: Final[dict[str, Any]] = json.loads((DATA / "nexudus_example.json").read_text("utf-8"), parse_float=Decimal)
FIELDS: Final = tuple(EXAMPLE)
NEXUDUS_EXAMPLE_ID: Final[int] = EXAMPLE["Id"]
COUNT = 200
TODAY = datetime(2026, 2, 28, tzinfo=UTC)

BUSINESSES = (
    ("Example Coworking - Riverside", 3003, "EUR"),
    ("Example Coworking - Old Mill", 3002, "GBP"),
    ("Example Coworking - Harbour View", 3001, "USD"),
    ("Példa Iroda - Duna-part", 3011, "HUF"),
    ("例コワーキング 渋谷", 3014, "JPY"),
    ("Example Coworking - Souq", 3021, "KWD"),
)
BOARDS = ("Sales Pipeline", "Members' Upgrades")
STAGES = ("Enquiry", "Office Tour", "Proposal", "Negotiation", "Won", "Lost")
TYPES = ("Private office", "Dedicated desk", "Meeting rooms", "Virtual office", "Event space")
ADMINS = ("Testy McAdminface", "Märta Mockström", "Ravi Sampleson", "Aoife Example")
NOTES = (
    None,
    "Wants a corner office.\r\nCall back after the tour.",
    "Budget agreed in principle; asks for 24/7 access.",
    "“Quiet floor, please” – prefers the café side. ☕",
)
CAMPAIGNS = (
    (None, None, None, None, None),
    ("google", "cpc", "spring-offices", None, "private office riverside"),
    ("newsletter", "email", "february", "button", None),
    ("linkedin", "social", "żółty-październik", None, None),
)
LEAD_SOURCES = (1, 2, *range(4, 27), 98, 99)
CUSTOMERS = 4_000
FIRST_DEAL = 1427010001
LOSS_REASONS = (*range(1, 21), 99)


def nexudus_records(seed: int) -> dict[int, dict[str, Any]]:
    """Return 200 records by Id: the example, then ascending without a gap, at the end the one with the large id."""
    chance = random.Random(f"nexudus {seed}")
    customers = known_to_nexudus(seed)
    records = {NEXUDUS_EXAMPLE_ID: dict(EXAMPLE)}
    for number in [*range(NEXUDUS_EXAMPLE_ID + 1, NEXUDUS_EXAMPLE_ID + COUNT - 1), LARGE_ID]:
        records[number] = _ordinary(number, chance, chance.choice(customers))
    # Special records are the example but for their oddity, so that they are the same for every seed.
    for number, (what, oddity) in enumerate(SPECIAL, FIRST_SPECIAL):
        identity = {"Id": number, "UniqueId": str(uuid.uuid5(uuid.NAMESPACE_OID, what)), "Name": f"Special: {what}"}
        records[number] = {**EXAMPLE, **identity, "ToStringText": f"Special: {what}", **oddity}
    return records


def nexudus_deals(seed: int, count: int, today: datetime) -> dict[int, dict[str, Any]]:
    """Return so many records by Id: the 200 of `nexudus_records`, and others of the last 500 days, the older first."""
    chance = random.Random(f"nexudus deals {seed}")
    customers = known_to_nexudus(seed, CUSTOMERS)
    records = nexudus_records(seed)
    created = sorted(today - timedelta(seconds=chance.randrange(500 * 86_400)) for _ in range(count - len(records)))
    for number, moment in enumerate(created, FIRST_DEAL):
        records[number] = _ordinary(number, chance, chance.choice(customers), today, moment)
    return records


def stamp(moment: datetime, digits: int) -> str:
    """Return a UTC timestamp with 0 to 7 fractional digits."""
    fraction = f"{moment.microsecond:06d}3"[:digits]
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{fraction}Z"


def _ordinary(
    number: int, chance: random.Random, person: Person, today: datetime = TODAY, created: datetime | None = None
) -> dict[str, Any]:
    def moment(after: datetime, until: datetime = today) -> datetime:
        return after + timedelta(microseconds=chance.randrange(max(1, (until - after) // timedelta(microseconds=1))))

    def stamped(when: datetime) -> str:
        return stamp(when, chance.choice((0, 1, 3, 7)))

    created = created or moment(today - timedelta(days=500))
    updated = moment(created)
    stage = chance.randrange(len(STAGES))
    status = {4: 2, 5: 3}.get(stage, 1)
    title = chance.choice((None, "", f"{person.company or person.name} - {chance.choice(TYPES)}"))
    due = moment(today, today + timedelta(days=60))
    source, medium, campaign, content, term = chance.choice(CAMPAIGNS)
    responsible = chance.randrange(len(ADMINS) + 1)
    kind = chance.randrange(len(TYPES) + 1)
    record = {
        "Name": title,
        **column(chance.randrange(len(BUSINESSES)), chance.randrange(len(BOARDS)), stage),
        "CoworkerId": person.coworker_id,
        "CoworkerFullName": person.name,
        "CoworkerCoworkerType": "Company" if person.company else "Individual",
        "CoworkerCompanyName": person.company,
        "CoworkerEmail": person.email,
        "TeamId": person.team_id,
        "TeamName": person.company if person.team_id else None,
        "TeamDescription": "An invented team" if person.team_id else None,
        "TeamProfileWebsite": f"https://team-{person.team_id}.example.com" if person.team_id else None,
        "OpportunityTypeId": 1417000041 + kind if kind < len(TYPES) else None,
        "OpportunityTypeName": TYPES[kind] if kind < len(TYPES) else None,
        "ResponsibleId": 2100000007 + responsible if responsible < len(ADMINS) else None,
        "ResponsibleFullName": ADMINS[responsible] if responsible < len(ADMINS) else None,
        "ReferrerId": chance.choice((None, None, 1415000201 + chance.randrange(90))),
        "AgentId": chance.choice((None, None, None, 1415000201 + chance.randrange(90))),
        "Notes": chance.choice(NOTES),
        "Completed": status != 1,
        "DueDate": stamp(due.replace(minute=0, second=0), 0) if chance.random() < 0.6 else None,
        "Value": _value(chance),
        "Reminded": chance.random() < 0.3,
        "LeadSource": chance.choice((None, *LEAD_SOURCES)),
        "LossReason": chance.choice(LOSS_REASONS) if status == 3 else None,
        "Status": status,
        "WonOn": stamped(updated) if status == 2 else None,
        "LostOn": stamped(updated) if status == 3 else None,
        "CrmUpdatedOn": stamped(updated),
        "Position": 100 * chance.randrange(1, 30),
        "UtmSource": source,
        "UtmMedium": medium,
        "UtmCampaign": campaign,
        "UtmContent": content,
        "UtmTerm": term,
        "Id": number,
        "UniqueId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "CreatedOn": stamped(created),
        "UpdatedOn": stamped(updated),
        "UpdatedBy": "testy.mcadminface@example.com",
        "IsNew": chance.random() < 0.1,
        "SystemId": None,
        "ToStringText": title or person.name,
        "LocalizationDetails": None,
        "CustomFields": None,
    }
    return {key: record[key] for key in FIELDS}


def column(business: int, board: int, stage: int) -> dict[str, Any]:
    """Return the fields of a board's column, by the places in `BUSINESSES`, `BOARDS` and `STAGES`."""
    name, currency_id, currency = BUSINESSES[business]
    place = business * len(BOARDS) + board
    return {
        "CrmBoardColumnId": 1400000100 + place * 10 + stage,
        "CrmBoardColumnName": STAGES[stage],
        "CrmBoardColumnCrmBoardId": 1400000011 + place,
        "CrmBoardColumnCrmBoardName": BOARDS[board],
        "CrmBoardColumnCrmBoardBusinessId": 390000001 + business,
        "CrmBoardColumnCrmBoardBusinessName": name,
        "CrmBoardColumnCrmBoardBusinessCurrencyId": currency_id,
        "CrmBoardColumnCrmBoardBusinessCurrencyCode": currency,
    }


def _value(chance: random.Random) -> Decimal | None:
    """Return an amount in major units with five decimals, as the vendor writes them; sometimes none."""
    if chance.random() < 0.08:
        return None
    hundredths = chance.choice((chance.randrange(1, 400) * 5_000, chance.randrange(1, 50_000_000)))
    return Decimal(hundredths).scaleb(-2).quantize(Decimal("0.00001"))
