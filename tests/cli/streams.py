"""Streams to show: one with everything in it, written by our own writer, and some that nobody should write."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

from penstock.spec.base import Extra
from penstock.spec.content import UrlCitation
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import ExtensionItem
from penstock.spec.response import ErrorPayload
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import (
    Annotated,
    Arguments,
    EncryptedReasoning,
    Extension,
    Failure,
    FunctionCall,
    NewMessage,
    NewPart,
    Output,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Stop,
    Text,
    Usage,
)
from penstock.stream.writer import ResponseWriter
from penstock.wire.sse import SSEEncoder

EVERYTHING: Sequence[Output] = (
    Reasoning("The user wants the gate opened.\n"),
    Reasoning("Is that safe?"),
    ReasoningSummary("**Checking the gate**\n\nLooking at the level."),
    NewPart(),
    ReasoningSummary("**Deciding**"),
    EncryptedReasoning("x" * 1234),
    NewMessage(phase="commentary"),
    Text("Let me look at the gauge – 水位 first, then the gate. "),
    Text("See the manual."),
    Annotated(UrlCitation(url="https://example.org/manual", title="Manual", start_index=54, end_index=60)),
    FunctionCall("read_gauge", call_id="call_1"),
    FunctionCall("open_gate", call_id="call_2", key="b"),
    Arguments('{"station":"upper pool",', call="call_1"),
    Arguments('{"gate":1,"steps":[', call="b"),
    Arguments('"unit":"m"}', call="call_1"),
    Arguments('{"by":0.25,"after":"10 s"},{"by":0.5,"after":"20 s"},{"by":1.0,"after":"60 s"}]}', call="b"),
    Extension("acme:trace_event", {"span": 7}),
    ReadyItem(
        ExtensionItem(
            fields=Extra(
                {"type": "acme:search", "id": "as_1", "status": "completed", "query": "penstock", "hits": [1, 2]}
            )
        )
    ),
    NewMessage(phase="final_answer"),
    Refusal("I will not open it at night."),
    Usage(input_tokens=1870, output_tokens=142, cached_tokens=128, reasoning_tokens=58),
    Stop("tool_calls"),
)

FAILURE: Sequence[Output] = (
    Text("Half an ans"),
    Failure(ErrorPayload(type="server_error", code="overloaded", message="Too many\nmillers.", param=None)),
)

INCOMPLETE: Sequence[Output] = (Text("Half an answer"), Stop("max_output_tokens"))

HOSTILE_TEXT = "a\x1b[2J\x1b]0;title\x07b\x08c\x9b31md\u202ee\x00f\x7fg\r\nh\ri\ud800j\u2028k"
SHOWN_TEXT = "a\\x1b[2J\\x1b]0;title\\x07b\\x08c\\x9b31md\\u202ee\\x00f\\x7fg\nh\\x0di\\ud800j\\u2028k"


def written(outputs: Sequence[Output]) -> list[ResponseStreamEvent]:
    """Return what the writer makes of `outputs`, with ids and a clock that are always the same."""
    emitter = ListStreamEmitter()
    numbers = itertools.count()
    writer = ResponseWriter(
        emitter, model="gatekeeper-1", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1_700_000_000.0
    )
    writer.start()
    for output in outputs:
        writer.send(output)
    writer.finish()
    return list(emitter.events)


def sse(events: Sequence[ResponseStreamEvent]) -> bytes:
    """Return `events` as a server sends them."""
    encoder = SSEEncoder()
    return b"".join([*map(encoder.encode, events), encoder.done()])


def raw(*events: dict[str, object]) -> bytes:
    """Return events as they are, right or wrong."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


RESPONSE: dict[str, object] = {
    "id": "resp_1",
    "object": "response",
    "model": "m",
    "status": "in_progress",
    "output": [],
}
MESSAGE: dict[str, object] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "in_progress",
    "content": [],
}


def delta(text: str, index: int = 0) -> dict[str, object]:
    """Return a text delta."""
    return {
        "type": "response.output_text.delta",
        "item_id": f"msg_{index}",
        "output_index": index,
        "content_index": 0,
        "delta": text,
    }


def part(text: str) -> dict[str, object]:
    """Return a text part."""
    return {"type": "output_text", "text": text, "annotations": []}


BROKEN = raw(
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
    delta("Hel"),
    delta("lo"),
) + b"data: {broken\n\n" + raw(
    {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": MESSAGE | {"status": "completed", "content": [part("Hallo Welt")]},
    },
    {
        "type": "response.completed",
        "response": RESPONSE
        | {
            "status": "completed",
            "output": [
                MESSAGE | {"id": "msg_2", "status": "completed", "content": [part("Hallo Welt")]},
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": "look",
                    "arguments": "{oops",
                    "status": "completed",
                },
            ],
        },
    },
)  # fmt: skip
"""No part was added, one frame is damaged, what was finished is not what was streamed, nor what the end tells."""
