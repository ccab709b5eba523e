from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import (
    Content,
    ExtensionContent,
    InputImageContent,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    MessageItem,
    ReasoningItem,
)
from penstock.stream import output as o
from penstock.stream import reader as module
from penstock.stream.fold import TextBuffer, part_text, whole_text, with_text
from penstock.stream.machine import StreamMachine, StreamStateError, Violation, step
from penstock.stream.reader import Difference, ResponseReader
from penstock.stream.states import OrderRule, ResponseState
from tests.stream.samples import (
    CALL,
    CITATION,
    EXTENSION,
    ITEMS,
    MESSAGE,
    PAYLOAD,
    REASONING,
    RESPONSE,
    event,
    extension_part,
    terminal,
    written,
)
from tests.stream.strategies import Program, programs
from tests.stream.strategies import events as any_events
from tests.stream.test_programs import run

SHARED = [
    event("OutputItemDone"),
    event("ContentPartDone"),
    event("OutputTextDone"),
    event("RefusalDone"),
    event("FunctionCallArgumentsDone"),
    event("ReasoningSummaryPartDone"),
    event("ReasoningSummaryTextDone"),
    event("ResponseCompleted"),
]


@pytest.mark.parametrize("told", SHARED, ids=lambda told: type(told).__name__)
def test_an_event_about_what_is_not_known_shares_nothing_and_stays_the_same(told: Any) -> None:  # noqa: ANN401
    reader = ResponseReader()
    assert reader.shared(told) == told
    reader.feed(event("ResponseCreated"))
    reader.feed(event("ResponseInProgress"))
    reader.feed(event("OutputItemAdded"))
    assert reader.shared(told) == told
    reader.join()
    assert reader.shared(told) == told


def test_joining_what_is_open_changes_nothing() -> None:
    reader = ResponseReader(strict=False)
    reader.feed_all(event(name) for name in ("ResponseCreated", "ResponseInProgress", "OutputItemAdded"))
    reader.feed_all(event("OutputTextDelta", delta=piece) for piece in "abc")
    before = reader.response
    reader.join()
    assert reader.response == before
    assert reader.text == "abc"
    reader.feed(event("OutputTextDelta", delta="d"))
    assert reader.text == "abcd"


def test_joining_passes_over_an_item_that_a_second_response_did_away_with() -> None:
    reader = ResponseReader(strict=False)
    names = ["ResponseCreated", "ResponseInProgress", "ResponseCompleted", "ResponseInProgress", "OutputItemAdded"]
    reader.feed_all(event(name) for name in [*names, "ResponseCreated"])
    assert (reader.output, list(reader.machine.open_items)) == ([], [0])
    reader.join()
    assert reader.output == []


CREATED = event("ResponseCreated")
ADDED = event("OutputItemAdded")
PART = event("ContentPartAdded")


def read(*events: e.ResponseStreamEvent) -> ResponseReader:
    return ResponseReader(strict=False).feed_all(events)


def text(delta: str, **fields: object) -> e.ResponseStreamEvent:
    return event("OutputTextDelta", delta=delta, **fields)


def message(*parts: Content, **fields: Any) -> MessageItem:  # noqa: ANN401 - any field of a message
    return replace(MESSAGE, content=list(parts), **fields)


def output_text(said: str, **fields: Any) -> OutputTextContent:  # noqa: ANN401 - any field of a part
    return OutputTextContent(text=said, annotations=[], **fields)


def log(token: str) -> LogProb:
    return LogProb(token=token, logprob=-1.0, bytes=[], top_logprobs=[])


class TestAtAnyMoment:
    def test_there_is_no_response_before_the_first_event(self) -> None:
        reader = ResponseReader()
        assert reader.response is None
        assert reader.output == []
        assert reader.text == ""
        assert reader.function_calls == []
        assert reader.state is ResponseState.NEW
        assert reader.last_sequence_number is UNSET
        assert reader.differences() == []
        with pytest.raises(KeyError):
            reader.item(0)

    def test_the_text_grows_with_the_deltas(self) -> None:
        reader = read(CREATED, ADDED, PART)
        seen = []
        for delta in ("Hel", "lo", "", "!"):
            reader.feed(text(delta))
            seen.append(reader.text)
        assert seen == ["Hel", "Hello", "Hello", "Hello!"]

    def test_a_call_under_way_has_the_arguments_that_came(self) -> None:
        reader = read(CREATED, event("OutputItemAdded", item=CALL), event("FunctionCallArgumentsDelta", delta='{"a'))
        assert reader.function_calls == [replace(CALL, arguments='{"a')]
        assert not reader.is_done

    def test_reasoning_has_its_content_and_its_summary(self) -> None:
        reader = read(
            CREATED,
            event("OutputItemAdded", item=REASONING),
            event("ContentPartAdded", part=ReasoningTextContent(text="")),
            event("ReasoningDelta", delta="r"),
            event("ReasoningSummaryPartAdded", part=SummaryTextContent(text="")),
            event("ReasoningSummaryTextDelta", delta="s"),
        )
        assert reader.item(0) == replace(
            REASONING, content=[ReasoningTextContent(text="r")], summary=[SummaryTextContent(text="s")]
        )

    def test_annotations_and_log_probabilities_are_there_while_the_part_is_open(self) -> None:
        reader = read(
            CREATED,
            ADDED,
            PART,
            text("a", logprobs=[log("a")]),
            text("b", logprobs=[log("b")]),
            event("OutputTextAnnotationAdded"),
        )
        assert reader.item(0) == message(
            OutputTextContent(text="ab", annotations=[CITATION], logprobs=[log("a"), log("b")])
        )

    def test_an_extension_event_touches_nothing(self) -> None:
        reader = read(CREATED, ADDED, PART, text("a"))
        before = reader.response
        reader.feed(event("ExtensionEvent"))
        assert reader.response == before

    def test_an_extension_event_may_be_the_first(self) -> None:
        reader = ResponseReader()
        reader.feed(event("ExtensionEvent"))
        assert reader.response is not None
        assert reader.response.id == ""

    def test_the_last_number_is_what_a_client_resumes_after(self) -> None:
        reader = ResponseReader()
        for number, one in enumerate([CREATED, ADDED, PART, text("a"), text("b")]):
            reader.feed(replace(one, sequence_number=number * 2))
            assert reader.last_sequence_number == number * 2

    @pytest.mark.parametrize("hot", [False, True])
    def test_an_event_without_a_number_leaves_the_last_one(self, hot: bool) -> None:  # noqa: FBT001
        reader = read(CREATED, ADDED, PART)
        reader.feed(text("a", sequence_number=7))
        reader.feed(text("b") if hot else event("OutputTextDone", text="a"))
        assert reader.last_sequence_number == 7

    def test_an_error_is_kept(self) -> None:
        reader = read(CREATED, event("ErrorEvent"))
        assert reader.error == PAYLOAD
        assert reader.state is ResponseState.ERROR

    def test_the_machine_tells_what_is_open(self) -> None:
        assert list(read(CREATED, ADDED, PART).machine.open_places) == ["output[0]", "output[0].content[0]"]


class TestStrict:
    def test_a_refused_event_is_as_if_it_had_not_come(self) -> None:
        reader = ResponseReader().feed_all([CREATED, ADDED, PART, text("a", sequence_number=3)])
        before = reader.response, reader.state, reader.last_sequence_number
        with pytest.raises(StreamStateError) as caught:
            reader.feed(event("RefusalDelta", sequence_number=4))
        assert caught.value.violation is not None
        assert caught.value.violation.rule is OrderRule.WRONG_CONTENT_FOR_PART
        assert (reader.response, reader.state, reader.last_sequence_number) == before
        reader.feed(text("b"))
        assert reader.text == "ab"

    @settings(deadline=None, max_examples=200)
    @given(programs(), any_events, st.data())
    def test_no_refused_event_leaves_a_trace(
        self, program: Program, wrong: e.ResponseStreamEvent, data: st.DataObject
    ) -> None:
        events = run(program)
        reader, other = ResponseReader(), ResponseReader()
        at = data.draw(st.integers(0, len(events)))
        for one in events[:at]:
            reader.feed(one)
            other.feed(one)
        try:
            reader.feed(wrong)
        except StreamStateError as error:
            assert error.violation is not None  # noqa: PT017 - whether it raises is not the question
            for one in events[at:]:
                reader.feed(one)
                other.feed(one)
        else:
            other.feed(wrong)
        assert reader.response == other.response
        assert reader.error == other.error
        assert reader.state is other.state


class TestTolerant:
    def test_a_violation_is_noted_and_reading_goes_on(self) -> None:
        reader = read(CREATED, text("a"), text("b"), event("ResponseCompleted"))
        assert [v.rule for v in reader.violations] == [OrderRule.ITEM_NOT_ADDED, OrderRule.ITEM_DONE_ABSENT]
        assert reader.text == "ab"

    @pytest.mark.parametrize(
        ("name", "item"),
        [
            ("OutputTextDelta", message(output_text("x"))),
            ("OutputTextDone", message(output_text("x"))),
            ("RefusalDelta", message(RefusalContent(refusal="x"))),
            ("RefusalDone", message(RefusalContent(refusal="x"))),
            ("ContentPartDone", message(output_text(""))),
            ("OutputTextAnnotationAdded", message(OutputTextContent(text="", annotations=[CITATION]))),
            ("ReasoningDelta", ReasoningItem(id="msg_1", summary=[], content=[ReasoningTextContent(text="x")])),
            ("ReasoningDone", ReasoningItem(id="msg_1", summary=[], content=[ReasoningTextContent(text="x")])),
            ("ReasoningSummaryTextDelta", ReasoningItem(id="msg_1", summary=[SummaryTextContent(text="x")])),
            ("ReasoningSummaryTextDone", ReasoningItem(id="msg_1", summary=[SummaryTextContent(text="x")])),
            ("FunctionCallArgumentsDelta", FunctionCallItem(id="msg_1", call_id="", name="", arguments="x", status="")),
            ("FunctionCallArgumentsDone", FunctionCallItem(id="msg_1", call_id="", name="", arguments="x", status="")),
            ("OutputItemDone", message()),
        ],
    )
    def test_what_was_never_added_is_what_its_content_implies(self, name: str, item: Item) -> None:
        [found] = read(CREATED, event(name)).output
        assert found == replace(item, status="in_progress")

    def test_reasoning_is_told_by_its_part(self) -> None:
        [found] = read(CREATED, event("ContentPartAdded", part=ReasoningTextContent(text=""))).output
        assert isinstance(found, ReasoningItem)

    def test_indexes_may_have_gaps(self) -> None:
        reader = read(CREATED, text("b", output_index=10**12), text("a", output_index=3, content_index=10**12))
        assert [item.text for item in reader.output if isinstance(item, MessageItem)] == ["a", "b"]

    def test_two_items_under_one_index_are_both_there(self) -> None:
        other = replace(MESSAGE, id="msg_2")
        reader = read(CREATED, ADDED, PART, text("a"), event("OutputItemAdded", item=other), PART, text("b"))
        assert reader.output == [message(output_text("a")), replace(other, content=[output_text("b")])]

    def test_two_parts_under_one_index_are_both_there(self) -> None:
        done = event("ContentPartDone", part=output_text("a"))
        reader = read(CREATED, ADDED, PART, text("a"), done, PART, text("b"))
        assert reader.output == [message(output_text("a"), output_text("b"))]
        both = message(output_text("a"), output_text("b"))
        reader.feed(event("OutputItemDone", item=both))
        assert reader.output == [both]

    def test_an_item_that_is_added_late_is_the_one_that_was_implied(self) -> None:
        reader = read(CREATED, text("a"), ADDED, PART, text("b"))
        assert reader.output == [message(output_text("ab"))]

    def test_text_in_an_item_that_has_no_place_for_it_is_kept(self) -> None:
        reader = read(CREATED, event("OutputItemAdded", item=CALL), text("a"))
        assert reader.output == [
            replace(CALL, extra=Extra({"content": [{"type": "output_text", "text": "a", "annotations": []}]}))
        ]
        reader = read(CREATED, event("OutputItemAdded", item=CALL), event("ReasoningSummaryTextDelta", delta="s"))
        assert reader.output == [replace(CALL, extra=Extra({"summary": [{"type": "summary_text", "text": "s"}]}))]

    def test_arguments_in_an_item_that_has_no_place_for_them_are_kept(self) -> None:
        delta, done = event("FunctionCallArgumentsDelta", delta="{"), event("FunctionCallArgumentsDone", arguments="{}")
        assert read(CREATED, ADDED, delta).output == [replace(MESSAGE, extra=Extra({"arguments": "{"}))]
        assert read(CREATED, ADDED, delta, done).output == [replace(MESSAGE, extra=Extra({"arguments": "{}"}))]

    def test_an_extension_item_tells_what_was_streamed_to_it_unless_it_does_so_itself(self) -> None:
        added = event("OutputItemAdded", item=EXTENSION)
        part = event("ContentPartAdded", part=extension_part(extra=1))
        [found] = read(CREATED, added, part, text("a")).output
        assert isinstance(found, ExtensionItem)
        assert found["content"] == [{"type": "acme:part", "extra": 1, "text": "a"}]
        whole = ExtensionItem(fields=Extra({**EXTENSION.fields, "content": ["mine"]}))
        assert read(CREATED, added, part, text("a"), event("OutputItemDone", item=whole)).output == [whole]

    def test_text_in_a_part_that_has_no_place_for_it_is_kept(self) -> None:
        image = InputImageContent(image_url=None, detail="auto")
        reader = read(CREATED, ADDED, event("ContentPartAdded", part=image), text("a"))
        assert reader.output == [message(replace(image, extra=Extra({"text": "a"})))]

    def test_a_stray_part_keeps_what_the_type_does_not_know(self) -> None:
        odd = replace(output_text(""), extra=Extra({"colour": "red"}))
        [found] = read(
            CREATED, event("OutputItemAdded", item=CALL), event("ContentPartAdded", part=odd), text("a")
        ).output
        assert isinstance(found, FunctionCallItem)
        assert found.extra["content"] == [{"type": "output_text", "text": "a", "annotations": [], "colour": "red"}]

    def test_a_second_response_in_the_stream_begins_anew(self) -> None:
        reader = read(CREATED, text("a"), event("ErrorEvent"), event("ResponseFailed"))
        reader.feed(replace(event("ResponseCreated"), response=replace(RESPONSE, id="resp_2")))
        assert reader.response == replace(RESPONSE, id="resp_2")
        assert reader.terminal is None
        assert reader.error is None

    def test_a_second_created_event_in_a_response_takes_nothing_away(self) -> None:
        assert read(CREATED, text("a"), CREATED).text == "a"

    @settings(deadline=None, max_examples=300)
    @given(st.lists(any_events, max_size=20))
    def test_nothing_makes_it_raise_and_no_text_is_lost(self, events: list[e.ResponseStreamEvent]) -> None:
        reader = ResponseReader(strict=False)
        for one in events:
            reader.feed(one)
            assert reader.response is not None
            reader.differences()
            delta = getattr(one, "delta", "")
            if whole_text(delta) == delta:
                assert delta in said(reader.output), one

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(any_events.filter(lambda one: not hasattr(one, "text") and not hasattr(one, "refusal")), max_size=20)
    )
    def test_deltas_stay_while_nothing_contradicts_them(self, events: list[e.ResponseStreamEvent]) -> None:
        """All deltas to one place stand there joined, whatever else comes, so long as no event tells another text."""
        kept = [one for one in events if not isinstance(one, TELLING)]
        reader = read(*kept)
        joined: dict[object, str] = {}
        for one in kept:
            if isinstance(one, e.OutputTextDelta | e.RefusalDelta | e.ReasoningDelta):
                key = one.output_index, one.content_index
                joined[key] = joined.get(key, "") + one.delta
        everything = said(reader.output)
        for found in joined.values():
            assert whole_text(found) in everything


TELLING = (
    e.OutputItemAdded,
    e.OutputItemDone,
    e.ContentPartAdded,
    e.ContentPartDone,
    e.ReasoningSummaryPartAdded,
    e.ReasoningSummaryPartDone,
    e.FunctionCallArgumentsDone,
    e.ResponseEvent,
)


def said(items: list[Item]) -> str:
    """All the text anywhere in `items`."""

    def walk(value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "".join(map(walk, value))
        if isinstance(value, dict | Extra):
            return "".join(map(walk, value.values()))
        if isinstance(value, Struct):
            return "".join(walk(getattr(value, name)) for name in value.__struct_fields__)
        return ""

    return walk(items)


class TestClosingEvents:
    """They count, unless they tell less than was streamed."""

    @pytest.mark.parametrize(
        ("told", "text_after"),
        [("", "abc"), ("a", "abc"), ("abc", "abc"), ("abcd", "abcd"), ("xyz", "xyz")],
    )
    def test_of_a_part(self, told: str, text_after: str) -> None:
        streamed = (CREATED, ADDED, PART, text("abc"))
        assert read(*streamed, event("OutputTextDone", text=told)).text == text_after
        assert read(*streamed, event("ContentPartDone", part=output_text(told))).text == text_after
        assert read(*streamed, event("OutputItemDone", item=message(output_text(told)))).text == text_after

    @pytest.mark.parametrize(
        ("told", "after"),
        [("", '{"a'), ("{", '{"a'), ('{"a":1}', '{"a":1}'), ("{}", "{}")],
    )
    def test_of_a_call(self, told: str, after: str) -> None:
        streamed = (CREATED, event("OutputItemAdded", item=CALL), event("FunctionCallArgumentsDelta", delta='{"a'))
        done = event("OutputItemDone", item=replace(CALL, arguments=told))
        for closing in (event("FunctionCallArgumentsDone", arguments=told), done):
            assert [call.arguments for call in read(*streamed, closing).function_calls] == [after]

    def test_what_comes_after_them_comes_after_them(self) -> None:
        closed = (CREATED, ADDED, PART, text("a"), event("OutputTextDone", text="ab"), text("c"))
        assert read(*closed).text == "abc"
        assert read(*closed, event("ContentPartDone", part=output_text("abc")), text("d")).text == "abcd"
        assert read(*closed, event("OutputItemDone", item=message(output_text("X")))).text == "X"
        whole = event("OutputItemDone", item=message(output_text("a")))
        assert read(CREATED, whole, text("b")).text == "ab"
        assert read(CREATED, whole, PART, text("b")).text == "ab"
        assert read(CREATED, whole, PART, event("ContentPartAdded", part=output_text("c"))).text == "ac"
        call = (CREATED, event("OutputItemAdded", item=CALL), event("FunctionCallArgumentsDone", arguments="{"))
        late = read(*call, event("FunctionCallArgumentsDelta", delta="}"))
        assert [found.arguments for found in late.function_calls] == ["{}"]

    def test_annotations_and_log_probabilities_stay(self) -> None:
        streamed = (CREATED, ADDED, PART, text("a", logprobs=[log("a")]), event("OutputTextAnnotationAdded"))
        whole = [message(OutputTextContent(text="a", annotations=[CITATION], logprobs=[log("a")]))]
        assert read(*streamed, event("ContentPartDone", part=output_text("a"))).output == whole
        assert read(*streamed, event("OutputItemDone", item=message(output_text("a")))).output == whole

    def test_parts_that_only_the_item_tells_are_there(self) -> None:
        both = message(output_text("a"), output_text("b"))
        assert read(CREATED, ADDED, PART, text("a"), event("OutputItemDone", item=both)).output == [both]

    def test_parts_that_the_item_does_not_tell_are_there(self) -> None:
        reader = read(CREATED, ADDED, text("a"), text("b", content_index=1), event("OutputItemDone"))
        assert reader.output == [message(output_text("a"), output_text("b"))]

    def test_parts_are_matched_as_they_stand_where_an_index_was_left_out(self) -> None:
        whole = message(output_text("a"))
        assert read(CREATED, ADDED, text("a", content_index=1), event("OutputItemDone", item=whole)).output == [whole]

    def test_what_an_item_began_with_stays(self) -> None:
        began = event("OutputItemAdded", item=message(output_text("Hel")))
        assert read(CREATED, began, PART, text("lo")).text == "Hello"
        assert read(CREATED, began, PART, text("Hello")).text == "Hello"
        assert read(CREATED, ADDED, event("ContentPartAdded", part=output_text("Hel")), text("lo")).text == "Hello"
        call = event("OutputItemAdded", item=replace(CALL, arguments="{"))
        delta = event("FunctionCallArgumentsDelta", delta="}")
        assert [found.arguments for found in read(CREATED, call, delta).function_calls] == ["{}"]

    def test_a_reasoning_item_that_tells_no_content_keeps_what_was_streamed(self) -> None:
        reader = read(
            CREATED,
            event("OutputItemAdded", item=REASONING),
            event("ReasoningDelta", delta="r"),
            event("OutputItemDone", item=REASONING),
        )
        assert reader.output == [replace(REASONING, content=[ReasoningTextContent(text="r")])]

    def test_items_that_no_event_streams_are_as_they_were_told(self) -> None:
        for item in (
            CompactionItem(id="c", encrypted_content="x"),
            FunctionCallOutputItem(id="o", call_id="c", output="x", status="completed"),
        ):
            added = event("OutputItemAdded", item=item)
            assert read(CREATED, added, event("OutputItemDone", item=item)).output == [item]


class TestTerminalEvents:
    def test_an_empty_output_in_the_terminal_event_takes_nothing_away(self) -> None:
        reader = read(
            CREATED, ADDED, PART, text("a"), event("ResponseCompleted", response=replace(RESPONSE, output=[]))
        )
        assert reader.text == "a"
        assert reader.differences() == [Difference("output[0]", message(output_text("a")), UNSET)]

    def test_items_that_only_the_terminal_event_told_are_there(self) -> None:
        told = message(output_text("a"))
        reader = read(CREATED, event("ResponseCompleted", response=replace(RESPONSE, output=[told, CALL])))
        assert reader.output == []
        assert reader.text == "a"
        assert reader.function_calls == [CALL]

    def test_text_that_only_the_terminal_event_told_is_there(self) -> None:
        told = message(output_text("a"))
        reader = read(CREATED, ADDED, event("ResponseCompleted", response=replace(RESPONSE, output=[told])))
        assert reader.text == "a"
        assert reader.output == [MESSAGE]

    def test_a_second_terminal_event_takes_nothing_away(self) -> None:
        told = message(output_text("a"))
        reader = read(CREATED, event("ResponseCompleted", response=replace(RESPONSE, output=[told])))
        reader.feed(event("ResponseFailed", response=replace(RESPONSE, status="failed")))
        assert reader.text == "a"
        assert reader.response is not None
        assert reader.response.status == "failed"

    def test_differences_name_the_place(self) -> None:
        streamed = (CREATED, ADDED, PART, text("abc"))
        told = [message(output_text("abX")), EXTENSION]
        reader = read(*streamed, event("ResponseCompleted", response=replace(RESPONSE, output=told)))
        assert reader.differences() == [
            Difference("output[0].content[0].text", "abc", "abX"),
            Difference("output[1]", UNSET, EXTENSION),
        ]

    def test_things_of_another_type_differ_as_a_whole(self) -> None:
        reader = read(CREATED, ADDED, event("ResponseCompleted", response=replace(RESPONSE, output=[CALL])))
        assert reader.differences() == [Difference("output[0]", MESSAGE, CALL)]
        other = ExtensionItem(fields=Extra({**EXTENSION.fields, "status": "completed"}))
        reader = read(
            CREATED,
            event("OutputItemAdded", item=EXTENSION),
            event("ResponseCompleted", response=replace(RESPONSE, output=[other])),
        )
        assert reader.differences() == [Difference("output[0]", EXTENSION, other)]


def slow(reader: ResponseReader) -> None:
    """Make a reader forget the quick way."""
    reader._hot_class = None


@settings(deadline=None, max_examples=100)
@given(st.lists(any_events, max_size=20), programs(), st.data())
def test_the_quick_way_of_the_reader_is_its_slow_way(
    noise: list[e.ResponseStreamEvent], program: Program, data: st.DataObject
) -> None:
    events = run(program)
    for one in noise:
        events.insert(data.draw(st.integers(0, len(events))), one)
    quick, careful = ResponseReader(strict=False), ResponseReader(strict=False)
    for one in events:
        slow(careful)
        quick.feed(one)
        careful.feed(one)
        assert quick.response == careful.response
        assert quick.last_sequence_number == careful.last_sequence_number
    assert quick.violations == careful.violations


def test_deltas_in_turn_go_each_to_its_own_place() -> None:
    """The quick way is for the next delta to the same place, in the same item and part, and for no other."""
    reader = read(CREATED)
    for index, item in enumerate([MESSAGE, MESSAGE, REASONING, CALL, CALL]):
        reader.feed(event("OutputItemAdded", output_index=index, item=item))
    for one in "ab":
        for index in (0, 1):
            for part in (0, 1):
                reader.feed(text(f"{index}{part}{one}", output_index=index, content_index=part))
        for part in (0, 1):
            reader.feed(event("ReasoningSummaryTextDelta", output_index=2, summary_index=part, delta=f"s{part}{one}"))
            reader.feed(event("ReasoningDelta", output_index=2, content_index=part, delta=f"r{part}{one}"))
        for index in (3, 4):
            reader.feed(event("FunctionCallArgumentsDelta", output_index=index, delta=f"{index}{one}"))
    assert [item.arguments for item in reader.function_calls] == ["3a3b", "4a4b"]
    first, second, reasoning = reader.output[:3]
    assert isinstance(reasoning, ReasoningItem)
    parts = [
        *getattr(first, "content", []),
        *getattr(second, "content", []),
        *(reasoning.content or []),
        *reasoning.summary,
    ]
    assert [part_text(part) for part in parts] == [
        "00a00b", "01a01b", "10a10b", "11a11b", "r0ar0b", "r1ar1b", "s0as0b", "s1as1b",
    ]  # fmt: skip


def test_a_delta_after_a_delta_asks_the_grammar_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[e.ResponseStreamEvent] = []

    def asking(machine: StreamMachine, one: e.ResponseStreamEvent, *, strict: bool) -> Violation | None:
        asked.append(one)
        return step(machine, one, strict=strict)

    monkeypatch.setattr(module, "step", asking)
    read(CREATED, ADDED, PART, *[text(str(number)) for number in range(1000)])
    assert len(asked) == 4


def test_the_cost_of_a_delta_is_the_same_however_many_came() -> None:
    def calls(deltas: int) -> int:
        reader = read(CREATED, ADDED, PART)
        counted = 0

        def count(frame: object, what: str, argument: object) -> None:
            nonlocal counted
            counted += 1

        events = [text("word ")] * deltas
        sys.setprofile(count)
        try:
            for one in events:
                reader.feed(one)
        finally:
            sys.setprofile(None)
        return counted

    few, many = calls(1000), calls(10_000)
    assert many <= 10 * few


def test_the_fold_of_a_written_stream_is_its_terminal_response() -> None:
    events = written("Hello", o.Reasoning("r"), o.ReasoningSummary("s"), o.FunctionCall("f", {"a": 1}))
    reader = ResponseReader().feed_all(events)
    assert reader.response == terminal(events)
    assert reader.terminal == terminal(events)
    assert reader.is_done
    assert reader.draft(0).snapshot() == reader.item(0)


class TestText:
    def test_a_buffer_joins_what_was_cut_in_two(self) -> None:
        buffer = TextBuffer()
        assert not buffer
        buffer.append("a\ud83d")
        assert str(buffer) == "a\ufffd"
        buffer.append("\ude00")
        assert str(buffer) == "a😀"
        assert buffer

    def test_whole_text_replaces_lone_surrogates_only(self) -> None:
        assert [whole_text(t) for t in ("", "a", "é", "\ud83d\ude00", "x\ud83dy", "\ude00")] == [
            "",
            "a",
            "é",
            "😀",
            "x\ufffdy",
            "\ufffd",
        ]

    @pytest.mark.parametrize(
        "part",
        [
            output_text("a"),
            ReasoningTextContent(text="a"),
            SummaryTextContent(text="a"),
            RefusalContent(refusal="a"),
            extension_part(text="a"),
            InputImageContent(image_url=None, detail="auto", extra=Extra({"text": "a"})),
        ],
    )
    def test_every_part_has_a_text(self, part: Content) -> None:
        assert part_text(part) == "a"
        assert part_text(with_text(part, "b")) == "b"
        assert with_text(part, "a") is part

    def test_a_text_that_is_no_string_is_none(self) -> None:
        assert part_text(extension_part(text=5)) == ""
        assert part_text(ExtensionContent(fields=NOTHING)) == ""

    def test_every_kind_of_item_can_be_a_draft(self) -> None:
        assert {type(read(CREATED, event("OutputItemAdded", item=item)).item(0)) for item in ITEMS.values()} == {
            MessageItem,
            ReasoningItem,
            FunctionCallItem,
            ExtensionItem,
        }
