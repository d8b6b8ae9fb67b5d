"""Two processes that write the same rows of one PostgreSQL wait for each other in one order (`store/README.md`)."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, func, select

from store import change_log, sweeps
from store.changes import ChangeFilter, Origin, changes_after
from store.customers import Customer, purge_customers, upsert_customers
from store.deals import Evidence, delete, doubt, purge, upsert
from store.fetched import forget_fetched, mark_fetched
from store.stages import ListedStage, write_stages
from store.sweeps import SweepLost
from store.tables import CHANGES
from tests import stores
from tests.stores import deal, key
from tests.waiting import PATIENCE_SECONDS

Work = Callable[[Connection], Any]

KEYS = [key(f"nexudus:{number}") for number in range(1, 9)]
AT = 1_000
"""When what is stored was read."""


def fill(connection: Connection) -> None:
    """Have deals that one sweep has missed, some of them deleted long ago, and a sweep that has seen a few."""
    stores.begin_log(connection, at=AT)
    upsert(connection, [deal(number, read_at=AT, customer_source_id=str(number)) for number in range(1, 9)])
    upsert_customers(connection, [customer(number, AT) for number in range(1, 9)])
    delete(connection, KEYS[6:], evidence=Evidence.AUDIT, at=AT)
    mark_fetched(connection, dict.fromkeys(KEYS, AT))
    sweep = sweeps.begin_sweep(connection, "nexudus", at=AT + 1)
    sweeps.note_misses(connection, "nexudus", sweep=sweep)
    sweeps.finish_sweep(connection, "nexudus", sweep=sweep, at=AT + 1)
    sweeps.begin_sweep(connection, "nexudus", at=AT + 2)


def customer(number: int, read_at: int, name: str = "Ada") -> Customer:
    names = {"name": name, "company_name": None, "email": None}
    return Customer(source="nexudus", source_id=str(number), read_at=read_at, **names)


def upserted(*numbers: int) -> Work:
    """Find the first of these deals again as it was, and the others changed."""

    def work(connection: Connection) -> None:
        first, *others = numbers
        found = deal(first, read_at=AT + 3, customer_source_id=str(first))
        changed = [deal(one, read_at=AT + 3, body=b"other", name="other") for one in others]
        upsert(connection, [found, *changed], origin=Origin.INCREMENT)
        sweeps.note_watermarks(connection, "nexudus", changes_until=AT + 3)

    return work


def fetched(connection: Connection) -> None:
    upsert(connection, [deal(2, read_at=AT + 3, body=b"fetched")])
    delete(connection, KEYS[:1], evidence=Evidence.NOT_FOUND, at=AT + 3)
    mark_fetched(connection, dict.fromkeys(KEYS, AT + 3))


def only_marked(connection: Connection) -> None:
    mark_fetched(connection, dict.fromkeys(KEYS, AT + 3))


def swept(connection: Connection) -> None:
    sweep = sweeps.state(connection)["nexudus", ""].sweep or 0
    doubt(connection, KEYS[:3])
    with suppress(SweepLost):  # the other one has ended it
        sweeps.continue_sweep(connection, "nexudus", sweep=sweep, seen=["1", "2"], position=None, total=8)
        gone = sweeps.note_misses(connection, "nexudus", sweep=sweep)
        delete(connection, gone, evidence=Evidence.SWEEPS, at=AT + 3)
        sweeps.finish_sweep(connection, "nexudus", sweep=sweep, at=AT + 3)
        change_log.begin(connection, "nexudus", at=AT + 3)
        change_log.prune(connection, most=1, seen_before=AT)
    purge(connection, deleted_before=AT + 1)
    purge_customers(connection)
    forget_fetched(connection, before=AT + 1)


def named(*numbers: int) -> Work:
    """Learn of some customers in this order, the last of them with another name."""

    def work(connection: Connection) -> None:
        upsert_customers(connection, [customer(one, AT + 3) for one in numbers[:-1]])
        upsert_customers(connection, [customer(numbers[-1], AT + 3, "Grace")])

    return work


def staged(*ids: str) -> Work:
    def work(connection: Connection) -> None:
        stages = [
            ListedStage(source="nexudus", stage_id=one, name=one, pipeline_id="1", pipeline_name=None, position=None)
            for one in ids
        ]
        write_stages(connection, "nexudus", "", stages, is_whole=True)

    return work


def set_back(connection: Connection) -> None:
    sweeps.note_watermarks(connection, "nexudus", changes_until=2 * sweeps.SKEW_MICROSECONDS)
    sweeps.forget_future(connection, "nexudus", at=AT)


def unlogged(connection: Connection) -> None:
    change_log.end(connection)
    change_log.erase(connection, [("nexudus", "", str(number)) for number in range(1, 9)])


WRITERS: dict[str, Work] = {
    "deals": upserted(1, 2, 3),
    "deals in another order": upserted(3, 2, 1),
    "records by id": fetched,
    "marks of records by id": only_marked,
    "the end of a sweep": swept,
    "customers": named(1, 2, 3),
    "customers in another order": named(3, 2, 1),
    "stages": staged("a", "b"),
    "other stages": staged("b", "c"),
    "a clock that was ahead": set_back,
    "no log": unlogged,
}


class Other:
    """Another process's work: begun whenever none of it is under way."""

    def __init__(self, engine: Engine, work: Work) -> None:
        self._engine, self._work = engine, work
        self._thread: threading.Thread | None = None
        self._process_id = 0
        self.begun = 0
        self.errors: list[Exception] = []

    def go_on(self, watcher: Connection) -> None:
        """Return when it has ended, or waits for a lock."""
        if self._thread is None or not self._thread.is_alive():
            self._process_id, self.begun = 0, self.begun + 1
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        while self._thread.is_alive():
            blocking = func.cardinality(func.pg_blocking_pids(self._process_id))
            if self._process_id and watcher.scalar(select(blocking)):
                return

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with self._engine.begin() as connection:
                self._process_id = connection.scalar(select(func.pg_backend_pid())) or 0
                self._work(connection)
        except Exception as error:
            self.errors.append(error)


@pytest.mark.parametrize("name", WRITERS)
def test_no_two_writers_wait_for_each_other(name: str) -> None:
    """After each statement of the one that changes or locks something the other goes as far as it can."""
    url = stores.url_of("postgresql")
    engine = create_engine(url, pool_size=3)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        for other_name, work in WRITERS.items():
            stores.url_of("postgresql")  # which empties it
            with engine.begin() as connection:
                fill(connection)
            other = Other(engine, work)

            def meet(*given: Any, other: Other = other) -> None:
                if not given[2].startswith("SELECT") or " FOR UPDATE" in given[2]:
                    other.go_on(watcher)

            with engine.connect() as connection:
                event.listen(connection, "after_cursor_execute", meet)
                with connection.begin():
                    WRITERS[name](connection)
                event.remove(connection, "after_cursor_execute", meet)
            assert other.begun
            other.join()
            assert other.errors == [], (name, other_name)
    engine.dispose()


def test_what_is_logged_of_a_deal_that_comes_back_is_kept_though_it_was_about_to_be_forgotten() -> None:
    engine = create_engine(stores.url_of("postgresql"), pool_size=3)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        with engine.begin() as connection:
            fill(connection)
        other = Other(engine, lambda connection: upsert(connection, [deal(7, read_at=AT + 3, name="is back")]))
        with engine.connect() as connection:
            event.listen(connection, "after_cursor_execute", lambda *_: other.begun or other.go_on(watcher))
            with connection.begin():
                purge(connection, deleted_before=AT + 1)
        other.join()
        newest = select(CHANGES.c.held).where(CHANGES.c.source_id == "7").order_by(CHANGES.c.position.desc()).limit(1)
        assert watcher.scalar(newest) is not None
    engine.dispose()


@pytest.mark.parametrize(("theirs", "before"), [(AT + 3, [("lost",)]), (AT + 9, [])])
def test_what_another_has_written_while_we_waited_is_what_was_before(theirs: int, before: list[Any]) -> None:
    """And if that is newer, nothing of ours is written, nor logged."""
    engine = create_engine(stores.url_of("postgresql"), pool_size=3)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        with engine.begin() as connection:
            fill(connection)
        other = Other(engine, lambda connection: upsert(connection, [deal(1, read_at=AT + 5, status="won", body=b"2")]))
        with engine.begin() as connection:
            upsert(connection, [deal(1, read_at=theirs, status="lost", body=b"1")])
            last = change_log.log_of(connection).last
            other.go_on(watcher)
        other.join()
        assert other.errors == []
        found = changes_after(watcher, last, ChangeFilter(), count=9).changes
        assert [one.before for entry in found for one in entry.fields or ()] == before
    engine.dispose()
