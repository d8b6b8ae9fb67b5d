"""What each run of sync did: the last few hundred of an account are kept, for who asks why a deal is not there."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from store.tables import SYNC_RUNS

KEPT: Final = 300
"""Runs of an account."""


class RunKind(StrEnum):
    """What a run reads."""

    SWEEP = "sweep"
    INCREMENT = "increment"
    DELETIONS = "deletions"
    CUSTOMERS = "customers"
    STAGES = "stages"


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the process ended, or was told to


@dataclass(frozen=True, slots=True)
class Run:
    """A run; times are microseconds, `rows` those read, `changed` and `deleted` those of the store.

    A sweep's `rows` are all that it has read, also in the runs before that it goes on from. Until a run ends all
    counts are 0, and so they stay of one that was interrupted.
    """

    number: int
    source: str
    account: str
    kind: RunKind
    started_at: int
    ended_at: int | None
    state: RunState
    error_code: str | None
    requests: int
    rows: int
    changed: int
    deleted: int


def begin_run(connection: Connection, source: str, account: str = "", *, kind: RunKind, at: int) -> int:
    """Remember that a run begins, and forget those of long ago; return its number."""
    its_own = (SYNC_RUNS.c.source == source, SYNC_RUNS.c.account == account)
    begun = insert(SYNC_RUNS).values(
        source=source, account=account, kind=kind.value, started_at=at, state=RunState.RUNNING.value
    )
    number: int = connection.execute(begun.returning(SYNC_RUNS.c.number)).scalar_one()
    last = select(SYNC_RUNS.c.number).where(*its_own).order_by(SYNC_RUNS.c.number.desc()).offset(KEPT - 1).limit(1)
    connection.execute(delete(SYNC_RUNS).where(*its_own, SYNC_RUNS.c.number < last.scalar_subquery()))
    return number


def end_run(
    connection: Connection,
    number: int,
    *,
    at: int,
    state: RunState,
    error_code: str | None = None,
    requests: int = 0,
    rows: int = 0,
    changed: int = 0,
    deleted: int = 0,
) -> None:
    """Remember how a run ended, and what it did."""
    counts = {"requests": requests, "rows": rows, "changed": changed, "deleted": deleted}
    ended = update(SYNC_RUNS).where(SYNC_RUNS.c.number == number)
    connection.execute(ended.values(ended_at=at, state=state.value, error_code=error_code, **counts))


def interrupt_runs(connection: Connection, source: str, account: str = "", *, at: int) -> int:
    """Mark the runs of a process that is gone; return how many that were."""
    its_own = (SYNC_RUNS.c.source == source, SYNC_RUNS.c.account == account)
    left = update(SYNC_RUNS).where(*its_own, SYNC_RUNS.c.state == RunState.RUNNING.value)
    return connection.execute(left.values(ended_at=at, state=RunState.INTERRUPTED.value)).rowcount


def last_runs(connection: Connection, source: str, account: str = "", *, count: int = 10) -> list[Run]:
    """Return the last runs of an account, the newest first; none of a kind that only another version has."""
    its_own = (SYNC_RUNS.c.source == source, SYNC_RUNS.c.account == account)
    known = (SYNC_RUNS.c.kind.in_(list(RunKind)), SYNC_RUNS.c.state.in_(list(RunState)))
    columns = [SYNC_RUNS.c[one.name] for one in fields(Run)]
    rows = connection.execute(select(*columns).where(*its_own, *known).order_by(SYNC_RUNS.c.number.desc()).limit(count))
    return [_run(*row) for row in rows]


def _run(
    number: int, source: str, account: str, kind: str, began: int, ended: int | None, state: str, *rest: Any
) -> Run:
    return Run(number, source, account, RunKind(kind), began, ended, RunState(state), *rest)
