"""Where things are: the items and parts a stranger's stream tells of, and what became of each in ours.

An upstream names an item by an index and an id, a part by an index within its item. Any of them may be wrong, missing,
or used twice; so each is looked up by all that was told, and what fits best is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final

from penstock.spec.content import Content, LogProb
from penstock.spec.events import OutputItemDone
from penstock.spec.items import Item
from penstock.stream.states import PartState
from penstock.upstream.responses.families import STANDARD_ITEMS, Family
from penstock.upstream.responses.gaps import Gap
from penstock.upstream.responses.shape import UNTOLD_INDEX

__all__ = ["LOOK_BACK", "ItemPlace", "PartPlace", "Places"]

LOOK_BACK: Final = 16
"""How many items of one name, or parts of an item, are looked at: enough for any mistake, and no more work however
many there are."""


class PartPlace:
    """One part of an item of ours: `index` is its place in the item's content, or in its summary."""

    __slots__ = (
        "announced",
        "denied",
        "echo",
        "family",
        "gap",
        "held",
        "index",
        "is_summary",
        "item",
        "kind",
        "logprobs",
        "pending",
        "state",
        "told",
        "told_at",
    )

    def __init__(self, item: ItemPlace, *, is_summary: bool, index: int, told_at: int, kind: str) -> None:
        """Begin a part that the upstream knows as `told_at`."""
        self.item = item
        self.is_summary = is_summary
        self.index = index
        self.told_at = told_at
        self.kind = kind
        self.state = PartState.OPEN
        self.announced = False
        """Whether the upstream said that the part begins."""
        self.pending = ""
        """Half a surrogate pair, whose other half may be in the next delta."""
        self.echo = ""
        """Text that was said before its deltas came: they may repeat it."""
        self.held = 0
        """How many characters of `echo` were repeated so far."""
        self.gap: Gap | None = None
        """What is missing of its text, and what waits behind that."""
        self.denied: str | None = None
        """Another text than the one that went out, which was told of it; that it differs was said."""
        self.family: Family | None = None
        """The events its content is streamed with."""
        self.logprobs: list[LogProb] = []
        """The log probabilities, as the done event of its text told them."""
        self.told: Content | None = None
        """The part as the upstream's item said it was when done."""

    @property
    def is_open(self) -> bool:
        """Whether deltas may still come to it."""
        return self.state in (PartState.OPEN, PartState.WHOLE)


class ItemPlace:
    """One item of ours, or a call that waits for its name: then `index` is not told yet."""

    __slots__ = (
        "announced",
        "arguments_done",
        "begun",
        "call_id",
        "closing",
        "done",
        "due",
        "echo",
        "gap",
        "held",
        "id",
        "index",
        "kind",
        "name",
        "parts",
        "pending",
        "sizes",
        "told",
        "told_at",
        "told_id",
        "waiting",
    )

    def __init__(self, kind: str, told_at: int, told_id: str) -> None:
        """Begin an item that the upstream knows as `told_at` and `told_id`."""
        self.kind = kind
        self.told_at = told_at
        self.told_id = told_id
        self.index = UNTOLD_INDEX
        self.id = ""
        self.announced = False
        """Whether the upstream said that the item begins."""
        self.begun: Item | None = None
        """The item as it was said to begin, of a call that waits."""
        self.waiting: list[str] | None = None
        """The arguments of a call that waits for its name; None where nothing is waited for."""
        self.call_id = ""
        self.name = ""
        self.arguments_done = False
        self.gap: Gap | None = None
        """What is missing of its arguments, and what waits behind that."""
        self.pending = ""
        self.echo = ""
        self.held = 0
        self.closing = False
        """Whether all is said but its done event."""
        self.done = False
        self.due = UNTOLD_INDEX
        """How many events were out when its done event came."""
        self.told: OutputItemDone | None = None
        """What the upstream said when it was done."""
        self.parts: dict[tuple[bool, int], list[PartPlace]] = {}
        self.sizes = [0, 0]

    def add_part(self, *, is_summary: bool, told_at: int, kind: str) -> PartPlace:
        """Return a new part, the item's next."""
        index = self.sizes[is_summary]
        self.sizes[is_summary] += 1
        if told_at == UNTOLD_INDEX:
            told_at = index
        part = PartPlace(self, is_summary=is_summary, index=index, told_at=told_at, kind=kind)
        self.parts.setdefault((is_summary, told_at), []).append(part)
        return part

    def parts_at(self, told_at: int, *, is_summary: bool) -> list[PartPlace]:
        """Return the parts the upstream may mean by an index; all there are, where it told none."""
        if told_at != UNTOLD_INDEX:
            return self.parts.get((is_summary, told_at), [])
        return sorted(self.all_parts(is_summary=is_summary), key=lambda part: part.index)[-1:]

    def all_parts(self, *, is_summary: bool) -> Iterator[PartPlace]:
        """Yield the parts of its summary, or of its content."""
        for (of_summary, _), parts in self.parts.items():
            if of_summary is is_summary:
                yield from parts

    def latest_parts(self) -> Iterator[PartPlace]:
        """Yield the parts that were added last."""
        for parts in islice(reversed(self.parts.values()), LOOK_BACK):
            yield parts[-1]

    def groups(self, *, is_summary: bool) -> list[list[PartPlace]]:
        """Return the parts by what the upstream knows them as, in our order."""
        groups = [parts for (of_summary, _), parts in self.parts.items() if of_summary is is_summary]
        return sorted(groups, key=lambda parts: parts[0].index)

    def fits(self, kinds: Collection[str]) -> bool:
        """Whether content for items of `kinds` may come to this one; of a stranger's own nothing is known."""
        return self.kind in kinds or self.kind not in STANDARD_ITEMS


class Places:
    """All items of one stream, by what the upstream calls them."""

    def __init__(self) -> None:
        """Begin without any."""
        self.all: list[ItemPlace] = []
        self._by_id: dict[str, list[ItemPlace]] = {}
        self._by_index: dict[int, list[ItemPlace]] = {}
        self.next_index = 0
        """The index that the upstream has to use next."""

    def add(self, item: ItemPlace) -> None:
        """Remember an item by what the upstream calls it."""
        self.all.append(item)
        if item.told_id:
            self._by_id.setdefault(item.told_id, []).append(item)
        if item.told_at != UNTOLD_INDEX:
            self._by_index.setdefault(item.told_at, []).append(item)
            self.next_index = max(self.next_index, item.told_at + 1)

    def is_known(self, told_id: str) -> bool:
        """Whether the upstream calls any item so."""
        return told_id in self._by_id

    def candidates(self, told_at: int, told_id: str) -> list[ItemPlace]:
        """Return the items that may be meant, the likeliest first: by both names, by the id, by the index."""
        return list(dict.fromkeys(place for tier in self._tiers(told_at, told_id) for place in tier))

    def _tiers(self, told_at: int, told_id: str) -> tuple[list[ItemPlace], ...]:
        by_id = self._by_id.get(told_id, [])[: -LOOK_BACK - 1 : -1] if told_id else []
        by_index = self._by_index.get(told_at, [])[: -LOOK_BACK - 1 : -1]
        if not by_id and not by_index and told_at == UNTOLD_INDEX:
            return (self.all[: -LOOK_BACK - 1 : -1],)
        return [item for item in by_id if item.told_at == told_at], by_id, by_index

    def find(self, told_at: int, told_id: str, kinds: Sequence[str]) -> ItemPlace | None:
        """Return the item content for items of `kinds` is meant for: rather one that is not done.

        Of those that are called the same, one of the first kind is meant.
        """
        closing: ItemPlace | None = None
        for tier in self._tiers(told_at, told_id):
            fitting = [item for item in tier if item.fits(kinds)]
            opened = [item for item in fitting if not item.closing]
            if opened:
                return next((item for item in opened if item.kind == kinds[0]), opened[0])
            closing = closing or (fitting[0] if fitting else None)
        return closing
