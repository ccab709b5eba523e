"""What an event was meant to be, once it was told what is wrong with it: so that one fault is one finding.

A server that gives a part the wrong index gives it to all its deltas; one that lets two calls share an index goes on
so; an event that comes too late was missed before. The first sign of such a fault is told of; what follows from it is
read as it was meant.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec.structs import replace

from penstock.lint.facts import Facts
from penstock.spec import events as e
from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import ExtensionContent
from penstock.spec.items import ExtensionItem
from penstock.stream.fold import part_text
from penstock.stream.machine import ItemMachine, PartMachine, Violation
from penstock.stream.machine import step as take_step
from penstock.stream.states import OrderRule, ResponseState
from penstock.wire.codec import to_plain

__all__ = ["Meant"]

_AFTER_DONE: Final = (OrderRule.DELTA_AFTER_DONE, OrderRule.DONE_TWICE)
_MOST_MISSED: Final = 8
_CONTENT_DONE: Final = (
    "response.output_text.done",
    "response.refusal.done",
    "response.reasoning.done",
    "response.reasoning_summary_text.done",
)
# Without any of these an item, a part or a piece of content can be told all the same.
_LESSER_KEYS: Final = frozenset(
    {"id", "status", "phase", "sequence_number", "item_id", "response_id", "obfuscation", "created_by"}
)


class Meant:
    """What was not meant as it was said, in one response, and what is owed since it was missed."""

    def __init__(self, facts: Facts) -> None:
        """Begin with nothing."""
        self._facts = facts
        self._items: dict[int, int] = {}
        """Where the item was put that came last under an index that was not due."""
        self._undue: set[int] = set()
        """The items that are where they are though that was not due."""
        self._parts: dict[tuple[bool, int, int], int] = {}
        """Likewise for parts: of the summary or not, in which item, at which index."""
        self._owed: set[tuple[object, ...]] = set()
        """The events that were missed: they may still come, late."""
        self._mistyped: set[int] = set()
        """The items that were sent arguments, and are no calls."""
        self._after_done: set[str] = set()
        """The places that went on after their end."""
        self.is_after_end = False
        """Whether it was told that events follow the terminal one."""

    def swapped(self, event: e.ResponseStreamEvent) -> None:
        """Take note that an event changed places with the one before it: of two deltas, how the text was meant."""
        facts, before = self._facts, self._facts.last_event
        if not (isinstance(event, e.DeltaEvent) and isinstance(before, e.DeltaEvent) and _key(event) == _key(before)):
            return
        buffer = facts.buffer(event)
        if buffer is None or not facts.streamed.swap(buffer, before.delta, event.delta):
            facts.miss(cast("dict[str, object]", to_plain(event)))

    # Where an event belongs.

    def in_its_place(self, event: e.ResponseStreamEvent) -> e.ResponseStreamEvent:
        """Return an event about something that was put elsewhere as it was meant."""
        if self._items and isinstance(event, e.ItemEvent):
            index = self._item_of(event)
            if index != event.output_index:
                event = _at_item(event, index)
        if self._parts and isinstance(event, (e.ContentEvent, e.SummaryEvent)):
            index = self._index_of(event)
            if index != _part_of(event)[1]:
                event = _at_part(event, index)
        return event

    def _item_of(self, event: e.ItemEvent) -> int:
        """Return the item an event is about: by its id, where items were not put where they were said to be."""
        index, items = event.output_index, self._items
        if isinstance(event, e.OutputItemAdded):
            due = self._facts.next_index
            known = self._facts.item(index)
            if index in items and index != due and known is not None and known.id != event.item.id:
                # It goes on as it began, with the same index for all.
                items[index] = due
                return due
            if index == due or known is None:
                items.pop(index, None)
            return index
        owner = self._facts.item_ids.get(_id_of(event))
        if owner is not None and (index in items or owner in self._undue):
            if owner in self._undue and index not in self._facts.items:
                # What comes with this index and another id is about the same item.
                items[index] = owner
            return owner
        return items.get(index, index)

    def _index_of(self, event: e.ContentEvent | e.SummaryEvent) -> int:
        """Return the place of the part an event is about."""
        is_summary, index = _part_of(event)
        key = is_summary, event.output_index, index
        if isinstance(event, (e.ContentPartAdded, e.ReasoningSummaryPartAdded)):
            due = self.due(event)
            if index != due and (key in self._parts or (is_summary, event.output_index, index - 1) in self._parts):
                self._parts[key] = due
                return due
            self._parts.pop(key, None)
            return index
        return self._parts.get(key, index)

    def due(self, event: e.ContentPartAdded | e.ReasoningSummaryPartAdded) -> int:
        """Return the index that is due for a part that is added."""
        draft = self._facts.draft(event.output_index)
        if draft is None:
            return 0
        parts = draft.summary if isinstance(event, e.ReasoningSummaryPartAdded) else draft.content
        return max(parts, default=-1) + 1

    def is_late_or_lost(self, event: e.ResponseStreamEvent) -> bool:
        """Whether an item only seems to be misplaced: it was missed, or the one before it could not be read."""
        facts = self._facts
        if isinstance(event, e.OutputItemAdded) and ("item", event.output_index) in self._owed:
            self._owed.discard(("item", event.output_index))
            return True
        if not facts.unread or not isinstance(event, e.OutputItemAdded) or event.output_index <= facts.next_index:
            return False
        facts.unread -= 1
        return True

    def put_right(self, event: e.ResponseStreamEvent, code: str) -> e.ResponseStreamEvent:
        """Return an event at the place it was meant for; a finding with `code` told that its own is wrong."""
        facts = self._facts
        match event:
            case e.OutputItemAdded() if code == "OR406":
                index = event.output_index
                if index in facts.items:
                    self._items[index] = facts.next_index
                    return replace(event, output_index=facts.next_index)
                self._items[index] = index
                self._undue.add(index)
                self._miss(index)
                return event
            case e.ContentEvent() | e.SummaryEvent() | e.ArgumentsEvent() if code == "OR406":
                return _at_item(event, facts.item_ids[event.item_id])
            case e.OutputItemDone() if code == "OR406":
                return _at_item(event, facts.item_ids[event.item.id])
            case _:
                assert isinstance(event, (e.ContentEvent, e.SummaryEvent))
                is_summary, index = _part_of(event)
                if isinstance(event, (e.ContentPartAdded, e.ReasoningSummaryPartAdded)):
                    due = self.due(event)
                else:
                    opened = list(facts.open_parts(event))
                    due = opened[0] if opened else index
                    if isinstance(event, e.OutputTextAnnotationAdded) and not opened:
                        # The part is known; which annotation of it this is, is not.
                        facts.miss({"output_index": event.output_index, "content_index": index})
                    elif len(opened) != 1:
                        facts.tear(event.output_index)
                self._parts[is_summary, event.output_index, index] = due
                return _at_part(event, due)

    def _miss(self, index: int) -> None:
        """Take note that an item comes before others: those that were left out may still be heard of."""
        due = self._facts.next_index
        self._owed |= {("item", missed) for missed in range(due, min(index, due + _MOST_MISSED))}

    # What is out of order.

    def explains(self, violation: Violation, event: e.ResponseStreamEvent) -> bool:
        """Whether a step is only out of order because of something that was told already."""
        facts = self._facts
        if _key(event) in self._owed:
            return True
        if violation.rule in _AFTER_DONE and violation.place in self._after_done:
            return True
        if isinstance(event, e.OutputItemDone) and event.output_index in self._mistyped:
            # That its arguments were not done goes without saying.
            return violation.rule is OrderRule.CONTENT_DONE_ABSENT
        if violation.rule is OrderRule.ITEM_NOT_ADDED and isinstance(event, e.ItemEvent):
            missed = ("item", event.output_index)
            if missed in self._owed:
                self._owed.discard(missed)
                return True
        if facts.unread:
            facts.unread -= 1
            return True
        return False

    def step(self, event: e.ResponseStreamEvent, violation: Violation) -> e.ResponseStreamEvent | None:
        """Let the facts be as an event out of order implies; return what it was meant as, None for no news."""
        machine = self._facts.machine
        key = _key(event)
        if key in self._owed:
            self._owed.discard(key)
            return event
        meant = self._stands_for(event, violation)
        if meant is None:
            return None
        if violation.rule in _AFTER_DONE:
            self._after_done.add(violation.place)
        self._owe(event, violation)
        if violation.rule is OrderRule.CREATED_NOT_FIRST:
            return self._begin(meant)
        take_step(machine, meant)
        if violation.rule is OrderRule.WRONG_CONTENT_FOR_PART and isinstance(event, e.ItemEvent):
            # Of what kind it is nobody knows now: it takes whatever comes.
            machine.items[event.output_index].kind = ""
            if isinstance(event, e.ArgumentsEvent):
                self._mistyped.add(event.output_index)
            part = self._machine_part(event)
            if part is not None:
                part.kind = ""
            draft = self._facts.part(event) if isinstance(event, (e.ContentEvent, e.SummaryEvent)) else None
            if draft is not None:
                draft.added = ExtensionContent(fields=NOTHING)
        return meant

    def _begin(self, event: e.ResponseStreamEvent) -> e.ResponseStreamEvent | None:
        """Let the response begin with an event that is not the first, or came too early."""
        machine = self._facts.machine
        if isinstance(event, e.ResponseCreated):
            if machine.state in (ResponseState.WAITING, ResponseState.QUEUED):
                machine.state = ResponseState.CREATED
            return None
        if isinstance(event, e.OutputItemAdded):
            self._miss(event.output_index)
        if isinstance(event, (e.ResponseInProgress, e.ResponseQueued, e.OutputItemAdded)):
            take_step(machine, event)
            if not isinstance(event, e.ResponseQueued):
                machine.state = ResponseState.CREATED
            return event
        # Of an item that was not added, or of the end: it will be missed where it belongs.
        machine.state = ResponseState.CREATED
        self._facts.lose()
        if isinstance(event, e.ItemEvent):
            self._facts.tear(event.output_index)
        elif isinstance(event, e.ResponseEvent) and event.is_terminal:
            self._facts.is_end_early = True
        return None

    def expect(self, event: e.ResponseStreamEvent) -> None:
        """Take note that a done event tells other content than was streamed: a delta may still come, late."""
        name = event.event_type.removesuffix(".done") + ".delta"
        self._owed.add((name, *_key(event)[1:]))

    def _owe(self, event: e.ResponseStreamEvent, violation: Violation) -> None:
        """Remember which events a step showed to be missing."""
        machine, owed = self._facts.machine, self._owed
        match violation.rule, event:
            case OrderRule.CREATED_NOT_FIRST, _ if not isinstance(event, e.ResponseCreated):
                owed.add(("response.created",))
            case OrderRule.LIFECYCLE_OUT_OF_ORDER, e.ItemEvent():
                owed.add(("response.in_progress",))
            case OrderRule.ITEM_NOT_ADDED, e.ItemEvent():
                owed.add(("response.output_item.added", event.output_index))
            case OrderRule.PART_NOT_ADDED, e.ContentEvent():
                owed.add(("response.content_part.added", event.output_index, event.content_index))
            case OrderRule.PART_NOT_ADDED, e.SummaryEvent():
                owed.add(("response.reasoning_summary_part.added", event.output_index, event.summary_index))
            case OrderRule.CONTENT_DONE_ABSENT, e.ContentEvent() | e.SummaryEvent():
                owed.update((name, event.output_index, _part_of(event)[1]) for name in _CONTENT_DONE)
            case OrderRule.CONTENT_DONE_ABSENT, e.ItemEvent():
                owed.add(("response.function_call_arguments.done", event.output_index))
            case OrderRule.PART_DONE_ABSENT, e.ItemEvent():
                self._owe_parts(event.output_index, machine.items[event.output_index])
            case OrderRule.ITEM_DONE_ABSENT, _:
                for index in machine.open_items:
                    owed.add(("response.output_item.done", index))
                    self._owe_parts(index, machine.items[index])
            case _:
                pass

    def _owe_parts(self, index: int, item: ItemMachine) -> None:
        for name, parts in (("content_part", item.content), ("reasoning_summary_part", item.summary)):
            for place, part in parts.items():
                if part.is_open:
                    self._owed.add((f"response.{name}.done", index, place))
                    self._owed.update((content, index, place) for content in _CONTENT_DONE)
        self._owed.add(("response.function_call_arguments.done", index))

    def _stands_for(self, event: e.ResponseStreamEvent, violation: Violation) -> e.ResponseStreamEvent | None:
        """Return what an event must have been meant as: its name may be wrong, or it may be the same once more."""
        match violation.rule, event:
            case OrderRule.ITEM_NOT_ADDED, e.OutputItemDone() if event.item.status == "in_progress":
                return e.OutputItemAdded(output_index=event.output_index, item=event.item)
            case OrderRule.ITEM_NOT_ADDED, e.OutputItemAdded():
                known = self._facts.item(event.output_index)
                if known is not None and known.done is None and event.item.status in ("completed", "incomplete"):
                    return e.OutputItemDone(output_index=event.output_index, item=event.item)
                return None
            case OrderRule.PART_NOT_ADDED, e.ContentPartDone() | e.ReasoningSummaryPartDone():
                return _renamed(event) if not part_text(event.part) else event
            case OrderRule.PART_NOT_ADDED, e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                return _renamed(event) if part_text(event.part) else None
            case _:
                return event

    def settled(self, event: e.ResponseEvent) -> None:
        """Take note of a lifecycle event whose snapshot tells another status: what state there is, the rest shows."""
        machine = self._facts.machine
        if event.response.status in ("queued", "in_progress"):
            machine.state = ResponseState.CREATED if not machine.items else ResponseState.IN_PROGRESS
        elif not event.is_terminal:
            self._facts.excuse()
            self._facts.is_last_lost = True

    # What cannot be what it says.

    def doubted(self, event: e.ResponseStreamEvent, paths: list[str]) -> e.ResponseStreamEvent:
        """Return an event whose item or part lacks what one of its type has as one of no known type."""
        wrong = {path.removeprefix("item.").removeprefix("part.").partition("[")[0] for path in paths} - _LESSER_KEYS
        if not wrong:
            return event
        if isinstance(event, e.DeltaEvent):
            self._facts.miss(cast("dict[str, object]", to_plain(event)))
        elif isinstance(event, e.ItemEvent):
            self._facts.tear(event.output_index)
        match event:
            case e.OutputItemAdded():
                item = ExtensionItem(fields=Extra({"id": event.item.id, "status": event.item.status}))
                return replace(event, item=item)
            case e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                unknown: e.ResponseStreamEvent = replace(event, part=ExtensionContent(fields=NOTHING))
                return unknown
            case _:
                return event

    def _machine_part(self, event: e.ItemEvent) -> PartMachine | None:
        item = self._facts.machine.items[event.output_index]
        if not isinstance(event, (e.ContentEvent, e.SummaryEvent)):
            return None
        is_summary, index = _part_of(event)
        return (item.summary if is_summary else item.content).get(index)


def _key(event: e.ResponseStreamEvent) -> tuple[object, ...]:
    """Return what an event is called among those that are owed."""
    match event:
        case e.ContentEvent():
            return event.event_type, event.output_index, event.content_index
        case e.SummaryEvent():
            return event.event_type, event.output_index, event.summary_index
        case e.ItemEvent():
            return event.event_type, event.output_index
        case _:
            return (event.event_type,)


def _id_of(event: e.ItemEvent) -> str:
    item = getattr(event, "item", None)
    return str(getattr(item, "id", "") if item is not None else getattr(event, "item_id", ""))


def _part_of(event: e.ContentEvent | e.SummaryEvent) -> tuple[bool, int]:
    if isinstance(event, e.SummaryEvent):
        return True, event.summary_index
    return False, event.content_index


def _renamed(
    event: e.ContentPartAdded | e.ContentPartDone | e.ReasoningSummaryPartAdded | e.ReasoningSummaryPartDone,
) -> e.ResponseStreamEvent:
    """Return the event that opens a part as the one that closes it, and the other way about."""
    match event:
        case e.ContentPartAdded() | e.ContentPartDone():
            other = e.ContentPartDone if isinstance(event, e.ContentPartAdded) else e.ContentPartAdded
            return other(
                item_id=event.item_id,
                output_index=event.output_index,
                content_index=event.content_index,
                part=event.part,
            )
        case _:
            another = (
                e.ReasoningSummaryPartDone
                if isinstance(event, e.ReasoningSummaryPartAdded)
                else e.ReasoningSummaryPartAdded
            )
            return another(
                item_id=event.item_id,
                output_index=event.output_index,
                summary_index=event.summary_index,
                part=event.part,
            )


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
