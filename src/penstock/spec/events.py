"""The 24 streaming events, extension events, and their union `ResponseStreamEvent`.

Spec: "Streaming", "Items are streamable", "Extending streaming events"; schemas `Response*StreamingEvent`. A class is
named after its wire type: `response.output_text.delta` is `OutputTextDelta`. Every event may lack its
`sequence_number` while it is being made; on the wire the specification requires it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from penstock.spec.base import NOTHING, UNSET, Extra, SpecObject, UnsetType
from penstock.spec.content import Annotation, Content, ExtensionAnnotation, ExtensionContent, LogProb
from penstock.spec.items import ExtensionItem, Item
from penstock.spec.response import ErrorPayload, Response


class Event(SpecObject, frozen=True, kw_only=True):
    """What every event has in common; never made itself."""

    is_response_event: ClassVar[bool] = False
    """Whether this is one of the six events that tell a state of the response."""
    is_terminal: ClassVar[bool] = False
    """Whether nothing but `[DONE]` may follow."""

    sequence_number: int | UnsetType = UNSET

    @property
    def event_type(self) -> str:
        """The event's `type` on the wire."""
        return str(self.__struct_config__.tag)


class ResponseEvent(Event, frozen=True, kw_only=True):
    """An event that tells a state of the response, with the whole resource as it then is."""

    is_response_event: ClassVar[bool] = True

    response: Response

    @property
    def response_id(self) -> str:
        """The id of the response told of."""
        return self.response.id


class OutputEvent(Event, frozen=True, kw_only=True):
    """An event about the output. `response_id` is on the wire in the `vtcode` dialect only."""

    response_id: str | UnsetType = UNSET


class ItemEvent(OutputEvent, frozen=True, kw_only=True):
    """An event about one item; `output_index` is its place in the response's `output`, from 0."""

    output_index: int


class ContentEvent(ItemEvent, frozen=True, kw_only=True):
    """An event about one content part; `content_index` is its place in the item's `content`, from 0."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": ""}

    item_id: str
    content_index: int


class SummaryEvent(ItemEvent, frozen=True, kw_only=True):
    """An event about one part of a reasoning summary; `summary_index` is its place, from 0."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": ""}

    item_id: str
    summary_index: int


class ArgumentsEvent(ItemEvent, frozen=True, kw_only=True):
    """An event about the arguments of a function call."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": ""}

    item_id: str


class ResponseCreated(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.created"):
    """The response exists; always the first event."""


class ResponseQueued(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.queued"):
    """The response waits for its turn."""


class ResponseInProgress(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.in_progress"):
    """The model is at work."""


class ResponseCompleted(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.completed"):
    """The response is whole. Terminal."""

    is_terminal: ClassVar[bool] = True


class ResponseFailed(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.failed"):
    """The response failed; `response.error` says why. Terminal."""

    is_terminal: ClassVar[bool] = True


class ResponseIncomplete(ResponseEvent, frozen=True, kw_only=True, tag_field="type", tag="response.incomplete"):
    """The response ended early; `response.incomplete_details` says why. Terminal."""

    is_terminal: ClassVar[bool] = True


class OutputItemAdded(ItemEvent, frozen=True, kw_only=True, tag_field="type", tag="response.output_item.added"):
    """An item begins; `item` is what is known of it."""

    zero: ClassVar[Mapping[str, object]] = {"item": ExtensionItem(fields=NOTHING)}

    item: Item


class OutputItemDone(ItemEvent, frozen=True, kw_only=True, tag_field="type", tag="response.output_item.done"):
    """An item is finished; `item` is all of it."""

    zero: ClassVar[Mapping[str, object]] = {"item": ExtensionItem(fields=NOTHING)}

    item: Item


class ContentPartAdded(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.content_part.added"):
    """A content part begins; `part` is empty."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": "", "part": ExtensionContent(fields=NOTHING)}

    part: Content


class ContentPartDone(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.content_part.done"):
    """A content part is finished; `part` is all of it."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": "", "part": ExtensionContent(fields=NOTHING)}

    part: Content


class OutputTextDelta(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.output_text.delta"):
    """More text. `obfuscation` is padding that says nothing."""

    delta: str
    logprobs: list[LogProb] | UnsetType = UNSET
    obfuscation: str | UnsetType = UNSET


class OutputTextDone(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.output_text.done"):
    """The text is finished; `text` is all of it."""

    text: str
    logprobs: list[LogProb] | UnsetType = UNSET


class OutputTextAnnotationAdded(
    ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.output_text.annotation.added"
):
    """An annotation; `annotation_index` is its place in the part's `annotations`, from 0."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": "", "annotation": ExtensionAnnotation(fields=NOTHING)}

    annotation_index: int
    annotation: Annotation


class RefusalDelta(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.refusal.delta"):
    """More of a refusal."""

    delta: str


class RefusalDone(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.refusal.done"):
    """The refusal is finished; `refusal` is all of it."""

    refusal: str


class ReasoningDelta(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning.delta"):
    """More raw reasoning."""

    delta: str
    obfuscation: str | UnsetType = UNSET


class ReasoningDone(ContentEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning.done"):
    """The raw reasoning is finished; `text` is all of it."""

    text: str


class ReasoningSummaryPartAdded(
    SummaryEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning_summary_part.added"
):
    """A part of a reasoning summary begins; `part` is empty."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": "", "part": ExtensionContent(fields=NOTHING)}

    part: Content


class ReasoningSummaryPartDone(
    SummaryEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning_summary_part.done"
):
    """A part of a reasoning summary is finished; `part` is all of it."""

    zero: ClassVar[Mapping[str, object]] = {"item_id": "", "part": ExtensionContent(fields=NOTHING)}

    part: Content


class ReasoningSummaryTextDelta(
    SummaryEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning_summary_text.delta"
):
    """More of a summary part."""

    delta: str
    obfuscation: str | UnsetType = UNSET


class ReasoningSummaryTextDone(
    SummaryEvent, frozen=True, kw_only=True, tag_field="type", tag="response.reasoning_summary_text.done"
):
    """The text of a summary part is finished; `text` is all of it."""

    text: str


class FunctionCallArgumentsDelta(
    ArgumentsEvent, frozen=True, kw_only=True, tag_field="type", tag="response.function_call_arguments.delta"
):
    """More of a call's arguments."""

    delta: str
    obfuscation: str | UnsetType = UNSET


class FunctionCallArgumentsDone(
    ArgumentsEvent, frozen=True, kw_only=True, tag_field="type", tag="response.function_call_arguments.done"
):
    """A call's arguments are finished; `arguments` is all of them."""

    arguments: str


class ErrorEvent(OutputEvent, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something went wrong; `response.failed` follows."""

    error: ErrorPayload


class ExtensionEvent(Event, frozen=True, kw_only=True, tag_field="type", tag="*event*"):
    """An event of a type the specification does not define (`acme:trace_event`), with every field it came with.

    `fields` is the whole event but for `sequence_number`; `type` is among them.
    """

    fields: Extra

    @property
    def event_type(self) -> str:
        """The event's own `type`, or the empty string where it has none."""
        value = self.fields.get("type")
        return value if isinstance(value, str) else ""

    @property
    def response_id(self) -> str | UnsetType:
        """Its `response_id` (VT Code writes one), or UNSET."""
        value = self.fields.get("response_id")
        return value if isinstance(value, str) else UNSET

    def __getitem__(self, key: str) -> object:
        """Return the field `key` as it came; raise KeyError where there is none."""
        return self.fields[key]


StandardEvent = (
    ResponseCreated
    | ResponseQueued
    | ResponseInProgress
    | ResponseCompleted
    | ResponseFailed
    | ResponseIncomplete
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | OutputTextAnnotationAdded
    | RefusalDelta
    | RefusalDone
    | ReasoningDelta
    | ReasoningDone
    | ReasoningSummaryPartAdded
    | ReasoningSummaryPartDone
    | ReasoningSummaryTextDelta
    | ReasoningSummaryTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | ErrorEvent
)
"""The 24 events of the specification."""

DeltaEvent = OutputTextDelta | RefusalDelta | ReasoningDelta | ReasoningSummaryTextDelta | FunctionCallArgumentsDelta
"""The events that carry a piece of text, in `delta`."""

ResponseStreamEvent = StandardEvent | ExtensionEvent
"""Any event of a stream."""

STANDARD_EVENTS: tuple[type[StandardEvent], ...] = (
    ResponseCreated,
    ResponseQueued,
    ResponseInProgress,
    ResponseCompleted,
    ResponseFailed,
    ResponseIncomplete,
    OutputItemAdded,
    OutputItemDone,
    ContentPartAdded,
    ContentPartDone,
    OutputTextDelta,
    OutputTextDone,
    OutputTextAnnotationAdded,
    RefusalDelta,
    RefusalDone,
    ReasoningDelta,
    ReasoningDone,
    ReasoningSummaryPartAdded,
    ReasoningSummaryPartDone,
    ReasoningSummaryTextDelta,
    ReasoningSummaryTextDone,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    ErrorEvent,
)
"""The classes of the 24 events, in the order of the specification's lifecycle."""
