"""Ids of a few bytes in place of texts, which each index had in each of its entries."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.deal_ids import deal_id

revision = "6"
down_revision = "5"

IDS_AT_ONCE = 10_000


def upgrade() -> None:
    """Give each deal its id. What only counts for moments is forgotten: a sweep under way begins anew."""
    if op.get_bind().dialect.name == "sqlite":
        _upgrade_sqlite()
    else:
        _upgrade_postgresql()
    op.execute(
        "UPDATE sync_state SET sweep = NULL, sweep_position = NULL, sweep_started_at = NULL, sweep_rows = 0, "
        "sweep_total = NULL"
    )
    for name in ("swept", "fetched"):
        op.drop_table(name)
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "swept",
        sa.Column("source", text, primary_key=True),
        sa.Column("account", text, primary_key=True, server_default=""),
        sa.Column("deal_id", sa.LargeBinary, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fetched",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("fetched_at", sa.BigInteger, nullable=False),
    )


def _upgrade_sqlite() -> None:
    """Make the tables anew: the type of a key cannot be changed."""
    bind = op.get_bind()
    driver: Any = bind.connection.driver_connection
    driver.create_function("deal_id", 3, deal_id, deterministic=True)
    # First the attributes: with a deal its own would go, too.
    op.execute(
        "CREATE TEMPORARY TABLE kept AS SELECT deal_id(source, account, source_id) AS deal_id, a.key, a.text, "
        "a.text_folded, a.number, a.boolean FROM deal_attributes a JOIN deals ON deals.id = a.deal_id"
    )
    op.drop_table("deal_attributes")
    indexes = bind.scalars(sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = 'deals' AND sql LIKE 'CREATE I%'"))
    made = indexes.all()
    found = [one for one in sa.inspect(bind).get_columns("deals") if one["name"] != "id"]
    columns = [
        sa.Column(
            one["name"],
            one["type"],
            nullable=one["nullable"],
            server_default=one["default"] and sa.text(one["default"]),
        )
        for one in found
    ]
    op.create_table("new_deals", sa.Column("id", sa.LargeBinary, primary_key=True), *columns)
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO new_deals (id, {names}) SELECT deal_id(source, account, source_id), {names} FROM deals")  # noqa: S608 - names of ours
    op.drop_table("deals")
    op.rename_table("new_deals", "deals")
    for statement in made:
        op.execute(statement)
    op.create_table(
        "deal_attributes",
        sa.Column("deal_id", sa.LargeBinary, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        *(sa.Column(name, sa.String) for name in ("text", "text_folded")),
        sa.Column("number", sa.BigInteger),
        sa.Column("boolean", sa.SmallInteger),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO deal_attributes SELECT * FROM kept")
    op.execute("DROP TABLE kept")
    op.create_index("deal_attributes_by_key", "deal_attributes", ["key", "text_folded"])


def _upgrade_postgresql() -> None:
    """Change the type of the columns, by a table of the old ids and the new ones."""
    bind = op.get_bind()
    op.execute('CREATE TEMPORARY TABLE new_ids (old TEXT COLLATE "C" PRIMARY KEY, new BYTEA NOT NULL) ON COMMIT DROP')
    after: str | None = ""
    while after is not None:
        found = bind.execute(
            sa.text("SELECT id, source, account, source_id FROM deals WHERE id > :after ORDER BY id LIMIT :most"),
            {"after": after, "most": IDS_AT_ONCE},
        ).all()
        if found:
            pairs = [{"old": old, "new": deal_id(*parts)} for old, *parts in found]
            bind.execute(sa.text("INSERT INTO new_ids VALUES (:old, :new)"), pairs)
        after = found[-1][0] if len(found) == IDS_AT_ONCE else None
    op.execute(
        "CREATE FUNCTION pg_temp.new_id(text) RETURNS BYTEA LANGUAGE sql STABLE AS "
        "'SELECT new FROM pg_temp.new_ids WHERE old = $1'"
    )
    op.drop_constraint("deal_attributes_deal_id_fkey", "deal_attributes", type_="foreignkey")
    for table, column in (("deals", "id"), ("deal_attributes", "deal_id")):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE BYTEA USING pg_temp.new_id({column})")
    op.create_foreign_key(
        "deal_attributes_deal_id_fkey", "deal_attributes", "deals", ["deal_id"], ["id"], ondelete="CASCADE"
    )
    op.execute("DROP FUNCTION pg_temp.new_id(text)")
