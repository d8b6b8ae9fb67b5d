"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

WORDS = "status currency kind forecast_category pipeline_name pipeline_folded stage_name stage_folded owner_name "
WORDS += "owner_email owner_folded customer_source_id customer_name customer_name_folded customer_company "
WORDS += "customer_company_folded customer_email customer_email_folded name name_folded opportunity_type utm_source "
WORDS += "utm_medium utm_campaign utm_content utm_term system_id search_public search_personal"
NUMBERS = "value win_likelihood lead_source loss_reason created_at updated_at due_at won_at lost_at close_on"
ORDERABLE = "created_at updated_at value status pipeline_folded stage_folded owner_folded customer_name_folded "
ORDERABLE += "customer_company_folded name_folded win_likelihood close_on due_at won_at lost_at"

WALKED = "status pipeline_folded owner_folded"
USUAL = "created_at updated_at value close_on"
SUMMED = "status source pipeline_folded pipeline_name stage_folded stage_name currency kind value win_likelihood "
SUMMED += "owner_folded owner_name owner_email lead_source loss_reason account utm_campaign opportunity_type "
SUMMED += "forecast_category close_on created_at updated_at"
SEARCHED = f"search_public search_personal {WALKED}"


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String().with_variant(sa.String(collation="C"), "postgresql"), **options)


def _integer(name: str, type_: Any = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, **options)


def _account(**options: Any) -> list[sa.Column[Any]]:
    return [_text("source", nullable=False, **options), _text("account", nullable=False, server_default="", **options)]


def upgrade() -> None:
    """Make the tables of deals, of customers, and of what sync knows."""
    op.create_table(
        "deals",
        _text("id", primary_key=True),
        *_account(),
        _text("source_id", nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        _integer("sequence", nullable=False),
        _integer("read_at", nullable=False),
        _integer("is_whole", sa.SmallInteger, nullable=False),
        _integer("misses", sa.Integer, nullable=False, server_default="0"),
        _integer("deleted_at"),
        _text("deleted_by"),
        _integer("value_is_inexact", sa.SmallInteger, nullable=False, server_default="0"),
        *(_text(name) for name in WORDS.split()),
        *(_integer(name) for name in NUMBERS.split()),
    )
    alive: Any = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
    for name in ORDERABLE.split():
        behind = WALKED.split() if name in USUAL.split() else []
        op.create_index(f"deals_by_{name}", "deals", [name, "id", *behind], **alive)
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("deals_summed", "deals", [*SUMMED.split(), "id", "deleted_at"], **alive)
        op.create_index("deals_searched", "deals", [*SEARCHED.split(), "id", "deleted_at"], **alive)
    op.create_index("deals_by_customer", "deals", ["customer_email_folded"], **alive)
    op.create_index("deals_by_system_id", "deals", ["source", "account", "system_id"])
    op.create_index("deals_by_customer_id", "deals", ["source", "account", "customer_source_id"])
    op.create_index("deals_by_source", "deals", ["source", "account", "source_id"])
    op.create_index("deals_by_sequence", "deals", ["sequence"])
    op.create_table(
        "deal_attributes",
        _text("deal_id", primary_key=True),
        _text("key", primary_key=True),
        _text("text"),
        _text("text_folded"),
        _integer("number"),
        _integer("boolean", sa.SmallInteger),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], ondelete="CASCADE"),
    )
    op.create_index("deal_attributes_by_key", "deal_attributes", ["key", "text_folded"])
    op.create_table(
        "customers",
        *_account(primary_key=True),
        _text("source_id", primary_key=True),
        *(_text(name) for name in ("name", "company_name", "email", "email_folded")),
        _integer("read_at", nullable=False),
    )
    op.create_index("customers_by_email", "customers", ["email_folded"])
    op.create_table("sequence", _integer("one", sa.SmallInteger, primary_key=True), _integer("value", nullable=False))
    op.create_table(
        "sync_state",
        *_account(primary_key=True),
        _integer("sweep"),
        _text("sweep_position"),
        _integer("sweep_started_at"),
        _integer("sweep_rows", nullable=False, server_default="0"),
        _integer("sweep_total"),
        *(_integer(f"last_sweep_{name}") for name in ("started_at", "at", "rows")),
        *(_integer(name) for name in ("drift", "changes_until", "deletions_until")),
    )
    op.create_table("swept", *_account(primary_key=True), _text("source_id", primary_key=True))
    op.create_table(
        "sync_runs",
        _integer("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *_account(),
        _text("kind", nullable=False),
        _integer("started_at", nullable=False),
        _integer("ended_at"),
        _text("state", nullable=False),
        _text("error_code"),
        *(
            _integer(name, sa.Integer, nullable=False, server_default="0")
            for name in ("requests", "rows", "changed", "deleted")
        ),
    )
    op.create_index("sync_runs_by_source", "sync_runs", ["source", "account", "number"])
