"""The log of what changed, and from when on each account's changes are in it."""

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "9"


def upgrade() -> None:
    """Make its tables. A store that had a complete sweep before begins its log with the next one."""
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    whole = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("sync_state", sa.Column("logged_since", sa.BigInteger))
    op.create_table(
        "changes",
        sa.Column("position", whole, primary_key=True, autoincrement=False),
        sa.Column("source", text, nullable=False),
        sa.Column("account", text, nullable=False, server_default=""),
        sa.Column("source_id", text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("origin", sa.SmallInteger, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("fields", sa.Integer, nullable=False),
        sa.Column("status", text),
        sa.Column("held", sa.LargeBinary),
    )
    op.create_table(
        "change_log",
        sa.Column("one", sa.SmallInteger, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False, server_default="0"),
    )
