"""The tables of `penstock.stream.states`, run over a whole stream: `step` moves it by one event.

An event is looked up at the response, at its item and at its part, outermost first; the first that objects speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct

from penstock.spec import events as e
from penstock.spec.content import Content, ExtensionContent
from penstock.spec.errors import PenstockError
from penstock.spec.items import ExtensionItem, Item
from penstock.stream.states import (
    ITEM_TABLE,
    PART_TABLE,
    RESPONSE_TABLE,
    ItemInput,
    ItemState,
    OrderRule,
    PartInput,
    PartState,
    ResponseInput,
    ResponseState,
)

__all__ = [
    "ItemMachine",
    "PartMachine",
    "StreamMachine",
    "StreamStateError",
    "Violation",
    "item_kind",
    "part_kind",
    "step",
]


class PartMachine:
    """One part: what kind it is, and where."""

    __slots__ = ("kind", "state")

    def __init__(self) -> None:
        """Begin with a part that was not added."""
        self.kind = ""
        self.state = PartState.ABSENT

    @property
    def is_open(self) -> bool:
        """Whether it was added and is not done."""
        return self.state in (PartState.WHOLE, PartState.OPEN, PartState.CONTENT_DONE)


class ItemMachine:
    """One item: its type, where it is, and its parts by `content_index` and by `summary_index`."""

    __slots__ = ("content", "kind", "state", "summary")

    def __init__(self) -> None:
        """Begin with an item that was not added."""
        self.kind = ""
        self.state = ItemState.ABSENT
        self.content: dict[int, PartMachine] = {}
        self.summary: dict[int, PartMachine] = {}

    @property
    def open_parts(self) -> Iterator[str]:
        """The places of its open parts, such as `content[0]`."""
        for name, parts in (("content", self.content), ("summary", self.summary)):
            for index, part in parts.items():
                if part.is_open:
                    yield f"{name}[{index}]"

    @property
    def has_open_parts(self) -> bool:
        """Whether any of its parts is open."""
        return next(self.open_parts, None) is not None


class StreamMachine:
    """A whole stream: where its response is, and its items by `output_index`."""

    __slots__ = ("items", "open_items", "state")

    def __init__(self) -> None:
        """Begin before the first event."""
        self.state = ResponseState.NEW
        self.items: dict[int, ItemMachine] = {}
        self.open_items: dict[int, None] = {}
        """The `output_index` of each open item, in order of addition."""

    @property
    def open_places(self) -> Iterator[str]:
        """What was added and is not done: `output[0]`, `output[0].content[1]` ..."""
        for index in self.open_items:
            yield f"output[{index}]"
            for part in self.items[index].open_parts:
                yield f"output[{index}].{part}"


SHOWN_PLACES = 8
"""How many open places a violation tells of: enough to see what is wrong, however much a hostile stream opens."""


class Violation(Struct, frozen=True):
    """A step the grammar does not allow.

    `rule` is what it breaks, `event_type` the event, `place` the machine that does not allow it (`response`,
    `output[0]`, `output[0].content[1]`), `state` where that machine was, `allowed` the types of the events it would
    have taken, `open_places` what was open, at most `SHOWN_PLACES` of it.
    """

    rule: OrderRule
    event_type: str
    place: str
    state: str
    allowed: tuple[str, ...]
    open_places: tuple[str, ...]

    def __str__(self) -> str:
        """Say what was asked, why it is not possible, what is open and what would be possible."""
        allowed = ", ".join(self.allowed) or "nothing"
        is_open = ", ".join(self.open_places) or "nothing"
        if len(self.open_places) == SHOWN_PLACES:
            is_open += " ..."
        return (
            f"{self.event_type} is not possible now: {self.place} is {self.state}. "
            f"Open: {is_open}. Possible for {self.place}: {allowed}."
        )


class StreamStateError(PenstockError):
    """A step the grammar does not allow was asked for, and was not taken.

    `violation` says what is open, what was asked and what is allowed; None where a misuse is not about order.
    """

    def __init__(self, message: str, violation: Violation | None = None) -> None:
        """Say what was asked, and why it is not possible."""
        super().__init__(message)
        self.violation = violation


class _Family(Struct, frozen=True):
    """A kind of content that events stream."""

    item: str
    """The item it belongs to."""
    part: str
    """The part that is meant where none was added."""
    parts: frozenset[str]
    """The parts it may go to."""
    delta: str
    done: str
    annotation: str | None = None


_TEXT: Final = _Family(
    "message",
    "output_text",
    frozenset({"output_text"}),
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
)
_REFUSAL: Final = _Family(
    "message", "refusal", frozenset({"refusal"}), "response.refusal.delta", "response.refusal.done"
)
# The specification's own example shows raw reasoning in an `output_text` part; the schema allows any.
_REASONING: Final = _Family(
    "reasoning",
    "reasoning_text",
    frozenset({"reasoning_text", "output_text", "text"}),
    "response.reasoning.delta",
    "response.reasoning.done",
)
_SUMMARY: Final = _Family(
    "reasoning",
    "summary_text",
    frozenset({"summary_text"}),
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
)
# The parts the specification defines; the inputs among them have nothing between their added and their done.
_STANDARD_PARTS: Final = (
    _TEXT.parts
    | _REFUSAL.parts
    | _REASONING.parts
    | _SUMMARY.parts
    | {"input_text", "input_image", "input_file", "input_video"}
)
_ITEMS_WITHOUT_CONTENT: Final = frozenset({"function_call", "function_call_output", "compaction"})
_STANDARD_ITEMS: Final = _ITEMS_WITHOUT_CONTENT | {"message", "reasoning"}

_CONTENT: Final[Mapping[type[e.Event], tuple[_Family, PartInput]]] = {
    e.OutputTextDelta: (_TEXT, PartInput.DELTA),
    e.OutputTextDone: (_TEXT, PartInput.CONTENT_DONE),
    e.OutputTextAnnotationAdded: (_TEXT, PartInput.ANNOTATION),
    e.RefusalDelta: (_REFUSAL, PartInput.DELTA),
    e.RefusalDone: (_REFUSAL, PartInput.CONTENT_DONE),
    e.ReasoningDelta: (_REASONING, PartInput.DELTA),
    e.ReasoningDone: (_REASONING, PartInput.CONTENT_DONE),
    e.ReasoningSummaryTextDelta: (_SUMMARY, PartInput.DELTA),
    e.ReasoningSummaryTextDone: (_SUMMARY, PartInput.CONTENT_DONE),
}
_LIFECYCLE: Final[Mapping[type[e.Event], ResponseInput]] = {
    e.ResponseQueued: ResponseInput.QUEUED,
    e.ResponseInProgress: ResponseInput.IN_PROGRESS,
    e.ResponseFailed: ResponseInput.FAILED,
    e.ErrorEvent: ResponseInput.ERROR,
    e.ExtensionEvent: ResponseInput.EXTENSION,
}


def item_kind(item: Item) -> str:
    """Return the `type` of an item as it stands on the wire."""
    return item.type if isinstance(item, ExtensionItem) else str(item.__struct_config__.tag)


def part_kind(part: Content) -> str:
    """Return the `type` of a content part as it stands on the wire."""
    return part.type if isinstance(part, ExtensionContent) else str(part.__struct_config__.tag)


def step(machine: StreamMachine, event: e.ResponseStreamEvent, *, strict: bool = False) -> Violation | None:
    """Move `machine` by one event; return the rule the step breaks, or None. Never raises.

    Where several machines object, the outermost speaks. Strict: a step that breaks a rule is not taken, and `machine`
    stays as it was; otherwise it goes where the event implies.
    """
    if not isinstance(event, e.ItemEvent):
        return _step_response(machine, event, strict=strict)
    return _OutputStep(machine, event).take(strict=strict)


def _step_response(machine: StreamMachine, event: e.ResponseStreamEvent, *, strict: bool) -> Violation | None:
    given = _response_input(machine, event)
    cell = RESPONSE_TABLE[machine.state, given]
    violation = None
    if cell.rule is not None:
        violation = _response_violation(machine, event, cell.rule)
        if strict:
            return violation
    if machine.state.is_terminal and not cell.state.is_terminal:
        # A second response in the same stream: its items are its own.
        machine.items, machine.open_items = {}, {}
    machine.state = cell.state
    return violation


def _response_input(machine: StreamMachine, event: e.ResponseStreamEvent) -> ResponseInput:
    match event:
        case e.ResponseCreated():
            queued = event.response.status == "queued"
            return ResponseInput.CREATED_QUEUED if queued else ResponseInput.CREATED
        case e.ResponseCompleted():
            return ResponseInput.COMPLETED_OPEN if machine.open_items else ResponseInput.COMPLETED
        case e.ResponseIncomplete():
            return ResponseInput.INCOMPLETE_OPEN if machine.open_items else ResponseInput.INCOMPLETE
        case _:
            return _LIFECYCLE[type(event)]


def _open_places(machine: StreamMachine) -> tuple[str, ...]:
    return tuple(islice(machine.open_places, SHOWN_PLACES))


def _response_violation(machine: StreamMachine, event: e.Event, rule: OrderRule) -> Violation:
    legal = (
        given.value.partition(" (")[0]
        for given in ResponseInput
        if RESPONSE_TABLE[machine.state, given].rule is None and given is not ResponseInput.EXTENSION
        if not (given.value.endswith("(items open)") or (machine.open_items and given in _NEEDS_CLOSED))
    )
    allowed = tuple(dict.fromkeys("response.output_item.added" if name == "output" else name for name in legal))
    return Violation(rule, event.event_type, "response", machine.state.value, allowed, _open_places(machine))


_NEEDS_CLOSED: Final = (ResponseInput.COMPLETED, ResponseInput.INCOMPLETE)


class _OutputStep:
    """One event about the output, looked up at the response, the item and the part."""

    def __init__(self, machine: StreamMachine, event: e.ItemEvent) -> None:
        self.machine = machine
        self.event = event
        self.item = machine.items.get(event.output_index) or ItemMachine()
        self.place = f"output[{event.output_index}]"
        self.item_input = ItemInput.CONTENT
        self.part: PartMachine | None = None
        self.part_input = PartInput.DELTA
        self.part_name = ""
        self.family: _Family | None = None
        self._read()

    def _read(self) -> None:
        """Tell what the event means to its item and its part."""
        match event := self.event:
            case e.OutputItemAdded():
                self.item_input = ItemInput.ADDED
            case e.OutputItemDone():
                self.item_input = ItemInput.DONE_OPEN if self.item.has_open_parts else ItemInput.DONE
            case e.FunctionCallArgumentsDelta():
                self.item_input = ItemInput.ARGUMENTS_DELTA
            case e.FunctionCallArgumentsDone():
                self.item_input = ItemInput.ARGUMENTS_DONE
            case e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                self._find_part(PartInput.ADDED if self._is_streamed(event) else PartInput.ADDED_WHOLE)
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                self._find_part(PartInput.DONE)
            case _:
                self.family, given = _CONTENT[type(event)]
                self._find_part(given)

    def _is_streamed(self, event: e.ContentPartAdded | e.ReasoningSummaryPartAdded) -> bool:
        """Whether deltas are what fills such a part of such an item."""
        kind = part_kind(event.part)
        return any(kind in family.parts for family in self._families())

    def _families(self) -> list[_Family]:
        """Return the kinds of content there are for such an event in an item of this kind."""
        families = (_SUMMARY,) if isinstance(self.event, e.SummaryEvent) else (_TEXT, _REFUSAL, _REASONING)
        item = self.item.kind
        return [family for family in families if family.item == item or item not in _STANDARD_ITEMS]

    def _find_part(self, given: PartInput) -> None:
        if isinstance(self.event, e.SummaryEvent):
            index, parts, name = self.event.summary_index, self.item.summary, "summary"
        else:
            assert isinstance(self.event, e.ContentEvent)
            index, parts, name = self.event.content_index, self.item.content, "content"
        self.part = parts.get(index) or PartMachine()
        self.part_input = given
        self.part_name = f"{name}[{index}]"

    def take(self, *, strict: bool) -> Violation | None:
        violation = self._violation()
        if violation is None or not strict:
            self._move()
        return violation

    def _violation(self) -> Violation | None:
        """Return what the outermost machine has against this event."""
        rule = RESPONSE_TABLE[self.machine.state, ResponseInput.OUTPUT].rule
        if rule is not None:
            return _response_violation(self.machine, self.event, rule)
        rule = ITEM_TABLE[self.item.state, self.item_input].rule
        if rule is not None:
            return self._item_violation(rule)
        if not self._fits_item():
            return self._item_violation(OrderRule.WRONG_CONTENT_FOR_PART)
        if self.part is None:
            return None
        rule = PART_TABLE[self.part.state, self.part_input].rule
        if rule is None and self._fits_part():
            return None
        return self._part_violation(rule or OrderRule.WRONG_CONTENT_FOR_PART)

    def _fits_item(self) -> bool:
        """Whether an item of this kind has such content. Of an extension's own items we know nothing."""
        kind = self.item.kind
        if kind not in _STANDARD_ITEMS or self.item.state is ItemState.ABSENT:
            return True
        if self.item_input in (ItemInput.ARGUMENTS_DELTA, ItemInput.ARGUMENTS_DONE):
            return kind == "function_call"
        if self.part is None:
            return True
        if self.family is not None:
            return kind == self.family.item
        return kind == "reasoning" or (kind == "message" and not isinstance(self.event, e.SummaryEvent))

    def _fits_part(self) -> bool:
        """Whether a part of this kind takes such content."""
        if self.part is None or self.family is None:
            return True
        return self.part.kind in self.family.parts or self.part.kind not in _STANDARD_PARTS

    def _item_violation(self, rule: OrderRule) -> Violation:
        state, kind = self.item.state, self.item.kind
        allowed: list[str] = []
        for given in ItemInput:
            if ITEM_TABLE[state, given].rule is not None:
                continue
            if given is ItemInput.CONTENT:
                if kind not in _ITEMS_WITHOUT_CONTENT:
                    allowed.append("response.content_part.added")
                if kind == "reasoning":
                    allowed.append("response.reasoning_summary_part.added")
            elif given in (ItemInput.ARGUMENTS_DELTA, ItemInput.ARGUMENTS_DONE):
                if kind == "function_call" or kind not in _STANDARD_ITEMS:
                    allowed.append(given.value)
            elif given is not ItemInput.DONE or not self.item.has_open_parts:
                allowed.append(given.value)
        named = f"{state.value} ({kind})" if kind else state.value
        return self._found(rule, self.place, named, allowed)

    def _part_violation(self, rule: OrderRule) -> Violation:
        assert self.part is not None
        state, kind = self.part.state, self.part.kind
        family = next((f for f in self._families() if kind in f.parts), None)
        if family is None and kind not in _STANDARD_PARTS:
            family = self.family
        kinds = "reasoning_summary_part" if isinstance(self.event, e.SummaryEvent) else "content_part"
        names: dict[PartInput, str | None] = {
            PartInput.ADDED: f"response.{kinds}.added",
            PartInput.DELTA: family.delta if family else None,
            PartInput.ANNOTATION: family.annotation if family else None,
            PartInput.CONTENT_DONE: family.done if family else None,
            PartInput.DONE: f"response.{kinds}.done",
        }
        allowed = [name for given, name in names.items() if name and PART_TABLE[state, given].rule is None]
        named = f"{state.value} ({kind})" if kind else state.value
        return self._found(rule, f"{self.place}.{self.part_name}", named, allowed)

    def _found(self, rule: OrderRule, place: str, state: str, allowed: list[str]) -> Violation:
        return Violation(rule, self.event.event_type, place, state, tuple(allowed), _open_places(self.machine))

    def _move(self) -> None:
        """Take the step at all three machines."""
        machine, event, item = self.machine, self.event, self.item
        machine.state = RESPONSE_TABLE[machine.state, ResponseInput.OUTPUT].state
        was = item.state
        item.state = ITEM_TABLE[was, self.item_input].state
        if isinstance(event, (e.OutputItemAdded, e.OutputItemDone)):
            if isinstance(event, e.OutputItemAdded):
                # Added a second time, it is another item under the same index, and has its own parts.
                item.content, item.summary = {}, {}
            item.kind = item_kind(event.item) or item.kind
        elif was is ItemState.ABSENT or not self._fits_item():
            item.kind = self._implied_item()
        if item.state is ItemState.DONE:
            machine.open_items.pop(event.output_index, None)
            for part in (*item.content.values(), *item.summary.values()):
                part.state = PartState.DONE
        else:
            machine.open_items[event.output_index] = None
        machine.items[event.output_index] = item
        if self.part is not None:
            self._move_part(self.part)

    def _move_part(self, part: PartMachine) -> None:
        event = self.event
        if isinstance(event, (e.ContentPartAdded, e.ReasoningSummaryPartAdded)):
            part.kind = part_kind(event.part)
        elif isinstance(event, (e.ContentPartDone, e.ReasoningSummaryPartDone)):
            part.kind = part.kind or part_kind(event.part)
        elif self.family is not None and (part.state is PartState.ABSENT or not self._fits_part()):
            part.kind = self.family.part
        part.state = PART_TABLE[part.state, self.part_input].state
        if isinstance(event, e.SummaryEvent):
            self.item.summary[event.summary_index] = part
        else:
            assert isinstance(event, e.ContentEvent)
            self.item.content[event.content_index] = part

    def _implied_item(self) -> str:
        """Return what an item must be that such content comes to."""
        if self.family is not None:
            return self.family.item
        if isinstance(self.event, e.ArgumentsEvent):
            return "function_call"
        if isinstance(self.event, e.SummaryEvent):
            return "reasoning"
        part = getattr(self.event, "part", None)
        return "reasoning" if part is not None and part_kind(part) == "reasoning_text" else "message"
