"""The demo's CrmOpportunity records: four locations in four currencies, two boards each."""

import random
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from .demo_courses import OTHER_LEAD_SOURCES, SELLERS, Course, Outcome, courses
from .demo_people import demo_coworkers
from .nexudus_records import EXAMPLE, FIRST_DEAL, NEXUDUS_EXAMPLE_ID, NOTES, STAGES, column, nexudus_records, stamp
from .people import Person

COUNT: Final = 430
PRODUCTS: Final = (
    ("Private office", 6, 1_800, 9_600),
    ("Dedicated desk", 5, 290, 1_900),
    ("Meeting rooms", 2, 150, 900),
    ("Virtual office", 3, 60, 240),
    ("Event space", 1, 800, 4_500),
)
"""Name, how often it is asked for, and the least and most it costs, in euros a month."""
RATES: Final = (("1", 10), ("0.9", 10), ("1.1", 10), ("390", 1_000))
"""What a euro is at each location, and to what amounts are rounded there."""
LOCATION_WEIGHTS: Final = (10, 6, 4, 5)
BOARD_WEIGHTS: Final = (3, 1)
LOSS_REASONS: Final[Mapping[int, int]] = {4: 30, 1: 18, 6: 14, 15: 10, 11: 9, 7: 8, 12: 6, 14: 5, 5: 4, 9: 2, 99: 3}
"""Nexudus' codes, and how often each is told: price, timing, competition and so on."""


def nexudus_demo(seed: int, today: datetime) -> dict[int, dict[str, Any]]:
    """Return the records by Id: the documented example and the one behind it, then those of the last 400 days."""
    chance = random.Random(f"nexudus demo {seed}")
    customers = demo_coworkers(seed)
    known = nexudus_records(seed)
    found = {number: known[number] for number in (NEXUDUS_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID + 1)}
    for number, course in enumerate(courses(chance, COUNT - len(found)), FIRST_DEAL):
        person = customers[0] if number % 140 == 90 else chance.choice(customers)
        found[number] = _record(number, chance, person, course, today)
    return found


def _record(number: int, chance: random.Random, person: Person, course: Course, today: datetime) -> dict[str, Any]:
    location = chance.choices(range(len(RATES)), LOCATION_WEIGHTS)[0]
    board = chance.choices(range(len(BOARD_WEIGHTS)), BOARD_WEIGHTS)[0]
    product, _, least, most = chance.choices(PRODUCTS, [product[1] for product in PRODUCTS])[0]
    amount, follow_up = _amount(chance, location, least, most), timedelta(days=chance.uniform(-4, 21))
    loss_reason = chance.choices(list(LOSS_REASONS), list(LOSS_REASONS.values()))[0]
    other_lead = chance.choice(OTHER_LEAD_SOURCES)
    has_amount, is_followed_up = chance.random() > 0.05, chance.random() < 0.7
    is_won, is_lost = course.outcome is Outcome.WON, course.outcome is Outcome.LOST
    stage = STAGES.index("Won") if is_won else STAGES.index("Lost") if is_lost else int(course.progress * 4)
    created, updated = (stamp(today + since, 7) for since in (course.created, course.updated))
    campaign, seller, title = course.campaign, course.seller, f"{person.company or person.name} - {product}"
    kind = next(place for place, one in enumerate(PRODUCTS) if one[0] == product)
    return {
        **EXAMPLE,
        **column(location, board, stage),
        "Name": title,
        "CoworkerId": person.coworker_id,
        "CoworkerFullName": person.name,
        "CoworkerCoworkerType": "Company" if person.company else "Individual",
        "CoworkerCompanyName": person.company,
        "CoworkerEmail": person.email,
        "TeamId": person.team_id,
        "TeamName": person.company if person.team_id else None,
        "TeamDescription": None,
        "TeamProfileWebsite": f"https://{person.email.partition('@')[2]}" if person.team_id else None,
        "OpportunityTypeId": 1417000041 + kind,
        "OpportunityTypeName": product,
        "ResponsibleId": None if seller is None else 2100000007 + seller,
        "ResponsibleFullName": None if seller is None else SELLERS[seller][0],
        "ReferrerId": None,
        "Notes": chance.choice(NOTES),
        "Completed": course.outcome is not Outcome.OPEN,
        "DueDate": stamp(_at_work(today + follow_up), 0) if course.outcome is Outcome.OPEN and is_followed_up else None,
        "Value": amount if has_amount else None,
        "LeadSource": campaign.lead_source if campaign else other_lead,
        "LossReason": loss_reason if is_lost else None,
        "Status": course.outcome.value,
        "WonOn": updated if is_won else None,
        "LostOn": updated if is_lost else None,
        "CrmUpdatedOn": updated,
        "Position": 100 * chance.randrange(1, 30),
        "UtmSource": campaign.source if campaign else None,
        "UtmMedium": campaign.medium if campaign else None,
        "UtmCampaign": campaign.name if campaign else None,
        "UtmTerm": None,
        "Id": number,
        "UniqueId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "CreatedOn": created,
        "UpdatedOn": updated,
        "ToStringText": title,
    }


def _amount(chance: random.Random, location: int, least: int, most: int) -> Decimal:
    rate, step = RATES[location]
    amount = Decimal(chance.randint(least, most)) * Decimal(rate)
    return ((amount / step).quantize(Decimal(1)) * step).quantize(Decimal("0.00001"))


def _at_work(moment: datetime) -> datetime:
    """Return an hour of that day, from 9 to 16 o'clock."""
    return moment.replace(hour=9 + moment.hour % 8, minute=0, second=0, microsecond=0)
