"""The events of a Messages stream, as far as they are read.

Two roads lead to an `Event`, as everywhere in Penstock. The exact road is one msgspec call and carries what Anthropic
sends. The tolerant road takes whatever else is JSON, field by field: a field of another type counts as absent.

A whole reply is a message, the object that `message_start` holds in a stream; there its content is complete.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from penstock.spec.base import JsonObject
from penstock.upstream.values import WRONG_JSON, as_integer, as_list, as_object, as_text, read_object


class Delta(Struct, gc=False):
    """What an event adds: to a block in `content_block_delta`, to the message in `message_delta`."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: JsonObject | None = None
    content: str | None = None
    encrypted_content: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: JsonObject | None = None
    container: JsonObject | None = None


class Event(Struct, gc=False):
    """One frame of the stream."""

    type: str = ""
    index: int | None = None
    delta: Delta | None = None
    content_block: JsonObject | None = None
    message: JsonObject | None = None
    usage: JsonObject | None = None
    error: Any = None
    request_id: str | None = None
    context_management: JsonObject | None = None
    input_transformations: list[Any] | None = None


decode_event = msgspec.json.Decoder(Event).decode
"""The exact road: an event, or one of `WRONG_JSON`."""


def read_event(data: bytes) -> Event:
    """Return the event in `data`, the JSON of one frame; raise ValueError where it holds no object."""
    try:
        return decode_event(data)
    except WRONG_JSON:
        return _event(read_object(data))


def _event(fields: JsonObject) -> Event:
    return Event(
        type=as_text(fields.get("type")) or "",
        index=as_integer(fields.get("index")),
        delta=_delta(fields.get("delta")),
        content_block=as_object(fields.get("content_block")),
        message=as_object(fields.get("message")),
        usage=as_object(fields.get("usage")),
        error=fields.get("error"),
        request_id=as_text(fields.get("request_id")),
        context_management=as_object(fields.get("context_management")),
        input_transformations=as_list(fields.get("input_transformations")),
    )


def _delta(value: object) -> Delta | None:
    fields = as_object(value)
    if fields is None:
        return None
    return Delta(
        type=as_text(fields.get("type")) or "",
        text=as_text(fields.get("text")) or "",
        partial_json=as_text(fields.get("partial_json")) or "",
        thinking=as_text(fields.get("thinking")) or "",
        signature=as_text(fields.get("signature")) or "",
        citation=as_object(fields.get("citation")),
        content=as_text(fields.get("content")),
        encrypted_content=as_text(fields.get("encrypted_content")),
        stop_reason=as_text(fields.get("stop_reason")),
        stop_sequence=as_text(fields.get("stop_sequence")),
        stop_details=as_object(fields.get("stop_details")),
        container=as_object(fields.get("container")),
    )
