"""Indexes that have more: the usual orders' an amount, that of summaries when deals were won and lost."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

WALKED = "status pipeline_folded owner_folded currency value"
USUAL = "created_at updated_at value close_on"
SUMMED = "status source pipeline_folded pipeline_name stage_folded stage_name currency kind win_likelihood value "
SUMMED += "owner_folded owner_name owner_email lead_source loss_reason account utm_campaign opportunity_type "
SUMMED += "forecast_category close_on created_at updated_at won_at lost_at"


def upgrade() -> None:
    """Make them anew."""
    alive: Any = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
    for name in USUAL.split():
        behind = [other for other in WALKED.split() if other != name]
        op.drop_index(f"deals_by_{name}", "deals")
        op.create_index(f"deals_by_{name}", "deals", [name, "id", *behind], **alive)
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("deals_summed", "deals")
        op.create_index("deals_summed", "deals", [*SUMMED.split(), "id", "deleted_at"], **alive)
