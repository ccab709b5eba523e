"""The items a writer has begun and not finished: what of them is open, and how each kind of content is streamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from penstock.spec import events as e
from penstock.spec.base import UNSET
from penstock.spec.content import (
    Content,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)
from penstock.stream.fold import TextBuffer

__all__ = ["RAW_SUMMARY", "REASONING", "REFUSAL", "SUMMARY", "TEXT", "ContentKind", "OpenItem", "OpenPart"]


class ContentKind(Struct, frozen=True):
    """A kind of content: the empty part it begins as, and the events that stream it."""

    name: str
    empty: Content
    delta: Callable[[OpenPart, str, list[LogProb] | None], e.DeltaEvent]
    done: Callable[[OpenPart, str, list[LogProb]], e.ResponseStreamEvent]
    is_summary: bool = False


class OpenPart:
    """A part that takes deltas. `pending` is half a surrogate pair whose other half is still to come."""

    __slots__ = ("annotations", "index", "item_id", "kind", "output_index", "pending")

    def __init__(self, kind: ContentKind, item: OpenItem, index: int) -> None:
        """Open part `index` of `item`."""
        self.kind = kind
        self.item_id = item.id
        self.output_index = item.index
        self.index = index
        self.annotations = 0
        self.pending = ""


class OpenItem:
    """An item that was added. `finished` says that its content is whole; its done event may have to wait."""

    __slots__ = (
        "call_id",
        "content",
        "contents",
        "encrypted",
        "finished",
        "id",
        "index",
        "is_cut",
        "pending",
        "status",
        "summaries",
        "summary",
        "type",
    )

    def __init__(self, type: str, id: str, index: int) -> None:
        """Begin the item at output index `index`."""
        self.type = type
        self.id = id
        self.index = index
        self.content: OpenPart | None = None
        self.contents = 0
        self.summary: OpenPart | None = None
        self.summaries = 0
        self.encrypted = TextBuffer()
        self.call_id = ""
        self.pending = ""
        self.is_cut = False
        """Whether it came incomplete from elsewhere, and is not finished."""
        self.finished = False
        self.status = "completed"
        """The status its done event will tell."""


def _text_delta(part: OpenPart, delta: str, logprobs: list[LogProb] | None) -> e.DeltaEvent:
    return e.OutputTextDelta(
        item_id=part.item_id,
        output_index=part.output_index,
        content_index=part.index,
        delta=delta,
        logprobs=UNSET if logprobs is None else logprobs,
    )


def _text_done(part: OpenPart, text: str, logprobs: list[LogProb]) -> e.ResponseStreamEvent:
    return e.OutputTextDone(
        item_id=part.item_id,
        output_index=part.output_index,
        content_index=part.index,
        text=text,
        logprobs=logprobs or UNSET,
    )


def _refusal_delta(part: OpenPart, delta: str, _: list[LogProb] | None) -> e.DeltaEvent:
    return e.RefusalDelta(item_id=part.item_id, output_index=part.output_index, content_index=part.index, delta=delta)


def _refusal_done(part: OpenPart, text: str, _: list[LogProb]) -> e.ResponseStreamEvent:
    return e.RefusalDone(item_id=part.item_id, output_index=part.output_index, content_index=part.index, refusal=text)


def _reasoning_delta(part: OpenPart, delta: str, _: list[LogProb] | None) -> e.DeltaEvent:
    return e.ReasoningDelta(item_id=part.item_id, output_index=part.output_index, content_index=part.index, delta=delta)


def _reasoning_done(part: OpenPart, text: str, _: list[LogProb]) -> e.ResponseStreamEvent:
    return e.ReasoningDone(item_id=part.item_id, output_index=part.output_index, content_index=part.index, text=text)


def _summary_delta(part: OpenPart, delta: str, _: list[LogProb] | None) -> e.DeltaEvent:
    return e.ReasoningSummaryTextDelta(
        item_id=part.item_id, output_index=part.output_index, summary_index=part.index, delta=delta
    )


def _summary_done(part: OpenPart, text: str, _: list[LogProb]) -> e.ResponseStreamEvent:
    return e.ReasoningSummaryTextDone(
        item_id=part.item_id, output_index=part.output_index, summary_index=part.index, text=text
    )


TEXT: Final = ContentKind("text", OutputTextContent(text="", annotations=[]), _text_delta, _text_done)
REFUSAL: Final = ContentKind("refusal", RefusalContent(refusal=""), _refusal_delta, _refusal_done)
REASONING: Final = ContentKind("reasoning", ReasoningTextContent(text=""), _reasoning_delta, _reasoning_done)
SUMMARY: Final = ContentKind(
    "reasoning summary", SummaryTextContent(text=""), _summary_delta, _summary_done, is_summary=True
)
# Raw reasoning that is shown as a summary. A kind of its own, so that the two never run together in one part.
RAW_SUMMARY: Final = ContentKind(
    "reasoning as summary", SummaryTextContent(text=""), _summary_delta, _summary_done, is_summary=True
)
