"""Plain letters in what is searched, in place of those with a stroke."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

PLAIN = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "\u0131": "i"}


def upgrade() -> None:
    """Replace them."""
    for column in ("search_public", "search_personal"):
        for letter, plain in PLAIN.items():
            change = f"UPDATE deals SET {column} = replace({column}, :letter, :plain) WHERE {column} LIKE :part"  # noqa: S608 - both are names from above
            op.execute(sa.text(change).bindparams(letter=letter, plain=plain, part=f"%{letter}%"))
