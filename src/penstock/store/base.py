"""What a server asks of the place where responses live.

Every response belongs to its owner, a name the server derives from the API key. Whoever is not the owner is told
what would be told of a response that does not exist, everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from msgspec import Struct

from penstock.spec.items import Item, ItemParam
from penstock.spec.response import Response

__all__ = [
    "DEFAULT_PAGE",
    "HEARTBEAT_SECONDS",
    "LEASE_SECONDS",
    "MAX_CONVERSATION",
    "MAX_ID_LENGTH",
    "MAX_PAGE",
    "ItemPage",
    "Order",
    "Store",
    "StoredResponse",
]

MAX_CONVERSATION = 2_000
"""Most responses in a conversation. Each turn reads all before it; agents take hundreds of turns, not thousands."""
MAX_ID_LENGTH = 256
"""Longest id of a response, an item or an owner, in characters: every database can index as much; ours have 40."""
MAX_PAGE = 100
"""Most items in a page (OpenAI's API: "between 1 and 100")."""
DEFAULT_PAGE = 20
"""Items in a page unless told (OpenAI's API)."""
LEASE_SECONDS = 60.0
"""How long a process counts as living after its last heartbeat. It must outlast a busy moment, and the difference of
two machines' clocks."""
HEARTBEAT_SECONDS = 15.0
"""How often to call `heartbeat`: three may be missed before the lease is over."""

Order = Literal["asc", "desc"]


class StoredResponse(Struct, frozen=True, kw_only=True):
    """A response as it was stored, and what it answered.

    `input` are its own input items, not those of the responses before it. `previous_response_id` is what it continues
    from, whether that can still be found or not.
    """

    response: Response
    input: list[ItemParam]
    previous_response_id: str | None


class ItemPage(Struct, frozen=True, kw_only=True):
    """A page of the input items of a response, as OpenAI's `GET /responses/{id}/input_items` shows it.

    `first_id` and `last_id` are those of `data`, null where it is empty; `has_more` tells whether there are more in the
    direction that was read.
    """

    data: list[ItemParam]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Store(ABC):
    """A place for responses. To be opened before and closed after use; `async with` does both.

    Every method raises StoreUnavailableError where the database fails, beside the errors it names. What a method
    acknowledged by returning survives the end of the process, however it comes, and of the machine's power.
    """

    async def __aenter__(self) -> Self:
        """Open the store; close it again where it cannot be opened."""
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @abstractmethod
    async def open(self) -> None:
        """Connect, and bring the database to the present form, making it where there is none.

        Several processes may do so at once. Responses in progress are left alone; see `abandon`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Carry out what was asked, and let go of the database. Nothing can be asked afterwards. May be repeated.

        What is still in progress becomes failed when somebody next calls `abandon`.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Return when the database has answered (for readiness)."""

    @abstractmethod
    async def begin(
        self, response: Response, *, owner: str, input: Sequence[ItemParam], previous: str | None, ttl: float | None
    ) -> None:
        """Store a response that begins, before its first event leaves.

        `input` are the items it answers, each with an id of its own (see `penstock.store.naming.with_ids`);
        `previous` is the id it continues from; `ttl` is for how many seconds it can be found, None for ever.
        Raises UnknownResponseError where the owner has no `previous`, ConversationTooLongError, ConflictError where
        the response's id is taken, ValueError where an id is missing, doubled or unfit.
        """

    @abstractmethod
    async def finish(self, response: Response, *, owner: str) -> bool:
        """Store how a response ended: all of it, in place of what `begin` stored.

        Returns False where there is nothing to end: it was deleted meanwhile, ended already, or begun by another
        process. One that `abandon` took for dead is ended all the same, since its client was told this end.
        """

    @abstractmethod
    async def get(self, response_id: str, *, owner: str) -> StoredResponse | None:
        """Return a response and its own input; None where the owner has none of this id."""

    @abstractmethod
    async def conversation(self, response_id: str, *, owner: str) -> list[StoredResponse] | None:
        """Return a response after all those it continues from, the first one first; None where there is none.

        Spec: "`previous_response_id`". Responses that were deleted or expired in the middle are part of it: they can no
        longer be found, but the later ones keep what they were said in answer to. At most `MAX_CONVERSATION`.
        """

    @abstractmethod
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
        """Return a page of the response's own input items, or None where the owner has no such response.

        In `order` (newest first unless told), beginning behind the item `after` and ending ahead of the item `before`.
        With `before` alone the page is the one that ends there, so that one can read backwards. Raises
        UnknownCursorError where there is no such item, ValueError where `limit` is not from 1 to `MAX_PAGE`.
        """

    @abstractmethod
    async def item(self, item_id: str, *, owner: str) -> Item | ItemParam | None:
        """Return an item of the owner's stored responses (for an `item_reference`); None where there is none.

        Where several have the id: what a model said before what a client sent, the latest before earlier ones.
        """

    @abstractmethod
    async def delete(self, response_id: str, *, owner: str) -> bool:
        """Make a response be found no more, nor its items; False where the owner has none of this id.

        Its content goes at once, unless later responses continue from it: then it goes with the last of them.
        """

    @abstractmethod
    async def heartbeat(self) -> None:
        """Say that this process lives. To be called every `HEARTBEAT_SECONDS`, or others take it for dead."""

    @abstractmethod
    async def abandon(self) -> int:
        """Make failed what is in progress under a process that is dead; return how many responses that were.

        To be called at the start and at times: a process counts as dead when it closed its store, or when its last
        heartbeat is `LEASE_SECONDS` old. What a living one is at work on is left alone.
        """

    @abstractmethod
    async def expire(self) -> int:
        """Delete the responses whose time is over; return how many. To be called at times.

        They are not found from the moment their time is over. This makes room. One in progress does not expire.
        """
