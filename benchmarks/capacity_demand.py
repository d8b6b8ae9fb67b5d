"""What is asked for: kinds of requests, how often each comes, and the requests that a model and a server get."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """A kind of request."""

    HOT = "one record that everybody looks at"
    ONE = "one record, any"
    MANY = "25 records of one source, any"
    PAGE = "page of 50 deals"
    SUMMARY = "totals of all deals"
    EXPORT = "all deals as a file"


BY_ID: Final = (Kind.HOT, Kind.ONE, Kind.MANY)
RECORDS: Final[Mapping[Kind, int]] = {Kind.HOT: 1, Kind.ONE: 1, Kind.MANY: 25, Kind.PAGE: 50}
HOT_RECORDS: Final = 100
"""Of each source."""

MIX: Final[Mapping[Kind, float]] = {
    Kind.HOT: 0.45,
    Kind.ONE: 0.15,
    Kind.MANY: 0.05,
    Kind.PAGE: 0.33,
    Kind.SUMMARY: 0.0199,
    Kind.EXPORT: 0.0001,
}
"""Assumed: people look at lists and open deals of them, a few of them all the time; a program asks for 25 at once."""


@dataclass(frozen=True)
class Request:
    """One request of somebody, `at` seconds after the beginning. `ids` are places in the source's list of all deals."""

    at: float
    kind: Kind
    source: str = ""
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Demand:
    """Requests come at random, so many a second; by id they want any of `deals` equally, but for the hot ones."""

    per_second: float
    deals: Mapping[str, int]
    mix: Mapping[Kind, float] = field(default_factory=lambda: MIX)

    @property
    def all_deals(self) -> int:
        """Deals of all sources."""
        return sum(self.deals.values())

    def requests(self, seconds: float, *, seed: int = 1) -> Iterator[Request]:
        """Yield the requests of so many seconds, the same for the same seed."""
        chance = random.Random(seed)  # noqa: S311 - a load, not a secret
        kinds, weights = list(self.mix), list(self.mix.values())
        sources = sorted(self.deals)
        at = chance.expovariate(self.per_second)
        while at < seconds:
            (kind,) = chance.choices(kinds, weights)
            if kind in BY_ID:
                source = chance.choice(sources)
                among = HOT_RECORDS if kind is Kind.HOT else self.deals[source]
                count = min(RECORDS[kind], among)
                yield Request(at, kind, source, tuple(chance.sample(range(among), count)))
            else:
                yield Request(at, kind)
            at += chance.expovariate(self.per_second)
