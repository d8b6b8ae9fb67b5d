"""For how long an answer from the store is what it would be if it were given now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from schema.deals.service import Reader


class Validator(Protocol):
    """A validator of the response cache: `web.response_cache.Validator`."""

    def __call__(self) -> bool:
        """Return whether the answer would be the same."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class UnchangedStore:
    """A validator: nothing in the store has changed, and nothing of the records that were fetched beside it."""

    database: Reader
    sequence: int
    records: Validator

    def __call__(self) -> bool:
        """Return whether that is so."""
        return self.database.is_current and self.database.sequence == self.sequence and self.records()

    def __len__(self) -> int:
        return 1 + len(self.records)


@dataclass(slots=True)
class Dependence:
    """What an answer depends on beside records that were fetched.

    `sequence` is the store's number before anything was read of it, None if nothing was. `on_time`: the answer may be
    another without any change in the store, since it tells an age, or depends on what time it is.
    """

    database: Reader | None = None
    sequence: int = 0
    on_time: bool = field(default=False)

    def note(self, database: Reader) -> None:
        """Note that the answer depends on the store."""
        if self.database is None:
            self.database, self.sequence = database, database.sequence

    def validator(self, records: Callable[[], Validator | None]) -> Validator | None:
        """Return a validator of the answer, given one of the fetched records; None if there can be none."""
        if self.on_time or (known := records()) is None:
            return None
        return known if self.database is None else UnchangedStore(self.database, self.sequence, known)
