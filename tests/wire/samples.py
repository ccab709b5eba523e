"""One event of each kind, and a response to put in them."""

from __future__ import annotations

from penstock.spec.base import Extra
from penstock.spec.content import (
    ExtensionAnnotation,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    UrlCitation,
)
from penstock.spec.events import (
    ContentPartAdded,
    ContentPartDone,
    ErrorEvent,
    ExtensionEvent,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    OutputItemAdded,
    OutputItemDone,
    OutputTextAnnotationAdded,
    OutputTextDelta,
    OutputTextDone,
    ReasoningDelta,
    ReasoningDone,
    ReasoningSummaryPartAdded,
    ReasoningSummaryPartDone,
    ReasoningSummaryTextDelta,
    ReasoningSummaryTextDone,
    RefusalDelta,
    RefusalDone,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    ResponseStreamEvent,
)
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import (
    PLAIN_TEXT,
    ErrorPayload,
    IncompleteDetails,
    Response,
    ResponseError,
    TextField,
)

CITATION = UrlCitation(url="https://example.org", title="Example", start_index=0, end_index=2)
TEXT_PART = OutputTextContent(text="Hi", annotations=[CITATION])
MESSAGE = MessageItem(id="msg_1", status="completed", role="assistant", content=[TEXT_PART])
REASONING = ReasoningItem(
    id="rs_1",
    status="completed",
    summary=[SummaryTextContent(text="greets")],
    content=[ReasoningTextContent(text="The user greets.")],
)
CALL = FunctionCallItem(id="fc_1", call_id="call_1", name="look", arguments='{"at":"sky"}', status="completed")


def response(status: str = "in_progress", output: list[Item] | None = None, **fields: object) -> Response:
    return Response(
        id="resp_1",
        object="response",
        created_at=1_700_000_000,
        completed_at=None,
        status=status,
        incomplete_details=fields.get("incomplete_details"),  # type: ignore[arg-type]
        model="m",
        previous_response_id=None,
        instructions=None,
        output=output or [],
        error=fields.get("error"),  # type: ignore[arg-type]
        tools=[],
        tool_choice="auto",
        truncation="disabled",
        parallel_tool_calls=True,
        text=TextField(format=PLAIN_TEXT),
        top_p=1.0,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        top_logprobs=0,
        temperature=1.0,
        reasoning=None,
        usage=None,
        max_output_tokens=None,
        max_tool_calls=None,
        store=False,
        background=False,
        service_tier="default",
        metadata={},
        safety_identifier=None,
        prompt_cache_key=None,
    )


def text_delta(number: int = 4, delta: str = "Hi") -> OutputTextDelta:
    return OutputTextDelta(sequence_number=number, item_id="msg_1", output_index=0, content_index=0, delta=delta)


STANDARD: list[ResponseStreamEvent] = [
    ResponseCreated(sequence_number=0, response=response()),
    ResponseQueued(sequence_number=1, response=response("queued")),
    ResponseInProgress(sequence_number=2, response=response()),
    OutputItemAdded(
        sequence_number=3,
        output_index=0,
        item=MessageItem(id="msg_1", status="in_progress", role="assistant", content=[]),
    ),
    ContentPartAdded(
        sequence_number=4,
        item_id="msg_1",
        output_index=0,
        content_index=0,
        part=OutputTextContent(text="", annotations=[]),
    ),
    text_delta(5),
    OutputTextAnnotationAdded(
        sequence_number=6,
        item_id="msg_1",
        output_index=0,
        content_index=0,
        annotation_index=0,
        annotation=CITATION,
    ),
    OutputTextDone(sequence_number=7, item_id="msg_1", output_index=0, content_index=0, text="Hi"),
    ContentPartDone(sequence_number=8, item_id="msg_1", output_index=0, content_index=0, part=TEXT_PART),
    OutputItemDone(sequence_number=9, output_index=0, item=MESSAGE),
    ContentPartAdded(
        sequence_number=10,
        item_id="msg_2",
        output_index=1,
        content_index=0,
        part=RefusalContent(refusal=""),
    ),
    RefusalDelta(sequence_number=11, item_id="msg_2", output_index=1, content_index=0, delta="No."),
    RefusalDone(sequence_number=12, item_id="msg_2", output_index=1, content_index=0, refusal="No."),
    OutputItemAdded(
        sequence_number=13,
        output_index=2,
        item=ReasoningItem(id="rs_1", status="in_progress", summary=[]),
    ),
    ContentPartAdded(
        sequence_number=14,
        item_id="rs_1",
        output_index=2,
        content_index=0,
        part=ReasoningTextContent(text=""),
    ),
    ReasoningDelta(sequence_number=15, item_id="rs_1", output_index=2, content_index=0, delta="The user greets."),
    ReasoningDone(sequence_number=16, item_id="rs_1", output_index=2, content_index=0, text="The user greets."),
    ReasoningSummaryPartAdded(
        sequence_number=17,
        item_id="rs_1",
        output_index=2,
        summary_index=0,
        part=SummaryTextContent(text=""),
    ),
    ReasoningSummaryTextDelta(sequence_number=18, item_id="rs_1", output_index=2, summary_index=0, delta="greets"),
    ReasoningSummaryTextDone(sequence_number=19, item_id="rs_1", output_index=2, summary_index=0, text="greets"),
    ReasoningSummaryPartDone(
        sequence_number=20,
        item_id="rs_1",
        output_index=2,
        summary_index=0,
        part=SummaryTextContent(text="greets"),
    ),
    OutputItemDone(sequence_number=21, output_index=2, item=REASONING),
    FunctionCallArgumentsDelta(sequence_number=22, item_id="fc_1", output_index=3, delta='{"at"'),
    FunctionCallArgumentsDone(sequence_number=23, item_id="fc_1", output_index=3, arguments='{"at":"sky"}'),
    OutputItemDone(sequence_number=24, output_index=3, item=CALL),
    ErrorEvent(
        sequence_number=25,
        error=ErrorPayload(type="model_error", code="broken", message="It broke.", param=None),
    ),
    ResponseFailed(
        sequence_number=26, response=response("failed", error=ResponseError(code="server_error", message="It broke."))
    ),
    ResponseIncomplete(
        sequence_number=27,
        response=response("incomplete", incomplete_details=IncompleteDetails(reason="max_output_tokens")),
    ),
    ResponseCompleted(sequence_number=28, response=response("completed", [MESSAGE, REASONING, CALL])),
]
"""Each of the 24 events, some more than once; as they might stand in streams, not one stream."""

EXTENSIONS: list[ResponseStreamEvent] = [
    ExtensionEvent(sequence_number=29, fields=Extra({"type": "acme:trace", "phase": "search", "ms": 34})),
    OutputItemDone(
        sequence_number=30,
        output_index=4,
        item=ExtensionItem(
            fields=Extra({"type": "acme:search", "id": "se_1", "status": "completed", "query": ["a", {"b": None}]})
        ),
    ),
    OutputTextAnnotationAdded(
        sequence_number=31,
        item_id="msg_1",
        output_index=0,
        content_index=0,
        annotation_index=1,
        annotation=ExtensionAnnotation(fields=Extra({"type": "acme:footnote", "n": 1})),
    ),
]
EVENTS = STANDARD + EXTENSIONS
