"""Names of businesses; plain letters in what is searched, in place of those with a stroke."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

SUMMED = "status source pipeline_folded pipeline_name stage_folded stage_name currency kind win_likelihood value "
SUMMED += "owner_folded owner_name owner_email lead_source loss_reason account utm_campaign opportunity_type "
SUMMED += "forecast_category close_on created_at updated_at won_at lost_at business_name"
PLAIN = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "\u0131": "i"}


def upgrade() -> None:
    """Make the column, which the next sweep fills, the index of summaries with it, and replace the letters."""
    type_ = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.add_column("deals", sa.Column("business_name", type_))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("deals_summed", "deals")
        columns = [*SUMMED.split(), "id", "deleted_at"]
        op.create_index("deals_summed", "deals", columns, sqlite_where=sa.text("deleted_at IS NULL"))
    for column in ("search_public", "search_personal"):
        for letter, plain in PLAIN.items():
            change = f"UPDATE deals SET {column} = replace({column}, :letter, :plain) WHERE {column} LIKE :part"  # noqa: S608 - both are names from above
            op.execute(sa.text(change).bindparams(letter=letter, plain=plain, part=f"%{letter}%"))
