"""How a deal of the demo goes: created, worked on, won or lost; who sells it, and which campaign brought it.

Everything is drawn as days before today, and no draw looks at the calendar: on another day the same seed gives the same
deals, with other dates.
"""

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

DAYS: Final = 400.0
"""The oldest deals were created so long ago."""
STALLED: Final = 0.05
"""So many deals nobody closed, though their time was over."""
SELLERS: Final = (
    ("Testy McAdminface", 0.40),
    ("Märta Mockström", 0.52),
    ("Ravi Sampleson", 0.34),
    ("Aoife Example", 0.45),
)
"""Name, and how likely this person wins a deal that is like all others."""
UNOWNED: Final = 0.06


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, with the parameters of its links; `lift` is added to the likelihood of winning."""

    name: str
    source: str
    medium: str
    lead_source: int
    weight: int
    lift: float


CAMPAIGNS: Final = (
    Campaign("spring-offices", "google", "cpc", 19, 12, -0.08),
    Campaign("open-house-week", "instagram", "social", 15, 7, 0.02),
    Campaign("bring-a-neighbour", "newsletter", "email", 10, 6, 0.22),
    Campaign("hybrid-teams", "linkedin", "paid-social", 14, 8, 0.05),
    Campaign("winter-desks", "google", "cpc", 19, 5, -0.12),
)
NO_CAMPAIGN_WEIGHT: Final = 22
OTHER_LEAD_SOURCES: Final = (1, 2, 5, 8, 8, 11, 11, 12, 21, 23, 99)


class Outcome(Enum):
    """How far a deal is."""

    OPEN = 1
    WON = 2
    LOST = 3


@dataclass(frozen=True, slots=True)
class Course:
    """The course of one deal; times count from today, the past is negative."""

    created: timedelta
    updated: timedelta
    closes: timedelta
    """When it was closed, or is expected to be."""
    outcome: Outcome
    progress: float
    """How much of its way a deal has gone: 0 to below 1; 1 if it is closed."""
    seller: int | None
    campaign: Campaign | None


def courses(chance: random.Random, count: int) -> list[Course]:
    """Return the courses of so many deals, the oldest first."""
    ages = sorted((chance.uniform(0.1, DAYS) for _ in range(count)), reverse=True)
    return [_course(chance, age) for age in ages]


def _course(chance: random.Random, age: float) -> Course:
    seller = None if chance.random() < UNOWNED else chance.choices(range(len(SELLERS)), (5, 4, 4, 3))[0]
    weights = [*(campaign.weight for campaign in CAMPAIGNS), NO_CAMPAIGN_WEIGHT]
    campaign = chance.choices([*CAMPAIGNS, None], weights)[0]
    cycle = min(max(chance.lognormvariate(math.log(50), 0.6), 4.0), 170.0)
    is_stalled, luck, share = chance.random() < STALLED, chance.random(), chance.random()
    if age > cycle and not is_stalled:
        likelihood = (0.3 if seller is None else SELLERS[seller][1]) + (campaign.lift if campaign else 0.0)
        closed = timedelta(days=cycle - age)
        outcome = Outcome.WON if luck < likelihood else Outcome.LOST
        return Course(timedelta(days=-age), closed, closed, outcome, 1.0, seller, campaign)
    progress = min(age / cycle, 0.99) * (0.5 + share / 2)
    quiet = min(chance.expovariate(1 / 9), age) if not is_stalled else share * age
    closes = max(cycle - age + 12 - 30 * share, -45.0)  # sellers hope for earlier than it comes
    return Course(
        timedelta(days=-age), timedelta(days=-quiet), timedelta(days=closes), Outcome.OPEN, progress, seller, campaign
    )
