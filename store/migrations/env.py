"""What alembic runs: the steps that are missing, on the connection that it is given, in its transaction."""

from alembic import context

from store.migrations.upgrade import VERSION_TABLE
from store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE.name,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
