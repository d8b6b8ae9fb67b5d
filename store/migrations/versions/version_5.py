"""What takes less room: no index of ids by their source, none of nothing, and in SQLite each key once."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Drop an index, make one of fewer rows, and in SQLite make two tables anew."""
    op.drop_index("deals_by_source", "deals")
    op.drop_index("deals_by_system_id", "deals")
    known: Any = sa.text("system_id IS NOT NULL")
    columns = ["source", "account", "system_id"]
    op.create_index("deals_by_system_id", "deals", columns, sqlite_where=known, postgresql_where=known)
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("deal_attributes_by_key", "deal_attributes")
        _make_anew(
            "deal_attributes",
            *(sa.Column(name, sa.String, primary_key=True) for name in ("deal_id", "key")),
            *(sa.Column(name, sa.String) for name in ("text", "text_folded")),
            sa.Column("number", sa.BigInteger),
            sa.Column("boolean", sa.SmallInteger),
            sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], ondelete="CASCADE"),
        )
        op.create_index("deal_attributes_by_key", "deal_attributes", ["key", "text_folded"])
        _make_anew(
            "swept",
            sa.Column("source", sa.String, primary_key=True),
            sa.Column("account", sa.String, primary_key=True, server_default=""),
            sa.Column("source_id", sa.String, primary_key=True),
        )


def _make_anew(name: str, *parts: Any) -> None:
    """Copy a table to one without row numbers, and put that in its place."""
    op.create_table(f"new_{name}", *parts, sqlite_with_rowid=False)
    op.execute(f"INSERT INTO new_{name} SELECT * FROM {name}")  # noqa: S608 - names of ours
    op.drop_table(name)
    op.rename_table(f"new_{name}", name)
