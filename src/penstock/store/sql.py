"""The store in SQLite, in a file or in memory, and in PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from penstock.spec.items import Item, ItemParam
from penstock.spec.response import Response
from penstock.store import reading, writing
from penstock.store.base import DEFAULT_PAGE, MAX_ID_LENGTH, MAX_PAGE, ItemPage, Order, Store, StoredResponse
from penstock.store.errors import UnknownResponseError
from penstock.store.group import GroupCommit, unavailable
from penstock.store.migrate import upgrade
from penstock.store.naming import is_fit
from penstock.store.urls import database_at, read_url
from penstock.store.writing import Begun, Ended
from penstock.wire.codec import encode_object

__all__ = ["SQLStore"]

T = TypeVar("T")


class SQLStore(Store):
    """A store in the database at a URL: `sqlite://` is memory, `sqlite:///penstock.db` a file, `postgresql://...`.

    One object is for one event loop. Several processes may share a file or a PostgreSQL database, each with a
    `process_id` of its own.
    """

    def __init__(self, url: str, *, clock: Callable[[], float], process_id: str | None = None) -> None:
        """Take the URL of the database and a clock in Unix seconds, which several machines must share.

        `process_id` is the name under which this process is known to be alive, a random one unless given. Raises
        StoreUnavailableError where the URL is of no database we know, or its driver is not installed.
        """
        parts = read_url(url)
        self._name = parts.render_as_string(hide_password=True)
        self._database = database_at(parts)
        self._group = GroupCommit(self._database, (writing.begin_all, writing.finish_all))
        self._clock = clock
        self._process_id = process_id or uuid.uuid4().hex

    async def open(self) -> None:
        """Connect, and bring the database to the present form. May be repeated, in the same event loop."""
        try:
            await self._database.write(upgrade)
        except (SQLAlchemyError, OSError) as error:
            raise unavailable(error, f"The store {self._name} cannot be opened") from error
        self._group.start()
        await self.heartbeat()

    async def close(self) -> None:
        """Carry out what was asked, and let go of the database."""
        try:
            if self._group.running:
                await self._group.ask_alone(lambda connection: writing.forget(connection, self._process_id))
        finally:
            await self._group.close()
            await self._database.close()

    async def ping(self) -> None:
        """Return when the database has answered."""
        await self._read(reading.answer)

    async def begin(
        self, response: Response, *, owner: str, input: Sequence[ItemParam], previous: str | None, ttl: float | None
    ) -> None:
        """Store a response that begins."""
        now = self._clock()
        names = [_own_id(item.id, f"input[{index}].id") for index, item in enumerate(input)]
        if len(set(names)) < len(names):
            raise ValueError("The input items need ids of their own; see penstock.store.naming.with_ids.")
        begun = Begun(
            id=_own_id(response.id, "response.id"),
            owner=_fit(owner, "owner"),
            previous_id=previous,
            body=encode_object(response),
            stored_at=now,
            expires_at=None if ttl is None else now + ttl,
            process_id=self._process_id,
            items=[(name, encode_object(item)) for name, item in zip(names, input, strict=True)],
        )
        if previous is not None and not is_fit(previous):
            raise UnknownResponseError("There is no such response to continue from.")
        await self._group.ask(writing.begin_all, begun)

    async def finish(self, response: Response, *, owner: str) -> bool:
        """Store how a response ended."""
        ended = Ended(
            id=response.id,
            owner=owner,
            process_id=self._process_id,
            body=encode_object(response),
            # An upstream's own item may have no id, or one that no request could ask for: it is in the response all
            # the same.
            items=[(index, item.id) for index, item in enumerate(response.output) if item.id and is_fit(item.id)],
        )
        if not (is_fit(ended.id) and is_fit(owner)):
            return False
        return bool(await self._group.ask(writing.finish_all, ended))

    async def get(self, response_id: str, *, owner: str) -> StoredResponse | None:
        """Return a response and its own input."""
        if not (is_fit(response_id) and is_fit(owner)):
            return None
        return await self._read(lambda connection: reading.stored(connection, response_id, owner, self._clock()))

    async def conversation(self, response_id: str, *, owner: str) -> list[StoredResponse] | None:
        """Return a response after all those it continues from."""
        if not (is_fit(response_id) and is_fit(owner)):
            return None
        return await self._read(lambda connection: reading.conversation(connection, response_id, owner, self._clock()))

    async def input_items(
        self,
        response_id: str,
        *,
        owner: str,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        order: Order = "desc",
    ) -> ItemPage | None:
        """Return a page of a response's own input items."""
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"limit: expected 1 to {MAX_PAGE}, got {limit}")
        if not (is_fit(response_id) and is_fit(owner)):
            return None
        return await self._read(
            lambda connection: reading.page(
                connection, response_id, owner, self._clock(), after=after, before=before, limit=limit, order=order
            )
        )

    async def item(self, item_id: str, *, owner: str) -> Item | ItemParam | None:
        """Return an item of any of the owner's responses."""
        if not (is_fit(item_id) and is_fit(owner)):
            return None
        return await self._read(lambda connection: reading.item(connection, item_id, owner, self._clock()))

    async def delete(self, response_id: str, *, owner: str) -> bool:
        """Make a response be found no more."""
        if not (is_fit(response_id) and is_fit(owner)):
            return False
        return await self._group.ask_alone(
            lambda connection: writing.remove(connection, response_id, owner, self._clock())
        )

    async def heartbeat(self) -> None:
        """Say that this process lives."""
        await self._group.ask_alone(lambda connection: writing.renew(connection, self._process_id, self._clock()))

    async def abandon(self) -> int:
        """Make failed what is in progress under a process that is dead."""
        return await self._page_by_page(lambda connection: writing.abandon(connection, self._process_id, self._clock()))

    async def expire(self) -> int:
        """Delete the responses whose time is over."""
        return await self._page_by_page(lambda connection: writing.expire(connection, self._clock()))

    async def _page_by_page(self, work: Callable[[Connection], int]) -> int:
        """Do `work` until nothing is left to do, in transactions between which others can write."""
        total = 0
        while (done := await self._group.ask_alone(work)) > 0:
            total += done
        return total

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Look up something: beside the writing, or where there is but one connection, in its turn."""
        self._group.check_open()
        if not self._database.reads_apart:
            return await self._group.ask_alone(work)
        try:
            return await self._database.read(work)
        except (SQLAlchemyError, OSError) as error:
            raise unavailable(error) from error


def _own_id(name: object, place: str) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"{place}: expected an id; see penstock.store.naming.with_ids")
    return _fit(name, place)


def _fit(name: str, place: str) -> str:
    if not is_fit(name):
        raise ValueError(f"{place}: expected at most {MAX_ID_LENGTH} characters that UTF-8 has, without U+0000")
    return name
