"""From a URL to the engines of its database: one that writes, one that reads.

SQLite takes one writer at a time, so the engine that writes has one connection, whose transactions claim the right to
write when they begin: to claim it in the middle fails where another process has written since. In memory there is that
one connection and no other.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import URL, Connection, StaticPool, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from penstock.store.errors import StoreUnavailableError

if TYPE_CHECKING:
    import aiosqlite  # named in annotations only: a PostgreSQL store does without it

__all__ = ["Engines", "make_engines"]

BUSY_SECONDS = 30.0
"""How long to wait for another process that writes to the same SQLite file: longer than any of our transactions."""
BUSY_RETRY_SECONDS = 0.02
"""How long to wait where SQLite itself does not: as long as it takes another to make a file its own."""
READERS = 4
"""Connections to SQLite that read. Each is a thread; more of them than cores read nothing faster."""
POSTGRESQL_READERS = 10
"""Connections to PostgreSQL that read, beside the one that writes. A server has 100 for all, unless told."""
WAIT_SECONDS = 60.0
"""How long a request waits for one of those to be free."""


class Engines(Struct, frozen=True):
    """The engines of a database. `read` is None where nothing but the writing connection can see the database."""

    write: AsyncEngine
    read: AsyncEngine | None

    async def check(self) -> None:
        """Raise StoreUnavailableError where the file of an SQLite database cannot be opened.

        Asked of SQLite itself: of a connection that fails, aiosqlite leaves a thread behind that may outlive the loop.
        """
        if self.read is None or self.read.dialect.name != "sqlite":
            return
        arguments, options = self.read.dialect.create_connect_args(self.read.url)
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect
        try:
            connection = await asyncio.to_thread(connect, *arguments, **options)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"The store's file {arguments[0]} cannot be opened: {error}") from error
        connection.close()

    async def dispose(self) -> None:
        """Close all connections."""
        await self.write.dispose()
        if self.read is not None:
            await self.read.dispose()


def make_engines(url: str) -> Engines:
    """Return the engines for `sqlite://` (memory), `sqlite:///file.db` or `postgresql://...`; connect to nothing yet.

    Raises StoreUnavailableError where the URL is of no such database, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: it may hold a password.
        raise StoreUnavailableError(
            "The store's URL cannot be read; expected sqlite:///file.db, sqlite:// (memory) or postgresql://user@host/db."
        ) from None
    backend = parsed.get_backend_name()
    try:
        if backend == "sqlite":
            return _sqlite(parsed.set(drivername="sqlite+aiosqlite"))
        if backend in ("postgresql", "postgres"):
            return _postgresql(parsed.set(drivername="postgresql+asyncpg"))
    except ModuleNotFoundError as error:
        extra = "store" if backend == "sqlite" else "postgres"
        raise StoreUnavailableError(
            f"The store needs {error.name}: pip install 'penstock[{extra}]' brings it."
        ) from error
    raise StoreUnavailableError(f"The store's URL begins with {backend}://; expected sqlite:// or postgresql://.")


def _sqlite(url: URL) -> Engines:
    if url.database in (None, "", ":memory:"):
        return Engines(_sqlite_engine(url, writes=True, poolclass=StaticPool), None)
    return Engines(
        _sqlite_engine(url, writes=True, pool_size=1, max_overflow=0),
        _sqlite_engine(url, writes=False, pool_size=READERS, max_overflow=0, pool_timeout=WAIT_SECONDS),
    )


def _sqlite_engine(url: URL, *, writes: bool, **options: Any) -> AsyncEngine:  # noqa: ANN401 - SQLAlchemy's own
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)

    def connected(connection: Any, _record: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        connection.isolation_level = None  # BEGIN is said below; Python's sqlite3 would say it too late
        connection.run_async(_prepare)

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", begun)
    return engine


async def _prepare(connection: aiosqlite.Connection) -> None:
    try:
        # Readers and the writer do not wait for each other.
        await _write_ahead(connection)
        # A commit returns when it is on the disk, not merely on its way there.
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        await connection.close()  # or its thread would stay, and keep the process from ending
        raise


async def _write_ahead(connection: aiosqlite.Connection) -> None:
    """Let changes go to a log first. The file remembers it; of several who say so first, SQLite has some not wait."""
    loop = asyncio.get_running_loop()
    until = loop.time() + BUSY_SECONDS
    while True:
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() >= until:
                raise
        else:
            return
        await asyncio.sleep(BUSY_RETRY_SECONDS)


def _postgresql(url: URL) -> Engines:
    # The name by which libpq and the providers' consoles know it; the values are the same.
    if (mode := url.query.get("sslmode")) is not None:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return Engines(
        create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True),
        create_async_engine(
            url,
            pool_size=POSTGRESQL_READERS,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,  # a connection the database has closed meanwhile is replaced in silence
            isolation_level="REPEATABLE READ",  # what several statements read is of one moment, as in SQLite
        ),
    )
