"""Stages as their sources list them."""

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = "6"


def upgrade() -> None:
    """Make their table, which the next run of sync fills."""
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "stages",
        sa.Column("source", text, primary_key=True),
        sa.Column("account", text, primary_key=True, server_default=""),
        sa.Column("stage_id", text, primary_key=True),
        sa.Column("name", text),
        sa.Column("pipeline_id", text, nullable=False),
        sa.Column("pipeline_name", text),
        sa.Column("position", sa.BigInteger),
        sqlite_with_rowid=False,
    )
