"""What a source's sign-in gave, for all processes of a database, and which of them signs in: one at a time.

What is kept is sealed by who writes it; here it is bytes.
"""

from sqlalchemy import Connection, select, update

from loans import Claim
from store.sends import SECOND, now_of, of
from store.sequence import insert_into
from store.shared_tables import GRANTS


def claim(connection: Connection, key: tuple[str, str], holder: str, *, known: int, seconds: float) -> Claim:
    """Return the grant that is kept; if it is not newer than the `known` one, claim the next one for so long.

    A claim lasts until the next grant is written, or until its time is over: its holder may have died.
    """
    wanted = select(GRANTS).where(*of(GRANTS, key)).with_for_update()
    if (row := connection.execute(wanted).one_or_none()) is None:
        new = insert_into(connection.dialect.name, GRANTS).values(source=key[0], account=key[1])
        connection.execute(new.on_conflict_do_nothing())
        row = connection.execute(wanted).one()
    now = now_of(connection)
    is_mine = row.number <= known and (row.claimed_by in (None, holder) or row.claimed_until <= now)
    if is_mine:
        values = {"claimed_by": holder, "claimed_until": now + int(seconds * SECOND)}
        connection.execute(update(GRANTS).where(*of(GRANTS, key)).values(values))
    return Claim(row.number, row.sealed, (now - row.written_at) / SECOND, is_mine)


def write(connection: Connection, key: tuple[str, str], holder: str, sealed: bytes) -> int | None:
    """Keep the grant that a claim was for; return its number, or None if another process has claimed it since."""
    written = (
        update(GRANTS)
        .where(*of(GRANTS, key), GRANTS.c.claimed_by == holder)
        .values(
            number=GRANTS.c.number + 1,
            sealed=sealed,
            written_at=now_of(connection),
            claimed_by=None,
            claimed_until=0,
        )
    )
    number: int | None = connection.scalar(written.returning(GRANTS.c.number))
    return number


def release(connection: Connection, key: tuple[str, str], holder: str) -> None:
    """Give up a claim: it came to nothing."""
    its_own = (*of(GRANTS, key), GRANTS.c.claimed_by == holder)
    connection.execute(update(GRANTS).where(*its_own).values(claimed_by=None, claimed_until=0))
