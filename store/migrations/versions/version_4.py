"""The index of customers' email addresses has the id behind it, so that lists are ordered by them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make it anew."""
    alive: Any = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
    op.drop_index("deals_by_customer", "deals")
    op.create_index("deals_by_customer_email_folded", "deals", ["customer_email_folded", "id"], **alive)
