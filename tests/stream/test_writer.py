from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import Extra
from penstock.spec.content import (
    Content,
    ExtensionContent,
    InputImageContent,
    InputTextContent,
    LogProb,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
    TopLogProb,
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
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload, IncompleteDetails, ResponseError, ResponseUsage
from penstock.stream import output as o
from penstock.stream.checks import LEAST_LOGPROB
from penstock.stream.emitter import StreamEventEmitter
from penstock.stream.emitters import CallbackEmitter, ListStreamEmitter
from penstock.stream.fold import TextBuffer
from penstock.stream.machine import StreamStateError
from penstock.stream.states import ResponseState
from penstock.stream.writer import ResponseWriter, WriterOptions
from tests.stream.samples import (
    CITATION,
    CREATED,
    EXTENSION,
    NOW,
    PAYLOAD,
    extension_part,
    terminal,
    told,
    writer,
    written,
)
from tests.stream.validity import assert_valid


def started(options: WriterOptions | None = None) -> tuple[ResponseWriter, ListStreamEmitter]:
    emitter = ListStreamEmitter()
    return writer(emitter, options=options), emitter


def said(*outputs: o.Output, options: WriterOptions | None = None) -> list[str]:
    """The lines of a valid stream that says `outputs`, without those that begin and end it."""
    events = written(*outputs, options=options)
    assert_valid(events)
    return told(events)


def items(*outputs: o.Output, options: WriterOptions | None = None) -> list[Item]:
    """The output of a valid stream."""
    events = written(*outputs, options=options)
    assert_valid(events)
    return terminal(events).output


def output_text(text: str) -> OutputTextContent:
    return OutputTextContent(text=text, annotations=[])


def message(*parts: Content, id: str = "msg_1", status: str = "completed") -> MessageItem:
    return MessageItem(id=id, status=status, role="assistant", content=list(parts))


def call(arguments: str = "{}", *, number: int = 1, status: str = "completed", name: str = "f") -> FunctionCallItem:
    return FunctionCallItem(id=f"fc_{number}", call_id=f"call_{number}", name=name, arguments=arguments, status=status)


def refused(stream: ResponseWriter, output: object) -> str:
    """What a writer says to an output it refuses."""
    with pytest.raises(StreamStateError) as caught:
        stream.send(output)  # type: ignore[arg-type]
    return str(caught.value)


class TestMessages:
    def test_text_is_a_message_with_one_part(self) -> None:
        assert said("Hel", o.Text("lo")) == [
            "output_item.added 0",
            "content_part.added 0.0",
            "output_text.delta 0.0 'Hel'",
            "output_text.delta 0.0 'lo'",
            "output_text.done 0.0 'Hello'",
            "content_part.done 0.0",
            "output_item.done 0",
        ]

    def test_an_item_and_a_part_begin_empty_and_in_progress(self) -> None:
        events = written("x")
        assert [event.item for event in events if isinstance(event, e.OutputItemAdded)] == [
            message(status="in_progress")
        ]
        assert [event.part for event in events if isinstance(event, e.ContentPartAdded)] == [output_text("")]

    def test_an_empty_piece_says_nothing_and_begins_nothing(self) -> None:
        assert (
            said("", o.Text(""), o.Refusal(""), o.Reasoning(""), o.ReasoningSummary(""), o.EncryptedReasoning("")) == []
        )
        assert said("a", "", "b")[2:4] == ["output_text.delta 0.0 'a'", "output_text.delta 0.0 'b'"]

    def test_a_refusal_after_text_is_a_part_of_the_same_message(self) -> None:
        assert items("a", o.Refusal("no"), o.Refusal("!"), "b") == [
            message(output_text("a"), RefusalContent(refusal="no!"), output_text("b"))
        ]

    def test_a_new_part_divides_a_message(self) -> None:
        assert items(o.NewPart(), "a", o.NewPart(), o.NewPart(), "b") == [message(output_text("a"), output_text("b"))]

    def test_a_new_message_has_its_phase(self) -> None:
        found = items(o.NewMessage("commentary"), "a", o.NewMessage("final_answer"), "b", o.NewMessage(), "c")
        assert [(item.id, item.phase, item.text) for item in found if isinstance(item, MessageItem)] == [
            ("msg_1", "commentary", "a"),
            ("msg_2", "final_answer", "b"),
            ("msg_3", UNSET, "c"),
        ]

    def test_the_phase_waits_for_the_message(self) -> None:
        found = items(o.NewMessage("final_answer"), o.Reasoning("r"), "a")
        assert isinstance(found[1], MessageItem)
        assert found[1].phase == "final_answer"

    def test_done_closes_the_message_and_text_begins_another(self) -> None:
        assert items("a", o.Done(), "b") == [message(output_text("a")), message(output_text("b"), id="msg_2")]

    def test_done_with_nothing_open_is_nothing(self) -> None:
        assert said(o.Done()) == []

    def test_annotations_are_numbered_within_their_part(self) -> None:
        events = written("a", o.Annotated(CITATION), "b", o.Annotated(CITATION), o.NewPart(), o.Annotated(CITATION))
        assert_valid(events)
        assert [
            (event.content_index, event.annotation_index)
            for event in events
            if isinstance(event, e.OutputTextAnnotationAdded)
        ] == [(0, 0), (0, 1), (1, 0)]
        assert terminal(events).output == [
            message(
                OutputTextContent(text="ab", annotations=[CITATION] * 2),
                OutputTextContent(text="", annotations=[CITATION]),
            )
        ]

    def test_log_probabilities_come_with_their_deltas_and_in_the_part(self) -> None:
        entry = LogProb(
            token="a",
            logprob=float("-inf"),
            bytes=[97],
            top_logprobs=[TopLogProb(token="b", logprob=float("-inf"), bytes=[])],
        )
        sound = replace(
            entry,
            logprob=LEAST_LOGPROB,
            top_logprobs=[TopLogProb(token="b", logprob=LEAST_LOGPROB, bytes=[])],
        )
        events = written(o.Text("a", [entry]), o.Text("b"), o.Text("", [entry]), o.Text("c", []))
        assert_valid(events)
        assert [(event.delta, event.logprobs) for event in events if isinstance(event, e.OutputTextDelta)] == [
            ("a", [sound]),
            ("b", UNSET),
            ("", [sound]),
            ("c", UNSET),
        ]
        assert terminal(events).output == [message(replace(output_text("abc"), logprobs=[sound, sound]))]


class TestReasoning:
    def test_before_between_and_after(self) -> None:
        found = items(o.Reasoning("1"), "a", o.Reasoning("2"), o.Reasoning("3"), "b", o.Reasoning("4"))
        assert [(item.id, type(item)) for item in found] == [
            ("rs_1", ReasoningItem),
            ("msg_1", MessageItem),
            ("rs_2", ReasoningItem),
            ("msg_2", MessageItem),
            ("rs_3", ReasoningItem),
        ]
        assert isinstance(found[2], ReasoningItem)
        assert found[2].content == [ReasoningTextContent(text="23")]

    def test_raw_summary_and_encrypted_stand_in_one_item(self) -> None:
        assert items(
            o.Reasoning("raw"),
            o.ReasoningSummary("one"),
            o.EncryptedReasoning("gA"),
            o.NewPart(),
            o.ReasoningSummary("two"),
            o.Reasoning("more"),
            o.EncryptedReasoning("AA"),
        ) == [
            ReasoningItem(
                id="rs_1",
                status="completed",
                summary=[SummaryTextContent(text="one"), SummaryTextContent(text="two")],
                content=[ReasoningTextContent(text="raw"), ReasoningTextContent(text="more")],
                encrypted_content="gAAA",
            )
        ]

    def test_encrypted_reasoning_alone_is_an_item(self) -> None:
        assert items(o.EncryptedReasoning("gA")) == [
            ReasoningItem(id="rs_1", status="completed", summary=[], encrypted_content="gA")
        ]

    def test_summary_and_content_stream_beside_each_other(self) -> None:
        assert said(o.Reasoning("a"), o.ReasoningSummary("b"), o.Reasoning("c"))[1:6] == [
            "content_part.added 0.0",
            "reasoning.delta 0.0 'a'",
            "reasoning_summary_part.added 0.0",
            "reasoning_summary_text.delta 0.0 'b'",
            "reasoning.delta 0.0 'c'",
        ]

    def test_as_a_summary_where_that_is_wanted(self) -> None:
        summary = WriterOptions(reasoning="summary")
        assert items(o.Reasoning("raw"), o.ReasoningSummary("own"), options=summary) == [
            ReasoningItem(
                id="rs_1",
                status="completed",
                summary=[SummaryTextContent(text="raw"), SummaryTextContent(text="own")],
            )
        ]

    def test_not_at_all_where_that_is_wanted(self) -> None:
        stream, emitter = started(WriterOptions(reasoning="off"))
        for output in (
            o.Reasoning("a"),
            o.Reasoning("b"),
            o.ReasoningSummary("c"),
            o.EncryptedReasoning("d"),
            o.ReadyItem(ReasoningItem(id="rs", summary=[])),
            "text",
        ):
            stream.send(output)
        stream.finish()
        assert terminal(emitter.events).output == [message(output_text("text"))]
        assert stream.left_out == {"Reasoning": 2, "ReasoningSummary": 1, "EncryptedReasoning": 1, "ReadyItem": 1}


class TestCalls:
    def test_a_call_whose_arguments_follow(self) -> None:
        assert said(o.FunctionCall("f"), o.Arguments('{"a":'), o.Arguments("1}")) == [
            "output_item.added 0",
            "function_call_arguments.delta 0 '{\"a\":'",
            "function_call_arguments.delta 0 '1}'",
            "function_call_arguments.done 0 '{\"a\":1}'",
            "output_item.done 0",
        ]

    def test_a_call_begins_with_its_name_and_no_arguments(self) -> None:
        [added] = [
            event.item for event in written(o.FunctionCall("f", {"a": 1})) if isinstance(event, e.OutputItemAdded)
        ]
        assert added == call("", status="in_progress")

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ('{"a": 1}', '{"a": 1}'),
            ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
            (Extra({"a": {"b": (1, 2)}}), '{"a":{"b":[1,2]}}'),
            ("not json", "not json"),
            ({}, "{}"),
            ("", "{}"),
        ],
    )
    def test_a_call_that_is_whole_is_finished_at_once(self, arguments: str | dict[str, object], text: str) -> None:
        assert items(o.FunctionCall("f", arguments)) == [call(text)]

    def test_a_call_without_arguments_has_the_empty_object(self) -> None:
        assert items(o.FunctionCall("f"), o.Arguments("")) == [call("{}")]

    def test_parallel_calls_may_come_interleaved(self) -> None:
        lines = said(
            o.FunctionCall("f", key="a"),
            o.FunctionCall("g", key="b"),
            o.Arguments("{", "a"),
            o.Arguments("[", "b"),
            o.Arguments("}", "a"),
            o.Arguments("]", "b"),
        )
        assert lines == [
            "output_item.added 0",
            "output_item.added 1",
            "function_call_arguments.delta 0 '{'",
            "function_call_arguments.delta 1 '['",
            "function_call_arguments.delta 0 '}'",
            "function_call_arguments.delta 1 ']'",
            "function_call_arguments.done 0 '{}'",
            "output_item.done 0",
            "function_call_arguments.done 1 '[]'",
            "output_item.done 1",
        ]

    def test_a_done_event_waits_for_the_items_before_it(self) -> None:
        lines = said(
            o.FunctionCall("f", key="a"),
            o.FunctionCall("g", key="b"),
            "text",
            o.Done("b"),
            o.Done(),
            o.Arguments("{}", "a"),
            o.Done("a"),
        )
        assert [line for line in lines if "done" in line] == [
            "function_call_arguments.done 1 '{}'",
            "output_text.done 2.0 'text'",
            "content_part.done 2.0",
            "function_call_arguments.done 0 '{}'",
            "output_item.done 0",
            "output_item.done 1",
            "output_item.done 2",
        ]

    def test_arguments_name_their_call_by_key_or_by_id_or_mean_the_last(self) -> None:
        found = items(
            o.FunctionCall("f", call_id="mine", key="k"),
            o.FunctionCall("g"),
            o.Arguments("a"),
            o.Arguments("b", "k"),
            o.Arguments("c"),
            o.Arguments("d", "mine"),
            o.Arguments("e", "call_1"),
        )
        assert [(item.call_id, item.arguments) for item in found if isinstance(item, FunctionCallItem)] == [
            ("mine", "bcd"),
            ("call_1", "ae"),
        ]

    def test_an_empty_piece_of_arguments_still_names_the_last_call(self) -> None:
        found = items(
            o.FunctionCall("f", key="a"),
            o.FunctionCall("g", key="b"),
            o.Arguments("1"),
            o.Arguments("", "a"),
            o.Arguments("2"),
        )
        assert [item.arguments for item in found if isinstance(item, FunctionCallItem)] == ["2", "1"]

    def test_done_finishes_the_last_call_where_no_message_is_open(self) -> None:
        stream, emitter = started()
        stream.send(o.FunctionCall("f"))
        stream.send(o.Done())
        assert told(emitter.events)[-1] == "output_item.done 0"
        stream.send(o.Done())
        assert told(emitter.events)[-1] == "output_item.done 0"

    def test_a_call_closes_the_open_message_and_stays_open_beside_the_next(self) -> None:
        assert [line for line in said("a", o.FunctionCall("f"), "b", o.Arguments("{}")) if "item" in line] == [
            "output_item.added 0",
            "output_item.done 0",
            "output_item.added 1",
            "output_item.added 2",
            "output_item.done 1",
            "output_item.done 2",
        ]

    def test_a_call_id_that_is_taken_is_replaced(self) -> None:
        found = items(
            o.FunctionCall("f", call_id="call_0"),
            o.FunctionCall("g", call_id="call_0"),
            o.Arguments('"g"', "call_0"),
        )
        assert [(i.call_id, i.arguments) for i in found if isinstance(i, FunctionCallItem)] == [
            ("call_0", "{}"),
            ("call_1", '"g"'),
        ]

    def test_calls_are_left_out_where_that_is_wanted(self) -> None:
        stream, emitter = started(WriterOptions(tool_calls=False))
        for output in (
            o.FunctionCall("f", key="k"),
            o.Arguments("x", "k"),
            o.Arguments("x"),
            o.Done("k"),
            o.ReadyItem(call()),
        ):
            stream.send(output)
        stream.finish()
        assert told(emitter.events) == []
        assert stream.left_out == {"FunctionCall": 1, "Arguments": 2, "Done": 1, "ReadyItem": 1}


class TestReadyItems:
    @pytest.mark.parametrize(
        "item",
        [
            message(),
            message(output_text("")),
            message(
                OutputTextContent(
                    text="a",
                    annotations=[CITATION],
                    logprobs=[LogProb(token="a", logprob=-1.0, bytes=[], top_logprobs=[])],
                ),
                RefusalContent(refusal="no"),
                extension_part(more=1),
                TextContent(text="t"),
            ),
            MessageItem(
                id="u",
                status="completed",
                role="user",
                content=[InputTextContent(text="hi"), InputImageContent(image_url=None, detail="auto")],
            ),
            replace(message(output_text("x")), phase="commentary", extra=Extra({"colour": "red"})),
            call('{"a":1}'),
            replace(call(), extra=Extra({"namespace": "n"})),
            FunctionCallOutputItem(id="o", call_id="c", output="42", status="completed"),
            CompactionItem(id="c", encrypted_content="gAAA", status="completed"),
            ReasoningItem(
                id="r",
                status="completed",
                summary=[SummaryTextContent(text="s"), TextContent(text="t"), extension_part()],
                content=[
                    ReasoningTextContent(text="raw"),
                    OutputTextContent(text="like the example", annotations=[CITATION]),
                    InputImageContent(image_url=None, detail="auto"),
                ],
                encrypted_content="gAAA",
            ),
            ExtensionItem(fields=Extra({"type": "acme:thing", "id": "x", "status": "completed", "a": [1]})),
        ],
    )
    def test_of_every_kind_end_as_they_came(self, item: Item) -> None:
        assert items(o.ReadyItem(item)) == [item]

    def test_are_streamed(self) -> None:
        assert said(o.ReadyItem(message(output_text("a"), TextContent(text="b")))) == [
            "output_item.added 0",
            "content_part.added 0.0",
            "output_text.delta 0.0 'a'",
            "output_text.done 0.0 'a'",
            "content_part.done 0.0",
            "content_part.added 0.1",
            "content_part.done 0.1",
            "output_item.done 0",
        ]
        assert said(o.ReadyItem(call("{}")))[1] == "function_call_arguments.delta 0 '{}'"

    def test_whose_id_is_taken_or_absent_get_one(self) -> None:
        found = items(o.ReadyItem(message(id="m")), o.ReadyItem(message(id="m")), o.ReadyItem(message(id="")))
        assert [item.id for item in found] == ["m", "msg_1", "msg_2"]
        assert [item.id for item in items(o.ReadyItem(message(id="x")), o.ReadyItem(EXTENSION))] == ["x", "item_1"]

    def test_may_have_an_id_that_would_have_come_later(self) -> None:
        assert [item.id for item in items("a", o.ReadyItem(message(id="msg_2")), "b", "c")] == [
            "msg_1",
            "msg_2",
            "msg_3",
        ]

    def test_do_not_run_together_with_what_follows(self) -> None:
        assert [type(item) for item in items("a", o.ReadyItem(message(output_text("b"), id="m")), "c")] == [
            MessageItem
        ] * 3

    def test_a_ready_call_may_be_closed_like_any_other(self) -> None:
        cut = replace(call('{"a":'), status="incomplete")
        assert items(o.ReadyItem(cut), o.Arguments("1}"), o.Done("call_1")) == [call('{"a":1}')]

    def test_that_are_incomplete_make_the_response_incomplete_where_they_are_the_last(self) -> None:
        cut = message(output_text("a"), status="incomplete")
        events = written(o.ReadyItem(cut))
        assert_valid(events)
        assert terminal(events).output == [cut]
        assert terminal(events).incomplete_details == IncompleteDetails(reason="max_output_tokens")

    def test_that_are_incomplete_and_not_the_last_are_completed(self) -> None:
        cut = message(output_text("a"), status="incomplete")
        events = written(o.ReadyItem(cut), "b")
        assert_valid(events)
        assert terminal(events).status == "completed"
        assert terminal(events).output[0] == replace(cut, status="completed")

    def test_drop_what_speaks_against_their_fields(self) -> None:
        """A tolerant reading keeps in `extra` what had the wrong type; a valid stream cannot say it."""
        odd = replace(message(output_text("a")), extra=Extra({"content": None, "status": UNSET, "colour": "red"}))
        assert items(o.ReadyItem(odd)) == [replace(odd, extra=Extra({"colour": "red"}))]
        wrong = replace(message(output_text("a")), extra=Extra({"type": "bot"}))
        assert items(o.ReadyItem(wrong)) == [message(output_text("a"))]

    def test_of_an_implementor_are_left_out_where_that_is_wanted(self) -> None:
        stream, emitter = started(WriterOptions(extensions=False))
        stream.send(o.ReadyItem(EXTENSION))
        stream.send(o.Extension("acme:trace"))
        stream.finish()
        assert told(emitter.events) == []
        assert stream.left_out == {"ReadyItem": 1, "Extension": 1}

    def test_reasoning_as_a_summary_where_that_is_wanted(self) -> None:
        item = ReasoningItem(
            id="r",
            status="completed",
            summary=[SummaryTextContent(text="s")],
            content=[ReasoningTextContent(text="raw")],
        )
        assert items(o.ReadyItem(item), options=WriterOptions(reasoning="summary")) == [
            replace(item, summary=[SummaryTextContent(text="s"), SummaryTextContent(text="raw")], content=UNSET)
        ]


class TestExtensions:
    def test_an_event_goes_between_the_others_and_closes_nothing(self) -> None:
        lines = said("a", o.Extension("acme:trace", {"ms": 5}), "b")
        assert lines[2:5] == ["output_text.delta 0.0 'a'", "acme:trace", "output_text.delta 0.0 'b'"]
        [event] = [
            event for event in written(o.Extension("acme:trace", {"ms": 5})) if isinstance(event, e.ExtensionEvent)
        ]
        assert event.fields == {"type": "acme:trace", "ms": 5}
        assert event.sequence_number == 2


class TestBeginning:
    def test_created_and_in_progress(self) -> None:
        _, emitter = started()
        assert [event.event_type for event in emitter.events] == ["response.created", "response.in_progress"]
        assert {event.response.status for event in emitter.events if isinstance(event, e.ResponseEvent)} == {
            "in_progress"
        }

    def test_a_queued_response_begins_with_its_first_item(self) -> None:
        emitter = ListStreamEmitter()
        stream = writer(emitter, start=False)
        stream.start(queued=True)
        assert stream.state is ResponseState.QUEUED
        for output in (o.Usage(input_tokens=1, output_tokens=1), o.Extension("acme:wait"), o.NewMessage(), "a"):
            stream.send(output)
        stream.finish()
        assert [event.event_type for event in emitter.events][:5] == [
            "response.created",
            "response.queued",
            "acme:wait",
            "response.in_progress",
            "response.output_item.added",
        ]
        assert [event.response.status for event in emitter.events if isinstance(event, e.ResponseEvent)] == [
            "queued",
            "queued",
            "in_progress",
            "completed",
        ]
        assert_valid(emitter.take())

    def test_a_queued_response_may_end_without_a_word(self) -> None:
        for end in ("finish", "incomplete", "fail"):
            emitter = ListStreamEmitter()
            stream = writer(emitter, start=False)
            stream.start(queued=True)
            getattr(stream, end)(*[PAYLOAD] if end == "fail" else [])
            assert_valid(emitter.take())

    def test_ids_and_clock_are_those_that_were_given(self) -> None:
        response = terminal(written("a"))
        assert (response.id, response.created_at, response.completed_at) == ("resp_1", CREATED, NOW)
        assert response.output[0].id == "msg_1"

    def test_the_response_id_may_be_known_already(self) -> None:
        stream = ResponseWriter(None, model="m", ids=lambda prefix: prefix, clock=lambda: 5, response_id="resp_x")
        assert stream.response.id == "resp_x"

    def test_the_request_is_repeated(self) -> None:
        stream = writer(None, request=CreateResponse(instructions="Be brief.", temperature=0.5))
        stream.finish()
        assert (stream.response.instructions, stream.response.temperature) == ("Be brief.", 0.5)


class TestTheEnd:
    def test_completed(self) -> None:
        response = terminal(written("a", o.Stop("tool_calls"), o.Stop()))
        assert (response.status, response.error, response.incomplete_details) == ("completed", None, None)

    @pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter", "acme:tired"])
    def test_incomplete_for_any_reason_but_the_models_own(self, reason: str) -> None:
        events = written("a", "b", o.Stop(reason))
        assert_valid(events)
        response = terminal(events)
        assert (response.status, response.completed_at) == ("incomplete", None)
        assert response.incomplete_details == IncompleteDetails(reason=reason)
        assert response.output == [message(output_text("ab"), status="incomplete")]

    def test_an_incomplete_item_is_the_last_one(self) -> None:
        stream, emitter = started()
        for output in ("a", o.FunctionCall("f", key="k"), o.FunctionCall("g", key="l"), o.Arguments('{"a', "l")):
            stream.send(output)
        stream.incomplete("max_output_tokens")
        events = emitter.take()
        assert_valid(events)
        assert [(item.status, getattr(item, "arguments", "")) for item in terminal(events).output] == [
            ("completed", ""),
            ("completed", "{}"),
            ("incomplete", '{"a'),
        ]

    def test_a_call_that_is_cut_before_its_arguments_has_none(self) -> None:
        stream, emitter = started()
        stream.send(o.FunctionCall("f"))
        stream.incomplete()
        assert terminal(emitter.events).output == [call("", status="incomplete")]

    def test_incomplete_is_incomplete_whatever_the_reason_is_called(self) -> None:
        stream, emitter = started()
        stream.incomplete("stop")
        assert terminal(emitter.events).status == "incomplete"

    def test_incomplete_with_every_item_finished(self) -> None:
        stream, emitter = started()
        stream.send(o.FunctionCall("f", "{}"))
        stream.incomplete()
        events = emitter.take()
        assert_valid(events)
        assert terminal(events).output == [call()]

    def test_fail_is_an_error_event_and_response_failed(self) -> None:
        stream, emitter = started()
        stream.send("a")
        stream.send(o.Usage(input_tokens=1, output_tokens=2))
        stream.fail(PAYLOAD)
        events = emitter.take()
        assert_valid(events)
        assert [event.event_type for event in events[-2:]] == ["error", "response.failed"]
        response = terminal(events)
        assert response.error == ResponseError(code="overloaded", message="The model is overloaded.")
        assert response.output == [message(output_text("a"), status="in_progress")]
        assert response.usage is not None

    def test_fail_gives_the_type_where_there_is_no_code(self) -> None:
        stream, emitter = started()
        stream.fail(replace(PAYLOAD, code=None))
        assert terminal(emitter.events).error == ResponseError(code="model_error", message=PAYLOAD.message)
        assert terminal(emitter.events).usage is None

    def test_a_failure_may_be_said_by_the_model_and_finish_is_then_nothing(self) -> None:
        events = written("a", o.Failure(PAYLOAD))
        assert_valid(events)
        assert terminal(events).status == "failed"

    def test_fail_still_tells_of_items_that_were_waiting_for_their_turn(self) -> None:
        stream, emitter = started()
        for output in (o.FunctionCall("f", key="a"), o.FunctionCall("g", {"x": 1})):
            stream.send(output)
        stream.fail(PAYLOAD)
        events = emitter.take()
        assert_valid(events)
        assert told(events)[-2:] == ["output_item.done 1", "error"]
        assert [item.status for item in terminal(events).output] == ["in_progress", "completed"]

    def test_usage_is_the_last_that_was_said_and_consistent(self) -> None:
        response = terminal(
            written(
                o.Usage(input_tokens=9, output_tokens=9),
                o.Usage(input_tokens=3, output_tokens=2, cached_tokens=5, reasoning_tokens=-1, total_tokens=77),
            )
        )
        assert isinstance(response.usage, ResponseUsage)
        assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (3, 2, 5)
        assert response.usage.input_tokens_details.cached_tokens == 3
        assert response.usage.output_tokens_details.reasoning_tokens == 0

    def test_the_response_can_be_had_at_any_moment(self) -> None:
        stream, emitter = started()
        assert stream.response.output == []
        stream.send("a")
        assert stream.response.output_text == "a"
        stream.send("b")
        assert stream.response.output_text == "ab"
        stream.finish()
        assert stream.response == terminal(emitter.events)

    def test_without_an_emitter_there_is_still_a_response(self) -> None:
        stream = writer(None)
        for output in ("a", "b", o.FunctionCall("f", key="k"), o.Arguments("{", "k"), o.Arguments("}", "k")):
            stream.send(output)
        stream.finish()
        assert stream.response.output == [message(output_text("ab")), call()]


class TestContextManager:
    def test_starts_and_finishes(self) -> None:
        emitter = ListStreamEmitter()
        with writer(emitter, start=False) as stream:
            stream.send("a")
        assert_valid(emitter.take())

    def test_leaves_a_stream_alone_that_was_started_and_ended_inside(self) -> None:
        stream, emitter = started()
        with stream:
            stream.finish()
        assert_valid(emitter.take())

    def test_fails_the_response_and_lets_the_exception_go_on(self) -> None:
        emitter = ListStreamEmitter()

        def say(stream: ResponseWriter) -> None:
            with stream:
                stream.send("a")
                raise ZeroDivisionError("the secret is 42")

        with pytest.raises(ZeroDivisionError):
            say(writer(emitter, start=False))
        events = emitter.take()
        assert_valid(events)
        error = terminal(events).error
        assert error is not None
        assert error.code == "server_error"
        assert "42" not in error.message

    def test_the_exception_of_the_body_goes_on_where_the_emitter_is_broken_too(self) -> None:
        def broken(event: e.ResponseStreamEvent) -> None:
            if not isinstance(event, e.ResponseCreated | e.ResponseInProgress):
                raise ConnectionError("gone")

        with pytest.raises(ZeroDivisionError) as caught, writer(CallbackEmitter(broken), start=False):
            raise ZeroDivisionError
        assert caught.value.__notes__ == ["The response could not be ended either: ConnectionError('gone')"]


def wrong(kind: type, value: object) -> o.Output:
    """An output that holds what it may not hold."""
    output: o.Output = kind(value)
    return output


class TestMisuse:
    """An error says what was asked, what is open or where the response is, and what to do; nothing was changed."""

    def test_before_the_beginning(self) -> None:
        stream = writer(None, start=False)
        assert refused(stream, "secret text") == "send(Text) is not possible yet: call start() first"
        assert refused(stream, o.Reasoning("x")) == "send(Reasoning) is not possible yet: call start() first"
        for end in ("finish", "incomplete"):
            with pytest.raises(StreamStateError, match=rf"^{end}\(\) is not possible yet: call start\(\) first$"):
                getattr(stream, end)()
        with pytest.raises(StreamStateError, match=r"^fail\(\) is not possible yet: call start\(\) first$"):
            stream.fail(PAYLOAD)

    def test_after_the_end(self) -> None:
        stream, emitter = started()
        stream.incomplete()
        count = len(emitter.events)
        assert refused(stream, o.Done()) == "send(Done) is not possible any more: the response is incomplete"
        with pytest.raises(
            StreamStateError, match=r"^finish\(\) is not possible any more: the response is incomplete$"
        ):
            stream.finish()
        assert len(emitter.events) == count

    def test_a_second_start(self) -> None:
        stream, _ = started()
        with pytest.raises(
            StreamStateError, match=r"^start\(\) is not possible a second time: the response is in progress$"
        ):
            stream.start()

    @pytest.mark.parametrize(
        ("before", "output", "message"),
        [
            ([], o.Arguments("x"), "send(Arguments) is not possible: no call has begun. Open calls: none; send a FunctionCall first."),
            ([], o.Done("k"), "send(Done) is not possible: no call 'k' has begun. Open calls: none; send a FunctionCall first."),
            (
                [o.FunctionCall("f", key="k"), o.FunctionCall("g", call_id="mine")],
                o.Arguments("x", "nobody"),
                ("send(Arguments) is not possible: no call 'nobody' has begun. Open calls: 'call_1', 'mine'; "
                "name one of them, or send a FunctionCall first."),
            ),
            (
                [o.FunctionCall("f", {}, key="k")],
                o.Arguments("x", "k"),
                "send(Arguments) is not possible: the call 'call_1' is finished. Open calls: none; send a FunctionCall first.",
            ),
            ([], o.FunctionCall(""), "FunctionCall: a call needs the name of its function"),
            ([], o.FunctionCall("f", {"a": [float("nan")]}), "arguments.a[0]: nan is no JSON number"),
            ([], o.FunctionCall("f", {"a": {1: 2}}), "arguments.a: the key 1 is no string that JSON can hold"),
            ([], o.FunctionCall("f", {"a": object}), "arguments.a: type is no JSON value"),
            ([], o.FunctionCall("f", {"a": "\ud800"}), "arguments.a: a lone surrogate is no Unicode text"),
            (
                [],
                o.Extension("trace"),
                ("Extension: an event of type 'trace' is none of the specification's; "
                "expected an implementor's slug and a name, such as acme:trace_event"),
            ),
            ([], o.Extension("acme:x", {"type": "y"}), "Extension: the field 'type' is the stream's own"),
            ([], o.Extension("acme:x", {"a": float("inf")}), "acme:x.a: inf is no JSON number"),
            (
                [],
                o.ReadyItem(ExtensionItem(fields=Extra({"type": "web_search_call"}))),
                ("ReadyItem: an item of type 'web_search_call' is none of the specification's; "
                "expected an implementor's slug and a name, such as acme:search_result"),
            ),
            (
                [],
                o.ReadyItem(replace(message(), role="bot")),
                ("ReadyItem: the role 'bot' is none of "
                "assistant, user, system, developer, tool, critic, discriminator, unknown"),
            ),
            (
                [],
                o.ReadyItem(replace(message(), phase="prelude")),
                "ReadyItem: the phase 'prelude' is none of commentary, final_answer",
            ),
            ([], wrong(o.NewMessage, "prelude"), "NewMessage: the phase 'prelude' is none of commentary, final_answer"),
            ([], wrong(o.ReadyItem, "x"), "ReadyItem: 'x' is no item; expected one of penstock.spec.items"),
            (
                [],
                o.Text("x", [LogProb(token="x", logprob=float("nan"), bytes=[], top_logprobs=[])]),
                "logprobs[0].logprob: nan is no JSON number",
            ),
            ([], o.Usage(input_tokens=1, output_tokens=1, extra=Extra({"a": float("nan")})), "usage.a: nan is no JSON number"),
            ([], wrong(o.Text, None), "Text: None is no text"),
            (["x"], wrong(o.Text, 5), "Text: 5 is no text"),
            ([o.FunctionCall("f")], wrong(o.Arguments, b"{}"), "Arguments: b'{}' is no text"),
            ([], wrong(o.Reasoning, 0), "Reasoning: 0 is no text"),
            ([], wrong(o.EncryptedReasoning, b"x"), "EncryptedReasoning: b'x' is no text"),
            (
                [],
                7,
                "7 is nothing a model can say; expected a str or an object of penstock.stream.output",
            ),
        ],
    )  # fmt: skip
    def test_is_told(self, before: list[o.Output], output: object, message: str) -> None:
        stream, emitter = started()
        for earlier in ["open text", *before]:
            stream.send(earlier)
        was = list(emitter.events), stream.response
        assert refused(stream, output) == message
        assert (list(emitter.events), stream.response) == was
        stream.send("goes on")
        stream.finish()
        assert_valid(emitter.take())

    def test_a_queued_response_stays_queued(self) -> None:
        stream = writer(None, start=False)
        stream.start(queued=True)
        refused(stream, o.FunctionCall(""))
        assert stream.state is ResponseState.QUEUED

    def test_ids_that_repeat(self) -> None:
        emitter = ListStreamEmitter()
        stream = ResponseWriter(emitter, model="m", ids=lambda prefix: f"{prefix}_1", clock=lambda: 1)
        stream.start()
        stream.send("a")
        assert refused(stream, o.ReadyItem(message(id=""))) == (
            "ids('msg') returned 'msg_1' a second time; an id names one thing"
        )
        stream.send("b")
        stream.finish()
        assert_valid(emitter.take())

    def test_json_that_holds_itself(self) -> None:
        stream, _ = started()
        loop: list[object] = []
        loop.append(loop)
        assert refused(stream, o.Extension("acme:x", {"a": loop})).endswith("nested too deeply, or holds itself")


class TestSurrogates:
    """UTF-8 has no lone surrogates. Producers that count in UTF-16 cut characters in two."""

    @pytest.mark.parametrize(
        ("wrap", "event"),
        [
            (o.Text, "output_text.delta"),
            (o.Refusal, "refusal.delta"),
            (o.Reasoning, "reasoning.delta"),
            (o.ReasoningSummary, "reasoning_summary_text.delta"),
            (o.Arguments, "function_call_arguments.delta"),
        ],
    )
    def test_a_pair_in_two_pieces_is_joined(self, wrap: Callable[[str], o.Output], event: str) -> None:
        begin = [o.FunctionCall("f")] if wrap is o.Arguments else []
        lines = said(*begin, wrap("a\ud83d"), wrap("\ude00b"), wrap("c"))
        assert [line.split(" ", 2)[-1] for line in lines if line.startswith(event)] == ["'a'", "'😀b'", "'c'"]

    def test_half_a_pair_waits_through_what_does_not_end_the_part(self) -> None:
        lines = said("\ud83d", o.Usage(input_tokens=1, output_tokens=1), o.Extension("acme:x"), "", "\ude00")
        assert "output_text.delta 0.0 '😀'" in lines

    @pytest.mark.parametrize(
        "after", [o.NewPart(), o.NewMessage(), o.Done(), o.Reasoning("r"), o.Refusal("no"), o.Stop()]
    )
    def test_a_half_that_stays_alone_is_replaced(self, after: o.Output) -> None:
        assert "output_text.delta 0.0 '\ufffd'" in said("\ud83d", after)

    def test_halves_of_different_places_do_not_meet(self) -> None:
        found = items("\ud83d", o.FunctionCall("f"), o.Arguments("\ud83d"), "\ude00")
        assert found == [
            message(output_text("\ufffd")),
            call("\ufffd"),
            message(output_text("\ufffd"), id="msg_2"),
        ]

    def test_a_pair_in_two_pieces_is_joined_in_the_midst_of_text(self) -> None:
        assert said("a", "b", "c\ud83d", "\ude00d", "e")[2:7] == [
            "output_text.delta 0.0 'a'",
            "output_text.delta 0.0 'b'",
            "output_text.delta 0.0 'c'",
            "output_text.delta 0.0 '😀d'",
            "output_text.delta 0.0 'e'",
        ]

    def test_a_second_half_alone_is_replaced_at_once(self) -> None:
        assert "output_text.delta 0.0 '\ufffdx'" in said("\ude00x")
        assert "output_text.delta 0.0 'a\ufffdb'" in said("a\ud83db")

    def test_a_failure_sends_what_waits(self) -> None:
        stream, emitter = started()
        for output in (o.FunctionCall("f"), o.Arguments("\ud83d"), "\ud83d"):
            stream.send(output)
        stream.fail(replace(PAYLOAD, message="x\ud83d"))
        events = emitter.take()
        assert_valid(events)
        assert terminal(events).output_text == "\ufffd"
        assert terminal(events).function_calls[0].arguments == "\ufffd"
        error = terminal(events).error
        assert error is not None
        assert error.message == "x\ufffd"

    def test_everywhere_else_too(self) -> None:
        found = items(
            o.FunctionCall("f\ud83d", call_id="c\ud83d"),
            o.EncryptedReasoning("g\ud83d"),
            o.Annotated(replace(CITATION, title="t\ud83d")),
            o.ReadyItem(message(output_text("r\ud83d"), id="i\ud83d")),
            o.Stop("s\ud83d"),
        )
        assert "\ud83d" not in repr(found)


class Breaking(StreamEventEmitter):
    """Collects, and raises once, at the event with this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.events: list[e.ResponseStreamEvent] = []

    def emit(self, event: e.ResponseStreamEvent) -> None:
        self.events.append(event)
        if event.sequence_number == self.number:
            raise ConnectionError(event.event_type)


class TestEmittersThatRaise:
    OUTPUTS: tuple[o.Output, ...] = (
        o.Reasoning("r"), "a", "b", o.Annotated(CITATION), o.FunctionCall("f", {"a": 1}), o.FunctionCall("g"), o.Arguments("{}"),
    )  # fmt: skip

    @pytest.mark.parametrize("number", range(40))
    def test_the_stream_goes_on_with_the_next_call(self, number: int) -> None:
        whole = written(*self.OUTPUTS)
        emitter = Breaking(number)
        stream = writer(emitter, start=False)
        raised = 0
        steps: list[Callable[[], None]] = [stream.start]
        steps += [lambda output=output: stream.send(output) for output in self.OUTPUTS]  # type: ignore[misc]
        for step in [*steps, stream.finish]:
            try:
                step()
            except ConnectionError:
                raised += 1
        if stream.state.is_terminal and len(emitter.events) < len(whole):
            stream.finish()
        assert raised == (number < len(whole))
        assert emitter.events == whole

    def test_the_quick_way_is_no_exception(self) -> None:
        emitter = Breaking(5)
        stream = writer(emitter)
        for text in ("a", "b"):
            try:
                stream.send(text)
            except ConnectionError:
                break
        with pytest.raises(StreamStateError):
            stream.send(o.Arguments("x"))
        stream.send("c")
        assert stream.response.output_text == "abc"
        stream.finish()
        assert_valid(emitter.events)

    def test_a_callback_may_speak_to_the_writer(self) -> None:
        """What it says comes after what is on its way already."""
        events: list[e.ResponseStreamEvent] = []

        def answer(event: e.ResponseStreamEvent) -> None:
            events.append(event)
            if isinstance(event, e.OutputItemAdded) and event.output_index == 0:
                stream.send("b")
                stream.send(o.FunctionCall("f", {}))

        stream = writer(CallbackEmitter(answer))
        stream.send("a")
        stream.send("c")
        stream.finish()
        assert_valid(events)
        assert [item.text for item in terminal(events).output if isinstance(item, MessageItem)] == ["ab", "c"]

    def test_ids_that_raise_leave_the_stream_as_it_was(self) -> None:
        emitter = ListStreamEmitter()

        def ids(prefix: str) -> str:
            if prefix == "call":
                raise LookupError
            return prefix

        stream = ResponseWriter(emitter, model="m", ids=ids, clock=lambda: 1)
        stream.start()
        stream.send("a")
        before = list(emitter.events)
        with pytest.raises(LookupError):
            stream.send(o.FunctionCall("f"))
        assert emitter.events == before
        stream.send("b")
        stream.finish()
        assert_valid(emitter.take())


class TestSize:
    def test_a_huge_text_goes_through_whole(self) -> None:
        text = "0123456789" * 1_000_000
        stream = writer(None)
        for output in (text, o.FunctionCall("f", text), o.ReadyItem(message(output_text(text), id="m"))):
            stream.send(output)
        stream.finish()
        assert [item.text == text for item in stream.response.output if isinstance(item, MessageItem)] == [True, True]
        assert stream.response.function_calls[0].arguments == text

    @pytest.mark.parametrize("word", ["eight ch", "acht Zé "])
    def test_the_memory_of_many_deltas_is_at_most_four_times_their_text(self, word: str) -> None:
        count = 200_000
        stream = writer(None)
        tracemalloc.start()
        try:
            for _ in range(count):
                stream.send(word)
            stream.finish()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(stream.response.output_text) == count * len(word)
        assert peak <= 4 * count * len(word.encode())

    def test_the_cost_of_a_delta_is_the_same_however_many_came(self) -> None:
        def calls(count: int) -> int:
            stream = writer(ListStreamEmitter())
            counted = 0

            def note(frame: object, what: str, argument: object) -> None:
                nonlocal counted
                counted += 1

            sys.setprofile(note)
            try:
                for _ in range(count):
                    stream.send("word ")
                stream.finish()
            finally:
                sys.setprofile(None)
            return counted

        few, many = calls(1_000), calls(10_000)
        assert many <= 11 * few  # a garbage collection in between is counted too

    def test_the_text_is_joined_a_few_times_however_many_deltas_came(self, monkeypatch: pytest.MonkeyPatch) -> None:
        joined: list[int] = []
        real = TextBuffer.__str__

        def counting(buffer: TextBuffer) -> str:
            joined.append(1)
            return real(buffer)

        monkeypatch.setattr(TextBuffer, "__str__", counting)

        def joins(count: int) -> int:
            joined.clear()
            written(*["x"] * count, o.FunctionCall("f"), *[o.Arguments("y")] * count)
            return len(joined)

        assert joins(1000) == joins(10)

    def test_items_cost_the_same_however_many_there_are(self) -> None:
        def calls(count: int) -> int:
            stream = writer(None)
            counted = 0

            def note(frame: object, what: str, argument: object) -> None:
                nonlocal counted
                counted += 1

            sys.setprofile(note)
            try:
                for number in range(count):
                    stream.send(o.FunctionCall("f", key=str(number)))
                    stream.send(o.Arguments("{}"))
            finally:
                sys.setprofile(None)
            return counted

        few, many = calls(50), calls(500)
        assert many <= 11 * few  # a garbage collection in between is counted too

    def test_a_delta_after_a_delta_is_one_call_of_the_emitter(self) -> None:
        """The quick way: the emitter is asked once for a function, and that is called for each delta."""
        asked: list[e.DeltaEvent] = []
        deltas: list[tuple[int, str]] = []

        class Quick(ListStreamEmitter):
            def deltas(self, like: e.DeltaEvent) -> Callable[[int, str], None]:
                asked.append(like)
                return lambda number, delta: deltas.append((number, delta))

        stream = writer(Quick())
        for text in ("a", "b", o.Text("c"), o.Usage(input_tokens=1, output_tokens=1), "d"):
            stream.send(text)
        assert [event.delta for event in asked] == ["a"]
        assert deltas == [(5, "b"), (6, "c"), (7, "d")]


def test_a_part_of_an_implementor_without_a_type_is_sent_as_it_is() -> None:
    part = ExtensionContent(fields=Extra({"type": "acme:x"}))
    assert items(o.ReadyItem(message(part))) == [message(part)]


def test_an_error_payload_keeps_its_headers() -> None:
    stream, emitter = started()
    stream.fail(ErrorPayload(type="server_error", code=None, message="x", param=None, headers={"retry-after": "1"}))
    [error] = [event.error for event in emitter.events if isinstance(event, e.ErrorEvent)]
    assert error.headers == {"retry-after": "1"}


class TestExtend:
    """Fields of an implementor's own in the response. Spec: "Extending existing schemas"."""

    def test_a_field_is_seen_from_the_next_snapshot_on(self) -> None:
        emitter = ListStreamEmitter()
        stream = writer(emitter, start=False)
        stream.extend("acme_cache", "warm")
        stream.start()
        stream.send("Hi.")
        stream.extend("acme_hints", [{"n": 1}])
        stream.extend("acme_cache", "hot")
        stream.finish()
        told = [dict(event.response.extra) for event in emitter.events if isinstance(event, e.ResponseEvent)]
        assert told == [{"acme_cache": "warm"}] * 2 + [{"acme_cache": "hot", "acme_hints": [{"n": 1}]}]
        assert dict(stream.response.extra) == told[-1]

    def test_a_failed_and_an_incomplete_response_have_it_too(self) -> None:
        ends: list[Callable[[ResponseWriter], None]] = [ResponseWriter.incomplete, lambda stream: stream.fail(PUMP)]
        for end in ends:
            stream = writer(None, start=False)
            stream.start()
            stream.extend("acme_cache", "warm")
            end(stream)
            assert dict(stream.response.extra) == {"acme_cache": "warm"}

    @pytest.mark.parametrize(("name", "value"), [("output", []), ("acme_cache", {1}), ("acme_cache", float("nan"))])
    def test_what_is_the_specifications_or_no_json_is_refused(self, name: str, value: object) -> None:
        stream = writer(None, start=False)
        with pytest.raises(StreamStateError, match="extend"):
            stream.extend(name, value)
        stream.start()
        assert not stream.response.extra

    def test_joining_the_pieces_changes_nothing_that_is_told(self) -> None:
        emitter = ListStreamEmitter()
        stream = writer(emitter)
        for output in ("a", "b", o.FunctionCall("f", key="1"), o.Arguments('{"x":'), o.Arguments("1}")):
            stream.send(output)
            stream.join()
        stream.finish()
        assert stream.response.output_text == "ab"
        assert [call.arguments for call in stream.response.function_calls] == ['{"x":1}']
        assert_valid(emitter.events)

    def test_it_tells_the_number_to_come_and_why_the_model_stopped(self) -> None:
        stream = writer(None, start=False)
        assert (stream.next_number, stream.stop_reason) == (0, "stop")
        stream.start()
        stream.send(o.Stop("max_output_tokens"))
        assert (stream.next_number, stream.stop_reason) == (2, "max_output_tokens")


PUMP = ErrorPayload(type="server_error", code="pump", message="The pump broke.", param=None)
