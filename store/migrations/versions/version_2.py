"""What several processes share: sources' limits, a sign-in, when records were fetched, how sync stands."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String().with_variant(sa.String(collation="C"), "postgresql"), **options)


def _integer(name: str, type_: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, **{"nullable": False, **options})


def _account(**options: Any) -> list[sa.Column[Any]]:
    return [_text("source", nullable=False, **options), _text("account", nullable=False, server_default="", **options)]


def upgrade() -> None:
    """Make the tables."""
    small, whole = sa.SmallInteger, sa.Integer
    op.create_table("fetched", _text("id", primary_key=True), _integer("fetched_at"))
    op.create_table(
        "rations",
        *_account(primary_key=True),
        _integer("paused_until", server_default="0"),
        _integer("failing_until", server_default="0"),
        _text("failing_for"),
        _integer("settled_at", server_default="0"),
    )
    op.create_table(
        "ration_holders",
        *_account(primary_key=True),
        _text("holder", primary_key=True),
        *(_integer(name, whole) for name in ("place", "held", "slots", "slots_wanted")),
        *(_integer(name, small) for name in ("is_waiting", "is_alone")),
        _integer("expires_at"),
        _integer("missing_since", nullable=True),
    )
    op.create_table(
        "ration_sends",
        _integer("number", sa.BigInteger().with_variant(whole, "sqlite"), primary_key=True, autoincrement=True),
        *_account(),
        _integer("sent_at"),
        _integer("count", whole),
        _integer("is_background", small),
    )
    op.create_index("ration_sends_by_time", "ration_sends", ["source", "account", "sent_at"])
    op.create_table(
        "grants",
        *_account(primary_key=True),
        _integer("number", server_default="0"),
        sa.Column("sealed", sa.LargeBinary),
        _integer("written_at", server_default="0"),
        _text("claimed_by"),
        _integer("claimed_until", server_default="0"),
    )
    op.create_table(
        "sync_status",
        *_account(primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _integer("written_at"),
    )
