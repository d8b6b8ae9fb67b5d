"""How sync stands, as the process that syncs has it beside the tables: for the others."""

from sqlalchemy import Connection, select

from store.sequence import insert_into
from store.shared_tables import SYNC_STATUS


def write_status(connection: Connection, source: str, account: str, body: bytes, *, at: int) -> None:
    """Write an account's status; `at` is the time, microseconds."""
    statement = insert_into(connection.dialect.name, SYNC_STATUS).values(
        source=source, account=account, body=body, written_at=at
    )
    values = {"body": statement.excluded.body, "written_at": statement.excluded.written_at}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "account"], set_=values))


def statuses(connection: Connection, *, since: int) -> dict[tuple[str, str], bytes]:
    """Return what was written since a time, by source and account: what is older, nobody keeps current."""
    rows = connection.execute(select(SYNC_STATUS).where(SYNC_STATUS.c.written_at >= since))
    return {(row.source, row.account): row.body for row in rows}
