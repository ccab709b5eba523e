"""Repair of a text with a gap in it: what was in the gap is sent in its place where another event tells it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from penstock.lint.examples import base_events
from penstock.lint.findings import Level
from penstock.lint.repair import Mend
from penstock.upstream.responses.gaps import MAX_HELD
from tests.lint.repairing import Event, assert_mended, codes, errors, plain, repaired, repairer, sse, told

HELLO = "Hello world."
DELTA, TEXT_DONE, PART_DONE, ITEM_DONE, COMPLETED = 5, 7, 8, 9, 10
Break = Callable[[list[Event], int], bytes]


def truncated(events: list[Event], at: int) -> bytes:
    frames = sse(events).split(b"\n\n")
    frames[at] = frames[at][:-12]
    return b"\n\n".join(frames)


def nameless(events: list[Event], at: int) -> bytes:
    frames = sse(events).split(b"\n\n")
    frames[at] = b"data: {oops"
    return b"\n\n".join(frames)


def with_null(events: list[Event], at: int) -> bytes:
    events[at]["delta"] = None
    return sse(events)


def deltas(out: bytes) -> list[str]:
    return [event["delta"] for event in plain(out) if event["type"].endswith(".delta")]


def warnings(mends: list[Mend]) -> list[tuple[str, int | None]]:
    return [(mend.code, mend.output) for mend in mends if mend.level is Level.WARNING]


BREAKS = pytest.mark.parametrize("broken", [truncated, nameless, with_null])


@BREAKS
@pytest.mark.parametrize("at", [4, 5, 6])
def test_what_was_lost_is_sent_in_its_place(broken: Break, at: int) -> None:
    data = broken(base_events("text"), at)
    out, mends = repaired(data)
    assert_mended(data, out)
    assert deltas(out) == ["Hello", " world", "."]
    assert told(out)["text"] == HELLO
    assert warnings(mends) == []


@BREAKS
@pytest.mark.parametrize(
    "left_out",
    [[TEXT_DONE], [TEXT_DONE, PART_DONE], [TEXT_DONE, PART_DONE, ITEM_DONE]],
    ids=["the part", "the item", "the response"],
)
def test_any_event_that_tells_the_whole_text_will_do(broken: Break, left_out: list[int]) -> None:
    events = [event for at, event in enumerate(base_events("text")) if at not in left_out]
    out, mends = repaired(broken(events, DELTA))
    assert errors(out) == []
    assert deltas(out) == ["Hello", " world", "."]
    assert warnings(mends) == []


@BREAKS
def test_two_gaps_are_filled(broken: Break) -> None:
    events = base_events("text")
    data = broken(events, 4)
    frames = data.split(b"\n\n")
    frames[6] = frames[6][:-12]
    out, mends = repaired(b"\n\n".join(frames))
    assert deltas(out) == ["Hello", " world", "."]
    assert warnings(mends) == []


def test_two_events_that_are_lost_together_are_one_gap() -> None:
    frames = sse(base_events("text")).split(b"\n\n")
    frames[4] = frames[5] = b"data: {oops"
    out, mends = repaired(b"\n\n".join(frames))
    assert deltas(out) == ["Hello world", "."]
    assert warnings(mends) == []


@BREAKS
def test_arguments_are_filled_in(broken: Break) -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    pieces = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
    for keep in (True, False):
        kept = [event for event in events if keep or not event["type"].endswith("arguments.done")]
        out, mends = repaired(broken(json.loads(json.dumps(kept)), at))
        assert errors(out) == []
        assert deltas(out) == pieces
        assert warnings(mends) == []


@BREAKS
def test_arguments_that_nobody_tells_again_are_missed_loudly(broken: Break) -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    data = broken(events[: at + 2], at)
    out, mends = repaired(data)
    assert errors(out) == []
    assert deltas(out) == [events[at + 1]["delta"]]
    assert [output for _, output in warnings(mends)] == [0]


def test_arguments_that_do_not_fit_stay_as_they_were_streamed() -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    for event in events[at + 2 :]:
        if "arguments" in event:
            event["arguments"] = "{}"
    out, mends = repaired(truncated(events, at))
    assert errors(out) == []
    assert deltas(out) == [events[at + 1]["delta"]]
    assert {output for _, output in warnings(mends)} == {0}


def test_two_gaps_in_arguments_and_a_call_that_waits_or_is_done_are_survived() -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    whole = "".join(event["delta"] for event in events if event["type"].endswith("arguments.delta"))
    for lost in ([at, at + 1], [at + 1, at + 2], [at - 1, at]):
        frames = sse(events).split(b"\n\n")
        for place in lost:
            frames[place] = b"data: {oops"
        out, _ = repaired(b"\n\n".join(frames))
        assert errors(out) == []
        assert "".join(deltas(out)) == whole


@pytest.mark.parametrize("name", ["text", "call"])
def test_no_more_than_the_limit_is_held_back(name: str) -> None:
    events = base_events(name)
    at = next(i for i, event in enumerate(events) if event["type"].endswith(".delta"))
    mending = repairer()
    mending.feed(sse(events[:at], done=False) + b"data: {oops\n\n")
    long = {**events[at], "delta": "x" * (MAX_HELD // 2), "sequence_number": at + 1}
    assert mending.feed(sse([long], done=False)) == b""
    assert mending.feed(sse([{**long, "sequence_number": at + 2}], done=False)) == b""
    flown = mending.feed(sse([{**long, "delta": "y", "sequence_number": at + 3}], done=False))
    assert deltas(flown) == [long["delta"], long["delta"], "y"]
    assert warnings(mending.mends) == [("OR106", 0)]
    # From then on it flows again.
    assert deltas(mending.feed(sse([{**long, "delta": "z", "sequence_number": at + 4}], done=False))) == ["z"]


@BREAKS
def test_a_text_that_nobody_tells_again_is_missed_loudly(broken: Break) -> None:
    events = base_events("text")
    out, mends = repaired(broken(events[:7], DELTA))
    assert errors(out) == []
    assert deltas(out) == ["Hello", "."]
    assert [output for _, output in warnings(mends)] == [0]


@BREAKS
def test_a_text_that_does_not_fit_stays_as_it_was_streamed(broken: Break) -> None:
    events = base_events("text")
    for event in events[TEXT_DONE:]:
        if "text" in event:
            event["text"] = "Hello you!"
    out, mends = repaired(broken(events, DELTA))
    assert errors(out) == []
    assert deltas(out) == ["Hello", "."]
    assert {output for _, output in warnings(mends)} == {0}


def test_a_done_event_that_tells_nothing_is_not_waited_for() -> None:
    events = base_events("text")
    events[TEXT_DONE]["text"] = None
    out, mends = repaired(truncated(events, DELTA))
    assert errors(out) == []
    assert "Hello." in told(out)["text"]
    assert warnings(mends) != []


def test_a_part_that_is_added_once_more_tells_nothing_of_its_gap() -> None:
    events = base_events("text")
    events.insert(6, {**events[3]})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    out, mends = repaired(truncated(events, DELTA))
    assert errors(out) == []
    assert told(out)["text"] == HELLO
    assert warnings(mends) == []


def test_what_only_ends_something_opens_no_gap() -> None:
    events = base_events("text")
    for at in (3, TEXT_DONE):
        out, mends = repaired(truncated(base_events("text"), at))
        assert errors(out) == []
        assert told(out)["text"] == HELLO
        assert warnings(mends) == []
    mending = repairer()
    mending.feed(sse(events[:5], done=False))
    mending.feed(b"event: response.output_text.done\ndata: {oops\n\n")
    assert deltas(mending.feed(sse([events[5]], done=False))) == [" world"]


def test_a_delta_of_another_kind_opens_no_gap() -> None:
    events = base_events("text")
    mending = repairer()
    mending.feed(sse(events[:5], done=False))
    mending.feed(b"event: response.function_call_arguments.delta\ndata: {oops\n\n")
    assert deltas(mending.feed(sse([events[5]], done=False))) == [" world"]


def test_a_delta_without_text_for_a_part_that_is_not_there_opens_no_gap() -> None:
    for place, text in (({"content_index": 3}, HELLO), ({"output_index": 3, "item_id": "msg_3"}, "Hello.")):
        events = base_events("text")
        events[DELTA] = {**events[DELTA], **place, "delta": None}
        out, _ = repaired(sse(events))
        assert errors(out) == []
        assert told(out)["text"] == text
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    events[at] = {**events[at], "output_index": 3, "item_id": "fc_3", "delta": None}
    out, _ = repaired(sse(events))
    assert errors(out) == []


def test_a_text_that_was_there_before_its_deltas_has_no_gap() -> None:
    events = base_events("text")
    events[3]["part"]["text"] = HELLO
    out, mends = repaired(truncated(events, DELTA))
    assert errors(out) == []
    assert told(out)["text"].startswith(HELLO)
    assert warnings(mends) != []


def test_a_line_that_cannot_be_read_leaves_a_gap() -> None:
    lines = [json.dumps(event).encode() for event in base_events("text")]
    lines[DELTA] = lines[DELTA][:-12]
    out, mends = repaired(b"\n".join(lines))
    assert [json.loads(line).get("delta") for line in out.splitlines()][4:7] == ["Hello", " world", "."]
    assert warnings(mends) == []


def test_a_done_event_with_the_index_of_no_part_belongs_to_the_open_one() -> None:
    events = base_events("text")
    events[4], events[5] = events[5], events[4]
    events[TEXT_DONE]["content_index"] = 1
    out, mends = repaired(sse(events))
    assert errors(out) == []
    assert [event["type"] for event in plain(out)].count("response.content_part.added") == 1
    assert told(out)["text"] == " worldHello."
    assert warnings(mends) == [("OR501", 0)]


def test_a_delta_with_the_index_of_no_part_belongs_to_the_open_one() -> None:
    events = base_events("text")
    events[DELTA]["content_index"] = 1
    out, mends = repaired(sse(events))
    assert deltas(out) == ["Hello", " world", "."]
    assert codes(mends) == ["OR407"]


@pytest.mark.parametrize(("name", "key"), [("text", "text"), ("refusal", "refusal"), ("call", "arguments")])
@pytest.mark.parametrize("nth", [0, 1])
def test_a_delta_whose_key_is_that_of_its_done_event_stays_a_delta(name: str, key: str, nth: int) -> None:
    events = base_events(name)
    pieces = [event["delta"] for event in events if "delta" in event]
    at = [i for i, event in enumerate(events) if "delta" in event][nth]
    events[at][key] = events[at].pop("delta")
    out, mends = repaired(sse(events))
    assert_mended(b"", out)
    assert deltas(out) == pieces
    assert codes(mends) == ["OR201"]


def test_a_done_event_that_is_called_a_delta_is_done() -> None:
    events = base_events("text")
    events[TEXT_DONE]["type"] = "response.output_text.delta"
    out, mends = repaired(sse(events))
    assert deltas(out) == ["Hello", " world", "."]
    assert warnings(mends) == []


def test_a_misspelt_delta_of_no_part_and_of_a_call_that_waits_is_a_delta() -> None:
    events = base_events("text")
    events[DELTA] = {**events[DELTA], "content_index": "x", "text": events[DELTA]["delta"]}
    del events[DELTA]["delta"]
    out, _ = repaired(sse(events))
    assert told(out)["text"] == HELLO
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.delta"))
    events[2]["item"]["name"] = ""
    events[at]["arguments"] = events[at].pop("delta")
    out, _ = repaired(sse(events))
    assert errors(out) == []
    assert told(out)["calls"][0][2] == events[at + 2]["arguments"]


def test_text_that_comes_too_late_is_told_of_loudly() -> None:
    events = base_events("text")
    events.append({**events[6], "sequence_number": 11})
    _, mends = repaired(sse(events))
    assert warnings(mends) == [("OR306", 1)]


def test_the_next_index_is_that_of_a_new_part_where_no_part_is_ever_added() -> None:
    events = [event for event in base_events("text") if "part" not in event["type"]]
    at = [i for i, event in enumerate(events) if "delta" in event]
    events[at[2]]["content_index"] = 1
    out, _ = repaired(sse(events))
    assert errors(out) == []
    assert [event["type"] for event in plain(out)].count("response.content_part.added") == 2
