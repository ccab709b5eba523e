"""Run by Alembic for each of its commands: the migrations, on the connection that `penstock.store.migrate` hands in."""

from alembic import context

from penstock.store.migrate import VERSION_TABLE
from penstock.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()  # the transaction is the caller's
