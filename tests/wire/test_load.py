from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from msgspec import UNSET

from penstock.spec.base import NOTHING, Extra, SpecObject
from penstock.spec.items import ExtensionItem, ItemReferenceParam, MessageItem, MessageItemParam, ReasoningItemParam
from penstock.spec.request import CreateResponse, TextParam, WebSocketCreateResponse, WebSocketError
from penstock.spec.response import ErrorPayload, Response, ResponseUsage
from penstock.spec.tools import AllowedToolsParam
from penstock.wire.codec import to_plain
from penstock.wire.errors import SHOWN_FRAME_BYTES, FramingError, JSONError, ShapeError, WireError
from penstock.wire.load import load

MESSAGE = {"type": "message", "role": "user", "content": "hi"}


def refusal(cls: type[SpecObject], value: object, *, tolerant: bool = False, path: str = "") -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        load(cls, value, tolerant=tolerant, path=path)
    return caught.value


def test_object_is_typed_and_what_is_beyond_its_type_kept() -> None:
    request = load(CreateResponse, {"model": "m", "acme": [1]}, tolerant=False)
    assert request == CreateResponse(model="m", extra=Extra({"acme": [1]}))


def test_object_without_anything_beyond_its_type_has_no_extra() -> None:
    assert load(CreateResponse, {"model": "m"}, tolerant=False).extra is NOTHING


def test_given_data_is_left_as_it_was() -> None:
    given: dict[str, object] = {"type": "response.create", "input": [dict(MESSAGE)], "acme": 1}
    before = json.dumps(given)
    load(WebSocketCreateResponse, given, tolerant=False)
    assert json.dumps(given) == before


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_what_is_no_object_is_refused(value: object, *, tolerant: bool) -> None:
    assert refusal(ResponseUsage, value, tolerant=tolerant).expected.startswith("expected an object, got ")


@pytest.mark.parametrize("value", [None, 5, "x", []])
def test_what_is_no_object_is_no_extension_either(value: object) -> None:
    assert refusal(ExtensionItem, value, tolerant=True, path="item").path == "item"


def test_path_begins_where_the_caller_says() -> None:
    assert refusal(MessageItemParam, {**MESSAGE, "role": 5}, path="input[3]").path == "input[3].role"
    assert refusal(MessageItemParam, {"type": "message", "role": "user"}, path="input[3]").path == "input[3].content"
    assert refusal(MessageItemParam, 5, path="input[3]").path == "input[3]"
    assert refusal(MessageItemParam, {"type": "message", "content": ""}).path == "role"


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({"input": 5}, "input", "expected a string, an array or null, got 5"),
        ({"input": {}}, "input", "expected a string, an array or null, got an object"),
        ({"input": [5]}, "input[0]", "expected an object, got 5"),
        (
            {"input": [MESSAGE, {**MESSAGE, "content": [{"type": "input_text"}]}]},
            "input[1].content[0].text",
            "is required, and absent",
        ),
        ({"input": [{**MESSAGE, "content": [{"text": "x"}]}]}, "input[0].content[0].type", "is required, and absent"),
        (
            {"input": [{**MESSAGE, "role": "tool"}]},
            "input[0].role",
            "expected 'user', 'assistant', 'system' or 'developer', got 'tool'",
        ),
        ({"tools": [None]}, "tools[0]", "expected an object, got null"),
        ({"text": "plain"}, "text", "expected an object or null, got 'plain'"),
        ({"text": {"format": []}}, "text.format", "expected an object or null, got an array"),
        ({"metadata": {"a": {"b": 1}}}, "metadata.a", "expected a string, got an object"),
        (
            {"tool_choice": {"type": "allowed_tools", "tools": []}},
            "tool_choice.tools",
            "expected an array of 1 to 128 entries, got 0",
        ),
        (
            {"input": [{"type": "reasoning", "summary": [{"type": "x"}]}]},
            "input[0].summary[0].type",
            "expected 'summary_text', got 'x'",
        ),
        ({"input": [{"type": "item_reference", "id": None}]}, "input[0].id", "expected a string, got null"),
    ],
)
def test_strict_reading_tells_the_innermost_place(fields: dict[str, object], path: str, expected: str) -> None:
    error = refusal(CreateResponse, fields)
    assert (error.path, error.expected) == (path, expected)
    assert str(error) == f"{path}: {expected}"


def test_bounds_of_lists_of_objects_hold() -> None:
    choice = {"type": "function", "name": "f"}
    assert len(load(AllowedToolsParam, {"type": "allowed_tools", "tools": [choice] * 128}, tolerant=False).tools) == 128
    error = refusal(AllowedToolsParam, {"type": "allowed_tools", "tools": [choice] * 129})
    assert error.expected == "expected an array of 1 to 128 entries, got 129"


@pytest.mark.parametrize("kind", [{}, {"type": None}])
@pytest.mark.parametrize("tolerant", [True, False])
def test_object_with_a_role_is_a_message_though_no_type_says_so(kind: dict[str, object], *, tolerant: bool) -> None:
    request = load(CreateResponse, {"input": [{**kind, "role": "user", "content": "hi"}]}, tolerant=tolerant)
    assert request.input == [
        MessageItemParam(role="user", content="hi", extra=Extra({"type": kind.get("type", UNSET)}))
    ]
    assert to_plain(request) == {"input": [{**kind, "role": "user", "content": "hi"}]}


@pytest.mark.parametrize("kind", [{}, {"type": None}])
def test_object_with_an_id_alone_is_a_reference_though_no_type_says_so(kind: dict[str, object]) -> None:
    request = load(CreateResponse, {"input": [{**kind, "id": "msg_1"}]}, tolerant=False)
    assert request.input == [ItemReferenceParam(id="msg_1", extra=Extra({"type": kind.get("type", UNSET)}))]
    assert to_plain(request) == {"input": [{**kind, "id": "msg_1"}]}


@pytest.mark.parametrize(
    "fields", [{}, {"id": "x", "name": "f"}, {"type": None, "n": 1}, {"type": 5, "role": "user"}, {"type": ""}]
)
def test_object_whose_kind_cannot_be_told_is_refused_in_a_request_and_kept_in_a_response(
    fields: dict[str, Any],
) -> None:
    assert refusal(CreateResponse, {"input": [fields]}).path == "input[0].type"
    assert load(Response, {"output": [fields]}, tolerant=True).output == [ExtensionItem(fields=Extra(fields))]


def test_type_that_is_not_the_classes_own_is_kept() -> None:
    payload = {"type": "", "code": None, "message": "", "param": None}
    for kind in ({}, {"type": "oops"}, {"type": None}):
        document = {**kind, "status": 400, "error": payload}
        assert to_plain(load(WebSocketError, document, tolerant=True)) == document


def test_websocket_error_of_the_specification_is_read() -> None:
    # The example of "WebSocket Errors" has no `error.type`.
    document = {
        "type": "error",
        "status": 400,
        "error": {"code": "previous_response_not_found", "message": "m", "param": "p"},
    }
    error = load(WebSocketError, document, tolerant=True)
    payload = ErrorPayload(
        type="", code="previous_response_not_found", message="m", param="p", extra=Extra({"type": UNSET})
    )
    assert error == WebSocketError(status=400, error=payload)
    assert to_plain(error) == document


def test_tolerant_reading_mends_what_it_can_and_no_more() -> None:
    item = load(MessageItem, {"type": "message", "id": 5, "content": [5]}, tolerant=True)
    kept = {"id": 5, "content": [5], "status": UNSET, "role": UNSET}
    assert item == MessageItem(id="", status="in_progress", role="assistant", content=[], extra=Extra(kept))
    # Optional, and wrong: as if absent.
    assert load(TextParam, {"verbosity": "loud"}, tolerant=True) == TextParam(extra=Extra({"verbosity": "loud"}))
    # Required, and nothing can stand for it.
    assert refusal(ReasoningItemParam, {"type": "reasoning", "summary": 5}, tolerant=True).path == "summary"
    assert refusal(ReasoningItemParam, {"type": "reasoning"}, tolerant=True).expected == "is required, and absent"


def test_a_fraction_is_mended_in_a_stream_and_refused_in_a_request() -> None:
    fields = {"input_tokens": 1.5, "output_tokens": 2, "total_tokens": 3}
    assert load(ResponseUsage, fields, tolerant=True).input_tokens == 1
    assert refusal(CreateResponse, {"max_output_tokens": 16.5}).expected == "expected an integer or null, got 16.5"
    for number in (float("nan"), float("inf")):
        usage = load(ResponseUsage, {**fields, "input_tokens": number}, tolerant=True)
        assert usage.input_tokens == 0
        assert refusal(CreateResponse, {"max_output_tokens": number}).path == "max_output_tokens"


def test_a_number_without_a_fraction_is_an_integer_however_it_is_written() -> None:
    usage = load(ResponseUsage, {"input_tokens": 1.0, "output_tokens": 2, "total_tokens": 3e0}, tolerant=True)
    assert (usage.input_tokens, type(usage.input_tokens), type(usage.total_tokens)) == (1, int, int)
    assert "input_tokens" not in usage.extra
    for tolerant in (True, False):
        assert load(CreateResponse, {"max_output_tokens": 16.0}, tolerant=tolerant).max_output_tokens == 16
        # What may be any number stays as it is.
        assert type(load(CreateResponse, {"temperature": 1.0}, tolerant=tolerant).temperature) is float


@pytest.mark.parametrize("number", ["\ud83d", ["\ud83d"], {"\ud83d": 0}])
def test_a_lone_surrogate_where_no_string_may_be_is_mended_in_a_stream_and_refused_in_a_request(number: object) -> None:
    usage = {"input_tokens": number, "output_tokens": 1, "total_tokens": 1}
    assert load(ResponseUsage, usage, tolerant=True).extra["input_tokens"] == number
    assert refusal(ResponseUsage, usage).path == "input_tokens"


def test_errors_tell_where_in_the_stream_they_are() -> None:
    error = ShapeError("delta", "expected a string, got 5")
    assert str(error) == "delta: expected a string, got 5"
    assert error.at(120, b'data: {"\xff"}') is error
    assert str(error) == """byte 120: delta: expected a string, got 5 in 'data: {"\\\\xff"}'"""
    assert str(ShapeError("", "expected an object, got null")) == "the object: expected an object, got null"


def test_errors_keep_only_the_beginning_of_a_frame() -> None:
    assert len(JSONError("x", frame=b"a" * 10_000).frame) == SHOWN_FRAME_BYTES
    assert len(FramingError("x").at(None, b"a" * 10_000).frame) == SHOWN_FRAME_BYTES
    assert str(WireError("x", offset=0)) == "byte 0: x"


def test_typed_requests_can_be_pickled() -> None:
    request = load(CreateResponse, {"input": [{"role": "user", "content": "hi"}], "acme": 1}, tolerant=False)
    assert pickle.loads(pickle.dumps(request)) == request
