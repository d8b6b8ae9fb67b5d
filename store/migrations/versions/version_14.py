"""Nothing: the number stands for a change that is made elsewhere."""

revision = "14"
down_revision = "13"


def upgrade() -> None:
    """Leave all as it is."""
