"""The stream as clients that know only OpenAI's API can show it.

Most of them drop raw reasoning under whatever name, lose the message of a failure that an `error` event announces, and
stop at events they do not know. So for them reasoning is told as a summary, a failure by `response.failed` alone, and
extension events are left out. It is a view: the response that is stored is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec.content import (
    Content,
    OutputTextContent,
    ReasoningTextContent,
    SummaryTextContent,
    TextContent,
)
from penstock.spec.events import (
    ContentPartAdded,
    ContentPartDone,
    DeltaEvent,
    ErrorEvent,
    ExtensionEvent,
    OutputItemAdded,
    OutputItemDone,
    ReasoningDelta,
    ReasoningDone,
    ReasoningSummaryPartAdded,
    ReasoningSummaryPartDone,
    ReasoningSummaryTextDelta,
    ReasoningSummaryTextDone,
    ResponseEvent,
    ResponseStreamEvent,
)
from penstock.spec.items import Item, ReasoningItem
from penstock.spec.response import Response
from penstock.stream.emitter import StreamEventEmitter

__all__ = ["View", "ViewOptions"]

_TEXTS = (ReasoningTextContent, OutputTextContent, TextContent)
"""The parts that are text where reasoning holds them."""


class ViewOptions(Struct, frozen=True, kw_only=True):
    """What a client is shown."""

    reasoning: bool = True
    """Whether raw reasoning is shown as such; else it is told as a summary."""
    errors: bool = True
    """Whether an `error` event announces a failure; over a WebSocket, where it ends a turn, it must not."""
    extensions: bool = True
    """Whether events of an implementor's own are shown."""

    @property
    def shows_all(self) -> bool:
        """Whether there is nothing to do."""
        return self.reasoning and self.errors and self.extensions


class View(StreamEventEmitter):
    """Passes events on to another emitter as a client is to see them, numbered without gaps."""

    def __init__(self, emitter: StreamEventEmitter, options: ViewOptions) -> None:
        """Show the stream to `emitter`."""
        self._emitter = emitter
        self._options = options
        self._hidden = 0
        # Where a summary part of an item was put: (is it raw reasoning, its own index) -> the index it is shown at.
        self._places: dict[str, dict[tuple[bool, int], int]] = {}
        self._rests: dict[str, dict[int, int]] = {}
        self._reasoning: set[str] = set()

    def emit(self, event: ResponseStreamEvent) -> None:
        """Pass `event` on, unless it is not to be shown."""
        hidden = (isinstance(event, ErrorEvent) and not self._options.errors) or (
            isinstance(event, ExtensionEvent) and not self._options.extensions
        )
        if hidden:
            self._hidden += 1
            return
        if not self._options.reasoning:
            event = self._without_raw_reasoning(event)
        number = event.sequence_number
        if self._hidden and number is not UNSET:
            event = _numbered(event, number - self._hidden)
        self._emitter.emit(event)

    def deltas(self, like: DeltaEvent) -> Callable[[int, str], None]:
        """Return a function that passes on deltas like `like`."""
        shown: Any = like if self._options.reasoning else self._without_raw_reasoning(like)
        inner = self._emitter.deltas(shown)

        def emit_delta(sequence_number: int, delta: str) -> None:
            inner(sequence_number - self._hidden, delta)

        return emit_delta

    def response(self, response: Response) -> Response:
        """Return a whole response as the client is to see it.

        Where no events tell of raw reasoning, it stands in both forms: the AI SDK's Open Responses provider reads
        nothing but the content then, and the others nothing but the summary. What is sealed besides comes back so.
        """
        if self._options.reasoning:
            return response
        return replace(response, output=[self._item(item, is_told=False) for item in response.output])

    # Raw reasoning as a summary.

    def _without_raw_reasoning(self, event: ResponseStreamEvent) -> ResponseStreamEvent:
        match event:
            case ReasoningDelta():
                return ReasoningSummaryTextDelta(delta=event.delta, **self._common(event))
            case ReasoningDone():
                return ReasoningSummaryTextDone(text=event.text, **self._common(event))
            case ContentPartAdded(part=part) if event.item_id in self._reasoning:
                if isinstance(part, _TEXTS):
                    return ReasoningSummaryPartAdded(part=_as_summary(part), **self._common(event))
                return replace(event, content_index=self._rest(event.item_id, event.content_index))
            case ContentPartDone(part=part) if event.item_id in self._reasoning:
                if isinstance(part, _TEXTS):
                    return ReasoningSummaryPartDone(part=_as_summary(part), **self._common(event))
                return replace(event, content_index=self._rest(event.item_id, event.content_index))
            case (
                ReasoningSummaryPartAdded()
                | ReasoningSummaryPartDone()
                | ReasoningSummaryTextDelta()
                | ReasoningSummaryTextDone()
            ):
                index = self._place(event.item_id, raw=False, index=event.summary_index)
                return replace(event, summary_index=index)
            case OutputItemAdded() | OutputItemDone():
                if isinstance(event.item, ReasoningItem):
                    self._reasoning.add(event.item.id)
                return replace(event, item=self._item(event.item))
            case ResponseEvent():
                response = event.response
                return replace(event, response=replace(response, output=[*map(self._item, response.output)]))
            case _:
                return event

    def _common(self, event: ReasoningDelta | ReasoningDone | ContentPartAdded | ContentPartDone) -> dict[str, Any]:
        return {
            "sequence_number": event.sequence_number,
            "item_id": event.item_id,
            "output_index": event.output_index,
            "summary_index": self._place(event.item_id, raw=True, index=event.content_index),
        }

    def _place(self, item_id: str, *, raw: bool, index: int) -> int:
        """Return where a part of an item's reasoning is shown among all of them, in the order in which they began."""
        places = self._places.setdefault(item_id, {})
        return places.setdefault((raw, index), len(places))

    def _rest(self, item_id: str, index: int) -> int:
        """Return where a part of an item's reasoning that is no text is shown among those that stay its content."""
        places = self._rests.setdefault(item_id, {})
        return places.setdefault(index, len(places))

    def _item(self, item: Item, *, is_told: bool = True) -> Item:
        if not isinstance(item, ReasoningItem) or not item.content:
            return item
        parts: dict[int, Content] = {}
        rest: dict[int, Content] = {}
        for raw, own in ((False, item.summary), (True, item.content)):
            for index, part in enumerate(own):
                if raw and not isinstance(part, _TEXTS):
                    rest[self._rest(item.id, index)] = part
                else:
                    parts[self._place(item.id, raw=raw, index=index)] = _as_summary(part) if raw else part
        left = [rest[place] for place in sorted(rest)]
        content = (left or UNSET) if is_told or item.encrypted_content else item.content
        return replace(item, summary=[parts[place] for place in sorted(parts)], content=content)


def _as_summary(part: Content) -> Content:
    return SummaryTextContent(text=part.text, extra=part.extra) if isinstance(part, _TEXTS) else part


def _numbered(event: ResponseStreamEvent, number: int) -> ResponseStreamEvent:
    numbered: ResponseStreamEvent = replace(event, sequence_number=number)
    return numbered
