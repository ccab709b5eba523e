"""Responses and their items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "penstock_responses",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("previous_id", sa.Text, sa.ForeignKey("penstock_responses.id"), nullable=True),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=True),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("penstock_responses_previous", "penstock_responses", ["previous_id"])
    op.create_index("penstock_responses_expiry", "penstock_responses", ["expires_at"])
    gone = sa.text("gone")
    op.create_index("penstock_responses_gone", "penstock_responses", ["id"], sqlite_where=gone, postgresql_where=gone)
    for table, own in (
        ("penstock_input_items", [sa.Column("body", sa.LargeBinary, nullable=False)]),
        ("penstock_output_items", []),
    ):
        op.create_table(
            table,
            sa.Column(
                "response_id", sa.Text, sa.ForeignKey("penstock_responses.id", ondelete="CASCADE"), primary_key=True
            ),
            sa.Column("position", sa.Integer, primary_key=True),
            sa.Column("item_id", sa.Text, nullable=False),
            *own,
        )
        op.create_index(f"{table}_item", table, ["item_id"])
