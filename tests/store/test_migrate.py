"""The form of the tables: made from nothing, brought up from every earlier form, by several processes at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import penstock.store
from penstock.store.errors import StoreUnavailableError
from penstock.store.migrate import VERSION_TABLE, upgrade
from penstock.store.tables import metadata
from penstock.store.urls import database_at, read_url
from penstock.wire.codec import encode_object
from tests.store.stored import ME, begun, ended, environment, put, store

T = TypeVar("T")


def steps() -> list[str]:
    """All steps, the first one first."""
    config = Config()
    config.set_main_option("script_location", str(Path(penstock.store.__file__).parent / "migrations"))
    return [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()][::-1]


async def on(url: str, work: Callable[[Connection], T]) -> T:
    database = database_at(read_url(url))
    try:
        return await database.write(work)
    finally:
        await database.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
    return list(compare_metadata(context, metadata))


def indexes(connection: Connection) -> dict[str, set[object]]:
    return {table: {index["name"] for index in inspect(connection).get_indexes(table)} for table in metadata.tables}


@pytest.mark.parametrize("begin", [None, *steps()])
async def test_every_earlier_form_becomes_the_present_one(shared_url: str, begin: str | None) -> None:
    if begin is not None:
        await on(shared_url, lambda connection: upgrade(connection, to=begin))
    async with store(shared_url) as it:
        await put(it, "r1")
    assert await on(shared_url, differences) == []
    declared = {name: {index.name for index in table.indexes} for name, table in metadata.tables.items()}
    assert await on(shared_url, indexes) == declared


async def test_what_the_first_form_held_is_kept(shared_url: str) -> None:
    def fill(connection: Connection) -> None:
        upgrade(connection, to="0001")
        connection.execute(
            text(
                "INSERT INTO penstock_responses (id, owner, depth, body, stored_at)"
                " VALUES ('r1', :owner, 1, :body, 1000)"
            ),
            {"owner": ME, "body": encoded},
        )
        connection.execute(
            text("INSERT INTO penstock_output_items (response_id, position, item_id) VALUES ('r1', 0, 'msg_r1')")
        )

    encoded = encode_object(ended("r1"))
    await on(shared_url, fill)
    async with store(shared_url) as it:
        found = await it.get("r1", owner=ME)
        assert found is not None
        assert found.response == ended("r1")
        assert await it.item("msg_r1", owner=ME) == ended("r1").output[0]
        assert await it.abandon() == 0
        await put(it, "r2", previous="r1")


async def test_what_was_stored_is_there_when_it_is_opened_again(shared_url: str) -> None:
    async with store(shared_url) as it:
        await put(it, "r1")
        await it.begin(begun("r2", "r1"), owner=ME, input=[], previous="r1", ttl=None)
    async with store(shared_url) as it:
        found = await it.get("r1", owner=ME)
        assert found is not None
        assert found.response == ended("r1")
        assert await it.get("r2", owner=ME) is not None


async def test_a_store_of_a_newer_penstock_is_refused_and_left_as_it_is(shared_url: str) -> None:
    async with store(shared_url) as it:
        await put(it, "r1")
    await on(
        shared_url, lambda connection: connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    )
    with pytest.raises(StoreUnavailableError, match=r"another, newer Penstock.*9999"):
        async with store(shared_url):
            pass
    version = await on(
        shared_url, lambda connection: connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    )
    assert version == "9999"


OPEN = """
import asyncio, sys, time
from penstock.store.sql import SQLStore
from tests.store.stored import put

async def main():
    async with SQLStore(sys.argv[1], clock=time.time) as store:
        await put(store, sys.argv[2])

sys.stdin.read()
asyncio.run(main())
"""


def test_several_processes_open_an_empty_database_at_once(shared_url: str) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", OPEN, shared_url, f"r{n}"], stdin=subprocess.PIPE, env=environment())
        for n in range(5)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait() for child in children] == [0] * 5

    async def look() -> None:
        async with store(shared_url) as it:
            assert all([await it.get(f"r{n}", owner=ME) for n in range(5)])

    asyncio.run(look())
