"""Mends items: where they begin and end, their ids and indexes, and the order of their done events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    ReasoningItem,
)
from penstock.spec.response import ErrorPayload
from penstock.stream.fold import ItemDraft, part_text
from penstock.stream.machine import item_kind
from penstock.upstream.responses import ending
from penstock.upstream.responses.calls import CallMender
from penstock.upstream.responses.families import STANDARD_ITEMS
from penstock.upstream.responses.places import ItemPlace
from penstock.upstream.responses.shape import UNTOLD_INDEX

__all__ = ["ItemMender", "unnamed_call"]

_PREFIX: Final[Mapping[type, str]] = {
    MessageItem: "msg",
    ReasoningItem: "rs",
    FunctionCallItem: "fc",
    FunctionCallOutputItem: "fco",
    CompactionItem: "cmp",
    ExtensionItem: "item",
}
_UNNAMED: Final = "unnamed"
"""The name of a call that has none: an empty one no client can answer, and the call is not to be lost."""
_STREAMED: Final = (MessageItem, ReasoningItem, FunctionCallItem)


class ItemMender(CallMender):
    """Begins and ends items."""

    def __init__(self, *, ids: Callable[[str], str]) -> None:
        """Begin a stream; `ids` returns a new id for a prefix."""
        super().__init__(ids=ids)
        self._items: list[ItemPlace] = []
        self._next_done = 0
        self._held_dones = 0
        self._shift = 0
        self._call_ids: set[str] = set()
        self._finishing = False
        self._cut: ItemPlace | None = None
        self._tail: list[e.ResponseStreamEvent] = []
        self._terminal: e.ResponseEvent | None = None
        self._error: ErrorPayload | None = None

    def _item_added(self, event: e.OutputItemAdded) -> None:
        item, kind = event.item, item_kind(event.item)
        if not kind:
            self._mend("OR201", "output_item.added without an item was left out; its content will tell")
            return
        known = self._same_item(event.output_index, item.id, kind)
        if known is not None:
            self._mend("OR304", f"output_item.added came late, or again, for output[{known.index}]: it was left out")
            known.announced = True
            if known.waiting is not None and isinstance(item, FunctionCallItem) and self._is_whole_call(item):
                self._release(known, item)
            self._absorb(known, item, "OR504")
            return
        told_at = event.output_index if self._is_told("output_index") else self._places.next_index
        place = ItemPlace(kind, told_at, item.id)
        place.announced = True
        self._places.add(place)
        if isinstance(item, FunctionCallItem) and not self._is_whole_call(item):
            self._mend_once(f"wait {place.told_id}", "OR201", "a call without its name or call_id waits for them")
            place.begun = item
            place.waiting = []
            return
        self._open(place, item, event)

    def _is_whole_call(self, item: FunctionCallItem) -> bool:
        """Whether a call tells its name and its `call_id`; what was absent was told when the event was read."""
        return bool(item.name) and self._is_told("item.name", "item.call_id")

    def _same_item(self, told_at: int, told_id: str, kind: str) -> ItemPlace | None:
        """Return the item that a second `added` event is about."""
        for item in self._places.candidates(told_at, told_id):
            if item.kind != kind:
                continue
            if item.announced:
                if item.told_at == told_at and item.told_id == told_id and told_id:
                    return item
            else:
                return item
        return None

    def _imply(self, kind: str, told_at: int, told_id: str, code: str, why: str) -> ItemPlace:
        """Begin an item that must have been added, since content comes for it."""
        place = ItemPlace(kind, told_at, told_id)
        self._places.add(place)
        if kind == "function_call":
            self._mend(code, f"{why}; the call waits for its name")
            place.waiting = []
            return place
        self._mend(code, f"{why}; output_item.added was put in")
        self._open(place, _implied_item(kind, told_id))
        return place

    def _open(self, place: ItemPlace, item: Item, event: e.OutputItemAdded | None = None) -> None:
        """Emit that an item begins, under an id and an index of its own; what it holds already comes as deltas."""
        self._uncut()
        place.index = len(self._items)
        self._items.append(place)
        place.id = self._new_id(_PREFIX[type(item)], item.id)
        begun = self._emptied(place, item)
        if event is not None:
            self._report_index(place, place.told_at)
            if place.id != item.id:
                self._report_id(item.id)
        if event is not None and begun is item and event.output_index == place.index:
            self._emit(event)
        else:
            self._emit(
                e.OutputItemAdded(output_index=place.index, item=begun)
                if event is None
                else replace(event, output_index=place.index, item=begun)
            )
        if begun is not item and event is not None:
            self._absorb(place, item, "OR504")

    def _report_index(self, place: ItemPlace, told_at: int) -> None:
        if told_at + self._shift != place.index:
            self._mend("OR406", f"output_index {told_at} is written as {place.index}")
            self._shift = place.index - told_at

    def _report_id(self, told_id: str) -> None:
        if told_id:
            self._mend("OR405", f"the id {told_id!r} is taken: the item was given one of its own")
        else:
            self._mend_empty("item.id", "an item without an id was given one")

    def _emptied(self, place: ItemPlace, item: Item) -> Item:
        """Return an item as it is when it begins: in progress, with nothing in it that deltas will bring."""
        changed: dict[str, Any] = {}
        if isinstance(item, _STREAMED) and item.status != "in_progress":
            self._mend("OR604", f"the item was added as {item.status!r}, not 'in_progress'")
            changed["status"] = "in_progress"
        match item:
            case FunctionCallItem():
                if not item.name:
                    self._mend("OR409", f"a call whose name never came is called {_UNNAMED}")
                    changed["name"] = _UNNAMED
                place.name = item.name or _UNNAMED
                place.call_id = self._new_call_id(item.call_id)
                if place.call_id != item.call_id:
                    changed["call_id"] = place.call_id
                if item.arguments:
                    changed["arguments"] = ""
            case MessageItem():
                if any(map(part_text, item.content)):
                    changed["content"] = []
            case ReasoningItem():
                if any(map(part_text, item.summary)):
                    changed["summary"] = []
                if isinstance(item.content, list) and any(map(part_text, item.content)):
                    changed["content"] = UNSET
            case _:
                pass
        if place.id != item.id and not isinstance(item, ExtensionItem):
            changed["id"] = place.id
        if isinstance(item, ExtensionItem):
            return item if item.id == place.id else ExtensionItem(fields=Extra({**item.fields, "id": place.id}))
        return replace(item, **changed) if changed else item

    def _new_call_id(self, wanted: str) -> str:
        found = wanted
        if wanted and wanted in self._call_ids:
            self._mend("OR408", f"the call_id {wanted!r} is that of another call: this one was given its own")
            found = ""
        elif not wanted:
            self._mend_empty("item.call_id", "a call without a call_id was given one")
        while not found or found in self._call_ids:
            found = self._ids("call")
        self._call_ids.add(found)
        return found

    def _release(self, place: ItemPlace, item: FunctionCallItem) -> None:
        """Begin a call whose name came at last, with the arguments that came before it."""
        pieces, place.waiting, place.begun = place.waiting or [], None, None
        self._open(place, replace(item, arguments="", status="in_progress"))
        for piece in pieces:
            self._say_arguments(place, piece)

    def _item_done(self, event: e.OutputItemDone) -> None:
        item, kind = event.item, item_kind(event.item)
        candidates = self._places.candidates(event.output_index, item.id)
        same = [known for known in candidates if known.kind == kind or not kind]
        place = next((known for known in same if not known.closing), None)
        if place is None and same:
            self._mend("OR310", f"output_item.done came again for output[{same[0].index}]: it was left out")
            self._absorb(same[0], item, "OR503")
            return
        if not kind:
            if self._is_told("item"):
                self._mend("OR201", "output_item.done without an item is told what was streamed")
            if place is not None:
                self._close_item(place, None)
            return
        if place is None:
            place = next((known for known in candidates if not known.closing and known.told_id == item.id), None)
            if place is not None:
                self._mend("OR503", f"the item is done as {kind}, and began as {place.kind}: so it stays")
        if place is None:
            place = self._add_whole(item, event.output_index, "OR304")
        else:
            self._report_place(place, event.output_index, item.id, "item.id")
        if place.waiting is not None and isinstance(item, FunctionCallItem):
            self._release(place, item)
        self._close_item(place, event)

    def _add_whole(self, item: Item, told_at: int, code: str) -> ItemPlace:
        """Begin an item that is told of for the first time when it is done."""
        place = ItemPlace(item_kind(item), told_at, item.id)
        self._places.add(place)
        self._mend(code, f"output_item.added is missing for {item.id!r}, and was put in")
        begun: Item = item
        match item:
            case MessageItem():
                begun = replace(item, status="in_progress", content=[])
            case ReasoningItem():
                begun = replace(item, status="in_progress", summary=[], content=UNSET, encrypted_content=UNSET)
            case FunctionCallItem():
                begun = replace(item, status="in_progress", arguments="")
            case ExtensionItem():
                begun = ExtensionItem(fields=Extra({**item.fields, "status": "in_progress"}))
            case _:
                begun = replace(item, status="in_progress")
        self._open(place, begun)
        return place

    def _close_item(self, place: ItemPlace, told: e.OutputItemDone | None, code: str = "OR503") -> None:
        """Say what an item still lacks, and let its done event go as soon as its turn comes."""
        if place.waiting is not None:
            self._release(place, unnamed_call(place))
        if told is not None:
            self._absorb(place, told.item, code)
        self._close_parts(place, report=told is not None)
        if place.kind == "function_call":
            self._close_arguments(place, report=told is not None)
        place.closing = True
        place.told = told
        if self._finishing:
            return
        place.due = self._number + self._held_dones
        self._held_dones += 1
        self._settle()

    def _settle(self) -> None:
        """Let the done events go whose turn has come: in the order of the items. At the end, all go together."""
        while self._next_done < len(self._items) and self._items[self._next_done].closing:
            place = self._items[self._next_done]
            is_last = place.index == len(self._items) - 1
            if is_last and not self._finishing and place.told is not None and place.told.item.status == "incomplete":
                # It has to be the last item: whether it is, is not known yet.
                self._cut = place
                return
            self._next_done += 1
            self._emit_done(place, is_last=is_last)

    def _uncut(self) -> None:
        """Another item begins: the one that is cut was not the last."""
        place, self._cut = self._cut, None
        if place is not None:
            self._next_done += 1
            self._emit_done(place, is_last=False)
            if self._error is None and self._terminal is None:
                tail, self._tail = self._tail, []
                for event in tail:
                    self._emit(event)

    def _emit_done(self, place: ItemPlace, *, is_last: bool) -> None:
        self._close_parts(place, report=False)
        draft = self._reader.draft(place.index)
        event = place.told
        item: Item = draft.snapshot()
        if event is not None and item_kind(event.item) == place.kind:
            item = self._made_of_draft(place, event.item, draft)
        status = item.status
        if status in ("in_progress", UNSET, ""):
            if event is not None and self._is_told("item.status"):
                self._mend("OR604", f"output[{place.index}] is done, and was {status!r}")
            # Of an incomplete response, it is the last item that was cut.
            is_cut = self._finishing and is_last and isinstance(self._terminal, e.ResponseIncomplete)
            status = "incomplete" if is_cut else "completed"
        if status == "incomplete" and not is_last:
            self._mend("OR605", f"output[{place.index}] was incomplete, and is not the last item")
            status = "completed"
        if status != item.status:
            item = _with_status(item, str(status))
        place.done = True
        if place.due != UNTOLD_INDEX:
            self._held_dones -= 1
            if event is not None and place.due != self._number:
                self._mend("OR312", f"the done event of output[{place.index}] waited for those before it")
        if event is None:
            self._emit(e.OutputItemDone(output_index=place.index, item=item))
        elif item is event.item and event.output_index == place.index:
            self._emit(event)
        else:
            self._emit(replace(event, output_index=place.index, item=item))

    def _made_of_draft(self, place: ItemPlace, told: Item, draft: ItemDraft) -> Item:
        """Return a finished item as the upstream tells it, where it tells what was streamed."""
        if isinstance(told, ExtensionItem):
            return told if told.id == place.id else ExtensionItem(fields=Extra({**told.fields, "id": place.id}))
        changed: dict[str, Any] = {}
        if told.id != place.id:
            changed["id"] = place.id
        if isinstance(told, FunctionCallItem):
            for name in ("call_id", "name"):
                was = getattr(place, name)
                if getattr(told, name) != was:
                    if self._is_told(f"item.{name}"):
                        self._mend("OR408", f"the call's {name} is {was!r}, not {getattr(told, name)!r}")
                    changed[name] = was
            if told.arguments != str(draft.arguments):
                changed["arguments"] = str(draft.arguments)
        elif isinstance(told, (MessageItem, ReasoningItem)):
            if isinstance(told, MessageItem) and isinstance(draft.added, MessageItem) and told.role != draft.added.role:
                if self._is_told("item.role"):
                    self._mend("OR503", f"the message's role is {draft.added.role!r}, not {told.role!r}")
                changed["role"] = draft.added.role
            for name, parts in (("content", draft.content), ("summary", draft.summary)):
                told_parts = getattr(told, name, [])
                streamed = [ending.part_as_done(parts[index]) for index in sorted(parts)]
                if not ending.begins_with(told_parts, streamed):
                    self._mend_once(
                        f"made {place.index}", "OR503", f"output[{place.index}] is made of what was streamed"
                    )
                    changed[name] = streamed
        return replace(told, **changed) if changed else told

    def _absorb(self, place: ItemPlace, told: Item, code: str) -> None:
        """Say what an item is told to hold and was not said of it."""
        if place.waiting is not None:
            return
        match told:
            case FunctionCallItem() if place.kind == "function_call":
                had = place.arguments_done
                self._tell_arguments(place, told.arguments, code)
                if code == "OR504" and told.arguments and not had:
                    place.held = 0
            case MessageItem() if place.kind == "message":
                self._absorb_parts(place, told.content, code, is_summary=False)
            case ReasoningItem() if place.kind == "reasoning":
                self._absorb_parts(place, told.summary, code, is_summary=True)
                content = told.content if isinstance(told.content, list) else []
                self._absorb_parts(place, content, code, is_summary=False)
            case _:
                pass


def _implied_item(kind: str, item_id: str) -> Item:
    if kind == "reasoning":
        return ReasoningItem(id=item_id, summary=[], status="in_progress")
    if kind not in STANDARD_ITEMS:
        # More of a stranger's own item: what there is in it only such a one takes.
        return ExtensionItem(fields=Extra({"type": kind, "id": item_id, "status": "in_progress"}))
    return MessageItem(id=item_id, status="in_progress", role="assistant", content=[])


def unnamed_call(place: ItemPlace) -> FunctionCallItem:
    """Return a call whose name never came, with what is known of it."""
    if isinstance(place.begun, FunctionCallItem):
        return place.begun
    return FunctionCallItem(id=place.told_id, call_id="", name="", arguments="", status="in_progress")


def _with_status(item: Item, status: str) -> Item:
    if isinstance(item, ExtensionItem):
        return ExtensionItem(fields=Extra({**item.fields, "status": status}))
    return replace(item, status=status)
