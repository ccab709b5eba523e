"""A text that is told again and again is held once, and is judged and mended as any other."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from penstock.lint.examples import written
from penstock.lint.linter import Linter, lint
from penstock.stream import output as o
from penstock.upstream.responses.alike import LARGE_BYTES
from tests.lint.mutations import sse
from tests.lint.repairing import codes, repaired

PIECE = "0123456789abcdef" * 64
COUNT = LARGE_BYTES // len(PIECE) + 8
SAID: dict[str, list[o.Output]] = {
    "text": [o.Text(PIECE) for _ in range(COUNT)],
    "refusal": [o.Refusal(PIECE) for _ in range(COUNT)],
    "reasoning": [*(o.Reasoning(PIECE) for _ in range(COUNT)), *(o.ReasoningSummary(PIECE) for _ in range(COUNT))],
    "call": [o.FunctionCall("f", call_id="a"), o.Arguments('"'), *(o.Arguments(PIECE) for _ in range(COUNT)), o.Arguments('"')],
}  # fmt: skip
LARGE_EVENTS = {
    "text": ["output_text.done", "content_part.done", "output_item.done", "completed"],
    "refusal": ["refusal.done", "content_part.done", "output_item.done", "completed"],
    "reasoning": ["reasoning.done", "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"],
    "call": ["function_call_arguments.done", "output_item.done", "completed"],
}


def stream(kind: str) -> list[dict[str, Any]]:
    return written([*SAID[kind], o.Usage(input_tokens=1, output_tokens=1)])


@pytest.mark.parametrize("kind", SAID)
def test_a_valid_stream_is_valid_however_long(kind: str) -> None:
    data = sse(stream(kind))
    assert lint(data) == []
    assert repaired(data) == (data, [])


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in SAID for name in LARGE_EVENTS[kind]])
def test_a_long_text_that_is_told_otherwise_is_found(kind: str, name: str) -> None:
    events = stream(kind)
    at = next(at for at, event in enumerate(events) if event["type"] == f"response.{name}")
    data = sse(events)
    frame = sse(events[at : at + 1]).partition(b"data: [DONE]")[0]
    assert len(frame) > LARGE_BYTES
    changed = data.replace(frame, frame.replace(b"f0123", b"f0X23", 1), 1)
    assert [finding.event for finding in lint(changed)][:1] == [at]
    out, mends = repaired(changed)
    assert out == data
    assert mends


@pytest.mark.parametrize("kind", SAID)
def test_a_long_text_for_no_item_or_part_is_found(kind: str) -> None:
    events = stream(kind)
    large = [event for event in events if len(sse([event])) > LARGE_BYTES]
    for event in large[:-1]:
        broken = sse([*events[:2], event, *events[-1:]])
        assert lint(broken)
        out, mends = repaired(broken)
        assert lint(out) == []
        assert mends


def test_a_key_that_stands_twice_in_a_long_event_is_found() -> None:
    data = sse(stream("text"))
    twice = data.replace(b'"annotations":[]}}', b'"annotations":[],"annotations":[]}}', 2)
    assert len(twice) > len(data)
    assert {finding.code for finding in lint(twice)} == {"OR106"}
    out, mends = repaired(twice)
    assert out == data
    assert set(codes(mends)) == {"OR106"}


def _peak(feed: Callable[[bytes], object], data: bytes) -> int:
    tracemalloc.start()
    for at in range(0, len(data), 16_384):
        feed(data[at : at + 16_384])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_is_a_few_times_the_text() -> None:
    data = sse(written([o.Text(PIECE) for _ in range(4 * COUNT)]))
    lint(data)  # what is made once for all streams is made now
    assert _peak(Linter().feed, data) < 5 * 4 * COUNT * len(PIECE)
