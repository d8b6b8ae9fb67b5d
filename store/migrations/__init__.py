"""How a store of an earlier version becomes one of today's: one step a file in `versions/`, run by alembic."""
