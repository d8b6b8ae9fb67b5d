"""The demo's ChartMogul opportunities: three pipelines, three currencies, monthly, annual and one-time amounts."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from .chartmogul_records import DOCUMENTED, EXAMPLE, PIPELINES, SELLERS, customer_records, stamp, time_uuid
from .demo_courses import Course, Outcome, courses
from .demo_people import demo_payers
from .people import Person

COUNT: Final = 270
FIRST_MOMENT: Final = datetime(2025, 1, 6, 9, tzinfo=UTC)
"""Of the uuids, which hold no date of their deals: who has one in a sheet finds the same deal tomorrow."""
PIPELINE_WEIGHTS: Final = (6, 3, 2)
CURRENCIES: Final = (("USD", 9), ("EUR", 7), ("GBP", 4))
AMOUNTS: Final = (
    ("recurring", 14, 20_000, 650_000),
    ("one-time", 5, 50_000, 1_500_000),
    ("arr", 1, 500_000, 6_000_000),
)
"""Type, how often it is, and the least and most, in cents."""
CLOSED: Final = {Outcome.WON: ("Closed Won", "won"), Outcome.LOST: ("Closed Lost", "lost")}
CATEGORIES: Final = ("pipeline", "best_case", "committed")
LOST_REASONS: Final = (("Price", 6), ("No budget this year", 4), ("Stayed with competitor", 3), ("No answer", 3))
"""ChartMogul has no field for it: this company keeps it in a custom attribute."""


def chartmogul_demo(seed: int, today: datetime) -> dict[str, dict[str, Any]]:
    """Return the opportunities by uuid: both documented examples, then those of the last 400 days."""
    chance = random.Random(f"chartmogul demo {seed}")
    customers = demo_payers(seed)
    found = {one["uuid"]: dict(one) for one in (EXAMPLE, DOCUMENTED)}
    for number, course in enumerate(courses(chance, COUNT - len(found))):
        person = customers[0] if number % 120 == 70 else chance.choice(customers)
        uuid = time_uuid(FIRST_MOMENT + timedelta(hours=7 * number), chance.getrandbits(62))
        found[uuid] = _record(uuid, chance, person, course, today)
    return found


def chartmogul_demo_customers(seed: int) -> dict[str, dict[str, Any]]:
    """Return the customers by uuid."""
    return customer_records(demo_payers(seed))


def _open(pipeline: str, progress: float) -> tuple[str, str]:
    stages = [stage for stage in PIPELINES[pipeline] if not stage.startswith("Closed")]
    return stages[int(progress * len(stages))], CATEGORIES[int(progress * len(CATEGORIES))]


def _record(uuid: str, chance: random.Random, person: Person, course: Course, today: datetime) -> dict[str, Any]:
    pipeline = chance.choices(list(PIPELINES), PIPELINE_WEIGHTS)[0]
    kind, _, least, most = chance.choices(AMOUNTS, [weight for _, weight, _, _ in AMOUNTS])[0]
    amount = chance.randrange(least, most, 5_000)
    currency, _ = chance.choices(CURRENCIES, [weight for _, weight in CURRENCIES])[0]
    seats, has_amount, has_reason = chance.randrange(1, 60), chance.random() > 0.04, chance.random() < 0.75
    reason, _ = chance.choices(LOST_REASONS, [weight for _, weight in LOST_REASONS])[0]
    custom: dict[str, Any] = {"seats": seats}
    if course.campaign:
        custom["marketing_campaign"] = course.campaign.name
    if course.outcome is Outcome.LOST and has_reason:
        custom["lost_reason"] = reason
    stage, category = CLOSED.get(course.outcome) or _open(pipeline, course.progress)
    return {
        "uuid": uuid,
        "customer_uuid": person.customer_uuid,
        "owner": None if course.seller is None else f"{SELLERS[course.seller]}@example.com",
        "pipeline": pipeline,
        "pipeline_stage": stage,
        "estimated_close_date": f"{today + course.closes:%Y-%m-%d}",
        "currency": currency,
        "amount_in_cents": amount if has_amount else None,
        "type": kind,
        "forecast_category": category,
        "win_likelihood": PIPELINES[pipeline][stage],
        "custom": custom,
        "created_at": stamp(today + course.created),
        "updated_at": stamp(today + course.updated),
    }
