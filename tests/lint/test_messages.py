"""What findings say: the values that offend, and what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.lint.examples import Edit, Example, change, drop, drop_all, remove, truncate
from penstock.lint.linter import lint
from penstock.lint.shown import judged

DELTA = "response.output_text.delta"
ITEM_ADDED = "response.output_item.added"
PART_ADDED = "response.content_part.added"
TEXT_DONE = "response.output_text.done"
ITEM_DONE = "response.output_item.done"
COMPLETED = "response.completed"
LONG = "x" * 50
TOOLS: dict[str, Any] = {
    "model": "example-model",
    "input": "Hello",
    "tools": [{"type": "function", "name": name} for name in ("get_level", "get_flow")],
}
SUMMARY = {"type": "summary_text", "text": "Hm."}


def text(*edits: Edit) -> Example:
    return Example(base="text", edits=edits)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (text(remove(COMPLETED, "response.usage")), "response.usage is required, and absent; expected an object or null"),
        (text(remove(COMPLETED, "response.tools")), "response.tools is required, and absent; expected an array"),
        (
            text(remove(COMPLETED, "response.truncation")),
            "response.truncation is required, and absent; expected one of auto, disabled",
        ),
        (
            text(remove(COMPLETED, "response.tool_choice")),
            "response.tool_choice is required, and absent; expected one of none, auto, required, or an object",
        ),
        (text(remove(DELTA, "sequence_number")), "sequence_number is required, and absent; expected an integer"),
        (text(remove(PART_ADDED, "part.type")), "part.type is required, and absent; expected a string"),
        (text(change(TEXT_DONE, "text", "Other.")), ("the text differs from its beginning on: 'Other.' here, "
         "'Hello world.' in what was streamed")),
        (text(change(TEXT_DONE, "text", "H!")), ("the text differs after its first 1 character: '!' here, "
         "'ello world.' in what was streamed")),
        (text(change(PART_ADDED, "part.text", LONG)), f"the part is not empty when it is added: '{LONG[:40]}'..."),
        (
            text(change(ITEM_ADDED, "item.content", [{"type": "output_text", "text": "Hello", "annotations": []}])),
            "the message is not empty when it is added: 'Hello'",
        ),
        (
            Example(base="reasoning", edits=(change(ITEM_ADDED, "item.summary", [SUMMARY]),)),
            "the reasoning is not empty when it is added: 'Hm.'",
        ),
        (
            text(drop_all(DELTA)),
            "the text had no delta: 'Hello world.'",
        ),
        (
            text(*map(drop_all, (DELTA, TEXT_DONE, PART_ADDED, "response.content_part.done"))),
            "content[0] had no delta: 'Hello world.'",
        ),
        (
            Example(base="call", edits=tuple(map(drop_all, ("response.function_call_arguments.delta",
             "response.function_call_arguments.done")))),
            """the arguments had no delta: '{"gate":"north"}'""",
        ),
        (text(change(COMPLETED, "response.output", [])), "the output has 0 items, 1 was streamed"),
        (Example(base="two_calls", edits=(change(COMPLETED, "response.output", []),)),
         "the output has 0 items, 2 were streamed"),
        (text(truncate(COMPLETED)), "the stream ends while the response is in progress; nothing is open"),
        (
            text(truncate("response.content_part.done")),
            "the stream ends while the response is in progress; open: output[0], output[0].content[0]",
        ),
        (
            text(drop(ITEM_DONE)),
            f"response.completed comes while open: output[0] (message 'msg_1'); {ITEM_DONE} is due",
        ),
        (
            text(drop(ITEM_DONE), drop("response.content_part.done")),
            ("response.completed comes while open: output[0] (message 'msg_1'), output[0].content[0]; "
             f"{ITEM_DONE} is due"),
        ),
        (
            text(change(ITEM_ADDED, "item.role", "bot")),
            "item.role is 'bot'; expected one of user, assistant, system, developer; here assistant is due",
        ),
        (
            text(change(COMPLETED, "response.status", "done")),
            ("response.status is 'done'; expected one of queued, in_progress, completed, failed, incomplete; "
             "here completed is due"),
        ),
        (
            text(change(ITEM_DONE, "item.status", "done"), change(COMPLETED, "response.output.0.status", "completed")),
            ("item.status is 'done'; expected one of in_progress, completed, incomplete; "
             "here completed or incomplete is due"),
        ),
        (
            text(change(COMPLETED, "response.truncation", "never")),
            "response.truncation is 'never'; expected one of auto, disabled",
        ),
        (
            text(change(COMPLETED, "response.error", {"code": "x", "message": "y"})),
            'error of response.completed is {"code":"x","message":"y"}; expected null',
        ),
        (
            text(change(COMPLETED, "response.completed_at", None)),
            "completed_at of response.completed is null; expected a Unix time",
        ),
        (
            Example(base="call", request={**TOOLS, "tool_choice": {"type": "function", "name": "get_flow"}}),
            "tool_choice asks for 'get_flow', and 'get_level' is called",
        ),
        (
            Example(base="text", request={**TOOLS, "tool_choice": {"type": "function", "name": "get_flow"}}),
            "tool_choice asks for a call of 'get_flow', and there is none",
        ),
        (
            Example(base="text", request={**TOOLS, "tool_choice": "required"}),
            "tool_choice asks for at least one call, and there is none",
        ),
        (
            Example(base="text", transport="websocket", framing=lambda data: data + b"[DONE]\n[DONE]\n"),
            "[DONE] was sent over a WebSocket 2 times",
        ),
    ],
)  # fmt: skip
def test_a_finding_says_what_is_wrong_and_what_was_expected(example: Example, message: str) -> None:
    assert [finding.message for finding in judged(example)] == [message]


def test_log_probabilities_that_the_older_document_asks_for_are_a_list() -> None:
    events = text().events()
    found = [finding for finding in lint(events, dialect="2026-01-15") if finding.path == "logprobs"]
    assert {finding.message for finding in found} == {"logprobs is required, and absent; expected an array"}


def test_a_reasoning_part_that_had_no_delta_is_told_with_its_text() -> None:
    events = Example(base="reasoning").events()
    done = next(event for event in events if event["type"] == "response.output_item.done")
    done["item"]["summary"].append(SUMMARY)
    assert "summary[1] had no delta: 'Hm.'" in [finding.message for finding in lint(events)]


def test_what_comes_after_the_end_of_a_stream_has_its_place() -> None:
    data = text().data()
    (found,) = lint(data + b'data: {"type":"acme:late","sequence_number":11}\n\n')
    assert (found.code, found.event, found.offset) == ("OR105", None, len(data))
    assert found.message.startswith("""more data comes after [DONE]: '{"type":"acme:late",""")


def test_an_open_item_that_was_never_added_is_named_by_what_is_known_of_it() -> None:
    events = text(drop(ITEM_ADDED), drop(ITEM_DONE)).events()
    found = next(finding for finding in lint(events) if finding.code == "OR309")
    assert found.message == f"{COMPLETED} comes while open: output[0] (item 'msg_1'); {ITEM_DONE} is due"
    assert found.related == 2


def test_an_open_item_is_compared_with_its_beginning() -> None:
    (found,) = lint(text(drop(ITEM_DONE)).events())
    assert (found.code, found.event, found.related) == ("OR309", 9, 2)


def test_a_value_of_the_wrong_type_is_told_with_its_type() -> None:
    events = text(change(ITEM_ADDED, "item.role", 7)).events()
    assert [finding.message for finding in lint(events)] == ["item.role is 7; expected a string"]


def test_an_item_whose_first_event_tells_log_probabilities_is_heard_of_like_any_other() -> None:
    events = Example(base="logprobs").events()
    at = next(i for i, event in enumerate(events) if event["type"] == TEXT_DONE)
    assert events[at]["logprobs"]
    found = lint([*events[:2], events[at], events[-1]])
    assert [(finding.code, finding.event, finding.related) for finding in found] == [
        ("OR304", 2, None),
        ("OR309", 3, 2),
    ]
