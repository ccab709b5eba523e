"""What an event was meant to be, once it was told what is wrong with it: so that one fault is one finding.

A server that gives a part the wrong index gives it to all its deltas; one that lets two calls share an index goes on to
do so. The first such event is told of; those that follow are read at the place they were meant for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from penstock.lint.facts import Facts
from penstock.spec import events as e
from penstock.stream.machine import ItemMachine, PartMachine, Violation, part_kind
from penstock.stream.reader import implied_part
from penstock.stream.states import OrderRule
from penstock.wire.codec import load_event
from penstock.wire.errors import ShapeError

__all__ = ["Meant"]

_MOST_KEYS: Final = 6
"""No event has more keys without which it says nothing."""


class Meant:
    """The places of one response that were not meant as they were said."""

    def __init__(self, facts: Facts) -> None:
        """Begin with none."""
        self._facts = facts
        self._items: dict[int, int] = {}
        """Where the item was put that came last under an index that was not due."""
        self._parts: dict[tuple[bool, int, int], int] = {}
        """Likewise for parts: of the summary or not, in which item, at which index."""

    def in_its_place(self, event: e.ResponseStreamEvent) -> e.ResponseStreamEvent:
        """Return an event about something that was put elsewhere as it was meant."""
        if self._items and isinstance(event, e.ItemEvent):
            index = self._item_of(event)
            if index != event.output_index:
                event = _at_item(event, index)
        if self._parts and isinstance(event, e.ContentEvent | e.SummaryEvent):
            index = self._index_of(event)
            if index != _part_of(event)[1]:
                event = _at_part(event, index)
        return event

    def _item_of(self, event: e.ItemEvent) -> int:
        """Return the item an event is about: by its id where several share an index, else the last one put there."""
        index, items = event.output_index, self._items
        if isinstance(event, e.OutputItemAdded):
            due = self._facts.next_index
            if index == due or (index not in items and index - 1 not in items):
                return index
            # It goes on as it began: with the same index for all, or counting from there.
            items[index] = due
            return due
        if index not in items:
            return index
        owner = self._facts.item_ids.get(_id_of(event))
        return items[index] if owner is None else owner

    def _index_of(self, event: e.ContentEvent | e.SummaryEvent) -> int:
        """Return the place of the part an event is about."""
        is_summary, index = _part_of(event)
        key = is_summary, event.output_index, index
        if isinstance(event, e.ContentPartAdded | e.ReasoningSummaryPartAdded):
            due = self._due(event)
            if index != due and (is_summary, event.output_index, index - 1) in self._parts:
                self._parts[key] = due
                return due
            return index
        return self._parts.get(key, index)

    def put_right(self, event: e.ResponseStreamEvent, codes: Collection[str]) -> e.ResponseStreamEvent:
        """Return an event whose place is wrong, as the `codes` of its findings tell, as it was meant."""
        facts = self._facts
        if "OR406" in codes and isinstance(event, e.OutputItemAdded):
            self._items[event.output_index] = facts.next_index
            return replace(event, output_index=facts.next_index)
        if "OR406" in codes and isinstance(event, e.ContentEvent | e.SummaryEvent | e.ArgumentsEvent):
            return _at_item(event, facts.item_ids.get(event.item_id, event.output_index))
        if "OR407" in codes and isinstance(event, e.ContentPartAdded | e.ReasoningSummaryPartAdded):
            is_summary, index = _part_of(event)
            due = self._due(event)
            self._parts[is_summary, event.output_index, index] = due
            moved: e.ResponseStreamEvent = _at_part(event, due)
            return moved
        return event

    def make_room(self, event: e.ResponseStreamEvent, violation: Violation) -> None:
        """Let the facts be as an event out of order implies they are."""
        if violation.rule is not OrderRule.WRONG_CONTENT_FOR_PART or not isinstance(
            event, e.ContentEvent | e.SummaryEvent
        ):
            return
        part = self._facts.part(event)
        machine = self._machine_part(event)
        if part is not None and machine is not None:
            part.added = implied_part(event)
            machine.kind = part_kind(part.added)

    def filled_in(self, fields: Mapping[str, object]) -> e.ResponseStreamEvent | None:
        """Return the event that lacks what no event can do without, with what the rest of it, and the stream, imply."""
        filled = dict(fields)
        for _ in range(_MOST_KEYS):
            try:
                return load_event(filled)
            except ShapeError as error:
                key = error.path.partition(".")[0].partition("[")[0]
                filled[key] = self._implied(key, filled)
        return None

    def _implied(self, key: str, fields: Mapping[str, object]) -> object:
        facts = self._facts
        match key:
            case "output_index":
                if fields.get("type") == "response.output_item.added":
                    return facts.next_index
                item = fields.get("item")
                item_id = item.get("id") if isinstance(item, dict) else fields.get("item_id")
                known = facts.item_ids.get(item_id) if isinstance(item_id, str) else None
                return known if known is not None else next(reversed(facts.machine.open_items), 0)
            case "content_index" | "summary_index":
                item_machine = self._machine_item(fields)
                if item_machine is None:
                    return 0
                parts = item_machine.content if key == "content_index" else item_machine.summary
                is_added = str(fields.get("type")).endswith("part.added")
                return len(parts) if is_added else max(parts, default=0)
            case "annotation_index":
                return 0
            case "response" | "error":
                return {}
            case _:
                # A text: what it was cannot be told, nor then what follows from it.
                output_index = fields.get("output_index")
                facts.tear(output_index if type(output_index) is int else None)
                return ""

    def _machine_item(self, fields: Mapping[str, object]) -> ItemMachine | None:
        index = fields.get("output_index")
        return self._facts.machine.items.get(index) if type(index) is int else None

    def _due(self, event: e.ContentPartAdded | e.ReasoningSummaryPartAdded) -> int:
        draft = self._facts.draft(event.output_index)
        if draft is None:
            return 0
        parts = draft.summary if isinstance(event, e.ReasoningSummaryPartAdded) else draft.content
        return max(parts, default=-1) + 1

    def _machine_part(self, event: e.ContentEvent | e.SummaryEvent) -> PartMachine | None:
        item = self._facts.machine.items.get(event.output_index)
        if item is None:
            return None
        is_summary, index = _part_of(event)
        return (item.summary if is_summary else item.content).get(index)


def _id_of(event: e.ItemEvent) -> str:
    item = getattr(event, "item", None)
    return str(getattr(item, "id", "") if item is not None else getattr(event, "item_id", ""))


def _part_of(event: e.ContentEvent | e.SummaryEvent) -> tuple[bool, int]:
    if isinstance(event, e.SummaryEvent):
        return True, event.summary_index
    return False, event.content_index


def _at_item(event: e.ItemEvent, output_index: int) -> e.ResponseStreamEvent:
    # `replace` gives the same class back; the checkers see only the base class here.
    moved: e.ResponseStreamEvent = replace(event, output_index=output_index)  # type: ignore[assignment]
    return moved


def _at_part(event: e.ContentEvent | e.SummaryEvent, index: int) -> e.ResponseStreamEvent:
    moved: e.ResponseStreamEvent
    if isinstance(event, e.SummaryEvent):
        moved = replace(event, summary_index=index)  # type: ignore[assignment]
    else:
        moved = replace(event, content_index=index)  # type: ignore[assignment]
    return moved
