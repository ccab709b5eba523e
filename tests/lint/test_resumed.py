"""The rest of a stream, taken up anywhere: what came before is not known, and nothing is held against it."""

from __future__ import annotations

import pytest

from penstock.lint.examples import BASES, Example, change
from penstock.lint.linter import lint


@pytest.mark.parametrize("base", BASES)
def test_the_rest_of_a_valid_stream_breaks_nothing_wherever_it_begins(base: str) -> None:
    example = Example(base=base)
    events, frames = example.events(), example.data().split(b"\n\n")
    for start in range(len(events)):
        assert lint(events[start:], resumed=True) == []
        assert lint(b"\n\n".join(frames[start:]), resumed=True) == []


@pytest.mark.parametrize("start", [5, 6, 7, 8])
def test_a_rest_that_begins_in_the_middle_of_a_text_is_not_held_against_the_whole_text(start: int) -> None:
    events = Example(base="text").events()
    assert [finding.code for finding in lint(events[start:])] != []
    assert lint(events[start:], resumed=True) == []


def test_a_text_that_begins_in_the_rest_is_judged_as_ever() -> None:
    broken = Example(base="two_messages", edits=(change("response.output_text.done", "text", "Other.", 1),))
    events = broken.events()
    second = [event["type"] for event in events].index("response.output_item.added", 3)
    assert [finding.code for finding in lint(events[second - 3 :], resumed=True)] == ["OR501"]
