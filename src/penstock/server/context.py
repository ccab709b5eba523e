"""The whole conversation of a request: what came before, what it refers to, and what it was sealed into.

Spec: "`previous_response_id`": "the model is sampled over the concatenation: `previous_response.input` +
`previous_response.output` + `input`".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from penstock.server.errors import Refused
from penstock.server.limits import Limits
from penstock.server.sealing import SealError, Seals
from penstock.server.told import Told
from penstock.spec.base import SpecObject
from penstock.spec.items import (
    CompactionItemParam,
    FunctionCallItemParam,
    FunctionCallOutputItemParam,
    Item,
    ItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.store.base import Store
from penstock.store.naming import with_ids
from penstock.upstream.base import Loss
from penstock.wire.codec import to_plain
from penstock.wire.errors import ShapeError
from penstock.wire.load import load
from penstock.wire.wording import is_array

__all__ = ["COMPACTION", "REASONING", "Context", "Memory", "Remembered", "as_params", "seal_items"]

COMPACTION: Final = "compaction"
"""The purpose compacted conversations are sealed for."""
REASONING: Final = "reasoning"
"""The purpose reasoning is sealed for."""


class Remembered(Struct, frozen=True):
    """A whole conversation, and whether its last response is in the store too."""

    items: Sequence[ItemParam]
    is_stored: bool


Memory = Mapping[str, Remembered]
"""Conversations by the id of their last response, as a WebSocket remembers them."""


_CUT_OFF: Final = ("in_progress", "incomplete")
"""How the status of a call says that its end never came."""

_log = logging.getLogger("penstock.server")


class _Items(SpecObject, frozen=True, kw_only=True):
    items: list[ItemParam]


def as_params(items: Sequence[Item | ItemParam]) -> list[ItemParam]:
    """Return items of a response as items of a request, with every field they have.

    A part that no item of a request may have, such as an implementor's own in a summary, is left out.
    """
    params: list[ItemParam] = []
    for item in items:
        plain = cast("dict[str, object]", to_plain(item))
        try:
            params += _loaded(plain)
        except ShapeError:
            for name in ("content", "summary"):
                parts = plain.get(name)
                if is_array(parts):
                    plain = {**plain, name: [part for part in parts if _fits({**plain, **_EMPTY, name: [part]})]}
            if _fits(plain):
                params += _loaded(plain)
            else:
                _log.warning("an item of the type %s cannot be told to a model again", plain.get("type"))
    return params


_EMPTY: Final[Mapping[str, object]] = {"content": [], "summary": []}


def _loaded(plain: object) -> list[ItemParam]:
    return load(_Items, {"items": [plain]}, tolerant=True).items


def _fits(plain: object) -> bool:
    try:
        _loaded(plain)
    except ShapeError:
        return False
    return True


def seal_items(seals: Seals, owner: str, items: Sequence[ItemParam]) -> str:
    """Return a conversation sealed, for a compaction item."""
    return seals.seal(COMPACTION, owner, [to_plain(item) for item in items])


class Context:
    """Finds out what a request is about, for one owner."""

    def __init__(
        self,
        *,
        store: Store | None,
        seals: Seals,
        limits: Limits,
        ids: Callable[[str], str],
        owner: str,
        memory: Memory | None = None,
    ) -> None:
        """Look into `memory`, then into `store`, on behalf of `owner`; `ids` makes ids for items without one."""
        self._store = store
        self._seals = seals
        self._limits = limits
        self._ids = ids
        self._owner = owner
        self._memory = memory or {}

    async def own(self, given: str | list[ItemParam] | None | UnsetType) -> list[ItemParam]:
        """Return the items of a request's `input`, references replaced, each with an id. Raises Refused."""
        if not given:
            return []
        if isinstance(given, str):
            return with_ids([MessageItemParam(role="user", content=given)], self._ids)
        items: list[ItemParam] = []
        for number, item in enumerate(given):
            if isinstance(item, ItemReferenceParam):
                items.append(await self._referred(item, f"input[{number}]", items))
            else:
                items.append(item)
        return with_ids(items, self._ids)

    def is_stored(self, response_id: str) -> bool:
        """Whether a response that can be continued from is in the store, as far as is known here."""
        remembered = self._memory.get(response_id)
        return remembered is None or remembered.is_stored

    async def before(self, response_id: str) -> list[ItemParam]:
        """Return the conversation up to and with a response. Raises Refused where it cannot be continued from."""
        remembered = self._memory.get(response_id)
        if remembered is not None:
            return list(remembered.items)
        stored = await self._store.conversation(response_id, owner=self._owner) if self._store is not None else None
        if not stored:
            raise Refused.because(
                f"previous_response_id: there is no response {response_id!r} to continue from",
                code="previous_response_not_found",
                param="previous_response_id",
                status=400,
            )
        if stored[-1].response.status in ("queued", "in_progress"):
            raise Refused.because(
                f"previous_response_id: the response {response_id!r} is still in progress",
                code="previous_response_in_progress",
                param="previous_response_id",
            )
        items: list[ItemParam] = []
        for turn in stored:
            items += turn.input
            items += as_params(turn.response.output)
        return items

    def opened(self, before: Sequence[ItemParam], own: Sequence[ItemParam], *, is_text: bool) -> Told:
        """Return a conversation as the provider is to be told it: what was sealed here is opened. Raises Refused.

        `before` is what came before the request, `own` what the request itself says; `is_text`: as a mere string.
        """
        whole = [*before, *own]
        if len(whole) > self._limits.items:
            raise Refused.because(
                f"the conversation has {len(whole):,} items; this server takes {self._limits.items:,}",
                code="context_length_exceeded",
                param="input",
            )
        items: list[ItemParam] = []
        places: list[str] = []
        for number, item in enumerate(whole, -len(before)):
            place = "previous_response_id" if number < 0 else "input" if is_text else f"input[{number}]"
            sealed = f"{place}.encrypted_content" if number >= 0 else place
            if isinstance(item, CompactionItemParam) and self._seals.is_sealed(item.encrypted_content):
                value = self._open(COMPACTION, item.encrypted_content, sealed)
                unfolded = load(_Items, {"items": value}, tolerant=True).items
                items += unfolded
                places += [sealed] * len(unfolded)
                continue
            if isinstance(item, ReasoningItemParam) and _is_ours(item, self._seals):
                item = self._reasoning(item, sealed)  # noqa: PLW2901 - the same item, opened
            items.append(item)
            places.append(place)
        return Told(items, places)

    def check_calls(self, told: Told) -> None:
        """Raise Refused where an output answers a call that is not in the conversation before it."""
        called: set[str] = set()
        for number, item in enumerate(told.items):
            if isinstance(item, FunctionCallItemParam):
                called.add(item.call_id)
            elif isinstance(item, FunctionCallOutputItemParam) and item.call_id not in called:
                place = told.place(f"input[{number}].call_id")
                raise Refused.because(
                    f"{place}: no call {item.call_id!r} comes before its output",
                    code="tool_call_not_found",
                    param=place,
                )

    def without_cut_calls(self, told: Told) -> tuple[Told, list[Loss]]:
        """Return a conversation without the calls that were cut off before their end, and what is lost by that.

        Nobody can have made them, and their arguments are no JSON: a provider refuses the whole conversation for one.
        So a response that stopped in a call could never be continued. One that has an output was made all the same.
        """
        made = {item.call_id for item in told.items if isinstance(item, FunctionCallOutputItemParam)}
        items: list[ItemParam] = []
        places: list[str] = []
        losses: list[Loss] = []
        for item, place in zip(told.items, told.places, strict=True):
            if isinstance(item, FunctionCallItemParam) and item.status in _CUT_OFF and item.call_id not in made:
                reason = f"the call {item.call_id!r} was cut off before its end, so the model is not told of it"
                losses.append(Loss(place, reason))
            else:
                items.append(item)
                places.append(place)
        return Told(items, places), losses

    async def _referred(self, reference: ItemReferenceParam, path: str, earlier: Sequence[ItemParam]) -> ItemParam:
        """Return what `reference` means: an item `earlier` in the same request, or one remembered, or one stored."""
        for conversation in (earlier, *(remembered.items for remembered in self._memory.values())):
            for item in conversation:
                if item.id == reference.id:
                    return item
        found = await self._store.item(reference.id, owner=self._owner) if self._store is not None else None
        if found is None:
            raise Refused.because(
                f"{path}.id: there is no item {reference.id!r}", code="item_not_found", param=f"{path}.id", status=400
            )
        return as_params([found])[0]

    def _reasoning(self, item: ReasoningItemParam, path: str) -> ReasoningItemParam:
        """Return reasoning with what was sealed of it, where the client has not got it in the open."""
        content = self._open(REASONING, str(item.encrypted_content), path)
        sealed = load(ReasoningItemParam, {"type": "reasoning", "summary": [], "content": content}, tolerant=True)
        return replace(item, content=item.content or sealed.content, encrypted_content=UNSET)

    def _open(self, purpose: str, text: str, path: str) -> object:
        try:
            return self._seals.open(purpose, self._owner, text)
        except SealError as error:
            raise Refused.because(f"{path}: {error}", code="invalid_encrypted_content", param=path) from None


def _is_ours(item: ReasoningItemParam, seals: Seals) -> bool:
    return isinstance(item.encrypted_content, str) and seals.is_sealed(item.encrypted_content)
