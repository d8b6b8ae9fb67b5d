"""An index of customers' email addresses with the id behind it; plain letters in what is searched."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

PLAIN = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "\u0131": "i"}


def upgrade() -> None:
    """Make the index anew, and replace the letters."""
    alive: Any = {"sqlite_where": sa.text("deleted_at IS NULL"), "postgresql_where": sa.text("deleted_at IS NULL")}
    op.drop_index("deals_by_customer", "deals")
    op.create_index("deals_by_customer_email_folded", "deals", ["customer_email_folded", "id"], **alive)
    for column in ("search_public", "search_personal"):
        for letter, plain in PLAIN.items():
            change = f"UPDATE deals SET {column} = replace({column}, :letter, :plain) WHERE {column} LIKE :part"  # noqa: S608 - both are names from above
            op.execute(sa.text(change).bindparams(letter=letter, plain=plain, part=f"%{letter}%"))
