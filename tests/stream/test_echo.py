from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from penstock.spec.base import Extra
from penstock.spec.request import (
    CreateResponse,
    JsonSchemaResponseFormatParam,
    ReasoningParam,
    TextParam,
)
from penstock.spec.response import (
    PLAIN_TEXT,
    ExtensionFormat,
    JsonObjectResponseFormat,
    JsonSchemaResponseFormat,
    ReasoningField,
    Response,
    TextField,
)
from penstock.spec.tools import (
    AllowedToolChoice,
    AllowedToolsParam,
    ExtensionTool,
    ExtensionToolChoice,
    FunctionTool,
    FunctionToolChoice,
    FunctionToolParam,
    SpecificFunctionParam,
)
from penstock.stream.echo import ECHOED, LASTING, new_response
from penstock.wire.codec import decode_object, encode_object
from tests.openapi import documents, needs_openapi, schemas


def echo(**asked: Any) -> Response:  # noqa: ANN401 - any parameter
    return new_response(id="resp_1", created_at=5, model="m", request=CreateResponse(**asked))


def test_without_a_request_every_parameter_has_its_default() -> None:
    response = new_response(id="resp_1", created_at=5, model="m")
    assert json.loads(encode_object(response)) == {
        "id": "resp_1",
        "object": "response",
        "created_at": 5,
        "completed_at": None,
        "status": "in_progress",
        "incomplete_details": None,
        "model": "m",
        "previous_response_id": None,
        "instructions": None,
        "output": [],
        "error": None,
        "tools": [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "temperature": 1.0,
        "reasoning": None,
        "usage": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "store": False,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def test_a_parameter_that_is_null_has_its_default() -> None:
    nulls = {
        name: None
        for name in CreateResponse.__struct_fields__
        if name not in ("extra", "input", "include", "stream", "stream_options", "model")
    }
    assert echo(**nulls) == new_response(id="resp_1", created_at=5, model="m")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("previous_response_id", "resp_0"),
        ("instructions", "Be brief."),
        ("truncation", "auto"),
        ("parallel_tool_calls", False),
        ("top_p", 0.5),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 0.5),
        ("top_logprobs", 3),
        ("temperature", 0.0),
        ("max_output_tokens", 16),
        ("max_tool_calls", 1),
        ("store", True),
        ("background", True),
        ("service_tier", "flex"),
        ("metadata", {"a": "b"}),
        ("safety_identifier", "s"),
        ("prompt_cache_key", "p"),
        ("tool_choice", "required"),
    ],
)
def test_what_was_asked_is_repeated(name: str, value: object) -> None:
    assert getattr(echo(**{name: value}), name) == value


def test_these_parameters_are_repeated() -> None:
    assert ECHOED == (
        "previous_response_id",
        "instructions",
        "tools",
        "tool_choice",
        "truncation",
        "parallel_tool_calls",
        "text",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "top_logprobs",
        "temperature",
        "reasoning",
        "max_output_tokens",
        "max_tool_calls",
        "store",
        "background",
        "service_tier",
        "metadata",
        "safety_identifier",
        "prompt_cache_key",
    )


def test_all_but_the_tier_stay_as_they_are() -> None:
    assert set(ECHOED) - set(LASTING) == {"service_tier"}


def test_metadata_is_a_copy() -> None:
    metadata = {"a": "b"}
    response = echo(metadata=metadata)
    metadata["a"] = "c"
    assert response.metadata == {"a": "b"}


def test_the_status_can_be_told() -> None:
    assert new_response(id="r", created_at=1, model="m", status="queued").status == "queued"


def test_a_tool_has_all_its_keys() -> None:
    own = ExtensionTool(fields=Extra({"type": "acme:search"}))
    full = FunctionToolParam(
        name="g", description="d", parameters={"type": "object"}, strict=True, extra=Extra({"x": 1})
    )
    assert echo(tools=[FunctionToolParam(name="f"), full, own]).tools == [
        FunctionTool(name="f", description=None, parameters=None, strict=None),
        FunctionTool(name="g", description="d", parameters={"type": "object"}, strict=True, extra=Extra({"x": 1})),
        own,
    ]


def test_tool_choices() -> None:
    own = ExtensionToolChoice(fields=Extra({"type": "acme:search"}))
    assert echo(tool_choice=SpecificFunctionParam(name="f")).tool_choice == FunctionToolChoice(name="f")
    assert echo(tool_choice=own).tool_choice == own
    allowed = AllowedToolsParam(tools=[SpecificFunctionParam(name="f"), own])
    assert echo(tool_choice=allowed).tool_choice == AllowedToolChoice(
        tools=[FunctionToolChoice(name="f"), own], mode="auto"
    )
    required = AllowedToolsParam(tools=[SpecificFunctionParam(name="f")], mode="required")
    assert echo(tool_choice=required).tool_choice == AllowedToolChoice(
        tools=[FunctionToolChoice(name="f")], mode="required"
    )


def test_text_formats() -> None:
    own = ExtensionFormat(fields=Extra({"type": "acme:grammar"}))
    assert echo(text=TextParam()).text == TextField(format=PLAIN_TEXT)
    assert echo(text=TextParam(format=None, verbosity=None)).text == TextField(format=PLAIN_TEXT)
    assert echo(text=TextParam(verbosity="low")).text == TextField(format=PLAIN_TEXT, verbosity="low")
    assert echo(text=TextParam(format=JsonObjectResponseFormat())).text == TextField(format=JsonObjectResponseFormat())
    assert echo(text=TextParam(format=own)).text == TextField(format=own)


def test_a_json_schema_is_null_in_the_response_as_the_document_wants_it() -> None:
    asked = JsonSchemaResponseFormatParam(name="n", description="d", schema={"type": "object"}, strict=True)
    assert echo(text=TextParam(format=asked)).text.format == JsonSchemaResponseFormat(
        name="n", description="d", schema=None, strict=True
    )
    assert echo(text=TextParam(format=JsonSchemaResponseFormatParam())).text.format == JsonSchemaResponseFormat(
        name="", description=None, schema=None, strict=False
    )


def test_reasoning() -> None:
    assert echo(reasoning=ReasoningParam()).reasoning == ReasoningField(effort=None, summary=None)
    assert echo(reasoning=ReasoningParam(effort="low", summary="auto")).reasoning == ReasoningField(
        effort="low", summary="auto"
    )


@needs_openapi
@settings(deadline=None, max_examples=100)
@given(documents("CreateResponseBody"))
def test_the_echo_of_any_request_fits_the_schema_of_a_response(body: dict[str, Any]) -> None:
    request = decode_object(CreateResponse, json.dumps(body), tolerant=True)
    response = new_response(id="resp_1", created_at=5, model="m", request=request)
    whole = {"$ref": "#/components/schemas/ResponseResource", "components": {"schemas": schemas()}}
    jsonschema.Draft202012Validator(whole).validate(json.loads(encode_object(response)))
