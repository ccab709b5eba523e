from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.spec.base import NOTHING, UNSET, Extra, SpecObject
from penstock.spec.errors import PenstockError
from penstock.spec.items import (
    ExtensionItem,
    FunctionCallItemParam,
    ItemReferenceParam,
    MessageItemParam,
    ReasoningItemParam,
)
from penstock.spec.request import CompactRequest, CreateResponse, WebSocketCreateResponse
from penstock.spec.response import ErrorPayload
from penstock.spec.tools import ExtensionTool
from penstock.wire.codec import to_plain
from penstock.wire.requests import (
    MAX_DEPTH,
    MAX_VALUES,
    PARTS_BY_ROLE,
    RequestError,
    decode_request,
    parse_compact,
    parse_create,
    parse_websocket_create,
    refuse_http_fields,
)
from tests.openapi import documents, json_values, needs_openapi

TEXT = {"type": "input_text", "text": "hi"}
PARTS: dict[str, dict[str, Any]] = {
    "input_text": TEXT,
    "input_image": {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
    "input_file": {"type": "input_file", "filename": "a.txt", "file_data": "AA=="},
    "input_video": {"type": "input_video", "video_url": "https://example.com/a.mp4"},
    "output_text": {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []},
    "refusal": {"type": "refusal", "refusal": "no"},
}
OWN_PART = {"type": "acme:sketch", "strokes": [1, 2]}


def message(role: str = "user", content: Any = "hi", **more: object) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"type": "message", "role": role, "content": content, **more}


def refusal(body: Any, parse: Callable[[Any], object] = parse_create) -> RequestError:  # noqa: ANN401 - any JSON
    """Return the error for `body`, which is the same for its bytes and for the decoded object."""
    with pytest.raises(RequestError) as caught:
        parse(json.dumps(body))
    if isinstance(body, dict):
        with pytest.raises(RequestError) as again:
            parse(body)
        assert again.value.payload() == caught.value.payload()
    return caught.value


def accepted(body: dict[str, Any]) -> CreateResponse:
    """Return the request in `body`, of which nothing was lost."""
    request = parse_create(json.dumps(body))
    assert parse_create(body) == request
    assert to_plain(request) == body
    return request


def only_item(item: dict[str, Any]) -> SpecObject:
    items = accepted({"input": [item]}).input
    assert isinstance(items, list)
    (typed,) = items
    return typed


# What is understood ---------------------------------------------------------------------------------------------------


def test_request_is_typed() -> None:
    request = accepted({"model": "m", "input": "hi", "temperature": 0.5, "stream": True})
    assert request == CreateResponse(model="m", input="hi", temperature=0.5, stream=True)
    assert accepted({}) == CreateResponse()


def test_unknown_keys_are_kept() -> None:
    request = accepted({"client_metadata": {"a": 1}, "input": [message(acme=1)]})
    assert request.extra == {"client_metadata": {"a": 1}}
    assert request.input == [MessageItemParam(role="user", content="hi", extra=Extra({"acme": 1}))]


@pytest.mark.parametrize("key", CreateResponse.__struct_fields__)
def test_any_key_may_be_null_or_absent(key: str) -> None:
    if key != "extra":
        assert getattr(accepted({key: None}), key) is None
        assert getattr(accepted({}), key) is UNSET


def test_message_of_the_specifications_example_has_no_type() -> None:
    item = only_item({"role": "user", "content": [TEXT]})
    assert isinstance(item, MessageItemParam)
    assert item.role == "user"


def test_item_reference_may_lack_its_type() -> None:
    for kind in ({}, {"type": None}, {"type": "item_reference"}):
        item = only_item({**kind, "id": "msg_1"})
        assert isinstance(item, ItemReferenceParam)
        assert item.id == "msg_1"


@pytest.mark.parametrize("role", PARTS_BY_ROLE)
def test_message_holds_the_parts_of_its_role_and_no_others(role: str) -> None:
    for name, part in PARTS.items():
        body = {"input": [message(), message(role, [OWN_PART, part])]}
        if name in PARTS_BY_ROLE[role]:
            accepted(body)
        else:
            error = refusal(body)
            assert error.param == "input[1].content[1].type"
            assert error.message.endswith(f" in a message of the {role}, got '{name}'")


def test_parts_by_role_are_those_of_the_specification() -> None:
    assert PARTS_BY_ROLE == {
        "user": ("input_text", "input_image", "input_file", "input_video"),
        "system": ("input_text",),
        "developer": ("input_text",),
        "assistant": ("output_text", "refusal"),
    }


@pytest.mark.parametrize("name", ["input_text", "input_image", "input_file", "input_video"])
def test_output_of_a_function_may_be_parts(name: str) -> None:
    accepted({"input": [{"type": "function_call_output", "call_id": "c", "output": [PARTS[name], OWN_PART]}]})


@pytest.mark.parametrize(
    "item",
    [
        message("assistant", [{**PARTS["output_text"], "logprobs": None}], id="msg_1", status="completed", phase=None),
        message(
            "assistant",
            [{"type": "output_text", "text": "", "annotations": None}],
            id="msg_1",
            status="incomplete",
            phase="commentary",
        ),
        message(
            "assistant",
            [
                {
                    "type": "output_text",
                    "text": "hi",
                    "annotations": [
                        {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1},
                        {"type": "file_citation", "file_id": "f", "index": 3},
                    ],
                    "logprobs": [
                        {
                            "token": "hi",
                            "logprob": -0.5,
                            "bytes": [104, 105],
                            "top_logprobs": [{"token": "hi", "logprob": -0.5, "bytes": []}],
                        }
                    ],
                },
                PARTS["refusal"],
            ],
            id="msg_1",
            status="completed",
        ),
        message("user", [TEXT], id="msg_1", status="completed"),
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "f",
            "arguments": "{}",
            "status": "completed",
        },
        {
            "type": "function_call",
            "id": None,
            "call_id": "call_1",
            "name": "f",
            "arguments": "",
            "status": None,
            "namespace": None,
        },
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "", "status": "completed"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "status": None, "content": None, "encrypted_content": None},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "content": [{"type": "reasoning_text", "text": "r"}, {"type": "text", "text": "r"}],
            "encrypted_content": "gAAA",
            "status": "completed",
        },
        {
            "type": "compaction",
            "id": "cmp_1",
            "encrypted_content": "gAAA",
            "created_by": "server",
            "status": "completed",
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "acme:search_result", "id": "sr_1", "status": "completed", "results": [{"a": [1]}]},
    ],
)
def test_items_are_accepted_as_a_response_returned_them(item: dict[str, Any]) -> None:
    accepted({"input": [item]})
    compact: dict[str, Any] = {"model": "m", "input": [item]}
    assert to_plain(parse_compact(compact)) == compact


def test_items_and_tools_of_implementors_are_kept() -> None:
    tools: list[dict[str, Any]] = [
        {"type": "web_search"},
        {"type": "namespace", "name": "n", "tools": []},
        {"type": "acme:search", "documents": []},
    ]
    request = accepted(
        {"input": [{"type": "local_shell_call", "id": "x"}], "tools": tools, "tool_choice": {"type": "web_search"}}
    )
    assert request.input == [ExtensionItem(fields=Extra({"type": "local_shell_call", "id": "x"}))]
    assert request.tools == [ExtensionTool(fields=Extra(tool)) for tool in tools]


@pytest.mark.parametrize("body", [{"tools": None}, {"tools": []}, {"tools": [], "tool_choice": "auto"}])
def test_tools_may_be_null_or_empty(body: dict[str, Any]) -> None:
    accepted(body)


def test_nulls_of_sdks_are_understood() -> None:
    accepted(
        {
            "tools": [{"type": "function", "name": "f", "description": None, "parameters": None, "strict": None}],
            "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}], "mode": None},
            "text": {"format": None, "verbosity": None},
            "reasoning": {"effort": None, "summary": None},
            "stream_options": {"include_obfuscation": None},
            "input": [
                message("user", [{"type": "input_image", "image_url": None, "detail": None}], id=None, status=None)
            ],
        }
    )


@pytest.mark.parametrize(
    "name",
    [
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
        "code_interpreter_call.outputs",
        "web_search_call.action.sources",
    ],
)
def test_include_names_fields_of_the_specification_or_of_hosted_tools(name: str) -> None:
    assert accepted({"include": [name]}).include == [name]


def test_of_equal_keys_the_last_counts() -> None:
    assert parse_create('{"model":5,"model":"m"}') == CreateResponse(model="m")


def test_lone_surrogates_are_accepted() -> None:
    # JavaScript that cuts a string cuts a pair of them in two.
    assert parse_create('{"input":"a\\ud83d"}').input == "a\ud83d"
    assert parse_create('{"model":"","\\ud83d":1}') == CreateResponse(model="", extra=Extra({"\ud83d": 1}))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": "\ud83d"}, "temperature"),
        ({"truncation": "\ud83d"}, "truncation"),
        ({"input": [{"role": "\ud83d", "content": ""}]}, "input[0].role"),
        ({"metadata": {"\ud83d": 1}}, 'metadata["\\ud83d"]'),
    ],
)
def test_a_lone_surrogate_where_no_string_may_be_is_a_wrong_value(body: dict[str, object], param: str) -> None:
    assert refusal(body).param == param


@needs_openapi
@given(documents("CreateResponseBody"))
def test_request_that_the_openapi_document_allows_is_accepted(body: dict[str, Any]) -> None:
    for key in ("temperature", "top_p"):  # whose bounds are in the description
        body.pop(key, None)
    request = accepted(body)
    assert request.extra is NOTHING


@needs_openapi
@given(documents("CompactResponseMethodPublicBody"))
def test_compact_request_that_the_openapi_document_allows_is_accepted(body: dict[str, Any]) -> None:
    assert to_plain(parse_compact(json.dumps(body))) == body


@needs_openapi
@settings(max_examples=300)
@given(documents("ItemField"), st.data())
def test_item_that_a_response_may_hold_is_accepted_where_its_parts_may_be(
    item: dict[str, Any], data: st.DataObject
) -> None:
    if item["type"] == "message":
        names = PARTS_BY_ROLE[item["role"]]
        if item["role"] != "assistant":
            item.pop("phase", None)
        parts = [{**PARTS[name]} for name in data.draw(st.lists(st.sampled_from(names), max_size=3))]
        item = {**item, "content": parts}
    if item["type"] == "reasoning":
        item = {**item, "summary": [{"type": "summary_text", "text": "s"}]}
        item["content"] = [part for part in item.get("content", ()) if part["type"] in ("reasoning_text", "text")]
    if item["type"] == "function_call":
        item = {**item, "name": "f"}
    if "call_id" in item:
        item = {**item, "call_id": "call_1"}
    accepted({"input": [item]})


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"model": 5}, "model", "model: expected a string or null, got 5"),
        ({"input": [5]}, "input[0]", "input[0]: expected an object, got 5"),
        (
            {"input": [message("tool")]},
            "input[0].role",
            "input[0].role: expected 'user', 'assistant', 'system' or 'developer', got 'tool'",
        ),
        (
            {"input": [message(), message("user", [TEXT, {"type": "image_url"}])]},
            "input[1].content[1].type",
            (
                "input[1].content[1].type: expected 'input_text', 'input_image', 'input_file', 'input_video' or an implementor's own "
                "such as 'acme:part' in a message of the user, got 'image_url'"
            ),
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "text", "text": ""}]}]},
            "input[0].output[0].type",
            (
                "input[0].output[0].type: expected 'input_text', 'input_image', 'input_file', 'input_video' or an implementor's own "
                "such as 'acme:part' in the output of a function, got 'text'"
            ),
        ),
        (
            {"input": [message("user", [{"type": "input_text", "text": 5}])]},
            "input[0].content[0].text",
            "input[0].content[0].text: expected a string, got 5",
        ),
        (
            {"input": [message("user", phase="final_answer")]},
            "input[0].phase",
            "input[0].phase: expected only in a message of the assistant, got 'final_answer' in a message of the user",
        ),
        (
            {"input": [message("assistant", phase="final")]},
            "input[0].phase",
            "input[0].phase: expected 'commentary', 'final_answer' or null, got 'final'",
        ),
        ({"max_output_tokens": 3}, "max_output_tokens", "max_output_tokens: expected an integer of at least 16, got 3"),
        ({"top_logprobs": 21}, "top_logprobs", "top_logprobs: expected an integer from 0 to 20, got 21"),
        (
            {"reasoning": {"effort": "huge"}},
            "reasoning.effort",
            "reasoning.effort: expected 'none', 'low', 'medium', 'high', 'xhigh' or null, got 'huge'",
        ),
        ({"metadata": {"a b": 1}}, 'metadata["a b"]', 'metadata["a b"]: expected a string, got 1'),
        (
            {"tool_choice": "any"},
            "tool_choice",
            "tool_choice: expected 'none', 'auto', 'required', an object or null, got 'any'",
        ),
        (
            {"include": ["message.output_text.logprobs", "reasoning.summary"]},
            "include[1]",
            "include[1]: expected 'reasoning.encrypted_content' or 'message.output_text.logprobs', got 'reasoning.summary'",
        ),
        ({"include": [5]}, "include[0]", "include[0]: expected a string, got 5"),
        (
            {"prompt_cache_key": "x" * 65},
            "prompt_cache_key",
            "prompt_cache_key: expected a string of at most 64 characters, got a string of 65 characters",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "a b", "arguments": "{}"}]},
            "input[0].name",
            "input[0].name: expected a string of 1 to 64 characters, matching ^[a-zA-Z0-9_-]+$, got 'a b'",
        ),
    ],
)
def test_wrong_value_is_told_with_its_place_the_wish_and_what_was_there(body: object, param: str, message: str) -> None:
    error = refusal(body)
    assert (error.message, error.param, error.code) == (message, param, "invalid_value")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": [{"type": "message", "role": "user"}]}, "input[0].content"),
        ({"input": [{"content": "hi"}]}, "input[0].type"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": "reasoning"}]}, "input[0].summary"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.name"),
        ({"text": {"format": {}}}, "text.format.type"),
    ],
)
def test_missing_value_is_told_with_its_place(body: object, param: str) -> None:
    error = refusal(body)
    assert (error.message, error.param, error.code) == (
        f"{param}: is required, and absent",
        param,
        "missing_required_parameter",
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the request: not JSON: expecting value at character 0"),
        (b"[]", "the request: expected a JSON object, got an array"),
        (b"null", "the request: expected a JSON object, got null"),
        (b"\xff", "the request: not UTF-8: invalid start byte at byte 0 of the data"),
        (b'{"n":NaN}', "the request: not JSON we can read: 'NaN' is no finite number"),
        (b"[" * 100_000, "the request: not JSON we can read: nested too deeply"),
    ],
)
@pytest.mark.parametrize("parse", [parse_create, parse_compact, parse_websocket_create])
def test_what_is_no_json_object_is_refused_as_a_whole(
    parse: Callable[[bytes], object], data: bytes, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        parse(data)
    assert (caught.value.message, caught.value.param, caught.value.code) == (message, None, "invalid_json")


def nested(depth: int, *, lists: bool = False) -> dict[str, Any]:
    """A request nested `depth` levels deep, itself being the first."""
    value: Any = [] if lists else {}
    for _ in range(depth - 2):
        value = [value] if lists else {"a": value}
    return {"acme": value}


@pytest.mark.parametrize("lists", [True, False])
def test_nesting_is_limited(*, lists: bool) -> None:
    accepted(nested(MAX_DEPTH, lists=lists))
    error = refusal(nested(MAX_DEPTH + 1, lists=lists))
    assert (error.message, error.param, error.code) == (
        f"the request: nested more than {MAX_DEPTH} levels deep",
        None,
        "invalid_value",
    )


def with_values(json_text: str, values: int) -> str:
    """A request of so many values, itself not counted, all but three of them `json_text`."""
    return '{"model":"m","input":"a, {[\\\\\\",","acme":[' + ",".join([json_text] * (values - 3)) + "]}"


@pytest.mark.parametrize("encode", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize("value", ["{}", "[]", "1", '",[{\\\\"', '"\\\\\\","', '"\\ud800"'])
def test_values_are_limited(value: str, encode: Callable[[str], str | bytes]) -> None:
    # An object or an array is counted at its comma and at its opening.
    places = 2 if value in ("{}", "[]") else 1
    most = 3 + (MAX_VALUES - 4) // places
    made = parse_create(encode(with_values(value, most)))
    assert made.input == 'a, {[\\",'
    for parse in (parse_create, parse_websocket_create, parse_compact, decode_request):
        with pytest.raises(RequestError) as caught:
            parse(encode(with_values(value, most + 2)))
        assert (caught.value.message, caught.value.param, caught.value.code) == (
            "the request: more than 500,000 values in its JSON",
            None,
            "invalid_value",
        )


@pytest.mark.parametrize("mark", [",", "{", "[", "{}", '\\"', "\\\\"])
def test_texts_may_hold_whatever_json_is_written_with(mark: str) -> None:
    text = mark * MAX_VALUES
    escaped = mark if mark.startswith("\\") else f"{mark}\\n,{{["
    body = f'{{"model": "m", "input": "{escaped * MAX_VALUES}"}}'
    assert parse_create(body).input == json.loads(f'"{escaped}"') * MAX_VALUES
    assert parse_create(json.dumps({"model": "m", "input": text})).input == text


@pytest.mark.parametrize("data", ['"' * 2_000_000, "\\" * 2_000_000, '{"a":"' + '\\"' * 1_000_000, '""1' * 700_000])
def test_no_data_takes_long_to_count(data: str) -> None:
    for marks in ("", "," * (MAX_VALUES + 1)):
        with pytest.raises(RequestError):
            decode_request(data + marks)


def test_nesting_without_end_is_refused_in_a_decoded_object_too() -> None:
    deep = nested(100_000)
    endless: dict[str, object] = {}
    endless["a"] = endless
    tool: dict[str, object] = {"tools": [{"type": "function", "name": "f", "parameters": deep}]}
    for body in (deep, endless, tool):
        with pytest.raises(RequestError, match="nested more than"):
            parse_create(body)


@given(json_values | st.dictionaries(st.sampled_from(CreateResponse.__struct_fields__), json_values, max_size=4))
def test_only_request_errors_escape(body: object) -> None:
    for parse in (parse_create, parse_compact, parse_websocket_create):
        error = None
        try:
            assert to_plain(parse(json.dumps(body))) == body
        except RequestError as raised:
            error = raised
        assert error is None or (error.code and error.message.startswith(f"{error.param or 'the request'}: "))


@given(st.binary(max_size=20) | st.text(max_size=20))
def test_only_request_errors_escape_from_bytes(data: bytes | str) -> None:
    for parse in (parse_create, parse_compact, parse_websocket_create):
        with pytest.raises(RequestError):
            parse(data)


# Errors, compaction, WebSocket ----------------------------------------------------------------------------------------


def test_error_is_told_as_the_specification_asks() -> None:
    error = refusal({"input": [5]})
    assert error.payload() == ErrorPayload(
        type="invalid_request", code="invalid_value", message="input[0]: expected an object, got 5", param="input[0]"
    )
    assert isinstance(error, PenstockError)
    assert str(error) == error.message


def test_error_of_ones_own_needs_but_a_message() -> None:
    assert RequestError("no").payload() == ErrorPayload(type="invalid_request", code=None, message="no", param=None)


def test_compaction_needs_a_model() -> None:
    assert parse_compact({"model": "m"}) == CompactRequest(model="m")
    absent = refusal({"input": "hi"}, parse_compact)
    assert (absent.param, absent.code) == ("model", "missing_required_parameter")
    null = refusal({"model": None}, parse_compact)
    assert (null.param, null.message) == ("model", "model: expected a string, got null")


def test_compaction_judges_its_input_as_a_create_request_does() -> None:
    error = refusal({"model": "m", "input": [message("user", [PARTS["refusal"]])]}, parse_compact)
    assert error.param == "input[0].content[0].type"


def test_websocket_turn_is_a_create_request() -> None:
    turn = parse_websocket_create(b'{"type":"response.create","model":"m","store":false,"tools":[],"generate":false}')
    assert turn == WebSocketCreateResponse(model="m", store=False, tools=[], extra=Extra({"generate": False}))
    error = refusal({"type": "response.create", "input": [message("robot")]}, parse_websocket_create)
    assert error.param == "input[0].role"


@pytest.mark.parametrize(
    ("fields", "message", "code"),
    [
        ({}, "type: is required, and absent", "missing_required_parameter"),
        ({"type": None}, "type: expected 'response.create', got null", "invalid_value"),
        ({"type": "response.cancel"}, "type: expected 'response.create', got 'response.cancel'", "invalid_value"),
        ({"type": {"a": 1}}, "type: expected 'response.create', got an object", "invalid_value"),
    ],
)
def test_other_websocket_messages_are_refused(fields: dict[str, object], message: str, code: str) -> None:
    error = refusal({**fields, "model": "m"}, parse_websocket_create)
    assert (error.message, error.param, error.code) == (message, "type", code)


@pytest.mark.parametrize(
    ("param", "value"), [("stream", True), ("stream", None), ("stream_options", {}), ("background", False)]
)
def test_what_belongs_to_http_alone_can_be_refused_on_a_websocket(param: str, value: object) -> None:
    turn = parse_websocket_create({"type": "response.create", param: value})
    with pytest.raises(RequestError) as caught:
        refuse_http_fields(turn)
    assert (caught.value.param, caught.value.code) == (param, "unsupported_parameter")
    assert caught.value.message == f"{param}: belongs to HTTP, and must not be sent over a WebSocket"


def test_a_stream_that_codex_asks_for_can_be_let_through() -> None:
    refuse_http_fields(WebSocketCreateResponse(stream=True), allow_stream=True)
    for other in (WebSocketCreateResponse(stream=False), WebSocketCreateResponse(stream=True, background=True)):
        with pytest.raises(RequestError):
            refuse_http_fields(other, allow_stream=True)


def test_a_turn_without_them_passes() -> None:
    refuse_http_fields(WebSocketCreateResponse(model="m"))


def test_every_role_and_item_of_the_input_is_typed() -> None:
    items = accepted(
        {
            "input": [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "reasoning", "summary": []},
            ]
        }
    ).input
    expected: list[SpecObject] = [
        FunctionCallItemParam(call_id="c", name="f", arguments="{}"),
        ReasoningItemParam(summary=[]),
    ]
    assert items == expected
