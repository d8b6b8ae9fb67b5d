"""Nothing: the number stands for a change that is made elsewhere."""

revision = "15"
down_revision = "14"


def upgrade() -> None:
    """Leave all as it is."""
