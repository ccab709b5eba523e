"""Repair: a valid stream is left alone, a broken one is mended, and nothing that came in is lost."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.lint.examples import BASES, Example, base_events
from penstock.lint.linter import lint
from penstock.lint.repair import Mend, Repairer, repair
from penstock.lint.rule import Rule
from penstock.lint.rules import ALL_RULES
from penstock.lint.rules.content import ArgumentsNotJSON
from penstock.spec import events as e
from penstock.spec.request import CreateResponse
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.writer import ResponseWriter
from penstock.upstream.responses.mender import MAX_WAITING
from penstock.wire.codec import decode_object, encode_plain, load_event, to_plain
from penstock.wire.dialects import UnknownDialectError, dialect_by_name
from penstock.wire.sse import SSEEncoder
from tests.lint.mutations import ALL
from tests.lint.repairing import (
    Event,
    Ids,
    assert_mended,
    codes,
    errors,
    plain,
    repaired,
    repairer,
    sse,
    told,
)
from tests.stream.strategies import Program, programs

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"
ADDED = "response.output_item.added"
DONE = "response.output_item.done"
PART_ADDED = "response.content_part.added"
PART_DONE = "response.content_part.done"
DELTA = "response.output_text.delta"
TEXT_DONE = "response.output_text.done"
COMPLETED = "response.completed"


def mend(events: list[Event], **options: Any) -> tuple[list[Event], list[Mend]]:  # noqa: ANN401 - those of Repairer
    """Mend events, hold what always holds, and return what came out."""
    data = sse(events)
    out, mends = repaired(data, **options)
    assert_mended(data, out)
    return plain(out), mends


def types(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def of(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event["type"] == name]


def texts(event: Event) -> list[str]:
    """All texts in the output of a snapshot."""
    return [
        part.get("text", part.get("refusal", ""))
        for item in event["response"]["output"]
        for key in ("summary", "content")
        for part in item.get(key) or []
    ]


# A valid stream comes out as it went in.


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("queued", [False, True])
def test_a_valid_stream_comes_out_as_it_went_in(base: str, *, queued: bool) -> None:
    data = Example(base=base, queued=queued).data()
    assert repaired(data) == (data, [])


@pytest.mark.parametrize("base", BASES)
def test_a_valid_stream_keeps_its_unknown_fields(base: str) -> None:
    events = base_events(base)
    for holder in _objects(events):
        holder["x_own"] = {"of": ["the", "server", 1.5, None]}
    out, mends = repaired(sse(events))
    assert plain(out) == events
    assert mends == []


def _objects(value: object) -> list[Event]:
    """All objects in JSON data."""
    if isinstance(value, list):
        return [found for entry in value for found in _objects(entry)]
    return [*(found for entry in value.values() for found in _objects(entry)), value] if isinstance(value, dict) else []


@pytest.mark.parametrize("base", BASES)
def test_a_valid_stream_comes_out_as_it_went_in_however_its_json_is_written(base: str) -> None:
    data = b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in base_events(base)
    )
    out, mends = repaired(data + b"data: [DONE]\n\n")
    assert plain(out) == base_events(base)
    assert mends == []
    assert repaired(data + b"data: [DONE]\n\n", *range(0, len(data), 7))[0] == out


@settings(max_examples=150)
@given(programs())
def test_what_the_writer_writes_comes_out_as_it_went_in(program: Program) -> None:
    emitter = ListStreamEmitter()
    counted = Ids()
    program.run(ResponseWriter(emitter, model="m", ids=counted, clock=lambda: 1000.0))
    encoder = SSEEncoder()
    data = b"".join(encoder.encode(event) for event in emitter.events) + encoder.done()
    out, mends = repaired(data)
    assert plain(out) == plain(data)
    assert mends == []


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_a_good_example_is_left_alone(rule: type[Rule]) -> None:
    example = rule.good
    if example.resumed or example.dialect != "openresponses":
        pytest.skip("it is good by another practice")
    data = example.data()
    transport = example.transport if example.transport == "websocket" else None
    request = decode_object(CreateResponse, encode_plain(example.request)) if example.request is not None else None
    out, mends = repaired(data, request=request, transport=transport)
    read: Callable[[bytes], list[Any]] = plain if transport is None else lines
    assert read(out) == read(data)
    assert mends == []


def lines(data: bytes) -> list[Event]:
    return [json.loads(line) for line in data.splitlines()]


# Whatever comes in, what goes out has no error, and repairing it again changes nothing.


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_the_bad_example_of_a_rule_is_mended(rule: type[Rule]) -> None:
    example = rule.bad
    transport = example.transport if example.transport == "websocket" else None
    request = decode_object(CreateResponse, encode_plain(example.request)) if example.request is not None else None
    out, mends = repaired(example.data(), request=request, transport=transport)
    assert errors(out, transport=transport) == []
    assert repaired(out, request=request, transport=transport) == (out, [])
    if rule.mend is not None and rule.code != "OR108":  # the header is the server's to set
        assert rule.code in codes(mends)
        assert rule.name in [mend.name for mend in mends]
        found = lint(out, request=request, transport=transport)
        assert rule.code not in [finding.code for finding in found]


JUNK: list[Any] = [
    None,
    0,
    -1,
    3,
    99,
    "",
    "x",
    "7",
    1.5,
    True,
    [],
    {},
    ["a"],
    {"type": "x"},
    "completed",
    "msg_1",
    2**70,
]


def _sites(value: object) -> list[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [site for key, entry in list(entries) for site in [(value, key), *_sites(entry)]]


def _mutate(rng: random.Random, events: list[Event]) -> None:
    at, to = rng.randrange(len(events)), rng.randrange(len(events))
    match rng.randrange(10):
        case 0 if len(events) > 1:
            del events[at]
        case 1:
            events.insert(to, copy.deepcopy(events[at]))
        case 2 | 3:
            events[at], events[to] = events[to], events[at]
        case 4:
            events[at]["type"] = rng.choice([events[to].get("type"), "x", "response.y.delta", "acme:z", "ping"])
        case 5:
            events[at]["sequence_number"] = rng.choice([0, 5, 99, -1])
        case 6:
            del events[at + 1 :]
        case 7 if sites := _sites(events[at]):
            holder, key = rng.choice(sites)
            holder[key] = copy.deepcopy(rng.choice(JUNK))
        case 8 if sites := _sites(events[at]):
            holder, key = rng.choice(sites)
            del holder[key]
        case _:
            key = rng.choice(["output_index", "content_index", "summary_index", "item_id"])
            value = rng.choice(["msg_1", "rs_1", "fc_1", "zz", ""] if key == "item_id" else [0, 1, 2, 7])
            if key in events[at]:
                events[at][key] = value


def mutated(seed: int) -> tuple[list[Event], bool]:
    """Return a base stream with some things wrong, and whether it has its `[DONE]`."""
    rng = random.Random(seed)
    events = base_events(rng.choice(list(BASES)))
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        _mutate(rng, events)
    return events, rng.random() < 0.8


def _says_completed(event: Event) -> bool:
    response = event.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    return event.get("type") == COMPLETED or status == "completed"


@settings(max_examples=400)
@given(st.integers(0, 2**32))
def test_any_mutation_is_mended_and_no_text_of_it_is_lost(seed: int) -> None:
    events, done = mutated(seed)
    data = sse(events, done=done)
    out, mends = repaired(data)
    assert_mended(data, out)
    after = plain(out)
    assert (after == plain(data)) or mends
    if after[-1]["type"] == COMPLETED:
        assert any(_says_completed(event) for event in events)
    said = json.dumps([event for event in after if event["type"] != COMPLETED], ensure_ascii=False)
    for event in events:
        # Arguments that come after their call is done are the one text that is only reported: a call is not made twice.
        is_late = event.get("type") == "response.function_call_arguments.delta" and "OR306" in codes(mends)
        if isinstance(event.get("delta"), str) and str(event.get("type")).endswith(".delta") and not is_late:
            assert json.dumps(event["delta"], ensure_ascii=False)[1:-1] in _joined(after) + said


def _joined(events: list[Event]) -> str:
    """All texts and arguments that the deltas of a stream say, by where they say it."""
    places: dict[tuple[Any, ...], str] = {}
    for event in events:
        if isinstance(event.get("delta"), str):
            key = (event.get("output_index"), event.get("content_index"), event.get("summary_index"))
            places[key] = places.get(key, "") + event["delta"]
    return json.dumps(list(places.values()), ensure_ascii=False)


@pytest.mark.parametrize(("name", "key"), [("output_item.done", "item"), ("content_part.done", "part")])
@pytest.mark.parametrize("value", [{}, None, "absent"], ids=["empty", "null", "absent"])
def test_a_done_event_that_is_about_nothing_is_told_what_was_streamed(name: str, key: str, value: Any) -> None:  # noqa: ANN401
    events = base_events("text")
    (at,) = (index for index, event in enumerate(events) if event["type"] == f"response.{name}")
    was = events[at].pop(key)
    if value != "absent":
        events[at][key] = value
    after, mends = mend(events)
    assert after[at][key] == was
    assert [(mend.code, mend.event) for mend in mends] == [("OR202" if value is None else "OR201", at)]


def test_content_for_a_finished_item_of_a_stranger_goes_to_another_of_its_kind() -> None:
    item = {"type": "acme:note", "id": "note_1", "status": "completed"}
    events = base_events("empty")
    events[2:2] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "item_id": "note_1",
            "summary_index": 0,
            "delta": "Late.",
        },
    ]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    after, _ = mend(events)
    assert [event["item"]["type"] for event in of(after, ADDED)] == ["acme:note"] * 2
    (delta,) = of(after, "response.reasoning_summary_text.delta")
    assert (delta["output_index"], delta["delta"]) == (1, "Late.")


def test_of_a_stream_that_is_cut_short_what_waits_is_closed_before_what_is_done() -> None:
    item = {"type": "acme:note", "status": "completed"}
    place = {"output_index": 2, "item_id": "note_2", "content_index": 0}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
    events: list[Event] = [
        base_events("empty")[0],
        {"type": "response.output_item.added", "output_index": 0, "item": message},
    ]
    for index in (1, 2):
        begun = {**item, "id": f"note_{index}", "status": "in_progress"}
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        done = {**item, "id": f"note_{index}"}
        events.append({"type": "response.output_item.done", "output_index": index, "item": done})
    events.append({"type": "response.output_text.delta", "delta": "Late.", "logprobs": [], **place})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    after, _ = mend(events)
    assert types(after)[-6:] == [
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.done",
        "error",
        "failed",
    ]


# What never ends.


def endless(*events: Event, times: int = 12) -> bytes:
    """Return events, the last of them many times over."""
    repeated = [*events[:-1], *([events[-1]] * times)]
    return sse([{**event, "sequence_number": number} for number, event in enumerate(repeated)])


def test_of_the_changes_the_first_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.upstream.responses.voice.MAX_MENDS", 5)
    created = base_events("text")[0]
    whole = repairer()
    whole.feed(endless(created))
    assert [mend.code for mend in whole.mends] == ["OR301"] * 5
    assert whole.more == 6
    whole.close()
    assert (len(whole.mends), whole.more) == (5, 7)  # the stream was cut short


def test_changes_are_counted_over_all_responses_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.lint.repair.MAX_MENDS", 3)
    turn = base_events("text")
    turn[4]["obfuscation"] = 5
    connection = repairer(transport="websocket")
    for _ in range(5):
        for event in turn:
            connection.feed(encode_plain(event) + b"\n")
    connection.close()
    assert (codes(connection.mends), connection.more) == (["OR203"] * 3, 2)


def test_names_that_were_told_of_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.lint.repair.MAX_MENDS", 3)
    monkeypatch.setattr("penstock.upstream.responses.voice.MAX_MENDS", 3)
    mending = repairer()
    delta = base_events("text")[4]
    mending.feed(sse(base_events("text")[:4], done=False))
    for number in range(4, 13):
        other = {**delta, "sequence_number": number, "item_id": f"msg_{number}"}
        mending.feed(b"event: name_%d\ndata: %b\n\n" % (number, encode_plain(other)))
    # Of each name that of the frame is told, and that of the item.
    assert (len(mending.mends), mending.more) == (3, 15)


@pytest.mark.parametrize("before", [0, 4], ids=["before the response", "in the response"])
def test_extensions_overtake_an_error_behind_which_too_many_wait(before: int) -> None:
    events = base_events("text")
    error = {"type": "error", "error": {"type": "server_error", "code": None, "message": "no", "param": None}}
    ping = {"type": "acme:ping"}
    data = endless(*events[:before], error, ping, times=MAX_WAITING + 2)
    out, mends = repaired(data)
    assert_mended(data, out)
    after = types(plain(out))
    assert after.count("acme:ping") == MAX_WAITING + 2
    assert after[: after.index("error")].count("acme:ping") == 3
    assert set(codes(mends)) <= {"OR301", "OR606"}


def test_of_too_many_errors_the_last_counts() -> None:
    events = base_events("text")[:4]
    errors = [
        {"type": "error", "error": {"type": "server_error", "code": None, "message": f"no {number}", "param": None}}
        for number in range(MAX_WAITING + 2)
    ]
    data = sse([{**event, "sequence_number": number} for number, event in enumerate([*events, *errors])])
    out, mends = repaired(data)
    assert_mended(data, out)
    assert types(plain(out)).count("error") == MAX_WAITING
    assert plain(out)[-1]["response"]["error"]["message"] == f"no {MAX_WAITING + 1}"
    assert [mend.message for mend in mends if "others" in mend.message] == [
        "of more than 1000 errors the others were left out"
    ]


# A stream that is cut short.


@pytest.mark.parametrize("base", ["text", "reasoning", "two_calls", "failed", "incomplete"])
def test_a_stream_that_is_cut_ends_as_failed(base: str) -> None:
    data = Example(base=base).data()
    terminal = data.rindex(b"event: response.")
    for cut in [
        *range(0, len(data), 1 if ALL else 7),
        *(at for at in range(len(data)) if data.startswith(b"\n\nevent", at)),
    ]:
        out, _ = repaired(data[:cut])
        assert errors(out) == []
        ends = plain(out)[-1]["type"]
        whole = data[: cut + 2].endswith(b"\n\n") and cut + 2 > terminal + 20
        assert ends == "response.failed" or cut > terminal, cut
        if not whole and cut < terminal:
            assert b"response.completed" not in out


def test_a_stream_that_is_cut_says_so_in_an_error_event() -> None:
    events = base_events("text")[:5]
    after, mends = mend(events)
    assert after[:5] == events
    assert types(after[5:]) == ["error", "failed"]
    assert after[5]["error"]["code"] == "upstream_interrupted"
    assert after[6]["response"]["error"]["code"] == "upstream_interrupted"
    assert texts(after[6]) == ["Hello"]
    assert codes(mends) == ["OR601"]


def test_a_stream_that_ends_after_an_error_fails_with_that_error() -> None:
    after, mends = mend(base_events("failed")[:-1])
    assert types(after)[-2:] == ["error", "failed"]
    assert after[-1]["response"]["error"] == {"code": "pump_broken", "message": "The pump broke."}
    assert codes(mends) == ["OR606"]


@pytest.mark.parametrize("data", [b"", b" \n", b"nonsense", b": ping\n\n", b"\xff\xfe", b"[1,2", b'{"type"', b"null"])
def test_bytes_that_are_no_stream_become_one_that_failed(data: bytes) -> None:
    out, mends = repaired(data)
    assert b"response.failed" in out
    assert errors(out) == []
    assert "OR601" in codes(mends)


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from(["", "data: ", "{", "[", "event: x\ndata: {}\n\n"]))
def test_any_bytes_are_survived(data: bytes, head: str) -> None:
    out, _ = repaired(head.encode() + data)
    assert errors(out) == []


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 12_000), max_size=8), st.integers(0, 255))
def test_damaged_bytes_are_mended_however_they_are_cut(seed: int, cuts: list[int], byte: int) -> None:
    events, done = mutated(seed)
    data = bytearray(sse(events, done=done))
    if seed % 2:
        data[seed % len(data)] = byte
    whole = bytes(data)
    out, mends = repaired(whole)
    assert errors(out) == []
    assert repaired(out) == (out, [])
    assert repaired(whole, *(cut for cut in cuts if cut <= len(whole))) == (out, mends)


@pytest.mark.parametrize("base", ["annotated", "two_calls"])
def test_a_stream_fed_byte_by_byte_is_mended_as_in_one_piece(base: str) -> None:
    data = Example(base=base).data().replace(b"\n", b"\r\n", 40).replace(b"chart", "ch\u00e4rt".encode())
    assert repaired(data, *range(len(data))) == repaired(data)


# Online: what can be said is said at once; what waits is documented.


@pytest.mark.parametrize("base", BASES)
def test_an_event_leaves_before_the_next_is_fed(base: str) -> None:
    mending = repairer()
    events = base_events(base)
    held = ("response.completed", "response.incomplete", "response.failed", "error")
    for event in events:
        out = mending.feed(sse([event], done=False))
        cut = event["type"] == DONE and event["item"]["status"] == "incomplete"
        assert plain(out) == ([] if event["type"] in held or cut else [event])
    rest = mending.feed(b"data: [DONE]\n\n")
    assert plain(rest)[-1] == events[-1]
    assert mending.close() == b""


def feed(mending: Repairer, *events: Event) -> list[Event]:
    return [out for event in events for out in plain(mending.feed(sse([event], done=False)))]


def test_the_terminal_event_waits_for_done_or_the_end() -> None:
    *before, terminal = base_events("text")
    mending = repairer()
    feed(mending, *before)
    assert feed(mending, terminal) == []
    assert plain(mending.close()) == [terminal]
    assert codes(mending.mends) == ["OR104"]


def test_extension_events_may_come_before_the_first_event() -> None:
    events = base_events("extension")
    events.insert(0, events.pop(2))
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert repaired(sse(events)) == (sse(events), [])


@pytest.mark.parametrize(
    ("base", "name", "path", "code"),
    [
        ("text", "output_text.done", ("text",), "OR501"),
        ("text", "content_part.done", ("part", "text"), "OR502"),
        ("refusal", "content_part.done", ("part", "refusal"), "OR502"),
        ("reasoning", "reasoning_summary_part.done", ("part", "text"), "OR502"),
        ("call", "function_call_arguments.done", ("arguments",), "OR501"),
        ("call", "output_item.done", ("item", "arguments"), "OR503"),
    ],
)
def test_an_empty_text_where_there_was_one_is_told_of(base: str, name: str, path: tuple[str, ...], code: str) -> None:
    events = base_events(base)
    at = next(index for index, event in enumerate(events) if event["type"] == f"response.{name}")
    valid = copy.deepcopy(events)
    holder = events[at]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = ""
    after, mends = mend(events)
    assert after == valid
    assert [(mend.code, mend.event) for mend in mends] == [(code, at)]


def test_an_error_after_the_terminal_event_is_put_before_it() -> None:
    events = base_events("failed")
    *_, error, failed = valid = copy.deepcopy(events)
    events[-2:] = [failed | {"sequence_number": len(events) - 2}, error | {"sequence_number": len(events) - 1}]
    after, mends = mend(events)
    assert after == valid
    assert [(mend.code, mend.event) for mend in mends] == [("OR303", len(events) - 1)]


def test_a_call_without_its_name_waits_for_it() -> None:
    events = base_events("call")
    added = events.pop(2)
    mending = repairer()
    feed(mending, *events[:2])
    assert feed(mending, *events[2:5]) == []  # two deltas, and their done event
    out = feed(mending, events[5])
    assert types(out) == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert out[0]["item"] == added["item"]
    assert out[1]["delta"] == '{"gate":"north"}'


def test_a_call_that_was_added_without_its_call_id_waits_for_it() -> None:
    events = base_events("call")
    del events[2]["item"]["call_id"]
    after, mends = mend(events)
    assert of(after, ADDED)[0]["item"]["call_id"] == "call_1"
    assert codes(mends)[:2] == ["OR201", "OR201"]


def test_half_a_surrogate_pair_waits_for_the_other_half() -> None:
    events = base_events("text")
    events[4]["delta"], events[5]["delta"] = "Hello\ud83d", "\ude00 world"
    for event in events[7:]:
        event.update(json.loads(json.dumps(event).replace("Hello world.", "Hello\\ud83d\\ude00 world.")))
    mending = repairer()
    feed(mending, *events[:4])
    assert feed(mending, events[4])[0]["delta"] == "Hello"
    assert feed(mending, events[5])[0]["delta"] == "\U0001f600 world"
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello\U0001f600 world."]
    assert set(codes(mends)) == {"OR110"}


def test_half_a_surrogate_pair_that_stays_alone_is_replaced() -> None:
    events = base_events("text")
    events[6]["delta"] = ".\ud83d"
    events = [event for event in events if event["type"] not in (TEXT_DONE, PART_DONE, DONE)]
    del events[-1]["response"]["output"]
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world.\ufffd"]
    assert "OR110" in codes(mends)


def test_half_a_pair_in_arguments_is_treated_likewise() -> None:
    events = base_events("call")
    events[3]["delta"], events[4]["delta"] = '{"gate":"\ud83d', '\ude00"}\ud83d'
    after, _ = mend([*events[:5], {**events[-1], "response": {**events[-1]["response"], "output": []}}])
    assert "".join(event["delta"] for event in of(after, "response.function_call_arguments.delta")) == (
        '{"gate":"\U0001f600"}\ufffd'
    )


def test_a_half_that_the_done_event_completes_is_not_replaced() -> None:
    events = base_events("text")
    events[6]["delta"] = ".\ud83d"
    whole = json.dumps(events[7:]).replace("Hello world.", "Hello world.\\ud83d\\ude00")
    after, _ = mend([*events[:7], *json.loads(whole)])
    assert texts(after[-1]) == ["Hello world.\U0001f600"]


def test_deltas_that_repeat_what_was_added_are_held_until_they_differ() -> None:
    events = base_events("text")
    events[3]["part"]["text"] = "Hello"
    mending = repairer()
    out = feed(mending, *events[:4])
    assert types(out)[-2:] == ["content_part.added", "output_text.delta"]
    assert feed(mending, events[4]) == []
    assert feed(mending, events[5])[0]["delta"] == " world"
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world."]
    assert "OR504" in codes(mends)


def test_deltas_that_go_on_from_what_was_added_are_not_taken_for_its_repetition() -> None:
    for deltas, want in ((["H", "i"], "HelHi"), (["Hello"], "Hello"), (["H", "ello"], "Hello")):
        events = base_events("text")
        events[3]["part"]["text"] = "Hel"
        said = [{**events[4], "delta": delta} for delta in deltas]
        after, _ = mend([*events[:4], *said])
        assert "".join(event["delta"] for event in of(after, DELTA)) == want


@pytest.mark.parametrize("end", ["told", "untold"])
def test_deltas_that_began_to_repeat_are_settled_by_the_done_event(end: str) -> None:
    events = base_events("text")
    events[3]["part"]["text"] = "abab"
    events[4]["delta"] = "ab"
    del events[5:7]
    events = events[:6]
    events[5]["text"] = "ababab" if end == "told" else "abab"
    after, _ = mend(events)
    assert texts(after[-1]) == [events[5]["text"]]


def test_held_deltas_are_sent_where_the_stream_ends() -> None:
    events = base_events("text")
    events[3]["part"]["text"] = "abab"
    events[4]["delta"] = "ab"
    after, _ = mend(events[:5])
    assert texts(after[-1]) == ["ababab"]


def test_arguments_that_repeat_what_was_added_are_left_out() -> None:
    events = base_events("call")
    events[2]["item"]["arguments"] = '{"gate":'
    after, mends = mend(events)
    assert "".join(event["delta"] for event in of(after, "response.function_call_arguments.delta")) == (
        '{"gate":"north"}'
    )
    assert of(after, ADDED)[0]["item"]["arguments"] == ""
    assert "OR504" in codes(mends)


def test_arguments_that_began_to_repeat_are_sent_at_the_end() -> None:
    events = base_events("call")
    events[2]["item"]["arguments"] = '{"gate":1}'
    events[3]["delta"] = '{"ga'
    after, _ = mend(events[:4])
    assert "".join(event["delta"] for event in of(after, "response.function_call_arguments.delta")) == '{"gate":1}{"ga'


@pytest.mark.parametrize(
    ("told_arguments", "said"),
    [
        ('{"a":{"a', '{"a":{"a'),  # they were genuine
        ('{"a":', '{"a":'),  # they were a repetition
        ('{"a":7}', '{"a":7}'),
        ("other", '{"a":{"a'),
        ("", '{"a":{"a'),
    ],
)
def test_arguments_that_began_to_repeat_are_settled_by_their_done_event(told_arguments: str, said: str) -> None:
    events = base_events("call")
    events[2]["item"]["arguments"] = '{"a":'
    events[3]["delta"] = '{"a'
    events[5]["arguments"] = told_arguments
    after, _ = mend([*events[:4], events[5]])
    assert "".join(event["delta"] for event in of(after, "response.function_call_arguments.delta")) == said


@pytest.mark.parametrize(("told_text", "said"), [("other", "ababab"), ("abab!", "abab!"), ("", "ababab")])
def test_text_that_began_to_repeat_is_settled_by_its_done_event(told_text: str, said: str) -> None:
    events = base_events("text")
    events[3]["part"]["text"] = "abab"
    events[4]["delta"] = "ab"
    events[7]["text"] = told_text
    after, _ = mend([*events[:5], events[7]])
    assert texts(after[-1]) == [said]


def test_half_a_pair_that_the_done_event_does_not_tell_is_left_out() -> None:
    events = base_events("call")
    events[4]["delta"] += "\ud83d"
    after, _ = mend(events)
    assert after[-1]["response"]["output"][0]["arguments"] == '{"gate":"north"}'
    events = base_events("text")
    events[6]["delta"] += "\ud83d"
    after, _ = mend(events)
    assert texts(after[-1]) == ["Hello world."]


@pytest.mark.parametrize(("name", "base"), [("arguments", "call"), ("text", "text")])
def test_half_a_pair_is_replaced_where_the_done_event_tells_nothing(name: str, base: str) -> None:
    events = base_events(base)
    deltas = [event for event in events if event["type"].endswith(".delta")]
    deltas[-1]["delta"] += "\ud83d"
    done = events[events.index(deltas[-1]) + 1]
    done[name] = None
    after, _ = mend(events[: events.index(done) + 1])
    assert "".join(event["delta"] for event in after if event["type"].endswith(".delta")).endswith("\ufffd")


def test_done_events_keep_the_order_of_their_items() -> None:
    events = base_events("two_calls")
    at = [index for index, event in enumerate(events) if event["type"] == DONE]
    events[at[0]], events[at[1]] = events[at[1]], events[at[0]]
    mending = repairer()
    feed(mending, *events[: at[0]])
    assert DONE not in [event["type"] for event in feed(mending, events[at[0]])]
    after, mends = mend(events)
    assert [event["output_index"] for event in of(after, DONE)] == [0, 1]
    assert "OR312" in codes(mends)


def test_an_incomplete_item_waits_for_the_next_to_be_the_last() -> None:
    events = base_events("two_messages")
    done = of(events, DONE)[0]
    done["item"]["status"] = "incomplete"
    mending = repairer()
    out = feed(mending, *events[: events.index(done) + 1], {"type": "acme:x", "sequence_number": 8})
    assert DONE not in [event["type"] for event in out]
    out = feed(mending, events[events.index(done) + 1])
    assert types(out) == ["output_item.done", "acme:x", "output_item.added"]
    assert out[0]["item"]["status"] == "completed"
    after, mends = mend(events)
    assert after[-1]["type"] == COMPLETED
    assert "OR605" in codes(mends)


def test_a_completed_response_whose_last_item_is_incomplete_is_incomplete() -> None:
    events = base_events("text")
    of(events, DONE)[0]["item"]["status"] = "incomplete"
    after, _ = mend(events)
    assert after[-1]["type"] == "response.incomplete"
    assert after[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert after[-1]["response"]["completed_at"] is None


# What VT Code does (and whoever writes streams as it does).


def vtcode(*events: Event) -> list[Event]:
    return [{**event, "response_id": "r1"} if "response" not in event else event for event in events]


def test_text_that_arrives_with_completion_is_streamed_before_it() -> None:
    events = [event for event in base_events("text") if event["type"] != DELTA]
    after, mends = mend(events)
    assert [event["delta"] for event in of(after, DELTA)] == ["Hello world."]
    assert types(after).index("output_text.delta") < types(after).index("output_text.done")
    assert "OR314" in codes(mends)


def test_reasoning_that_is_done_without_having_been_added_is_added() -> None:
    events = base_events("reasoning")
    events = [event for event in events if event["type"] not in (PART_ADDED, "response.reasoning.delta")]
    after, mends = mend(events)
    assert [event["delta"] for event in of(after, "response.reasoning.delta")] == ["The gate is shut."]
    assert {"OR305", "OR314"} <= set(codes(mends))


def test_reasoning_without_a_content_index_is_read() -> None:
    events = base_events("reasoning")
    for event in events:
        if event["type"].startswith("response.reasoning."):
            del event["content_index"]
    item = of(events, DONE)[0]["item"]
    item["content"], item["summary"] = "The gate is shut.", "Looked at the gate."
    after, mends = mend(vtcode(*events))
    assert [event["delta"] for event in of(after, "response.reasoning.delta")] == ["The gate", " is shut."]
    assert all("response_id" not in event for event in after)
    assert "OR804" in codes(mends)


def test_a_second_turn_after_the_end_is_told_as_more_of_the_first() -> None:
    first, second = base_events("text"), json.loads(json.dumps(base_events("text")).replace("_1", "_2"))
    for event in second:
        event["sequence_number"] += len(first)
    after, mends = mend([*first, *second])
    assert texts(after[-1]) == ["Hello world.", "Hello world."]
    assert after[-1]["type"] == COMPLETED
    assert len(of(after, "response.created")) == 1
    assert "OR303" in codes(mends)


def test_a_second_turn_that_is_cut_short_fails() -> None:
    first, second = base_events("text"), base_events("text")[:5]
    after, _ = mend([*first, *second])
    assert after[-1]["type"] == "response.failed"


def test_orphan_events_of_filtered_items_and_gaps_in_the_index_are_mended() -> None:
    events = base_events("two_messages")
    events = [event for event in events if not (event["type"] in (ADDED, DONE) and event["output_index"] == 0)]
    after, mends = mend(events)
    assert texts(after[-1]) == ["Let me see.", "It is open."]
    assert [event["output_index"] for event in of(after, ADDED)] == [0, 1]
    assert "OR304" in codes(mends)


def test_a_gap_in_the_index_is_closed() -> None:
    events = base_events("two_messages")
    for event in events:
        if event.get("output_index") == 1:
            event["output_index"] = 5
    after, mends = mend(events)
    assert [event["output_index"] for event in of(after, ADDED)] == [0, 1]
    assert "OR406" in codes(mends)


def test_custom_events_are_written_as_extension_events() -> None:
    custom = {"type": "response.custom_event", "event_type": "vtcode.turn", "sequence_number": 2, "data": {"n": 1}}
    events = base_events("text")
    events.insert(2, {**custom, "response_id": "r1"})
    after, mends = mend(events)
    assert of(after, "vtcode:turn")[0]["n"] == 1
    assert "OR804" in codes(mends)


# The response.


def test_a_stream_without_created_is_given_it_from_what_comes_first() -> None:
    after, _ = mend(base_events("text")[1:])
    assert types(after)[:2] == ["created", "in_progress"]
    assert after[0]["response"]["id"] == "resp_1"


def test_a_stream_that_begins_with_output_is_given_a_response() -> None:
    after, mends = mend(base_events("text")[2:-1])
    assert after[0]["response"]["id"] == "resp_new1"
    assert after[0]["response"]["created_at"] == 1_777_000_009
    assert codes(mends)[0] == "OR402"


def test_what_the_request_asked_for_is_in_a_response_that_was_made_up() -> None:
    request = CreateResponse(model="big", temperature=0.5)
    after, _ = mend(base_events("text")[2:-1], request=request)
    assert (after[0]["response"]["model"], after[0]["response"]["temperature"]) == ("big", 0.5)


@pytest.mark.parametrize("name", ["response.queued", "response.completed"])
def test_a_stream_that_begins_elsewhere_is_given_its_beginning(name: str) -> None:
    events = base_events("text", queued=True)[1:] if name == "response.queued" else base_events("text")[-1:]
    after, _ = mend(events)
    assert after[0]["type"] == "response.created"
    assert after[-1]["type"] == COMPLETED
    assert texts(after[-1]) == ["Hello world."]


def test_a_queued_response_goes_on_through_in_progress() -> None:
    events = [event for event in base_events("text", queued=True) if event["type"] != "response.in_progress"]
    after, mends = mend(events)
    assert types(after)[:3] == ["created", "queued", "in_progress"]
    assert "OR302" in codes(mends)


@pytest.mark.parametrize("name", ["failed", "completed", "incomplete"])
def test_the_output_of_a_queued_response_that_only_its_end_tells_of_is_told_in_progress(name: str) -> None:
    created, queued, *_, terminal = base_events("text", queued=True)
    terminal["type"], terminal["response"]["status"] = f"response.{name}", name
    out, _ = repaired(sse([created, queued, terminal]))
    assert errors(out) == []
    assert texts(plain(out)[-1]) == ["Hello world."]
    assert types(plain(out))[:4] == ["created", "queued", "in_progress", "output_item.added"]
    assert repaired(out) == (out, [])


def test_an_integer_that_is_written_as_a_fraction_is_one() -> None:
    events = base_events("text")
    events[-1]["response"]["completed_at"] = float(events[-1]["response"]["completed_at"])
    del events[-1]["response"]["tools"]
    after, mends = mend(events)
    assert codes(mends) == ["OR201"]
    assert type(after[-1]["response"]["completed_at"]) is int


def test_a_response_without_an_id_or_a_time_is_given_them() -> None:
    events = base_events("text")
    for event in events:
        if "response" in event:
            del event["response"]["id"], event["response"]["created_at"]
    after, mends = mend(events)
    assert after[0]["response"]["id"] == "resp_new1" == after[-1]["response"]["id"]
    assert after[0]["response"]["created_at"] == 1_777_000_009
    assert "OR201" in codes(mends)


def test_an_empty_id_is_replaced() -> None:
    events = json.loads(json.dumps(base_events("text")).replace('"resp_1"', '""').replace('"msg_1"', '""'))
    after, mends = mend(events)
    assert (after[0]["response"]["id"], of(after, ADDED)[0]["item"]["id"]) == ("resp_new1", "msg_new1")
    assert "OR409" in codes(mends)


def test_the_first_id_time_and_model_stand() -> None:
    events = base_events("text")
    events[-1]["response"].update(id="other", model="other", created_at=1)
    after, mends = mend(events)
    assert {(event["response"]["id"], event["response"]["model"]) for event in after if "response" in event} == {
        ("resp_1", "example-model")
    }
    assert codes(mends) == ["OR403"] * 3


def test_of_two_terminal_events_the_one_that_promises_less_counts() -> None:
    events = base_events("text")
    failed = base_events("failed")[-1]
    for pair in ([events[-1], failed], [failed, events[-1]]):
        after, mends = mend([*events[:-1], *pair])
        assert after[-1]["type"] == "response.failed"
        assert "OR303" in codes(mends)


def test_an_error_before_completion_makes_it_a_failure() -> None:
    events = base_events("text")
    events.insert(5, base_events("failed")[-2])
    after, mends = mend(events)
    assert types(after)[-2:] == ["error", "failed"]
    assert texts(after[-1]) == ["Hello world."]
    assert {"OR606"} <= set(codes(mends))


def test_an_extension_event_after_an_error_keeps_its_place() -> None:
    events = base_events("failed")
    events.insert(-1, {"type": "acme:x", "sequence_number": 6})
    events[-1]["sequence_number"] = 7
    assert mend(events) == (events, [])


def test_a_failure_without_a_word_says_so() -> None:
    events = base_events("failed")
    del events[-2]
    events[-1]["response"]["error"] = None
    after, _ = mend(events)
    assert after[-1]["response"]["error"]["code"] == "server_error"


def test_an_incomplete_response_says_why() -> None:
    events = base_events("incomplete")
    events[-1]["response"].update(incomplete_details=None, error={"code": "x", "message": "y"})
    after, mends = mend(events)
    assert after[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert after[-1]["response"]["error"] is None
    assert codes(mends) == ["OR607"] * 2


def test_figures_below_nothing_are_nothing() -> None:
    events = base_events("text")
    events[-1]["response"]["usage"]["input_tokens"] = -4
    after, mends = mend(events)
    assert after[-1]["response"]["usage"]["total_tokens"] == 4
    assert codes(mends) == ["OR608"]


def test_a_delta_in_the_frame_of_another_is_told_of_however_quickly_it_passes() -> None:
    events = base_events("reasoning")
    data = sse([event for event in events if event["type"] != "response.reasoning_summary_part.added"])
    out, mends = repaired(data)
    assert plain(out) == events
    assert codes(mends)[0] == "OR402"
    summary = b"event: response.reasoning_summary_text.delta\n"
    at = data.index(summary, data.index(summary) + 1)
    data = data[:at] + data[at:].replace(summary, b"event: response.reasoning.delta\n", 1)
    for cuts in ((), (at,)):
        out, mends = repaired(data, *cuts)
        assert plain(out) == events
        assert "OR101" in codes(mends)


def test_the_open_item_of_an_incomplete_response_is_incomplete() -> None:
    events = [event for event in base_events("incomplete") if event["type"] != DONE]
    events[-1]["response"]["output"] = []
    after, mends = mend(events)
    assert of(after, DONE)[0]["item"]["status"] == "incomplete"
    assert "OR309" in codes(mends)


def test_usage_is_put_right() -> None:
    events = base_events("text")
    usage = events[-1]["response"]["usage"]
    usage["input_tokens_details"]["cached_tokens"] = usage["output_tokens_details"]["reasoning_tokens"] = 99
    usage["total_tokens"] = 0
    after, mends = mend(events)
    assert after[-1]["response"]["usage"] == {
        "input_tokens": 9,
        "output_tokens": 4,
        "total_tokens": 13,
        "input_tokens_details": {"cached_tokens": 9},
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    assert codes(mends) == ["OR608"]


def test_what_completed_holds_beside_its_place_is_left_out() -> None:
    events = base_events("text")
    events[-1]["response"]["error"] = {"code": "x", "message": "y"}
    events[-1]["response"]["incomplete_details"] = {"reason": "z"}
    events[-1]["response"]["completed_at"] = None
    after, _ = mend(events)
    response = after[-1]["response"]
    assert (response["error"], response["incomplete_details"]) == (None, None)
    assert response["completed_at"] == 1_777_000_009


# Items and parts.


def test_ids_that_change_in_the_terminal_event_are_those_that_were_streamed() -> None:
    events = base_events("reasoning")
    for index, item in enumerate(events[-1]["response"]["output"]):
        item["id"] = f"x_{index}"
    after, mends = mend(events)
    assert [item["id"] for item in after[-1]["response"]["output"]] == ["rs_1", "msg_1"]
    assert codes(mends) == ["OR603"]


def test_two_calls_under_one_index_stay_two() -> None:
    events = base_events("two_calls")
    for event in events:
        if "output_index" in event:
            event["output_index"] = 0
    after, mends = mend(events)
    assert [item["arguments"] for item in after[-1]["response"]["output"]] == ['{"gate":"north"}', '{"pipe":2}']
    assert "OR406" in codes(mends)


def test_extension_events_follow_the_items_they_name() -> None:
    events = base_events("two_messages")
    for event in events:
        if event.get("output_index") == 1:
            event["output_index"] = 4
    events.insert(-2, {"type": "acme:x", "sequence_number": 0, "output_index": 4, "item_id": "msg_2"})
    after, _ = mend(events)
    assert of(after, "acme:x")[0]["output_index"] == 1


def test_two_calls_with_one_call_id_get_two() -> None:
    events = json.loads(json.dumps(base_events("two_calls")).replace("call_2", "call_1"))
    after, mends = mend(events)
    assert [item["call_id"] for item in after[-1]["response"]["output"]] == ["call_1", "call_new1"]
    assert "OR408" in codes(mends)


def test_an_unknown_delta_to_a_known_item_is_its_text() -> None:
    for base, field in (("text", "output_text"), ("call", "function_call_arguments"), ("reasoning", "reasoning")):
        events = base_events(base)
        for event in events:
            if event["type"] == f"response.{field}.delta":
                event["type"] = "response.stuff.delta"
        after, mends = mend(events)
        assert after == base_events(base)
        assert "OR205" in codes(mends)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("text", TEXT_DONE),
        ("refusal", "response.refusal.done"),
        ("call", "response.function_call_arguments.done"),
        ("reasoning", "response.reasoning_summary_text.done"),
        ("text", ADDED),
        ("text", DONE),
        ("text", PART_ADDED),
        ("reasoning", "response.reasoning_summary_part.done"),
        ("text", COMPLETED),
    ],
)
def test_an_event_of_an_unknown_name_is_known_by_what_it_holds(base: str, name: str) -> None:
    events = base_events(base)
    for event in events:
        if event["type"] == name:
            event["type"] = f"response.new_{name.rpartition('.')[2]}"
    after, mends = mend(events)
    assert after == base_events(base)
    assert set(codes(mends)) == {"OR205"}


def test_an_event_without_a_type_is_known_by_its_frame_or_by_what_it_holds() -> None:
    data = Example(base="text").data()
    out, mends = repaired(data.replace(b'"type":"response.output_text.delta",', b""))
    assert plain(out) == base_events("text")
    assert codes(mends) == ["OR201"] * 3
    out, mends = repaired(
        data.replace(b"event: response.output_text.delta\n", b"").replace(b'"type":"response.output_text.delta",', b"")
    )
    assert plain(out) == base_events("text")


def test_an_event_nothing_can_be_made_of_is_left_out() -> None:
    events = base_events("text")
    events.insert(2, {"sequence_number": 2, "thing": 1})
    after, mends = mend(events)
    assert len(after) == len(events) - 1
    assert "OR201" in codes(mends)


@pytest.mark.parametrize("key", ["item", "part", "annotation"])
def test_an_event_without_what_it_is_about_is_made_up_for(key: str) -> None:
    nothing: list[Any] = [None, 7, {}]
    for value in nothing:
        events = base_events("annotated")
        for event in events:
            if key in event:
                event[key] = value
        after, mends = mend(events)
        assert texts(after[-1]) == ["See the chart."]
        assert mends


def test_text_told_by_the_item_alone_is_streamed() -> None:
    events = base_events("two_parts")
    events = [event for event in events if "content_index" not in event]
    after, mends = mend(events)
    assert [event["delta"] for event in of(after, DELTA)] == ["First.", "Second."]
    assert "OR314" in codes(mends)


def test_text_told_by_the_terminal_event_alone_is_streamed() -> None:
    events = base_events("reasoning")
    after, mends = mend([*events[:2], events[-1]])
    assert texts(after[-1]) == ["Looked at the gate.", "The gate is shut.", "It is shut."]
    assert {"OR603"} <= set(codes(mends))


def test_what_was_shown_wins_where_two_sources_disagree() -> None:
    events = base_events("text")
    for event in events[7:]:
        event.update(json.loads(json.dumps(event).replace("Hello world.", "Goodbye.")))
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world."]
    assert "OR501" in codes(mends)


def test_text_told_after_an_item_is_done_is_put_into_another() -> None:
    events = base_events("text")
    events[-1]["response"]["output"][0]["content"][0]["text"] = "Hello world. And more."
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world.", " And more."]
    assert "OR603" in codes(mends)


def test_a_delta_after_its_done_event_that_was_told_there_is_left_out() -> None:
    events = base_events("text")
    events[6], events[7] = events[7], events[6]
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world."]
    assert "OR306" in codes(mends)


def test_a_delta_after_its_item_is_done_begins_another() -> None:
    events = base_events("text")
    events.insert(-1, {**events[4], "delta": "More."})
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world.", "More."]
    assert "OR306" in codes(mends)


def test_arguments_after_a_call_is_done_do_not_make_another() -> None:
    events = base_events("call")
    events.insert(-1, {**events[3], "delta": "more"})
    events.insert(-1, {**events[5], "arguments": "other"})
    after, mends = mend(events)
    assert [item["arguments"] for item in after[-1]["response"]["output"]] == ['{"gate":"north"}']
    assert {"OR306", "OR310"} <= set(codes(mends))


def test_a_part_told_for_a_finished_item_begins_another() -> None:
    events = base_events("text")
    part = {"type": "output_text", "text": "", "annotations": []}
    events.insert(-1, {**events[3], "content_index": 1, "part": part})
    done = {**events[8], "content_index": 2, "part": {**part, "text": "More."}}
    events.insert(-1, done)
    after, _ = mend(events)
    assert "More." in texts(after[-1])


def test_an_annotation_of_a_finished_part_is_left_out() -> None:
    events = base_events("annotated")
    at = types(events).index("output_text.annotation.added")
    events.insert(at + 3, events.pop(at))
    after, mends = mend(events)
    assert "OR306" in codes(mends)
    assert of(after, "response.output_text.annotation.added") == []


def test_annotations_told_and_not_streamed_are_streamed() -> None:
    events = base_events("annotated")
    extra = {**of(events, "response.output_text.annotation.added")[0]["annotation"], "title": "Another"}
    of(events, PART_DONE)[0]["part"]["annotations"].append(extra)
    of(events, DONE)[0]["item"]["content"][0]["annotations"].append(extra)
    after, mends = mend(events)
    assert [event["annotation_index"] for event in of(after, "response.output_text.annotation.added")] == [0, 1]
    assert len(after[-1]["response"]["output"][0]["content"][0]["annotations"]) == 2
    assert "OR502" in codes(mends)


def test_an_annotation_of_a_part_that_was_not_added_opens_it() -> None:
    events = [event for event in base_events("annotated") if event["type"] not in (PART_ADDED, DELTA)]
    after, _ = mend(events)
    assert texts(after[-1]) == ["See the chart."]


def test_log_probabilities_are_those_that_were_streamed() -> None:
    events = base_events("logprobs")
    for event in (
        of(events, TEXT_DONE)[0],
        of(events, PART_DONE)[0]["part"],
        of(events, DONE)[0]["item"]["content"][0],
    ):
        event["logprobs"] = copy.deepcopy(event["logprobs"])
        event["logprobs"][0]["token"] = "No"
    after, mends = mend(events)
    assert after[:-1] == base_events("logprobs")[:-1]
    assert {"OR501", "OR502"} <= set(codes(mends))


def test_a_part_of_a_done_event_that_was_put_in_has_the_log_probabilities() -> None:
    events = [event for event in base_events("logprobs") if event["type"] not in (TEXT_DONE, PART_DONE)]
    after, _ = mend(events)
    assert after == base_events("logprobs")


def test_whole_parts_pass_and_those_that_only_the_item_tells_are_sent() -> None:
    image = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}
    events = base_events("text")
    of(events, DONE)[0]["item"]["content"].insert(0, image)
    del events[-1]["response"]["output"]
    after, _ = mend(events)
    content = after[-1]["response"]["output"][0]["content"]
    assert "Hello world." in texts(after[-1])
    assert len(content) >= 1


def test_a_part_of_a_strangers_own_may_be_streamed() -> None:
    events = base_events("text")
    part = {"type": "acme:rich", "text": ""}
    events[3]["part"] = part
    for event in events[7:]:
        event.update(json.loads(json.dumps(event).replace('"type": "output_text"', '"type": "acme:rich"')))
    after, mends = mend(events)
    assert after == events
    assert mends == []
    del events[4:7]
    events[4:5] = []
    after, mends = mend(events)
    assert texts(after[-1]) == ["Hello world."]


def test_a_message_keeps_the_role_it_began_with() -> None:
    events = base_events("text")
    of(events, DONE)[0]["item"]["role"] = "user"
    after, mends = mend(events)
    assert of(after, DONE)[0]["item"]["role"] == "assistant"
    assert "OR503" in codes(mends)


def test_an_item_that_is_done_as_another_kind_stays_what_it_is() -> None:
    events = base_events("text")
    of(events, DONE)[0]["item"] = {"type": "compaction", "id": "msg_1", "encrypted_content": "", "status": "completed"}
    after, mends = mend(events)
    assert of(after, DONE)[0]["item"]["type"] == "message"
    assert "OR503" in codes(mends)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA", "status": "completed"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "7", "status": "completed"},
        {"type": "acme:thing", "id": "x_1", "status": "completed", "own": [1]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "status": "completed"},
    ],
    ids=lambda item: item["type"],
)
def test_an_item_that_is_only_done_is_added(item: Event) -> None:
    events = base_events("empty")
    events.insert(2, {"type": DONE, "sequence_number": 2, "output_index": 0, "item": item})
    after, mends = mend(events)
    assert of(after, ADDED)[0]["item"]["status"] == "in_progress"
    kept = after[-1]["response"]["output"][0]
    assert {key: value for key, value in kept.items() if key != "type"} == {
        key: value for key, value in item.items() if key != "type"
    }
    assert "OR304" in codes(mends)
    events[-1]["response"]["output"] = [item]
    again, _ = mend([*events[:2], events[-1]])
    assert types(again)[2:4] == [
        "output_item.added",
        *(["function_call_arguments.delta"] if "name" in item else ["output_item.done"]),
    ]


def test_an_extension_item_keeps_its_id_through_its_events() -> None:
    item = {"type": "acme:thing", "id": "msg_1", "status": "in_progress"}
    events = base_events("text")
    events[9:9] = []
    at = types(events).index("output_item.done") + 1
    events[at:at] = [
        {"type": ADDED, "sequence_number": 0, "output_index": 1, "item": item},
        {"type": DONE, "sequence_number": 0, "output_index": 1, "item": {**item, "status": "completed"}},
    ]
    events[-1]["response"]["output"].append({**item, "status": "in_progress"})
    after, mends = mend(events)
    assert [event["item"]["id"] for event in of(after, DONE)] == ["msg_1", "item_new1"]
    assert "OR405" in codes(mends)


def test_hosted_tools_get_their_slug() -> None:
    events = base_events("text")
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    events[2:2] = [
        {"type": ADDED, "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.web_search_call.searching", "sequence_number": 3, "output_index": 0, "item_id": "ws_1"},
        {"type": DONE, "sequence_number": 4, "output_index": 0, "item": {**item, "status": "completed"}},
    ]
    events[0]["response"]["tools"] = [{"type": "web_search_preview_2025_03_11"}]
    after, mends = mend(events)
    assert of(after, "openai:web_search_call.searching")
    assert of(after, ADDED)[0]["item"]["type"] == "openai:web_search_call"
    assert after[0]["response"]["tools"] == [{"type": "openai:web_search_preview_2025_03_11"}]
    assert "OR803" in codes(mends)


def test_obfuscation_is_left_out_where_it_was_not_asked_for() -> None:
    events = base_events("text")
    for event in of(events, DELTA):
        event["obfuscation"] = "zzz"
    options = {"model": "m", "input": "x", "stream_options": {"include_obfuscation": False}}
    request = decode_object(CreateResponse, encode_plain(options))
    after, mends = mend(events, request=request)
    assert after == base_events("text")
    assert codes(mends) == ["OR707"]
    assert mend(events) == (events, [])


# Bytes.


def test_comments_pass() -> None:
    data = Example(base="text").data().replace(b"\n\n", b"\n\n: ping\n\n", 3)
    assert repaired(data) == (data, [])


def test_frames_are_written_in_the_one_strict_form() -> None:
    data = Example(base="text").data()
    for broken, code in [
        (data.replace(b"\n", b"\r\n"), None),
        (b"\xef\xbb\xbf" + data, None),
        (data.replace(b"event: response.output_text.delta\n", b""), "OR102"),
        (data.replace(b"event: response.output_text.delta\n", b"event: x\n"), "OR101"),
        (data.replace(b"event: response.output_text.delta\n", b"event: response.output_text.delta\nid: 1\n"), "OR103"),
        (data.replace(b",", b",\ndata: ", 1), "OR107"),
        (data[: -len(b"\n\ndata: [DONE]\n\n")], "OR107"),
        (data + b"data: [DONE]\n\n", "OR104"),
        (data + b"data: {}\n\ndata: {}\n\n", "OR105"),
        (data.replace(b"\n\n", b"\n\ndata: null\n\n", 1), "OR106"),
        (data.replace(b'"delta":"Hello"', b'"delta":"Bye","delta":"Hello"'), "OR106"),
        (data.replace(b'"delta":"Hello"', b'"delta":"Hello","delta":"Hello"', 1), "OR106"),
        (data.replace(b'"text":"Hello world."', b'"text":"Hello world.","text":"Hello world."'), "OR106"),
    ]:
        out, mends = repaired(broken)
        assert plain(out) == plain(data)
        assert out.count(b"[DONE]") == 1
        assert not code or code in codes(mends)
        assert code or not mends


def test_an_event_that_is_split_over_two_frames_is_joined() -> None:
    data = Example(base="text").data()
    broken = data.replace(b',"sequence_number":5', b'\n\ndata: ,"sequence_number":5', 1)
    out, mends = repaired(broken)
    assert out == data
    assert "OR107" in codes(mends)


def test_half_an_event_that_nothing_follows_is_left_out() -> None:
    data = Example(base="text").data()
    for tail in (b"data: {\n\n", b"data: {\n\ndata: {}x\n\n", b"data: {\n\n" + data):
        out, mends = repaired(tail)
        assert errors(out) == []
        assert "OR106" in codes(mends)


def test_several_events_in_one_frame_are_written_as_one_each() -> None:
    events = base_events("text")
    frames = sse(events[:4], done=False) + b"data: " + b"\ndata: ".join(map(encode_plain, events[4:6])) + b"\n\n"
    out, mends = repaired(frames + sse(events[6:]))
    assert plain(out) == events
    assert "OR107" in codes(mends)


def test_data_after_done_that_belongs_to_the_stream_is_put_before_it() -> None:
    data = Example(base="text").data()
    at = data.rindex(b"event: response.completed")
    out, mends = repaired(data[:at] + b"data: [DONE]\n\n" + data[at:])
    assert out == data
    assert {"OR105", "OR104"} <= set(codes(mends))


def test_invalid_bytes_are_replaced_however_they_are_cut() -> None:
    data = Example(base="extension").data().replace(b"open", b"o\xff\xe2\x82pen\xc3\xa9\xef\xbf\xbd")
    out, mends = repaired(data)
    assert plain(out)[2]["phase"] == "o\ufffd\ufffd\ufffdpen\u00e9\ufffd"
    assert codes(mends) == ["OR110"]
    assert repaired(data, *range(len(data))) == (out, mends)


def test_a_frame_over_the_limit_ends_the_stream() -> None:
    data = Example(base="text").data()
    out, mends = repaired(data + b"x" * 5000, max_frame=4000)
    assert errors(out) == []
    assert "OR106" in codes(mends)
    for head in (b"{", b"[", b"{\n", b"   "):
        out, mends = repaired(head + b" " * 70_000, max_frame=4000)
        assert b"response.failed" in out


def test_lines_of_json_come_out_as_lines_of_json() -> None:
    data = b"".join(encode_plain(event) + b"\n" for event in base_events("text"))
    assert repaired(data) == (data, [])
    assert repaired(data, *range(len(data))) == (data, [])
    out, mends = repaired(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") + b"[DONE]\r\n\r\n{")
    assert out == data
    assert codes(mends) == ["OR109", "OR106"]


def test_a_document_of_events_comes_out_as_lines_of_json() -> None:
    events = base_events("call")
    out, mends = repaired(json.dumps(events, indent=1).encode())
    assert lines(out) == events
    assert mends == []


@pytest.mark.parametrize("status", ["completed", "failed", "in_progress"])
def test_a_whole_response_is_streamed(status: str) -> None:
    response = base_events("text")[-1]["response"] | {"status": status}
    out, _ = repaired(json.dumps(response, indent=1).encode())
    assert errors(out) == []
    assert texts(lines(out)[-1]) == ["Hello world."]


@pytest.mark.parametrize("data", [b'{"a":\n1', b"[1,", b'{\n"object": "list"\n}'])
def test_a_document_that_is_none_becomes_a_failure(data: bytes) -> None:
    out, mends = repaired(data)
    assert b"response.failed" in out
    assert mends


# WebSockets.

FAILURE = {
    "type": "error",
    "status": 400,
    "error": {"type": "invalid_request", "code": "x", "message": "y", "param": None},
}


def ws(*events: Event) -> bytes:
    return b"".join(encode_plain(event) + b"\n" for event in events)


def test_responses_follow_each_other_over_a_websocket() -> None:
    second = json.loads(json.dumps(base_events("call")).replace("_1", "_2"))
    data = ws(*base_events("text"), FAILURE, *second)
    assert repaired(data, transport="websocket") == (data, [])
    mending = repairer(transport="websocket")
    *before, terminal = base_events("text")
    mending.feed(ws(*before))
    assert mending.feed(ws(terminal)) == ws(terminal)


def test_mends_of_several_responses_are_told_in_order() -> None:
    first, second = base_events("text"), base_events("text")
    del first[1]["sequence_number"]
    second[3]["x"] = 1
    del second[5]["item_id"]
    second[0]["y"] = 2
    mending = repairer(transport="websocket")
    mending.feed(ws(*first, *second))
    assert [(mend.code, mend.event) for mend in mending.mends] == [("OR201", 1), ("OR201", len(first) + 5)]
    assert mending.mends is mending.mends
    assert mending.events == len(first) + len(second)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [({"type": "not_found"}, 404, "not_found"), ({"type": "odd", "code": 7}, 500, "odd"), (None, 500, "server_error")],
)
def test_a_failure_of_a_websocket_is_given_what_it_must_have(error: object, status: int, code: str) -> None:
    data = ws(*base_events("text"), {"type": "error", "error": error})
    out, mends = repaired(data, transport="websocket")
    assert errors(out, transport="websocket") == []
    assert (lines(out)[-1]["status"], lines(out)[-1]["error"]["code"]) == (status, code)
    assert codes(mends) == ["OR209"]


@pytest.mark.parametrize("transport", ["websocket", None])
def test_where_only_failures_came_no_response_is_invented(transport: str | None) -> None:
    failure = {"status": 400, **FAILURE}
    failure.pop("sequence_number", None)
    second = base_events("text")
    for events in ([failure], [failure, failure], [failure, *second], [*second, failure], [failure, *second, failure]):
        assert repaired(ws(*events), transport=transport) == (ws(*events), [])
    assert len(lines(repaired(ws(failure, second[0]), transport=transport)[0])) > 2


def test_a_failure_whose_keys_stand_twice_is_one_failure() -> None:
    data = b'{"type":"error","":9,"":{"":"","":null},"status":""}\n'
    out, mends = repaired(data)
    assert errors(out) == []
    assert codes(mends) == ["OR106", "OR209"]
    assert [mend.event for mend in mends] == [0, 0]
    assert repaired(out) == (out, [])


def test_a_failure_within_a_response_is_its_error() -> None:
    events = [*base_events("text")[:4], FAILURE]
    out, _ = repaired(ws(*events), transport="websocket")
    assert lines(out)[-1]["type"] == "response.failed"


# Events, dialects, and the function.


def test_events_can_be_mended_without_bytes() -> None:
    for typed in (False, True):
        mending = repairer()
        out: list[e.ResponseStreamEvent] = []
        for event in base_events("extension"):
            out += mending.feed_event(load_event(event) if typed else event)
        out += mending.close_events()
        assert [to_plain(event) for event in out] == base_events("extension")
        assert mending.mends == []
        assert mending.feed(b"data: {}\n\n") == b""
        assert mending.close() == b""
        assert b"".join(map(mending.encode, out)) == sse(base_events("extension"), done=False)


def test_a_stream_is_written_in_the_dialect_that_is_asked_for() -> None:
    for base in BASES:
        out, _ = repaired(Example(base=base).data(), dialect="openai")
        assert b"[DONE]" not in out
        back, _ = repaired(out)
        after = plain(back)
        want = [event for event in base_events(base) if not event["type"].startswith("acme:")]
        assert types(after) == types(want)
    out, _ = repaired(Example(base="reasoning").data(), dialect=dialect_by_name("vtcode"))
    assert b'"response_id":"resp_1"' in out
    with pytest.raises(UnknownDialectError):
        repairer(dialect="klingon")


def test_repair_takes_bytes_pieces_and_events() -> None:
    data = Example(base="text").data()
    options: dict[str, Any] = {"ids": Ids(), "clock": lambda: 1.0}
    assert repair(data, **options) == (data, [])
    assert repair([data[:77], data[77:]], **options) == (data, [])
    out, mends = repair(base_events("text"), **options)
    assert out == data
    assert codes(mends) == ["OR104"]


def test_a_mend_names_its_rule_and_the_event() -> None:
    events = base_events("text")
    events[5]["item_id"] = "msg_9"
    _, mends = mend(events)
    assert mends == [
        Mend(code="OR404", name="item-id-changes", event=5, message="output[0] has the id 'msg_1', not 'msg_9'")
    ]


def test_arguments_that_are_no_json_are_nobodys_to_mend() -> None:
    data = ArgumentsNotJSON.bad.data()
    assert repaired(data) == (data, [])


def test_a_terminal_event_that_cannot_be_said_becomes_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.upstream.responses.mender import Mender  # noqa: PLC0415

    monkeypatch.setattr(Mender, "_close_all", lambda _: None)
    events = [event for event in base_events("text") if event["type"] != DONE]
    events[-1]["response"]["output"] = []
    out, _ = repaired(sse(events))
    assert plain(out)[-1]["type"] == "response.failed"
    assert errors(out) == []


def test_a_long_stream_costs_no_more_an_event() -> None:
    events = base_events("text")
    many = [{**events[4], "delta": "x", "sequence_number": 4 + at} for at in range(20_000)]
    mending = repairer()
    for event in [*events[:4], *many]:
        mending.feed(sse([event], done=False))
    assert mending.events == 20_004
    assert mending.mends == []


# What is rarely met.


def test_arguments_of_a_call_that_was_never_named() -> None:
    events = base_events("call")
    for done in ('{"gate":"north"}', "other"):
        events[5]["arguments"] = done
        after, _ = mend([*events[:2], *events[3:6]])
        item = after[-1]["response"]["output"][0]
        assert (item["name"], item["arguments"]) == ("unnamed", '{"gate":"north"}')


@pytest.mark.parametrize("again", [0, 1, 2])
def test_a_waiting_call_is_named_by_whatever_tells_its_name(again: int) -> None:
    events = base_events("call")
    unnamed = copy.deepcopy(events[2])
    del unnamed["item"]["name"]
    if again == 0:  # a second added event
        after, _ = mend([*events[:2], unnamed, unnamed, *events[2:]])
    elif again == 1:  # the terminal event
        after, _ = mend([*events[:2], unnamed, events[3], events[4], events[-1]])
    else:  # nothing
        after, _ = mend([*events[:2], unnamed, events[3], {**events[6], "item": None}])
    assert after[-1]["response"]["output"][0]["name"] == ("unnamed" if again == 2 else "get_level")


def test_what_an_item_was_added_with_comes_as_deltas() -> None:
    events = base_events("reasoning")
    done = of(events, DONE)
    for added, item in zip(of(events, ADDED), done, strict=True):
        added["item"] = {**item["item"], "status": "completed"}
    after, mends = mend([event for event in events if "content_index" not in event and "summary_index" not in event])
    assert texts(after[-1]) == ["Looked at the gate.", "The gate is shut.", "It is shut."]
    assert [event["item"]["status"] for event in of(after, ADDED)] == ["in_progress"] * 2
    assert {"OR504", "OR604"} <= set(codes(mends))


def test_an_item_that_is_added_without_a_status_or_an_index_is_in_progress_and_the_next() -> None:
    events = base_events("two_messages")
    added = of(events, ADDED)[1]
    del added["item"]["status"], added["output_index"]
    after, _ = mend(events)
    assert after == base_events("two_messages")


def test_the_same_id_under_another_index_is_another_item() -> None:
    events = json.loads(json.dumps(base_events("two_messages")).replace("msg_2", "msg_1"))
    after, mends = mend(events)
    assert [item["id"] for item in after[-1]["response"]["output"]] == ["msg_1", "msg_new1"]
    assert "OR405" in codes(mends)


def test_a_done_event_without_an_item_for_nothing_is_left_out() -> None:
    events = base_events("empty")
    events.insert(2, {"type": DONE, "sequence_number": 2, "output_index": 0, "item": None})
    after, _ = mend(events)
    assert after == base_events("empty")


def test_an_item_after_an_error_and_an_incomplete_one_leaves_the_error_last() -> None:
    events = base_events("two_messages")
    done = of(events, DONE)[0]
    done["item"]["status"] = "incomplete"
    events.insert(events.index(done) + 1, base_events("failed")[-2])
    after, _ = mend(events)
    assert types(after)[-2:] == ["error", "failed"]
    assert len(of(after, DONE)) == 2


def test_what_a_failed_response_keeps_is_kept_where_it_is_of_this_stream() -> None:
    events = base_events("two_messages")[:-1]
    failed = base_events("failed")[-1]
    item = of(events, DONE)[1]["item"]
    failed["response"].update(output=[item], id="resp_1")
    failed["sequence_number"] = len(events)
    assert mend([*events, failed]) == ([*events, failed], [])
    failed["response"]["output"] = [{**item, "id": "msg_7"}]
    after, _ = mend([*events, failed])
    assert texts(after[-1]) == ["Let me see.", "It is open."]


def test_the_terminal_event_says_of_an_item_what_its_done_event_said() -> None:
    item = {"type": "acme:thing", "id": "x_1", "status": "in_progress"}
    events = base_events("text")
    events[-1:-1] = [
        {"type": ADDED, "sequence_number": 0, "output_index": 1, "item": item},
        {"type": DONE, "sequence_number": 0, "output_index": 1, "item": {**item, "status": "completed"}},
    ]
    output = events[-1]["response"]["output"]
    output[0]["role"] = "user"
    output.append({**item, "own": 1})
    after, _ = mend(events)
    output = after[-1]["response"]["output"]
    assert output[0]["role"] == "assistant"
    assert output[1] == {**item, "own": 1, "status": "completed"}


def test_an_incomplete_response_needs_no_usage() -> None:
    events = base_events("incomplete")
    events[-1]["response"]["usage"] = None
    assert mend(events) == (events, [])


def test_more_of_a_summary_after_its_end_is_a_part_of_its_own() -> None:
    events = base_events("reasoning")
    more = {
        **of(events, "response.reasoning_summary_part.done")[0],
        "part": {"type": "summary_text", "text": "Looked at the gate. Twice."},
    }
    at = types(events).index("reasoning_summary_part.done")
    events.insert(at + 1, more)
    after, mends = mend(events)
    assert texts(after[-1])[:2] == ["Looked at the gate.", " Twice."]
    assert "OR310" in codes(mends)


def test_a_done_event_for_a_part_of_a_finished_item_that_tells_nothing_is_left_out() -> None:
    events = base_events("text")
    events.insert(-1, {**events[7], "content_index": 3, "text": ""})
    events.insert(-1, {**events[7], "content_index": 3, "text": "More."})
    events.insert(-1, {**events[8], "part": {"type": "input_image", "image_url": "u", "detail": "auto"}})
    after, mends = mend(events)
    assert texts(after[-1])[:2] == ["Hello world.", "More."]
    assert "OR310" in codes(mends)
    events = base_events("text")
    events.insert(
        -1, {**events[8], "content_index": 5, "part": {"type": "output_text", "text": "More.", "annotations": []}}
    )
    after, _ = mend(events)
    assert texts(after[-1]) == ["Hello world.", "More."]


def test_a_whole_part_that_is_done_twice_is_done_once() -> None:
    image = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}
    events = base_events("text")
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 1, "part": image, "sequence_number": 0}
    events[9:9] = [
        {"type": PART_ADDED, **place},
        {"type": PART_DONE, **place},
        {"type": PART_DONE, **place},
    ]
    for item in (of(events, DONE)[0]["item"], events[-1]["response"]["output"][0]):
        item["content"].append(image)
    after, mends = mend(events)
    assert len(of(after, PART_DONE)) == 2
    assert codes(mends) == ["OR401", "OR310"]


def test_an_empty_part_that_was_never_streamed_may_stay_so() -> None:
    events = base_events("text")
    for item in (of(events, DONE)[0]["item"], events[-1]["response"]["output"][0]):
        item["content"].append({"type": "output_text", "text": "", "annotations": []})
    assert mend(events) == (events, [])


def test_text_of_a_summary_part_of_another_kind_is_not_lost() -> None:
    events = base_events("reasoning")
    at = types(events).index("reasoning_summary_part.added")
    kept = [*events[:at], *events[at + 4 :]]
    part = {"type": "text", "text": "a"}
    place = {"output_index": 0, "item_id": "rs_1", "summary_index": 0, "part": part, "sequence_number": 0}
    kept[at:at] = [
        {"type": "response.reasoning_summary_part.added", **place},
        {"type": "response.reasoning_summary_part.done", **place},
    ]
    of(kept, DONE)[0]["item"]["summary"] = [{"type": "text", "text": "ab"}]
    after, _ = mend(kept)
    assert texts(after[-1])[:2] == ["a", "b"]


def test_text_that_was_split_by_its_done_event_is_what_the_next_one_tells() -> None:
    events = base_events("text")
    early = {**events[7], "text": "Hello"}
    after, mends = mend([*events[:5], early, *events[5:]])
    assert texts(after[-1]) == ["Hello", " world."]
    assert "OR306" in codes(mends)


def test_half_a_pair_may_be_a_delta_of_its_own() -> None:
    events = base_events("text")
    events[4]["delta"], events[5]["delta"] = "\ud83d", "\ude00"
    after, _ = mend(events[:6])
    assert texts(after[-1]) == ["\U0001f600"]


def test_parts_that_are_numbered_backwards_are_told_apart() -> None:
    events = base_events("two_parts")
    for event in events:
        if "content_index" in event:
            event["content_index"] = 1 - event["content_index"]
    late = {**of(events, DELTA)[1], "content_index": 8, "delta": "More."}
    events.insert(events.index(of(events, TEXT_DONE)[1]), late)
    after, mends = mend(events)
    assert "".join(texts(after[-1])).replace("More.", "") == "First.Second."
    assert "OR407" in codes(mends)


def test_a_role_that_is_not_told_again_stays() -> None:
    events = base_events("text")
    of(events, ADDED)[0]["item"]["role"] = events[-1]["response"]["output"][0]["role"] = "user"
    del of(events, DONE)[0]["item"]["role"]
    after, mends = mend(events)
    assert of(after, DONE)[0]["item"]["role"] == "user"
    assert codes(mends) == ["OR201"]


def test_parts_that_hold_no_text_and_were_never_streamed_are_sent_where_they_stand_before_others() -> None:
    image = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}
    events = base_events("two_parts")
    content = of(events, DONE)[0]["item"]["content"]
    content.insert(1, image)
    after, _ = mend(events)
    assert len(of(after, DONE)[0]["item"]["content"]) == 3


def test_a_wrong_index_is_the_part_whose_text_is_told() -> None:
    events = base_events("two_parts")
    for event in events:
        if event["type"] in (TEXT_DONE, PART_DONE):
            event["content_index"] += 7
    after, mends = mend(events)
    assert after == base_events("two_parts")
    assert "OR407" in codes(mends)


def test_a_negative_index_is_the_last_part() -> None:
    events = base_events("text")
    events[5]["content_index"] = -1
    after, mends = mend(events)
    assert after == base_events("text")
    assert codes(mends) == ["OR407"]


def test_numbers_that_are_none_are_replaced() -> None:
    events = base_events("extension")
    events[1]["sequence_number"] = events[2]["sequence_number"] = "x"
    after, mends = mend(events)
    assert after == base_events("extension")
    assert {"OR203", "OR207"} <= set(codes(mends))


def test_what_json_can_say_and_readers_cannot_hold_is_replaced() -> None:
    data = Example(base="extension").data()
    strange = b'"phase":["\\ud83d",123456789012345678901234567890,1' + b"0" * 400 + b"],"
    out, mends = repaired(data.replace(b'"phase":"open",', strange, 1))
    assert plain(out)[2]["phase"] == ["\ufffd", 1.2345678901234568e29, None]
    assert codes(mends) == ["OR110"]


def test_vt_codes_id_on_a_lifecycle_event_is_left_out() -> None:
    events = base_events("text")
    events[0]["response_id"] = "resp_1"
    after, mends = mend(events)
    assert after == base_events("text")
    assert codes(mends) == ["OR804"]


def test_a_status_that_is_absent_is_the_events() -> None:
    events = base_events("text")
    del events[-1]["response"]["status"]
    del of(events, DONE)[0]["item"]["status"], of(events, DONE)[0]["item"]["role"]
    after, mends = mend(events)
    assert after == base_events("text")
    assert set(codes(mends)) == {"OR201"}


def test_what_follows_the_end_is_left_out_without_bytes_too() -> None:
    mending = repairer(transport="websocket")
    mending.feed(ws(*base_events("text"), {"type": "acme:late", "sequence_number": 11}))
    assert codes(mending.mends) == ["OR105"]
    assert mending.format is not None


def test_large_pieces_and_damage_among_deltas_take_the_slower_way() -> None:
    events = base_events("text")
    many = [{**events[4], "sequence_number": 4 + at, "delta": "x" * 40} for at in range(120)]
    data = sse([*events[:4], *many], done=False)
    head = sse(events[:5], done=False)
    for cut in (len(head) + 200, len(data) - 60):
        broken = data[:cut] + data[cut:].replace(b"xxxx", b"xx\\xx", 1)
        for piece in (data, broken, data.replace(b"xxx", b"x\rx", 2)):
            assert repaired(piece, len(head)) == repaired(piece) == repaired(piece, *range(0, len(piece), 4500))
    long = sse([{**events[4], "sequence_number": 5, "delta": "y" * 9000}], done=False)
    assert repaired(data[: len(head)] + long + long, len(head), len(head) + len(long) + 4200) == repaired(
        data[: len(head)] + long + long
    )


def test_a_delta_of_the_wrong_type_among_others_is_put_right() -> None:
    events = base_events("text")
    mending = repairer()
    feed(mending, *events[:5])
    assert feed(mending, {**events[5], "delta": 7})[0]["delta"] == "7"
    assert codes(mending.mends) == ["OR203"]


def test_the_beginning_of_a_large_event_waits_behind_those_that_are_whole() -> None:
    events = base_events("text")
    mending = repairer()
    feed(mending, *events[:5])
    whole, large = sse([events[5]], done=False), sse([{**events[6], "delta": "y" * 9000}], done=False)
    assert mending.feed(whole + large[:5000]) == whole
    assert mending.feed(large[5000:]) == large


def test_deltas_after_done_or_half_an_event_are_told_of() -> None:
    events = base_events("text")
    # Behind what could not be read the text waits for its done event.
    for between, code, out in ((b"data: [DONE]\n\n", "OR105", [events[5]]), (b"data: {\n\n", "OR106", [])):
        mending = repairer()
        mending.feed(sse(events[:5], done=False))
        mending.feed(between)
        assert feed(mending, events[5]) == out
        assert codes(mending.mends) == [code]


def test_log_probabilities_are_those_of_the_done_event_where_no_delta_had_them() -> None:
    events = [event for event in base_events("logprobs") if event["type"] != DELTA]
    of(events, PART_DONE)[0]["part"]["logprobs"] = [
        {"token": "No", "logprob": -0.1, "bytes": [78, 111], "top_logprobs": []}
    ]
    after, mends = mend(events)
    assert of(after, PART_DONE)[0]["part"]["logprobs"] == of(events, TEXT_DONE)[0]["logprobs"]
    assert "OR502" in codes(mends)


def test_annotations_are_counted_anew() -> None:
    events = base_events("annotated")
    of(events, "response.output_text.annotation.added")[0]["annotation_index"] = 4
    after, mends = mend(events)
    assert after == base_events("annotated")
    assert codes(mends) == ["OR407"]


def test_an_unknown_event_about_an_item_that_takes_no_such_content_is_kept_as_it_is() -> None:
    events = base_events("extension")
    item = {"type": "acme:thing", "id": "x_1", "status": "in_progress"}
    events[3:3] = [
        {"type": ADDED, "sequence_number": 0, "output_index": 0, "item": item},
        {"type": "response.thing.delta", "sequence_number": 0, "output_index": 0, "item_id": "x_1", "delta": "z"},
        {"type": "response.thing.delta", "sequence_number": 0, "output_index": 0, "item_id": "y_1", "delta": "z"},
    ]
    after, mends = mend(events)
    assert [event["delta"] for event in of(after, "upstream:response.thing.delta")] == ["z", "z"]
    assert "OR205" in codes(mends)


def test_a_text_told_in_full_after_it_was_split_is_what_was_said() -> None:
    events = base_events("text")
    late = {**events[5], "delta": " world."}
    again = {**events[7], "text": "Hello world."}
    after, mends = mend([*events[:5], {**events[7], "text": "Hello"}, late, {**again, "text": ""}, again])
    assert texts(after[-1]) == ["Hello", " world."]
    after, mends = mend([*events[:5], {**events[7], "text": "Hello"}, late, again])
    assert texts(after[-1]) == ["Hello", " world."]
    after, mends = mend([*events[:5], {**events[7], "text": "Hello"}, late, {**again, "text": "Hello world. More."}])
    assert texts(after[-1]) == ["Hello", " world. More."]
    assert "OR501" in codes(mends)


# What real providers sent.


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside the repository")
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.sse")), ids=lambda path: path.stem)
def test_a_recording_is_mended_and_says_what_it_said(path: Path) -> None:
    data = path.read_bytes()
    out, _ = repaired(data)
    assert_mended(data, out)
    assert told(out) == told(data)


def test_a_frame_with_another_name_is_told_of_though_its_event_lacks_something() -> None:
    event = base_events("text")[0]
    del event["response"]["model"]
    mending = repairer()
    mending.feed(b"event: response.other\ndata: %b\n\n" % encode_plain(event))
    assert set(codes(mending.mends)) == {"OR101", "OR201"}


def test_an_item_that_is_exact_but_for_its_status_is_given_one() -> None:
    events = base_events("reasoning")
    at = next(index for index, event in enumerate(events) if event["type"] == ADDED)
    assert events[at]["item"].pop("status") == "in_progress"
    after, mends = mend(events)
    assert after[at]["item"]["status"] == "in_progress"
    assert [(mend.code, mend.event) for mend in mends] == [("OR201", at)]


def test_a_delta_that_is_exact_but_for_a_response_id_is_without() -> None:
    events = base_events("text")
    events[4]["response_id"] = "resp_1"
    after, mends = mend(events)
    assert after == base_events("text")
    assert codes(mends) == ["OR804"]
