"""Several processes at one store: who lives, who is dead, and what becomes of what the dead were at work on."""

from __future__ import annotations

import asyncio
import random

import pytest
from msgspec.structs import replace

from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem
from penstock.spec.response import Response
from penstock.store import writing
from penstock.store.base import LEASE_SECONDS
from penstock.store.coding import ABANDONED, as_abandoned
from penstock.store.errors import UnknownResponseError
from penstock.store.sql import SQLStore
from penstock.store.tables import input_items, output_items, processes, responses
from tests.store.stored import ME, Clock, asked, begun, ended, put, rows, store
from tests.stream.samples import CALL, MESSAGE


async def status(of: SQLStore, name: str) -> str:
    found = await of.get(name, owner=ME)
    assert found is not None
    return found.response.status


async def test_what_a_dead_process_was_at_work_on_becomes_failed(shared_url: str) -> None:
    clock = Clock()
    dead, it = store(shared_url, clock), store(shared_url, clock)
    await dead.open()
    await put(dead, "done")
    await dead.begin(begun("r1"), owner=ME, input=asked("a"), previous="done", ttl=None)
    await it.open()
    assert await it.abandon() == 0
    clock.now += LEASE_SECONDS - 0.5
    await it.heartbeat()
    assert await it.abandon() == 0
    assert await status(it, "r1") == "in_progress"
    clock.now += 0.5
    assert await it.abandon() == 1
    assert await it.abandon() == 0
    found = await it.get("r1", owner=ME)
    assert found is not None
    assert found.response == replace(begun("r1"), status="failed", error=ABANDONED)
    assert found.input == asked("a")
    assert await status(it, "done") == "completed"
    assert await rows(it, processes) == 1
    await it.close()
    await dead.close()


async def test_what_a_living_process_is_at_work_on_is_left_alone(shared_url: str) -> None:
    clock = Clock()
    async with store(shared_url, clock) as living, store(shared_url, clock) as it:
        await living.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
        for _ in range(5):
            clock.now += LEASE_SECONDS - 1
            await living.heartbeat()
            assert await it.abandon() == 0
        assert await it.get("r1", owner=ME) is not None
        assert await living.finish(ended("r1"), owner=ME)
        assert await status(it, "r1") == "completed"


async def test_nobody_takes_itself_for_dead(url: str) -> None:
    clock = Clock()
    async with store(url, clock) as it:
        await it.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
        clock.now += 10 * LEASE_SECONDS
        assert await it.abandon() == 0
        assert await status(it, "r1") == "in_progress"
        await it.heartbeat()
        assert await rows(it, processes) == 1


async def test_a_process_that_closed_its_store_is_dead_at_once(shared_url: str) -> None:
    async with store(shared_url) as first:
        await first.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
    async with store(shared_url) as it:
        assert await rows(it, processes) == 1
        assert await it.abandon() == 1
        assert await status(it, "r1") == "failed"


async def test_only_the_process_that_began_a_response_ends_it(shared_url: str) -> None:
    async with store(shared_url) as one, store(shared_url) as other:
        await one.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
        assert not await other.finish(ended("r1"), owner=ME)
        assert await one.finish(ended("r1"), owner=ME)


async def test_an_end_that_a_client_was_told_counts_though_its_process_was_taken_for_dead(shared_url: str) -> None:
    clock = Clock()
    async with store(shared_url, clock) as slow, store(shared_url, clock) as it:
        await slow.begin(begun("r1"), owner=ME, input=[], previous=None, ttl=None)
        clock.now += LEASE_SECONDS
        assert await it.abandon() == 1
        assert await rows(it, processes) == 1
        await slow.heartbeat()
        assert await rows(it, processes) == 2
        assert await slow.finish(ended("r1"), owner=ME)
        assert await status(it, "r1") == "completed"
        assert await it.item("msg_r1", owner=ME) == ended("r1").output[0]


async def test_more_are_abandoned_than_one_transaction_takes(shared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PAGE", 3)
    async with store(shared_url) as first:
        for n in range(10):
            await first.begin(begun(f"r{n}"), owner=ME, input=[], previous=None, ttl=None)
    async with store(shared_url) as it:
        assert await it.abandon() == 10


def test_items_that_were_in_progress_have_become_incomplete() -> None:
    done = ended("r").output[0]
    thing = ExtensionItem(fields=Extra({"type": "acme:thing", "id": "t", "status": "in_progress"}))
    response: Response = replace(begun("r"), output=[done, MESSAGE, CALL, thing])
    stopped = ExtensionItem(fields=Extra({"type": "acme:thing", "id": "t", "status": "incomplete"}))
    assert as_abandoned(response).output == [
        done,
        replace(MESSAGE, status="incomplete"),
        replace(CALL, status="incomplete"),
        stopped,
    ]


async def test_two_processes_see_and_continue_what_the_other_stored(shared_url: str) -> None:
    async with store(shared_url) as one, store(shared_url) as other:
        await put(one, "r1")
        await put(other, "r2", previous="r1")
        await put(one, "r3", previous="r2")
        assert await one.delete("r2", owner=ME)
        assert await other.get("r2", owner=ME) is None
        chain = await other.conversation("r3", owner=ME)
        assert chain is not None
        assert [stored.response.id for stored in chain] == ["r1", "r2", "r3"]


async def test_whatever_several_do_at_once_all_is_kept_or_refused_and_nothing_is_left_behind(shared_url: str) -> None:
    dice = random.Random(5)
    async with store(shared_url) as one, store(shared_url) as two, store(shared_url) as three:
        stores = [one, two, three]
        names = ["root"]
        await put(one, "root")

        async def add(it: SQLStore, name: str, previous: str) -> None:
            try:
                await put(it, name, previous=previous)
            except UnknownResponseError:
                return
            chain = await it.conversation(name, owner=ME)
            assert chain is None or [stored.response.id for stored in chain][-2:] == [previous, name]

        for turn in range(25):
            fresh = [f"r{turn}_{n}" for n in range(12)]
            adding = [add(dice.choice(stores), name, dice.choice(names)) for name in fresh]
            deleting = [dice.choice(stores).delete(dice.choice(names), owner=ME) for _ in range(12)]
            work = [*adding, *deleting]
            dice.shuffle(work)
            await asyncio.gather(*work)
            names += fresh
        dice.shuffle(names)
        await asyncio.gather(*(dice.choice(stores).delete(name, owner=ME) for name in names))
        assert [await rows(one, table) for table in (responses, input_items, output_items)] == [0, 0, 0]
