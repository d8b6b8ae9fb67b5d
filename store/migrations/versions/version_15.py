"""By what the columns of an account's deals were made; of those that are there that is not known.

So all are read once, and their columns derived anew. Processes of the version before that go on meanwhile read and
write as before, and note nothing of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "15"
down_revision = "14"


def upgrade() -> None:
    """Add what is known from the next sweep on."""
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    for name in ("derivation", "sweep_derivation"):
        op.add_column("sync_state", sa.Column(name, text))
