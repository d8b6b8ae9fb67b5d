"""What came of a demand, counted alike in the model and in a run of real servers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.capacity_demand import BY_ID, Kind

FULL: Final = 0.95
"""The part of what there is from which on it is called the limit."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass
class Outcome:
    """Of so many seconds. Waits are from a request to its answer, ages of what was answered; both in seconds."""

    seconds: float
    answered: Counter[Kind] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    """Given by id, by source."""
    stale: Counter[str] = field(default_factory=Counter)
    """Given by id from the copy, because the ration had no room in time, by source."""
    rows: int = 0
    """Given in lists and files."""
    refused: Counter[str] = field(default_factory=Counter)
    """Records that were not given, by source."""
    upstream: Counter[str] = field(default_factory=Counter)
    """Requests to a source for somebody."""
    background: Counter[str] = field(default_factory=Counter)
    """Requests to a source for the copy."""
    waits: dict[Kind, list[float]] = field(default_factory=dict)
    ages: list[float] = field(default_factory=list)
    """Of records by id."""
    copy_ages: dict[str, list[float]] = field(default_factory=dict)
    """Of the copy that lists are answered from, by source, at each page."""
    processor_seconds: float = 0.0
    """Of all processes together."""
    slowness: float = 1.0
    """In how many seconds a second's work was done: more than 1 where other programs had the processors."""
    used: Mapping[str, float] = field(default_factory=dict)
    """The part that was used of what there is, by its name."""

    def wait(self, share: float, *, by_id: bool) -> float:
        """Return the wait that this share of requests by id, or of pages, did not exceed."""
        kinds = BY_ID if by_id else (Kind.PAGE,)
        return percentile([wait for kind in kinds for wait in self.waits.get(kind, ())], share)

    def age(self, share: float) -> float:
        """Return the age that this share of the records by id did not exceed."""
        return percentile(self.ages, share)

    def copy_age(self, source: str) -> float:
        """Return the greatest age of a source's copy at any page."""
        return max(self.copy_ages.get(source, ()), default=0.0)

    @property
    def limits(self) -> list[str]:
        """What is used up, the fullest first."""
        found = sorted(self.used.items(), key=lambda item: -item[1])
        return [name for name, share in found if share >= FULL]
