"""In SQLite searches find amounts in their index, and custom attributes all that they are compared by.

Processes of version 13 that go on meanwhile read and write as before: the indexes have the names that they had.
"""

import sqlalchemy as sa
from alembic import op

revision = "14"
down_revision = "13"

SEARCHED = "search_public search_personal group_id deleted_at value"
ATTRIBUTES = "key text_folded number boolean"


def upgrade() -> None:
    """Make the indexes anew."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.drop_index("deals_searched", "deals")
    op.create_index("deals_searched", "deals", SEARCHED.split(), sqlite_where=sa.text("deleted_at IS NULL"))
    op.drop_index("deal_attributes_by_key", "deal_attributes")
    op.create_index("deal_attributes_by_key", "deal_attributes", ATTRIBUTES.split())
