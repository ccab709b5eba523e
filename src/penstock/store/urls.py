"""From a URL to its database."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from penstock.store.database import Database
from penstock.store.errors import StoreUnavailableError
from penstock.store.sqlite import SQLite

__all__ = ["database_at", "read_url"]


def read_url(url: str) -> URL:
    """Return the parts of `url`; raise StoreUnavailableError where it is none."""
    try:
        return make_url(url)
    except ArgumentError:
        # The text is not repeated: it may hold a password.
        raise StoreUnavailableError(
            "The store's URL cannot be read; expected sqlite:///file.db, sqlite:// (memory) or postgresql://user@host/db."
        ) from None


def database_at(url: URL) -> Database:
    """Return the database at `sqlite://` (memory), `sqlite:///file.db` or `postgresql://...`; connect to nothing yet.

    Raises StoreUnavailableError where the URL is of no such database, or its driver is not installed.
    """
    backend = url.get_backend_name()
    if backend == "sqlite":
        return SQLite(url.set(drivername="sqlite"))
    if backend not in ("postgresql", "postgres"):
        raise StoreUnavailableError(f"The store's URL begins with {backend}://; expected sqlite:// or postgresql://.")
    try:
        from penstock.store.postgresql import PostgreSQL  # noqa: PLC0415 - needs more than SQLite does

        return PostgreSQL(url)
    except ImportError as error:
        raise StoreUnavailableError(
            "PostgreSQL needs more packages, those of the extra `postgres`: pip install '.[postgres]' in a clone "
            f"({error})."
        ) from error
