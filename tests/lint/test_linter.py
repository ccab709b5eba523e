"""The linter takes bytes of any format, cut anywhere, or events; it never raises, and tells a fault when it comes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock
from penstock.lint.examples import Events, base_events, written
from penstock.lint.facts import Facts, Profile
from penstock.lint.findings import Finding, Level
from penstock.lint.judge import MAX_FINDINGS
from penstock.lint.linter import Linter, lint
from penstock.lint.rule import FrameRule
from penstock.lint.rules import ALL_RULES
from penstock.lint.select import UnknownRule, rule_by_code, selected_rules
from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream import output as o
from penstock.wire.codec import decode_object, encode_plain, load_event
from penstock.wire.formats import Format
from penstock.wire.sse import SSEDecoder
from tests.lint.mutations import DONE, MUTATIONS, dumps, frame, sse, streams
from tests.openapi import json_objects, json_values
from tests.stream.strategies import events as any_events


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def without_offsets(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
    return [(f.code, f.event, f.path, f.message) for f in findings]


def lines(events: Events) -> bytes:
    return b"".join(dumps(event) + b"\n" for event in events)


BROKEN = base_events("reasoning")
del BROKEN[4]
BROKEN[7]["item_id"] = "rs_9"
BROKEN[-1]["response"]["usage"]["total_tokens"] = 99
EXPECTED = [("OR402", 4), ("OR404", 7), ("OR501", 10), ("OR608", 19)]


# -------------------------------------------------------------------------------------------------------- how it comes


def test_what_is_found_says_where() -> None:
    findings = lint(sse(BROKEN))
    assert [(finding.code, finding.event) for finding in findings] == EXPECTED
    offset = sse(BROKEN).index(b'"item_id":"rs_9"')
    assert findings[1].offset == sse(BROKEN).rindex(b"event:", 0, offset)
    assert findings[1].path == "item_id"
    assert findings[1].related == 2


def test_bytes_lines_documents_and_events_are_judged_alike() -> None:
    expected = without_offsets(lint(sse(BROKEN)))
    assert without_offsets(lint(lines(BROKEN))) == expected
    assert without_offsets(lint(dumps(BROKEN))) == expected
    assert without_offsets(lint(BROKEN)) == expected
    assert without_offsets(lint([load_event(event) for event in BROKEN])) == expected
    assert without_offsets(lint([sse(BROKEN)[:900], sse(BROKEN)[900:]])) == expected


@pytest.mark.parametrize("write", [sse, lines, dumps])
@given(cuts=st.lists(st.integers(1, 3000), max_size=12))
def test_how_bytes_are_cut_does_not_matter(write: Any, cuts: list[int]) -> None:  # noqa: ANN401 - a function of events
    data = write(BROKEN)
    whole = lint(data)
    linter = Linter()
    at = 0
    for cut in cuts:
        linter.feed(data[at : at + cut])
        at += cut
    linter.feed(data[at:])
    linter.finish()
    assert linter.findings == whole


@pytest.mark.parametrize("write", [sse, lines, dumps])
def test_byte_by_byte_is_the_same(write: Any) -> None:  # noqa: ANN401 - a function of events
    data = write(BROKEN)
    assert lint(bytes([byte]) for byte in data) == lint(data)


def test_the_end_of_a_line_does_not_matter() -> None:
    expected = without_offsets(lint(sse(BROKEN)))
    for end in (b"\r\n", b"\r"):
        data = sse(BROKEN).replace(b"\n", end)
        assert without_offsets(lint(data)) == expected
        assert without_offsets(lint(bytes([byte]) for byte in data)) == expected


def test_a_byte_order_mark_is_no_fault() -> None:
    for write in (sse, lines, dumps):
        assert lint(b"\xef\xbb\xbf" + write(base_events("text"))) == []


def test_the_format_is_told_by_the_content() -> None:
    for write, expected in ((sse, Format.SSE), (lines, Format.JSONL), (dumps, Format.DOCUMENT)):
        linter = Linter()
        before = linter.format
        linter.feed(write(base_events("text")))
        linter.finish()
        assert (before, linter.format) == (None, expected)
        assert linter.events == 11


def test_before_the_format_is_told_nothing_is_judged() -> None:
    linter = Linter()
    assert linter.feed(b"da") == []
    assert (linter.format, linter.findings, linter.events, linter.more) == (None, [], 0, 0)
    linter.feed(b"ta: {}\n\n")
    assert linter.format is Format.SSE
    assert linter.events == 1


def test_damage_that_only_the_end_tells_is_a_finding() -> None:
    assert codes(lint(b"event: \xff")) == ["OR110"]
    assert codes(lint(b"{")) == ["OR106"]


def test_damaged_frames_are_told_once_whatever_is_wrong_with_them() -> None:
    events = base_events("text")
    whole = [frame(event) for event in events]
    for damage, code in (
        (b"data: \xff{\n\n", "OR110"),
        (b"data: \xff\ndata: {}\n\n", "OR110"),
        (b"data: {\n\n", "OR106"),
        (b"data: {}{}\n\n", "OR106"),
        (b"data: {}\ndata: {\n\n", "OR106"),
    ):
        found = lint(b"".join([*whole[:5], damage, *whole[6:], DONE]))
        assert [(f.code, f.event) for f in found] == [(code, 5)]
        assert lint(b"".join([*whole[:5], damage, *whole[6:], DONE]), ignore=[code]) == []
    twice = whole[5].replace(b'"delta":', b'"delta":"a","delta":')
    data = b"".join([*whole[:5], twice, *whole[6:], DONE])
    assert [(f.code, f.level) for f in lint(data)] == [("OR106", Level.INFO)]
    assert lint(data, ignore=["OR106"]) == []


def test_a_finding_arises_with_its_event_and_that_of_one_missing_number_with_the_next() -> None:
    expected = [event + (code == "OR402") for code, event in EXPECTED]
    linter = Linter()
    told = [len(linter.feed(frame(event))) for event in BROKEN]
    assert [index for index, count in enumerate(told) if count] == expected
    assert codes(linter.finish()) == ["OR104"]
    linter = Linter()
    told = [len(linter.feed_event(event)) for event in BROKEN]
    assert [index for index, count in enumerate(told) if count] == expected


def test_what_only_the_end_tells_arises_at_the_end() -> None:
    linter = Linter()
    linter.feed(sse(base_events("text")[:5]))
    assert not linter.findings
    assert codes(linter.finish()) == ["OR601"]
    assert "open: output[0], output[0].content[0]" in linter.findings[0].message


def test_nothing_at_all_is_no_stream() -> None:
    nothings: tuple[bytes | list[bytes], ...] = (b"", b" \n", [], b": ping\n\n", DONE)
    for nothing in nothings:
        (finding,) = lint(nothing)
        assert (finding.code, finding.message) == ("OR601", "the stream ends before its first event")


def test_bytes_that_are_no_stream_are_one_finding() -> None:
    for data in (b"<html><body>502 Bad Gateway</body></html>", b"\x1f\x8b\x08\x00", b"{]", b"[1, 2", b"null"):
        assert codes(lint(data)) == ["OR106"]
        assert codes(lint(bytes([byte]) for byte in data)) == ["OR106"]


def test_after_bytes_that_are_no_stream_nothing_more_is_told() -> None:
    linter = Linter()
    assert codes(linter.feed(b"<html>\n\n")) == ["OR106"]
    assert linter.feed(sse(base_events("text"))) == []
    assert linter.finish() == []


def test_a_document_that_is_one_event_or_none() -> None:
    assert codes(lint(dumps(base_events("text")[0]))) == ["OR601"]
    assert "OR106" in codes(lint(b'[{"type": "response.created"}, 7]'))
    assert codes(lint(b"[]")) == ["OR601"]


def test_a_frame_beyond_the_limit_is_one_finding() -> None:
    for head in (b"data: ", b'{"type":"', b"["):
        linter = Linter(max_frame=100)
        linter.feed(head + b"x" * 200 + b"\n\n")
        linter.finish()
        assert codes(linter.findings) == ["OR106"]
        assert "more than 100 bytes" in linter.findings[0].message


def test_damage_after_the_first_frames_is_told_after_what_they_tell() -> None:
    data = frame(base_events("text")[0]) + b"event: \xff\n\n"
    assert codes(lint(data)) == ["OR110"]
    assert lint(data)[0].offset == len(frame(base_events("text")[0]))
    linter = Linter()
    for chunk in (frame(base_events("text")[0]), b"event: \xff\n\n"):
        linter.feed(chunk)
    linter.finish()
    assert linter.findings == lint(data)


def test_the_offset_counts_all_bytes_however_they_come() -> None:
    events = base_events("text")
    events[6]["item_id"] = "other"
    chunks = [frame(event) for event in events]
    linter = Linter()
    for chunk in chunks:
        linter.feed(chunk)
    linter.feed(DONE)
    linter.finish()
    assert linter.findings == lint(b"".join(chunks) + DONE)
    assert linter.findings[0].offset == len(b"".join(chunks[:6]))


# ------------------------------------------------------------------------------------------------- whatever comes


@given(st.binary(max_size=200) | st.text('data: {}[]"\r\n:event\x00é', max_size=80).map(str.encode))
def test_it_never_raises_on_bytes(data: bytes) -> None:
    whole = lint(data)
    assert codes(lint(bytes([byte]) for byte in data)) == codes(whole)


@given(st.lists(json_values, max_size=6))
def test_it_never_raises_on_json(values: list[Any]) -> None:
    lint(b"".join(b"data: " + dumps(value) + b"\n\n" for value in values))
    lint(b'{"type":"x"}\n' + b"".join(dumps(value) + b"\n" for value in values))
    lint(dumps(values))


@given(
    st.lists(st.tuples(st.sampled_from([e["type"] for s in streams().values() for e in s]), json_objects), max_size=6)
)
def test_it_never_raises_on_objects_of_known_types(values: list[tuple[str, dict[str, Any]]]) -> None:
    lint([{"type": name, **fields} for name, fields in values])


@given(st.lists(any_events, max_size=12), st.booleans(), st.sampled_from(["openresponses", "openai", "vtcode"]))
def test_it_never_raises_on_events(events: list[Any], resumed: bool, dialect: str) -> None:  # noqa: FBT001
    lint(events, resumed=resumed, dialect=dialect)


@settings(max_examples=40)
@given(st.data())
def test_it_never_raises_on_two_faults(data: st.DataObject) -> None:
    events = data.draw(st.sampled_from(list(streams().values())))
    for _ in range(2):
        make = data.draw(st.sampled_from(list(MUTATIONS.values())))
        found = [mutant.data for mutant in make(events)]
        if not found:
            continue
        broken = data.draw(st.sampled_from(found))
        for dialect in ("openresponses", "openai", "vtcode", "2026-01-15"):
            lint(broken, dialect=dialect)
        pieces = [piece for piece in broken.split(b"\n\n") if piece.startswith(b"event")]
        try:
            again = [json.loads(piece.partition(b"data: ")[2]) for piece in pieces]
        except ValueError:
            continue
        if again and all(isinstance(event, dict) and isinstance(event.get("type"), str) for event in again):
            lint(again)


def test_findings_are_kept_up_to_a_limit_and_counted_beyond() -> None:
    linter = Linter()
    for number in range(MAX_FINDINGS + 5):
        linter.feed_event({"type": f"unknown{number}", "sequence_number": number})
    linter.finish()
    assert len(linter.findings) == MAX_FINDINGS
    assert linter.more == 5


def test_a_long_answer_is_kept_once() -> None:
    linter = Linter()
    events = base_events("text")
    for event in events[:5]:
        linter.feed(frame(event))
    delta = dict(events[4])
    for number in range(5, 5_000):
        assert linter.feed(frame({**delta, "sequence_number": number, "delta": "word "})) == []
    assert linter.events == 5_000


def test_what_of_a_response_changes_is_told_once_a_field() -> None:
    events = base_events("text")
    for event in (events[1], events[-1]):
        event["response"] |= {"id": "resp_2", "model": "other", "temperature": 0.2, "truncation": "auto"}
    assert [(found.code, found.path, found.event) for found in lint(sse(events))] == [
        ("OR403", "response.id", 1),
        ("OR403", "response.model", 1),
        ("OR410", "response.truncation", 1),
        ("OR410", "response.temperature", 1),
    ]


# --------------------------------------------------------------------------------------------------------- profiles


def test_early_streams_without_numbers_have_one_finding() -> None:
    events = base_events("reasoning")
    for event in events:
        del event["sequence_number"]
    assert codes(lint(sse(events))) == ["OR201"]
    assert lint(sse(events))[0].path == "sequence_number"
    assert lint(sse(events), dialect="openai") == []


def test_one_missing_number_is_a_fault_in_any_dialect() -> None:
    events = base_events("text")
    del events[5]["sequence_number"]
    for dialect in ("openresponses", "openai"):
        assert [(f.code, f.event) for f in lint(sse(events), dialect=dialect)] == [("OR201", 5)]


def test_openais_practice_is_no_fault_by_its_own_profile() -> None:
    events = base_events("text")
    del events[0]["response"]["presence_penalty"]
    events.insert(
        2, {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1", "sequence_number": 2}
    )
    events.insert(2, {"type": "keepalive", "sequence_number": 2})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    data = sse(events).removesuffix(DONE)
    assert codes(lint(data)) == ["OR201", "OR806", "OR803", "OR104"]
    assert lint(data, dialect="openai") == []


def test_a_hosted_item_needs_no_slug_in_openais_practice() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    events = base_events("empty")
    events[2:2] = [
        {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
        {
            "type": "response.output_item.done",
            "sequence_number": 3,
            "output_index": 0,
            "item": {**item, "status": "completed"},
        },
    ]
    events[-1]["sequence_number"] = 4
    events[-1]["response"]["output"] = [{**item, "status": "completed"}]
    assert codes(lint(sse(events))) == ["OR803"]
    assert lint(sse(events), dialect="openai") == []
    del item["status"]
    assert codes(lint(sse(events), dialect="openai")) == []


def test_the_older_document_asks_for_log_probabilities() -> None:
    found = lint(sse(base_events("text")), dialect="2026-01-15")
    assert {finding.code for finding in found} == {"OR201"}
    assert {finding.path.rpartition(".")[2] for finding in found} == {"logprobs"}
    assert lint(sse(base_events("refusal")), dialect="2026-01-15") == []


def test_the_older_document_has_no_compaction() -> None:
    events = base_events("empty")
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA", "status": "completed"}
    events[-1]["response"]["output"] = [item]
    found = lint(sse(events), dialect="2026-01-15", ignore=["OR603"])
    assert codes(found) == ["OR807"]


def test_vt_codes_envelope_is_its_own_practice() -> None:
    events = base_events("text")
    for event in events[2:-1]:
        event["response_id"] = "resp_1"
    assert codes(lint(sse(events))) == ["OR804"]
    assert lint(sse(events), dialect="vtcode") == []


@pytest.mark.parametrize("begin", range(1, 21))
def test_a_suffix_is_judged_as_one(begin: int) -> None:
    events = base_events("reasoning")[begin:]
    assert lint(sse(events), resumed=True) == []
    assert "OR301" in codes(lint(sse(events)))


def test_a_suffix_may_be_empty_and_its_faults_are_found() -> None:
    assert lint(DONE, resumed=True) == []
    events = base_events("reasoning")[6:]
    del events[-2]
    assert codes(lint(sse(events), resumed=True)) == ["OR309"]


def test_the_content_type_is_judged_where_it_is_known() -> None:
    data = sse(base_events("text"))
    assert lint(data, content_type="Text/Event-Stream ; charset=utf-8") == []
    assert codes(lint(data, content_type="text/plain")) == ["OR108"]


# ---------------------------------------------------------------------------------------------------------- requests


def request(**fields: Any) -> CreateResponse:  # noqa: ANN401 - JSON
    return decode_object(
        CreateResponse, encode_plain({"model": "example-model", "input": "Hi", **fields}), tolerant=False
    )


TOOL: dict[str, Any] = {"type": "function", "name": "get_level", "description": None, "parameters": {}, "strict": None}


@pytest.mark.parametrize(
    ("base", "fields", "expected"),
    [
        ("call", {}, ["OR701"]),
        ("call", {"tools": [TOOL]}, []),
        ("call", {"tools": [TOOL], "tool_choice": {"type": "function", "name": "get_flow"}}, ["OR703"]),
        ("call", {"tools": [TOOL], "tool_choice": {"type": "function", "name": "get_level"}}, []),
        ("text", {"tools": [TOOL], "tool_choice": {"type": "function", "name": "get_level"}}, ["OR703"]),
        ("text", {"tools": [TOOL], "tool_choice": "required"}, ["OR703"]),
        ("text", {"tools": [TOOL], "tool_choice": "none"}, []),
        ("text", {"tools": [{"type": "acme:search"}], "tool_choice": "required"}, ["OR703"]),
        ("text", {"tools": [TOOL], "tool_choice": "auto"}, []),
        (
            "call",
            {
                "tools": [TOOL],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "none",
                    "tools": [{"type": "function", "name": "get_level"}],
                },
            },
            ["OR703"],
        ),
        ("two_calls", {"tools": [TOOL, {**TOOL, "name": "get_flow"}], "parallel_tool_calls": False}, ["OR704"]),
        ("two_calls", {"tools": [TOOL, {**TOOL, "name": "get_flow"}], "max_tool_calls": 1}, ["OR705"]),
    ],
)
def test_what_was_promised_is_held(base: str, fields: dict[str, Any], expected: list[str]) -> None:
    asked = {"model": "example-model", "input": "Hi", **fields}
    found = lint(sse(base_events(base, asked)), request=request(**fields))
    assert codes(found) == expected


@pytest.mark.parametrize(("tools", "expected"), [([{"type": "acme:search"}], []), ([TOOL], ["OR703"])])
def test_a_call_of_a_tool_that_the_server_runs_is_a_call(tools: list[dict[str, Any]], expected: list[str]) -> None:
    frames: list[bytes] = []
    asked = request(stream=True, tools=tools, tool_choice="required")
    with penstock.ResponseStream(penstock.SSEEmitter(frames.append), model="example-model", request=asked) as stream:
        stream.send(o.ReadyItem(ExtensionItem(fields=Extra({"type": "acme:search_call", "status": "completed"}))))
        stream.send(o.Usage(input_tokens=1, output_tokens=1))
    assert codes(lint(b"".join(frames) + b"data: [DONE]\n\n", request=asked)) == expected


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("temperature", 0.2, 1.0),
        ("instructions", "Be brief.", None),
        ("metadata", {"a": "b"}, {}),
        ("tools", [TOOL], []),
        ("tool_choice", "required", "auto"),
        ("text", {"verbosity": "low"}, {"format": {"type": "text"}}),
        ("reasoning", {"effort": "low"}, None),
        ("reasoning", {"effort": "low"}, {"effort": "high", "summary": None}),
        ("truncation", "auto", "disabled"),
        ("service_tier", "flex", "default"),
        ("store", False, True),
    ],
)
def test_what_was_asked_comes_back(name: str, asked: object, told: object) -> None:
    fields = {"model": "example-model", "input": "Hi", name: asked}
    events = base_events("empty", fields)
    assert lint(sse(events), request=request(**{name: asked}), ignore=["OR703"]) == []
    for event in events:
        event["response"][name] = told
    (finding,) = lint(sse(events), request=request(**{name: asked}), ignore=["OR703"])
    assert (finding.code, finding.path, finding.event) == ("OR706", f"response.{name}", 0)


def test_what_a_server_adds_to_the_echo_or_truly_did_is_no_fault() -> None:
    for name, asked, told in (
        ("service_tier", "auto", "default"),
        ("store", True, False),
        ("reasoning", {"effort": "low"}, {"effort": "low", "summary": "auto"}),
        ("tools", [TOOL], [{**TOOL, "parameters": {"additionalProperties": False}}]),
    ):
        events = base_events("empty", {"model": "example-model", "input": "Hi", name: asked})
        for event in events:
            event["response"][name] = told
        assert lint(sse(events), request=request(**{name: asked})) == []


def test_a_call_that_was_never_added_is_held_to_the_promise_too() -> None:
    events = base_events("call")
    del events[2:6]
    assert "OR701" in codes(lint(events, request=request()))


# -------------------------------------------------------------------------------------------------------- which rules


def test_rules_are_selected_by_code_family_or_name() -> None:
    assert codes(lint(sse(BROKEN), select=["OR4"])) == ["OR402", "OR404"]
    assert codes(lint(sse(BROKEN), select=["or404"])) == ["OR404"]
    assert codes(lint(sse(BROKEN), select=["item-id-changes"])) == ["OR404"]
    assert codes(lint(sse(BROKEN), ignore=["OR4", "usage-inconsistent"])) == ["OR501"]
    assert codes(lint(sse(BROKEN), select=["OR4"], ignore=["OR402"])) == ["OR404"]
    assert codes(lint(sse(BROKEN), select=["OR402"], ignore=["OR4"])) == ["OR402"]
    assert selected_rules(ALL_RULES) == ALL_RULES


def test_a_stream_is_read_alike_whatever_rules_are_selected() -> None:
    for rule in ALL_RULES:
        assert codes(lint(rule.bad.data(), transport=rule.bad.transport, select=["OR601"])) in ([], ["OR601"])


def test_an_unknown_rule_is_refused() -> None:
    for word in ("OR9", "nonsense", "OR3011"):
        with pytest.raises(UnknownRule, match=word):
            Linter(select=[word])
    with pytest.raises(UnknownRule, match="no rule 'OR999'"):
        rule_by_code(ALL_RULES, "OR999")
    assert rule_by_code(ALL_RULES, "or301").code == rule_by_code(ALL_RULES, "created-not-first").code == "OR301"


# --------------------------------------------------------------------------------------------------------- WebSocket


def turn(number: int, base: str = "text") -> Events:
    events = base_events(base)
    for event in events:
        if "response" in event:
            event["response"]["id"] = f"resp_{number}"
    return events


def test_one_response_after_another_on_a_websocket() -> None:
    both = lines([*turn(1), *turn(2, "call")])
    assert lint(both, transport="websocket") == []
    assert codes(lint(both)) == ["OR303"]


def test_a_number_that_goes_on_from_one_response_to_the_next_is_no_fault() -> None:
    events = [*turn(1), *turn(2)]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert lint(lines(events), transport="websocket") == []


def test_every_response_of_a_websocket_is_judged() -> None:
    second = turn(2)
    del second[-2]
    found = lint(lines([*turn(1), *second]), transport="websocket")
    assert [(f.code, f.event) for f in found] == [("OR309", 20)]


def test_two_calls_never_share_a_call_id() -> None:
    events = base_events("two_calls")
    for event in events:
        if "item" in event:
            event["item"]["call_id"] = "call_1"
        for item in event.get("response", {}).get("output", []):
            item["call_id"] = "call_1"
    assert [(f.code, f.event, f.related) for f in lint(events)] == [("OR408", 3, 2)]


def test_what_was_lost_of_several_items_is_told_once() -> None:
    events = base_events("two_calls")
    events[2]["type"] = "response.output_item.begun"
    found = lint(events)
    assert (found[0].code, found[0].event) == ("OR205", 2)
    events = base_events("two_calls")
    events[2], events[3] = events[3], events[2]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert [(f.code, f.event) for f in lint(events)] == [("OR406", 2)]


def test_an_item_that_comes_with_its_content_at_once_is_told_once_a_level() -> None:
    events = base_events("reasoning")
    at_once = [
        event
        for event in events
        if event["type"].split(".")[1]
        not in ("content_part", "output_text", "reasoning", "reasoning_summary_part", "reasoning_summary_text")
    ]
    for number, event in enumerate(at_once):
        event["sequence_number"] = number
    assert [(f.code, f.path) for f in lint(at_once)] == [
        ("OR314", "item.content[0]"),
        ("OR314", "item.content[0]"),
    ]
    del at_once[3]["item"]["content"]
    del at_once[-1]["response"]["output"][0]["content"]
    assert [(f.code, f.path) for f in lint(at_once)] == [
        ("OR314", "item.summary[0]"),
        ("OR314", "item.content[0]"),
    ]


def numbered(events: Events) -> Events:
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return events


def test_an_item_that_was_never_added_is_told_once_though_others_were() -> None:
    events = base_events("two_calls")
    del events[2]
    assert [(f.code, f.event) for f in lint(numbered(events))] == [("OR406", 2)]


def test_output_of_a_response_that_waits_is_told_once() -> None:
    events = base_events("text", queued=True)
    late = events.pop(2)
    assert late["type"] == "response.in_progress"
    assert [(f.code, f.event) for f in lint(numbered(list(events)))] == [("OR302", 2)]
    events.insert(4, late)
    assert [(f.code, f.event) for f in lint(numbered(events))] == [("OR302", 2)]


def test_all_that_comes_after_the_end_of_a_part_is_told_once() -> None:
    events = base_events("text")
    events[8:8] = [dict(events[4]), dict(events[5])]
    assert [(f.code, f.event) for f in lint(numbered(events))] == [("OR306", 8)]


def test_parts_that_all_have_one_index_are_told_once() -> None:
    events = written(
        [o.Text("a"), o.NewPart(), o.Text("b"), o.NewPart(), o.Text("c"), o.Usage(input_tokens=1, output_tokens=1)]
    )
    for event in events:
        if "content_index" in event:
            event["content_index"] = 0
    assert [(f.code, f.event) for f in lint(events)] == [("OR407", 7)]


def test_a_call_whose_arguments_come_with_its_end_is_told_once() -> None:
    events = base_events("call")
    del events[3:6]
    assert [(f.code, f.path) for f in lint(numbered(events))] == [("OR314", "item.arguments")]


def test_reasoning_that_is_added_with_its_summary() -> None:
    events = base_events("reasoning")
    events[2]["item"]["summary"] = [{"type": "summary_text", "text": "Looked at the gate."}]
    assert [(f.code, f.path) for f in lint(events)] == [("OR504", "item.summary")]


def test_what_a_failed_response_keeps_is_its_servers_affair() -> None:
    events = written(
        [
            o.Text("a"),
            o.NewMessage(),
            o.Text("b"),
            o.Failure(ErrorPayload(type="server_error", code=None, message="", param=None)),
        ]
    )
    del events[-1]["response"]["output"][1]
    assert lint(events) == []
    events[-1]["response"]["output"] *= 3
    assert codes(lint(events)) == ["OR603"]


def test_the_package_is_the_function() -> None:
    assert penstock.lint(sse(BROKEN), select=["OR501"]) == lint(sse(BROKEN), select=["OR501"])


def test_responses_are_not_mixed_on_a_websocket() -> None:
    first, second = turn(1), turn(2)
    mixed = [*first[:5], second[0], *first[5:]]
    for number, event in enumerate(mixed):
        event["sequence_number"] = number
    assert codes(lint(lines(mixed), transport="websocket")) == ["OR301"]


FAILURE = {"type": "error", "status": 400, "error": {"code": "previous_response_not_found", "message": "No."}}


def test_a_failure_of_a_websocket_needs_no_response() -> None:
    assert lint(lines([FAILURE]), transport="websocket") == []
    assert lint(lines([FAILURE, *turn(1), FAILURE]), transport="websocket") == []
    assert lint(lines([*turn(1)[:5], FAILURE, *turn(2)]), transport="websocket") == []
    for wrong, path in (
        ({**FAILURE, "status": "400"}, "status"),
        ({"type": "error", "error": FAILURE["error"]}, "status"),
        ({**FAILURE, "error": {"code": None}}, "error.code"),
        ({**FAILURE, "error": {}}, "error.code"),
        ({**FAILURE, "error": "No."}, "error"),
        ({"type": "error", "status": 400}, "error"),
    ):
        (finding,) = lint(lines([wrong]), transport="websocket")
        assert (finding.code, finding.path) == ("OR209", path)


def test_lines_with_a_failure_outside_of_a_response_came_over_a_websocket() -> None:
    assert lint(lines([FAILURE])) == []
    assert lint(lines([FAILURE, *turn(1), FAILURE, *turn(2)])) == []
    assert codes(lint(lines([{**FAILURE, "status": "400"}]))) == ["OR209"]
    # What has a number is an event of the stream, and what is within a response is too; so is what SSE brought.
    assert "OR301" in codes(lint(lines([{**FAILURE, "sequence_number": 0}])))
    assert "OR201" in codes(lint(lines([*turn(1)[:5], FAILURE])))
    assert "OR301" in codes(lint(frame(FAILURE)))


def test_the_requests_of_a_recording_are_what_its_responses_answer() -> None:
    ask = {"type": "response.create", "model": "example-model", "input": "Hi"}
    assert lint(lines([ask, *turn(1), ask, *turn(2)])) == []
    assert lint(lines([ask, ask, *turn(1), *turn(2)])) == []
    asked = {**ask, "temperature": 0.5}
    found = lint(lines([ask, *turn(1), asked, *turn(2)]))
    assert [(f.code, f.event) for f in found] == [("OR706", 11)]
    found = lint(lines([ask, *turn(1)[:4], asked, *turn(1)[4:], *turn(2)]))
    assert [(f.code, f.event) for f in found] == [("OR706", 11)]
    assert lint(lines([{"type": "response.create", "model": 7}, *turn(1), *turn(2)])) == []


def test_the_sentinel_is_not_for_websockets() -> None:
    assert codes(lint(lines(turn(1)) + b"[DONE]\n", transport="websocket")) == ["OR109"]
    assert lint(lines(turn(1)) + b"[DONE]\n") == []


# ----------------------------------------------------------------------------------------------------------- levels


def test_a_rule_that_looks_at_nothing_finds_nothing() -> None:
    class Nothing(FrameRule):
        """Looks at nothing."""

    assert list(Nothing().end(Facts(Profile(), None))) == []
    assert list(Nothing().frame(SSEDecoder().feed(frame({"type": "x"}))[0], None, Facts(Profile(), None))) == []


def test_levels_follow_the_key_words() -> None:
    assert {rule.level for rule in ALL_RULES} == set(Level)


@pytest.mark.parametrize(
    "event",
    [
        {
            "type": "response.content_part.added",
            "part": {"type": "output_text", "text": "Early.", "annotations": [], "logprobs": []},
        },
        {"type": "response.output_text.done", "text": "Early.", "logprobs": []},
        {
            "type": "response.output_text.annotation.added",
            "annotation_index": 0,
            "annotation": {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1},
        },
    ],
    ids=lambda event: event["type"],
)
@pytest.mark.parametrize("index", [0, 1])
def test_what_comes_for_an_item_nobody_heard_of_is_one_fault(event: dict[str, Any], index: int) -> None:
    events = base_events("empty")
    events.insert(2, {**event, "output_index": 0, "content_index": index, "item_id": "msg_1"})
    for number, each in enumerate(events):
        each["sequence_number"] = number
    found = lint(events)
    # The first part of an item, whichever, has the index 0.
    code = "OR407" if index and "part" in event else "OR304"
    assert (found[0].code, found[0].event) == (code, 2)


def test_a_tool_may_have_any_parameters() -> None:
    events = base_events("text")
    tool = {"type": "function", "name": "f", "description": None, "parameters": {"a": 1}, "strict": None}
    for event in events:
        if "response" in event:
            event["response"]["tools"] = [tool]
    assert lint(events) == []


def test_an_item_that_is_exact_but_for_its_status_lacks_it() -> None:
    events = base_events("reasoning")
    at = next(index for index, event in enumerate(events) if event["type"] == "response.output_item.added")
    del events[at]["item"]["status"]
    assert [(finding.code, finding.event, finding.path) for finding in lint(sse(events))] == [
        ("OR201", at, "item.status")
    ]
