"""Narrower rows and indexes: names once, by number, where many deals have them.

Names of pipelines, stages and owners as their sources write them are in the deals' groups, and no longer in their rows.
The indexes of the usual orders have numbers in place of the folded names of pipelines and owners. One narrow index of
sums serves what two did. Who writes as version 11 did names columns that are gone, and is refused; it can read on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "12"
down_revision = "11"

NAMED = ("pipeline_name", "stage_name", "owner_name", "owner_email")
NUMBERED = {"pipeline_folded": "pipeline_number", "owner_folded": "owner_number"}
WALKED = ("status", "pipeline_folded", "owner_folded", "currency", "value")
USUAL = ("created_at", "updated_at", "value", "close_on")

SUMMED = "group_id created_at close_on value lead_source customer_names_id loss_reason updated_at won_at lost_at "
SUMMED += "opportunity_type utm_campaign id deleted_at"
SEARCHED = "search_public search_personal group_id deleted_at"

IS_ALIVE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Number the names, take what is kept elsewhere out of the rows, and make the indexes."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in USUAL:
        op.drop_index(f"deals_by_{name}", "deals")
    for name in ("deals_grouped", "deals_searched", "deals_summed") if is_sqlite else ():
        op.drop_index(name, "deals")
    op.create_table(
        "names",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False, unique=True),
    )
    for number in NUMBERED.values():
        op.add_column("deals", sa.Column(number, sa.BigInteger))
    _number()
    for name in NAMED:
        op.drop_column("deals", name)
    for name in USUAL:
        behind = [NUMBERED.get(other, other) for other in WALKED if other != name]
        _index(f"deals_by_{name}", [name, "id", *behind])
    if is_sqlite:
        op.create_index("deals_grouped", "deals", SUMMED.split())
        _index("deals_searched", SEARCHED.split())


def _index(name: str, columns: list[str]) -> None:
    op.create_index(name, "deals", columns, sqlite_where=IS_ALIVE, postgresql_where=IS_ALIVE)


def _number() -> None:
    connection = op.get_bind()
    deals: Any = sa.table("deals", *map(sa.column, [*NUMBERED, *NUMBERED.values()]))
    names: Any = sa.table("names", sa.column("id"), sa.column("key"))
    texts = sa.union(*(sa.select(deals.c[column]).where(deals.c[column].is_not(None)) for column in NUMBERED))
    rows = [{"id": number, "key": text} for number, text in enumerate(connection.scalars(texts), 1)]
    if rows:
        connection.execute(sa.insert(names), rows)
    values = {
        number: sa.select(names.c.id).where(names.c.key == deals.c[column]).scalar_subquery()
        for column, number in NUMBERED.items()
    }
    connection.execute(sa.update(deals).values(values))
