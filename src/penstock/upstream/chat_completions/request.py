"""An Open Responses request as the body of a Chat Completions request.

Every parameter has one of four fates. It is sent; or it is refused with its path, where leaving it out would change
what the caller gets; or it is left out and reported as a `Loss`; or it is none of the provider's business:

- `store`, `stream`, `stream_options` and the ids and states of items concern our own resources and our own stream;
- `tool_choice` and `parallel_tool_calls` mean nothing without tools, and providers refuse them then;
- a null is the same as nothing.

Spec: "HTTP Requests".
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, UnsetType

from penstock.spec.base import UNSET, JsonObject
from penstock.spec.request import CreateResponse, JsonSchemaResponseFormatParam, TextParam
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat
from penstock.spec.tools import ExtensionTool, FunctionToolParam
from penstock.upstream.asked import RequestTranslation
from penstock.upstream.base import UnsupportedParameter, UpstreamRequest
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
    """Whether parameters and tools the specification does not have are sent as they are."""

    stream_usage: bool = True
    """Whether a stream is asked for its usage by `stream_options`."""

    think_tags: bool = False
    """Whether `<think>` at the beginning of an answer means reasoning rather than text."""

    sentinel: bool = True
    """Whether streams end with `[DONE]`, so that one without it was cut short. Older versions of llama.cpp, TGI and
    mistral.rs send none; for them, a finish reason is enough."""


def translate(request: CreateResponse, options: Options, *, stream: bool) -> UpstreamRequest:
    """Return `request` in the provider's form; raise UnsupportedParameter for what cannot be expressed."""
    return _Request(options).translate(request, stream=stream)


class _Request(RequestTranslation):
    """One request being translated."""

    api = "Chat Completions"

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def translate(self, request: CreateResponse, *, stream: bool) -> UpstreamRequest:
        body = self.body
        body["model"] = self.model(request)
        self.refuse_unresolved(request)
        body["messages"] = self._messages(request)
        self._tools(request)
        self._text(request.text)
        self._reasoning(request)
        self._log_probabilities(request)
        self.send("temperature", request.temperature)
        self.send("top_p", request.top_p)
        self.send("presence_penalty", request.presence_penalty)
        self.send("frequency_penalty", request.frequency_penalty)
        self.send(self.options.max_tokens_field, request.max_output_tokens)
        self.send("service_tier", request.service_tier)
        self.send("prompt_cache_key", request.prompt_cache_key)
        self.send("safety_identifier", request.safety_identifier)
        if request.metadata and self.options.metadata:
            body["metadata"] = request.metadata
        elif request.metadata:
            self.lose("metadata", "it stays with the response; providers refuse it for what they do not store")
        self.lose_limits(request)
        if request.stream_options:
            self.lose_extras(request.stream_options, "stream_options")
        if stream:
            body["stream"] = True
            if self.options.stream_usage:
                body["stream_options"] = {"include_usage": True}
        self.unknown(request, sent=self.options.extra)
        return UpstreamRequest(body=body, losses=self.losses)

    def _messages(self, request: CreateResponse) -> list[JsonObject]:
        messages = Messages(
            developer_role=self.options.developer_role,
            reasoning_field=self.options.reasoning_field,
            lose=self.lose,
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
        self.lose_extras(text, "text")
        self.send("verbosity", text.verbosity)
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
            self.lose_extras(form, "text.format")

    def _reasoning(self, request: CreateResponse) -> None:
        reasoning = request.reasoning
        if not reasoning:
            return
        self.lose_extras(reasoning, "reasoning")
        self.send("reasoning_effort", reasoning.effort)
        if reasoning.summary:
            self.lose("reasoning.summary", "Chat Completions cannot ask for a summary of the reasoning")

    def _log_probabilities(self, request: CreateResponse) -> None:
        include = request.include or ()
        for number, what in enumerate(include):
            if what == "reasoning.encrypted_content":
                self.lose(
                    f"include[{number}]",
                    "Chat Completions cannot ask for it; what comes unasked is passed on",
                )
        if request.top_logprobs or "message.output_text.logprobs" in include:
            self.body["logprobs"] = True
            self.send("top_logprobs", request.top_logprobs)

    # --------------------------------------------------------------------------------------------------------- tools

    def hosted_tool(self, tool: ExtensionTool) -> JsonObject | None:
        """Return a tool of the provider's own, such as `openrouter:web_search`, where such are sent; else None."""
        return dict(tool.fields) if self.options.extra else None

    def _tools(self, request: CreateResponse) -> None:
        asked = self.functions(request)
        hosted = self.hosted
        if not asked.functions and not hosted:
            return
        offered = asked.offered
        if asked.function is not None:
            self.body["tool_choice"] = _named(asked.function)
        elif asked.allowed is None or asked.mode == "none":
            offered = asked.functions
            self.send("tool_choice", asked.mode)
        elif not asked.allowed:
            return  # none that is a function, and providers refuse an empty list
        elif self.options.allowed_tools == "filter":
            self.body["tool_choice"] = asked.mode
        else:
            allowed = {"mode": asked.mode, "tools": [_named(name) for name in asked.allowed]}
            offered = asked.functions
            self.body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
        if asked.allowed is not None and asked.mode != "none" and self.options.allowed_tools == "filter":
            hosted = []  # only functions can be among the allowed
        self.body["tools"] = [*map(_tool, offered), *hosted]
        self.send("parallel_tool_calls", request.parallel_tool_calls)


def _tool(tool: FunctionToolParam) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    _fill(function, description=tool.description, parameters=tool.parameters, strict=tool.strict)
    return {"type": "function", "function": function}


def _named(name: str) -> JsonObject:
    return {"type": "function", "function": {"name": name}}


def _fill(target: JsonObject, **fields: object) -> None:
    """Put into `target` what is there of `fields`."""
    target.update((key, value) for key, value in fields.items() if value is not None and value is not UNSET)
