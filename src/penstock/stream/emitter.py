"""Where events go: `StreamEventEmitter` has one method to write, `emit`, and a name for every event.

The names are those of the module Penstock grew from; its kinds of emitters are in `penstock.stream.emitters`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType

from penstock.spec import events as e
from penstock.spec.content import Annotation, Content, LogProb
from penstock.spec.items import Item
from penstock.spec.response import ErrorPayload, Response

__all__ = ["StreamEventEmitter"]


class StreamEventEmitter(ABC):
    """Takes the events of one stream, in order. A subclass writes `emit`; the rest is convenience."""

    @abstractmethod
    def emit(self, event: e.ResponseStreamEvent) -> None:
        """Take one event. An event that was given to an emitter counts as emitted, even where this raises."""

    def deltas(self, like: e.DeltaEvent) -> Callable[[int, str], None]:
        """Return a function that emits `like` again and again, with another `sequence_number` and `delta`.

        The writer asks once an open part and calls once a delta: an emitter that writes bytes can prepare here
        everything that stays the same.
        """
        make: Any = like.__class__
        fixed = {
            name: getattr(like, name)
            for name in like.__struct_fields__
            if name not in ("sequence_number", "delta") and getattr(like, name) is not UNSET
        }
        emit = self.emit

        def emit_delta(sequence_number: int, delta: str) -> None:
            emit(make(sequence_number=sequence_number, delta=delta, **fixed))

        return emit_delta

    def response_created(self, response: Response) -> None:
        """Emit that the response exists: `ResponseCreated`."""
        self.emit(e.ResponseCreated(response=response))

    def response_queued(self, response: Response) -> None:
        """Emit that the response waits: `ResponseQueued`."""
        self.emit(e.ResponseQueued(response=response))

    def response_in_progress(self, response: Response) -> None:
        """Emit that the model is at work: `ResponseInProgress`."""
        self.emit(e.ResponseInProgress(response=response))

    def response_completed(self, response: Response) -> None:
        """Emit that the response is whole: `ResponseCompleted`."""
        self.emit(e.ResponseCompleted(response=response))

    def response_failed(self, response: Response) -> None:
        """Emit that the response failed: `ResponseFailed`."""
        self.emit(e.ResponseFailed(response=response))

    def response_incomplete(self, response: Response) -> None:
        """Emit that the response ended early: `ResponseIncomplete`."""
        self.emit(e.ResponseIncomplete(response=response))

    def output_item_added(
        self,
        output_index: int,
        item: Item,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that an item begins: `OutputItemAdded`."""
        self.emit(e.OutputItemAdded(output_index=output_index, item=item, response_id=response_id))

    def output_item_done(
        self,
        output_index: int,
        item: Item,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that an item is finished: `OutputItemDone`."""
        self.emit(e.OutputItemDone(output_index=output_index, item=item, response_id=response_id))

    def content_part_added(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        part: Content,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that a content part begins: `ContentPartAdded`."""
        self.emit(
            e.ContentPartAdded(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                part=part,
                response_id=response_id,
            )
        )

    def content_part_done(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        part: Content,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that a content part is finished: `ContentPartDone`."""
        self.emit(
            e.ContentPartDone(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                part=part,
                response_id=response_id,
            )
        )

    def output_text_delta(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        delta: str,
        *,
        logprobs: list[LogProb] | UnsetType = UNSET,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit more text: `OutputTextDelta`."""
        self.emit(
            e.OutputTextDelta(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                delta=delta,
                logprobs=logprobs,
                response_id=response_id,
            )
        )

    def output_text_done(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        text: str,
        *,
        logprobs: list[LogProb] | UnsetType = UNSET,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that the text is finished: `OutputTextDone`."""
        self.emit(
            e.OutputTextDone(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                text=text,
                logprobs=logprobs,
                response_id=response_id,
            )
        )

    def output_text_annotation_added(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        annotation_index: int,
        annotation: Annotation,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit an annotation: `OutputTextAnnotationAdded`."""
        self.emit(
            e.OutputTextAnnotationAdded(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                annotation_index=annotation_index,
                annotation=annotation,
                response_id=response_id,
            )
        )

    def refusal_delta(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        delta: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit more of a refusal: `RefusalDelta`."""
        self.emit(
            e.RefusalDelta(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                delta=delta,
                response_id=response_id,
            )
        )

    def refusal_done(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        refusal: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that the refusal is finished: `RefusalDone`."""
        self.emit(
            e.RefusalDone(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                refusal=refusal,
                response_id=response_id,
            )
        )

    def reasoning_delta(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        delta: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit more raw reasoning: `ReasoningDelta`."""
        self.emit(
            e.ReasoningDelta(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                delta=delta,
                response_id=response_id,
            )
        )

    def reasoning_done(
        self,
        item_id: str,
        output_index: int,
        content_index: int,
        text: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that the raw reasoning is finished: `ReasoningDone`."""
        self.emit(
            e.ReasoningDone(
                item_id=item_id,
                output_index=output_index,
                content_index=content_index,
                text=text,
                response_id=response_id,
            )
        )

    def reasoning_summary_part_added(
        self,
        item_id: str,
        output_index: int,
        summary_index: int,
        part: Content,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that a summary part begins: `ReasoningSummaryPartAdded`."""
        self.emit(
            e.ReasoningSummaryPartAdded(
                item_id=item_id,
                output_index=output_index,
                summary_index=summary_index,
                part=part,
                response_id=response_id,
            )
        )

    def reasoning_summary_part_done(
        self,
        item_id: str,
        output_index: int,
        summary_index: int,
        part: Content,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that a summary part is finished: `ReasoningSummaryPartDone`."""
        self.emit(
            e.ReasoningSummaryPartDone(
                item_id=item_id,
                output_index=output_index,
                summary_index=summary_index,
                part=part,
                response_id=response_id,
            )
        )

    def reasoning_summary_text_delta(
        self,
        item_id: str,
        output_index: int,
        summary_index: int,
        delta: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit more of a summary part: `ReasoningSummaryTextDelta`."""
        self.emit(
            e.ReasoningSummaryTextDelta(
                item_id=item_id,
                output_index=output_index,
                summary_index=summary_index,
                delta=delta,
                response_id=response_id,
            )
        )

    def reasoning_summary_text_done(
        self,
        item_id: str,
        output_index: int,
        summary_index: int,
        text: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that the text of a summary part is finished: `ReasoningSummaryTextDone`."""
        self.emit(
            e.ReasoningSummaryTextDone(
                item_id=item_id,
                output_index=output_index,
                summary_index=summary_index,
                text=text,
                response_id=response_id,
            )
        )

    def function_call_arguments_delta(
        self,
        item_id: str,
        output_index: int,
        delta: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit more of a call's arguments: `FunctionCallArgumentsDelta`."""
        self.emit(
            e.FunctionCallArgumentsDelta(
                item_id=item_id,
                output_index=output_index,
                delta=delta,
                response_id=response_id,
            )
        )

    def function_call_arguments_done(
        self,
        item_id: str,
        output_index: int,
        arguments: str,
        *,
        response_id: str | UnsetType = UNSET,
    ) -> None:
        """Emit that a call's arguments are finished: `FunctionCallArgumentsDone`."""
        self.emit(
            e.FunctionCallArgumentsDone(
                item_id=item_id,
                output_index=output_index,
                arguments=arguments,
                response_id=response_id,
            )
        )

    def error(self, error: ErrorPayload, *, response_id: str | UnsetType = UNSET) -> None:
        """Emit that something went wrong: `ErrorEvent`."""
        self.emit(e.ErrorEvent(error=error, response_id=response_id))
