"""Two neighbouring events that changed places are one finding; a number that is missing is told one event later."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from penstock.lint.examples import Events, base_events
from penstock.lint.findings import Finding
from penstock.lint.linter import Linter, lint
from penstock.lint.record import Recorder
from penstock.lint.streamed import MAX_SWAPS
from tests.lint.mutations import exchange, streams
from tests.lint.repairing import sse

DELTA, TEXT_DONE, COMPLETED = 4, 7, 10


def swapped(at: int, name: str = "text") -> Events:
    events = base_events(name)
    events[at], events[at + 1] = events[at + 1], events[at]
    return events


def places(findings: Sequence[Finding]) -> list[tuple[str, int | None, int | None]]:
    return [(finding.code, finding.event, finding.related) for finding in findings]


def codes(findings: Sequence[Finding]) -> list[str]:
    return [finding.code for finding in findings]


@pytest.mark.parametrize("name", list(streams()))
def test_two_neighbours_that_changed_places_are_one_finding(name: str) -> None:
    found = {mutant.at: [finding.event for finding in lint(mutant.data)] for mutant in exchange(streams()[name])}
    assert found == {at: [at] for at in found}


@pytest.mark.parametrize("at", [DELTA, TEXT_DONE - 1])
def test_a_swap_names_both_events_and_hides_what_follows_from_it(at: int) -> None:
    for stream in (sse(swapped(at)), swapped(at)):
        (finding,) = lint(stream)
        assert (finding.code, finding.event, finding.related) == ("OR401", at, at + 1)
        assert (
            finding.message == f"events {at} and {at + 1} came in the wrong order: sequence_number {at + 1} before {at}"
        )
        assert finding.path == "sequence_number"


def test_a_swap_is_told_where_the_first_of_the_two_stands_as_soon_as_the_second_comes() -> None:
    frames = [frame + b"\n\n" for frame in sse(swapped(DELTA)).split(b"\n\n")[:-1]]
    linter = Linter()
    told = [len(linter.feed(frame)) for frame in frames]
    assert [at for at, count in enumerate(told) if count] == [DELTA + 1]
    assert linter.findings[0].offset == sum(map(len, frames[:DELTA]))


def test_what_comes_after_a_swap_is_judged_by_its_own_number() -> None:
    events = swapped(DELTA)
    events[8]["sequence_number"] = 7
    assert places(lint(events)) == [("OR401", DELTA, DELTA + 1), ("OR401", 8, None)]


def test_two_swaps_are_two_findings() -> None:
    events = swapped(8)
    events[4], events[5] = events[5], events[4]
    assert [place[:2] for place in places(lint(events))] == [("OR401", 4), ("OR308", 8)]


def telling(events: Events, text: str) -> Events:
    """Let everything that tells the text of the base stream tell this one."""
    told: Events = json.loads(json.dumps(events).replace('"Hello world."', json.dumps(text)))
    assert told != events
    return told


def test_the_text_of_swapped_deltas_may_be_told_as_it_came_or_as_its_numbers_say() -> None:
    events = swapped(DELTA)
    came = "".join(event["delta"] for event in events if "delta" in event)
    assert came != "Hello world."
    swap = ("OR401", DELTA, DELTA + 1)
    assert places(lint(events)) == places(lint(telling(events, came))) == [swap]
    other, *more = lint(telling(events, "Hello world!"))[1:]
    assert (other.code, other.event, more) == ("OR501", TEXT_DONE, [])
    assert other.message == "the text differs after its first 11 characters: '!' here, '.' in what was streamed"


def test_what_only_a_done_event_told_is_not_said_to_have_been_streamed() -> None:
    events = telling(base_events("text"), "Hello worlds")
    events[TEXT_DONE + 1]["part"]["text"] = "Hello world"
    data = sse(events).replace(b'"delta":" world"', b'"delta":" wor')
    found = [finding for finding in lint(data) if finding.code == "OR502"]
    assert [finding.message for finding in found] == [
        "the part's text lacks 1 character at its end: 's' was in its done event"
    ]


def many(deltas: int) -> Events:
    """Return a stream whose text is so many letters, each a delta, and each two of them in the wrong order."""
    begun, end = base_events("text")[:DELTA], base_events("text")[TEXT_DONE:]
    letters = [chr(ord("a") + at % 26) for at in range(deltas)]
    pieces: Events = [{**base_events("text")[DELTA], "delta": letter} for letter in letters]
    events = [*begun, *pieces, *telling(end, "".join(letters))]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    for at in range(DELTA, DELTA + deltas - 1, 2):
        events[at], events[at + 1] = events[at + 1], events[at]
    return events


@pytest.mark.parametrize("swaps", [2, MAX_SWAPS])
def test_as_many_swaps_as_are_looked_at_leave_a_text_known(swaps: int) -> None:
    events = many(2 * swaps)
    assert codes(lint(events)) == ["OR401"] * swaps
    events[-4]["text"] += "!"
    assert "OR501" in codes(lint(events))
    linter = Linter()
    linter.feed(sse(events))
    assert linter.unchecked == []


def test_after_more_swaps_a_text_is_not_known_and_that_is_told() -> None:
    events = many(2 * (MAX_SWAPS + 1))
    events[-4]["text"] += "!"
    linter = Linter()
    linter.feed(sse(events))
    assert "OR501" not in codes(linter.findings)
    assert list(linter.unchecked) == ["the deltas of output[0]"]


def test_log_probabilities_of_swapped_deltas_are_no_measure() -> None:
    events = swapped(DELTA)
    entries = []
    for event in events[DELTA : DELTA + 3]:
        event["logprobs"] = [{"token": event["delta"], "logprob": -0.5, "bytes": [], "top_logprobs": []}]
        entries += event["logprobs"]
    events[TEXT_DONE]["logprobs"] = sorted(entries, key=lambda entry: entry["token"])
    assert places(lint(events)) == [("OR401", DELTA, DELTA + 1)]


def test_the_arguments_of_other_calls_are_known_when_deltas_changed_places() -> None:
    events = swapped(5, "two_calls")
    assert {events[5]["output_index"], events[6]["output_index"]} == {0, 1}
    events[8]["arguments"] = "{}"
    assert ("OR501", 8, None) in places(lint(events))


def test_a_second_gap_as_wide_as_the_first_is_told_and_numbers_that_rise_by_tens_are_told_once() -> None:
    events = many(20)
    events = sorted(events, key=lambda event: event["sequence_number"])
    del events[DELTA + 2], events[DELTA + 8]
    assert places(lint(events, select=["OR402"])) == [("OR402", DELTA + 2, None), ("OR402", DELTA + 8, None)]
    events = base_events("text")
    events.insert(DELTA, {"type": "acme:trace_event", "note": ""})
    for event in events:
        if "sequence_number" in event:
            event["sequence_number"] *= 10
    assert places(lint(events, select=["OR402"])) == [("OR402", 1, None)]


def test_a_swap_behind_a_gap_makes_no_second_gap() -> None:
    events = sorted(many(12), key=lambda event: event["sequence_number"])
    del events[DELTA]
    events[DELTA], events[DELTA + 1] = events[DELTA + 1], events[DELTA]
    told = [place for place in places(lint(events)) if place[0] in ("OR401", "OR402")]
    assert told == [("OR402", DELTA, None)]


def test_a_gap_is_told_before_what_the_next_event_is_blamed_for() -> None:
    events = base_events("text")
    del events[DELTA]
    events[5]["item_id"] = None
    assert [place[:2] for place in places(lint(events))] == [("OR402", 4), ("OR202", 5), ("OR501", 6)]


@pytest.mark.parametrize("after", [b"data: {oops\n\n", b"data: [DONE]\n\n"])
def test_a_gap_does_not_wait_for_more_than_what_comes_next(after: bytes) -> None:
    events = base_events("text")
    del events[DELTA]
    linter = Linter()
    assert linter.feed(sse(events[: DELTA + 1], done=False)) == []
    assert places(linter.feed(after))[:1] == [("OR402", DELTA, None)]


def test_a_gap_before_the_last_event_is_told_at_the_end() -> None:
    linter = Linter()
    linter.feed(sse([*base_events("text")[:DELTA], base_events("text")[DELTA + 1]], done=False))
    assert linter.findings == []
    assert places(linter.finish())[0] == ("OR402", DELTA, None)


def test_a_wider_gap_is_told_at_once() -> None:
    events = base_events("text")
    linter = Linter()
    linter.feed(sse(events[:DELTA], done=False))
    assert places(linter.feed(sse([events[6]], done=False))) == [("OR402", DELTA, None)]


@pytest.mark.parametrize("missing", [None, True])
def test_an_event_without_the_number_that_was_missing_makes_no_swap(missing: object) -> None:
    events = swapped(DELTA)
    events[DELTA + 1]["sequence_number"] = missing
    assert ("OR402", DELTA, None) in places(lint(events))


def test_numbers_that_come_back_behind_an_event_without_one_are_no_swap() -> None:
    events = swapped(DELTA)
    events.insert(DELTA + 1, {"type": "acme:trace_event", "note": ""})
    found = places(lint(events))
    told = [place for place in found if place[0] in ("OR401", "OR402")]
    assert told == [("OR402", DELTA, None), ("OR401", DELTA + 2, None)]


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [("OR401", [("OR402", DELTA, None)]), ("OR402", [("OR401", DELTA + 1, None)])],
)
def test_where_one_of_its_rules_is_left_out_the_other_tells_what_it_sees(
    ignored: str, expected: list[tuple[str, int | None, int | None]]
) -> None:
    found = places(lint(swapped(DELTA), ignore=[ignored]))
    assert [place for place in found if place[0] in ("OR401", "OR402")] == expected


def test_what_an_early_event_is_blamed_for_already_hides_the_swap() -> None:
    events = swapped(TEXT_DONE)
    assert [place[:2] for place in places(lint(events))] == [("OR307", TEXT_DONE)]


def test_what_is_only_worth_knowing_of_an_early_event_does_not_hide_that_it_came_early() -> None:
    events = base_events("call")
    at = next(i for i, event in enumerate(events) if event["type"].endswith("arguments.done"))
    events[at], events[at + 1] = events[at + 1], events[at]
    assert len(lint(events)) == 1


def test_a_terminal_event_that_changed_places_with_the_one_before_it_is_one_finding() -> None:
    events = base_events("extension")
    at = next(i for i, event in enumerate(events) if ":" in event["type"])
    extension = events.pop(at)
    events.append(extension)
    for number, event in enumerate(events):
        event["sequence_number"] = number
    events[-1]["sequence_number"], events[-2]["sequence_number"] = len(events) - 2, len(events) - 1
    assert places(lint(events)) == [("OR401", len(events) - 2, len(events) - 1)]


@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_report_shows_the_event_that_a_waiting_finding_is_about(as_bytes: bool) -> None:  # noqa: FBT001
    events = swapped(DELTA)
    recorder = Recorder(Linter(), "reply")
    if as_bytes:
        recorder.feed(sse(events))
    else:
        for event in events:
            recorder.feed_event(event)
    (located,) = recorder.finish().findings
    assert located.excerpt is not None
    assert (located.event_type, located.excerpt.marked) == ("response.output_text.delta", str(DELTA + 1))
    assert located.related_type == "response.output_text.delta"


def test_a_report_shows_an_event_whose_gap_was_told_at_the_end() -> None:
    recorder = Recorder(Linter(), "reply")
    events = base_events("text")
    for event in (*events[:DELTA], events[DELTA + 1]):
        recorder.feed_event(event)
    first = recorder.finish().findings[0]
    assert first.finding.code == "OR402"
    assert first.excerpt is not None
    assert first.excerpt.marked == str(DELTA + 1)
