"""The response resource, its usage and its errors.

Spec: "HTTP Responses", "Errors"; schemas `ResponseResource`, `Usage`, `ErrorPayload`, `CompactResource`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from penstock.spec.base import UNSET, JsonObject, SpecObject, UnknownObject, UnsetType
from penstock.spec.content import RefusalContent, SummaryTextContent
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.tools import Tool, ToolChoice

ResponseStatus = Literal["queued", "in_progress", "completed", "failed", "incomplete"]


class IncompleteDetails(SpecObject, frozen=True, kw_only=True):
    """Why a response ended early: `max_output_tokens`, `content_filter`, or a reason of the server's own."""

    zero: ClassVar[Mapping[str, object]] = {"reason": ""}

    reason: str


class ResponseError(SpecObject, frozen=True, kw_only=True):
    """What went wrong, within a failed response (schema `Error`)."""

    zero: ClassVar[Mapping[str, object]] = {"code": "", "message": ""}

    code: str
    message: str


class ErrorPayload(SpecObject, frozen=True, kw_only=True):
    """What went wrong, as an `error` event or an HTTP body says it.

    Spec: "Errors". `param` is the path of the offending input parameter, where there is one.
    """

    zero: ClassVar[Mapping[str, object]] = {"type": "", "code": None, "message": "", "param": None}

    type: str
    code: str | None
    message: str
    param: str | None
    headers: dict[str, str] | UnsetType = UNSET


class InputTokensDetails(SpecObject, frozen=True, kw_only=True):
    """How many of the input tokens came from a cache."""

    zero: ClassVar[Mapping[str, object]] = {"cached_tokens": 0}

    cached_tokens: int


class OutputTokensDetails(SpecObject, frozen=True, kw_only=True):
    """How many of the output tokens were reasoning."""

    zero: ClassVar[Mapping[str, object]] = {"reasoning_tokens": 0}

    reasoning_tokens: int


NO_INPUT_DETAILS = InputTokensDetails(cached_tokens=0)
NO_OUTPUT_DETAILS = OutputTokensDetails(reasoning_tokens=0)


class ResponseUsage(SpecObject, frozen=True, kw_only=True):
    """Tokens read and written (schema `Usage`); `total_tokens` is their sum."""

    zero: ClassVar[Mapping[str, object]] = {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "input_tokens_details": NO_INPUT_DETAILS,
        "output_tokens_details": NO_OUTPUT_DETAILS,
    }

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens_details: OutputTokensDetails


NO_USAGE = ResponseUsage(
    input_tokens=0,
    output_tokens=0,
    total_tokens=0,
    input_tokens_details=NO_INPUT_DETAILS,
    output_tokens_details=NO_OUTPUT_DETAILS,
)


class TextResponseFormat(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Plain text."""


class JsonObjectResponseFormat(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="json_object"):
    """Any JSON object."""


class JsonSchemaResponseFormat(SpecObject, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    """JSON that fits a schema. The document's own schema allows only null for `schema` in a response."""

    zero: ClassVar[Mapping[str, object]] = {"name": "", "description": None, "schema": None, "strict": False}

    name: str
    description: str | None
    schema: JsonObject | None
    strict: bool


class ExtensionFormat(UnknownObject, frozen=True, kw_only=True, tag_field="type", tag="*format*"):
    """A text format the specification does not define."""


PLAIN_TEXT = TextResponseFormat()


class TextField(SpecObject, frozen=True, kw_only=True):
    """How the text output was configured."""

    zero: ClassVar[Mapping[str, object]] = {"format": PLAIN_TEXT}

    format: TextResponseFormat | JsonObjectResponseFormat | JsonSchemaResponseFormat | ExtensionFormat
    verbosity: str | UnsetType = UNSET


class ReasoningField(SpecObject, frozen=True, kw_only=True):
    """How reasoning was configured (schema `Reasoning`)."""

    zero: ClassVar[Mapping[str, object]] = {"effort": None, "summary": None}

    effort: str | None
    summary: str | None


class Response(SpecObject, frozen=True, kw_only=True):
    """A response: its state, what was asked, and what came of it (schema `ResponseResource`, 31 required keys).

    `created_at` and `completed_at` are Unix seconds. Read tolerantly, a key that was absent or of the wrong type
    has the value in `zero`, and `extra` tells what the wire really held.
    """

    zero: ClassVar[Mapping[str, object]] = {
        "id": "",
        "object": "response",
        "created_at": 0,
        "completed_at": None,
        "status": "in_progress",
        "incomplete_details": None,
        "model": "",
        "previous_response_id": None,
        "instructions": None,
        "output": [],
        "error": None,
        "tools": [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": TextField(format=PLAIN_TEXT),
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

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: str
    incomplete_details: IncompleteDetails | None
    model: str
    previous_response_id: str | None
    instructions: str | None
    output: list[Item]
    error: ResponseError | None
    tools: list[Tool]
    tool_choice: ToolChoice
    truncation: str
    parallel_tool_calls: bool
    text: TextField
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int
    temperature: float
    reasoning: ReasoningField | None
    usage: ResponseUsage | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    store: bool
    background: bool
    service_tier: str
    metadata: JsonObject
    safety_identifier: str | None
    prompt_cache_key: str | None

    @property
    def output_text(self) -> str:
        """The text of all output messages, joined."""
        return "".join(item.text for item in self.output if isinstance(item, MessageItem))

    @property
    def refusal(self) -> str:
        """What the model said in refusing, joined; empty where it did not refuse."""
        return "".join(
            part.refusal
            for item in self.output
            if isinstance(item, MessageItem)
            for part in item.content
            if isinstance(part, RefusalContent)
        )

    @property
    def function_calls(self) -> list[FunctionCallItem]:
        """The calls the model made, in order."""
        return [item for item in self.output if isinstance(item, FunctionCallItem)]

    @property
    def reasoning_summary(self) -> str:
        """All parts of all reasoning summaries, one paragraph each."""
        return "\n\n".join(
            part.text
            for item in self.output
            if isinstance(item, ReasoningItem)
            for part in item.summary
            if isinstance(part, SummaryTextContent)
        )


class CompactResponse(SpecObject, frozen=True, kw_only=True):
    """What `/responses/compact` returns (schema `CompactResource`): `output` is the input of the next request."""

    zero: ClassVar[Mapping[str, object]] = {
        "id": "",
        "object": "response.compaction",
        "output": [],
        "created_at": 0,
        "usage": NO_USAGE,
    }

    id: str
    object: Literal["response.compaction"]
    output: list[Item]
    created_at: int
    usage: ResponseUsage
