"""How items are written: numbers, indexes, ids, and the events that begin, fill and end items and their parts.

`ItemWriter` is the mechanics under `penstock.stream.writer.ResponseWriter`, which knows what a model can say. Each
event goes through a strict `ResponseReader` of the writer's own before it is emitted: so every step is in the grammar,
and the response in the terminal event is the fold of the events that were sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.content import Annotation, Content, LogProb
from penstock.spec.items import ExtensionItem, Item, ReasoningItem
from penstock.spec.response import Response
from penstock.stream import open_items as kinds
from penstock.stream.checks import split_text
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.machine import StreamStateError
from penstock.stream.open_items import ContentKind, OpenItem, OpenPart
from penstock.stream.reader import ResponseReader
from penstock.stream.states import ResponseState

__all__ = ["ItemWriter"]


class ItemWriter:
    """Writes items, their parts and their deltas. A base class: it does not know what a model can say."""

    def __init__(self, emitter: StreamEventEmitter | None, *, ids: Callable[[str], str], response: Response) -> None:
        """Write to `emitter`; `ids` returns a new id for a prefix, `response` is the response at its birth."""
        self._emitter = emitter
        self._ids = ids
        self._response = response
        self._reader = ResponseReader(strict=True)
        self._number = 0
        self._outbox: deque[e.ResponseStreamEvent] = deque()
        self._items: list[OpenItem] = []
        self._next_done = 0
        self._used_ids = {response.id}
        self._message: OpenItem | None = None
        self._reasoning: OpenItem | None = None
        # The hot path: what class of output goes where the last delta went, and how. `_warm` is what becomes of it as
        # soon as all events before are delivered.
        self._hot: type | None = None
        self._hot_send: Callable[[int, str], None] = _nowhere
        self._hot_append: Callable[[str], object] = str.__len__
        self._warm: tuple[type, e.DeltaEvent, Callable[[str], object]] | None = None

    # Events.

    def _emit(self, event: e.ResponseStreamEvent) -> None:
        """Number an event, hold it to the grammar, and put it in the outbox."""
        self._hot = self._warm = None
        event = replace(event, sequence_number=self._number)
        self._reader.feed(event)
        self._number += 1
        if self._emitter is not None:
            self._outbox.append(event)

    def _deliver(self) -> None:
        """Give the emitter what is in the outbox. What an emitter that raised has not been given yet stays there."""
        outbox = self._outbox
        while outbox and self._emitter is not None:
            self._emitter.emit(outbox.popleft())
        if self._warm is not None:
            (hot, event, self._hot_append), self._warm = self._warm, None
            self._hot_send = self._emitter.deltas(event) if self._emitter is not None else _nowhere
            self._hot = hot

    def _new_id(self, prefix: str, wanted: str = "") -> str:
        """Return `wanted` if it is free, or else a new id."""
        found = wanted
        # An id that came with a ready item may be one that `ids` comes to later. Asked once more than there are ids in
        # use, it has returned a free one, unless it repeats itself.
        for _ in range(len(self._used_ids) + 2):
            if found and found not in self._used_ids:
                self._used_ids.add(found)
                return found
            found = self._ids(prefix)
        raise StreamStateError(f"ids({prefix!r}) returned {found!r} a second time; an id names one thing")

    def join(self) -> None:
        """Join the pieces of what is open: a text of many small deltas then takes its own size, and not ten times that.

        To be called now and then by whoever keeps many long streams at once; it costs as much as the text is long.
        """
        self._reader.join()

    # Items.

    def _add(self, prefix: str, item: Item, wanted_id: str = "") -> OpenItem:
        """Finish the open message or reasoning item, and add `item` to the output, under an id of its own."""
        open_item = OpenItem(prefix, self._new_id(prefix, wanted_id), len(self._items))
        if isinstance(item, ExtensionItem):
            item = ExtensionItem(fields=Extra({**item.fields, "id": open_item.id}))
        else:
            item = replace(item, id=open_item.id)
        self._progress()
        self._finish_current()
        self._emit(e.OutputItemAdded(output_index=open_item.index, item=item))
        self._items.append(open_item)
        return open_item

    def _progress(self) -> None:
        """Let a queued response begin."""
        if self._reader.state is ResponseState.QUEUED:
            self._emit(e.ResponseInProgress(response=replace(self._response, status="in_progress")))

    def _finish_current(self) -> None:
        """Finish the open message or reasoning item: the model went on to something else."""
        current = self._message or self._reasoning
        self._message = self._reasoning = None
        if current is not None:
            self._finish_item(current)

    def _finish_item(self, item: OpenItem) -> None:
        """Close what is open in an item, and send its done event as soon as its turn comes."""
        self._flush_pending(item)
        self._close_parts(item)
        if item.type == "fc":
            self._finish_arguments(item)
        item.finished, item.is_cut = True, False
        self._settle()

    def _settle(self) -> None:
        """Send the done events whose turn has come: in the order of their output index."""
        while self._next_done < len(self._items) and self._items[self._next_done].finished:
            self._emit_item_done(self._items[self._next_done])
            self._next_done += 1

    def _emit_item_done(self, item: OpenItem) -> None:
        done = self._reader.item(item.index)
        if isinstance(done, ExtensionItem):
            done = ExtensionItem(fields=Extra({**done.fields, "status": item.status}))
        elif isinstance(done, ReasoningItem) and item.encrypted:
            done = replace(done, status=item.status, encrypted_content=str(item.encrypted))
        else:
            done = replace(done, status=item.status)
        self._emit(e.OutputItemDone(output_index=item.index, item=done))

    # Parts.

    def _part(self, item: OpenItem, kind: ContentKind) -> OpenPart:
        """Return the open part of `item` for this kind of content; open it where there is none."""
        part = item.summary if kind.is_summary else item.content
        if part is not None and part.kind is kind:
            return part
        if part is not None:
            self._flush_pending(item)
            self._close_part(item, part)
        return self._open_part(item, kind, kind.empty)

    def _open_part(self, item: OpenItem, kind: ContentKind, empty: Content) -> OpenPart:
        part = OpenPart(kind, item, item.summaries if kind.is_summary else item.contents)
        self._emit_part(item, empty, is_summary=kind.is_summary, done=False)
        if kind.is_summary:
            item.summary, item.summaries = part, item.summaries + 1
        else:
            item.content, item.contents = part, item.contents + 1
        return part

    def _close_parts(self, item: OpenItem) -> None:
        """Close all open parts of an item."""
        for part in (item.summary, item.content):
            if part is not None:
                self._close_part(item, part)

    def _close_part(self, item: OpenItem, part: OpenPart) -> None:
        """Send the done events of a part."""
        draft = self._reader.draft(item.index)
        is_summary = part.kind.is_summary
        growing = draft.summary[part.index] if is_summary else draft.content[part.index]
        self._emit(part.kind.done(part, growing.text, growing.logprobs))
        self._emit_part(item, growing.snapshot(), is_summary=is_summary, done=True, index=part.index)
        if is_summary:
            item.summary = None
        else:
            item.content = None

    def _whole_part(self, item: OpenItem, part: Content, *, is_summary: bool = False) -> None:
        """Send a part that no event streams: it is added as it is, and done."""
        self._emit_part(item, part, is_summary=is_summary, done=False)
        self._emit_part(item, part, is_summary=is_summary, done=True)
        if is_summary:
            item.summaries += 1
        else:
            item.contents += 1

    def _emit_part(
        self, item: OpenItem, part: Content, *, is_summary: bool, done: bool, index: int | None = None
    ) -> None:
        """Emit that a part begins or is finished: the one at `index`, or the item's next."""
        place: dict[str, Any] = {"item_id": item.id, "output_index": item.index, "part": part}
        if is_summary:
            place["summary_index"] = item.summaries if index is None else index
            self._emit(e.ReasoningSummaryPartDone(**place) if done else e.ReasoningSummaryPartAdded(**place))
        else:
            place["content_index"] = item.contents if index is None else index
            self._emit(e.ContentPartDone(**place) if done else e.ContentPartAdded(**place))

    # Content.

    def _delta(
        self, item: OpenItem, part: OpenPart, text: str, logprobs: list[LogProb] | None, output_class: type | None
    ) -> None:
        """Send a delta, and make ready for the next of the same class to the same place."""
        self._hot = self._warm = None
        delta, part.pending = split_text(part.pending + text)
        if not delta and not logprobs:
            return
        event = part.kind.delta(part, delta, logprobs)
        self._emit(event)
        if output_class is not None and not part.pending and not logprobs:
            draft = self._reader.draft(item.index)
            parts = draft.summary if part.kind.is_summary else draft.content
            self._warm = (output_class, event, parts[part.index].streamed.append)

    def _annotation(self, item: OpenItem, annotation: Annotation) -> None:
        """Send an annotation of the open text part."""
        part = self._part(item, kinds.TEXT)
        self._emit(
            e.OutputTextAnnotationAdded(
                item_id=item.id,
                output_index=item.index,
                content_index=part.index,
                annotation_index=part.annotations,
                annotation=annotation,
            )
        )
        part.annotations += 1

    def _arguments_delta(self, item: OpenItem, text: str, output_class: type | None = None) -> None:
        """Send more of a call's arguments, and make ready for more."""
        self._hot = self._warm = None
        delta, item.pending = split_text(item.pending + text)
        if not delta:
            return
        event = e.FunctionCallArgumentsDelta(item_id=item.id, output_index=item.index, delta=delta)
        self._emit(event)
        if output_class is not None and not item.pending:
            self._warm = (output_class, event, self._reader.draft(item.index).arguments.append)

    def _finish_arguments(self, item: OpenItem) -> None:
        draft = self._reader.draft(item.index)
        if not draft.arguments and item.status == "completed":
            # A call without arguments: JSON for nothing is an empty object, and every client parses what it gets.
            self._arguments_delta(item, "{}")
        arguments = str(draft.arguments)
        self._emit(e.FunctionCallArgumentsDone(item_id=item.id, output_index=item.index, arguments=arguments))

    def _flush_pending(self, item: OpenItem) -> None:
        """Send half a surrogate pair whose other half never came, as U+FFFD."""
        for part in (item.content, item.summary):
            if part is not None and part.pending:
                part.pending = ""
                self._delta(item, part, "\ufffd", None, None)
        if item.pending:
            item.pending = ""
            self._arguments_delta(item, "\ufffd")


def _nowhere(number: int, delta: str) -> None:
    """Emit to nobody."""
