"""The diff of a stream and its mended form: what changes in each event, in lines that fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.diff import diff_lines
from penstock.lint.examples import Events, base_events
from penstock.lint.excerpt import cells
from penstock.lint.layout import Layout
from tests.lint.repairing import repaired, sse

DELTA = 4
HEAD = ["--- reply.sse", "+++ reply.sse, mended"]


def diff(before: bytes, after: bytes, *, width: int = 80) -> list[str]:
    return list(diff_lines("reply.sse", before, after, Layout(width=width)))


def changes(before: Events, after: Events) -> list[str]:
    """Return the lines that go and come."""
    return [line for line in diff(sse(before), sse(after))[2:] if line.startswith(("-", "+"))]


def with_delta(**keys: Any) -> Events:  # noqa: ANN401 - any JSON
    events = base_events("text")
    events[DELTA] |= keys
    return events


def test_what_says_the_same_has_no_diff_however_it_is_written() -> None:
    events = base_events("text")
    spaced = "".join(f"event: {event['type']}\r\ndata: {json.dumps(event)}\r\n\r\n" for event in events)
    assert diff(sse(events), sse(events)) == []
    assert diff(spaced.encode() + b"data: [DONE]\n\n", sse(events)) == []


def test_numbers_are_told_in_one_line() -> None:
    events, other = base_events("text"), base_events("text")
    for event in other[5:]:
        event["sequence_number"] += 10
    del other[5]["sequence_number"]
    assert diff(sse(other), sse(events)) == [
        *HEAD,
        "6 events are renumbered; the first: event 5, that had none, is 5",
    ]


def test_an_event_that_is_left_out_changes_the_numbers_of_others_and_not_the_others() -> None:
    before, after = base_events("text"), base_events("text")
    before.insert(2, {**before[1], "sequence_number": 2})
    for event in before[3:]:
        event["sequence_number"] += 1
    lines = diff(sse(before), sse(after))
    assert lines[2] == "10 events are renumbered; the first: event 2, that was 2, is 1"
    gone = [line for line in lines[3:] if line.startswith(("-", "+"))]
    assert [line[:27] for line in gone] == ["-event: response.in_progress"[:27], '-data: {"type":"response.in'[:27]]


@pytest.mark.parametrize(
    ("was", "now", "lines"),
    [
        ({"delta": "a"}, {"delta": "b"}, ['-  delta: "a"', '+  delta: "b"']),
        ({"note": 1}, {}, ["-  note: 1"]),
        ({}, {"note": None}, ["+  note: null"]),
        ({"note": 1}, {"note": True}, ["-  note: 1", "+  note: true"]),
        ({"note": [1, 2]}, {"note": [1, 3]}, ["-  note[1]: 2", "+  note[1]: 3"]),
        ({"note": [1]}, {"note": [1, 2]}, ["-  note: [1]", "+  note: [1,2]"]),
        ({"note": {"a": {"b": 1}}}, {"note": {"a": {"b": 2}}}, ["-  note.a.b: 1", "+  note.a.b: 2"]),
        ({"delta": "\x1b[2J"}, {"delta": "x"}, ['-  delta: "\\u001b[2J"', '+  delta: "x"']),
    ],
)
def test_of_an_event_that_stays_the_fields_that_change_are_shown(
    was: dict[str, Any], now: dict[str, Any], lines: list[str]
) -> None:
    assert changes(with_delta(**was), with_delta(**now)) == lines


def test_fields_that_are_very_deep_are_compared_as_a_whole() -> None:
    def nest(value: object) -> object:
        for _ in range(9):
            value = {"a": value}
        return value

    told = changes(with_delta(note=nest(1)), with_delta(note=nest(2)))
    assert told == [f'-  note{".a" * 7}: {{"a":{{"a":1}}}}', f'+  note{".a" * 7}: {{"a":{{"a":2}}}}']


def test_a_long_value_is_cut_around_what_is_different() -> None:
    text = "word " * 1_000
    told = changes(with_delta(delta=f"{text}here{text}"), with_delta(delta=f"{text}there{text}"))
    assert [line[:13] for line in told] == ["-  delta: ...", "+  delta: ..."]
    assert [" hereword" in told[0], " thereword" in told[1]] == [True, True]
    assert max(map(len, told)) <= 80
    whole = changes(with_delta(delta="x" * 5_000), with_delta(delta="y" * 5_000))
    assert max(map(len, whole)) <= 80


def test_what_was_missing_is_shown_where_it_was_missing() -> None:
    text = "word " * 100
    was, now = changes(with_delta(delta=text + text), with_delta(delta=f"{text}more {text}"))
    assert "more word" in now
    assert max(len(was), len(now)) <= 80


def test_a_frame_that_changes_is_shown_with_its_fields() -> None:
    good = sse(base_events("text"))
    lines = diff(good.replace(b"event: response.completed", b"event: done\nid: 3"), good)
    told = [line[:26] for line in lines[2:] if line.startswith(("-", "+"))]
    assert told == ["-event: done", "-id: 3", "+event: response.completed"]


def test_an_event_on_two_lines_is_shown_as_it_was_and_as_it_is() -> None:
    good = sse(base_events("text"))
    mark = b'data: {"type":"response.completed",'
    lines = diff(good.replace(mark, b'data: {"type":"response.completed",\ndata: "type":"response.completed",'), good)
    assert [line[:7] for line in lines if line.startswith(("-", "+"))][2:] == ["-data: ", "-data: ", "+data: "]


def test_what_is_no_event_is_shown_as_it_came() -> None:
    good = sse(base_events("text"))
    lines = diff(good + b"data: \xff{oops\n\ndata: [1]\n\n", good)
    assert [line for line in lines[2:] if line.startswith("-")] == ["-data: \\xff{oops", "-data: [1]"]


def test_halves_of_surrogate_pairs_are_shown() -> None:
    after = sse(with_delta(delta="half"))
    told = diff(after.replace(b'"half"', b'"\\ud800"'), after)
    assert [line for line in told[2:] if line.startswith(("-", "+"))] == ["-  delta: '\\ud800'", '+  delta: "half"']


def test_names_come_in_any_number_and_order() -> None:
    before, after = base_events("text"), base_events("text")
    before[4]["delta"], before[5]["delta"], before[6]["delta"] = "a", "b", "c"
    del before[3]
    del after[8]
    lines = diff(sse(before), sse(after))
    assert "+event: response.content_part.added" in lines
    assert "-event: response.content_part.done" in lines
    assert '-  delta: "b"' in lines


@given(st.integers(1, 120), st.text(max_size=200), st.text(max_size=200))
def test_no_line_is_wider_than_asked_for(width: int, one: str, other: str) -> None:
    layout = Layout(width=width)
    before, after = with_delta(delta=one, note={one: 1}), with_delta(delta=other, note={other: 2})
    lines = [*diff_lines("-", sse(before), sse(after), layout)]
    assert all(cells(line) <= layout.width for line in lines if not line.startswith(("@@", "---", "+++")))


def test_whatever_is_mended_has_a_diff() -> None:
    for name in ("text", "call", "two_calls"):
        for at in range(len(base_events(name))):
            events = base_events(name)
            del events[at]
            out, _ = repaired(sse(events))
            assert diff(sse(events), out)[:2] == HEAD
