"""Group commit: what is asked while one transaction is under way goes into the next one together.

To reach the disk costs the same for one response as for a hundred, and a database with one writer pays it once after
the other. Nothing waits for company: a request that comes alone is carried out alone, at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from penstock.store.database import Database
from penstock.store.errors import ConflictError, StoreError, StoreUnavailableError

__all__ = ["MAX_GROUP", "GroupCommit", "unavailable"]

T = TypeVar("T")
Kind = Callable[[Connection, Sequence[Any]], Sequence[object]]
"""Carries out what was asked of one kind: from the arguments to the outcomes, an exception being one of them.

What it raises instead undoes the transaction.
"""

MAX_GROUP = 500
"""Most requests in a transaction, so that none takes long, and others can write between."""
TRIES = 3
"""How often to try what got in the way of another process: once is rare, three times in a row is something else."""


class _Asked(Struct, frozen=True, eq=False):
    kind: Kind
    argument: object
    outcome: asyncio.Future[object]
    alone: bool


class GroupCommit:
    """Carries out all writes of a process, one transaction after the other."""

    def __init__(self, database: Database, kinds: Sequence[Kind]) -> None:
        """Write to `database`; in a transaction the kinds of write come in the order of `kinds`."""
        self._database = database
        self._kinds = kinds
        self._queue: deque[_Asked] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to carry out. May be repeated; raises StoreUnavailableError where that is in another event loop."""
        if self._task is not None:
            if self._task.get_loop() is not asyncio.get_running_loop():
                raise StoreUnavailableError(
                    "The store was opened in another event loop; each needs a store of its own."
                )
            return
        self._task = asyncio.create_task(self._run(), name="penstock store")

    @property
    def running(self) -> bool:
        """Whether it has been started, and not been closed."""
        return self._task is not None and not self._task.done() and not self._closing

    def check_open(self) -> None:
        """Raise StoreUnavailableError unless it is running."""
        if not self.running:
            raise StoreUnavailableError("The store is not open.")

    async def close(self) -> None:
        """Carry out what was asked; refuse what is asked from now on."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def ask(self, kind: Kind, argument: object) -> object:
        """Carry out a write of one of the kinds, together with others; return or raise its outcome.

        It is carried out even where the caller does not wait for it any more.
        """
        return await self._ask(kind, argument, alone=False)

    async def ask_alone(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a transaction of its own."""

        def only(connection: Connection, _: Sequence[Any]) -> Sequence[object]:
            return [work(connection)]

        return cast("T", await self._ask(only, None, alone=True))

    async def _ask(self, kind: Kind, argument: object, *, alone: bool) -> object:
        self.check_open()
        outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._queue.append(_Asked(kind, argument, outcome, alone))
        self._wake.set()
        return await outcome

    async def _run(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            group = [self._queue.popleft()]
            while self._queue and len(group) < MAX_GROUP and not group[0].alone and not self._queue[0].alone:
                group.append(self._queue.popleft())
            await self._commit(group)

    async def _commit(self, group: Sequence[_Asked], tries: int = TRIES) -> None:
        """Carry out `group` in one transaction; where the database refuses it, one by one, to spare the innocent."""
        try:
            kinds = [group[0].kind] if group[0].alone else self._kinds
            outcomes = await self._database.write(lambda connection: _carry_out(connection, kinds, group))
        except DBAPIError as error:
            if (len(group) > 1 and not error.connection_invalidated) or (tries > 1 and _was_in_the_way(error)):
                for asked in group:
                    await self._commit([asked], tries - 1)
                return
            refused = isinstance(error, IntegrityError) and not group[0].alone
            outcomes = [(asked, _conflict(error) if refused else unavailable(error)) for asked in group]
        except (SQLAlchemyError, OSError) as error:
            outcomes = [(asked, unavailable(error)) for asked in group]
        except Exception as error:  # noqa: BLE001 - a fault of ours goes to those who asked, and the next can ask
            outcomes = [(asked, error) for asked in group]
        for asked, outcome in outcomes:
            if asked.outcome.done():  # cancelled: nobody waits for it
                continue
            if isinstance(outcome, Exception):
                asked.outcome.set_exception(outcome)
            else:
                asked.outcome.set_result(outcome)


def _carry_out(connection: Connection, kinds: Sequence[Kind], group: Sequence[_Asked]) -> list[tuple[_Asked, object]]:
    outcomes: list[tuple[_Asked, object]] = []
    for kind in kinds:
        mine = [asked for asked in group if asked.kind == kind]
        if mine:
            outcomes += zip(mine, kind(connection, [asked.argument for asked in mine]), strict=True)
    return outcomes


def _was_in_the_way(error: DBAPIError) -> bool:
    """Whether PostgreSQL undid the transaction because it and another waited for each other (SQLSTATE 40P01)."""
    return getattr(error.orig, "sqlstate", None) == "40P01"


def _conflict(error: DBAPIError) -> StoreError:
    """Return what is wrong where the tables' constraints refuse: of these only the id can be at fault."""
    conflict = ConflictError("There is a response of this id already.")
    conflict.__cause__ = error
    return conflict


def unavailable(error: BaseException, what: str = "The store's database fails") -> StoreUnavailableError:
    """Return `error` as a store says it: `what`, and what the database says; statements and values are left out."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    failure = StoreUnavailableError(f"{what}: {said or type(error).__name__}")
    failure.__cause__ = error
    return failure
