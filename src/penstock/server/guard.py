"""What the caller forbade or demanded, held against the model's will.

Spec: "`tool_choice`", "`allowed_tools`": "any tool call to a tool not listed MUST be rejected or suppressed by the
server". A provider is asked to obey, but a model may not; so every call is looked at before it is written. One that
must not be made is left out with all its arguments, and the response says so; a call that had to be made and was not
is a failure of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from penstock.server.errors import failure
from penstock.spec.items import ExtensionItem, FunctionCallItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.spec.tools import AllowedToolsParam, ExtensionToolChoice, FunctionToolParam, SpecificFunctionParam
from penstock.stream.output import Arguments, Done, Extension, FunctionCall, Output, ReadyItem, Stop, Usage

__all__ = ["Guard"]

_BESIDE = (Extension, Stop, Usage)
"""What is said beside the items: no item begins with it."""


class Guard:
    """Looks at the calls of one response."""

    def __init__(self, request: CreateResponse, lose: Callable[[str, str], None]) -> None:
        """Hold the calls to what `request` says of them; `lose(param, reason)` is told of each that is left out."""
        self._lose = lose
        choice = request.tool_choice
        tools = request.tools or []
        functions = [tool for tool in tools if isinstance(tool, FunctionToolParam)]
        # A model may call what was offered, and nothing else; where other kinds of tools were, their names are unknown.
        self._offered = {function.name for function in functions} if len(functions) == len(tools) else None
        self._allowed: set[str] | None = None
        self._demanded: str | None = None
        mode: str | None = None
        if isinstance(choice, AllowedToolsParam):
            self._allowed = {tool.name for tool in choice.tools if isinstance(tool, SpecificFunctionParam)}
            mode = choice.mode or "auto"
        elif isinstance(choice, SpecificFunctionParam):
            self._demanded = choice.name
            mode = "required"
        elif not isinstance(choice, ExtensionToolChoice):
            mode = choice or None
        self._mode = mode
        self._most = request.max_tool_calls or None
        self._is_single = request.parallel_tool_calls is False
        self._calls = 0
        self._left_out: set[str] = set()
        self._has_others_call = False
        self._is_last_left_out = False
        self._is_left_out_open = False

    def allow(self, outputs: Iterable[Output]) -> Sequence[Output]:
        """Return what of `outputs` may be written."""
        return [output for output in outputs if self._may(output)]

    def missing(self) -> ErrorPayload | None:
        """Return the error where the model stopped without the call it had to make; None where all is well."""
        if self._mode != "required" or self._calls or (self._has_others_call and self._demanded is None):
            return None
        wanted = "a call" if self._demanded is None else f"a call of {self._demanded!r}"
        message = f"tool_choice asks for {wanted}, and the model stopped without one"
        return failure(message, code="tool_choice_not_followed", error_type="model_error", param="tool_choice")

    def _may(self, output: Output) -> bool:
        match output:
            case FunctionCall():
                return self._may_call(output.name, output.key, output.call_id)
            case ReadyItem(item=FunctionCallItem() as item):
                return self._may_call(item.name, item.call_id)
            case Arguments() if output.call is None:
                return not self._is_last_left_out
            case Arguments():
                # The writer takes arguments without a name for those of the call that it was last told of by name.
                self._is_last_left_out = output.call in self._left_out
                return not self._is_last_left_out
            case Done() if output.call is None:
                return not self._is_left_out_open
            case Done():
                return output.call not in self._left_out
            case ReadyItem(item=ExtensionItem()):
                # Tools of the provider's own have items of its own: one of them may be the call that was asked for.
                self._has_others_call = True
            case _:
                pass
        if not isinstance(output, _BESIDE):
            self._is_left_out_open = False
        return True

    def _may_call(self, name: str, *ids: str | None) -> bool:
        reason = self._objection(name)
        named = {each for each in ids if each is not None}
        self._is_last_left_out = self._is_left_out_open = reason is not None
        if reason is None:
            self._calls += 1
            self._left_out -= named
            return True
        param, words = reason
        self._lose(param, f"the model called {name!r}, which was left out: {words}")
        self._left_out |= named
        return False

    def _objection(self, name: str) -> tuple[str, str] | None:
        """Return why `name` may not be called now: the parameter that says so, and in words."""
        if self._mode == "none":
            return "tool_choice", "no function may be called"
        if self._offered is not None and name not in self._offered:
            return "tools", "no such function was offered"
        if self._allowed is not None and name not in self._allowed:
            return "tool_choice", "it is not among the allowed tools"
        if self._demanded is not None and name != self._demanded:
            return "tool_choice", f"only {self._demanded!r} may be called"
        if self._is_single and self._calls:
            return "parallel_tool_calls", "one call at a time was asked for"
        if self._most is not None and self._calls >= self._most:
            return "max_tool_calls", f"no more than {self._most} calls may be made"
        return None
