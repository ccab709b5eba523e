"""An Open Responses request as the body of a Chat Completions request.

Every parameter has one of four fates. It is sent; or it is refused with its path, where leaving it out would change
what the caller gets; or it is left out and reported as a `Loss`; or it is none of the provider's business:

- `store`, `stream`, `stream_options` and the ids and states of items concern our own resources and our own stream;
- `tool_choice` and `parallel_tool_calls` mean nothing without tools, and providers refuse them then;
- a null is the same as nothing.

Spec: "HTTP Requests".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, UnsetType

from penstock.spec.base import UNSET, JsonObject, SpecObject
from penstock.spec.request import CreateResponse, JsonSchemaResponseFormatParam, TextParam
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat
from penstock.spec.tools import (
    AllowedToolsParam,
    ExtensionTool,
    ExtensionToolChoice,
    FunctionToolParam,
    SpecificFunctionParam,
)
from penstock.upstream.base import Loss, UnsupportedParameter, UpstreamRequest
from penstock.upstream.chat_completions.messages import Messages


class Options(Struct, frozen=True, kw_only=True):
    """In what a provider differs from the others."""

    reasoning_field: Literal["reasoning_content", "reasoning"] | None = None
    """Where an assistant message carries earlier readable reasoning: `reasoning_content` for DeepSeek, Z.ai, Moonshot,
    SGLang and llama.cpp, `reasoning` for OpenRouter and vLLM. None: it is left out, for OpenAI, Groq and Mistral refuse
    fields they do not know. `reasoning_details` that this adapter received go back in any case."""

    developer_role: Literal["system", "developer"] = "system"
    """The role of instructions and developer messages. OpenAI treats both alike, most others know `system` only."""

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """How the provider calls `max_output_tokens`."""

    allowed_tools: Literal["filter", "native"] = "filter"
    """How `allowed_tools` is told: by offering no others, which every model obeys, or in OpenAI's own form, which keeps
    the prompt cache."""

    metadata: bool = False
    """Whether `metadata` is sent. OpenAI refuses it unless the completion is stored, which it never is here."""

    extra: bool = False
    """Whether parameters the specification does not have are sent as they are."""

    stream_usage: bool = True
    """Whether a stream is asked for its usage by `stream_options`."""

    think_tags: bool = False
    """Whether `<think>` at the beginning of an answer means reasoning rather than text."""


def translate(request: CreateResponse, options: Options, *, stream: bool) -> UpstreamRequest:
    """Return `request` in the provider's form; raise UnsupportedParameter for what cannot be expressed."""
    return _Request(options).translate(request, stream=stream)


class _Request:
    """One request being translated."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.body: JsonObject = {}
        self.losses: list[Loss] = []

    def translate(self, request: CreateResponse, *, stream: bool) -> UpstreamRequest:
        body = self.body
        body["model"] = self._model(request.model)
        self._refuse_unresolved(request)
        body["messages"] = self._messages(request)
        self._tools(request)
        self._text(request.text)
        self._reasoning(request)
        self._log_probabilities(request)
        self._send("temperature", request.temperature)
        self._send("top_p", request.top_p)
        self._send("presence_penalty", request.presence_penalty)
        self._send("frequency_penalty", request.frequency_penalty)
        self._send(self.options.max_tokens_field, request.max_output_tokens)
        self._send("service_tier", request.service_tier)
        self._send("prompt_cache_key", request.prompt_cache_key)
        self._send("safety_identifier", request.safety_identifier)
        if request.metadata and self.options.metadata:
            body["metadata"] = request.metadata
        elif request.metadata:
            self._lose("metadata", "it stays with the response; providers refuse it for what they do not store")
        if request.max_tool_calls:
            self._lose("max_tool_calls", "Chat Completions has no limit on the number of calls")
        if request.truncation == "auto":
            self._lose("truncation", "Chat Completions never shortens its input: one that is too long is an error")
        if request.stream_options:
            self._extras(request.stream_options, "stream_options")
        if stream:
            body["stream"] = True
            if self.options.stream_usage:
                body["stream_options"] = {"include_usage": True}
        self._unknown(request)
        return UpstreamRequest(body=body, losses=self.losses)

    # ---------------------------------------------------------------------------------------------- plain parameters

    def _send(self, name: str, value: object) -> None:
        if value is not None and value is not UNSET:
            self.body[name] = value

    def _lose(self, param: str, reason: str) -> None:
        self.losses.append(Loss(param, reason))

    def _extras(self, value: SpecObject, path: str) -> None:
        for key in value.extra:
            self._lose(f"{path}.{key}", "the specification has no such parameter")

    def _unknown(self, request: CreateResponse) -> None:
        for key, value in request.extra.items():
            if not self.options.extra:
                self._lose(key, "the specification has no such parameter")
            elif key in self.body:
                self._lose(key, "the parameter of this name was made from the others")
            elif value is not UNSET:
                self.body[key] = value

    @staticmethod
    def _model(model: str | None | UnsetType) -> str:
        if not model:
            raise UnsupportedParameter("model", "Chat Completions needs the name of a model")
        return model

    @staticmethod
    def _refuse_unresolved(request: CreateResponse) -> None:
        if request.background:
            raise UnsupportedParameter("background", "Chat Completions has no background runs")
        if request.previous_response_id:
            raise UnsupportedParameter("previous_response_id", "Chat Completions remembers no earlier responses")

    def _messages(self, request: CreateResponse) -> list[JsonObject]:
        messages = Messages(
            developer_role=self.options.developer_role,
            reasoning_field=self.options.reasoning_field,
            lose=self._lose,
        )
        if request.instructions:
            messages.add_instructions(request.instructions)
        if isinstance(request.input, str):
            messages.add_text(request.input)
        else:
            messages.add_items(request.input or ())
        if not messages.finished:
            raise UnsupportedParameter("input", "Chat Completions needs at least one message")
        return messages.finished

    def _text(self, text: TextParam | None | UnsetType) -> None:
        if not text:
            return
        self._extras(text, "text")
        self._send("verbosity", text.verbosity)
        form = text.format
        if isinstance(form, ExtensionFormat):
            raise UnsupportedParameter("text.format.type", f"Chat Completions has no format {form.type!r}")
        if isinstance(form, JsonObjectResponseFormat):
            self.body["response_format"] = {"type": "json_object"}
        elif isinstance(form, JsonSchemaResponseFormatParam):
            # The name is required here and optional there; no model sees any difference.
            schema: JsonObject = {"name": form.name or "response"}
            _fill(schema, description=form.description, schema=form.schema, strict=form.strict)
            self.body["response_format"] = {"type": "json_schema", "json_schema": schema}
        # Plain text is what comes unasked, and some providers refuse to be asked for it.
        if form:
            self._extras(form, "text.format")

    def _reasoning(self, request: CreateResponse) -> None:
        reasoning = request.reasoning
        if not reasoning:
            return
        self._extras(reasoning, "reasoning")
        self._send("reasoning_effort", reasoning.effort)
        if reasoning.summary:
            self._lose("reasoning.summary", "Chat Completions cannot ask for a summary of the reasoning")

    def _log_probabilities(self, request: CreateResponse) -> None:
        include = request.include or ()
        for number, what in enumerate(include):
            if what == "reasoning.encrypted_content":
                self._lose(
                    f"include[{number}]",
                    "Chat Completions cannot ask for it; what comes unasked is passed on",
                )
        if request.top_logprobs or "message.output_text.logprobs" in include:
            self.body["logprobs"] = True
            self._send("top_logprobs", request.top_logprobs)

    # --------------------------------------------------------------------------------------------------------- tools

    def _tools(self, request: CreateResponse) -> None:
        tools: list[JsonObject] = []
        for number, tool in enumerate(request.tools or ()):
            if isinstance(tool, ExtensionTool):
                raise UnsupportedParameter(
                    f"tools[{number}].type", f"Chat Completions has functions only, no {tool.type!r}"
                )
            self._extras(tool, f"tools[{number}]")
            tools.append(_tool(tool))
        choice = request.tool_choice
        if not tools:
            if choice and choice not in ("auto", "none"):
                raise UnsupportedParameter("tool_choice", "there are no tools to choose from")
            return
        if isinstance(choice, ExtensionToolChoice):
            raise UnsupportedParameter("tool_choice.type", f"Chat Completions has no choice {choice.type!r}")
        if isinstance(choice, SpecificFunctionParam):
            self._extras(choice, "tool_choice")
            self.body["tool_choice"] = _named(choice, tools, "tool_choice")
        elif isinstance(choice, AllowedToolsParam):
            tools = self._allowed(choice, tools)
        else:
            self._send("tool_choice", choice)
        self.body["tools"] = tools
        self._send("parallel_tool_calls", request.parallel_tool_calls)

    def _allowed(self, choice: AllowedToolsParam, tools: list[JsonObject]) -> list[JsonObject]:
        """Put the choice among some tools into the body; return the tools to offer."""
        self._extras(choice, "tool_choice")
        named: list[JsonObject] = []
        for number, tool in enumerate(choice.tools):
            path = f"tool_choice.tools[{number}]"
            if isinstance(tool, ExtensionToolChoice):
                raise UnsupportedParameter(f"{path}.type", f"Chat Completions has functions only, no {tool.type!r}")
            self._extras(tool, path)
            named.append(_named(tool, tools, path))
        mode = choice.mode or "auto"
        if mode == "none" or self.options.allowed_tools == "filter":
            self.body["tool_choice"] = mode
            names = _names(named)
            return tools if mode == "none" else [tool for tool in tools if tool["function"]["name"] in names]
        self.body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
        return tools


def _tool(tool: FunctionToolParam) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    _fill(function, description=tool.description, parameters=tool.parameters, strict=tool.strict)
    return {"type": "function", "function": function}


def _names(tools: Iterable[JsonObject]) -> set[str]:
    return {tool["function"]["name"] for tool in tools}


def _named(choice: SpecificFunctionParam, tools: Iterable[JsonObject], path: str) -> JsonObject:
    if choice.name not in _names(tools):
        raise UnsupportedParameter(f"{path}.name", f"the request offers no function {choice.name!r}")
    return {"type": "function", "function": {"name": choice.name}}


def _fill(target: JsonObject, **fields: object) -> None:
    """Put into `target` what is there of `fields`."""
    target.update((key, value) for key, value in fields.items() if value is not None and value is not UNSET)
