"""What a response repeats of its request: every parameter, with the default where the request is silent.

Spec: schema `ResponseResource`. A tool is repeated with all its keys, `allowed_tools` with its mode.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from penstock.spec.request import (
    CreateResponse,
    JsonSchemaResponseFormatParam,
    ReasoningParam,
    TextFormatParam,
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
    TextResponseFormat,
)
from penstock.spec.tools import (
    AllowedToolChoice,
    AllowedToolsParam,
    ExtensionTool,
    ExtensionToolChoice,
    FunctionTool,
    FunctionToolChoice,
    SpecificFunctionParam,
    Tool,
    ToolChoice,
    ToolChoiceParam,
    ToolParam,
)

__all__ = ["ECHOED", "LASTING", "new_response"]

ValueT = TypeVar("ValueT")

ECHOED: Final = tuple(
    name
    for name in Response.__struct_fields__
    if name in CreateResponse.__struct_fields__ and name not in ("model", "extra")
)
"""The parameters that a response repeats of its request. The model is the one that answers, whichever was asked."""
LASTING: Final = tuple(name for name in ECHOED if name != "service_tier")
"""Those that never change in the life of a response; a service tier of `auto` becomes the one that was used."""


def _given(value: ValueT | UnsetType | None, default: ValueT) -> ValueT:
    """Return `value`, or `default` where the caller said nothing or null."""
    return default if value is None or isinstance(value, UnsetType) else value


def _nullable(value: ValueT | UnsetType | None) -> ValueT | None:
    return None if isinstance(value, UnsetType) else value


def new_response(
    *,
    id: str,
    created_at: int,
    model: str,
    status: str = "in_progress",
    request: CreateResponse | None = None,
) -> Response:
    """Return the response to `request` as it is at its birth: no output, and everything that was asked repeated.

    `created_at` is in Unix seconds. Without a request, every parameter has its default.
    """
    r = request if request is not None else CreateResponse()
    return Response(
        id=id,
        object="response",
        created_at=created_at,
        completed_at=None,
        status=status,
        incomplete_details=None,
        model=model,
        previous_response_id=_nullable(r.previous_response_id),
        instructions=_nullable(r.instructions),
        output=[],
        error=None,
        tools=[_tool(tool) for tool in _given(r.tools, [])],
        tool_choice=_tool_choice(_given(r.tool_choice, "auto")),
        truncation=_given(r.truncation, "disabled"),
        parallel_tool_calls=_given(r.parallel_tool_calls, True),
        text=_text(_nullable(r.text)),
        top_p=_given(r.top_p, 1.0),
        presence_penalty=_given(r.presence_penalty, 0.0),
        frequency_penalty=_given(r.frequency_penalty, 0.0),
        top_logprobs=_given(r.top_logprobs, 0),
        temperature=_given(r.temperature, 1.0),
        reasoning=_reasoning(_nullable(r.reasoning)),
        usage=None,
        max_output_tokens=_nullable(r.max_output_tokens),
        max_tool_calls=_nullable(r.max_tool_calls),
        store=_given(r.store, False),
        background=_given(r.background, False),
        service_tier=_given(r.service_tier, "default"),
        metadata=dict(_given(r.metadata, {})),
        safety_identifier=_nullable(r.safety_identifier),
        prompt_cache_key=_nullable(r.prompt_cache_key),
    )


def _tool(tool: ToolParam) -> Tool:
    if isinstance(tool, ExtensionTool):
        return tool
    return FunctionTool(
        name=tool.name,
        description=_nullable(tool.description),
        parameters=_nullable(tool.parameters),
        strict=_nullable(tool.strict),
        extra=tool.extra,
    )


def _tool_choice(choice: ToolChoiceParam) -> ToolChoice:
    match choice:
        case AllowedToolsParam():
            tools = [_specific(tool) for tool in choice.tools]
            return AllowedToolChoice(tools=tools, mode=_given(choice.mode, "auto"), extra=choice.extra)
        case SpecificFunctionParam():
            return FunctionToolChoice(name=choice.name, extra=choice.extra)
        case _:
            return choice


def _specific(
    tool: SpecificFunctionParam | ExtensionToolChoice,
) -> FunctionToolChoice | ExtensionToolChoice:
    if isinstance(tool, ExtensionToolChoice):
        return tool
    return FunctionToolChoice(name=tool.name, extra=tool.extra)


def _text(text: TextParam | None) -> TextField:
    if text is None:
        return TextField(format=PLAIN_TEXT)
    wanted: TextFormatParam = PLAIN_TEXT if text.format is None or text.format is UNSET else text.format
    shown: TextResponseFormat | JsonObjectResponseFormat | JsonSchemaResponseFormat | ExtensionFormat
    if isinstance(wanted, JsonSchemaResponseFormatParam):
        # The document's schema allows nothing but null for `schema` in a response.
        shown = JsonSchemaResponseFormat(
            name=_given(wanted.name, ""),
            description=_nullable(wanted.description),
            schema=None,
            strict=_given(wanted.strict, False),
            extra=wanted.extra,
        )
    else:
        shown = wanted
    return TextField(format=shown, verbosity=UNSET if text.verbosity is None else text.verbosity, extra=text.extra)


def _reasoning(reasoning: ReasoningParam | None) -> ReasoningField | None:
    if reasoning is None:
        return None
    return ReasoningField(
        effort=_nullable(reasoning.effort), summary=_nullable(reasoning.summary), extra=reasoning.extra
    )
