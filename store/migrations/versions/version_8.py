"""Lists by customers' addresses go along an index with ids, as others do; PostgreSQL has one of currencies."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"


def upgrade() -> None:
    """Put another index in the place of one, and make one."""
    alive: Any = {name: sa.text("deleted_at IS NULL") for name in ("sqlite_where", "postgresql_where")}
    op.drop_index("deals_by_customer", "deals")
    op.create_index("deals_by_customer_email_folded", "deals", ["customer_email_folded", "id"], **alive)
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("deals_by_currency", "deals", ["currency", "id"], **alive)
