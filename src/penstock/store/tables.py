"""The tables, as the newest migration leaves them.

A response is one row with its whole JSON. Its input items have rows of their own, so that a page of them can be read
and one of them found; of its output items only the ids have rows, since their JSON is part of the response's.

A response that was deleted or has expired while later ones continue from it is `gone`: no longer found, and still part
of their conversation. Its row goes when the last of those has gone.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

__all__ = ["input_items", "metadata", "output_items", "processes", "responses"]

metadata = MetaData()

responses = Table(
    "penstock_responses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("previous_id", Text, ForeignKey("penstock_responses.id"), nullable=True),
    Column("depth", Integer, nullable=False),  # place in its conversation; the first has 1
    Column("body", LargeBinary, nullable=False),
    Column("stored_at", Double, nullable=False),  # seconds of the store's clock, as all times here
    Column("expires_at", Double, nullable=True),
    Column("gone", Boolean, nullable=False, server_default=false()),
    # Who began it and has not ended it yet; and whether it is still believed that this will happen.
    Column("process_id", Text, nullable=True),
    Column("running", Boolean, nullable=False, server_default=false()),
)
# The foreign key asks for these rows whenever a response is removed.
Index("penstock_responses_previous", responses.c.previous_id)
Index("penstock_responses_expiry", responses.c.expires_at)
Index("penstock_responses_gone", responses.c.id, sqlite_where=responses.c.gone, postgresql_where=responses.c.gone)
Index(
    "penstock_responses_running",
    responses.c.process_id,
    sqlite_where=responses.c.running,
    postgresql_where=responses.c.running,
)

input_items = Table(
    "penstock_input_items",
    metadata,
    Column("response_id", Text, ForeignKey(responses.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),  # from 0, in the order of the request
    Column("item_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("penstock_input_items_item", input_items.c.item_id)

output_items = Table(
    "penstock_output_items",
    metadata,
    Column("response_id", Text, ForeignKey(responses.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),  # the index in the response's `output`
    Column("item_id", Text, nullable=False),
)
Index("penstock_output_items_item", output_items.c.item_id)

processes = Table(
    "penstock_processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("heartbeat", Double, nullable=False),
)
