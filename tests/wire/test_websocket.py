from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import Extra
from penstock.spec.events import ErrorEvent, ReasoningDelta, ResponseStreamEvent
from penstock.spec.request import WebSocketCreateResponse, WebSocketError
from penstock.spec.response import ErrorPayload
from penstock.wire.dialects import openai
from penstock.wire.errors import FramingError, JSONError, ShapeError, WireError
from penstock.wire.websocket import WebSocketCodec, decode_create, encode_create
from tests.wire.samples import EVENTS, STANDARD, text_delta

# The specification's example ("WebSocket Errors"); it has no `type` in its error.
EXAMPLE = """{
  "type": "error",
  "status": 400,
  "error": {
    "code": "previous_response_not_found",
    "message": "Previous response with id 'resp_abc' not found.",
    "param": "previous_response_id"
  }
}"""
ERROR = WebSocketError(
    status=429, error=ErrorPayload(type="too_many_requests", code="slow_down", message="Slow down.", param=None)
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_an_event_is_one_message(event: ResponseStreamEvent) -> None:
    message = WebSocketCodec().encode(event)
    assert message is not None
    assert WebSocketCodec().decode(message) == event
    assert WebSocketCodec().decode(message.encode()) == event


def test_an_error_is_told_from_an_event_by_its_status() -> None:
    codec = WebSocketCodec()
    message = codec.encode(ERROR)
    assert message is not None
    assert json.loads(message)["status"] == 429
    assert codec.decode(message) == ERROR
    event = ErrorEvent(sequence_number=1, error=ERROR.error)
    assert codec.decode(codec.encode(event) or "") == event


def test_the_example_of_the_specification_is_read() -> None:
    error = WebSocketCodec().decode(EXAMPLE)
    assert isinstance(error, WebSocketError)
    assert (error.status, error.error.code, error.error.param) == (
        400,
        "previous_response_not_found",
        "previous_response_id",
    )
    assert json.loads(WebSocketCodec().encode(error) or "") == json.loads(EXAMPLE)


def test_a_dialect_is_written_and_its_gaps_are_noted() -> None:
    codec = WebSocketCodec(openai())
    event = ReasoningDelta(sequence_number=1, item_id="rs_1", output_index=0, content_index=0, delta="x")
    message = codec.encode(event)
    assert json.loads(message or "")["type"] == "response.reasoning_text.delta"
    assert codec.decode(message or "") == event
    assert codec.encode(EVENTS[len(STANDARD)]) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"\x00\xff\xfe", JSONError),
        (b"", JSONError),
        ("[DONE]", JSONError),
        ("[]", JSONError),
        ("null", JSONError),
        ('"\ud800"', JSONError),
        ('{"type":"response.output_text.delta"}', ShapeError),
        ("x" * 3000, FramingError),
        (b"x" * 3000, FramingError),
        ("é" * 1500, FramingError),
    ],
)
def test_garbage_is_refused_and_the_codec_lives_on(message: str | bytes, kind: type[WireError]) -> None:
    codec = WebSocketCodec(max_message=2000)
    with pytest.raises(kind) as caught:
        codec.decode(message)
    start = message if isinstance(message, bytes) else message.encode("utf-8", "ignore")
    assert caught.value.frame == ("" if message == '"\ud800"' else start[:200].decode("latin1")).encode("latin1")
    assert codec.decode(codec.encode(text_delta()) or "") == text_delta()
    with pytest.raises(WireError):
        decode_create(message, max_message=2000)


def test_a_request_is_one_message() -> None:
    request = WebSocketCreateResponse(model="m", input="Hi", store=False)
    assert json.loads(encode_create(request)) == {
        "type": "response.create",
        "model": "m",
        "input": "Hi",
        "store": False,
    }
    assert decode_create(encode_create(request)) == request


def test_a_request_keeps_what_the_specification_does_not_know() -> None:
    request = decode_create('{"type":"response.create","model":"m","generate":false,"stream":true}')
    assert request.extra == Extra({"generate": False})
    assert request.stream is True
    assert decode_create(encode_create(request)) == request


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ('{"type":"response.cancel"}', "type"),
        ('{"model":"m"}', "type"),
        ('{"type":"response.create","temperature":"hot"}', "temperature"),
        ('{"type":"response.create","input":[{"type":"message","role":"user","content":[{"type":"input_text"}]}]}',
         "input[0].content[0].text"),
    ],
)  # fmt: skip
def test_a_request_the_specification_does_not_allow_is_refused_by_its_path(message: str, path: str) -> None:
    with pytest.raises(ShapeError) as caught:
        decode_create(message)
    assert caught.value.path == path
    assert caught.value.frame == message.encode()[:200]


@given(st.binary(max_size=100) | st.text(st.characters(exclude_categories=[]), max_size=100))
def test_nothing_but_wire_errors_ever_escapes(message: str | bytes) -> None:
    for decode in (WebSocketCodec().decode, decode_create):
        with contextlib.suppress(WireError):
            decode(message)
