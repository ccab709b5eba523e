"""The same request to every provider: what all adapters have to do alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.spec.base import UNSET, Extra, JsonObject
from penstock.spec.request import CreateResponse
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.registry import UPSTREAM_NAMES, upstream_by_name
from penstock.wire.requests import parse_create

FUNCTION: JsonObject = {"type": "function", "name": "f", "parameters": {"type": "object"}}
CALL: JsonObject = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OTHERS = [name for name in UPSTREAM_NAMES if name != "responses"]

every = pytest.mark.parametrize("name", UPSTREAM_NAMES)
but_responses = pytest.mark.parametrize("name", OTHERS)


def asking(**fields: object) -> CreateResponse:
    return parse_create({"model": "m", "input": "Hi", **fields})


@every
def test_a_request_as_short_as_clients_write_it_loses_nothing(name: str) -> None:
    conversation: list[JsonObject] = [
        {"role": "user", "content": "Hi"},  # without the type that the specification gives it
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "Go on"}]},
        CALL,
        {"type": "function_call_output", "call_id": "c", "output": "done"},
    ]
    asked = asking(input=conversation, tools=[FUNCTION], instructions="Be brief.", store=False)
    assert upstream_by_name(name).request(asked).losses == []


@every
def test_fields_that_stand_for_nothing_are_nothing(name: str) -> None:
    asked = CreateResponse(model="m", input="Hi", extra=Extra({"acme_field": UNSET}))
    made = upstream_by_name(name).request(asked)
    assert made.losses == []
    assert "acme_field" not in made.body


@but_responses
@pytest.mark.parametrize("tools", [None, [], [{"type": "web_search"}], [{"type": "acme:search"}]])
def test_a_call_is_not_demanded_where_no_tool_is_left(name: str, tools: object) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        upstream_by_name(name).request(asking(tools=tools, tool_choice="required"))
    assert refused.value.param == "tool_choice"


@but_responses
def test_a_tool_of_somebody_else_is_left_out_and_told(name: str) -> None:
    made = upstream_by_name(name).request(asking(tools=[{"type": "web_search"}, FUNCTION], tool_choice="required"))
    assert [loss.param for loss in made.losses] == ["tools[0]"]
    assert "web_search" not in json.dumps(made.body)


USER = {"role": "user", "content": "And tomorrow?"}
HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "weather"}},
    {"type": "openai:file_search_call", "id": "fs_1", "status": "completed", "queries": ["weather"]},
    {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "***"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    {"type": "acme:search_result", "id": "x"},
    {"role": "assistant", "content": "It rains."},
]


@but_responses
def test_what_tools_of_somebody_else_did_is_left_out_and_told(name: str) -> None:
    made = upstream_by_name(name).request(asking(input=[*HISTORY, USER]))
    assert [loss.param for loss in made.losses] == [f"input[{number}]" for number in range(1, 6)]
    assert made.losses[0].reason.endswith(" has no item 'web_search_call', so the model is not told of it")
    spoken = [HISTORY[0], HISTORY[-1], USER]
    assert made.body == upstream_by_name(name).request(asking(input=spoken)).body


@but_responses
@pytest.mark.parametrize(
    ("items", "number"),
    [
        ([*HISTORY[:5]], 4),
        ([*HISTORY[:5], HISTORY[1]], 4),
        ([*HISTORY, {"type": "openai:mcp_approval_response", "approve": True}], 7),
        ([*HISTORY, {"type": "mesage", "role": "user", "content": "Hi"}, USER], 7),
    ],
)
def test_what_the_model_is_to_go_on_from_and_what_nobody_knows_is_refused(
    name: str, items: list[dict[str, Any]], number: int
) -> None:
    with pytest.raises(UnsupportedParameter, match="has no item") as refused:
        upstream_by_name(name).request(asking(input=items))
    assert refused.value.param == f"input[{number}].type"


@but_responses
@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_allowed_functions_can_be_called(name: str, mode: str) -> None:
    other = {**FUNCTION, "name": "other"}
    choice = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "f"}]}
    made = upstream_by_name(name).request(asking(tools=[FUNCTION, other], tool_choice=choice))
    assert made.losses == []
    body = json.dumps(made.body)
    assert '"f"' in body
    assert '"other"' not in body or '"allowedFunctionNames": ["f"]' in body


@pytest.mark.parametrize("name", ["anthropic", "gemini", "responses"])
def test_an_image_that_a_function_returned_is_shown_to_the_model(name: str) -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    result = {"type": "function_call_output", "call_id": "c", "output": [image]}
    made = upstream_by_name(name).request(asking(input=[{"role": "user", "content": "Hi"}, CALL, result]))
    assert made.losses == []
    assert "iVBORw0KGgo=" in json.dumps(made.body)
