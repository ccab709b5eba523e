from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.events import ResponseStreamEvent
from penstock.stream import emitters
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.emitters import (
    CallbackEmitter,
    ListStreamEmitter,
    SequencedEmitter,
    SequencedEvent,
    TeeEmitter,
    sequence,
)
from tests.stream.samples import CITATION, EMPTY_TEXT, MESSAGE, PAYLOAD, RESPONSE, event

PLACE: dict[str, object] = {"item_id": "msg_1", "output_index": 1, "content_index": 2}
SUMMARY_PLACE: dict[str, object] = {"item_id": "rs_1", "output_index": 1, "summary_index": 2}
CALL_PLACE: dict[str, object] = {"item_id": "fc_1", "output_index": 1}
CONVENIENCES: dict[str, tuple[type[e.StandardEvent], dict[str, object]]] = {
    "response_created": (e.ResponseCreated, {"response": RESPONSE}),
    "response_queued": (e.ResponseQueued, {"response": RESPONSE}),
    "response_in_progress": (e.ResponseInProgress, {"response": RESPONSE}),
    "response_completed": (e.ResponseCompleted, {"response": RESPONSE}),
    "response_failed": (e.ResponseFailed, {"response": RESPONSE}),
    "response_incomplete": (e.ResponseIncomplete, {"response": RESPONSE}),
    "output_item_added": (e.OutputItemAdded, {"output_index": 1, "item": MESSAGE}),
    "output_item_done": (e.OutputItemDone, {"output_index": 1, "item": MESSAGE}),
    "content_part_added": (e.ContentPartAdded, PLACE | {"part": EMPTY_TEXT}),
    "content_part_done": (e.ContentPartDone, PLACE | {"part": EMPTY_TEXT}),
    "output_text_delta": (e.OutputTextDelta, PLACE | {"delta": "x", "logprobs": []}),
    "output_text_done": (e.OutputTextDone, PLACE | {"text": "x", "logprobs": []}),
    "output_text_annotation_added": (
        e.OutputTextAnnotationAdded,
        PLACE | {"annotation_index": 3, "annotation": CITATION},
    ),
    "refusal_delta": (e.RefusalDelta, PLACE | {"delta": "x"}),
    "refusal_done": (e.RefusalDone, PLACE | {"refusal": "x"}),
    "reasoning_delta": (e.ReasoningDelta, PLACE | {"delta": "x"}),
    "reasoning_done": (e.ReasoningDone, PLACE | {"text": "x"}),
    "reasoning_summary_part_added": (e.ReasoningSummaryPartAdded, SUMMARY_PLACE | {"part": EMPTY_TEXT}),
    "reasoning_summary_part_done": (e.ReasoningSummaryPartDone, SUMMARY_PLACE | {"part": EMPTY_TEXT}),
    "reasoning_summary_text_delta": (e.ReasoningSummaryTextDelta, SUMMARY_PLACE | {"delta": "x"}),
    "reasoning_summary_text_done": (e.ReasoningSummaryTextDone, SUMMARY_PLACE | {"text": "x"}),
    "function_call_arguments_delta": (e.FunctionCallArgumentsDelta, CALL_PLACE | {"delta": "x"}),
    "function_call_arguments_done": (e.FunctionCallArgumentsDone, CALL_PLACE | {"arguments": "x"}),
    "error": (e.ErrorEvent, {"error": PAYLOAD}),
}


class Broken(StreamEventEmitter):
    def emit(self, event: ResponseStreamEvent) -> None:
        raise ConnectionError


class TestTheAbstractEmitter:
    def test_asks_for_one_method(self) -> None:
        assert StreamEventEmitter.__abstractmethods__ == {"emit"}

    def test_has_a_name_for_every_event(self) -> None:
        assert {cls for cls, _ in CONVENIENCES.values()} == set(e.STANDARD_EVENTS)
        named = {name for name, _ in inspect.getmembers(StreamEventEmitter, inspect.isfunction)}
        assert set(CONVENIENCES) | {"emit", "deltas"} == {name for name in named if not name.startswith("_")}

    @pytest.mark.parametrize("name", CONVENIENCES)
    def test_makes_the_event_of_that_name(self, name: str) -> None:
        cls, fields = CONVENIENCES[name]
        make: Any = cls
        emitter = ListStreamEmitter()
        getattr(emitter, name)(**fields)
        assert emitter.events == [make(**fields)]
        if issubclass(cls, e.OutputEvent):
            getattr(emitter, name)(**fields, response_id="resp_1")
            assert emitter.events[1] == make(**fields, response_id="resp_1")

    @pytest.mark.parametrize("name", [name for name in CONVENIENCES if name.endswith("_delta")])
    def test_prepares_deltas_that_are_like_one_another(self, name: str) -> None:
        cls, fields = CONVENIENCES[name]
        make: Any = cls
        emitter = ListStreamEmitter()
        emit = emitter.deltas(make(**fields, sequence_number=5))
        emit(6, "a")
        emit(7, "b")
        assert emitter.events == [
            make(**fields | {"delta": "a"}, sequence_number=6),
            make(**fields | {"delta": "b"}, sequence_number=7),
        ]


class TestListStreamEmitter:
    def test_collects_in_order(self) -> None:
        emitter = ListStreamEmitter()
        emitter.emit(event("ResponseCreated"))
        emitter.emit(event("ErrorEvent"))
        assert [one.event_type for one in emitter.events] == ["response.created", "error"]

    def test_the_view_grows_and_cannot_be_changed(self) -> None:
        emitter = ListStreamEmitter()
        view = emitter.events
        emitter.emit(event("ResponseCreated"))
        assert len(view) == 1
        assert view[0] == event("ResponseCreated")
        assert view[:1] == [event("ResponseCreated")]
        assert repr(view) == repr([event("ResponseCreated")])
        assert not hasattr(view, "append")
        same: list[object] = [(event("ResponseCreated"),), [event("ResponseCreated")], emitter.events]
        assert [view == other for other in same] == [True] * 3
        other: list[object] = [[event("ErrorEvent")], (), 5]
        assert [view == one for one in other] == [False] * 3
        with pytest.raises(TypeError, match="unhashable"):
            hash(view)

    def test_taking_the_events_begins_again(self) -> None:
        emitter = ListStreamEmitter()
        view = emitter.events
        emitter.emit(event("ResponseCreated"))
        taken = emitter.take()
        assert taken == [event("ResponseCreated")]
        assert list(view) == []
        emitter.emit(event("ErrorEvent"))
        assert taken == [event("ResponseCreated")]
        assert list(view) == [event("ErrorEvent")]


class TestCallbackEmitter:
    def test_calls_with_each_event(self) -> None:
        called: list[ResponseStreamEvent] = []
        emitter = CallbackEmitter(called.append)
        emitter.emit(event("ResponseCreated"))
        assert called == [event("ResponseCreated")]

    def test_what_the_function_raises_goes_to_whoever_emits_and_the_next_event_is_taken(self) -> None:
        called: list[ResponseStreamEvent] = []

        def callback(one: ResponseStreamEvent) -> None:
            called.append(one)
            if len(called) == 1:
                raise ConnectionError

        emitter = CallbackEmitter(callback)
        with pytest.raises(ConnectionError):
            emitter.emit(event("ResponseCreated"))
        emitter.emit(event("ErrorEvent"))
        assert len(called) == 2

    def test_the_function_may_emit_here_itself(self) -> None:
        called: list[str] = []

        def callback(one: ResponseStreamEvent) -> None:
            called.append(one.event_type)
            if len(called) == 1:
                emitter.emit(event("ErrorEvent"))

        emitter = CallbackEmitter(callback)
        emitter.emit(event("ResponseCreated"))
        assert called == ["response.created", "error"]

    def test_threads_go_one_at_a_time(self) -> None:
        inside = threading.Semaphore(1)
        entered: list[bool] = []

        def callback(one: ResponseStreamEvent) -> None:
            entered.append(inside.acquire(blocking=False))
            inside.release()

        emitter = CallbackEmitter(callback)
        start = threading.Barrier(4)

        def run() -> None:
            start.wait()
            for _ in range(500):
                emitter.emit(event("ErrorEvent"))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert entered == [True] * 2000


class TestTeeEmitter:
    def test_feeds_all_in_order(self) -> None:
        order: list[str] = []
        tee = TeeEmitter(CallbackEmitter(lambda _: order.append("a")), CallbackEmitter(lambda _: order.append("b")))
        tee.emit(event("ResponseCreated"))
        assert order == ["a", "b"]

    def test_each_prepares_its_deltas_for_itself(self) -> None:
        first, second = ListStreamEmitter(), ListStreamEmitter()
        like = event("OutputTextDelta")
        assert isinstance(like, e.OutputTextDelta)
        TeeEmitter(first, SequencedEmitter(second, start=40)).deltas(like)(7, "a")
        assert first.events == [replace(like, sequence_number=7, delta="a")]
        assert second.events == [replace(like, sequence_number=40, delta="a")]

    def test_one_that_raises_keeps_the_event_from_those_after_it(self) -> None:
        before, after = ListStreamEmitter(), ListStreamEmitter()
        with pytest.raises(ConnectionError):
            TeeEmitter(before, Broken(), after).emit(event("ResponseCreated"))
        assert (len(before.events), len(after.events)) == (1, 0)

    def test_without_emitters_it_is_a_drain(self) -> None:
        TeeEmitter().emit(event("ResponseCreated"))


class TestSequence:
    def test_numbers_from_zero_or_from_wherever(self) -> None:
        events = [event("ResponseCreated"), event("ErrorEvent")]
        assert list(sequence(events)) == [SequencedEvent(0, events[0]), SequencedEvent(1, events[1])]
        assert [one.sequence_number for one in sequence(events, start=7)] == [7, 8]

    def test_a_numbered_event_can_be_had_flat(self) -> None:
        flat = SequencedEvent(3, event("ErrorEvent")).flatten()
        assert flat == replace(event("ErrorEvent"), sequence_number=3)
        extension = e.ExtensionEvent(fields=Extra({"type": "acme:x"}))
        assert SequencedEvent(3, extension).flatten().sequence_number == 3

    def test_an_emitter_numbers_what_passes_through(self) -> None:
        inner = ListStreamEmitter()
        emitter = SequencedEmitter(inner, start=5)
        assert emitter.next_number == 5
        emitter.emit(replace(event("ResponseCreated"), sequence_number=99))
        emitter.error(PAYLOAD)
        assert [one.sequence_number for one in inner.events] == [5, 6]
        assert emitter.next_number == 7

    def test_a_number_is_used_once_even_where_the_emitter_raises(self) -> None:
        emitter = SequencedEmitter(Broken())
        with pytest.raises(ConnectionError):
            emitter.emit(event("ResponseCreated"))
        assert emitter.next_number == 1

    def test_an_event_that_is_made_has_no_number(self) -> None:
        assert event("ErrorEvent").sequence_number is UNSET


def test_all_kinds_can_be_had_from_one_module() -> None:
    assert emitters.StreamEventEmitter is StreamEventEmitter
    for name in emitters.__all__:
        assert getattr(emitters, name).__doc__
