"""The reader: events in, a Response out. A fold that can be looked at after any event.

`ResponseReader` holds the stream to the grammar: strict, it raises on a step that breaks a rule, otherwise it notes the
step and reads on with what the event implies. No event takes away what an earlier one told: where the producer's
closing events say less than its deltas did, the deltas stay, and `differences` tells. Only a second response in the
same stream begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.content import (
    Content,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload, Response
from penstock.stream.fold import ItemDraft, PartDraft, differences, in_order, item_text, share_text
from penstock.stream.machine import StreamMachine, StreamStateError, Violation, step
from penstock.stream.states import ResponseState

__all__ = ["Difference", "ResponseReader"]


class Difference(Struct, frozen=True):
    """A place where the terminal event tells something else than the stream did; UNSET where one tells nothing."""

    path: str
    streamed: object
    said: object


# A delta to an open part leaves all three machines where they are: the cell that let the first one in lets in the next.
# So the reader remembers where the last delta went, and looks nothing up while they keep coming there.
_PART_INDEX: Final[dict[type, Callable[[Any], int]]] = {
    e.OutputTextDelta: attrgetter("content_index"),
    e.RefusalDelta: attrgetter("content_index"),
    e.ReasoningDelta: attrgetter("content_index"),
    e.ReasoningSummaryTextDelta: attrgetter("summary_index"),
    e.FunctionCallArgumentsDelta: attrgetter("output_index"),  # a call has no parts
}


class ResponseReader:
    """Reads one stream, event by event.

    `violations` are the steps that broke the grammar, as far as it was not strict; `error` is the payload of the last
    `error` event; `terminal` the response as the last terminal event told it; `last_sequence_number` what a client that
    takes the stream up again sends as `starting_after`.
    """

    def __init__(self, *, strict: bool = True) -> None:
        """Begin before the first event; strict: raise on a step the grammar does not allow."""
        self.strict = strict
        self.violations: list[Violation] = []
        self.error: ErrorPayload | None = None
        self.terminal: Response | None = None
        self.last_sequence_number: int | UnsetType = UNSET
        self._machine = StreamMachine()
        self._items: dict[int, ItemDraft] = {}
        self._told: list[Item] = []
        self._response: Response | None = None
        self._hot_class: type | None = None
        self._hot_output_index = 0
        self._hot_part_index_of: Callable[[Any], int] = attrgetter("output_index")
        self._hot_part_index = 0
        self._hot_append: Callable[[str], int] = str.__len__
        self._begun = False

    def feed(self, event: e.ResponseStreamEvent) -> None:
        """Take the next event.

        Strict: raises StreamStateError on a step the grammar does not allow, which is then as if it had not come.
        """
        kind = event.__class__
        if kind is self._hot_class:
            delta: Any = event  # only deltas are ever hot
            is_text = kind is e.OutputTextDelta
            part_index = delta.content_index if is_text else self._hot_part_index_of(delta)
            if part_index == self._hot_part_index and delta.output_index == self._hot_output_index:
                self._hot_append(delta.delta)
                if is_text and delta.logprobs is not UNSET:
                    self._part(delta).logprobs += delta.logprobs
                number = delta.sequence_number
                if number is not UNSET:
                    self.last_sequence_number = number
                return
        violation = step(self._machine, event, strict=self.strict)
        if violation is not None:
            if self.strict:
                raise StreamStateError(str(violation), violation)
            self.violations.append(violation)
        self._hot_class = None
        self._begun = True
        if event.sequence_number is not UNSET:
            self.last_sequence_number = event.sequence_number
        self.take(event)
        if violation is not None:
            # The next delta to the same place breaks the same rule; it is looked at again.
            self._hot_class = None

    def feed_all(self, events: Iterable[e.ResponseStreamEvent]) -> ResponseReader:
        """Take all of `events`; return self."""
        for event in events:
            self.feed(event)
            del event  # it may hold the whole text, which need not be there twice while the next one is decoded
        return self

    @property
    def state(self) -> ResponseState:
        """Where the response is."""
        return self._machine.state

    @property
    def machine(self) -> StreamMachine:
        """The grammar's view of the stream: what is open, and where everything stands."""
        return self._machine

    @property
    def is_done(self) -> bool:
        """Whether a terminal event came."""
        return self._machine.state.is_terminal

    @property
    def response(self) -> Response | None:
        """The response as it now is, None before the first event.

        Its output is what was streamed; items, and the text of items, that only a terminal event told are there too.
        """
        if not self._begun:
            return None
        base = self._response if self._response is not None else _empty_response()
        output = self.output
        for index, told in enumerate(self._told):
            if index >= len(output):
                output.append(told)
            elif not item_text(output[index]) and item_text(told):
                output[index] = told
        return replace(base, output=output)

    @property
    def output(self) -> list[Item]:
        """The items as they were streamed so far, in order of their `output_index`."""
        return [draft.snapshot() for _, first in sorted(self._items.items()) for draft in in_order(first)]

    @property
    def text(self) -> str:
        """The text of the answer so far."""
        return self.response.output_text if self.response is not None else ""

    @property
    def function_calls(self) -> list[FunctionCallItem]:
        """The calls so far; those under way have the arguments that came."""
        return self.response.function_calls if self.response is not None else []

    def item(self, output_index: int) -> Item:
        """Return the item at `output_index` as it now is; raise KeyError where none was streamed."""
        return self._items[output_index].snapshot()

    def draft(self, output_index: int) -> ItemDraft:
        """Return the item at `output_index` while it grows; raise KeyError where none was streamed."""
        return self._items[output_index]

    def differences(self) -> list[Difference]:
        """Return where the terminal event tells something else than the stream did; empty while there is none."""
        if self.terminal is None:
            return []
        found = differences("output", self.output, self.terminal.output)
        return [Difference(path, streamed, said) for path, streamed, said in found]

    def join(self) -> None:
        """Join the pieces of what is being streamed: it then takes as much memory as its text, and not twice."""
        for index in self._machine.open_items:
            draft = self._items.get(index)
            if draft is not None:
                draft.join()

    def shared(self, event: e.StandardEvent) -> e.StandardEvent:
        """Return `event` with the very strings that are kept here, where its own are equal: so they are kept once."""
        match event:
            case e.ResponseEvent():
                output = [
                    self._items[index].share(item) if index in self._items else item
                    for index, item in enumerate(event.response.output)
                ]
                return replace(event, response=replace(event.response, output=output))
            case e.OutputItemDone() if event.output_index in self._items:
                return replace(event, item=self._items[event.output_index].share(event.item))
            case e.FunctionCallArgumentsDone() if event.output_index in self._items:
                kept = self._items[event.output_index].arguments.whole()
                return replace(event, arguments=kept) if event.arguments == kept else event
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                part = self._known_part(event)
                return event if part is None else replace(event, part=share_text(event.part, part.streamed.whole()))
            case e.OutputTextDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                part = self._known_part(event)
                kept = "" if part is None else part.streamed.whole()
                return replace(event, text=kept) if event.text == kept else event
            case _:
                return event

    def _known_part(self, event: e.ContentEvent | e.SummaryEvent) -> PartDraft | None:
        draft = self._items.get(event.output_index)
        if draft is None:
            return None
        return (draft.summary if isinstance(event, e.SummaryEvent) else draft.content).get(_index(event))

    def take(self, event: e.ResponseStreamEvent) -> None:
        """Put what an event tells where it belongs, whatever the grammar says; for who asks the grammar himself."""
        match event:
            case e.ResponseEvent():
                self._take_response(event)
            case e.ErrorEvent():
                self.error = event.error
            case e.OutputItemAdded():
                self._add_item(event)
            case e.OutputItemDone():
                self._draft(event, event.item).finish(event.item)
            case e.ContentPartAdded() | e.ReasoningSummaryPartAdded():
                self._add_part(event)
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                self._part(event).finish(event.part)
            case e.OutputTextAnnotationAdded():
                self._part(event).annotations.append(event.annotation)
            case e.FunctionCallArgumentsDone():
                self._draft(event).say_arguments(event.arguments)
            case e.OutputTextDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                self._part(event).say(event.text)
            case e.RefusalDone():
                self._part(event).say(event.refusal)
            case e.ExtensionEvent():
                pass
            case _:
                self._take_delta(event)

    def _take_response(self, event: e.ResponseEvent) -> None:
        if isinstance(event, e.ResponseCreated) and self.terminal is not None:
            self._items, self._told = {}, []
            self.terminal = self.error = None
        told = event.response.output
        shared = [self._items[index].share(item) if index in self._items else item for index, item in enumerate(told)]
        self._response = replace(event.response, output=shared)
        if event.is_terminal:
            self.terminal = self._response
            self._told = shared + self._told[len(shared) :]

    def _add_item(self, event: e.OutputItemAdded) -> None:
        before = self._items.get(event.output_index)
        if before is not None and before.is_same(event.item):
            before.added = event.item
        else:
            self._items[event.output_index] = ItemDraft(event.item, before)

    def _add_part(self, event: e.ContentPartAdded | e.ReasoningSummaryPartAdded) -> None:
        parts = self._parts(event)
        before = parts.get(_index(event))
        if before is not None and before.is_fresh:
            before.added = event.part
        else:
            self._draft(event).begin_part(parts, _index(event), event.part)

    def _take_delta(self, event: e.DeltaEvent) -> None:
        """Append a delta, and remember where it went for those that follow."""
        if isinstance(event, e.FunctionCallArgumentsDelta):
            buffer = self._draft(event).arguments
        else:
            part = self._part(event)
            buffer = part.streamed
            if isinstance(event, e.OutputTextDelta) and event.logprobs is not UNSET:
                part.logprobs += event.logprobs
        buffer.append(event.delta)
        self._hot_class = event.__class__
        self._hot_output_index = event.output_index
        self._hot_part_index_of = _PART_INDEX[event.__class__]
        self._hot_part_index = self._hot_part_index_of(event)
        self._hot_append = buffer.append

    def _draft(self, event: e.ItemEvent, item: Item | None = None) -> ItemDraft:
        """Return the item the event is about, made up from what the event implies where it was never added."""
        draft = self._items.get(event.output_index)
        if draft is None:
            draft = ItemDraft(item if item is not None else _implied_item(event))
            self._items[event.output_index] = draft
        return draft

    def _parts(self, event: e.ItemEvent) -> dict[int, PartDraft]:
        draft = self._draft(event)
        return draft.summary if isinstance(event, e.SummaryEvent) else draft.content

    def _part(self, event: e.Event) -> PartDraft:
        """Return the part the event is about, made up from what the event implies where it was never added."""
        assert isinstance(event, (e.ContentEvent, e.SummaryEvent))
        parts = self._parts(event)
        index = _index(event)
        part = parts.get(index)
        return part if part is not None else self._draft(event).begin_part(parts, index, implied_part(event))


def _index(event: e.ContentEvent | e.SummaryEvent) -> int:
    return event.summary_index if isinstance(event, e.SummaryEvent) else event.content_index


def _implied_item(event: e.ItemEvent) -> Item:
    assert isinstance(event, (e.ContentEvent, e.SummaryEvent, e.ArgumentsEvent))
    item_id = event.item_id
    part = getattr(event, "part", None)
    if isinstance(event, e.ArgumentsEvent):
        return FunctionCallItem(id=item_id, call_id="", name="", arguments="", status="in_progress")
    reasoning = (e.SummaryEvent, e.ReasoningDelta, e.ReasoningDone)
    if isinstance(event, reasoning) or isinstance(part, ReasoningTextContent):
        return ReasoningItem(id=item_id, summary=[], status="in_progress")
    return MessageItem(id=item_id, status="in_progress", role="assistant", content=[])


def implied_part(event: e.ContentEvent | e.SummaryEvent) -> Content:
    """Return the part, still empty, that must have been added for such an event to come."""
    match event:
        case e.ContentPartDone() | e.ReasoningSummaryPartDone():
            return event.part
        case e.SummaryEvent():
            return SummaryTextContent(text="")
        case e.RefusalDelta() | e.RefusalDone():
            return RefusalContent(refusal="")
        case e.ReasoningDelta() | e.ReasoningDone():
            return ReasoningTextContent(text="")
        case _:
            return OutputTextContent(text="", annotations=[])


def _empty_response() -> Response:
    """Return what is known of a response before any event told of it: nothing."""
    zero: dict[str, Any] = {
        name: value.copy() if isinstance(value, (list, dict)) else value for name, value in Response.zero.items()
    }
    return Response(**zero)
