"""Brings a database to the present form of the tables. The steps are Alembic's, in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from penstock.store.errors import StoreUnavailableError

__all__ = ["VERSION_TABLE", "upgrade"]

VERSION_TABLE = "penstock_version"
"""Where a database keeps which step it is at; not Alembic's own name, which the database's other users may need."""
_LOCK = 0x70656E73746F636B
"""The number of PostgreSQL's advisory lock for this: "penstock" in ASCII."""
_HERE = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, *, to: str = "head") -> None:
    """Take all steps up to `to` that were not taken yet, in the transaction of `connection`.

    SQLite's transaction must be one that writes from its beginning, so that of two processes one waits for the other.
    Raises StoreUnavailableError where the database has steps unknown here.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))  # a value there may refer to others by %
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreUnavailableError(f"The store was made by another, newer Penstock: {error}") from error
