"""Recording: the events with findings, found again in whatever came."""

from __future__ import annotations

import json
import re

import pytest

from penstock.lint.examples import Example, base_events, change, repeat
from penstock.lint.linter import Linter
from penstock.lint.record import Judgement, Located, Recorder
from penstock.wire.codec import load_event
from tests.lint.faulty import GOOD, THREE
from tests.lint.repairing import sse

EVENTS = THREE.events()
TYPES = ["response.output_text.delta", "response.output_text.delta", "response.completed"]


def judge(data: bytes, size: int = 0, **options: int) -> Judgement:
    recorder = Recorder(Linter(), "reply", **options)
    for start in range(0, len(data), size or len(data)):
        recorder.feed(data[start : start + (size or len(data))])
    return recorder.finish()


def told(judgement: Judgement) -> list[tuple[str | None, int | None, str]]:
    return [
        (located.event_type, located.line, located.excerpt.marked if located.excerpt else "")
        for located in judgement.findings
    ]


@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_events_are_found_in_server_sent_events(size: int) -> None:
    assert told(judge(THREE.data(), size)) == [
        (TYPES[0], 11, '"response.output_text.delta"'),
        (TYPES[1], 14, '"msg_other"'),
        (TYPES[2], 29, "[]"),
    ]


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends_are_known(end: bytes) -> None:
    judgement = judge(THREE.data().replace(b"\n", end), 50)
    assert [located.event_type for located in judgement.findings] == TYPES


@pytest.mark.parametrize("size", [0, 1, 100])
def test_events_are_found_in_lines(size: int) -> None:
    data = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
    assert [(name, line) for name, line, _ in told(judge(data, size))] == [(TYPES[0], 4), (TYPES[1], 5), (TYPES[2], 10)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_events_are_found_in_a_document(indent: int | None, mark: bytes) -> None:
    judgement = judge(mark + json.dumps(EVENTS, indent=indent).encode(), 100)
    assert [(name, text) for name, _, text in told(judgement)] == [
        (TYPES[0], '"response.output_text.delta"'),
        (TYPES[1], '"msg_other"'),
        (TYPES[2], "[]"),
    ]
    first = judgement.findings[0].line
    assert first is not None
    assert (first == 1) is (indent is None)


def test_events_without_bytes_are_shown_too() -> None:
    recorder = Recorder(Linter(), "")
    for event in EVENTS:
        recorder.feed_event(event)
    assert told(recorder.finish()) == [
        (TYPES[0], None, '"response.output_text.delta"'),
        (TYPES[1], None, '"msg_other"'),
        (TYPES[2], None, "[]"),
    ]


def test_typed_events_are_shown_as_their_json() -> None:
    recorder = Recorder(Linter(), "")
    for event in EVENTS:
        recorder.feed_event(load_event(event))
    assert [name for name, _, _ in told(recorder.finish())] == TYPES


def test_feeding_returns_what_was_found() -> None:
    recorder = Recorder(Linter(), "")
    found: list[Located] = []
    for event in EVENTS:
        found += recorder.feed_event(event)
    assert [located.finding.code for located in found] == ["OR305", "OR404", "OR603"]


def test_findings_are_in_the_order_of_the_events() -> None:
    # That a field is absent everywhere is known at the end, and is about the first event.
    data = re.sub(rb"event: .*\n", b"", THREE.data())
    judgement = judge(data)
    assert [located.finding.code for located in judgement.findings] == ["OR102", "OR305", "OR404", "OR603"]
    assert judgement.findings[0].event_type == "response.created"


CHANGED = Example(base="text", edits=(change("response.completed", "response.id", "resp_2"),))


def test_related_events_are_named() -> None:
    (located,) = judge(CHANGED.data()).findings
    assert (located.finding.related, located.related_type, located.related_line) == (0, "response.created", 2)
    data = b"".join(json.dumps(event).encode() + b"\n" for event in CHANGED.events())
    (located,) = judge(data).findings
    assert (located.related_type, located.related_line) == ("response.created", 1)
    (located,) = judge(json.dumps(CHANGED.events()).encode()).findings
    assert (located.related_type, located.related_line) == ("response.created", 1)
    recorder = Recorder(Linter(), "")
    for event in CHANGED.events():
        recorder.feed_event(event)
    (located,) = recorder.finish().findings
    assert (located.related_type, located.related_line) == ("response.created", None)


def test_related_events_are_not_named_where_damage_has_changed_the_count() -> None:
    first, _, rest = CHANGED.data().partition(b"\n\n")
    merged = first + b"\ndata: " + json.dumps(CHANGED.events()[1]).encode() + b"\n\n" + rest.partition(b"\n\n")[2]
    located = judge(merged).findings[-1]
    assert (located.finding.code, located.related_type) == ("OR403", None)
    assert located.event_type == "response.completed"


def test_a_frame_that_is_no_json_is_shown_as_it_is() -> None:
    data = GOOD.data().replace(b"data: [DONE]", b"data: {oops\n\ndata: [DONE]")
    (located,) = judge(data).findings
    assert located.finding.code == "OR106"
    assert located.event_type is None
    assert located.excerpt is not None
    assert located.excerpt.before + located.excerpt.marked + located.excerpt.after == "{oops"


@pytest.mark.parametrize("data", [b"<html>\nno stream\n", b"\xff\xfe"])
def test_bytes_that_are_no_stream_are_shown(data: bytes) -> None:
    located = judge(data).findings[0]
    assert located.finding.code == "OR106"
    assert located.excerpt is not None
    assert located.line == 1


def test_only_a_window_is_held() -> None:
    bad = change("response.output_text.delta", "item_id", "other")
    many = Example(base="text", edits=(*[repeat("response.output_text.delta")] * 2000, bad))
    data = many.data()
    recorder = Recorder(Linter(), "reply", window=10_000)
    held = 0
    for start in range(0, len(data), 1000):
        recorder.feed(data[start : start + 1000])
        held = max(held, len(recorder._held))
    assert held < 25_000 < len(data)
    judgement = recorder.finish()
    lines = data.splitlines()
    assert judgement.findings
    for located in judgement.findings:
        assert located.line is not None
        assert located.excerpt is not None
        assert located.event_type is not None
        assert located.event_type.encode() in lines[located.line - 1]
        assert located.related_type is None


def test_what_went_by_long_ago_is_not_shown() -> None:
    many = Example(base="text", edits=(*[repeat("response.output_text.delta")] * 500,), renumber=False)
    data = many.data().replace(b"event: response.created\n", b"")
    (*_, located) = (each for each in judge(data, 1000, window=10_000).findings if each.finding.code == "OR102")
    assert (located.finding.event, located.excerpt, located.line) == (0, None, None)


def test_a_frame_that_is_larger_than_the_window_is_held_whole() -> None:
    text = "x" * 100_000
    data = Example(base="text", edits=(change("response.output_text.delta", "delta", text),)).data()
    judgement = judge(data, 1000, window=1000)
    assert judgement.findings
    assert all(located.excerpt is not None for located in judgement.findings)
    lines = b"".join(line[6:] + b"\n" for line in data.splitlines() if line.startswith(b"data: {"))
    judgement = judge(lines, 1000, window=1000)
    assert all(located.excerpt is not None for located in judgement.findings)


def test_events_that_json_cannot_say_are_shown_all_the_same() -> None:
    recorder = Recorder(Linter(), "")
    (*_, located) = recorder.feed_event({"type": "response.created", "response": {1, 2}})
    assert located.excerpt is not None


def test_a_document_that_is_no_array_is_shown_whole() -> None:
    located = judge(b'{\n "object": "chat.completion.chunk"\n}\n').findings[0]
    assert (located.event_type, located.line) == ("", 1)
    assert located.excerpt is not None


def test_a_verdict_on_bytes_that_are_no_framing_at_last_tells_of_related_events() -> None:
    events = base_events("text")
    events[4]["item_id"] = "msg_other"
    data = sse(events).removesuffix(b"data: [DONE]\n\n") + b"event: \xff"
    recorder = Recorder(Linter(), "reply.sse")
    recorder.feed(data)
    judgement = recorder.finish()
    assert [located.finding.code for located in judgement.findings] == ["OR404", "OR110"]
    assert judgement.findings[0].related_type == "response.output_item.added"


def test_what_follows_the_end_is_shown_as_the_event_it_is() -> None:
    whole = sse(base_events("text"))
    (located,) = judge(whole + b'event: acme:late\ndata: {"type":"acme:late","sequence_number":11}\n\n').findings
    assert located.finding.code == "OR105"
    assert (located.event_type, located.line) == ("acme:late", whole.count(b"\n") + 2)
    assert located.excerpt is not None
    assert (located.excerpt.before, located.excerpt.marked) == ('{"type":', '"acme:late"')
