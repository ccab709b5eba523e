"""From a URL to a database, and what SQLite is told."""

from __future__ import annotations

import asyncio
import builtins
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from penstock.store import engines
from penstock.store.engines import make_engines
from penstock.store.errors import StoreUnavailableError
from tests.store.stored import ME, asked, begun, put, store


async def value(engine: AsyncEngine, pragma: str) -> object:
    async with engine.connect() as connection:
        return (await connection.execute(text(f"PRAGMA {pragma}"))).scalar()


async def test_a_file_is_durable_and_its_readers_do_not_wait(tmp_path: Path) -> None:
    made = make_engines(f"sqlite:///{tmp_path / 'a b é.db'}")
    assert made.read is not None
    for engine in (made.write, made.read):
        assert await value(engine, "journal_mode") == "wal"
        assert await value(engine, "synchronous") == 2  # FULL
        assert await value(engine, "foreign_keys") == 1
        assert await value(engine, "busy_timeout") == engines.BUSY_SECONDS * 1000
    async with made.write.connect() as writing:
        await writing.execute(text("SELECT 1"))
        async with made.read.connect() as reading:
            await reading.execute(text("SELECT 1 FROM sqlite_master"))
    await made.dispose()
    assert (tmp_path / "a b é.db").exists()


async def test_a_transaction_that_writes_claims_the_file_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.0)
    one, other = (make_engines(f"sqlite:///{tmp_path / 'store.db'}") for _ in range(2))
    async with one.write.connect() as first, other.write.connect() as second:
        await first.execute(text("SELECT 1"))
        with pytest.raises(OperationalError, match="locked"):
            await second.execute(text("SELECT 1"))
    await one.dispose()
    await other.dispose()


async def test_a_file_that_others_use_at_the_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("CREATE TABLE a (b)")
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.05)
    with pytest.raises(StoreUnavailableError, match="database is locked"):
        await store(url).open()
    # SQLite itself does not wait at all now; that is what some of several meet who open a new file at once.
    monkeypatch.setattr(engines, "BUSY_SECONDS", 30.0)
    waiting = asyncio.sleep

    async def meanwhile(seconds: float) -> None:
        if other.in_transaction:
            other.execute("COMMIT")
        await waiting(seconds)

    monkeypatch.setattr(asyncio, "sleep", meanwhile)
    made = create_async_engine("sqlite+aiosqlite:///" + url.removeprefix("sqlite:///"), connect_args={"timeout": 0})
    event.listen(made.sync_engine, "connect", lambda connection, _: connection.run_async(engines._prepare))
    assert await value(made, "journal_mode") == "wal"
    assert not other.in_transaction
    await made.dispose()
    other.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("Dear diary, " * 100)
    with pytest.raises(StoreUnavailableError, match="file is not a database"):
        async with store(f"sqlite:///{tmp_path / 'store.db'}"):
            pass


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+aiosqlite://"])
async def test_memory_has_one_connection(url: str) -> None:
    made = make_engines(url)
    assert made.read is None
    await made.dispose()


def test_postgresql_is_reached_by_the_names_its_own_tools_take() -> None:
    for url in ("postgresql://u:p@h/d?sslmode=require", "postgres://u:p@h/d?sslmode=require", "postgresql+psycopg://h"):
        made = make_engines(url)
        assert made.read is not None
        assert made.write.url.drivername == made.read.url.drivername == "postgresql+asyncpg"
    assert make_engines("postgres://u:p@h/d?sslmode=require").write.url.query == {"ssl": "require"}


@pytest.mark.parametrize("url", ["", "store.db", "/var/lib/store.db"])
def test_what_is_no_url_is_refused_and_told_what_is(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"expected sqlite:///file\.db"):
        make_engines(url)


def test_another_database_is_refused_without_its_password() -> None:
    with pytest.raises(
        StoreUnavailableError, match=r"begins with mysql://; expected sqlite:// or postgresql://"
    ) as got:
        make_engines("mysql://me:secret@host/db")
    assert "secret" not in str(got.value)


@pytest.mark.parametrize(
    ("url", "package", "extra"), [("sqlite://", "aiosqlite", "store"), ("postgresql://h/d", "asyncpg", "postgres")]
)
def test_a_driver_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(StoreUnavailableError, match=rf"needs {package}: pip install 'penstock\[{extra}\]'"):
        make_engines(url)


@pytest.mark.parametrize("url", ["postgresql://penstock@/d?host=/nowhere", "postgresql://u:secret@127.0.0.1:1/d"])
async def test_a_database_that_cannot_be_reached_is_told_without_a_password(url: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"The store's database fails: .+") as got:
        async with store(url):
            pass
    assert "secret" not in str(got.value)


async def test_a_file_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(StoreUnavailableError, match=r"file /nowhere/at/all/store\.db cannot be opened: unable to open"):
        async with store("sqlite:////nowhere/at/all/store.db"):
            pass


async def test_a_database_that_fails_later_is_told_to_those_who_ask_then(shared_url: str) -> None:
    async with store(shared_url) as it:
        async with it._engines.write.begin() as connection:
            await connection.execute(text("DROP TABLE penstock_input_items"))
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
