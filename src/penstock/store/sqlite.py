"""SQLite, in a file or in memory: a thread that writes, and threads that read.

SQLite takes one writer at a time. The transactions of ours claim the right to write when they begin: to claim it in the
middle fails where another process has written since. In memory there is one connection and no other.

A whole transaction is one errand to a thread. An asynchronous driver would go there and back for each statement: that
takes more than twice the processor's time, and lets a quarter of the readings through.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, StaticPool, create_engine, event

from penstock.store.database import Database

__all__ = ["SQLite"]

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long to wait for another process that writes to the same file: longer than any of our transactions."""
BUSY_RETRY_SECONDS = 0.02
"""How long to wait where SQLite itself does not: as long as it takes another to make a file its own."""
READERS = 4
"""Threads that read, each with a connection. They share Python's one lock, so more would read nothing faster."""


class SQLite(Database):
    """An SQLite database. Its URL is `sqlite://` (memory) or `sqlite:///file.db`."""

    def __init__(self, url: URL) -> None:
        """Take the URL; open nothing yet."""
        is_file = url.database not in (None, "", ":memory:")
        options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        self._writer = _engine(url, "BEGIN IMMEDIATE", **(options if is_file else {"poolclass": StaticPool}))
        self._writes = ThreadPoolExecutor(1, "penstock store")
        self._reader: Engine | None = None
        self._reads = self._writes
        if is_file:
            self._reader = _engine(url, "BEGIN", **{**options, "pool_size": READERS})
            self._reads = ThreadPoolExecutor(READERS, "penstock store, reading")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction, in the thread that writes."""

        def do() -> T:
            with self._writer.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writes, do)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a thread that reads."""
        reader = self._reader
        if reader is None:
            return await self.write(work)

        def do() -> T:
            with reader.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reads, do)

    @property
    def reads_apart(self) -> bool:
        """True of a file, False of memory."""
        return self._reader is not None

    async def close(self) -> None:
        """Let the threads finish, and close all connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for threads in (self._writes, self._reads):
            threads.shutdown()
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose()


def _engine(url: URL, begin: str, **options: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy's own
    # Several threads have a connection one after the other, never at once.
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **options)

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "do_connect", _keep_private)
    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _keep_private(_dialect: object, _record: object, arguments: Sequence[str], _options: object) -> None:
    """Make the file, where there is none, one that nobody else may read; SQLite's own would be open to all."""
    path = arguments[0]
    if path != ":memory:" and not path.startswith("file:"):
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # BEGIN is said by `begun`; Python's sqlite3 would say it too late
    # Readers and the writer do not wait for each other.
    _write_ahead(connection)
    # A commit returns when it is on the disk, not merely on its way there.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let changes go to a log first. The file remembers it; of several who say so first, SQLite has some not wait."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        else:
            return
        time.sleep(BUSY_RETRY_SECONDS)
