"""Numbers for what deals have in common and for customers' names, and a narrow index of sums by them.

Who writes as version 10 did gives no numbers: totals would lack its new deals, and have those that it changed where
they were, for good, since its hash of a deal is ours. So a column has another name, which all its writing names and
nothing that it reads: a process that goes on meanwhile can read, and what it writes is refused.
"""

from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "11"
down_revision = "10"

GROUPED = "currency kind win_likelihood status source account pipeline_folded pipeline_name stage_folded stage_name "
GROUPED += "owner_folded owner_name owner_email business_name forecast_category"
NAMED = "customer_company_folded customer_company customer_name_folded customer_name"
GROUPS = (("deal_groups", GROUPED.split(), "group_id"), ("customer_names", NAMED.split(), "customer_names_id"))

SUMMED = "group_id created_at close_on value lead_source customer_names_id loss_reason updated_at won_at lost_at "
SUMMED += "opportunity_type utm_campaign deleted_at"
COUNTED = "currency kind win_likelihood status source pipeline_folded stage_folded owner_folded value lead_source "
COUNTED += "loss_reason account utm_campaign opportunity_type forecast_category close_on created_at updated_at won_at "
COUNTED += "lost_at business_name id deleted_at"

DEALS_AT_ONCE = 10_000


def upgrade() -> None:
    """Make the tables, number what the deals have, and make the indexes; PostgreSQL's take no long text."""
    op.alter_column("deals", "deleted_by", new_column_name="evidence")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        op.drop_index("deals_summed", "deals")
    for table, columns, number in GROUPS:
        _make(table, columns)
        op.add_column("deals", sa.Column(number, sa.BigInteger))
        _fill(table, columns, number)
    if is_sqlite:
        op.create_index("deals_summed", "deals", COUNTED.split(), sqlite_where=sa.text("deleted_at IS NULL"))
    texts = () if is_sqlite else ("opportunity_type", "utm_campaign")
    op.create_index("deals_grouped", "deals", [name for name in SUMMED.split() if name not in texts])


def _make(table: str, columns: list[str]) -> None:
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("key", text, nullable=False, unique=True),
        *(sa.Column(one, sa.BigInteger if one == "win_likelihood" else text) for one in columns),
    )


def _fill(table: str, columns: list[str], number: str) -> None:
    connection = op.get_bind()
    deals, encode = sa.table("deals", *map(sa.column, ["id", number, *columns])), msgspec.msgpack.Encoder().encode
    kept = sa.table(table, *map(sa.column, ["id", "key", *columns]))
    known: dict[Any, int] = {}
    for row in connection.execute(sa.select(*(deals.c[name] for name in columns)).distinct()):
        known[tuple(row)] = len(known) + 1
    rows = [
        {"id": id_, "key": blake2b(encode(one), digest_size=16).hexdigest(), **dict(zip(columns, one, strict=True))}
        for one, id_ in known.items()
    ]
    if rows:
        connection.execute(sa.insert(kept), rows)
    statement = sa.update(deals).where(deals.c.id == sa.bindparam("deal")).values({number: sa.bindparam("number")})
    last = b""
    while True:
        some = sa.select(deals.c.id, *(deals.c[name] for name in columns)).where(deals.c.id > last)
        found = connection.execute(some.order_by(deals.c.id).limit(DEALS_AT_ONCE)).all()
        if not found:
            return
        connection.execute(statement, [{"deal": id_, "number": known[tuple(one)]} for id_, *one in found])
        last = found[-1][0]
