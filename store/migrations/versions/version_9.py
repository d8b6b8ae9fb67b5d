"""The index of summaries in another order: first what every summary keeps apart."""

import sqlalchemy as sa
from alembic import op

revision = "9"
down_revision = "8"

SUMMED = "currency kind win_likelihood status source pipeline_folded pipeline_name stage_folded stage_name "
SUMMED += "owner_folded owner_name owner_email value lead_source loss_reason account utm_campaign opportunity_type "
SUMMED += "forecast_category close_on created_at updated_at won_at lost_at business_name"


def upgrade() -> None:
    """Make it anew; PostgreSQL has none."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("deals_summed", "deals")
        columns = [*SUMMED.split(), "id", "deleted_at"]
        op.create_index("deals_summed", "deals", columns, sqlite_where=sa.text("deleted_at IS NULL"))
