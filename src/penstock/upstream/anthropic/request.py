"""An Open Responses request as the body of a Messages request.

Every parameter has one of four fates. It is sent; or it is refused with its path, where leaving it out would change
what the caller gets; or it is left out and reported as a `Loss`; or it is none of the provider's business:

- `store`, `metadata`, `stream`, `stream_options` and the ids and states of items concern our own resources and our own
  stream; `reasoning.encrypted_content` comes whether it is asked for or not;
- `tool_choice` and `parallel_tool_calls` mean nothing without tools;
- a null is the same as nothing, and so is a parameter's default.

What Anthropic has beyond the specification is asked for by Anthropic's name with the slug in front: parameters
(`anthropic:stop_sequences`), fields of tools and of content parts (`anthropic:cache_control`), and tools that Anthropic
runs itself (`{"type": "anthropic:web_search_20260318", "name": "web_search"}`).

Spec: "HTTP Requests", "Extending Open Responses".
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, UnsetType

from penstock.spec.base import UNSET, JsonObject, SpecObject
from penstock.spec.request import CreateResponse, JsonSchemaResponseFormatParam, TextParam
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat
from penstock.spec.tools import ExtensionTool, FunctionToolParam
from penstock.upstream.anthropic.messages import Messages
from penstock.upstream.anthropic.names import SLUG, native_fields, native_object
from penstock.upstream.anthropic.reasoning import thinking
from penstock.upstream.asked import NO_SUCH_PARAMETER, FunctionsAsked, RequestTranslation, keys_beyond
from penstock.upstream.base import UnsupportedParameter, UpstreamRequest

DEFAULT_MAX_TOKENS = 32_000
"""Most tokens of an answer, thinking among them, where the caller sets no limit. Anthropic needs one; this is the most
that every model served today allows."""

API_VERSION = "2026-10-21"
"""The version of the API that is spoken."""

MAX_TEMPERATURE = 1.0
"""The highest temperature, half of what the specification allows."""

_DEFAULT_SAMPLING = 1.0
"""What `temperature` and `top_p` are where nobody sets them; asking for that is asking for nothing."""


class Options(Struct, frozen=True, kw_only=True):
    """In what a provider, or a model, differs from Anthropic's newest."""

    max_tokens: int = DEFAULT_MAX_TOKENS
    """Most tokens of an answer where the caller sets no limit."""

    version: str = API_VERSION
    """The version of the API, as its header says it."""

    betas: tuple[str, ...] = ()
    """Names of beta features, for the header that asks for them."""

    thinking: Literal["adaptive", "budget"] = "adaptive"
    """How reasoning is asked for: models since Claude 4.6 are given an effort, those before a budget of tokens."""

    raw_thinking: bool = False
    """Whether thinking is the model's own words. Anthropic's is a summary of them; that of others may not be."""

    sampling: bool = False
    """Whether `temperature` and `top_p` are sent. Anthropic takes them only for models up to Claude 4.6, and only in
    version 2023-06-01; others who serve this API take them."""

    system_messages: Literal["front", "in_place"] = "front"
    """Where system messages go that come later than the first other item: into the system prompt, which every model
    has, or where they are, which models since Claude Opus 4.8 allow and the prompt cache likes."""


def translate(request: CreateResponse, options: Options, *, stream: bool) -> UpstreamRequest:
    """Return `request` in the provider's form; raise UnsupportedParameter for what cannot be expressed."""
    return _Request(options).translate(request, stream=stream)


class _Request(RequestTranslation):
    """One request being translated."""

    api = "Anthropic"

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.output_config: JsonObject = {}

    def translate(self, request: CreateResponse, *, stream: bool) -> UpstreamRequest:
        body = self.body
        body["model"] = self.model(request)
        self.refuse_unresolved(request)
        body["max_tokens"] = request.max_output_tokens or self.options.max_tokens
        self._messages(request)
        asked = self.functions(request)
        self._tools(asked, request)
        self._text(request.text)
        self._reasoning(request, forced=asked.function is not None or asked.mode == "required")
        if self.output_config:
            body["output_config"] = self.output_config
        self._sampling(request)
        self._log_probabilities(request)
        self._service_tier(request.service_tier)
        if request.safety_identifier:
            body["metadata"] = {"user_id": request.safety_identifier}
        for name, value in (
            ("presence_penalty", request.presence_penalty),
            ("frequency_penalty", request.frequency_penalty),
        ):
            if value:
                self.lose(name, "Anthropic has no penalties")
        if request.prompt_cache_key:
            self.lose("prompt_cache_key", "Anthropic's prompt cache knows no keys, but marks: anthropic:cache_control")
        self.lose_limits(request)
        if request.stream_options:
            super().lose_extras(request.stream_options, "stream_options")
        if stream:
            body["stream"] = True
        self._unknown(request)
        return UpstreamRequest(body=body, losses=self.losses)

    def lose_extras(self, value: SpecObject, path: str) -> None:
        """Report the fields of `value` that the specification does not have; those of a tool may be Anthropic's."""
        for key in keys_beyond(value):
            if not (isinstance(value, FunctionToolParam) and key.startswith(SLUG)):
                self.lose(f"{path}.{key}", NO_SUCH_PARAMETER)

    def _unknown(self, request: CreateResponse) -> None:
        natives = native_fields(request.extra)
        for key, extra in request.extra.items():
            name = key.removeprefix(SLUG)
            if extra is UNSET:
                continue
            if not key.startswith(SLUG):
                self.lose(key, NO_SUCH_PARAMETER)
            elif name in self.body:
                self.lose(key, "the parameter of this name was made from the others")
            else:
                self.body[name] = natives[name]

    def _messages(self, request: CreateResponse) -> None:
        messages = Messages(system_messages=self.options.system_messages, lose=self.lose)
        if request.instructions:
            messages.add_instructions(request.instructions)
        if isinstance(request.input, str):
            messages.add_text(request.input)
        else:
            messages.add_items(request.input or ())
        if not messages.finished:
            raise UnsupportedParameter("input", "Anthropic needs at least one message of the user or the model")
        if messages.system:
            self.body["system"] = messages.system
        self.body["messages"] = messages.finished

    def _text(self, text: TextParam | None | UnsetType) -> None:
        if not text:
            return
        self.lose_extras(text, "text")
        if text.verbosity:
            self.lose("text.verbosity", "Anthropic cannot be asked how much to write")
        form = text.format
        if isinstance(form, ExtensionFormat):
            raise UnsupportedParameter("text.format.type", f"Anthropic has no format {form.type!r}")
        if isinstance(form, JsonObjectResponseFormat):
            raise UnsupportedParameter("text.format.type", "Anthropic writes JSON only by a schema: use json_schema")
        if isinstance(form, JsonSchemaResponseFormatParam):
            if not isinstance(form.schema, dict):
                raise UnsupportedParameter("text.format.schema", "Anthropic needs the schema")
            # The name means nothing to a model, and the schema is kept to whether `strict` says so or not.
            self.output_config["format"] = {"type": "json_schema", "schema": form.schema}
            if form.description:
                self.lose("text.format.description", "Anthropic takes the schema alone; it may hold descriptions")
        if form:
            self.lose_extras(form, "text.format")

    def _reasoning(self, request: CreateResponse, *, forced: bool) -> None:
        reasoning = request.reasoning
        if not reasoning:
            return
        self.lose_extras(reasoning, "reasoning")
        config, effort = thinking(
            reasoning,
            how=self.options.thinking,
            max_tokens=self.body["max_tokens"],
            forced=forced,
            lose=self.lose,
        )
        self.send("thinking", config)
        if effort is not None:
            self.output_config["effort"] = effort

    def _sampling(self, request: CreateResponse) -> None:
        temperature, top_p = request.temperature, request.top_p
        asked = {
            name: value
            for name, value in (("temperature", temperature), ("top_p", top_p))
            if isinstance(value, int | float) and value != _DEFAULT_SAMPLING
        }
        if not self.options.sampling:
            for name in asked:
                self.lose(name, "Anthropic's models choose their words as they will")
            return
        highest = asked.get("temperature", 0.0)
        if highest > MAX_TEMPERATURE:
            self.lose("temperature", f"sent as {MAX_TEMPERATURE}, the highest that Anthropic allows")
            asked["temperature"] = MAX_TEMPERATURE
        self.body.update(asked)

    def _log_probabilities(self, request: CreateResponse) -> None:
        if request.top_logprobs:
            raise UnsupportedParameter("top_logprobs", "Anthropic tells no log probabilities")
        for number, what in enumerate(request.include or ()):
            if what == "message.output_text.logprobs":
                raise UnsupportedParameter(f"include[{number}]", "Anthropic tells no log probabilities")
            if what != "reasoning.encrypted_content":
                self.lose(f"include[{number}]", "what comes from Anthropic comes whole, whether asked for or not")

    def _service_tier(self, tier: str | None | UnsetType) -> None:
        if tier in ("auto", "priority"):
            self.body["service_tier"] = "auto"  # priority where there is capacity for it
        elif tier == "default":
            self.body["service_tier"] = "standard_only"
        elif tier:
            self.lose("service_tier", f"Anthropic has no tier {tier!r}")

    # --------------------------------------------------------------------------------------------------------- tools

    def hosted_tool(self, tool: ExtensionTool) -> JsonObject | None:
        """Return a tool that Anthropic runs itself; None for one of somebody else's."""
        return native_object(tool)

    def _tools(self, asked: FunctionsAsked, request: CreateResponse) -> None:
        hosted = self.hosted
        functions = asked.functions
        if asked.allowed is not None and asked.mode != "none":
            # What may not be called is not offered: a limit that holds whatever the model does.
            hosted, functions = [], asked.offered
        tools = [*map(_tool, functions), *hosted]
        if not tools:
            return
        self.body["tools"] = tools
        choice: JsonObject | None = None
        if asked.function is not None:
            choice = {"type": "tool", "name": asked.function}
        elif asked.mode is not None:
            choice = {"type": {"required": "any"}.get(asked.mode, asked.mode)}
        if request.parallel_tool_calls is False and asked.mode != "none":
            choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
        self.send("tool_choice", choice)


def _tool(function: FunctionToolParam) -> JsonObject:
    tool: JsonObject = {
        **native_fields(function.extra),
        "name": function.name,
        # Anthropic needs a schema, and its type; a function without one takes nothing.
        "input_schema": {"type": "object", **(function.parameters or {})},
    }
    if function.description:
        tool["description"] = function.description
    if isinstance(function.strict, bool):
        tool["strict"] = function.strict
    return tool
