"""What is known of a stream while it is judged: collected once, for all rules.

A rule looks at one step and at the facts as they were before it; only then the step changes the facts. So a rule needs
no memory of its own for what every rule would remember: the items, their parts, what was streamed, what was said of
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import UNSET, Struct, UnsetType

from penstock.lint.streamed import Streamed
from penstock.spec import events as e
from penstock.spec.base import NOTHING
from penstock.spec.content import LogProb
from penstock.spec.items import FunctionCallItem, Item
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response
from penstock.stream.fold import ItemDraft, PartDraft, TextBuffer
from penstock.stream.machine import StreamMachine, Violation, item_kind
from penstock.stream.reader import ResponseReader
from penstock.stream.states import PartState
from penstock.wire.sse import Frame

__all__ = ["Facts", "ItemFacts", "Profile", "Step"]


class Profile(Struct, frozen=True):
    """By what a stream is judged.

    `dialect`: the specification (`openresponses`), or the practice of a known family of servers. `resumed`: the stream
    is the rest of one, taken up with `starting_after`. `transport`: `sse`, `websocket`, `jsonl`, or `unknown` for
    events without bytes. `content_type`: the header the reply came with, where it is known.
    """

    dialect: str = "openresponses"
    resumed: bool = False
    transport: str = "unknown"
    content_type: str | None = None


class Step:
    """One event on its way through the rules.

    `index` counts events from 0, `offset` is the byte offset of its frame, `type` its type as it came. `event` is the
    typed event, in the specification's form and as it was meant where something was wrong with its place; None where it
    says too little to be one. `violation` is what the grammar has against it, `is_again` whether it is the event before
    it once more.
    """

    __slots__ = ("event", "frame", "index", "is_again", "number", "offset", "type", "violation")

    def __init__(self, index: int, offset: int | None, frame: Frame | None, name: str) -> None:
        """Begin with what came."""
        self.index = index
        self.offset = offset
        self.frame = frame
        self.type = name
        self.event: e.ResponseStreamEvent | None = None
        self.number: int | UnsetType = UNSET
        self.violation: Violation | None = None
        self.is_again = False


class ItemFacts:
    """One item: what its events said of it, and which events they were.

    `ids` are other ids its events called it by; each was told of. `is_doubtful`: it was added with another item's id.
    """

    __slots__ = ("added", "added_at", "call_id", "done", "done_at", "id", "ids", "is_doubtful", "kind", "name")

    def __init__(self, item: Item | None, kind: str, item_id: str, index: int) -> None:
        """Begin with the item's first event, the event `index`."""
        self.kind = kind
        self.id = item_id
        self.ids: set[str] = set()
        self.is_doubtful = False
        self.added = item
        self.added_at = index
        self.call_id = item.call_id if isinstance(item, FunctionCallItem) else ""
        self.name = item.name if isinstance(item, FunctionCallItem) else ""
        self.done: Item | None = None
        self.done_at: int | None = None


class Facts:
    """Everything that was told so far of one response."""

    def __init__(  # noqa: PLR0915 - a line a fact
        self, profile: Profile, request: CreateResponse | None, events: int = 0
    ) -> None:
        """Begin before its first event, after so many events of other responses on the same connection."""
        self.profile = profile
        self.request = request
        self.reader = ResponseReader(strict=False)
        self.begun_at = events
        """The index of the first event."""
        self.events = events
        """How many events came, those of other responses among them."""
        self.numbered = 0
        """How many of them had a `sequence_number`."""
        self.number: int | UnsetType = UNSET
        """The `sequence_number` of the last event, as it came."""
        self.highest = -1
        """The highest `sequence_number` that came."""
        self.last_number: int | None = None
        self.unnumbered = 0
        """How many events without a number came since."""
        self.unread = 0
        """How many events could not be read, and were not missed yet."""
        self.is_last_lost = False
        """Whether what came last could not be read: it may have been any event, the last one of the stream too."""
        self.is_over = False
        """Whether a terminal event came, or a failure of the connection."""
        self.is_end_early = False
        """Whether the terminal event was the first of all."""
        self.first: Response | None = None
        """The response as the first event told it."""
        self.first_at: int | None = None
        self.terminal: Response | None = None
        self.terminal_at: int | None = None
        self.error_at: int | None = None
        """The event index of the last `error` event."""
        self.doubtful: set[str] = set()
        """The fields of the response that had a wrong shape in some event."""
        self.last_event: e.ResponseStreamEvent | None = None
        self.is_repeated = False
        """Whether the last event came more than once."""
        self.skipped: int | None = None
        """The number that was due, where a higher one came."""
        self._torn: set[int] = set()
        self.streamed = Streamed()
        """What is known of the texts that were streamed."""
        self.items: dict[int, ItemFacts] = {}
        """The items by `output_index`."""
        self.next_index = 0
        """The `output_index` that is due."""
        self.item_ids: dict[str, int] = {}
        """Which `output_index` an item id belongs to."""
        self.call_ids: dict[str, int] = {}
        self.calls = 0
        """How many function calls there are."""
        self.last_done: int | None = None
        """The highest `output_index` of a finished item."""
        self.logprobs: dict[tuple[int, int], list[LogProb]] = {}
        """The log probabilities as the done event of a text told them, by `output_index` and `content_index`."""
        self.incomplete: int | None = None
        """The `output_index` of the first item that is done and incomplete."""
        self.done_sentinels = 0
        """How many `[DONE]` came."""
        self.unchecked: dict[str, None] = {}
        """What is not judged since something was lost or damaged, in words."""

    @property
    def machine(self) -> StreamMachine:
        """The grammar's view: what is open, where everything stands."""
        return self.reader.machine

    def item(self, output_index: int) -> ItemFacts | None:
        """Return what is known of an item, None where it was never heard of."""
        return self.items.get(output_index)

    def draft(self, output_index: int) -> ItemDraft | None:
        """Return the item as it grows, None where it was never heard of."""
        try:
            return self.reader.draft(output_index)
        except KeyError:
            return None

    def part(self, event: e.ContentEvent | e.SummaryEvent) -> PartDraft | None:
        """Return the part an event is about as it grows, None where it was never heard of."""
        draft = self.draft(event.output_index)
        if draft is None:
            return None
        if isinstance(event, e.SummaryEvent):
            return draft.summary.get(event.summary_index)
        return draft.content.get(event.content_index)

    def buffer(self, event: e.DeltaEvent) -> TextBuffer | None:
        """Return the text that a delta is a piece of, None where its place was never heard of."""
        if isinstance(event, e.FunctionCallArgumentsDelta):
            draft = self.draft(event.output_index)
            return None if draft is None else draft.arguments
        part = self.part(event)
        return None if part is None else part.streamed

    def is_torn(self, output_index: int) -> bool:
        """Whether nothing can be said of the content of an item, since what a done event told of it is damaged."""
        return output_index in self._torn

    def tear(self, output_index: int | None) -> None:
        """Let it be known that what is told of an item, or of whatever is open, is not what was meant."""
        places = self.machine.open_items if output_index is None else (output_index,)
        self._torn.update(places)
        if not self.profile.resumed:  # of which it is not said that its beginning is not there
            self.unchecked.update((f"the content of output[{place}]", None) for place in places)

    def miss(self, raw: Mapping[str, object]) -> None:
        """Let it be known that something that was streamed is missing: where an event's plain form says, if it does."""
        index = raw.get("output_index")
        places = (index,) if type(index) is int else self.machine.open_items
        for place in places:
            draft = self.draft(place)
            if draft is None:
                continue
            self.unchecked[f"the deltas of output[{place}]"] = None
            summary_index, content_index = raw.get("summary_index"), raw.get("content_index")
            part = draft.summary.get(summary_index) if type(summary_index) is int else None
            if part is None and type(content_index) is int:
                part = draft.content.get(content_index)
            if part is not None:
                self.streamed.lose((part.streamed,))
            else:
                self._miss_anywhere(draft)

    def _miss_anywhere(self, draft: ItemDraft) -> None:
        """Let it be known that something is missing of an item: of whatever deltas still fill in it."""
        parts = (*draft.content.values(), *draft.summary.values())
        self.streamed.lose(part.streamed for part in parts if part.said is None and part.done is None)
        if draft.arguments_said is None:
            self.streamed.lose((draft.arguments,))

    def is_whole(self, event: e.ContentEvent | e.SummaryEvent) -> bool:
        """Whether the part an event added is of a kind that no deltas fill."""
        item = self.machine.items.get(event.output_index)
        if item is None:
            return False
        part = (
            item.summary.get(event.summary_index)
            if isinstance(event, e.SummaryEvent)
            else item.content.get(event.content_index)
        )
        return part is not None and part.state is PartState.WHOLE

    def open_parts(self, event: e.ContentEvent | e.SummaryEvent) -> Iterator[int]:
        """Yield the places of the open parts beside which an event's own part was never heard of."""
        item = self.machine.items.get(event.output_index)
        if item is None:
            return
        parts, index = (
            (item.summary, event.summary_index)
            if isinstance(event, e.SummaryEvent)
            else (item.content, event.content_index)
        )
        if index not in parts:
            yield from (place for place, part in parts.items() if part.is_open)

    def is_swapped(self, number: int) -> bool:
        """Whether a number is the one that the event just before left out: then the two came in the wrong order."""
        return number == self.skipped and self.last_number == number + 1 and not self.unnumbered

    def lose(self, raw: Mapping[str, object] = NOTHING, *, is_delta: bool = False) -> None:
        """Take note of an event that could not be read; `raw` is what of it could be, `is_delta` whether it was one.

        What is missing from the content follows from it; so does the next step that is out of order, but for a delta,
        without which no event is.
        """
        self.is_last_lost = True
        if not is_delta:
            self.excuse()
        self.miss(raw)

    def excuse(self) -> None:
        """Let the next step that is out of order pass, since an event that could not be read may explain it."""
        self.unread += 1
        self.unchecked["the order of the next event that is out of place"] = None

    def end(self) -> None:
        """Say that nothing follows: what could not be read last may have been the end."""
        if self.is_end_early or (self.is_last_lost and not (self.is_over and self.done_sentinels)):
            self.unchecked["how the stream ends"] = None

    def take(self, step: Step) -> None:
        """Let a step change the facts, after all rules have seen it."""
        self.events += 1
        self.is_repeated = step.is_again
        if step.is_again:
            return  # nothing is new but that it came
        event = self.last_event = step.event
        self._take_number(step.number)
        match event:
            case e.ResponseEvent():
                self._take_response(step, event)
            case e.ErrorEvent():
                self.error_at = step.index
            case e.OutputItemAdded():
                self._take_item(step, event.output_index, event.item)
            case e.OutputItemDone():
                self._take_done(step, event)
            case e.ItemEvent():
                if isinstance(event, e.OutputTextDone) and event.logprobs:
                    self.logprobs[event.output_index, event.content_index] = event.logprobs
                if event.output_index not in self.items:
                    self._remember(ItemFacts(None, "", getattr(event, "item_id", ""), step.index), event.output_index)
            case _:
                pass

    def goes_on(self, number: int) -> bool:
        """Whether a number is the next after the last event's own, which may itself not have risen."""
        return self.number is not UNSET and number == self.number + 1

    def _take_number(self, number: int | UnsetType) -> None:
        goes_on = number is not UNSET and (number > self.highest or self.goes_on(number))
        self.number = number
        self.highest = self.highest if number is UNSET else max(self.highest, number)
        if number is UNSET:
            self.unnumbered += 1
        elif self.last_number is None or number > self.last_number:
            due = 0 if self.last_number is None else self.last_number + 1 + self.unnumbered
            self.skipped = due if number != due else None
            self.numbered += 1
            self.last_number = max(number, due) if self.last_number is None else number
            self.unnumbered = 0
        elif self.skipped is not None and number == self.skipped + 1:
            # Only one event had a number that was too high.
            self.last_number, self.skipped = number, None
        elif self.is_swapped(number):
            self.skipped = None
        elif goes_on:
            # Numbers began anew, or are behind by one event: they are counted from where they stand now.
            self.last_number, self.skipped = number, None
            self.unnumbered = 0
        else:
            # A number that did not rise was meant to: the next is counted from where this one should have been.
            self.last_number += 1
            self.unnumbered = 0

    def _take_response(self, step: Step, event: e.ResponseEvent) -> None:
        if self.first is None or isinstance(event, e.ResponseCreated):
            self.first, self.first_at = event.response, step.index
        if event.is_terminal:
            self.terminal, self.terminal_at = event.response, step.index
            self.is_over = True

    def _take_item(self, step: Step, output_index: int, item: Item) -> None:
        self._remember(ItemFacts(item, item_kind(item), item.id, step.index), output_index)

    def _take_done(self, step: Step, event: e.OutputItemDone) -> None:
        index, item = event.output_index, event.item
        known = self.items.get(index)
        if known is None:
            known = ItemFacts(item, item_kind(item), item.id, step.index)
            self._remember(known, index)
        known.done, known.done_at = item, step.index
        known.kind = known.kind or item_kind(item)
        self.last_done = index if self.last_done is None else max(self.last_done, index)
        if item.status == "incomplete" and self.incomplete is None:
            self.incomplete = index

    def _remember(self, known: ItemFacts, output_index: int) -> None:
        self.items[output_index] = known
        self.next_index = max(self.next_index, output_index + 1)
        if known.kind == "function_call":
            self.calls += 1
        if known.id and self.item_ids.setdefault(known.id, output_index) != output_index:
            known.is_doubtful = True
        if known.call_id:
            self.call_ids.setdefault(known.call_id, output_index)
