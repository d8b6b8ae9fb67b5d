"""What is known of each account's copy: how old and how complete it is, and what sync does about it."""

from dataclasses import dataclass
from enum import Enum

import msgspec
from sqlalchemy import Connection

from store import sweeps
from store.deals import count_alive
from sync.job import SECOND
from sync.run import Problem
from sync.schedule import Kind
from sync.worker import Worker


class State(Enum):
    """How it stands with an account."""

    UNLISTED = "its source has no list: the store has what was asked for by id"
    WAITING = "nothing was read yet"
    FILLING = "the first sweep is under way"
    CURRENT = "kept current"
    INCOMPLETE = "the last sweep may have missed deals, or derived columns otherwise"
    FAILING = "the last run failed"
    BRAKED = "more deals are said to be gone than can be believed; none was deleted"
    OFF = "another process keeps it current"


class Told(msgspec.Struct, frozen=True):
    """What only the process that syncs knows of an account, for the others."""

    state: str
    capabilities: list[str]
    next_run_at: int | None
    last_error: str | None
    renewable_at: int | None = None
    unread_customers: int | None = None


class Capability(Enum):
    """What a source can do."""

    BY_ID = "records by id"
    LIST = "a list of all records"
    CHANGED_SINCE = "what was changed since a moment"
    DELETIONS = "what was deleted since a moment"
    CUSTOMERS = "customers by id"
    STAGES = "the stages of its pipelines, in their order"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the sweep under way is; `total` where the vendor tells it, or the last sweep did."""

    rows: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One account. Times are microseconds since 1970; None: never.

    `as_of`: everything that happened before was seen. `next_run_at`: when the source is asked next what has changed.
    `drift`: deals in the store less the vendor's total, after the last sweep. `last_error` is a code. `renewable_at`:
    when what has changed is read if somebody waits for it, None where that is not known, or under way.
    `unread_customers`: whom deals mention by id and whose names were never read; None where that is not known.
    """

    source: str
    account: str
    state: State
    capabilities: frozenset[Capability]
    rows: int
    as_of: int | None = None
    age_seconds: float | None = None
    is_complete: bool = False
    last_sweep_at: int | None = None
    next_run_at: int | None = None
    drift: int | None = None
    last_error: str | None = None
    progress: Progress | None = None
    renewable_at: int | None = None
    unread_customers: int | None = None


def to_tell(status: Status) -> bytes:
    """Return what others are told of a status."""
    capabilities = sorted(one.name for one in status.capabilities)
    return msgspec.json.encode(
        Told(
            status.state.name,
            capabilities,
            status.next_run_at,
            status.last_error,
            status.renewable_at,
            status.unread_customers,
        )
    )


def told_of(body: bytes | None) -> Told | None:
    """Return what another process has told; None where that was nothing, or another version's."""
    try:
        told = msgspec.json.decode(body or b"", type=Told)
    except msgspec.MsgspecError:
        return None
    is_known = told.state in State.__members__ and set(told.capabilities) <= Capability.__members__.keys()
    return told if is_known else None


def status_of(
    connection: Connection,
    key: tuple[str, str],
    *,
    capabilities: frozenset[Capability],
    now: int,
    worker: Worker | None,
    derivation: str,
    is_braked: bool = False,
    told: Told | None = None,
) -> Status:
    """Return how an account stands. `worker` is None where this process does not sync it; the one that does may have
    `told` more. That stages cannot be read is an error, but the deals are as current as ever. Where columns are made
    by another `derivation` than those of all deals, lists may miss some of them."""
    source, account = key
    state, rows = sweeps.state(connection).get(key), count_alive(connection, source, account)
    problems = dict(worker.problems) if worker else {}
    is_swept = state is not None and state.last_sweep_at is not None
    is_complete = state is not None and state.is_complete and state.derivation == derivation
    if is_braked or Problem.DELETION_BRAKE in problems.values():
        shown = State.BRAKED
    elif worker is None and Capability.LIST not in capabilities:  # which who syncs lacks while it is denied, too
        shown = State.UNLISTED
    elif worker is None:
        shown = State[told.state] if told else State.OFF
        if shown is State.CURRENT and not is_complete:
            shown = State.INCOMPLETE
    elif failing := [kind for kind in problems if worker.schedule.failures(kind) and kind is not Kind.STAGES]:
        shown = State.FAILING
        problems = {kind: problems[kind] for kind in failing}
    elif state is None or (state.sweep is None and state.last_sweep_at is None and not problems):
        shown = State.WAITING
    elif state.last_sweep_at is None and state.sweep is not None:
        shown = State.FILLING
    else:
        shown = State.CURRENT if is_complete and Kind.SWEEP not in problems else State.INCOMPLETE
    error = told.last_error if told else problems[min(problems)] if problems else None
    if error is None and is_swept and state is not None and state.derivation != derivation:
        error = Problem.DERIVATION_DIFFERS
    seconds = worker.reading_seconds() if worker else None
    if Capability.CUSTOMERS not in capabilities:
        unread: int | None = 0
    elif state is None or state.last_sweep_at is None:
        unread = None  # nor are all deals known that mention them
    else:
        unread = worker.unread_customers if worker else told.unread_customers if told else None
    renewable = worker.renewable_seconds() if worker else None
    moment = state.as_of if state else None
    return Status(
        source=source,
        account=account,
        state=shown,
        capabilities=frozenset(Capability[name] for name in told.capabilities) if told else capabilities,
        rows=rows,
        as_of=moment,
        age_seconds=None if moment is None else max(0, now - moment) / SECOND,
        is_complete=is_complete,
        last_sweep_at=state.last_sweep_at if state else None,
        next_run_at=told.next_run_at if told else None if seconds is None else now + int(seconds * SECOND),
        drift=state.drift if state else None,
        last_error=error,
        progress=Progress(state.sweep_rows, state.expected_rows) if state and state.sweep is not None else None,
        unread_customers=unread,
        renewable_at=told.renewable_at if told else None if renewable is None else now + int(renewable * SECOND),
    )
