from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent as OpenAIEvent

from penstock.spec.base import Extra
from penstock.spec.content import InputTextContent, OutputTextContent, SummaryTextContent
from penstock.spec.events import (
    ContentPartAdded,
    ContentPartDone,
    ErrorEvent,
    ExtensionEvent,
    OutputItemAdded,
    OutputItemDone,
    OutputTextDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseQueued,
    ResponseStreamEvent,
)
from penstock.spec.items import FunctionCallItem, FunctionCallOutputItem, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload, IncompleteDetails, ResponseError
from penstock.wire.codec import EventCodec, load_event, to_plain
from penstock.wire.dialects import (
    OPENRESPONSES,
    Dialect,
    UnknownDialectError,
    dialect_by_name,
    dialect_names,
    openai,
    openresponses,
    vtcode,
)
from penstock.wire.errors import ShapeError
from penstock.wire.sse import SSEDecoder, SSEEncoder, read_sse
from penstock.wire.vtcode_objects import fold, unfold
from tests.wire.cuts import needs_recordings, recordings
from tests.wire.samples import (
    CALL,
    EVENTS,
    EXTENSIONS,
    MESSAGE,
    REASONING,
    STANDARD,
    TEXT_PART,
    response,
    text_delta,
)

Plain = dict[str, Any]
official = pydantic.TypeAdapter[object](OpenAIEvent)


def written(dialect: Dialect, event: ResponseStreamEvent) -> Plain:
    """What stands on the wire."""
    data = EventCodec(dialect).encode(event)
    assert data is not None
    plain = json.loads(data)
    assert isinstance(plain, dict)
    return plain


def read(dialect: Dialect, plain: object) -> ResponseStreamEvent:
    return EventCodec(dialect).decode(json.dumps(plain))


def read_plain(dialect: Dialect, plain: object) -> Plain:
    """What was read, as the specification writes it."""
    return written(OPENRESPONSES, read(dialect, plain))


def id_of(event: ResponseStreamEvent) -> str:
    return event.event_type


# ------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", dialect_names())
def test_a_dialect_is_found_by_its_name(name: str) -> None:
    assert dialect_by_name(name).name == name


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UnknownDialectError, match="no dialect 'klingon'; there are openresponses, openai, vtcode"):
        dialect_by_name("klingon")


def test_a_dialect_with_state_is_new_for_each_stream() -> None:
    assert dialect_by_name("vtcode") is not dialect_by_name("vtcode")
    assert openai() is not openai()
    assert openresponses() is OPENRESPONSES


@pytest.mark.parametrize("make", [openresponses, openai, vtcode])
@pytest.mark.parametrize("event", EVENTS, ids=id_of)
def test_an_exact_event_means_the_same_in_every_dialect(
    make: Callable[[], Dialect], event: ResponseStreamEvent
) -> None:
    # What lets a decoder take the exact road first: the full road leads to the same.
    plain = to_plain(event)
    assert isinstance(plain, dict)
    assert make().keeps_exact
    assert load_event(make().read(plain)) == event


@pytest.mark.parametrize("make", [openresponses, openai, vtcode])
@pytest.mark.parametrize("event", EVENTS, ids=id_of)
def test_writing_changes_nothing_in_the_event(make: Callable[[], Dialect], event: ResponseStreamEvent) -> None:
    before = EventCodec().encode(event)
    make().write(event)
    assert EventCodec().encode(event) == before


KEYS = ["type", "id", "item_id", "status", "item", "part", "content", "summary", "arguments", "response", "output",
        "error", "code", "message", "param", "data", "event_type", "delta", "text", "annotations", "tools"]  # fmt: skip
KINDS = ["output_text", "reasoning_text", "refusal", "message", "reasoning", "function_call", "function_call_output"]
Json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
TYPES = [event.event_type for event in STANDARD] + [
    "response.custom_event", "response.reasoning_text.done", "response.reasoning_part.added", "acme:x", "ping", ""]  # fmt: skip


@given(
    st.sampled_from([openresponses, openai, vtcode]),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), Json),
)
def test_reading_never_raises(make: Callable[[], Dialect], name: str, fields: Plain) -> None:
    make().read({**fields, "type": name})


@pytest.mark.parametrize("make", [openresponses, openai, vtcode])
@pytest.mark.parametrize("wrong", [None, True, 5, 0.5, "", [], {}, [[]], {"type": {}}])
@pytest.mark.parametrize("key", KEYS)
def test_reading_never_raises_for_a_value_of_the_wrong_type(
    make: Callable[[], Dialect], key: str, wrong: object
) -> None:
    whole: Plain = {"id": "i", "role": "assistant", "content": "", "summary": "", "arguments": "", "data": {}}
    whole |= {"item_id": "i", "error": {"type": "server_error"}, "message": "", "code": "", "text": ""}
    for name in TYPES:
        for kind in KINDS:
            inner = {**whole, "type": kind, key: wrong}
            make().read({**whole, "type": name, key: wrong, "part": inner, "item": inner, "response": inner})
            make().read({**whole, "type": name, "part": inner, "item": inner, "response": {"output": [inner]}})


@given(
    st.sampled_from([openresponses, openai, vtcode]),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), Json),
)
def test_writing_takes_any_event_that_could_be_read(make: Callable[[], Dialect], name: str, fields: Plain) -> None:
    known: Plain = {"output_index": 0, "content_index": 0, "summary_index": 0, "annotation_index": 0, "item_id": "i",
                    "delta": "", "text": "", "refusal": "", "arguments": "", "response": {}, "item": {}, "part": {},
                    "annotation": {}, "error": {}}  # fmt: skip
    try:
        event = load_event(known | fields | {"type": name})
    except ShapeError:
        return
    EventCodec(make()).encode(event)


# ----------------------------------------------------------------------------------------------------- openresponses


def test_a_response_id_is_read_but_written_only_when_asked_for() -> None:
    plain = written(openresponses(response_ids=True), text_delta()) | {"response_id": "resp_1"}
    event = read(openresponses(), plain)
    assert getattr(event, "response_id", None) == "resp_1"
    assert "response_id" not in written(openresponses(), event)
    assert written(openresponses(response_ids=True), event) == plain
    assert "response_id" not in written(openai(), event)


def test_a_response_id_is_not_put_where_there_was_none() -> None:
    assert openresponses(response_ids=True).write(text_delta()) is not None
    assert "response_id" not in written(openresponses(response_ids=True), text_delta())


# ------------------------------------------------------------------------------------------------------------ openai


@needs_recordings
@pytest.mark.parametrize("path", recordings("openai__"), ids=lambda path: path.stem)
def test_a_stream_of_openai_comes_out_as_it_went_in(path: Path) -> None:
    data = path.read_bytes()
    expected = [json.loads(frame.data) for frame in SSEDecoder().feed(data)]
    encoder = SSEEncoder(openai())
    frames = [encoder.encode(event) for event in read_sse(data, dialect=openai())]
    assert [json.loads(SSEDecoder().feed(frame)[0].data) for frame in frames] == expected
    assert not encoder.dialect.notes


@pytest.mark.parametrize("event", STANDARD, ids=id_of)
def test_openais_own_models_take_every_event(event: ResponseStreamEvent) -> None:
    official.validate_python(written(openai(), event))


@pytest.mark.parametrize("event", STANDARD, ids=id_of)
def test_what_is_written_for_openai_is_read_back(event: ResponseStreamEvent) -> None:
    dialect = openai()
    again = read(openai(), written(dialect, event))
    # But for the log probabilities that OpenAI always has.
    assert read_plain(openai(), written(dialect, again)) == to_plain(again)
    assert drop_logprobs(to_plain(again)) == drop_logprobs(
        to_plain(event) if not isinstance(event, ErrorEvent) else to_plain(again)
    )


def drop_logprobs(value: object) -> object:
    if isinstance(value, dict):
        return {key: drop_logprobs(entry) for key, entry in value.items() if key != "logprobs"}
    return [drop_logprobs(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("response.reasoning_text.delta", "response.reasoning.delta"),
        ("response.reasoning_text.done", "response.reasoning.done"),
    ],
)
def test_reasoning_has_another_name(theirs: str, ours: str) -> None:
    plain = {"type": theirs, "sequence_number": 1, "item_id": "rs_1", "output_index": 0, "content_index": 0, "delta": "a",
             "text": "a"}  # fmt: skip
    event = read(openai(), plain)
    assert event.event_type == ours
    assert isinstance(event, (ReasoningDelta, ReasoningDone))
    assert written(openai(), event) == plain


@pytest.mark.parametrize(("kind", "cls"), [("added", ContentPartAdded), ("done", ContentPartDone)])
def test_reasoning_part_events_are_content_part_events(kind: str, cls: type) -> None:
    plain = {"type": f"response.reasoning_part.{kind}", "sequence_number": 1, "item_id": "rs_1", "output_index": 0,
             "content_index": 0, "part": {"type": "reasoning_text", "text": ""}}  # fmt: skip
    assert isinstance(read(openai(), plain), cls)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit_exceeded", "too_many_requests"),
        ("invalid_prompt", "invalid_request"),
        ("anything", "server_error"),
        (None, "server_error"),
    ],
)
def test_a_flat_error_is_nested_in_reading_and_flat_again_in_writing(code: str | None, kind: str) -> None:
    plain = {"type": "error", "sequence_number": 3, "code": code, "message": "No.", "param": "input", "event_id": "x"}
    event = read(openai(), plain)
    assert isinstance(event, ErrorEvent)
    assert event.error == ErrorPayload(type=kind, code=code, message="No.", param="input")
    dialect = openai()
    assert written(dialect, event) == plain
    assert not dialect.notes
    official.validate_python(plain)


def test_a_nested_error_is_read_as_it_is() -> None:
    event = ErrorEvent(error=ErrorPayload(type="model_error", code=None, message="No.", param=None))
    assert read(openai(), to_plain(event)) == event


def test_a_flat_error_may_lack_what_it_can_do_without() -> None:
    plain = {"type": "error", "message": "No."}
    assert written(openai(), read(openai(), plain)) == plain
    assert read(openai(), {"type": "error", "error": {}}).event_type == "error"


def test_what_a_flat_error_cannot_say_is_noted() -> None:
    dialect = openai()
    payload = ErrorPayload(type="model_error", code="x", message="No.", param=None, headers={"retry-after": "1"})
    assert "headers" not in written(dialect, ErrorEvent(error=payload))
    assert dialect.notes == {
        "an error event does not say the error's type": 1,
        "an error event does not say the error's headers": 1,
    }


def test_log_probabilities_are_always_there() -> None:
    assert written(openai(), text_delta())["logprobs"] == []
    for event in STANDARD:
        texts = json.dumps(written(openai(), event)).count('"type": "output_text"')
        assert json.dumps(written(openai(), event)).count('"logprobs": []') >= texts


def test_log_probabilities_that_are_there_stay() -> None:
    event = read(openai(), written(openai(), text_delta()) | {"logprobs": [
        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]})  # fmt: skip
    assert len(written(openai(), event)["logprobs"]) == 1


def test_an_early_stream_without_numbers_gets_no_log_probabilities() -> None:
    part = {"type": "output_text", "text": "", "annotations": []}
    for plain in (
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.content_part.added", "item_id": "m", "output_index": 0, "content_index": 0, "part": part},
    ):
        assert written(openai(), read(openai(), plain)) == plain


def test_an_extension_of_somebody_else_is_left_out_and_noted() -> None:
    dialect = openai()
    assert dialect.write(EXTENSIONS[0]) is None
    assert dialect.write(EXTENSIONS[0]) is None
    assert dialect.notes == {
        "the extension event acme:trace is left out: OpenAI's SDKs refuse events they do not know": 2
    }


def test_an_item_of_somebody_else_stays_and_is_noted() -> None:
    # Without it the output indexes of all that follow would be wrong.
    dialect = openai()
    assert written(dialect, EXTENSIONS[1]) == to_plain(EXTENSIONS[1])
    assert written(dialect, EXTENSIONS[2]) == to_plain(EXTENSIONS[2])
    assert len(dialect.notes) == 2


@pytest.mark.parametrize(
    ("slugged", "bare"),
    [
        ("openai:web_search_call.searching", "response.web_search_call.searching"),
        ("openai:response.web_search_call.searching", "response.web_search_call.searching"),
        ("ping", "ping"),
        ("response.web_search_call.searching", "response.web_search_call.searching"),
    ],
)
def test_openais_own_extension_events_have_bare_names(slugged: str, bare: str) -> None:
    event = ExtensionEvent(sequence_number=1, fields=Extra({"type": slugged, "item_id": "ws_1", "output_index": 0}))
    dialect = openai()
    plain = written(dialect, event)
    assert plain == {"type": bare, "sequence_number": 1, "item_id": "ws_1", "output_index": 0}
    assert written(openai(), read(openai(), plain)) == plain
    assert not dialect.notes


def test_openais_own_items_tools_and_annotations_have_bare_names() -> None:
    def plain(slug: str) -> Plain:
        part = {
            "type": "output_text",
            "text": "x",
            "logprobs": [],
            "annotations": [{"type": f"{slug}file_path", "n": 1}],
        }
        output = [
            {"type": f"{slug}web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]},
        ]
        fields = to_plain(response("completed"))
        assert isinstance(fields, dict)
        fields |= {"output": output, "tools": [{"type": f"{slug}web_search"}],
                   "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": f"{slug}web_search"}]}}  # fmt: skip
        return {"type": "response.completed", "sequence_number": 1, "response": fields}

    dialect = openai()
    assert written(dialect, load_event(plain("openai:"))) == plain("")
    assert written(dialect, read(openai(), plain(""))) == plain("")
    assert not dialect.notes


def test_openai_sends_no_sentinel() -> None:
    assert not openai().sends_done
    assert openresponses().sends_done
    assert vtcode().sends_done


# ------------------------------------------------------------------------------------------------------------ vtcode

# As VT Code writes them: a fresh response has eight keys, and numbers stand only in the sequenced form.
FRESH: Plain = {"id": "resp_18c_0000", "object": "response", "created_at": 1_700_000_000, "status": "in_progress",
                "model": "gpt-oss", "output": [], "tools": None}  # fmt: skip
AROUND: Plain = {"response_id": "resp_18c_0000", "output_index": 0}
WITH_ITEM: Plain = AROUND | {"item_id": "item_0"}
REASONING_ITEM: Plain = {"type": "reasoning", "id": "item_0", "status": "completed", "content": "Hm."}


def call_item(arguments: object) -> Plain:
    item = {"type": "function_call", "id": "item_0", "status": "completed", "name": "f", "arguments": arguments}
    return {"type": "response.output_item.done", **AROUND, "item": item}


def plan_item(data: object) -> Plain:
    item = {"type": "vtcode:plan", "id": "item_0", "status": "completed", "data": data}
    return {"type": "response.output_item.done", **AROUND, "item": item}


def custom_event(event_type: str, data: object) -> Plain:
    envelope = {"type": "response.custom_event", "response_id": "resp_18c_0000", "sequence_number": 7}
    return envelope | {"event_type": event_type, "data": data}


VTCODE: list[Plain] = [
    {"type": "response.created", "response": FRESH},
    {"type": "response.in_progress", "sequence_number": 1, "response": FRESH},
    {"type": "response.in_progress", "response": FRESH | {"output": None}},
    {"type": "response.output_item.added", **AROUND,
     "item": {"type": "message", "id": "item_0", "status": "in_progress", "role": "assistant",
              "content": [{"type": "output_text", "text": ""}]}},
    {"type": "response.content_part.added", **WITH_ITEM, "content_index": 0, "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", "sequence_number": 3, **WITH_ITEM, "content_index": 0, "delta": "Hi"},
    {"type": "response.output_text.done", **WITH_ITEM, "content_index": 0, "text": "Hi"},
    {"type": "response.content_part.done", **WITH_ITEM, "content_index": 0, "part": {"type": "output_text", "text": "Hi"}},
    {"type": "response.output_item.added", **AROUND, "item": {"type": "reasoning", "id": "item_0", "status": "in_progress"}},
    {"type": "response.reasoning.delta", **WITH_ITEM, "delta": "Hm."},
    {"type": "response.reasoning.done", **WITH_ITEM, "item": REASONING_ITEM},
    {"type": "response.reasoning.done", **WITH_ITEM,
     "item": REASONING_ITEM | {"summary": "thinks", "encrypted_content": "x"}},
    {"type": "response.reasoning.done", **WITH_ITEM, "item": {"type": "reasoning", "id": "item_0", "status": "failed"}},
    {"type": "response.content_part.done", **WITH_ITEM, "content_index": 0,
     "part": {"type": "output_text", "text": "Hm."}},
    {"type": "response.output_item.done", **AROUND, "item": REASONING_ITEM | {"summary": "", "encrypted_content": "x"}},
    {"type": "response.function_call_arguments.delta", **WITH_ITEM, "delta": '{"a'},
    {"type": "response.function_call_arguments.done", **WITH_ITEM, "arguments": '{"a":1}'},
    *map(call_item, ({}, {"a": [1, None, "é"]}, [], None, 5, 1.5, True, "", "not json", '{"a', '"quoted"')),
    {"type": "response.output_item.done", **AROUND,
     "item": {"type": "function_call", "id": "item_0", "status": "completed", "name": "f"}},
    {"type": "response.output_item.done", **AROUND,
     "item": {"type": "function_call_output", "id": "item_0", "status": "completed", "call_id": "c", "output": "out"}},
    *(plan_item(data)
      for data in ({"text": "x"}, {}, None, [1], {"status": "failed"}, {"data": 1}, {"data": {"a": 1}}, {"data": {"id": 1}})),
    {"type": "response.custom_event", "response_id": "resp_18c_0000", "event_type": "vtcode.thread_completed",
     "sequence_number": 7, "data": {"thread_id": "t", "usage": {"input_tokens": 1}}},
    *(custom_event(event_type, data)
      for event_type, data in (
          ("vtcode.x", {"type": "x"}), ("vtcode.x", 5), ("vtcode.x.y", {}), ("ping", {}), ("response.x.y", {"a": 1}),
          ("error", {"message": "x"}), ("response.created", {}), (".x", {}), ("a:b.c", {}), ("vtcode.x", {"data": []}))),
    {"type": "response.custom_event", "response_id": "resp_18c_0000", "event_type": "vtcode.x", "sequence_number": 7},
    {"type": "response.custom_event", "response_id": "resp_18c_0000", "event_type": "vtcode.x", "sequence_number": 7,
     "data": {}, "more": 1},
    {"type": "response.custom_event", "response_id": "resp_18c_0000", "event_type": 5, "sequence_number": 7, "data": {}},
    {"type": "response.failed", "response": FRESH | {"status": "failed", "completed_at": 1_700_000_009,
     "error": {"type": "model_error", "message": "It broke."}}},
    {"type": "response.failed", "response": FRESH | {"status": "failed",
     "error": {"type": "server_error", "code": "timeout", "param": "model", "message": "It broke."}}},
    {"type": "response.incomplete", "response": FRESH | {"status": "incomplete",
     "incomplete_details": {"reason": "max_tool_calls"}}},
    {"type": "response.completed", "response": FRESH | {"status": "completed", "completed_at": 1_700_000_009,
     "output": [REASONING_ITEM], "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}},
]  # fmt: skip


def test_a_stream_of_vtcode_comes_out_as_it_went_in() -> None:
    reader, writer = EventCodec(vtcode()), vtcode()
    for plain in VTCODE:
        event = reader.decode(json.dumps(plain))
        assert written(writer, event) == plain
    assert all("has no slug" in note for note in writer.notes)


@pytest.mark.parametrize("event", EVENTS, ids=id_of)
def test_what_vtcode_can_say_is_read_back(event: ResponseStreamEvent) -> None:
    writer, reader = vtcode(), vtcode()
    for dialect in (writer, reader):
        begin = OutputItemAdded(output_index=2, item=ReasoningItem(id="rs_1", summary=[]))
        dialect.read(written(writer, ResponseCreated(response=response())))
        dialect.read(written(writer, begin))
    if (plain := writer.write(event)) is None or writer.notes:
        assert writer.notes
    else:
        assert isinstance(plain, dict)
        assert without_response_id(read_plain(reader, plain)) == without_defaults(to_plain(event))


def without_response_id(plain: Plain) -> Plain:
    return without_defaults({key: value for key, value in plain.items() if key != "response_id"})


def without_defaults(value: object) -> Plain:
    """Leave out what VT Code leaves out: an empty summary says as much as none."""

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {key: walk(entry) for key, entry in value.items() if (key, entry) != ("summary", [])}
        return [walk(entry) for entry in value] if isinstance(value, list) else value

    walked = walk(value)
    assert isinstance(walked, dict)
    return walked


def begun() -> Dialect:
    """VT Code's dialect after the first event of a stream."""
    dialect = vtcode()
    dialect.write(ResponseCreated(response=response()))
    return dialect


def test_the_response_id_is_remembered_for_the_events_that_have_none() -> None:
    dialect = vtcode()
    assert written(dialect, text_delta())["response_id"] == ""
    assert dialect.notes == {"an event came before any with a response, so its response_id is empty": 1}
    assert "response_id" not in written(dialect, ResponseCreated(response=response()))
    assert written(dialect, text_delta())["response_id"] == "resp_1"
    assert written(dialect, EXTENSIONS[0])["response_id"] == "resp_1"


def test_an_event_that_has_a_response_id_keeps_it() -> None:
    plain = {"type": "response.output_text.delta", **WITH_ITEM, "content_index": 0, "delta": "x"}
    dialect = vtcode()
    dialect.write(ResponseCreated(response=response()))
    assert written(dialect, read(vtcode(), plain)) == plain


def test_of_a_doubled_number_the_last_one_counts() -> None:
    event = EventCodec(vtcode()).decode(
        '{"sequence_number":4,"type":"response.custom_event","response_id":"r","event_type":"vtcode.x",'
        '"sequence_number":0,"data":{}}'
    )
    assert isinstance(event, ExtensionEvent)
    assert event.sequence_number == 0


def test_a_custom_event_is_an_extension_event_with_its_own_fields() -> None:
    event = read(vtcode(), VTCODE[[plain.get("event_type") for plain in VTCODE].index("vtcode.thread_completed")])
    assert isinstance(event, ExtensionEvent)
    assert event.event_type == "vtcode:thread_completed"
    assert (event.sequence_number, event.response_id, event["thread_id"]) == (7, "resp_18c_0000", "t")


def test_a_custom_event_without_a_number_gets_one() -> None:
    dialect = vtcode()
    events = [ExtensionEvent(fields=Extra({"type": "acme:x"})) for _ in range(2)]
    assert [written(dialect, event)["sequence_number"] for event in events] == [0, 1]


@pytest.mark.parametrize("name", ["ping", "response.web_search_call.searching", "a.b:c"])
def test_an_event_without_a_slug_is_written_all_the_same_and_noted(name: str) -> None:
    dialect = vtcode()
    plain = written(dialect, ExtensionEvent(sequence_number=1, fields=Extra({"type": name})))
    assert plain["event_type"] == name.replace(":", ".")
    assert f"the event {name} has no slug VT Code could know it by" in dialect.notes


def test_reasoning_parts_are_output_text_parts() -> None:
    reader = vtcode()
    part = {
        "type": "response.content_part.done",
        **WITH_ITEM,
        "content_index": 0,
        "part": {"type": "output_text", "text": "Hm."},
    }
    assert read_plain(reader, part)["part"] == {"type": "output_text", "text": "Hm."}
    reader.read({"type": "response.output_item.added", **AROUND, "item": {"type": "reasoning", "id": "item_0"}})
    assert read_plain(reader, part)["part"] == {"type": "reasoning_text", "text": "Hm."}


def test_reasoning_that_is_done_has_its_text() -> None:
    event = read(vtcode(), {"type": "response.reasoning.done", **WITH_ITEM, "item": REASONING_ITEM})
    assert isinstance(event, ReasoningDone)
    assert (event.text, event.content_index, event.extra) == ("Hm.", 0, Extra())


def test_what_the_item_of_done_reasoning_says_beyond_the_text_is_kept() -> None:
    item = REASONING_ITEM | {"summary": "thinks"}
    event = read(vtcode(), {"type": "response.reasoning.done", **WITH_ITEM, "item": item})
    assert event.extra == Extra({"item": item})


def test_reasoning_without_its_text_or_item_is_refused_by_its_shape_only() -> None:
    plain = {"type": "response.reasoning.done", **WITH_ITEM, "content_index": 1, "text": "Hm.", "item": 5}
    assert read_plain(vtcode(), plain) == {key: value for key, value in plain.items() if key != "response_id"}


def test_the_strings_of_a_reasoning_item_are_arrays_of_parts() -> None:
    item = REASONING_ITEM | {"summary": "thinks"}
    event = read(vtcode(), {"type": "response.output_item.done", **AROUND, "item": item})
    assert isinstance(event, OutputItemDone)
    assert to_plain(event.item) == item | {
        "summary": [{"type": "summary_text", "text": "thinks"}],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1.5]", [1.5]),
        ("null", None),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("", ""),
        ('"x"', '"x"'),
        ('{"a"', '{"a"'),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_calls_arguments_are_a_json_value(text: str, value: object) -> None:
    item = FunctionCallItem(id="fc_1", call_id="c", name="f", arguments=text, status="completed")
    plain = written(vtcode(), OutputItemDone(output_index=0, item=item))
    assert plain["item"]["arguments"] == value
    event = read(vtcode(), plain)
    assert isinstance(event, OutputItemDone)
    assert isinstance(event.item, FunctionCallItem)
    assert event.item.arguments == text.replace(" ", "")


def test_a_custom_item_has_its_own_fields() -> None:
    item = {"type": "vtcode:plan", "id": "p", "status": "completed", "data": {"text": "x"}}
    event = read(vtcode(), {"type": "response.output_item.done", **AROUND, "item": item})
    assert isinstance(event, OutputItemDone)
    assert to_plain(event.item) == {"type": "vtcode:plan", "id": "p", "status": "completed", "text": "x"}


Envelope = frozenset({"type", "id", "status"})
Data = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["data", "id", "a"]), inner, max_size=3)
    ),
)


@given(Data)
def test_nothing_below_data_is_lost(data: object) -> None:
    assert fold(unfold(data, Envelope), Envelope) == data
    assert not unfold(data, Envelope).keys() & Envelope


@given(st.dictionaries(st.sampled_from(["data", "a", "b"]), Data, max_size=3))
def test_no_field_is_lost_below_data(fields: Plain) -> None:
    assert unfold(fold(fields, Envelope), Envelope) == fields


def test_queued_becomes_in_progress() -> None:
    dialect = vtcode()
    plain = written(dialect, ResponseQueued(response=response("queued")))
    assert plain["type"] == "response.in_progress"
    assert plain["response"]["status"] == "queued"
    assert dialect.notes == {"VT Code has no response.queued; it becomes response.in_progress": 1}


def test_a_refusal_becomes_output_text_everywhere() -> None:
    dialect = begun()
    plain = [written(dialect, event) for event in STANDARD if "refusal" in str(to_plain(event))]
    assert [each["type"] for each in plain] == [
        "response.content_part.added", "response.output_text.delta", "response.output_text.done"]  # fmt: skip
    assert plain[0]["part"] == {"type": "output_text", "text": ""}
    assert plain[2]["text"] == "No."
    refusal = {"type": "refusal", "refusal": "No."}
    done = OutputItemDone(output_index=0, item=load_message([refusal, {"type": "acme:x"}, 5]))
    content = [{"type": "output_text", "text": "No."}, {"type": "acme:x"}]
    assert written(dialect, done)["item"]["content"][:2] == content
    assert dialect.notes == {"VT Code has no refusal events; a refusal becomes output text": 4}


def load_message(content: list[object]) -> MessageItem:
    event = load_event({"type": "response.output_item.done", "output_index": 0, "item": {
        "type": "message", "id": "m", "status": "completed", "role": "assistant", "content": content}})  # fmt: skip
    assert isinstance(event, OutputItemDone)
    assert isinstance(event.item, MessageItem)
    return event.item


@pytest.mark.parametrize(
    "event", [event for event in STANDARD if "summary" in event.event_type or "annot" in event.event_type], ids=id_of
)
def test_summaries_and_annotations_come_with_their_item(event: ResponseStreamEvent) -> None:
    dialect = vtcode()
    assert dialect.write(event) is None
    assert dialect.notes == {f"VT Code has no {event.event_type}; what it says comes with the item": 1}
    item = written(dialect, OutputItemDone(output_index=0, item=REASONING))["item"]
    assert item == {"type": "reasoning", "id": "rs_1", "status": "completed", "summary": "greets",
                    "content": "The user greets."}  # fmt: skip
    assert "annotations" in written(dialect, OutputItemDone(output_index=0, item=MESSAGE))["item"]["content"][0]


def test_several_summary_parts_become_one_string() -> None:
    dialect = begun()
    parts = [SummaryTextContent(text="a"), SummaryTextContent(text="b")]
    item = written(dialect, OutputItemDone(output_index=0, item=ReasoningItem(id="r", summary=list(parts))))["item"]
    assert item == {"type": "reasoning", "id": "r", "summary": "a\n\nb"}
    assert dialect.notes == {"a reasoning item's summary is one text in VT Code; several parts become one": 1}


def test_several_reasoning_texts_become_one() -> None:
    dialect = vtcode()
    event = ReasoningDelta(item_id="r", output_index=0, content_index=1, delta="x")
    assert "content_index" not in written(dialect, event)
    assert "VT Code knows one reasoning text an item; several become one" in dialect.notes


def test_a_functions_output_of_parts_becomes_text() -> None:
    dialect = vtcode()
    output = FunctionCallOutputItem(
        id="o", call_id="c", status="completed", output=[InputTextContent(text="a"), InputTextContent(text="b")]
    )
    assert written(dialect, OutputItemDone(output_index=0, item=output))["item"]["output"] == "ab"
    plain = {"type": "response.output_item.done", "output_index": 0, "item": {
        "type": "function_call_output", "id": "o", "call_id": "c", "status": "completed",
        "output": [{"type": "input_image", "image_url": "x", "detail": "auto"}]}}  # fmt: skip
    assert written(dialect, load_event(plain))["item"]["output"] == ""
    assert "a function's output is text in VT Code; other parts of it are left out" in dialect.notes


ERROR = ErrorEvent(error=ErrorPayload(type="too_many_requests", code="slow", message="Slow down.", param="input"))


def test_an_error_event_becomes_the_failed_responses_error() -> None:
    dialect = vtcode()
    assert dialect.write(ERROR) is None
    assert "VT Code has no error event; it becomes the failed response's error" in dialect.notes
    failed = ResponseFailed(response=response("failed"))
    assert written(dialect, failed)["response"]["error"] == {
        "type": "too_many_requests", "code": "slow", "message": "Slow down.", "param": "input"}  # fmt: skip


def test_the_failed_responses_own_error_is_kept_and_gets_its_type() -> None:
    own = ResponseError(code="broken", message="It broke.")
    failed = ResponseFailed(response=response("failed", error=own))
    expected = {"type": "server_error", "code": "broken", "message": "It broke."}
    assert written(vtcode(), failed)["response"]["error"] == expected
    dialect = vtcode()
    dialect.write(ERROR)
    assert written(dialect, failed)["response"]["error"] == expected | {"type": "too_many_requests"}


def test_an_error_of_a_type_vtcode_has_not_gets_the_nearest() -> None:
    dialect = vtcode()
    dialect.write(ErrorEvent(error=ErrorPayload(type="acme", code=None, message="No.", param=None)))
    error = written(dialect, ResponseFailed(response=response("failed")))["response"]["error"]
    assert error == {"type": "server_error", "message": "No."}
    assert written(dialect, ResponseCompleted(response=response("completed")))["response"]["error"] is None


def test_a_value_vtcode_would_refuse_becomes_the_nearest_it_has() -> None:
    dialect = begun()
    message = MessageItem(id="m", status="searching", role="critic", content=[])
    plain = written(dialect, OutputItemDone(output_index=0, item=message))["item"]
    assert plain == {"type": "message", "id": "m", "status": "in_progress", "role": "assistant", "content": []}
    odd = response("cancelled", incomplete_details=IncompleteDetails(reason="tired"))
    snapshot = ResponseIncomplete(response=odd)
    fields = written(dialect, snapshot)["response"]
    assert (fields["status"], fields["incomplete_details"]) == ("failed", {"reason": "cancelled"})
    assert dialect.notes == {
        "VT Code has no status 'searching'; it becomes in_progress": 1,
        "VT Code has no role 'critic'; it becomes assistant": 1,
        "VT Code has no status 'cancelled'; it becomes failed": 1,
        "VT Code has no reason 'tired'; it becomes cancelled": 1,
    }


def test_items_in_a_snapshot_are_written_as_in_events() -> None:
    plain = written(vtcode(), ResponseCompleted(response=response("completed", [MESSAGE, REASONING, CALL])))["response"]
    assert [item.get("content", item.get("arguments")) for item in plain["output"]] == [
        [to_plain(TEXT_PART)], "The user greets.", {"at": "sky"}]  # fmt: skip
    odd = load_event({"type": "response.completed", "response": {"output": [5, {"id": 1}, {"type": "message"}]}})
    assert written(vtcode(), odd)["response"] == {
        "output": [5, {"id": 1}, {"type": "message", "content": []}]}  # fmt: skip


def test_a_whole_stream_of_the_specification_is_read_back_from_vtcode() -> None:
    stream = [
        ResponseCreated(response=response()),
        OutputItemAdded(output_index=0, item=ReasoningItem(id="rs_1", status="in_progress", summary=[])),
        *(
            event
            for event in STANDARD
            if getattr(event, "item_id", None) == "rs_1" and "summary" not in event.event_type
        ),
        OutputItemDone(output_index=0, item=REASONING),
        ContentPartAdded(item_id="m", output_index=1, content_index=0, part=OutputTextContent(text="", annotations=[])),
        OutputTextDone(item_id="m", output_index=1, content_index=0, text="Hi"),
        EXTENSIONS[0],
        EXTENSIONS[1],
        ResponseCompleted(response=response("completed", [REASONING, MESSAGE, CALL])),
    ]
    encoder = SSEEncoder(vtcode())
    data = b"".join(map(encoder.encode, stream)) + encoder.done()
    again = [without_response_id(written(OPENRESPONSES, event)) for event in read_sse(data, dialect=vtcode())]
    assert again == [without_defaults(to_plain(event)) for event in stream]
    assert not encoder.dialect.notes
