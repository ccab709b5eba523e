"""Which functions the demo calls: those the prompt names, the one it must, or the one that fits what was asked.

What the caller allows is a hard limit: tool choice, allowed tools, parallel calls, the number of calls.
"""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from penstock.spec.base import JsonObject
from penstock.spec.request import CreateResponse
from penstock.spec.tools import FunctionToolParam
from penstock.upstream.asked import FunctionsAsked, RequestTranslation
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.demo.fits import UnknownSchema
from penstock.upstream.demo.instance import Hints, instance_of
from penstock.upstream.values import json_text, read_json
from penstock.wire.wording import is_array, is_object

__all__ = ["MAX_CALLS", "Call", "Calls", "DemoRequest"]

MAX_CALLS: Final = 100
"""Most calls that are made on demand where the caller sets no limit."""

_READ: Final = 20_000
"""How much of a prompt is searched for calls, in characters."""

_NAMED: Final = re.compile(
    r"\b(?:call|use|run|invoke)\b(?: the)?(?: tools?| functions?)?[ \"'`]+([\w-]{1,64})", re.IGNORECASE
)
_ALL: Final = re.compile(r"\b(?:call|use|run|invoke) (?:all|every|each)\b", re.IGNORECASE)
_MORE: Final = re.compile(r"\s*(?:,\s*and|,|and)\s+[\"'`]?([\w-]{1,64})[\"'`]?")
_TIMES: Final = re.compile(r"\s*(?:(twice)|(\d{1,3}) times)\b", re.IGNORECASE)
_WITH: Final = re.compile(r"[\"'`]?\s*(?:with|:)?(?: the)?(?: arguments?)?\s*(?=\{)")

_WORD: Final = re.compile(r"[a-z]{3,30}")
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "the and for are was what whats with you your can how who why does this that from have has will would should "
        "could please tell get set use call like about into out any all some not one two give show find let want need "
        "then when where which there here say write make me my it is in on at of to a an",
    )
)
_LEAST_SCORE: Final = 3
"""From what score on a function fits a prompt: one word of its name in common, or three of its description."""

_NAME: Final = re.compile(r"(?:[A-Z][\w'\u2019-]*)(?:[ ](?:(?:of|de|la|le|du|am)[ ])?[A-Z][\w'\u2019-]*)*")
_QUOTED: Final = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|`([^`\n]{1,200})`")
_FIGURE: Final = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,6})?(?![\w.]*\w)")


class Call(Struct, frozen=True):
    """One call, its arguments as JSON text."""

    name: str
    arguments: str


class Calls(Struct, frozen=True):
    """The calls to be made; `refused` says, a sentence each, which of those asked for are not."""

    made: list[Call] = []
    refused: list[str] = []


class DemoRequest(RequestTranslation):
    """What a request allows the demo to call. `losses` are the tools and choices it has no use for."""

    api = "the demo"

    def __init__(self, request: CreateResponse) -> None:
        """Read the tools; raise UnsupportedParameter for a choice that cannot be followed."""
        super().__init__()
        self.refuse_unresolved(request)
        self.asked: FunctionsAsked = self.functions(request)
        self._places = {id(tool): number for number, tool in enumerate(request.tools or ())}
        self._most = request.max_tool_calls or MAX_CALLS
        if request.parallel_tool_calls is False:
            self._most = 1

    @property
    def must_call(self) -> bool:
        """Whether there has to be a call."""
        return self.asked.function is not None or (self.asked.mode == "required" and bool(self.asked.functions))

    @property
    def callable(self) -> list[FunctionToolParam]:
        """The functions that may be called."""
        asked = self.asked
        if asked.mode == "none":
            return []
        if asked.function is not None:
            return [function for function in asked.functions if function.name == asked.function]
        return asked.offered

    def named(self, prompt: str) -> Calls:
        """Return the calls that `prompt` asks for by name."""
        prompt = prompt[:_READ]
        wanted: list[tuple[str, str | None]] = []
        if _ALL.search(prompt):
            wanted = [(function.name, None) for function in self.callable]
        else:
            for match in _NAMED.finditer(prompt):
                is_called = match[0].lower().startswith(("call", "invoke"))
                # `call shell with {...}` means a function, whether there is one of this name or not.
                is_given = is_called and _given_arguments(prompt, match.end())[0] is not None
                if is_given or self._is_name(match[1], is_called=is_called):
                    wanted += self._list(prompt, match)
        made: list[Call] = []
        refused: list[str] = []
        for name, arguments in wanted:
            function = next((function for function in self.callable if function.name == name), None)
            if function is None:
                refused.append(self._refusal(name))
            elif len(made) == self._most:
                refused.append(f"I may not make more than {self._most} calls, so I leave out {name}.")
            else:
                texts, numbers = _hints(prompt)
                functions = {function.name for function in self.asked.functions}
                hints = Hints([text for text in texts if text not in functions], numbers, prompt)
                made.append(Call(name, arguments if arguments is not None else self._arguments(function, hints)))
        return Calls(made, list(dict.fromkeys(refused)))

    def fitting(self, prompt: str, *, forced: bool) -> Calls:
        """Return the call a model would make for `prompt`, if any; `forced`: there has to be one."""
        prompt = prompt[:_READ]
        scored = [(_score(function, prompt), -place) for place, function in enumerate(self.callable)]
        if not scored:
            return Calls()
        score, place = max(scored)
        if score < _LEAST_SCORE and not forced:
            return Calls()
        function = self.callable[-place]
        texts, numbers = _hints(prompt)
        only = _only_text(function)
        if only and len(texts) > 1:
            # One call for each of Paris, London and Rome, as models do.
            return Calls(
                [Call(function.name, self._arguments(function, Hints([text]))) for text in texts[: self._most]]
            )
        return Calls([Call(function.name, self._arguments(function, Hints(texts, numbers, prompt)))])

    def _is_name(self, word: str, *, is_called: bool) -> bool:
        """Whether a word is meant as a function's name: one that is offered, or looks like one after `call`."""
        return (is_called and "_" in word) or any(function.name == word for function in self.asked.functions)

    def _list(self, prompt: str, match: re.Match[str]) -> list[tuple[str, str | None]]:
        """Return the names and arguments that follow `call`: `a with {...}, b and c`."""
        wanted: list[tuple[str, str | None]] = []
        name, at = match[1], match.end()
        while True:
            arguments, at = _given_arguments(prompt, at)
            times = _TIMES.match(prompt, at)
            count = 1
            if times is not None:
                at = times.end()
                count = 2 if times[1] else min(int(times[2]), MAX_CALLS)
            wanted += [(name, arguments)] * count
            following = _MORE.match(prompt, at)
            if following is None or not self._is_name(following[1], is_called=True):
                return wanted
            name, at = following[1], following.end()

    def _refusal(self, name: str) -> str:
        if all(function.name != name for function in self.asked.functions):
            return f"I cannot call {name}: the request does not offer it."
        if self.asked.mode == "none":
            return f"I cannot call {name}: tool_choice is none."
        return f"I cannot call {name}: tool_choice does not allow it."

    def _arguments(self, function: FunctionToolParam, hints: Hints) -> str:
        parameters = _parameters(function)
        try:
            return json_text(instance_of(parameters, hints))
        except UnknownSchema as error:
            place = self._places[id(function)]
            raise UnsupportedParameter(f"tools[{place}].parameters", str(error)) from None


def _parameters(function: FunctionToolParam) -> JsonObject:
    """Return the schema of the arguments: of an object, which holds the first text where none is required."""
    schema: JsonObject = {**(function.parameters or {}), "type": "object"}
    text = _only_text(function)
    if text and not schema.get("required"):
        schema["required"] = [text]
    return schema


def _only_text(function: FunctionToolParam) -> str:
    """Return the property that is what a call is about: the first required text, or the first text of all."""
    schema = function.parameters or {}
    properties = schema.get("properties")
    needed = schema.get("required")
    if not is_object(properties):
        return ""
    required = needed if is_array(needed) else []
    is_free = not required
    texts = [name for name, part in properties.items() if _is_text(part) and (is_free or name in required)]
    return texts[0] if len(texts) == 1 or (is_free and texts) else ""


def _is_text(schema: object) -> bool:
    return is_object(schema) and schema.get("type") == "string" and not {"enum", "const", "format"} & schema.keys()


def _given_arguments(prompt: str, at: int) -> tuple[str | None, int]:
    """Return the JSON object that stands behind a name, compactly written, and where the prompt goes on."""
    match = _WITH.match(prompt, at)
    if match is not None:
        try:
            _, end = json.JSONDecoder().raw_decode(prompt, match.end())
            return json_text(read_json(prompt[match.end() : end].encode())), end
        except (ValueError, RecursionError):
            pass  # a brace that begins no JSON: the arguments are made up
    return None, at + (prompt[at : at + 1] in tuple("\"'`"))


def _words(text: str) -> set[str]:
    """Return the words of a text that tell something, without their plural endings."""
    return {word.removesuffix("s") for word in _WORD.findall(text.lower().replace("_", " "))} - _COMMON


def _score(function: FunctionToolParam, prompt: str) -> int:
    """Return how well a function fits a prompt: three for each word of its name, one for each of its description."""
    said = _words(prompt)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", function.name).replace("-", " ")
    properties = (function.parameters or {}).get("properties")
    described = f"{function.description or ''} {' '.join(properties) if is_object(properties) else ''}"
    return 3 * len(said & _words(name)) + len(said & (_words(described) - _words(name)))


def _hints(prompt: str) -> tuple[list[str], list[float]]:
    """Return the names and the figures in a prompt, in order."""
    quoted = [next(text for text in match.groups() if text) for match in _QUOTED.finditer(prompt)]
    names = [name for match in _NAME.finditer(prompt) if (name := _name(prompt, match))]
    figures = [float(match[0]) if "." in match[0] else int(match[0]) for match in _FIGURE.finditer(prompt)]
    return list(dict.fromkeys(quoted or names)), figures


def _name(prompt: str, match: re.Match[str]) -> str:
    """Return a name without a capital that is only one because a sentence begins there, or because it is the word I."""
    before = prompt[: match.start()].rstrip()
    words = match[0].split(" ")
    if not before or before[-1] in ".!?:\n" or words[0] in ("I", "I'm", "I'd", "I've", "I'll"):
        words = words[1:]
    return " ".join(words)
