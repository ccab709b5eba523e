"""What the caller forbade or demanded is held against whatever a model says."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Arguments, Done, Extension, FunctionCall, ReadyItem, Text, Usage
from penstock.server.guard import Guard
from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem, FunctionCallItem
from penstock.stream.output import Output
from penstock.wire.requests import parse_create

TOOLS = [{"type": "function", "name": name} for name in ("f", "g", "h")]


def guard(**fields: Any) -> tuple[Guard, list[str]]:  # noqa: ANN401 - the request's
    lost: list[str] = []
    request = parse_create({"model": "m", "input": "Hi.", "tools": TOOLS, **fields})
    return Guard(request, lambda param, reason: lost.append(param)), lost


def calls(guard: Guard, *names: str) -> list[str]:
    allowed = guard.allow([FunctionCall(name, "{}") for name in names])
    return [output.name for output in allowed if isinstance(output, FunctionCall)]


ALLOWED = {"type": "allowed_tools", "tools": [{"type": "function", "name": "g"}]}


@pytest.mark.parametrize(
    ("fields", "made", "param"),
    [
        ({}, ["f", "g", "f"], "tools"),
        ({"tool_choice": "auto"}, ["f", "g", "f"], "tools"),
        ({"tool_choice": None}, ["f", "g", "f"], "tools"),
        ({"tool_choice": "none"}, [], "tool_choice"),
        ({"tool_choice": "required"}, ["f", "g", "f"], "tools"),
        ({"tool_choice": {"type": "function", "name": "g"}}, ["g"], "tool_choice"),
        ({"tool_choice": ALLOWED}, ["g"], "tool_choice"),
        ({"tool_choice": {**ALLOWED, "mode": "none"}}, [], "tool_choice"),
        ({"tool_choice": {"type": "acme:any"}}, ["f", "g", "f"], "tools"),
        ({"parallel_tool_calls": False}, ["f"], "parallel_tool_calls"),
        ({"parallel_tool_calls": True}, ["f", "g", "f"], "tools"),
        ({"max_tool_calls": 2}, ["f", "g"], "max_tool_calls"),
        ({"tools": None}, [], "tools"),
        ({"tools": []}, [], "tools"),
        # A function that is offered twice does not make every other one be offered.
        ({"tools": [TOOLS[0], TOOLS[0]]}, ["f", "f"], "tools"),
    ],
)
def test_calls_that_may_not_be_made_are_left_out_and_told_of(
    fields: dict[str, Any], made: list[str], param: str
) -> None:
    held, lost = guard(**fields)
    assert calls(held, "f", "g", "x", "f") == made
    assert param in lost


def test_where_tools_of_other_kinds_are_offered_any_name_may_be_called() -> None:
    held, lost = guard(tools=[*TOOLS, {"type": "acme:search"}])
    assert calls(held, "x") == ["x"]
    assert lost == []


def test_whole_calls_are_looked_at_like_others() -> None:
    held, lost = guard(tool_choice="none")
    item = FunctionCallItem(id="fc_1", call_id="c", name="f", arguments="{}", status="completed")
    assert held.allow([ReadyItem(item)]) == []
    assert lost == ["tool_choice"]


def test_everything_of_a_call_is_left_out_with_it_and_nothing_of_others() -> None:
    held, _ = guard(tool_choice={"type": "function", "name": "f"})
    kept: list[Output] = [FunctionCall("f", key="1"), Arguments('{"a"', "1"), Arguments(":1}", "1"), Done("1")]
    left: list[Output] = [
        FunctionCall("g", key="2", call_id="c2"),
        Arguments("{", "2"),
        Arguments("}", "c2"),
        Done("2"),
    ]
    mixed = [each for pair in zip(kept, left, strict=True) for each in pair]
    assert held.allow(mixed) == kept


@pytest.mark.parametrize("beside", [Usage(input_tokens=1, output_tokens=1), Extension("acme:x", {})])
def test_what_names_no_call_is_of_the_one_that_was_left_out_as_long_as_that_is_the_last(beside: Output) -> None:
    held, _ = guard(tool_choice={"type": "function", "name": "f"})
    said: list[Output] = [FunctionCall("f", key="1"), FunctionCall("g"), Arguments("{}"), beside, Done()]
    assert held.allow(said) == [FunctionCall("f", key="1"), beside]
    # A message behind it is what the next `Done` ends, but its arguments are still those of the call.
    assert held.allow([Text("Hi."), Done(), Arguments("x")]) == [Text("Hi."), Done()]
    # Arguments by name make theirs the call that is meant.
    assert held.allow([Arguments("{", "1"), Arguments("}")]) == [Arguments("{", "1"), Arguments("}")]


def test_a_call_takes_the_name_of_one_that_was_left_out() -> None:
    held, _ = guard(tool_choice={"type": "function", "name": "f"})
    said: list[Output] = [FunctionCall("g", key="1"), FunctionCall("f", key="1"), Arguments("{}", "1")]
    assert held.allow(said) == said[1:]


@pytest.mark.parametrize(
    ("choice", "said", "is_missing"),
    [
        ("auto", [Text("No.")], False),
        ("required", [Text("No.")], True),
        ("required", [FunctionCall("f", "{}")], False),
        ({**ALLOWED, "mode": "required"}, [FunctionCall("f", "{}")], True),
        ({**ALLOWED, "mode": "required"}, [FunctionCall("g", "{}")], False),
        ({"type": "function", "name": "g"}, [FunctionCall("f", "{}")], True),
        ("required", [ReadyItem(ExtensionItem(fields=Extra({"type": "acme:search", "id": "s"})))], False),
        (
            {"type": "function", "name": "g"},
            [ReadyItem(ExtensionItem(fields=Extra({"type": "acme:search", "id": "s"})))],
            True,
        ),
    ],
)
def test_a_call_that_had_to_be_made_is_missed(choice: Any, said: list[Output], *, is_missing: bool) -> None:  # noqa: ANN401
    held, _ = guard(tool_choice=choice)
    held.allow(said)
    error = held.missing()
    assert (error is not None) == is_missing
    if error is not None:
        assert (error.type, error.code, error.param) == ("model_error", "tool_choice_not_followed", "tool_choice")
