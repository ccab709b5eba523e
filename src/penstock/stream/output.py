"""What a model can say: the vocabulary of producers and upstream adapters.

A producer says what the model did, in order; ids, indexes, numbers and lifecycles are the writer's affair. Each
object says one thing. A bare `str` is `Text`.

How the pieces find their place:

- `Text` and `Refusal` go to the open message, `Reasoning`, `ReasoningSummary` and `EncryptedReasoning` to the open
  reasoning item; where none is open, one begins. The next item that begins closes both.
- A `FunctionCall` stays open beside others, so that parallel calls may arrive interleaved; `Arguments` name their call
  by its `call_id`, or mean the call that began last.
- `Done` closes early what is known to be finished; the end of the stream closes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import Annotation, LogProb
from penstock.spec.items import Item, Phase
from penstock.spec.response import ErrorPayload

__all__ = [
    "Annotated",
    "Arguments",
    "Done",
    "EncryptedReasoning",
    "Extension",
    "Failure",
    "FunctionCall",
    "NewMessage",
    "NewPart",
    "Output",
    "ReadyItem",
    "Reasoning",
    "ReasoningSummary",
    "Refusal",
    "Stop",
    "StopReason",
    "Text",
    "Usage",
]

StopReason = Literal["stop", "tool_calls", "max_output_tokens", "content_filter"]
"""Why the model stopped. The last two make the response incomplete; any other string does too, as its reason."""


class Text(Struct, frozen=True):
    """More text of the answer; `logprobs` are those of its tokens, where they were asked for."""

    text: str
    logprobs: list[LogProb] | None = None


class Refusal(Struct, frozen=True):
    """More of a refusal to answer."""

    text: str


class Annotated(Struct, frozen=True):
    """An annotation on the open text part, such as `UrlCitation`."""

    annotation: Annotation


class Reasoning(Struct, frozen=True):
    """More raw reasoning, as the model wrote it."""

    text: str


class ReasoningSummary(Struct, frozen=True):
    """More of the reasoning's summary; `NewPart` begins its next part."""

    text: str


class EncryptedReasoning(Struct, frozen=True):
    """Reasoning in the provider's protected form, to be sent back as it is. More of it is appended."""

    data: str


class FunctionCall(Struct, frozen=True):
    """A call of a function.

    `arguments`: None if they follow as `Arguments`; a string (JSON text) or a mapping if these are all of them, and
    the call is finished. `call_id`: what the result will be matched by; made up where it is None, or where a call of
    this response has it already. `key`: any name the producer knows the call by while its id is not known to it;
    `Arguments` and `Done` may use it in place of the id. Of two calls of one name, the later is meant. `id`: the item's
    own, where the call was made elsewhere, kept if it is free; `extra`: what the item held beyond the specification.
    """

    name: str
    arguments: str | Mapping[str, object] | None = None
    call_id: str | None = None
    key: str | None = None
    id: str | None = None
    extra: Extra = NOTHING


class Arguments(Struct, frozen=True):
    """More of a call's arguments, as JSON text; `call` is its `key` or `call_id`, None means the last call."""

    delta: str
    call: str | None = None


class NewMessage(Struct, frozen=True):
    """What follows is a new message, or new reasoning; `phase` tells commentary from the final answer.

    `id` and `extra` are of an item that was made elsewhere, as in `FunctionCall`: of the message or the reasoning,
    whichever begins next.
    """

    phase: Phase | None = None
    id: str | None = None
    extra: Extra = NOTHING


class NewPart(Struct, frozen=True):
    """What follows is a new part of the open message, or of the open reasoning item's content or summary."""


class ReadyItem(Struct, frozen=True):
    """A whole item, made elsewhere: its content is streamed, its id is kept where it has one."""

    item: Item


class Extension(Struct, frozen=True):
    """An event of the implementor's own, `type` with its slug (`acme:trace_event`). It never touches the output."""

    type: str
    fields: Mapping[str, object] = {}


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens read and written so far, in all; the last one said counts.

    `total_tokens` is what the provider said it to be, if it did; the response tells the sum.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int | None = None
    extra: Extra = NOTHING


class Done(Struct, frozen=True):
    """The open item is finished, or the call with this `key` or `call_id`."""

    call: str | None = None


class Stop(Struct, frozen=True):
    """Why the model stopped. Only `stop` and `tool_calls` make a completed response."""

    reason: StopReason | str = "stop"


class Failure(Struct, frozen=True):
    """The model or its server failed: the response ends with an `error` event and `response.failed`."""

    error: ErrorPayload


Output = (
    Text
    | Refusal
    | Annotated
    | Reasoning
    | ReasoningSummary
    | EncryptedReasoning
    | FunctionCall
    | Arguments
    | NewMessage
    | NewPart
    | ReadyItem
    | Extension
    | Usage
    | Done
    | Stop
    | Failure
    | str
)
"""Anything a model can say."""
