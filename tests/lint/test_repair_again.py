"""Deltas that came twice, and events and parts whose type only their surroundings tell."""

from __future__ import annotations

import pytest

from penstock.lint.examples import Events, Example, base_events, change
from penstock.lint.linter import lint
from penstock.lint.repair import Mend, repair
from tests.lint.repairing import Ids, plain, sse

DELTA = "response.output_text.delta"


def mended(data: bytes) -> tuple[bytes, list[Mend]]:
    out, mends = repair(data, ids=Ids(), clock=lambda: 1000.0)
    assert not lint(out)
    return out, mends


def first(events: Events, kind: str) -> int:
    return next(at for at, event in enumerate(events) if event["type"] == kind)


@pytest.mark.parametrize("at", [0, 1, 2], ids=["first", "second", "third"])
@pytest.mark.parametrize("times", [2, 3])
def test_a_delta_that_comes_again_with_its_number_is_left_out(at: int, times: int) -> None:
    good = base_events("text")
    place = first(good, DELTA) + at
    out, mends = mended(sse([*good[:place], *[good[place]] * times, *good[place + 1 :]]))
    assert out == sse(good)
    assert {mend.code for mend in mends} == {"OR401"}
    assert mends[0].message == f"{good[place]['type']} {place} came again: it was left out"


def test_a_delta_that_comes_again_behind_many_like_it_is_left_out_however_the_stream_is_cut() -> None:
    good = base_events("text")
    place = first(good, DELTA)
    bad = [*good[: place + 2], good[place + 1], *good[place + 2 :]]
    for size in (1, 7, 4096):
        data = sse(bad)
        out, _ = repair(
            (data[begin : begin + size] for begin in range(0, len(data), size)), ids=Ids(), clock=lambda: 1000.0
        )
        assert out == sse(good)


def test_equal_deltas_whose_numbers_never_rose_are_all_text() -> None:
    events = base_events("text")
    place = first(events, DELTA)
    events.insert(place, dict(events[place]))
    for event in events:
        event["sequence_number"] = 0
    out, _ = mended(sse(events))
    assert [event["text"] for event in plain(out) if event["type"] == "response.output_text.done"] == [
        "HelloHello world."
    ]


@pytest.mark.parametrize("is_framed", [True, False], ids=["with its field", "without"])
def test_a_refusal_by_an_unknown_name_is_no_text(*, is_framed: bool) -> None:
    delta = b'"type":"response.refusal.delta"'
    good = Example(base="refusal").data()
    data = good.replace(delta, b'"type":"response.refusal.deltax"', 1)
    if not is_framed:
        data = data.replace(b"event: response.refusal.delta\n", b"", 1)
    assert mended(data)[0] == mended(good)[0]


def test_an_unknown_event_is_what_its_field_says_where_it_has_what_that_is_about() -> None:
    data = Example(base="text").data()
    named = data.replace(b'"type":"response.output_text.delta"', b'"type":"response.text"', 1)
    out, mends = mended(named)
    assert out == mended(data)[0]
    assert [mend.code for mend in mends] == ["OR101", "OR205"]


def test_a_part_of_reasoning_whose_type_is_unknown_is_reasoning() -> None:
    events = base_events("reasoning")
    change("response.content_part.added", "part.type", "thought")(events)
    out, mends = mended(sse(events))
    assert out == mended(sse(base_events("reasoning")))[0]
    assert [mend.message for mend in mends] == ["part.type is 'thought'; it was taken for 'reasoning_text'"]


def test_an_item_that_the_output_tells_twice_is_there_once() -> None:
    events = base_events("text")
    output = events[-1]["response"]["output"]
    output.append(dict(output[0]))
    out, mends = mended(sse(events))
    assert out == sse(base_events("text"))
    assert mends[0].message == f"the output told {output[0]['id']!r} more than once: once is enough"
    assert {mend.code for mend in mends} == {"OR603"}


@pytest.mark.parametrize("told", ["failed", "done"])
def test_an_item_that_is_added_with_an_unknown_status_is_in_progress(told: str) -> None:
    events = base_events("text")
    change("response.output_item.added", "item.status", told)(events)
    out, mends = mended(sse(events))
    assert out == sse(base_events("text"))
    assert [mend.message for mend in mends] == [f"item.status is {told!r}; it was taken for 'in_progress'"]


def test_a_value_for_which_no_other_can_be_taken_is_told_with_those_there_are() -> None:
    events = base_events("text")
    events[0]["response"]["truncation"] = "some"
    assert "; there are " in mended(sse(events))[1][0].message
