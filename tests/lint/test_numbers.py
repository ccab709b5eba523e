"""Of numbers that are wrong each fault is told, once, whatever was wrong with those before."""

from __future__ import annotations

import pytest

from penstock.lint.examples import Events, base_events
from penstock.lint.findings import Finding
from penstock.lint.linter import lint
from tests.lint.repairing import sse

DELTA = 4


def numbered(*numbers: int) -> Events:
    """Return a stream whose events have these numbers, from the first delta on."""
    events = base_events("text")
    for event, number in zip(events[DELTA:], numbers, strict=True):
        event["sequence_number"] = number
    return events


def told(events: Events) -> list[tuple[str, int | None]]:
    found: list[Finding] = lint(sse(events))
    assert found == [finding for finding in found if finding.path == "sequence_number"]
    return [(finding.code, finding.event) for finding in found]


def repeated(times: int, *numbers: int) -> Events:
    """Return a stream with one delta several times, and with these numbers behind it."""
    events = numbered(4, *numbers)
    events[DELTA:DELTA] = [dict(events[DELTA]) for _ in range(times - 1)]
    return events


def test_an_event_that_comes_again_is_called_that() -> None:
    (found,) = lint(sse(repeated(2, 5, 6, 7, 8, 9, 10)))
    assert found.message == "the event before comes again: sequence_number 4 comes after 4"


@pytest.mark.parametrize("times", [2, 3, 4])
def test_an_event_that_comes_several_times_is_told_once_and_adds_nothing_to_the_text(times: int) -> None:
    assert told(repeated(times, 5, 6, 7, 8, 9, 10)) == [("OR401", 5)]


def test_a_number_that_falls_behind_an_event_that_came_again_is_told() -> None:
    assert told(repeated(2, 3, 6, 7, 8, 9, 10)) == [("OR401", 5), ("OR401", 6)]
    assert lint(repeated(2, 3, 6, 7, 8, 9, 10))[1].message == "sequence_number 3 comes after 4"


def test_a_gap_behind_an_event_that_came_again_is_told() -> None:
    assert told(repeated(2, 5, 7, 8, 9, 10, 11)) == [("OR401", 5), ("OR402", 7)]


def test_a_gap_behind_numbers_that_are_behind_by_one_event_is_told() -> None:
    assert told(numbered(4, 4, 5, 6, 8, 9, 10)) == [("OR401", 5), ("OR402", 8)]


def test_numbers_that_begin_anew_are_told_once_and_so_is_a_gap_among_them() -> None:
    assert told(numbered(0, 1, 2, 3, 4, 5, 6)) == [("OR401", 4)]
    assert told(numbered(0, 1, 2, 5, 6, 7, 8)) == [("OR401", 4), ("OR402", 7)]


@pytest.mark.parametrize("numbers", [(3, 3, 3, 3, 3, 3, 3), (2, 1, 0, -1, -2, -3, -4)], ids=["same", "falling"])
def test_numbers_that_change_alike_and_never_rise_are_told_once(numbers: tuple[int, ...]) -> None:
    assert told(numbered(*numbers)) == [("OR401", 4)]


def test_a_number_above_all_others_is_in_order_whatever_fell_before() -> None:
    assert told(numbered(4, 1, 3, 5, 6, 7, 8)) == [("OR401", 5), ("OR401", 6)]


def test_one_number_that_is_too_high_is_told_once() -> None:
    assert told(numbered(40, 5, 6, 7, 8, 9, 10)) == [("OR402", 4)]
