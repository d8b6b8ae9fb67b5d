"""The number of the last change: `store.sequence`."""

import threading

import pytest
from sqlalchemy import Connection, create_engine

from store.sequence import advance, taken
from tests import stores
from tests.stores import current
from tests.waiting import PATIENCE_SECONDS


def test_a_store_that_was_never_changed_is_at_zero(connection: Connection) -> None:
    assert (current(connection), taken(connection)) == (0, 0)


def test_a_transaction_takes_one_number(connection: Connection) -> None:
    assert [advance(connection), advance(connection), current(connection), taken(connection)] == [1, 1, 1, 1]


def test_each_transaction_takes_the_next(connection: Connection) -> None:
    numbers = []
    for _ in range(3):
        with connection.begin_nested():
            numbers.append(advance(connection))
    assert numbers == [1, 2, 3]


def test_a_number_that_was_not_committed_is_taken_again(connection: Connection) -> None:
    with connection.begin_nested() as savepoint:
        advance(connection)
        savepoint.rollback()
    assert (current(connection), advance(connection)) == (0, 1)


@pytest.mark.programs
def test_numbers_are_committed_in_their_order() -> None:
    """Who has the next number waits for who has this one: a reader that knows a number knows all before it."""
    engine = create_engine(stores.url_of("postgresql"))
    with engine.connect() as first, engine.connect() as second:
        assert advance(first) == 1
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(advance(second)))
        thread.start()
        thread.join(0.05)
        assert (thread.is_alive(), found) == (True, [])
        first.commit()
        thread.join(PATIENCE_SECONDS)
        assert found == [2]
        second.rollback()
    engine.dispose()
