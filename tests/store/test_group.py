"""Writes that share a transaction: in order, together, and none made to suffer for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import DBAPIError

from penstock.store import group
from penstock.store.errors import StoreUnavailableError
from penstock.store.group import GroupCommit
from penstock.store.sqlite import SQLite


class Log:
    """Two kinds of write, which note what they were given."""

    def __init__(self) -> None:
        self.done: list[tuple[str, list[int]]] = []

    def first(self, _: Connection, numbers: Sequence[int]) -> Sequence[object]:
        self.done.append(("first", list(numbers)))
        return [number * 10 for number in numbers]

    def second(self, connection: Connection, numbers: Sequence[int]) -> Sequence[object]:
        self.done.append(("second", list(numbers)))
        if 13 in numbers:
            connection.execute(text("SELECT * FROM nowhere"))
        return [LookupError("no") if number < 0 else None for number in numbers]


class StuckError(Exception):
    """What asyncpg raises where two transactions wait for each other."""

    sqlstate = "40P01"


@asynccontextmanager
async def running() -> AsyncIterator[tuple[GroupCommit, Log, list[str]]]:
    database, log, commits = SQLite(make_url("sqlite://")), Log(), list[str]()
    event.listen(database._writer, "commit", lambda _: commits.append("commit"))
    commit = GroupCommit(database, (log.first, log.second))
    commit.start()
    try:
        yield commit, log, commits
    finally:
        await commit.close()
        await database.close()


async def test_what_is_asked_together_goes_in_one_transaction_kind_by_kind() -> None:
    async with running() as (it, log, commits):
        asked = [it.ask(log.second, 1), it.ask(log.first, 2), it.ask(log.second, 3), it.ask(log.first, 4)]
        assert await asyncio.gather(*asked) == [None, 20, None, 40]
        assert log.done == [("first", [2, 4]), ("second", [1, 3])]
        assert commits == ["commit"]


async def test_a_transaction_has_a_limited_number_of_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "MAX_GROUP", 2)
    async with running() as (it, log, commits):
        await asyncio.gather(*(it.ask(log.first, number) for number in range(5)))
        assert log.done == [("first", [0, 1]), ("first", [2, 3]), ("first", [4])]
        assert len(commits) == 3


async def test_what_is_asked_alone_has_a_transaction_of_its_own_in_its_turn() -> None:
    async with running() as (it, log, commits):

        def alone(_: Connection) -> int:
            log.done.append(("alone", []))
            return 7

        asked = [it.ask(log.first, 1), it.ask_alone(alone), it.ask(log.first, 2), it.ask(log.first, 3)]
        assert await asyncio.gather(*asked) == [10, 7, 20, 30]
        assert log.done == [("first", [1]), ("alone", []), ("first", [2, 3])]
        assert len(commits) == 3


async def test_a_refusal_is_for_the_one_it_is_meant_for_and_undoes_nothing() -> None:
    async with running() as (it, log, commits):
        outcomes = await asyncio.gather(it.ask(log.second, -1), it.ask(log.first, 2), return_exceptions=True)
        assert isinstance(outcomes[0], LookupError)
        assert outcomes[1] == 20
        assert commits == ["commit"]


async def test_where_the_database_refuses_a_group_the_innocent_are_carried_out() -> None:
    async with running() as (it, log, commits):
        asked = [it.ask(log.second, 13), it.ask(log.first, 2), it.ask(log.second, 3)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(outcomes[0], StoreUnavailableError)
        assert str(outcomes[0]) == "The store's database fails: no such table: nowhere"
        assert outcomes[1:] == [20, None]
        assert len(commits) == 2


async def test_a_database_that_cannot_be_reached_is_told() -> None:
    async with running() as (it, _, _):

        def refused(_: Connection) -> None:
            raise ConnectionRefusedError("nobody listens")

        with pytest.raises(StoreUnavailableError, match="The store's database fails: nobody listens"):
            await it.ask_alone(refused)


async def test_a_fault_of_ours_goes_to_the_one_who_asked_and_the_next_can_ask() -> None:
    async with running() as (it, log, _):

        def faulty(_: Connection) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await it.ask_alone(faulty)
        assert await it.ask(log.first, 1) == 10


@pytest.mark.parametrize(("times", "comes_through"), [(1, True), (2, True), (3, False)])
async def test_what_got_in_the_way_of_another_process_is_tried_again(times: int, *, comes_through: bool) -> None:
    async with running() as (it, _, commits):
        tries: list[int] = []

        def stuck(_: Connection) -> str:
            tries.append(1)
            if len(tries) <= times:
                raise DBAPIError("SELECT", {}, StuckError("deadlock detected"))
            return "through"

        if comes_through:
            assert await it.ask_alone(stuck) == "through"
            assert commits == ["commit"]
        else:
            with pytest.raises(StoreUnavailableError, match="deadlock detected"):
                await it.ask_alone(stuck)
        assert len(tries) == min(times + 1, group.TRIES)


async def test_a_lost_connection_fails_all_without_a_second_try() -> None:
    async with running() as (it, _, _):
        lost = DBAPIError("SELECT", {}, Exception("the server closed the connection"), connection_invalidated=True)
        tries: list[int] = []

        def lose(_: Connection, numbers: Sequence[int]) -> Sequence[object]:
            tries.append(len(numbers))
            raise lost

        it._kinds = (lose,)
        outcomes = await asyncio.gather(it.ask(lose, 1), it.ask(lose, 2), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 2
        assert tries == [2]


async def test_what_is_not_running_can_be_closed_and_not_asked() -> None:
    database, log = SQLite(make_url("sqlite://")), Log()
    it = GroupCommit(database, (log.first,))
    with pytest.raises(StoreUnavailableError, match="not open"):
        await it.ask(log.first, 1)
    await it.close()
    await database.close()
