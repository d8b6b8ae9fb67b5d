"""One sign-in at a time among processes of one database: `store.grants`."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, update

from store.grants import claim, release, write
from store.sends import SECOND
from store.shared_tables import GRANTS
from tests import postgres, stores

KEY = ("nexudus", "")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A connection to an empty database, all of whose changes are undone."""
    postgres.server()
    with stores.connected("postgresql") as found:
        yield found


def test_one_has_the_claim_until_it_has_written(connection: Connection) -> None:
    assert claim(connection, KEY, "a", known=0, seconds=5).is_mine
    assert not claim(connection, KEY, "b", known=0, seconds=5).is_mine
    assert write(connection, KEY, "b", b"b's") is None
    assert write(connection, KEY, "a", b"a's") == 1
    found = claim(connection, KEY, "b", known=0, seconds=5)
    assert (found.number, found.sealed, found.is_mine) == (1, b"a's", False)
    assert found.age_seconds == pytest.approx(0, abs=1)
    assert claim(connection, KEY, "b", known=1, seconds=5).is_mine  # that one is of no use any more


def test_a_claim_that_came_to_nothing_is_free_for_the_next(connection: Connection) -> None:
    claim(connection, KEY, "a", known=0, seconds=5)
    release(connection, KEY, "a")
    assert claim(connection, KEY, "b", known=0, seconds=5).is_mine


def test_the_claim_of_a_process_that_died_ends(connection: Connection) -> None:
    claim(connection, KEY, "a", known=0, seconds=5)
    connection.execute(update(GRANTS).values(claimed_until=GRANTS.c.claimed_until - 5 * SECOND))
    assert claim(connection, KEY, "b", known=0, seconds=5).is_mine
    assert write(connection, KEY, "a", b"late") is None


def test_sources_and_accounts_have_claims_of_their_own(connection: Connection) -> None:
    for key in (KEY, ("nexudus", "eu"), ("other", "")):
        assert claim(connection, key, "a", known=0, seconds=5).is_mine
