"""The chunks of a Gemini stream, as far as they are read; whole replies have the same shape.

Two roads lead to a `Chunk`, as everywhere in Penstock. The exact road is one msgspec call and carries text, thoughts
and function calls. The tolerant road takes whatever else is JSON, field by field, and a part of any other kind, known
or not, whole: a field of another type than the API's counts as absent.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from penstock.spec.base import JsonObject
from penstock.upstream.values import (
    WRONG_JSON,
    as_integer,
    as_list,
    as_object,
    as_text,
    each,
    json_text,
    read_json,
    read_object,
)

NO_USAGE = Raw()
"""What stands for the usage of a chunk that tells none."""
NULL_USAGE = Raw(b"null")
"""What a chunk may have in its place."""


class FunctionCallPart(Struct, gc=False, rename="camel"):
    """A call of a function. `partial_args` and `will_continue` tell one in pieces, which Vertex AI can be asked for."""

    id: str | None = None
    name: str | None = None
    args: JsonObject | None = None
    partial_args: list[JsonObject] | None = None
    will_continue: bool | None = None


class Part(Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    """A part of the answer. What the exact road does not know is in `other`, the whole part as it came."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCallPart | None = None
    # The name on the wire can never be seen there.
    other: JsonObject | None = field(default=None, name="*other*")


class Content(Struct, gc=False):
    """The parts that a chunk adds to the answer."""

    parts: list[Part] | None = None


class Candidate(Struct, gc=False, rename="camel"):
    """One of the answers. The metadata come with the last chunk, or with any."""

    index: int | None = None
    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    safety_ratings: list[JsonObject] | None = None
    grounding_metadata: JsonObject | None = None
    citation_metadata: JsonObject | None = None
    url_context_metadata: JsonObject | None = None
    logprobs_result: JsonObject | None = None
    continuation_token: str | None = None


class Chunk(Struct, gc=False, rename="camel"):
    """One frame of the stream. Every one tells the usage so far, of which only the last counts: it is left unread."""

    candidates: list[Candidate] | None = None
    usage_metadata: Raw = NO_USAGE
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: JsonObject | None = None
    error: Any = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
"""The exact road: a chunk, or one of `WRONG_JSON`."""


def read_chunk(data: bytes) -> Chunk:
    """Return the chunk in `data`, the JSON of one frame; raise ValueError where it holds none.

    An object without any field we know is an empty chunk. An array of one object counts as the object.
    """
    try:
        return decode_chunk(data)
    except WRONG_JSON:
        return chunk_of(read_object(data, unwrap=True))


def read_document(data: bytes) -> list[Chunk]:
    """Return the chunks of a body that is one JSON document: a reply, or an array of all chunks of a stream.

    Raises ValueError where `data` holds neither.
    """
    value = read_json(data)
    elements = as_list(value)
    objects = [as_object(element) for element in (elements if elements is not None else [value])]
    if not objects or None in objects:
        raise ValueError("no JSON object")
    return [chunk_of(fields) for fields in objects if fields is not None]


def chunk_of(value: JsonObject) -> Chunk:
    """Return any JSON object as a chunk: the tolerant road."""
    usage = as_object(value.get("usageMetadata"))
    return Chunk(
        candidates=each(_candidate, value.get("candidates")),
        usage_metadata=Raw(json_text(usage).encode("utf-8", "replace")) if usage else NO_USAGE,
        model_version=as_text(value.get("modelVersion")),
        response_id=as_text(value.get("responseId")),
        prompt_feedback=as_object(value.get("promptFeedback")),
        error=value.get("error"),
    )


def _candidate(value: object) -> Candidate | None:
    fields = as_object(value)
    if fields is None:
        return None
    return Candidate(
        index=as_integer(fields.get("index")),
        content=_content(fields.get("content")),
        finish_reason=as_text(fields.get("finishReason")),
        finish_message=as_text(fields.get("finishMessage")),
        safety_ratings=each(as_object, fields.get("safetyRatings")),
        grounding_metadata=as_object(fields.get("groundingMetadata")),
        citation_metadata=as_object(fields.get("citationMetadata")),
        url_context_metadata=as_object(fields.get("urlContextMetadata")),
        logprobs_result=as_object(fields.get("logprobsResult")),
        continuation_token=as_text(fields.get("continuationToken")),
    )


def _content(value: object) -> Content | None:
    fields = as_object(value)
    return None if fields is None else Content(parts=each(_part, fields.get("parts")))


_EXACT = frozenset({"text", "thought", "thoughtSignature", "functionCall"})


def _part(value: object) -> Part | None:
    fields = as_object(value)
    if fields is None:
        return None
    return Part(
        text=as_text(fields.get("text")),
        thought=fields.get("thought") is True,
        thought_signature=as_text(fields.get("thoughtSignature")),
        function_call=_call(fields.get("functionCall")),
        other=None if fields.keys() <= _EXACT else fields,
    )


def _call(value: object) -> FunctionCallPart | None:
    fields = as_object(value)
    if fields is None:
        return None
    return FunctionCallPart(
        id=as_text(fields.get("id")),
        name=as_text(fields.get("name")),
        args=as_object(fields.get("args")),
        partial_args=each(as_object, fields.get("partialArgs")),
        will_continue=fields.get("willContinue") is True,
    )
