"""What `make capacity` counts with: measured figures with their source, and what is assumed for want of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MILLISECOND: Final = 1e-3

BATCH_SIZES: Final[Mapping[str, int]] = {"nexudus": 50}
"""Records in one request, where it is not 1: `resolvers/nexudus/client.py`."""

SOURCE_SECONDS: Final = (0.1, 0.4)
"""How long a source takes to answer. Assumed: docs/performance.md, In production, has 100 ms and more."""


@dataclass(frozen=True)
class Figures:
    """Processor time in seconds: of a process of the server, of one processor, and of the database where named so.

    Those of answers by id are of docs/performance.md, What each layer buys: callers with a token and an `Origin`.
    """

    stored_answer_seconds: float = 1 / 10_390
    """Warm W1."""
    answer_seconds: float = 1 / (10_390 * 0.67)
    """Warm W1 without response cache."""
    answer_record_seconds: float = 1 / 3_647 / 50
    """Warm N2, by its 50 records."""
    request_seconds: float = 74e-6
    """A request to a source. docs/performance.md, Memory and growth: 80 µs alone, 7.5 for a record among 50."""
    request_record_seconds: float = 6e-6
    """A record of its answer: the same two figures."""
    page_seconds: float = 1 / 487
    """A page of 50 deals from the whole list, in memory: docs/lists.md, How quick lists are."""
    shared_page_seconds: float = 1 / 295
    """The same over PostgreSQL, which had another processor."""
    database_page_seconds: float = 1 / 158 - 1 / 295
    """What such a page takes longer at one connection than the process works at it: the database, and the way there."""
    summary_deal_seconds: float = 73 * MILLISECOND / 100_000
    """A deal of a summary, in the store: docs/lists.md, too."""
    summary_answer_seconds: float = 40 * MILLISECOND
    """Some hundred rows of totals, by status, pipeline and stage: docs/scaling.md, as `make capacity CHECK=1` measures
    it, less the store's part."""
    export_deal_seconds: float = 0.06 * MILLISECOND
    """A deal of a file: the same."""
    sweep_row_seconds: float = 0.7 * MILLISECOND
    """A row that sync reads, all of them new: the same. Rows that have not changed take less."""
    shared_record_seconds: float = 0.3 * MILLISECOND
    """To look up in the database what other processes have fetched. Assumed: a third of a millisecond on each side."""
    shared_after_seconds: float = 0.3
    """After which others know of a record: docs/operating.md, More than one process, "some tenths of a second"."""
    records_seconds: float = 30.0
    """`…_CACHE_FRESH_SECONDS`."""


@dataclass(frozen=True)
class Machines:
    """What there is to run on. Each process has a processor; `database_processors` is None without PostgreSQL."""

    processes: int = 1
    database_processors: int | None = None
    slowness: float = 1.0
    """In how many seconds a second's work is done: more than 1 where other programs have the processors."""

    @property
    def shares_store(self) -> bool:
        """Whether all processes have one store."""
        return self.database_processors is not None


@dataclass(frozen=True)
class Run:
    """How long to look, and after how long. `seed`: another one is another day. `copy_ages`: at the beginning."""

    seconds: float = 240.0
    settling_seconds: float = 90.0
    seed: int = 1
    copy_ages: Mapping[str, float] = field(default_factory=dict)
