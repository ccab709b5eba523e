"""What is told once: what follows from a fault is read as it was meant."""

from __future__ import annotations

import pytest

from penstock.lint.examples import Edit, Example, change, drop, drop_all, insert_after
from penstock.lint.linter import lint

_DELTA = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "msg_1", "delta": "{}"}
_DONE = {"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "msg_1", "arguments": "{}"}


def _codes(*edits: Edit) -> list[str]:
    return [finding.code for finding in lint(Example(base="text", edits=edits).events())]


@pytest.mark.parametrize("sent", [[_DELTA], [_DELTA, _DELTA], [_DONE, _DELTA]], ids=["delta", "deltas", "done"])
def test_arguments_of_a_message_are_told_once_and_not_missed_at_its_end(sent: list[dict[str, object]]) -> None:
    edits = [insert_after("response.output_text.delta", event) for event in sent]
    assert _codes(*edits) == ["OR311"]


def _of_no_item(base: str, *edits: Edit) -> list[str]:
    """Return what is found in a stream whose first item was never added."""
    example = Example(base=base, edits=(drop("response.output_item.added"), *edits))
    return [finding.code for finding in lint(example.events())]


def test_a_part_with_the_wrong_index_of_an_item_that_was_not_added_is_told() -> None:
    assert _of_no_item("text", change("response.content_part.added", "content_index", 3))[0] == "OR407"


def test_an_annotation_of_an_item_that_was_not_added_is_told() -> None:
    events = ("response.content_part.added", "response.output_text.delta")
    assert _of_no_item("annotated", *map(drop_all, events))[0] == "OR304"
