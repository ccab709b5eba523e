"""What is not judged since something was lost or damaged is said."""

from __future__ import annotations

import pytest

from penstock.lint.examples import Events, Example, base_events, change
from penstock.lint.linter import Linter, lint
from penstock.lint.record import Recorder
from tests.lint.repairing import sse

DELTA = "the deltas of output[0]"
ORDER = "the order of the next event that is out of place"
CONTENT = "the content of output[0]"
END = "how the stream ends"


def unchecked(data: bytes, **options: bool) -> list[str]:
    linter = Linter(resumed=options.get("resumed", False))
    linter.feed(data)
    linter.finish()
    return linter.unchecked


def cut(at: int, events: Events | None = None) -> bytes:
    frames = sse(base_events("text") if events is None else events).split(b"\n\n")
    frames[at] = frames[at][:-12]
    return b"\n\n".join(frames)


def changed(at: int, **keys: object) -> bytes:
    events = base_events("text")
    events[at].update(keys)
    return sse(events)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (sse(base_events("text")), []),
        (sse(base_events("text")[:-1]), []),
        (changed(7, text="Other."), []),
        (cut(5), [DELTA]),
        (cut(1), [ORDER]),
        (cut(8), [ORDER, DELTA]),
        (cut(10), [ORDER, END]),
        (changed(5, delta=None), [DELTA]),
        (changed(7, text=None), [ORDER, DELTA]),
        (changed(1, response={**base_events("text")[1]["response"], "status": "completed"}), [ORDER]),
        (sse(base_events("text")[2:]), []),
        (sse(base_events("text")[3:]), [ORDER, CONTENT]),
        (sse(base_events("text")[10:]), [ORDER, END]),
        (sse(base_events("text")) + b"data: {}\n\n", []),
        (sse(base_events("text")[:-1]) + b"data: {}\n\n", [END]),
        (sse(base_events("text"), done=False) + b"data: [done]\n\n", [ORDER, END]),
    ],
)
def test_a_check_that_stops_is_named(data: bytes, expected: list[str]) -> None:
    assert unchecked(data) == expected


def test_after_bytes_that_are_no_frames_nothing_is_checked() -> None:
    linter = Linter(max_frame=1_000)
    linter.feed(sse(base_events("text"))[:1_500] + b"x" * 2_000)
    linter.finish()
    assert linter.unchecked[-2:] == ["all that follows", END]


def test_the_rest_of_a_stream_is_not_said_to_lack_what_was_not_asked_for() -> None:
    assert unchecked(sse(base_events("text")[5:]), resumed=True) == []


def test_what_one_response_of_a_connection_lost_is_said_at_its_end() -> None:
    linter = Linter(transport="websocket")
    assert linter.unchecked == []
    first = base_events("text")
    first[5]["delta"] = None
    for event in (*first, *base_events("text")):
        linter.feed_event(event)
    linter.finish()
    assert linter.unchecked == [DELTA]


def test_a_verdict_says_it_too() -> None:
    recorder = Recorder(Linter(), "reply")
    recorder.feed(cut(5))
    assert recorder.finish().unchecked == (DELTA,)


@pytest.mark.parametrize("told", ["response.content_part.done", "response.output_item.done"])
def test_the_status_of_an_item_whose_content_is_damaged_is_judged_all_the_same(told: str) -> None:
    path = "part.type" if told == "response.content_part.done" else "item.content.0.type"
    edits = (change(told, path, "thought"), change("response.completed", "response.output.0.status", "in_progress"))
    found = lint(Example(base="text", edits=edits).events())
    assert [(finding.code, finding.path) for finding in found] == [
        ("OR204", path.replace(".0", "[0]")),
        ("OR603", "response.output[0].status"),
    ]
