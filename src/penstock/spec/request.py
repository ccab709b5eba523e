"""The create and compact requests, every parameter with its bounds, and the messages of the WebSocket.

Spec: "HTTP Requests", "WebSocket Transport"; schemas `CreateResponseBody`, `CompactResponseMethodPublicBody`,
`WebSocketResponseCreateEvent`, `WebSocketErrorEvent`. Bounds come from the OpenAPI document; where only its
description names one (temperature, metadata keys), the constant says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from penstock.spec.base import UNSET, JsonObject, SpecObject, UnsetType
from penstock.spec.content import ParamText
from penstock.spec.items import ItemParam
from penstock.spec.response import ErrorPayload, ExtensionFormat, JsonObjectResponseFormat, TextResponseFormat
from penstock.spec.tools import ToolChoiceParam, ToolParam

MIN_OUTPUT_TOKENS = 16
"""Least `max_output_tokens` (OpenAPI `minimum`)."""
MIN_TOOL_CALLS = 1
"""Least `max_tool_calls` (OpenAPI `minimum`)."""
MAX_TOP_LOGPROBS = 20
"""Most `top_logprobs` (OpenAPI `maximum`)."""
MAX_TEMPERATURE = 2.0
"""Highest `temperature` (its description: "between 0 and 2")."""
MAX_METADATA_PAIRS = 16
"""Most pairs in `metadata` (OpenAPI `maxProperties`)."""
MAX_METADATA_KEY_LENGTH = 64
"""Longest metadata key, in characters (its description)."""
MAX_METADATA_VALUE_LENGTH = 512
"""Longest metadata value, in characters (OpenAPI `maxLength`)."""
MAX_IDENTIFIER_LENGTH = 64
"""Longest `safety_identifier` and `prompt_cache_key`, in characters (OpenAPI `maxLength`)."""

Include = Literal["reasoning.encrypted_content", "message.output_text.logprobs"]
ReasoningEffort = Literal["none", "low", "medium", "high", "xhigh"]
ReasoningSummaryMode = Literal["concise", "detailed", "auto"]
Truncation = Literal["auto", "disabled"]
ServiceTier = Literal["auto", "default", "flex", "priority"]
Verbosity = Literal["low", "medium", "high"]
Identifier = Annotated[str, Meta(max_length=MAX_IDENTIFIER_LENGTH)]
MetadataKey = Annotated[str, Meta(max_length=MAX_METADATA_KEY_LENGTH)]
MetadataValue = Annotated[str, Meta(max_length=MAX_METADATA_VALUE_LENGTH)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=MAX_METADATA_PAIRS)]


class JsonSchemaResponseFormatParam(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    """Ask for JSON that fits `schema`."""

    name: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    schema: JsonObject | UnsetType = UNSET
    strict: bool | None | UnsetType = UNSET


TextFormatParam = TextResponseFormat | JsonObjectResponseFormat | JsonSchemaResponseFormatParam | ExtensionFormat
"""The schema names text and json_schema; json_object is what responses may repeat, so it can be asked for."""


class TextParam(SpecObject, frozen=True, kw_only=True):
    """How text output is to be written."""

    format: TextFormatParam | None | UnsetType = UNSET
    verbosity: Verbosity | None | UnsetType = UNSET


class StreamOptionsParam(SpecObject, frozen=True, kw_only=True):
    """How the stream is to be written. Obfuscation pads events so that their sizes tell nothing."""

    include_obfuscation: bool | None | UnsetType = UNSET


class ReasoningParam(SpecObject, frozen=True, kw_only=True):
    """How much to reason, and how to tell of it."""

    effort: ReasoningEffort | None | UnsetType = UNSET
    summary: ReasoningSummaryMode | None | UnsetType = UNSET


class CreateResponse(SpecObject, frozen=True, kw_only=True):
    """The body of `POST /responses` (schema `CreateResponseBody`). Every key may be absent or null.

    `include` is open, since it also names fields of hosted tools' items (`code_interpreter_call.outputs`), which the
    specification leaves to implementors; `penstock.wire.requests` holds the names it does define.
    """

    model: str | None | UnsetType = UNSET
    input: ParamText | list[ItemParam] | None | UnsetType = UNSET
    previous_response_id: str | None | UnsetType = UNSET
    include: list[str] | None | UnsetType = UNSET
    tools: list[ToolParam] | None | UnsetType = UNSET
    tool_choice: ToolChoiceParam | None | UnsetType = UNSET
    metadata: Metadata | None | UnsetType = UNSET
    text: TextParam | None | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=MAX_TEMPERATURE)] | None | UnsetType = UNSET
    top_p: Annotated[float, Meta(ge=0, le=1)] | None | UnsetType = UNSET
    presence_penalty: float | None | UnsetType = UNSET
    frequency_penalty: float | None | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    stream: bool | None | UnsetType = UNSET
    stream_options: StreamOptionsParam | None | UnsetType = UNSET
    background: bool | None | UnsetType = UNSET
    max_output_tokens: Annotated[int, Meta(ge=MIN_OUTPUT_TOKENS)] | None | UnsetType = UNSET
    max_tool_calls: Annotated[int, Meta(ge=MIN_TOOL_CALLS)] | None | UnsetType = UNSET
    reasoning: ReasoningParam | None | UnsetType = UNSET
    safety_identifier: Identifier | None | UnsetType = UNSET
    prompt_cache_key: Identifier | None | UnsetType = UNSET
    truncation: Truncation | None | UnsetType = UNSET
    instructions: str | None | UnsetType = UNSET
    store: bool | None | UnsetType = UNSET
    service_tier: ServiceTier | None | UnsetType = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None | UnsetType = UNSET


class WebSocketCreateResponse(CreateResponse, frozen=True, kw_only=True, tag_field="type", tag="response.create"):
    """One turn over a WebSocket (schema `WebSocketResponseCreateEvent`).

    `stream`, `stream_options` and `background` MUST NOT be sent; they are read here so that a server can say so.
    """


class WebSocketError(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A failure over a WebSocket (schema `WebSocketErrorEvent`); `status` is the HTTP status it corresponds to."""

    zero: ClassVar[Mapping[str, object]] = {"status": 500}

    status: int
    error: ErrorPayload


class CompactRequest(SpecObject, frozen=True, kw_only=True):
    """The body of `POST /responses/compact`; `model` is required."""

    model: str
    input: ParamText | list[ItemParam] | None | UnsetType = UNSET
    previous_response_id: str | None | UnsetType = UNSET
    instructions: str | None | UnsetType = UNSET
    prompt_cache_key: Identifier | None | UnsetType = UNSET
