"""What the module that Penstock grew from does, held row by row: VT Code's `open_responses/events.rs`.

Each class is one row of its behaviour. Rows about the wire are about the dialect `vtcode`.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from penstock import (
    Arguments,
    CallbackEmitter,
    Extension,
    FunctionCall,
    JSONLEmitter,
    ListStreamEmitter,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Response,
    ResponseReader,
    ResponseWriter,
    SequencedEmitter,
    SequencedEvent,
    StreamEventEmitter,
    StreamStateError,
    TeeEmitter,
    Text,
    Usage,
    WriterOptions,
    read_jsonl,
    read_sse,
    sequence,
)
from penstock.spec import events as e
from penstock.spec.base import Extra, is_extension_name
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import ExtensionItem, FunctionCallItem, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload
from penstock.stream.states import (
    ITEM_TABLE,
    RESPONSE_TABLE,
    ItemInput,
    ItemState,
    OrderRule,
    ResponseInput,
    ResponseState,
)
from penstock.wire.codec import EventCodec
from penstock.wire.dialects import dialect_by_name, vtcode
from penstock.wire.formats import read_events
from penstock.wire.sse import SSEEncoder
from tests.stream.samples import EXTENSION, ITEMS, MESSAGE, PAYLOAD, RESPONSE, event, terminal, writer, written
from tests.stream.validity import assert_valid

SEED_TYPES = (
    "response.created",
    "response.in_progress",
    "response.completed",
    "response.failed",
    "response.incomplete",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.reasoning.delta",
    "response.reasoning.done",
)
"""The seed's named events; the sixteenth is the custom one."""

EVENTS: dict[str, ResponseStreamEvent] = {
    found.event_type: found for cls in e.STANDARD_EVENTS for found in [event(cls.__name__, sequence_number=3)]
}
SEED_EVENTS = [EVENTS[name] for name in SEED_TYPES]
NOT_IN_THE_SEED = [found for name, found in EVENTS.items() if name not in SEED_TYPES]
CUSTOM = e.ExtensionEvent(sequence_number=3, fields=Extra({"type": "vtcode:trace_event", "a": {"b": [1]}}))


def wire(found: ResponseStreamEvent, codec: EventCodec | None = None) -> dict[str, Any]:
    """The event as JSON."""
    data = (codec or EventCodec()).encode(found)
    assert data is not None
    decoded: dict[str, Any] = json.loads(data)
    return decoded


class TestOneEnumOfEvents:
    """One enum of 16 events, tagged by `type`, serialised and deserialised, comparable, cloneable."""

    @pytest.mark.parametrize("found", [*EVENTS.values(), CUSTOM], ids=lambda found: found.event_type)
    def test_tagged_by_type_there_and_back(self, found: ResponseStreamEvent) -> None:
        assert wire(found)["type"] == found.event_type
        data = EventCodec().encode(found)
        assert data is not None
        assert EventCodec().decode(data) == found

    def test_comparable(self) -> None:
        assert event("OutputTextDelta") == event("OutputTextDelta")
        assert event("OutputTextDelta") != event("OutputTextDelta", delta="y")
        assert event("OutputTextDelta") != event("RefusalDelta")

    def test_cloneable(self) -> None:
        found = event("OutputTextDelta")
        clone = replace(found, delta="y")
        assert (found.delta, clone.delta) == ("x", "y")  # type: ignore[union-attr]

    def test_every_event_of_the_seed_is_one_of_ours(self) -> None:
        assert set(SEED_TYPES) <= set(EVENTS)


class TestFields:
    """Lifecycle events carry a `response`; all others `response_id`, `output_index`, `item_id`, `content_index`."""

    @pytest.mark.parametrize("found", SEED_EVENTS, ids=lambda found: found.event_type)
    def test_where_they_apply(self, found: ResponseStreamEvent) -> None:
        fields = set(type(found).__struct_fields__)
        if found.is_response_event:
            assert "response" in fields
        else:
            assert {"response_id", "output_index"} <= fields
            assert ("item_id" in fields) != ("item" in fields)
            assert ("content_index" in fields) == found.event_type.startswith(
                ("response.content_part", "response.output_text", "response.reasoning")
            )

    def test_response_id_is_not_written_unless_asked_for(self) -> None:
        found = event("OutputTextDelta", response_id="resp_1")
        assert "response_id" not in wire(found)
        assert wire(found, EventCodec(vtcode()))["response_id"] == "resp_1"

    def test_response_id_is_always_read(self) -> None:
        data = json.dumps(wire(event("OutputTextDelta")) | {"response_id": "resp_1"})
        assert EventCodec().decode(data).response_id == "resp_1"


class TestReasoning:
    """`response.reasoning.delta` and `.done` have no content index; done carries the whole item."""

    def test_without_a_content_index(self) -> None:
        written_form = wire(event("ReasoningDelta", response_id="r"), EventCodec(vtcode()))
        assert "content_index" not in written_form
        read_form = EventCodec(vtcode()).decode(json.dumps(written_form))
        assert read_form == event("ReasoningDelta", response_id="r")

    def test_done_carries_the_item(self) -> None:
        written_form = wire(
            event("ReasoningDone", item_id="rs_1", text="because", response_id="r"), EventCodec(vtcode())
        )
        assert "text" not in written_form
        assert written_form["item"]["id"] == "rs_1"
        assert written_form["item"]["content"] == "because"
        read_form = EventCodec(vtcode()).decode(json.dumps(written_form))
        assert read_form == event("ReasoningDone", item_id="rs_1", text="because", response_id="r")


class TestCustomEvents:
    """`response.custom_event` with `event_type` (a slug first), `sequence_number`, `data`."""

    def test_there_and_back(self) -> None:
        codec = EventCodec(vtcode())
        assert codec.encode(replace(EVENTS["response.created"])) is not None
        assert wire(CUSTOM, codec) == {
            "type": "response.custom_event",
            "response_id": "resp_1",
            "event_type": "vtcode.trace_event",
            "sequence_number": 3,
            "data": {"a": {"b": [1]}},
        }
        read_form = EventCodec(vtcode()).decode(json.dumps(wire(CUSTOM, codec)))
        assert isinstance(read_form, e.ExtensionEvent)
        assert read_form.event_type == "vtcode:trace_event"
        assert read_form["a"] == {"b": [1]}
        assert (read_form.sequence_number, read_form.response_id) == (3, "resp_1")

    def test_in_the_specification_they_are_events_of_their_own(self) -> None:
        assert wire(CUSTOM) == {"type": "vtcode:trace_event", "sequence_number": 3, "a": {"b": [1]}}


class TestWhatAnEventTellsOfItself:
    """`response_id()`, `event_type()`, `is_response_event()`, `is_terminal()`."""

    @pytest.mark.parametrize("found", SEED_EVENTS, ids=lambda found: found.event_type)
    def test_of_each(self, found: ResponseStreamEvent) -> None:
        lifecycle = SEED_TYPES[:5]
        assert found.is_response_event == (found.event_type in lifecycle)
        assert found.is_terminal == (found.event_type in lifecycle[2:])
        if found.is_response_event:
            assert found.response_id == "resp_1"
        else:
            assert replace(found, response_id="resp_2").response_id == "resp_2"

    def test_of_the_custom_one(self) -> None:
        assert CUSTOM.event_type == "vtcode:trace_event"
        assert not CUSTOM.is_response_event
        assert not CUSTOM.is_terminal


class TestCallback:
    """A callback type: shared, locked, called with each event."""

    def test_from_several_threads(self) -> None:
        called: list[ResponseStreamEvent] = []
        emitter = CallbackEmitter(called.append)
        threads = [threading.Thread(target=emitter.emit, args=[found]) for found in SEED_EVENTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found.event_type for found in called) == sorted(SEED_TYPES)


class TestTrait:
    """`StreamEventEmitter`: one required `emit`, and conveniences."""

    def test_one_required_method(self) -> None:
        class Mine(StreamEventEmitter):
            def __init__(self) -> None:
                self.types: list[str] = []

            def emit(self, event: ResponseStreamEvent) -> None:
                self.types.append(event.event_type)

        mine = Mine()
        mine.response_created(RESPONSE)
        mine.response_in_progress(RESPONSE)
        mine.response_completed(RESPONSE)
        mine.response_failed(RESPONSE)
        mine.output_item_added(0, MESSAGE, response_id="resp_1")
        mine.output_item_done(0, MESSAGE, response_id="resp_1")
        mine.output_text_delta("msg_1", 0, 0, "x", response_id="resp_1")
        mine.reasoning_delta("rs_1", 0, 0, "x", response_id="resp_1")
        assert mine.types == [
            "response.created",
            "response.in_progress",
            "response.completed",
            "response.failed",
            "response.output_item.added",
            "response.output_item.done",
            "response.output_text.delta",
            "response.reasoning.delta",
        ]

    def test_emit_is_required(self) -> None:
        with pytest.raises(TypeError, match="emit"):
            StreamEventEmitter()  # type: ignore[abstract]


class TestVecStreamEmitter:
    """Collects; `events()` and `into_events()` are here `events` and `take()`."""

    def test_collects(self) -> None:
        emitter = ListStreamEmitter()
        emitter.response_created(RESPONSE)
        assert len(emitter.events) == 1
        assert emitter.take() == [event("ResponseCreated")]
        assert len(emitter.events) == 0


class TestSequencedEvent:
    """The number and the event, flattened."""

    def test_on_the_wire_the_number_stands_beside_the_events_own_fields(self) -> None:
        flat = SequencedEvent(7, event("OutputTextDelta")).flatten()
        assert wire(flat) == wire(event("OutputTextDelta")) | {"sequence_number": 7}

    def test_a_sequence_counts_from_zero(self) -> None:
        assert [found.sequence_number for found in sequence(SEED_EVENTS)] == list(range(15))

    def test_an_emitter_numbers_each_export_from_zero(self) -> None:
        for _ in range(2):
            collected = ListStreamEmitter()
            numbering = SequencedEmitter(collected)
            for found in SEED_EVENTS:
                numbering.emit(found)
            assert [found.sequence_number for found in collected.events] == list(range(15))


class TestStatuses:
    """Statuses as state machines: `in_progress -> completed | incomplete | failed`, terminal, success."""

    def test_of_a_response(self) -> None:
        for given, state in [
            (ResponseInput.COMPLETED, ResponseState.COMPLETED),
            (ResponseInput.INCOMPLETE, ResponseState.INCOMPLETE),
            (ResponseInput.FAILED, ResponseState.FAILED),
        ]:
            cell = RESPONSE_TABLE[ResponseState.IN_PROGRESS, given]
            assert (cell.state, cell.rule) == (state, None)
            assert state.is_terminal
        assert not ResponseState.IN_PROGRESS.is_terminal
        assert not ResponseState.QUEUED.is_terminal

    def test_terminal_is_terminal(self) -> None:
        for state in ResponseState:
            if state.is_terminal:
                assert all(
                    RESPONSE_TABLE[state, given].rule is OrderRule.EVENT_AFTER_TERMINAL for given in ResponseInput
                )
        assert all(ITEM_TABLE[ItemState.DONE, given].rule is not None for given in ItemInput)

    def test_in_a_written_stream(self) -> None:
        events = written("a", FunctionCall("f", {}))
        assert [found.item.status for found in events if isinstance(found, e.OutputItemAdded)] == ["in_progress"] * 2
        assert [found.item.status for found in events if isinstance(found, e.OutputItemDone)] == ["completed"] * 2
        assert terminal(events).status == "completed"


class TestExtensionNames:
    """`slug:name`, with letters, digits and underscores on both sides."""

    @pytest.mark.parametrize("name", ["acme:search_result", "vtcode:file_change", "a1_b:c2_d"])
    def test_that_are_fine(self, name: str) -> None:
        assert is_extension_name(name)
        item = ExtensionItem(fields=Extra({"type": name}))
        assert terminal(written(ReadyItem(item))).output[0].__class__ is ExtensionItem

    @pytest.mark.parametrize("name", ["", "search_result", ":x", "acme:", "a b:c", "acme:ä", "a:b c"])
    def test_that_are_not(self, name: str) -> None:
        assert not is_extension_name(name)
        with pytest.raises(StreamStateError):
            writer(None).send(ReadyItem(ExtensionItem(fields=Extra({"type": name}))))
        with pytest.raises(StreamStateError):
            writer(None).send(Extension(name))


class TestBuilder:
    """A response builder that turns what an agent does into the stream, and refuses anything after a terminal event."""

    def test_turns_an_agents_turn_into_a_stream(self) -> None:
        events = written(
            Reasoning("hm"),
            "Hello",
            FunctionCall("f", key="k"),
            Arguments("{}", "k"),
            Usage(input_tokens=1, output_tokens=2),
        )
        assert_valid(events)
        assert [type(item) for item in terminal(events).output] == [ReasoningItem, MessageItem, FunctionCallItem]

    @pytest.mark.parametrize("end", ["finish", "incomplete", "fail"])
    def test_refuses_anything_after_the_end(self, end: str) -> None:
        emitter = ListStreamEmitter()
        stream = writer(emitter)
        getattr(stream, end)(*[PAYLOAD] if end == "fail" else [])
        count = len(emitter.events)
        for output in ("text", Text("text"), FunctionCall("f"), Usage(input_tokens=1, output_tokens=1)):
            with pytest.raises(StreamStateError):
                stream.send(output)
        assert len(emitter.events) == count


class TestTwoSinks:
    """An emitter that feeds two sinks."""

    def test_feeds_both(self) -> None:
        one, two = ListStreamEmitter(), ListStreamEmitter()
        stream = writer(TeeEmitter(one, two))
        for text in ("a", "b", "c"):
            stream.send(text)
        stream.finish()
        assert one.events == two.events
        assert_valid(one.take())


class TestExport:
    """A JSONL export of the event stream."""

    def test_one_event_a_line_and_back(self) -> None:
        lines: list[bytes] = []
        collected = ListStreamEmitter()
        stream = writer(TeeEmitter(JSONLEmitter(lines.append), collected))
        for text in ("a", "b"):
            stream.send(text)
        stream.finish()
        data = b"".join(lines)
        assert data.count(b"\n") == len(collected.events)
        assert list(read_jsonl([data])) == collected.events

    def test_the_seeds_own_jsonl_is_sse_text_and_told_by_its_content(self) -> None:
        events = written("Hello")
        encoder = SSEEncoder(vtcode())
        data = b"".join([*map(encoder.encode, events), encoder.done()])
        assert data.startswith(b"event: response.created\ndata: {")
        assert data.endswith(b"data: [DONE]\n\n")
        read_back = list(read_events([data], dialect=vtcode()))
        assert ResponseReader(strict=False).feed_all(read_back).text == "Hello"


class TestSwitches:
    """Emit events, include extensions, map tool calls, include reasoning."""

    SAID = (Reasoning("r"), "a", FunctionCall("f", {}), Extension("vtcode:trace"), ReadyItem(EXTENSION))

    def run(self, **switches: Any) -> tuple[Response, list[str]]:  # noqa: ANN401 - any option
        emitter = ListStreamEmitter()
        stream = writer(emitter, options=WriterOptions(**switches))
        for output in self.SAID:
            stream.send(output)
        stream.finish()
        assert_valid(emitter.events)
        return stream.response, [type(item).__name__ for item in stream.response.output]

    def test_all_on(self) -> None:
        assert self.run()[1] == ["ReasoningItem", "MessageItem", "FunctionCallItem", "ExtensionItem"]

    def test_emit_events(self) -> None:
        stream = writer(None)
        for output in self.SAID:
            stream.send(output)
        stream.finish()
        assert stream.response == self.run()[0]

    def test_include_extensions(self) -> None:
        assert "ExtensionItem" not in self.run(extensions=False)[1]

    def test_map_tool_calls(self) -> None:
        assert "FunctionCallItem" not in self.run(tool_calls=False)[1]

    def test_include_reasoning(self) -> None:
        assert "ReasoningItem" not in self.run(reasoning="off")[1]


class TestVTCodeDialect:
    """The stream as VT Code really writes it: written so that it can be read there, read in full with its quirks."""

    def test_can_be_had_by_name(self) -> None:
        assert type(dialect_by_name("vtcode")) is type(vtcode())

    @pytest.mark.parametrize("found", SEED_EVENTS, ids=lambda found: found.event_type)
    def test_response_id_is_on_every_event_without_a_response(self, found: ResponseStreamEvent) -> None:
        codec = EventCodec(vtcode())
        codec.encode(event("ResponseCreated"))
        assert ("response_id" in wire(found, codec)) != found.is_response_event

    @pytest.mark.parametrize("found", NOT_IN_THE_SEED, ids=lambda found: found.event_type)
    def test_events_it_does_not_have_are_never_written_and_it_says_so(self, found: ResponseStreamEvent) -> None:
        dialect = vtcode()
        codec = EventCodec(dialect)
        codec.encode(event("ResponseCreated"))
        data = codec.encode(found)
        assert data is None or json.loads(data)["type"] in SEED_TYPES
        assert dialect.notes

    def test_a_refusal_becomes_output_text(self) -> None:
        events = written(Refusal("no"))
        assert read_by_vtcode(events).text == "no"

    def test_a_summary_comes_with_its_item_as_a_string(self) -> None:
        codec = EventCodec(vtcode())
        [item] = [
            json.loads(data)["item"]
            for found in written(ReasoningSummary("short"))
            if isinstance(found, e.OutputItemDone) and (data := codec.encode(found)) is not None
        ]
        assert item["summary"] == "short"

    def test_an_error_event_becomes_the_error_of_the_failed_response(self) -> None:
        emitter = ListStreamEmitter()
        stream = writer(emitter)
        stream.fail(ErrorPayload(type="model_error", code="overloaded", message="Too much.", param=None))
        codec = EventCodec(vtcode())
        data = [codec.encode(found) for found in emitter.events]
        assert data[-2] is None
        assert data[-1] is not None
        assert json.loads(data[-1])["response"]["error"]["message"] == "Too much."

    def test_arguments_are_json_in_items_and_text_in_events(self) -> None:
        codec = EventCodec(vtcode())
        forms = {found.event_type: wire(found, codec) for found in written(FunctionCall("f", {"a": 1}))}
        assert forms["response.output_item.done"]["item"]["arguments"] == {"a": 1}
        assert forms["response.function_call_arguments.done"]["arguments"] == '{"a":1}'

    def test_an_item_of_its_own_keeps_everything_below_data(self) -> None:
        item = ExtensionItem(
            fields=Extra({"type": "vtcode:file_change", "id": "f", "status": "completed", "path": "a.rs"})
        )
        written_form = wire(event("OutputItemDone", item=item), EventCodec(vtcode()))["item"]
        assert written_form["data"] == {"path": "a.rs"}
        assert read_by_vtcode([event("OutputItemDone", item=item)]).output == [item]

    def test_the_last_of_two_sequence_numbers_counts(self) -> None:
        data = (
            b'{"sequence_number":4,"type":"response.custom_event","response_id":"r",'
            b'"event_type":"vtcode.thread_completed","sequence_number":9,"data":{}}'
        )
        found = EventCodec(vtcode()).decode(data)
        assert (found.event_type, found.sequence_number) == ("vtcode:thread_completed", 9)

    @pytest.mark.parametrize("name", ITEMS)
    def test_every_kind_of_item_goes_there_and_back(self, name: str) -> None:
        codec = EventCodec(vtcode())
        codec.encode(event("ResponseCreated"))
        found = EventCodec(vtcode()).decode(json.dumps(wire(event("OutputItemAdded", item=ITEMS[name]), codec)))
        assert isinstance(found, e.OutputItemAdded)
        assert found.item.id == ITEMS[name].id
        assert type(found.item) is type(ITEMS[name])

    def test_a_response_with_eight_keys_is_read(self) -> None:
        data = json.dumps(
            {
                "type": "response.created",
                "response": {
                    "id": "resp_1",
                    "object": "response",
                    "created_at": 1,
                    "status": "in_progress",
                    "model": "gpt-5",
                    "output": [],
                    "tools": None,
                    "metadata": {},
                },
            }
        )
        found = EventCodec(vtcode()).decode(data)
        assert isinstance(found, e.ResponseCreated)
        assert (found.response.id, found.response.model, found.response.tools) == ("resp_1", "gpt-5", [])

    def test_a_whole_stream_is_read_back_with_all_its_text(self) -> None:
        events = written(
            Reasoning("because"), "Hel", "lo", FunctionCall("f", {"a": 1}), Extension("vtcode:trace", {"ms": 1})
        )
        assert_valid(events)
        reader = read_by_vtcode(events)
        assert reader.text == "Hello"
        assert [json.loads(call.arguments) for call in reader.function_calls] == [{"a": 1}]
        assert reader.state is ResponseState.COMPLETED


def read_by_vtcode(events: list[ResponseStreamEvent]) -> ResponseReader:
    """A tolerant reading of `events`, written and read in VT Code's form."""
    encoder = SSEEncoder(vtcode())
    data = b"".join([*map(encoder.encode, events), encoder.done()])
    return ResponseReader(strict=False).feed_all(read_sse([data], dialect=vtcode()))


class TestVTCodesFaults:
    """A reader must survive them, and lose nothing."""

    def test_text_that_comes_with_the_end_only(self) -> None:
        reader = ResponseReader(strict=False).feed_all(
            [
                event("ResponseCreated"),
                event("OutputItemAdded"),
                event("ContentPartAdded"),
                event("OutputTextDone", text="Hello"),
                event("ContentPartDone"),
                event("OutputItemDone"),
                event("ResponseCompleted"),
            ]
        )
        assert reader.text == "Hello"

    def test_reasoning_parts_that_were_never_added(self) -> None:
        reader = ResponseReader(strict=False).feed_all(
            [
                event("ResponseCreated"),
                event("OutputItemAdded", item=ITEMS["reasoning"]),
                event("ReasoningDelta", delta="a"),
                event("ReasoningDelta", delta="b"),
                event("ContentPartDone"),
            ]
        )
        assert [violation.rule.name for violation in reader.violations] == ["PART_NOT_ADDED", "CONTENT_DONE_ABSENT"]
        [item] = reader.output
        assert isinstance(item, ReasoningItem)
        assert [getattr(part, "text", "") for part in item.content or []] == ["ab"]

    def test_a_second_turn_after_the_end(self) -> None:
        first = written("one")
        second = [replace(found, output_index=1) for found in written("two") if isinstance(found, e.ItemEvent)]
        reader = ResponseReader(strict=False).feed_all([*first, *second, event("ResponseCompleted")])
        assert [violation.rule.name for violation in reader.violations] == ["EVENT_AFTER_TERMINAL"]
        assert reader.text == "onetwo"

    def test_parts_whose_item_was_filtered_out_and_gaps_in_the_indexes(self) -> None:
        reader = ResponseReader(strict=False).feed_all(
            [
                event("ResponseCreated"),
                event("ContentPartAdded", output_index=2),
                event("OutputTextDelta", output_index=2, delta="a"),
                event("OutputItemAdded", output_index=5),
                event("OutputTextDelta", output_index=5, delta="b"),
            ]
        )
        assert reader.text == "ab"


def test_a_writer_of_ones_own_needs_no_more_than_an_emitter_ids_and_a_clock() -> None:
    emitter = ListStreamEmitter()
    numbers = iter(range(100))
    stream = ResponseWriter(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0)
    with stream:
        stream.send("Hi")
    assert_valid(emitter.take())
