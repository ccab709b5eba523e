"""Which process is at work on a response, and whether it lives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of processes, and to each response which of them began it."""
    op.create_table(
        "penstock_processes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("heartbeat", sa.Double, nullable=False),
    )
    op.add_column("penstock_responses", sa.Column("process_id", sa.Text, nullable=True))
    op.add_column("penstock_responses", sa.Column("running", sa.Boolean, nullable=False, server_default=sa.false()))
    running = sa.text("running")
    op.create_index(
        "penstock_responses_running",
        "penstock_responses",
        ["process_id"],
        sqlite_where=running,
        postgresql_where=running,
    )
