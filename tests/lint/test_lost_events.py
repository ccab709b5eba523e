"""An event that could not be read hides nothing but itself: what else is wrong with the stream is told all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.lint.examples import base_events
from penstock.lint.linter import lint
from tests.lint.repairing import Event, sse

Break = Callable[[list[Event]], bytes]

DELTA = 5
"""The second delta of the stream `text`, in whose words the tests speak."""
TEXT_DONE, PART_DONE, ITEM_DONE, COMPLETED = 7, 8, 9, 10


def truncated(events: list[Event], *, at: int = DELTA, done: bool = True) -> bytes:
    return broken(events, lambda text: text[:-12], at=at, done=done)


def broken(events: list[Event], change: Callable[[bytes], bytes], *, at: int = DELTA, done: bool = True) -> bytes:
    frames = sse(events, done=done).split(b"\n\n")
    frames[at] = change(frames[at])
    return b"\n\n".join(frames)


def hello(frame: bytes) -> bytes:
    return frame.partition(b"\n")[0] + b"\ndata: hello"


def nameless(frame: bytes) -> bytes:
    return frame.partition(b"\n")[2][:-12]


def with_null(events: list[Event], *, done: bool = True) -> bytes:
    events[DELTA]["delta"] = None
    return sse(events, done=done)


def misnamed(events: list[Event], *, done: bool = True) -> bytes:
    events[DELTA]["type"] = "response.output.delta"
    return sse(events, done=done)


def typeless(events: list[Event], *, done: bool = True) -> bytes:
    events[DELTA]["type"] = None
    return sse(events, done=done)


def without_bytes(events: list[Event], *, done: bool = True) -> bytes:
    return broken(events, lambda text: text.replace(b'"delta":"', b'"delta":"\xff'), done=done)


def with_half(events: list[Event], *, done: bool = True) -> bytes:
    return broken(events, lambda text: text.replace(b'"delta":"', b'"delta":"\\ud83d'), done=done)


def with_number(events: list[Event], *, done: bool = True) -> bytes:
    events[DELTA]["logprobs"] = 1
    return sse(events, done=done)


LOST: dict[str, Callable[..., bytes]] = {
    "OR106": truncated,
    "OR106 no JSON at all": lambda events, done=True: broken(events, hello, done=done),
    "OR106 no event field": lambda events, done=True: broken(events, nameless, done=done),
    "OR202": with_null,
    "OR205": misnamed,
    "OR202 no type": typeless,
    "OR110": without_bytes,
    "OR110 half a pair": with_half,
    "OR203": with_number,
}


def found(data: bytes) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.event) for finding in lint(data) if finding.code != "OR101"]


@pytest.mark.parametrize("name", LOST)
def test_a_delta_that_is_lost_is_one_finding(name: str) -> None:
    assert found(LOST[name](base_events("text"))) == [(name[:5], DELTA)]


@pytest.mark.parametrize("name", LOST)
def test_a_missing_sentinel_is_told_beside_a_lost_delta(name: str) -> None:
    assert found(LOST[name](base_events("text"), done=False)) == [(name[:5], DELTA), ("OR104", None)]


def shift(name: str) -> int:
    """Return by how much the events behind a lost one count less: a frame without an event is not counted."""
    return 1 if name.startswith("OR106") else 0


def text_at(events: list[Event], at: int) -> dict[str, Any]:
    texts: dict[int, Any] = {
        TEXT_DONE: events[TEXT_DONE],
        PART_DONE: events[PART_DONE].get("part"),
        ITEM_DONE: events[ITEM_DONE].get("item", {}).get("content", [None])[0],
        COMPLETED: events[COMPLETED].get("response", {}).get("output", [{}])[0].get("content", [None])[0],
    }
    text: dict[str, Any] = texts[at]
    return text


@pytest.mark.parametrize(("at", "code"), [(PART_DONE, "OR502"), (ITEM_DONE, "OR503"), (COMPLETED, "OR603")])
@pytest.mark.parametrize("name", LOST)
def test_done_events_are_held_against_each_other_though_a_delta_was_lost(name: str, at: int, code: str) -> None:
    events = base_events("text")
    for later in range(at, COMPLETED + 1):
        if later > ITEM_DONE or later == at:
            text_at(events, later)["text"] = "Something else."
    expected = [(name[:5], DELTA), (code, at - shift(name))]
    assert found(LOST[name](events))[:2] == expected


@pytest.mark.parametrize("name", LOST)
def test_order_is_judged_though_a_delta_was_lost(name: str) -> None:
    events = base_events("text")
    del events[TEXT_DONE]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert ("OR307", TEXT_DONE - shift(name)) in found(LOST[name](events))


def test_a_stream_that_ends_early_is_told_of_though_a_delta_was_lost() -> None:
    assert [code for code, _ in found(truncated(base_events("text")[:PART_DONE], done=False))] == ["OR106", "OR601"]


def test_what_is_lost_last_may_have_been_the_terminal_event() -> None:
    assert found(truncated(base_events("text"), at=COMPLETED)) == [("OR106", COMPLETED)]
    assert found(truncated(base_events("text"), at=COMPLETED, done=False)) == [("OR106", COMPLETED)]


def test_what_is_lost_behind_the_terminal_event_may_have_been_the_sentinel() -> None:
    data = sse(base_events("text"), done=False) + b"data: [done]\n\n"
    assert found(data) == [("OR106", COMPLETED + 1)]


def test_an_error_whose_failed_event_was_lost_is_told_once() -> None:
    events = base_events("failed")
    assert found(truncated(events, at=len(events) - 1)) == [("OR106", len(events) - 1)]


def test_events_before_the_first_are_told_once() -> None:
    for name in ("text", "failed"):
        events = base_events(name)
        events.insert(0, events.pop())
        for number, event in enumerate(events):
            event["sequence_number"] = number
        assert found(sse(events)) == [("OR301", 0)]


def test_arguments_are_held_against_each_other_though_a_delta_was_lost() -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    assert found(truncated(events, at=at)) == [("OR106", at)]
    done = next(i for i, event in enumerate(events) if event["type"] == "response.output_item.done")
    events[done]["item"]["arguments"] = events[done]["item"]["arguments"].replace("north", "south")
    assert found(truncated(events, at=at)) == [("OR106", at), ("OR503", done - 1)]


def test_nothing_is_asked_of_arguments_that_may_all_have_been_lost() -> None:
    events = base_events("call")
    deltas = [event for event in events if event["type"].endswith("arguments.delta")]
    for delta in deltas:
        delta["delta"] = None
    assert {code for code, _ in found(sse(events))} == {"OR202"}
    events = [event for event in events if event["type"] != "response.function_call_arguments.done"]
    assert {code for code, _ in found(sse(events))} == {"OR202", "OR402"}


def test_nothing_is_asked_of_a_text_that_may_all_have_been_lost() -> None:
    events = base_events("text")
    for event in events:
        if "delta" in event:
            event["delta"] = None
    assert {code for code, _ in found(sse(events))} == {"OR202"}
    # Nor where the item's own event is the first to tell it; but what tells it then is held against that.
    whole = [event for event in events if event["type"].split(".")[-1] != "done" or "item" in event]
    codes = [code for code, _ in found(sse(whole))]
    assert "OR503" not in codes
    assert "OR603" not in codes
    whole[-1]["response"]["output"][0]["content"][0]["text"] = "Something else."
    assert "OR603" in [code for code, _ in found(sse(whole))]


def test_what_else_was_streamed_is_not_asked_for_where_a_delta_was_lost() -> None:
    events = json.loads(json.dumps(base_events("annotated")))
    at = next(i for i, event in enumerate(events) if event["type"].endswith("annotation.added"))
    assert found(truncated(events, at=at)) == [("OR106", at)]


def test_the_index_of_a_done_event_may_be_wrong_and_its_text_is_compared() -> None:
    events = base_events("text")
    events[TEXT_DONE] = {**events[TEXT_DONE], "content_index": 1, "text": "Something else."}
    assert found(sse(events))[:2] == [("OR407", TEXT_DONE), ("OR501", TEXT_DONE)]


def test_a_lost_event_of_an_item_that_was_never_heard_of_hides_nothing() -> None:
    events = base_events("text")
    events[DELTA] = {**events[DELTA], "output_index": 7, "delta": None}
    assert found(sse(events))[0] == ("OR202", DELTA)


def test_content_that_may_belong_to_either_of_two_open_parts_is_told_once() -> None:
    events = base_events("text")
    events.insert(4, {**events[3], "content_index": 1})
    events[6] = {**events[6], "content_index": 7}
    for number, event in enumerate(events):
        event["sequence_number"] = number
    codes = [code for code, _ in found(sse(events))]
    assert codes[0] == "OR407"
    assert "OR501" not in codes


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (sse(base_events("text"), done=False) + b"data: [done]\n\n", "OR106", "did you mean [DONE]?"),
        (misnamed(base_events("text")), "OR205", "did you mean response.output_text.delta?"),
    ],
)
def test_a_slip_is_asked_about(data: bytes, code: str, words: str) -> None:
    assert [finding.message.endswith(words) for finding in lint(data) if finding.code == code] == [True]


@pytest.mark.parametrize("name", ["trace_event", "response.output_text.delta" * 9])
def test_a_name_that_resembles_none_is_not_asked_about(name: str) -> None:
    events = base_events("text")
    events[DELTA]["type"] = name
    assert "did you mean" not in next(finding.message for finding in lint(sse(events)) if finding.code == "OR205")


def test_an_annotation_that_is_told_twice_is_told_once() -> None:
    events = base_events("annotated")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("annotation.added"))
    events.insert(at + 1, {**events[at]})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert found(sse(events)) == [("OR407", at + 1)]


def test_what_was_annotated_in_a_part_that_was_never_done_is_not_known_where_events_were_lost() -> None:
    events = base_events("annotated")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("annotation.added"))
    part = next(i for i, event in enumerate(events) if event["type"] == "response.content_part.done")
    del events[part]
    codes = [code for code, _ in found(truncated(events, at=at))]
    assert "OR106" in codes
    assert "OR603" not in codes
