"""What a caller asked for, as every adapter has to read it.

Whatever the provider: a parameter is sent, refused by its path, or left out and reported; tools are functions; a tool
choice comes down to a mode, one function, or some allowed ones. A tool of a kind that the provider does not have is an
offer that the model cannot take up: it is left out and reported, for many clients (Codex, with `web_search` and
`namespace`) offer such tools with every request. A choice that demands one is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

from msgspec import Struct

from penstock.spec.base import UNSET, JsonObject, SpecObject, UnknownObject
from penstock.spec.request import CreateResponse
from penstock.spec.tools import (
    AllowedToolsParam,
    ExtensionTool,
    ExtensionToolChoice,
    FunctionToolParam,
    SpecificFunctionParam,
)
from penstock.upstream.base import Loss, UnsupportedParameter

__all__ = ["NO_SUCH_PARAMETER", "FunctionsAsked", "RequestTranslation", "keys_beyond", "lose_extras", "type_of"]

NO_SUCH_PARAMETER: Final = "the specification has no such parameter"
"""Why a field is lost that is somebody else's."""


class FunctionsAsked(Struct, frozen=True):
    """The functions of a request, and how the model is to choose among them.

    `mode` is None where the caller left it open. `function` is the one that must be called; `allowed` the names that
    may be, None for all of them.
    """

    functions: list[FunctionToolParam]
    mode: Literal["auto", "required", "none"] | None = None
    function: str | None = None
    allowed: list[str] | None = None

    @property
    def offered(self) -> list[FunctionToolParam]:
        """The functions that may be called, where no mode forbids it."""
        if self.allowed is None:
            return self.functions
        return [function for function in self.functions if function.name in self.allowed]


class RequestTranslation:
    """One request being translated: the body so far, and what is not in it."""

    api: ClassVar[str]
    """What the provider's API is called in messages to people: `Chat Completions`."""

    def __init__(self) -> None:
        """Begin with an empty body."""
        self.body: JsonObject = {}
        self.losses: list[Loss] = []
        self.hosted: list[JsonObject] = []
        """Tools the provider runs itself, in its own form."""

    def send(self, name: str, value: object) -> None:
        """Put a parameter into the body, unless the caller gave none."""
        if value is not None and value is not UNSET:
            self.body[name] = value

    def lose(self, param: str, reason: str) -> None:
        """Report what is left out."""
        self.losses.append(Loss(param, reason))

    def lose_extras(self, value: SpecObject, path: str) -> None:
        """Report the fields of `value` that the specification does not have."""
        lose_extras(value, path, self.lose)

    def lose_limits(self, request: CreateResponse) -> None:
        """Report the limits that no provider's API has."""
        if request.max_tool_calls:
            self.lose("max_tool_calls", f"{self.api} has no limit on the number of calls")
        if request.truncation == "auto":
            self.lose("truncation", f"{self.api} never shortens its input: one that is too long is an error")

    def unknown(self, request: CreateResponse, *, sent: bool) -> None:
        """Treat parameters the specification does not have: they are `sent` as they are, or reported."""
        for key, value in request.extra.items():
            if value is UNSET:
                continue
            if not sent:
                self.lose(key, NO_SUCH_PARAMETER)
            elif key in self.body:
                self.lose(key, "the parameter of this name was made from the others")
            else:
                self.body[key] = value

    def model(self, request: CreateResponse) -> str:
        """Return the model asked for; raise UnsupportedParameter where there is none."""
        if not request.model:
            raise UnsupportedParameter("model", f"{self.api} needs the name of a model")
        return request.model

    def refuse_unresolved(self, request: CreateResponse) -> None:
        """Raise UnsupportedParameter for what only a store of responses can resolve, and must have resolved before."""
        if request.background:
            raise UnsupportedParameter("background", f"{self.api} has no background runs")
        if request.previous_response_id:
            raise UnsupportedParameter("previous_response_id", f"{self.api} remembers no earlier responses")
        # OpenAI's own. To pass over them would be to answer without what the caller takes for said.
        for name, what in (("conversation", "conversations"), ("prompt", "prompts")):
            if request.extra.get(name):
                raise UnsupportedParameter(name, f"{self.api} keeps no {what}")

    def functions(self, request: CreateResponse) -> FunctionsAsked:
        """Return the functions and the choice among them, and keep in `hosted` the tools the provider runs itself.

        Tools of any other kind are left out and reported. Raises UnsupportedParameter for a choice that demands one.
        """
        functions: list[FunctionToolParam] = []
        for number, tool in enumerate(request.tools or ()):
            if isinstance(tool, ExtensionTool):
                hosted = self.hosted_tool(tool)
                if hosted is None:
                    self.lose(
                        f"tools[{number}]", f"{self.api} has no tool {tool.type!r}, so the model is not offered it"
                    )
                else:
                    self.hosted.append(hosted)
                continue
            self.lose_extras(tool, f"tools[{number}]")
            functions.append(tool)
        choice = request.tool_choice
        if not functions and not self.hosted:
            if choice and choice not in ("auto", "none"):
                raise UnsupportedParameter("tool_choice", "there are no tools to choose from")
            return FunctionsAsked(functions)
        if isinstance(choice, ExtensionToolChoice):
            raise UnsupportedParameter("tool_choice.type", f"{self.api} has no choice {choice.type!r}")
        if isinstance(choice, SpecificFunctionParam):
            return FunctionsAsked(functions, function=self._chosen(choice, functions, "tool_choice"))
        if isinstance(choice, AllowedToolsParam):
            return self._allowed(choice, functions)
        return FunctionsAsked(functions, choice or None)

    def hosted_tool(self, tool: ExtensionTool) -> JsonObject | None:  # noqa: ARG002 - for those that have some
        """Return a tool the provider runs itself in its form; None where it has none such."""
        return None

    def _allowed(self, choice: AllowedToolsParam, functions: list[FunctionToolParam]) -> FunctionsAsked:
        self.lose_extras(choice, "tool_choice")
        allowed: list[str] = []
        for number, tool in enumerate(choice.tools):
            path = f"tool_choice.tools[{number}]"
            if isinstance(tool, ExtensionToolChoice):
                self.lose(path, f"{self.api} can allow functions only, no {tool.type!r}")
                continue
            allowed.append(self._chosen(tool, functions, path))
        if not allowed and choice.mode == "required":
            raise UnsupportedParameter("tool_choice.tools", f"{self.api} has none of them, and one has to be called")
        return FunctionsAsked(functions, choice.mode or "auto", allowed=allowed)

    def _chosen(self, choice: SpecificFunctionParam, functions: list[FunctionToolParam], path: str) -> str:
        self.lose_extras(choice, path)
        if all(function.name != choice.name for function in functions):
            raise UnsupportedParameter(f"{path}.name", f"the request offers no function {choice.name!r}")
        return choice.name


def keys_beyond(value: SpecObject) -> list[str]:
    """Return the keys that `value` came with and the specification does not have."""
    # UNSET stands for a key that was left out, such as a message's `type`.
    return [key for key, extra in value.extra.items() if extra is not UNSET]


def lose_extras(value: SpecObject, path: str, lose: Callable[[str, str], None]) -> None:
    """Report to `lose` the fields of `value` that the specification does not have."""
    for key in keys_beyond(value):
        lose(f"{path}.{key}", NO_SUCH_PARAMETER)


def type_of(value: SpecObject) -> str:
    """Return the `type` of an item or a part."""
    return value.type if isinstance(value, UnknownObject) else str(value.__struct_config__.tag)
