"""From a URL to a database, and what each of them is told."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.store import sqlite
from penstock.store.errors import StoreUnavailableError
from penstock.store.postgresql import PostgreSQL
from penstock.store.sqlite import SQLite
from penstock.store.urls import database_at, read_url
from tests.store.stored import ME, asked, begun, put, store


def file(folder: Path) -> SQLite:
    return SQLite(make_url(f"sqlite:///{folder / 'a b é.db'}"))


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def pragmas(connection: Connection) -> list[object]:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]


async def test_a_file_is_durable_and_heeds_its_foreign_keys(tmp_path: Path) -> None:
    database = file(tmp_path)
    full = 2
    for told in (await database.write(pragmas), await database.read(pragmas)):
        assert told == ["wal", full, 1, sqlite.BUSY_SECONDS * 1000]
    await database.close()
    assert (tmp_path / "a b é.db").exists()


async def test_reading_goes_on_beside_writing_and_sees_what_was_committed(tmp_path: Path) -> None:
    database = file(tmp_path)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE a (b)")))
    written, seen = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO a VALUES (1)"))
        written.set()
        assert seen.wait(30)

    def read(connection: Connection) -> int:
        assert written.wait(30)
        try:
            return int(connection.execute(text("SELECT count(*) FROM a")).scalar_one())
        finally:
            seen.set()

    _, count = await asyncio.gather(database.write(write), database.read(read))
    assert count == 0
    assert await database.read(read) == 1
    await database.close()


async def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = file(tmp_path)

    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE a (b)"))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fail)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE a (b)")))
    await database.close()


async def test_a_transaction_that_writes_claims_the_file_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    one = file(tmp_path)
    await one.write(lambda connection: connection.execute(text("CREATE TABLE a (b)")))
    other = sqlite3.connect(tmp_path / "a b é.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        await one.write(lambda _: None)
    assert await one.read(lambda connection: connection.execute(text("SELECT count(*) FROM a")).scalar_one()) == 0
    other.close()
    await one.close()


async def test_a_file_that_others_open_at_the_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE a (b)")
    other.execute("BEGIN EXCLUSIVE")
    # SQLite itself is not to wait here; that is what some of several meet who open a new file at once.
    connection = sqlite3.connect(path, timeout=0, check_same_thread=False)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite._prepare(connection)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 30.0)
    waited: list[float] = []

    def meanwhile(seconds: float) -> None:
        waited.append(seconds)
        other.execute("COMMIT")

    monkeypatch.setattr(time, "sleep", meanwhile)
    sqlite._prepare(connection)
    assert waited == [sqlite.BUSY_RETRY_SECONDS]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such permissions")
async def test_what_people_say_is_for_no_other_user_of_the_machine(tmp_path: Path) -> None:
    async with store(f"sqlite:///{tmp_path / 'store.db'}") as it:
        await put(it, "r1")
        files = modes(tmp_path)
    assert files == dict.fromkeys(["store.db", "store.db-wal", "store.db-shm"], 0o600)


async def test_a_file_whose_owner_gave_it_to_others_stays_theirs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch(0o640)
    path.chmod(0o640)
    async with store(f"sqlite:///{path}") as it:
        await put(it, "r1")
    assert path.stat().st_mode & 0o777 == 0o640


async def test_a_file_can_be_named_as_sqlite_names_it(tmp_path: Path) -> None:
    async with store(f"sqlite:///file:{tmp_path / 'store.db'}?uri=true") as it:
        await put(it, "r1")
    assert (tmp_path / "store.db").exists()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("Dear diary, " * 100)
    with pytest.raises(StoreUnavailableError, match=r"store\.db cannot be opened: file is not a database"):
        async with store(f"sqlite:///{tmp_path / 'store.db'}"):
            pass


async def test_a_file_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(StoreUnavailableError, match=r"sqlite:////nowhere/store\.db cannot be opened: .*No such file"):
        async with store("sqlite:////nowhere/store.db"):
            pass


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+aiosqlite://"])
async def test_memory_has_one_connection(url: str) -> None:
    database = database_at(read_url(url))
    assert not database.reads_apart
    await database.write(lambda connection: connection.execute(text("CREATE TABLE a (b)")))
    assert await database.read(lambda connection: connection.execute(text("SELECT count(*) FROM a")).scalar_one()) == 0
    await database.close()


def test_postgresql_is_reached_by_the_names_its_own_tools_take() -> None:
    for url in ("postgresql://u:p@h/d?sslmode=require", "postgres://u:p@h/d?sslmode=require", "postgresql+psycopg://h"):
        database = database_at(read_url(url))
        assert isinstance(database, PostgreSQL)
        assert database._writer.url.drivername == database._reader.url.drivername == "postgresql+asyncpg"
        assert database._writer.url.query == ({"ssl": "require"} if "sslmode" in url else {})


@pytest.mark.parametrize("url", ["", "store.db", "/var/lib/store.db"])
def test_what_is_no_url_is_refused_and_told_what_is(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"expected sqlite:///file\.db"):
        store(url)


def test_another_database_is_refused_without_its_password() -> None:
    with pytest.raises(
        StoreUnavailableError, match=r"begins with mysql://; expected sqlite:// or postgresql://"
    ) as got:
        store("mysql://me:secret@host/db")
    assert "secret" not in str(got.value)


def test_a_driver_that_is_not_installed_is_named_with_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(StoreUnavailableError, match=r"pip install '\.\[postgres\]' in a clone \(.*asyncpg"):
        store("postgresql://h/d")


@pytest.mark.parametrize("url", ["postgresql://penstock@/d?host=/nowhere", "postgresql://u:secret@127.0.0.1:1/d"])
async def test_a_database_that_cannot_be_reached_is_told_without_a_password(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"The store postgresql://.+ cannot be opened: .+") as got:
        async with store(url):
            pass
    assert "secret" not in str(got.value)


async def test_a_database_that_fails_later_is_told_to_those_who_ask_then(shared_url: str) -> None:
    async with store(shared_url) as it:
        await it._database.write(lambda connection: connection.execute(text("DROP TABLE penstock_input_items")))
        for question in (
            it.item("a", owner=ME),
            it.begin(begun("r1"), owner=ME, input=asked("a"), previous=None, ttl=1),
        ):
            with pytest.raises(StoreUnavailableError, match="penstock_input_items"):
                await question
        await it.ping()


async def test_a_connection_that_postgresql_has_closed_is_replaced(postgresql_database: str) -> None:
    async with store(postgresql_database) as it:
        await put(it, "r1")
        engine = create_async_engine(postgresql_database.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ended = await connection.execute(
                text(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")
            )
            assert set(ended.scalars()) == {True}
        await engine.dispose()
        await put(it, "r2", previous="r1")
        assert await it.get("r2", owner=ME) is not None
