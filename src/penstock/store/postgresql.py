"""PostgreSQL, through asyncpg: one connection that writes, and some that read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.store.database import Database

__all__ = ["PostgreSQL"]

T = TypeVar("T")

READERS = 10
"""Connections that read, beside the one that writes. A server of PostgreSQL has 100 for all, unless told."""
WAIT_SECONDS = 60.0
"""How long a request waits for one of those to be free."""


class PostgreSQL(Database):
    """A PostgreSQL database. Its URL is `postgresql://user:password@host/database`."""

    def __init__(self, url: URL) -> None:
        """Take the URL; connect to nothing yet."""
        url = url.set(drivername="postgresql+asyncpg")
        # The name by which libpq and the providers' consoles know it; the values are the same.
        if (mode := url.query.get("sslmode")) is not None:
            url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
        # A connection the database has closed meanwhile is replaced in silence: `pool_pre_ping`.
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self._reader = create_async_engine(
            url,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",  # what several statements read is of one moment, as in SQLite
        )

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction."""
        async with self._writer.begin() as connection:
            return await connection.run_sync(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work` on a connection that reads."""
        async with self._reader.connect() as connection:
            return await connection.run_sync(work)

    @property
    def reads_apart(self) -> bool:
        """True."""
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()
