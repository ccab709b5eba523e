"""What a stream in order says, as what the model did.

The events come from the mender, so nothing here has to doubt them: items, parts and deltas are where they belong, and
the stream ends with its terminal event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload, Response, ResponseUsage
from penstock.stream import output as o
from penstock.stream.machine import part_kind

__all__ = ["Said"]

_TEXT_PARTS = frozenset({"output_text", "refusal"})
_REASONING_PARTS = frozenset({"reasoning_text", "output_text", "text", "summary_text"})


class Said:
    """Turns the events of one mended stream into output."""

    def __init__(self, item: Callable[[int], Item]) -> None:
        """Begin a stream; `item` returns the item at an output index as far as the events told of it."""
        self._item = item
        self._begun: dict[int, Item] = {}
        self._current: int | None = None
        self._part: tuple[bool, int] | None = None
        self._whole: set[int] = set()
        self._awaited: set[int] = set()
        self._error: ErrorPayload | None = None

    def read(self, events: Iterable[e.ResponseStreamEvent]) -> list[o.Output]:
        """Return what `events`, the next of the stream, say."""
        return [output for event in events if not self._is_of_whole(event) for output in self._read(event)]

    def _is_of_whole(self, event: e.ResponseStreamEvent) -> bool:
        """Whether an event is about what is in an item that is said whole, when it is done."""
        return (
            isinstance(event, e.ContentEvent | e.SummaryEvent | e.ArgumentsEvent) and event.output_index in self._whole
        )

    def _read(self, event: e.ResponseStreamEvent) -> Iterator[o.Output]:
        match event:
            case e.OutputItemAdded():
                yield from self._added(event)
            case e.OutputItemDone():
                yield from self._done(event)
            case e.OutputTextDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Text(event.delta, event.logprobs or None)
            case e.RefusalDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Refusal(event.delta)
            case e.ReasoningDelta():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Reasoning(event.delta)
            case e.ReasoningSummaryTextDelta():
                yield from self._turn_to(event.output_index, (True, event.summary_index))
                yield o.ReasoningSummary(event.delta)
            case e.FunctionCallArgumentsDelta():
                yield o.Arguments(event.delta, self._key(event.output_index))
            case e.OutputTextAnnotationAdded():
                yield from self._turn_to(event.output_index, (False, event.content_index))
                yield o.Annotated(event.annotation)
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                if not self._is_streamed(event):
                    yield self._whole_part(event)
            case e.ExtensionEvent():
                fields = {key: value for key, value in event.fields.items() if key != "type"}
                yield o.Extension(event.event_type, fields)
            case e.ErrorEvent():
                self._error = event.error
            case e.ResponseEvent():
                if event.is_terminal:
                    yield from self._end(event)
            case _:
                pass

    def _key(self, output_index: int) -> str:
        return f"output[{output_index}]"

    def _added(self, event: e.OutputItemAdded) -> Iterator[o.Output]:
        item = event.item
        match item:
            case MessageItem() if item.role == "assistant":
                phase: Any = item.phase or None
                self._begin(event.output_index, item)
                yield o.NewMessage(phase)
            case ReasoningItem():
                self._begin(event.output_index, item)
                yield o.NewMessage()
            case FunctionCallItem():
                self._current = None
                yield o.FunctionCall(item.name, call_id=item.call_id, key=self._key(event.output_index))
            case _:
                self._whole.add(event.output_index)
                self._awaited.add(event.output_index)

    def _begin(self, output_index: int, item: Item) -> None:
        self._current, self._part = output_index, None
        self._begun[output_index] = item

    def _is_streamed(self, event: e.ContentPartDone | e.ReasoningSummaryPartDone) -> bool:
        is_message = isinstance(self._begun[event.output_index], MessageItem)
        return part_kind(event.part) in (_TEXT_PARTS if is_message else _REASONING_PARTS)

    def _whole_part(self, event: e.ContentPartDone | e.ReasoningSummaryPartDone) -> o.Output:
        """Return a part that no delta brings: nothing but an item of its own can say it."""
        item = self._begun[event.output_index]
        self._current = None
        if isinstance(item, MessageItem):
            return o.ReadyItem(replace(item, id="", status="completed", content=[event.part]))
        if isinstance(event, e.ReasoningSummaryPartDone):
            return o.ReadyItem(ReasoningItem(id="", summary=[event.part], status="completed"))
        return o.ReadyItem(ReasoningItem(id="", summary=[], content=[event.part], status="completed"))

    def _turn_to(self, output_index: int, part: tuple[bool, int]) -> Iterator[o.Output]:
        """Let what comes next be about this part: of a message or of reasoning, another may have come between."""
        if output_index != self._current:
            phase: Any = getattr(self._begun[output_index], "phase", None) or None
            yield o.NewMessage(phase)
            self._current, self._part = output_index, part
        elif self._part is not None and self._part != part:
            if self._part[0] == part[0]:
                yield o.NewPart()
            self._part = part
        else:
            self._part = part

    def _done(self, event: e.OutputItemDone) -> Iterator[o.Output]:
        index, item = event.output_index, event.item
        if index in self._whole:
            self._awaited.discard(index)
            yield o.ReadyItem(item)
        elif item.status == "incomplete":
            # It stays open: the end of the stream tells that it was cut.
            return
        elif isinstance(item, FunctionCallItem):
            yield o.Done(self._key(index))
        else:
            if isinstance(item, ReasoningItem) and item.encrypted_content:
                if index != self._current:
                    yield o.NewMessage()
                yield o.EncryptedReasoning(item.encrypted_content)
                self._current = index
            if index == self._current:
                self._current = None
                # It closes what is open, and begins nothing by itself; `Done` could mean a call.
                yield o.NewMessage()

    def _end(self, event: e.ResponseEvent) -> Iterator[o.Output]:
        response = event.response
        # A failed stream does not finish what is open. The response may tell most of it, or not tell of it at all.
        told = {item.id: item for item in response.output}
        for index in sorted(self._awaited):
            item = self._item(index)
            yield o.ReadyItem(told.get(item.id, item))
        if response.usage is not None:
            yield _usage(response.usage)
        if isinstance(event, e.ResponseFailed):
            yield o.Failure(self._failure(response))
        elif isinstance(event, e.ResponseIncomplete):
            details = response.incomplete_details
            yield o.Stop(details.reason if details is not None else "max_output_tokens")
        else:
            yield o.Stop("tool_calls" if response.function_calls else "stop")

    def _failure(self, response: Response) -> ErrorPayload:
        if self._error is not None:
            return self._error
        error = response.error
        code, message = (error.code, error.message) if error is not None else (None, "")
        return ErrorPayload(type="server_error", code=code, message=message, param=None)


def _usage(usage: ResponseUsage) -> o.Usage:
    return o.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.input_tokens_details.cached_tokens,
        reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
        total_tokens=usage.total_tokens,
        extra=Extra({key: value for key, value in usage.extra.items() if value is not UNSET}),
    )
