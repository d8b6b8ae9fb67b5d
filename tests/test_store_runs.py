"""What each run did: `store.runs`."""

import pytest
from sqlalchemy import Connection, update

from store.runs import Run, RunKind, RunState, begin_run, end_run, interrupt_runs, last_runs
from store.tables import SYNC_RUNS


def test_a_run_is_kept_with_what_it_did(connection: Connection) -> None:
    first = begin_run(connection, "nexudus", kind=RunKind.SWEEP, at=1)
    second = begin_run(connection, "nexudus", kind=RunKind.INCREMENT, at=2)
    counts = {"requests": 3, "rows": 40, "changed": 5, "deleted": 6}
    end_run(connection, first, at=9, state=RunState.FAILED, error_code="UPSTREAM_TIMEOUT", **counts)
    failed = Run(first, "nexudus", "", RunKind.SWEEP, 1, 9, RunState.FAILED, "UPSTREAM_TIMEOUT", 3, 40, 5, 6)
    running = Run(second, "nexudus", "", RunKind.INCREMENT, 2, None, RunState.RUNNING, None, 0, 0, 0, 0)
    assert last_runs(connection, "nexudus") == [running, failed]
    assert last_runs(connection, "nexudus", count=1) == [running]
    assert last_runs(connection, "nexudus", "eu") == []


def test_runs_of_a_process_that_is_gone_are_marked(connection: Connection) -> None:
    done = begin_run(connection, "nexudus", kind=RunKind.SWEEP, at=1)
    end_run(connection, done, at=2, state=RunState.COMPLETE)
    begin_run(connection, "nexudus", kind=RunKind.SWEEP, at=3)
    begin_run(connection, "chartmogul", kind=RunKind.SWEEP, at=3)
    assert interrupt_runs(connection, "nexudus", at=9) == 1
    assert [run.state for run in last_runs(connection, "nexudus")] == [RunState.INTERRUPTED, RunState.COMPLETE]
    assert last_runs(connection, "chartmogul")[0].state is RunState.RUNNING


def test_the_last_runs_of_each_account_are_kept(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.runs.KEPT", 3)
    begin_run(connection, "chartmogul", kind=RunKind.SWEEP, at=0)
    for at in range(5):
        begin_run(connection, "nexudus", kind=RunKind.SWEEP, at=at)
    assert [run.started_at for run in last_runs(connection, "nexudus")] == [4, 3, 2]
    assert len(last_runs(connection, "chartmogul")) == 1


def test_runs_that_only_another_version_knows_are_left_out(connection: Connection) -> None:
    known, *others = [begin_run(connection, "nexudus", kind=RunKind.SWEEP, at=at) for at in range(3)]
    for number, other in zip(others, ({"kind": "comments"}, {"state": "paused"}), strict=True):
        connection.execute(update(SYNC_RUNS).where(SYNC_RUNS.c.number == number).values(other))
    assert [run.number for run in last_runs(connection, "nexudus", count=1)] == [known]
