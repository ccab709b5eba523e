"""An Open Responses request as the body of a Gemini request.

Every parameter has one of four fates. It is sent; or it is refused with its path, where leaving it out would change
what the caller gets; or it is left out and reported as a `Loss`; or it is none of the provider's business:

- `store`, `stream`, `stream_options` and the ids and states of items concern our own resources and our own stream;
- signatures of thoughts come unasked, so `reasoning.encrypted_content` needs no asking;
- a null is the same as nothing.

The model and whether to stream are in the path, not in the body. Spec: "HTTP Requests".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, UnsetType

from penstock.spec.base import UNSET, JsonObject
from penstock.spec.request import CreateResponse, JsonSchemaResponseFormatParam, TextParam
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat
from penstock.spec.tools import AllowedToolsParam, ExtensionTool, FunctionToolParam
from penstock.upstream.asked import RequestTranslation
from penstock.upstream.base import UnsupportedParameter, UpstreamRequest
from penstock.upstream.gemini.contents import Contents
from penstock.upstream.gemini.names import api_name


class Options(Struct, frozen=True, kw_only=True):
    """What is wanted of Gemini beyond Open Responses."""

    thinking: Literal["auto", "level", "budget"] = "auto"
    """How `reasoning.effort` is told: as a level, which Gemini 3 and later take, or as a budget of tokens, which Gemini
    2.5 takes. `auto`: by the model's name."""

    modalities: tuple[str, ...] = ()
    """What the answer may consist of, `TEXT` and `IMAGE` for models that draw. Empty: the model's default."""

    tool_invocations: bool = False
    """Whether the calls that Google's own tools receive, and their results, are told. Gemini 3 can."""

    unchecked_calls: bool = False
    """Whether calls without a signature get the one with which Google waives its check. Gemini 3 refuses the calls of
    another provider, or ones that were made up, without."""

    extra: bool = False
    """Whether parameters the specification does not have are sent as they are: `safetySettings`, `cachedContent`."""


HOSTED: Final = (
    "codeExecution",
    "computerUse",
    "enterpriseWebSearch",
    "exaAiSearch",
    "fileSearch",
    "googleMaps",
    "googleSearch",
    "googleSearchRetrieval",
    "parallelAiSearch",
    "retrieval",
    "urlContext",
)
"""Tools that Google runs. Each is an extension tool, `google:code_execution` and so on; its other fields are sent."""

LEVELS: Final[Mapping[str, str]] = {
    "none": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
}
BUDGETS: Final[Mapping[str, int]] = {"none": 0, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768}
"""Tokens for each effort. Those in the middle are what Google's own Chat Completions endpoint takes them for."""

SERVICE_TIERS: Final[Mapping[str, str]] = {"default": "standard", "flex": "flex", "priority": "priority"}


def translate(request: CreateResponse, options: Options) -> UpstreamRequest:
    """Return `request` in the provider's form; raise UnsupportedParameter for what cannot be expressed."""
    return _Request(options).translate(request)


class _Request(RequestTranslation):
    """One request being translated."""

    api = "Gemini"

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.config: JsonObject = {}

    def translate(self, request: CreateResponse) -> UpstreamRequest:
        model = self.model(request)
        self.refuse_unresolved(request)
        self._contents(request)
        self._tools(request)
        self._generation(request)
        self._text(request.text)
        self._reasoning(request, model)
        self._log_probabilities(request)
        if self.config:
            self.body["generationConfig"] = self.config
        if request.service_tier:
            self.send("serviceTier", SERVICE_TIERS.get(request.service_tier))
        self._left_out(request)
        self.unknown(request, sent=self.options.extra)
        return UpstreamRequest(body=self.body, losses=self.losses)

    def _contents(self, request: CreateResponse) -> None:
        contents = Contents(unchecked_calls=self.options.unchecked_calls, lose=self.lose)
        if request.instructions:
            contents.add_instructions(request.instructions)
        if isinstance(request.input, str):
            contents.add_text(request.input)
        else:
            contents.add_items(request.input or ())
        if not contents.finished:
            raise UnsupportedParameter("input", "Gemini needs something to answer beside its instructions")
        self.body["contents"] = contents.finished
        if contents.instructions:
            self.body["systemInstruction"] = {"parts": contents.instructions}

    # ----------------------------------------------------------------------------------------------------- generation

    def configure(self, name: str, value: object) -> None:
        """Put a parameter into the generation's configuration, unless the caller gave none."""
        if value is not None and value is not UNSET:
            self.config[name] = value

    def _generation(self, request: CreateResponse) -> None:
        if self.options.modalities:
            self.config["responseModalities"] = list(self.options.modalities)
        self.configure("temperature", request.temperature)
        self.configure("topP", request.top_p)
        self.configure("presencePenalty", request.presence_penalty)
        self.configure("frequencyPenalty", request.frequency_penalty)
        self.configure("maxOutputTokens", request.max_output_tokens)

    def _text(self, text: TextParam | None | UnsetType) -> None:
        if not text:
            return
        self.lose_extras(text, "text")
        if text.verbosity:
            self.lose("text.verbosity", "Gemini cannot be asked for long or short answers")
        form = text.format
        if isinstance(form, ExtensionFormat):
            raise UnsupportedParameter("text.format.type", f"Gemini has no format {form.type!r}")
        if isinstance(form, JsonObjectResponseFormat | JsonSchemaResponseFormatParam):
            self.config["responseMimeType"] = "application/json"
        if isinstance(form, JsonSchemaResponseFormatParam) and form.schema is not UNSET:
            # The API takes a schema alone; what the format is called and is for has its place within.
            about = {"title": form.name, "description": form.description}
            told = {key: value for key, value in about.items() if value is not None and value is not UNSET}
            self.config["responseJsonSchema"] = {**told, **form.schema}
        if form:
            self.lose_extras(form, "text.format")

    def _reasoning(self, request: CreateResponse, model: str) -> None:
        reasoning = request.reasoning
        if not reasoning:
            return
        self.lose_extras(reasoning, "reasoning")
        thinking: JsonObject = {}
        if reasoning.summary:
            thinking["includeThoughts"] = True
            if reasoning.summary != "auto":
                self.lose("reasoning.summary", "Gemini cannot be told how long its summaries are to be")
        if reasoning.effort:
            by_budget = "gemini-2" in model if self.options.thinking == "auto" else self.options.thinking == "budget"
            if by_budget:
                thinking["thinkingBudget"] = BUDGETS[reasoning.effort]
            else:
                thinking["thinkingLevel"] = LEVELS[reasoning.effort]
                if reasoning.effort == "none":
                    self.lose("reasoning.effort", "asked for as the least level, at which the model may think a little")
        if thinking:
            self.config["thinkingConfig"] = thinking

    def _log_probabilities(self, request: CreateResponse) -> None:
        include = request.include or ()
        for number, what in enumerate(include):
            if what not in ("message.output_text.logprobs", "reasoning.encrypted_content"):
                self.lose(f"include[{number}]", f"Gemini cannot be asked for {what!r}")
        if request.top_logprobs or "message.output_text.logprobs" in include:
            self.config["responseLogprobs"] = True
            self.configure("logprobs", request.top_logprobs)

    def _left_out(self, request: CreateResponse) -> None:
        if request.metadata:
            self.lose("metadata", "it stays with the response; Gemini keeps none")
        self.lose_limits(request)
        if request.safety_identifier:
            self.lose("safety_identifier", "Gemini is not told who its caller's users are")
        if request.prompt_cache_key:
            self.lose("prompt_cache_key", "Gemini caches by what the prompts begin with, without a key")
        if request.stream_options:
            self.lose_extras(request.stream_options, "stream_options")

    # ---------------------------------------------------------------------------------------------------------- tools

    def hosted_tool(self, tool: ExtensionTool) -> JsonObject | None:
        """Return a tool that Google runs: `{"type": "google:google_search", ...}` is `{"googleSearch": {...}}`."""
        name = api_name(tool.type)
        if name not in HOSTED:
            return None
        return {name: {key: value for key, value in tool.fields.items() if key != "type"}}

    def _tools(self, request: CreateResponse) -> None:
        asked = self.functions(request)
        choice = request.tool_choice
        # Those that are not among the allowed tools, as only functions can be, are not to be used.
        hosted = [] if choice == "none" or isinstance(choice, AllowedToolsParam) else self.hosted
        if asked.mode == "required" and not asked.functions:
            raise UnsupportedParameter("tool_choice", "Gemini can be made to call functions only, and there are none")
        functions = asked.functions
        calling: JsonObject = {}
        if asked.function is not None:
            calling = {"mode": "ANY", "allowedFunctionNames": [asked.function]}
        elif asked.mode == "none":
            calling = {"mode": "NONE"}
        elif asked.mode == "required":
            calling = {"mode": "ANY"}
            if asked.allowed is not None:
                calling["allowedFunctionNames"] = asked.allowed
        elif asked.functions:
            # The names of allowed functions go with `ANY` only, so the others are not offered.
            functions = asked.offered
            if any(function.strict for function in functions):
                calling = {"mode": "VALIDATED"}
            elif asked.mode is not None:
                calling = {"mode": "AUTO"}
        tools = list(hosted)
        if functions:
            tools.insert(0, {"functionDeclarations": [_declaration(function) for function in functions]})
            if request.parallel_tool_calls is False:
                self.lose("parallel_tool_calls", "Gemini decides by itself how many functions it calls at once")
        if tools:
            self.body["tools"] = tools
        config: JsonObject = {"functionCallingConfig": calling} if calling and functions else {}
        if hosted and self.options.tool_invocations:
            config["includeServerSideToolInvocations"] = True
        if config:
            self.body["toolConfig"] = config


def _declaration(tool: FunctionToolParam) -> JsonObject:
    declaration: JsonObject = {"name": tool.name}
    for key, value in (("description", tool.description), ("parametersJsonSchema", tool.parameters)):
        if value is not None and value is not UNSET:
            declaration[key] = value
    return declaration
