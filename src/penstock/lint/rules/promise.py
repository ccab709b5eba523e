"""OR7, promise: what the request asked for. Judged only where the request is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import UNSET

from penstock.lint.compare import clipped
from penstock.lint.examples import Example, change, change_all
from penstock.lint.facts import Facts, Step
from penstock.lint.findings import Finding, Level
from penstock.lint.rule import EventRule
from penstock.spec import events as e
from penstock.spec.items import ExtensionItem, FunctionCallItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response
from penstock.spec.tools import AllowedToolsParam, ExtensionTool, FunctionToolParam, SpecificFunctionParam
from penstock.stream.echo import ECHOED, new_response

_CHOICE = "tool_choice"
_ALLOWED = "allowed_tools"

_LEVEL: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_level",
    "description": None,
    "parameters": {"type": "object"},
    "strict": None,
}
_FLOW: Final[dict[str, Any]] = {**_LEVEL, "name": "get_flow"}
_BOTH: Final[dict[str, Any]] = {"model": "example-model", "input": "What is the level?", "tools": [_LEVEL, _FLOW]}


def _called(step: Step, facts: Facts) -> FunctionCallItem | None:
    """Return the call that this event tells of for the first time."""
    event = step.event
    if not isinstance(event, (e.OutputItemAdded, e.OutputItemDone)) or not isinstance(event.item, FunctionCallItem):
        return None
    if isinstance(event, e.OutputItemDone) and facts.item(event.output_index) is not None:
        return None
    return event.item


class ToolNotOffered(EventRule):
    """The model called a tool nobody offered."""

    code = "OR701"
    name = "tool-not-offered"
    level = Level.ERROR
    needs_request = True
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = "Externally-hosted tools"
    sentence = "the developer must run the function and return the output back to the LLM in a second request"
    what = "A function call names a tool of the request."
    why = "The client has no such function to run: it raises, or the turn has no answer."
    mend = None
    bad = Example(base="call", request={"model": "example-model", "input": "What is the level?", "tools": [_FLOW]})
    good = Example(base="call", request=_BOTH)

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for the tool in the request."""
        call = _called(step, facts)
        if call is None or facts.request is None or not call.name:
            return
        tools = facts.request.tools
        offered = (
            [tool.name for tool in tools if isinstance(tool, FunctionToolParam)] if isinstance(tools, list) else []
        )
        if call.name not in offered:
            yield self.found(
                f"{call.name!r} is not among the tools of the request: {', '.join(offered) or 'none'}",
                step,
                path="item.name",
            )


class ToolNotAllowed(EventRule):
    """The model called a tool that was not allowed."""

    code = "OR702"
    name = "tool-not-allowed"
    level = Level.ERROR
    needs_request = True
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = _ALLOWED
    sentence = "Servers MUST enforce allowed_tools as a hard constraint"
    what = "A function call names one of the `allowed_tools`."
    why = "The caller forbade it: a tool that costs, deletes or sends may be run against its will."
    mend = None
    bad = Example(
        base="call",
        request={
            **_BOTH,
            "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "get_flow"}]},
        },
    )
    good = Example(
        base="call",
        request={
            **_BOTH,
            "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "get_level"}]},
        },
    )

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for the tool among those allowed."""
        call = _called(step, facts)
        choice = facts.request.tool_choice if facts.request is not None else None
        if call is None or not isinstance(choice, AllowedToolsParam):
            return
        allowed = [tool.name for tool in choice.tools if isinstance(tool, SpecificFunctionParam)]
        if call.name not in allowed:
            yield self.found(
                f"{call.name!r} is not among the allowed tools: {', '.join(allowed) or 'none'}", step, path="item.name"
            )


class ToolChoiceIgnored(EventRule):
    """The model did not do what `tool_choice` says."""

    code = "OR703"
    name = "tool-choice-ignored"
    level = Level.ERROR
    needs_request = True
    events = (e.OutputItemAdded, e.OutputItemDone, e.ResponseCompleted)
    section = _CHOICE
    sentence = "The model MUST NOT call any tools."
    what = "`none`: no call; `required`: at least one; a named function: that one."
    why = (
        "A caller that asked for a call parses arguments that are not there; one that asked for none has no tools to "
        "run."
    )
    mend = None
    bad = Example(base="call", request={**_BOTH, "tool_choice": "none"})
    good = Example(base="call", request={**_BOTH, "tool_choice": "required"})

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Hold calls, and their absence, against the choice."""
        choice = _mode(facts.request)
        if choice is None:
            return
        call = _called(step, facts)
        if call is not None:
            if choice == "none":
                yield self.found(f"tool_choice is 'none', and {call.name!r} is called", step, path="item")
            elif isinstance(choice, SpecificFunctionParam) and call.name != choice.name:
                yield self.found(
                    f"tool_choice asks for {choice.name!r}, and {call.name!r} is called", step, path="item.name"
                )
        elif isinstance(step.event, e.ResponseCompleted) and choice != "none" and not facts.calls:
            if choice == "required" and _called_hosted(step.event.response, facts.request):
                return
            asked = f"a call of {choice.name!r}" if isinstance(choice, SpecificFunctionParam) else "at least one call"
            yield self.found(f"tool_choice asks for {asked}, and there is none", step, path="response.output")


def _called_hosted(response: Response, request: CreateResponse | None) -> bool:
    """Whether a tool may have been called that the server runs itself: its call is an item of the server's own."""
    offered = request.tools if request is not None else None
    return any(isinstance(tool, ExtensionTool) for tool in offered or ()) and any(
        isinstance(item, ExtensionItem) for item in response.output
    )


def _mode(request: CreateResponse | None) -> str | SpecificFunctionParam | None:
    """Return what a request's tool choice demands; None where the model is free."""
    choice = request.tool_choice if request is not None else None
    if isinstance(choice, AllowedToolsParam):
        choice = choice.mode if choice.mode is not UNSET else "auto"
    if isinstance(choice, SpecificFunctionParam):
        return choice
    return choice if isinstance(choice, str) and choice in ("none", "required") else None


class ParallelCallsForbidden(EventRule):
    """The model made several calls where one was asked for."""

    code = "OR704"
    name = "parallel-calls-forbidden"
    level = Level.WARNING
    needs_request = True
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = "Externally-hosted tools"
    sentence = "the developer must run the function and return the output back to the LLM in a second request"
    what = "With `parallel_tool_calls: false` a response has one call at most."
    why = "A caller that runs one call a turn leaves the others without a result, and the next request fails."
    mend = None
    bad = Example(base="two_calls", request={**_BOTH, "parallel_tool_calls": False})
    good = Example(base="two_calls", request=_BOTH)

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Count the calls."""
        call = _called(step, facts)
        if call is None or facts.request is None or facts.request.parallel_tool_calls is not False:
            return
        if facts.calls == 1:
            yield self.found(f"parallel_tool_calls is false, and {call.name!r} is a second call", step, path="item")


class MaxToolCallsExceeded(EventRule):
    """There are more calls than allowed."""

    code = "OR705"
    name = "max-tool-calls-exceeded"
    level = Level.ERROR
    needs_request = True
    events = (e.OutputItemAdded, e.OutputItemDone)
    section = "tool_choice"
    sentence = (
        "The tool_choice field controls whether, and how, the model is allowed to invoke tools during a response."
    )
    what = "A response has at most `max_tool_calls` calls."
    why = "The caller set a limit to what a turn may cost or do."
    mend = None
    bad = Example(base="two_calls", request={**_BOTH, "max_tool_calls": 1})
    good = Example(base="two_calls", request={**_BOTH, "max_tool_calls": 2})

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Count the calls."""
        call = _called(step, facts)
        most = facts.request.max_tool_calls if facts.request is not None else None
        if call is not None and isinstance(most, int) and facts.calls == most:
            yield self.found(f"max_tool_calls is {most}, and {call.name!r} is call {most + 1}", step, path="item")


class EchoDiffers(EventRule):
    """The response does not repeat what was asked."""

    code = "OR706"
    name = "echo-differs"
    level = Level.ERROR
    needs_request = True
    events = (e.ResponseEvent,)
    section = "Extending existing schemas"
    sentence = (
        "Keep all standard fields intact and unchanged in meaning; extensions MUST NOT alter required core behavior."
    )
    what = "What the request said comes back as it was said: instructions, metadata, temperature, tools and the like."
    why = (
        "Callers read from the response what was in force; a proxy that changed a parameter goes unnoticed, or one "
        "that did not looks as if."
    )
    mend = None
    bad = Example(
        base="text",
        request={"model": "example-model", "input": "Hello", "temperature": 0.2},
        edits=(change_all("response.temperature", 1.0),),
    )
    good = Example(base="text", request={"model": "example-model", "input": "Hello", "temperature": 0.2})

    def __init__(self) -> None:
        """Begin a stream."""
        self._told: set[str] = set()

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Compare every parameter the request set; one finding a parameter."""
        event, request = step.event, facts.request
        assert request is not None
        assert isinstance(event, e.ResponseEvent)
        response = event.response
        wanted = new_response(id="", created_at=0, model="", request=request)
        for name in ECHOED:
            asked = getattr(request, name)
            if asked is UNSET or asked is None or name in response.extra or name in self._told:
                continue
            if name == "service_tier" and asked == "auto":
                continue  # the response tells which tier it was
            if name == "store" and not response.store:
                continue  # spec: "Whether this response was stored", which not every server does
            want, got = getattr(wanted, name), getattr(response, name)
            if not _same_echo(name, wanted, response):
                self._told.add(name)
                yield self.found(
                    f"{name} was asked as {clipped(want)}, and is {clipped(got)}", step, path=f"response.{name}"
                )


def _same_echo(name: str, want: Response, got: Response) -> bool:
    """Whether a parameter came back: what was asked is there, whatever a server adds to it."""
    match name:
        case "tools":
            return len(want.tools) == len(got.tools) and all(
                getattr(a, "name", a) == getattr(b, "name", b) for a, b in zip(want.tools, got.tools, strict=True)
            )
        case "text":
            asked, said = want.text, got.text
            return type(asked.format) is type(said.format) and asked.verbosity in (UNSET, said.verbosity)
        case "reasoning":
            return all(
                getattr(want.reasoning, key) in (None, getattr(got.reasoning, key, None))
                for key in ("effort", "summary")
            )
        case "tool_choice":
            asked_choice, choice = want.tool_choice, got.tool_choice
            return type(asked_choice) is type(choice) and (not isinstance(choice, str) or asked_choice == choice)
        case _:
            return bool(getattr(want, name) == getattr(got, name))


class ObfuscationUnasked(EventRule):
    """There is padding nobody wants."""

    code = "OR707"
    name = "obfuscation-unasked"
    level = Level.INFO
    needs_request = True
    events = (
        e.OutputTextDelta,
        e.ReasoningDelta,
        e.ReasoningSummaryTextDelta,
        e.FunctionCallArgumentsDelta,
    )
    section = "Delta Events"
    sentence = "making streamed responses possible and efficient"
    what = "With `include_obfuscation: false` no event is padded."
    why = "The caller trusts its line and asked to save the bytes."
    mend = "It is left out."
    bad = Example(
        base="text",
        request={
            "model": "example-model",
            "input": "Hello",
            "stream": True,
            "stream_options": {"include_obfuscation": False},
        },
        edits=(change("response.output_text.delta", "obfuscation", "Zx81"),),
    )
    good = Example(base="text", edits=(change("response.output_text.delta", "obfuscation", "Zx81"),))

    def __init__(self) -> None:
        """Begin a stream."""
        self._told = False

    def check(self, step: Step, facts: Facts) -> Iterator[Finding]:
        """Look for padding; once is enough."""
        options = facts.request.stream_options if facts.request is not None else None
        unasked = getattr(options, "include_obfuscation", None) is False
        if unasked and not self._told and isinstance(getattr(step.event, "obfuscation", None), str):
            self._told = True
            yield self.found("include_obfuscation is false, and the event is padded", step, path="obfuscation")


RULES = (
    ToolNotOffered,
    ToolNotAllowed,
    ToolChoiceIgnored,
    ParallelCallsForbidden,
    MaxToolCallsExceeded,
    EchoDiffers,
    ObfuscationUnasked,
)
