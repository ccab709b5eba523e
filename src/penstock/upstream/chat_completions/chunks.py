"""The chunks of a Chat Completions stream, as far as they are read; whole replies have the same shape.

Two roads lead to a `Chunk`, as everywhere in Penstock. The exact road is one msgspec call and carries what OpenAI and
most others send. The tolerant road takes whatever else is JSON, field by field: a field of another type than the API's
counts as absent, except where it is plain what was meant (arguments as an object, a number as an id).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from penstock.spec.base import JsonObject
from penstock.upstream.values import (
    WRONG_JSON,
    as_integer,
    as_list,
    as_logprob,
    as_object,
    as_text,
    each,
    json_text,
    read_object,
)


class FunctionDelta(Struct, gc=False):
    """More of a function call: its name, usually once, and pieces of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Struct, gc=False):
    """More of a tool call. The API promises `index` on every chunk and `id` on the first; not everyone keeps it."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None
    custom: JsonObject | None = None
    extra_content: JsonObject | None = None
    """What Google's endpoint wants back with the call: the signature of the thoughts behind it."""


class TokenLogProb(Struct, gc=False):
    """One token with its log probability; `bytes` is null where the token is no text of its own."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TokenLogProb] | None = None


class LogProbs(Struct, gc=False):
    """The log probabilities of a chunk's tokens."""

    content: list[TokenLogProb] | None = None
    refusal: list[TokenLogProb] | None = None


class Delta(Struct, gc=False):
    """What a chunk adds to the message, or in a whole reply the message."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[JsonObject] | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: list[JsonObject] | None = None
    audio: JsonObject | None = None
    images: list[Any] | None = None


class Choice(Struct, gc=False):
    """One of the answers; `delta` in a stream, `message` in a whole reply."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    logprobs: LogProbs | None = None
    finish_reason: str | None = None
    error: Any = None


class GroqExtras(Struct, gc=False):
    """Where Groq puts the usage of a stream."""

    usage: JsonObject | None = None
    error: Any = None


class Chunk(Struct, gc=False):
    """One frame of the stream. `object`, `message`, `detail`, `type`, `code` and `param` matter in bare errors only."""

    choices: list[Choice] | None = None
    model: str | None = None
    usage: JsonObject | None = None
    error: Any = None
    x_groq: GroqExtras | None = None
    object: Any = None
    message: Any = None
    detail: Any = None
    type: Any = None
    code: Any = None
    param: Any = None


CALL_EXTRA = "reasoning.call"
"""Our own type of a line of `EncryptedReasoning`, beside the provider's `reasoning_details`: the `extra_content` of a
call, under its `call_id`. It goes back with the call."""

decode_chunk = msgspec.json.Decoder(Chunk).decode
"""The exact road: a chunk, or one of `WRONG_JSON`."""


def read_chunk(data: bytes) -> Chunk:
    """Return the chunk in `data`, the JSON of one frame or of a whole reply; raise ValueError where it holds none.

    An object without any field we know is an empty chunk. An array of one object counts as the object.
    """
    try:
        return decode_chunk(data)
    except WRONG_JSON:
        return _chunk(read_object(data, unwrap=True))


def _chunk(value: JsonObject) -> Chunk:
    groq = as_object(value.get("x_groq"))
    return Chunk(
        choices=each(_choice, value.get("choices")),
        model=as_text(value.get("model")),
        usage=as_object(value.get("usage")),
        error=value.get("error"),
        x_groq=GroqExtras(usage=as_object(groq.get("usage")), error=groq.get("error")) if groq else None,
        object=value.get("object"),
        message=value.get("message"),
        detail=value.get("detail"),
        type=value.get("type"),
        code=value.get("code"),
        param=value.get("param"),
    )


def _choice(value: object) -> Choice | None:
    fields = as_object(value)
    if fields is None:
        return None
    return Choice(
        index=as_integer(fields.get("index")),
        delta=_delta(fields.get("delta")),
        message=_delta(fields.get("message")),
        logprobs=_logprobs(fields.get("logprobs")),
        finish_reason=as_text(fields.get("finish_reason")),
        error=fields.get("error"),
    )


def _logprobs(value: object) -> LogProbs | None:
    fields = as_object(value)
    if fields is None:
        return None
    return LogProbs(content=each(_token, fields.get("content")), refusal=each(_token, fields.get("refusal")))


def _delta(value: object) -> Delta | None:
    fields = as_object(value)
    if fields is None:
        return None
    content = fields.get("content")
    part = as_object(content)  # one may stand alone where a list of them belongs
    parts = as_list(content) if part is None else [part]
    return Delta(
        content=as_text(content) if parts is None else parts,
        refusal=as_text(fields.get("refusal")),
        reasoning_content=as_text(fields.get("reasoning_content")),
        reasoning=as_text(fields.get("reasoning")),
        reasoning_details=each(as_object, fields.get("reasoning_details")),
        tool_calls=each(_tool_call, fields.get("tool_calls")),
        function_call=_function(fields.get("function_call")),
        annotations=each(as_object, fields.get("annotations")),
        audio=as_object(fields.get("audio")),
        images=as_list(fields.get("images")),
    )


def _tool_call(value: object) -> ToolCallDelta | None:
    fields = as_object(value)
    if fields is None:
        return None
    identity = fields.get("id")
    number = as_integer(identity)
    return ToolCallDelta(
        index=as_integer(fields.get("index")),
        id=as_text(identity) if number is None else str(number),
        function=_function(fields.get("function")),
        custom=as_object(fields.get("custom")),
        extra_content=as_object(fields.get("extra_content")),
    )


def _function(value: object) -> FunctionDelta | None:
    fields = as_object(value)
    if fields is None:
        return None
    arguments = fields.get("arguments")
    if as_object(arguments) is not None:
        arguments = json_text(arguments)
    return FunctionDelta(name=as_text(fields.get("name")), arguments=as_text(arguments))


def _token(value: object) -> TokenLogProb | None:
    fields = as_object(value)
    token = as_text(fields.get("token")) if fields else None
    if fields is None or token is None:
        return None
    return TokenLogProb(
        token=token,
        logprob=as_logprob(fields.get("logprob")),
        bytes=each(as_integer, fields.get("bytes")),
        top_logprobs=each(_token, fields.get("top_logprobs")),
    )
