"""For how long an answer from the store is what it would be if it were given now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from schema.deals.exchange_rates import ExchangeRates
from schema.deals.service import Reader
from schema.people import PEOPLE


class Validator(Protocol):
    """A validator of the response cache: `web.response_cache.Validator`."""

    def __call__(self) -> bool:
        """Return whether the answer would be the same."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class UnchangedAnswer:
    """A validator: nothing that was fetched has changed, nor who is who among owners; and if the answer depends on the
    `store`, nothing in that, nor the operator's table of rates."""

    records: Validator
    people_version: int
    store: Reader | None = None
    sequence: int = 0
    rates: ExchangeRates | None = None
    rates_version: int = 0

    def __call__(self) -> bool:
        """Return whether that is so."""
        if PEOPLE.version != self.people_version:
            return False
        if self.rates is not None and self.rates.version != self.rates_version:
            return False
        if self.store is not None and not (self.store.is_current and self.store.sequence == self.sequence):
            return False
        return self.records()

    def __len__(self) -> int:
        return len(self.records) + (self.store is not None)


@dataclass(slots=True)
class Dependence:
    """What an answer depends on beside records that were fetched.

    `sequence` is the store's number before anything was read of it, None if nothing was, and `rates_version` that of
    the table of rates, if there is one. `on_time`: the answer may be another without any change in the store, since it
    tells an age, or depends on what time it is.
    """

    store: Reader | None = None
    sequence: int = 0
    on_time: bool = field(default=False)
    rates: ExchangeRates | None = None
    rates_version: int = 0
    people_version: int = field(default_factory=lambda: PEOPLE.version)

    def note(self, store: Reader, rates: ExchangeRates | None) -> None:
        """Note that the answer depends on the store, and on the rates."""
        if self.store is None:
            self.store, self.sequence = store, store.sequence
            if rates is not None:
                self.rates, self.rates_version = rates, rates.version

    def validator(self, records: Callable[[], Validator | None]) -> Validator | None:
        """Return a validator of the answer, given one of the fetched records; None if there can be none."""
        if self.on_time or (known := records()) is None:
            return None
        return UnchangedAnswer(known, self.people_version, self.store, self.sequence, self.rates, self.rates_version)
