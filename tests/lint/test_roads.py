"""The shorter roads lead to the same findings as the longest one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lint.engine import EventLinter
from penstock.lint.examples import written
from penstock.lint.facts import Profile
from penstock.lint.findings import Finding
from penstock.lint.linter import Linter
from penstock.lint.roads import Line
from penstock.spec.content import LogProb
from penstock.stream import output as o
from penstock.stream.writer import WriterOptions
from penstock.wire.sse import SSEDecoder
from tests.lint.mutations import MUTATIONS, dumps, sse, streams
from tests.lint.test_writer_streams import written as written_by
from tests.stream.strategies import Program, programs


def judged(data: bytes, *, shortcuts: bool, dialect: str = "openresponses") -> list[Finding]:
    """Return the findings, with the shorter roads or without: frame by frame, and in runs of frames."""
    found: list[list[Finding]] = []
    for runs in (False, True):
        linter = EventLinter(profile=Profile(dialect=dialect, transport="sse"), shortcuts=shortcuts)
        decoder = SSEDecoder(all_blocks=True)
        if runs:
            linter.feed_blocks(decoder.feed_runs(data))
        else:
            linter.feed_frames(decoder.feed(data))
        linter.feed_frames(decoder.flush())
        linter.finish()
        found.append(linter.findings)
    assert found[0] == found[1]
    return found[0]


LOGPROB = LogProb(token="a", logprob=-0.5, bytes=[97], top_logprobs=[])
LONG: dict[str, list[o.Output]] = {
    "text": [o.Text(f" word {number}") for number in range(12)],
    "quotes": [o.Text(piece) for piece in ['"', '":', '{"a":', '\\":', "\\", 'say "no": ', "é", "\u2028"] * 2],
    "reasoning": [
        *(o.Reasoning(f"r{number}") for number in range(6)),
        *(o.ReasoningSummary(f"s{number}") for number in range(6)),
    ],
    "refusal": [o.Refusal(f"no{number}") for number in range(6)],
    "calls": [
        o.FunctionCall("f", call_id="a"),
        o.FunctionCall("g", call_id="b"),
        *(o.Arguments(piece, call) for piece in ['{"a":', '"":', '"}', "{}"] for call in ("a", "b")),
    ],
    "logprobs": [o.Text("a", [LOGPROB]), o.Text("b"), o.Text("c", [LOGPROB]), o.Text("d", []), o.Text("e")],
}


def faults(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the stream with a fault in one delta after another, each of another kind."""
    changes: list[dict[str, Any]] = [
        {"delta": ""},
        {"sequence_number": 1},
        {"sequence_number": 99},
        {"item_id": "other"},
        {"output_index": 1},
        {"content_index": 1},
        {"summary_index": 1},
        {"obfuscation": "xyz"},
        {"logprobs": []},
        {"response_id": "resp_1"},
        {"unknown": 1},
        {"delta": 5},
        {"item_id": None},
    ]
    deltas = [index for index, event in enumerate(events) if event["type"].endswith(".delta")]
    broken = []
    for index, change in itertools.product(deltas[1:], changes):
        changed = [dict(event) for event in events]
        changed[index] |= change
        broken.append(changed)
    return broken


@pytest.mark.parametrize("name", LONG)
def test_a_fault_in_any_delta_is_found_on_every_road(name: str) -> None:
    events = written([*LONG[name], o.Usage(input_tokens=1, output_tokens=1)])
    assert [f.code for f in judged(sse(events), shortcuts=True) if f.code != "OR505"] == []
    for broken in faults(events):
        data = sse(broken)
        assert judged(data, shortcuts=True) == judged(data, shortcuts=False)


@pytest.mark.parametrize("base", ["everything", "two_calls", "annotated", "logprobs", "failed", "extension"])
def test_every_mutant_is_judged_alike_on_every_road(base: str) -> None:
    events = streams()[base]
    for make in MUTATIONS.values():
        for mutant in itertools.islice(make(events), 0, None, 29):
            assert judged(mutant.data, shortcuts=True) == judged(mutant.data, shortcuts=False), mutant.name


@given(programs())
def test_so_is_all_that_the_writer_says(program: Program) -> None:
    data = written_by(program, WriterOptions())
    assert judged(data, shortcuts=True) == judged(data, shortcuts=False)


FRAMES = [
    b"data: %b\n\n",
    b"event: response.refusal.delta\ndata: %b\n\n",
    b"event: response.output_text.delta\ndata: %b\nid: 1\n\n",
    b"event: response.output_text.delta\ndata: %b\r\n\r\n",
    b": ping\nevent: response.output_text.delta\ndata: %b\n\n",
    b"event: response.output_text.delta\ndata: \ndata: %b\n\n",
    b"event: response.output_text.delta\ndata: %b\n\n: ping\n\n",
    b"event: response.output_text.delta\ndata: %b\n\ndata: [DONE]\n\n",
    b"event: response.output_text.delta\ndata: %b\n",
]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("dialect", ["openresponses", "openai", "vtcode", "2026-01-15"])
def test_a_frame_of_another_form_is_judged_alike_on_every_road(frame: bytes, dialect: str) -> None:
    events = written([*LONG["text"], o.Usage(input_tokens=1, output_tokens=1)])
    frames = [sse([event]).partition(b"data: [DONE]")[0] for event in events]
    frames[7] = frame % dumps(events[7])
    data = b"".join(frames) + b"data: [DONE]\n\n"
    assert judged(data, shortcuts=True, dialect=dialect) == judged(data, shortcuts=False, dialect=dialect)


@pytest.mark.parametrize(
    "damaged", [b"data: {\n\n", b"data: {}{}\n\n", b'data: {"type":"\xff"}\n\n', b"data: [\xff\n\n"]
)
@pytest.mark.parametrize("gap", [0, 1, 2, 3])
def test_what_cannot_be_read_between_deltas_is_judged_alike_on_every_road(damaged: bytes, gap: int) -> None:
    events = written([*LONG["text"], o.Usage(input_tokens=1, output_tokens=1)])
    for event in events[8:]:
        event["sequence_number"] += gap
    frames = [sse([event]).partition(b"data: [DONE]")[0] for event in events]
    # Behind it comes the delta whose number would be due without it; the linter may not take that for the next.
    data = b"".join([*frames[:7], damaged, *frames[7:]])
    found = judged(data, shortcuts=True)
    assert found == judged(data, shortcuts=False)
    assert found[0].event == 7


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=12))
def test_a_frame_a_chunk_is_judged_like_all_in_one(damage: list[int]) -> None:
    events = written([*LONG["text"], o.Usage(input_tokens=1, output_tokens=1)])
    for index, kind in enumerate(damage, 4):
        if kind == 1:
            events[index]["delta"] = ""
        elif kind == 2:
            events[index]["item_id"] = "other"
    data = sse(events)
    linter = Linter()
    for chunk in data.split(b"\n\n")[:-1]:
        linter.feed(chunk + b"\n\n")
    linter.finish()
    assert linter.findings == judged(data, shortcuts=True)


def test_lines_take_the_same_roads() -> None:
    events = written([*LONG["text"], o.Usage(input_tokens=1, output_tokens=1)])
    for cut in (len(events), 9):
        linter = EventLinter(profile=Profile(transport="jsonl"))
        linter.feed_lines([Line(dumps(event), 0) for event in events[:cut]])
        linter.feed_lines([Line(dumps(event), 0) for event in events[cut:]])
        linter.finish()
        assert linter.findings == []
        assert linter.facts.events == len(events)
