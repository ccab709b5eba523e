"""The Responses adapter: whatever a server sends, read as what the model did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.lint import shape
from penstock.lint.examples import BASES, Example, base_events
from penstock.spec.items import FunctionCallItem, Item, ItemReferenceParam, MessageItem, MessageItemParam, ReasoningItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response
from penstock.spec.tools import FunctionToolParam
from penstock.stream import output as o
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.fold import part_text
from penstock.stream.writer import ResponseWriter
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.hosted import HOSTED_ITEMS
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses, ResponsesTranslation, names
from penstock.upstream.responses.shape import Report, put_right
from penstock.wire.codec import encode_plain, to_plain
from tests.lint.repairing import Ids, sse, told
from tests.stream.strategies import Program, programs
from tests.stream.validity import assert_valid
from tests.upstream.reading import in_pieces

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"


def read(data: bytes, *cuts: int) -> list[o.Output]:
    return in_pieces(Responses(), data, cuts)


def said(outputs: Sequence[o.Output]) -> Response:
    """Say it again, and return the response."""
    emitter = ListStreamEmitter()
    writer = ResponseWriter(emitter, model="m", ids=Ids(), clock=lambda: 1000.0)
    with writer:
        for output in outputs:
            writer.send(output)
            if isinstance(output, o.Failure):
                break
    assert_valid(emitter.events)
    return writer.response


# What the model did.


@pytest.mark.parametrize("base", BASES)
def test_what_was_said_is_read_again(base: str) -> None:
    want = [output for output in BASES[base] if not isinstance(output, o.Usage)]
    got = [output for output in read(Example(base=base).data()) if not isinstance(output, (o.Usage, o.Done))]
    again = said(got)
    first = said(want)
    assert [_content(item) for item in again.output] == [_content(item) for item in first.output]
    assert (again.status, again.error, again.incomplete_details) == (
        first.status,
        first.error,
        first.incomplete_details,
    )


def _content(item: Item) -> object:
    match item:
        case MessageItem():
            return item.role, item.phase, item.content
        case ReasoningItem():
            return item.summary, item.content, item.encrypted_content
        case FunctionCallItem():
            return item.name, item.arguments
        case _:
            plain: Any = to_plain(item)
            return {key: value for key, value in plain.items() if key != "id"}


@settings(max_examples=150)
@given(programs())
def test_whatever_a_writer_says_is_read_and_said_again(program: Program) -> None:
    emitter = ListStreamEmitter()
    writer = ResponseWriter(emitter, model="m", ids=Ids(), clock=lambda: 1000.0)
    program.run(writer)
    again = said(read(sse([to_plain(event) for event in emitter.events])))  # type: ignore[misc]
    first = writer.response
    assert again.status == first.status
    # A message that is not the assistant's is said whole, when it is done; one that stays open is done last.
    if all(item.role == "assistant" for item in first.output if isinstance(item, MessageItem)):
        assert again.output_text == first.output_text
        assert again.refusal == first.refusal
    else:
        assert sorted(again.output_text) == sorted(first.output_text)
        assert sorted(again.refusal) == sorted(first.refusal)
    # The writer gives a call that is finished without arguments an empty object.
    assert sorted((call.name, call.arguments or "{}") for call in again.function_calls) == sorted(
        (call.name, call.arguments or "{}") for call in first.function_calls
    )
    assert "".join(again.reasoning_summary.split()) == "".join(first.reasoning_summary.split())


def test_text_is_said_as_it_arrives() -> None:
    translation = Responses().stream()
    events = base_events("text")
    outputs = [list(translation.feed(sse([event], done=False))) for event in events]
    assert outputs[:7] == [[], [], [o.NewMessage(id="msg_1")], [], [o.Text("Hello")], [o.Text(" world")], [o.Text(".")]]
    assert outputs[7:10] == [[], [], [o.NewMessage()]]
    assert translation.feed(b"data: [DONE]\n\n") == [
        o.Usage(input_tokens=9, output_tokens=4, total_tokens=13),
        o.Stop(),
    ]
    assert translation.close() == []
    assert translation.mends == []


def test_calls_that_come_interleaved_are_told_apart() -> None:
    outputs = read(Example(base="two_calls").data())
    assert [output for output in outputs if isinstance(output, o.Arguments)] == [
        o.Arguments('{"gate":', "output[0]"),
        o.Arguments('{"pipe":', "output[1]"),
        o.Arguments('"north"}', "output[0]"),
        o.Arguments("2}", "output[1]"),
    ]
    assert [output.call_id for output in outputs if isinstance(output, o.FunctionCall)] == ["call_1", "call_2"]
    assert outputs[-1] == o.Stop("tool_calls")


def test_messages_that_come_interleaved_are_told_apart() -> None:
    events = base_events("two_messages")
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    at = events.index(deltas[1])
    late = {**deltas[0], "delta": " Wait."}
    events = [event for event in events if event.get("output_index") != 0 or event["type"].endswith("added")]
    events.insert(at - 4, late)
    response = said(read(sse(events)))
    assert "It is open." in response.output_text


def test_a_call_whose_id_was_made_up_has_none() -> None:
    events = [event for event in base_events("call") if event["type"] != "response.output_item.added"]
    for event in events:
        event.get("item", {}).pop("call_id", None)
    events = [event for event in events if "response" not in event or event["type"] == "response.created"]
    call = next(output for output in read(sse(events)) if isinstance(output, o.FunctionCall))
    assert (call.name, call.call_id) == ("get_level", None)


def test_reasoning_keeps_its_protected_form() -> None:
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "status": "in_progress"}
    done = {**item, "encrypted_content": "gAAA", "status": "completed"}
    events = base_events("empty")
    events[2:2] = [
        {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.output_item.done", "sequence_number": 3, "output_index": 0, "item": done},
    ]
    events[-1]["response"]["output"] = [done]
    assert o.EncryptedReasoning("gAAA") in read(sse(events))
    call = base_events("call")[2:3]
    call[0]["output_index"] = 1
    events[3:3] = call
    response = said(read(sse(events)))
    assert [getattr(item, "encrypted_content", None) for item in response.output].count("gAAA") == 1


@pytest.mark.parametrize(
    "item",
    [
        {"type": "acme:thing", "id": "x_1", "status": "completed", "own": [1]},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA", "status": "completed"},
        {
            "type": "message",
            "id": "msg_9",
            "role": "user",
            "status": "completed",
            "content": [{"type": "output_text", "text": "x", "annotations": []}],
        },
        {
            "type": "message",
            "id": "msg_9",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "input_image", "image_url": "u", "detail": "auto"}],
        },
    ],
    ids=lambda item: f"{item['type']} {item.get('role', '')}",
)
def test_items_that_only_a_whole_item_can_say_are_said_whole(item: dict[str, Any]) -> None:
    events = base_events("empty")
    events[-1]["response"]["output"] = [item]
    if "content" in item and item["content"][0]["type"] == "input_image":
        part = item["content"][0]
        place = {"output_index": 0, "item_id": "msg_9", "content_index": 0, "part": part, "sequence_number": 0}
        events[2:2] = [
            {
                "type": "response.output_item.added",
                "sequence_number": 2,
                "output_index": 0,
                "item": {**item, "status": "in_progress", "content": []},
            },
            {"type": "response.content_part.added", **place},
            {"type": "response.content_part.done", **place},
            {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item},
        ]
    response = said(read(sse(events)))
    assert {**to_plain(response.output[0]), "id": ""} == {**item, "id": ""}  # type: ignore[dict-item]


def test_parts_of_reasoning_that_no_delta_brings_are_said_whole() -> None:
    own = {"type": "acme:scribble", "lines": 3}
    item: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [own],
        "content": [own],
        "status": "completed",
    }
    events = base_events("empty")
    events[-1]["response"]["output"] = [item]
    place = {"output_index": 0, "item_id": "rs_1", "part": own, "sequence_number": 0}
    events[2:2] = [
        {
            "type": "response.output_item.added",
            "sequence_number": 2,
            "output_index": 0,
            "item": {**item, "status": "in_progress", "summary": [], "content": []},
        },
        {"type": "response.reasoning_summary_part.added", "summary_index": 0, **place},
        {"type": "response.reasoning_summary_part.done", "summary_index": 0, **place},
        {"type": "response.content_part.added", "content_index": 0, **place},
        {"type": "response.content_part.done", "content_index": 0, **place},
        {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item},
    ]
    response = said(read(sse(events)))
    assert json.dumps([to_plain(item) for item in response.output]).count("scribble") == 2


def test_extension_events_pass() -> None:
    outputs = read(Example(base="extension").data())
    assert o.Extension("acme:trace_event", {"phase": "open", "latency_ms": 34}) in outputs


# How it ends.


def test_a_failure_says_why() -> None:
    events = base_events("failed")
    outputs = read(sse(events))
    assert isinstance(outputs[-1], o.Failure)
    assert outputs[-1].error.message == "The pump broke."
    outputs = read(sse([*events[:-2], events[-1]]))
    assert isinstance(outputs[-1], o.Failure)
    assert (outputs[-1].error.code, outputs[-1].error.message) == ("pump_broken", "The pump broke.")


@pytest.mark.parametrize(
    "item",
    [
        {"type": "acme:thing", "id": "x_1", "status": "in_progress", "own": [1]},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA", "status": "in_progress"},
    ],
    ids=lambda item: item["type"],
)
@pytest.mark.parametrize("more", ["came", None], ids=["told at the end", "not told"])
def test_an_item_that_is_open_when_the_reply_fails_is_said_as_far_as_it_came(
    item: dict[str, Any], more: str | None
) -> None:
    events = base_events("failed")
    added = {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item}
    failed = events[-1]
    failed["response"]["output"] = [{**item, "more": more}] if more else []
    outputs = read(sse([*events[:2], added, failed]))
    assert [type(output) for output in outputs] == [o.ReadyItem, o.Failure]
    assert isinstance(outputs[0], o.ReadyItem)
    plain: Any = to_plain(outputs[0].item)
    assert plain["id"] == item["id"]
    assert plain.get("more") == more
    response = said(outputs)
    assert (response.status, len(response.output)) == ("failed", 1)


def test_what_came_of_a_message_that_only_a_whole_item_can_say_is_not_lost_with_the_reply() -> None:
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "user", "status": "in_progress", "content": []}
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0, "sequence_number": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events = base_events("failed")
    failed = events[-1]
    failed["response"]["output"] = []
    outputs = read(
        sse(
            [
                *events[:2],
                {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
                {"type": "response.content_part.added", "part": part, **place},
                {"type": "response.output_text.delta", "delta": "Who goes", "logprobs": [], **place},
                failed,
            ]
        )
    )
    (message,) = said(outputs).output
    assert isinstance(message, MessageItem)
    assert [part_text(part) for part in message.content] == ["Who goes"]


def test_a_reply_that_is_cut_short_is_a_failure() -> None:
    data = Example(base="text").data()
    for cut in range(0, len(data) - 40, 97):
        outputs = read(data[:cut])
        assert isinstance(outputs[-1], o.Failure) or cut > data.rindex(b"event: response.completed")


def test_a_last_event_without_its_blank_line_was_not_sent() -> None:
    data = Example(base="text").data().removesuffix(b"data: [DONE]\n\n")
    assert read(data)[-1] == o.Stop("stop")
    for end in (b"", b"\n"):
        assert isinstance(read(data.rstrip() + end)[-1], o.Failure)
    translation = Responses().stream()
    translation.feed(data.rstrip())
    translation.close()
    assert [mend.code for mend in translation.mends if "left out" in mend.message] == ["OR107"]
    # A CR may be all of a line's end.
    assert read(data.replace(b"\n", b"\r"))[-1] == o.Stop("stop")


def test_an_incomplete_reply_says_why() -> None:
    assert read(Example(base="incomplete").data())[-1] == o.Stop("max_output_tokens")


def test_nothing_is_read_after_the_end() -> None:
    translation = Responses().stream()
    translation.feed(b"nonsense\n\n")
    assert translation.feed(Example(base="text").data()) == []
    assert translation.close() == []
    assert [mend.code for mend in translation.mends] == ["OR106", "OR301", "OR601"]


def test_a_whole_reply_is_read() -> None:
    response = base_events("reasoning")[-1]["response"]
    outputs = Responses().reply(json.dumps(response).encode())
    assert said(list(outputs)).output_text == "It is shut."
    assert outputs[-1] == o.Stop()
    outputs = Responses().reply(json.dumps(response | {"status": "in_progress"}).encode())
    assert isinstance(outputs[-1], o.Failure)
    assert said(list(Responses().reply(Example(base="text").data()))).output_text == "Hello world."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "No.", "code": "x"}}, "No."),
        ({"error": "No."}, "No."),
        ({"detail": "No."}, '{"detail":"No."}'),
        ({"detail": "No\ud83d."}, '{"detail":"No\ufffd."}'),
    ],
)
def test_an_error_in_place_of_a_reply_is_a_failure(body: object, message: str) -> None:
    (failure,) = Responses().reply(encode_plain(body))
    assert isinstance(failure, o.Failure)
    assert (failure.error.type, failure.error.message) == ("server_error", message)


@pytest.mark.parametrize("data", [b"[]", b"{", b"", b"{" + b" " * 20 + b"\n" + b" " * 20])
def test_a_reply_that_is_none_is_a_failure(data: bytes) -> None:
    outputs = read(data)
    assert isinstance(outputs[-1], o.Failure)


def test_a_reply_that_is_too_long_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.upstream.responses.api.MAX_FRAME_BYTES", 10)
    assert isinstance(read(b'{"object":\n' + b" " * 20)[-1], o.Failure)


def test_a_line_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.upstream.responses.api.MAX_FRAME_BYTES", 10)
    translation = Responses().stream()
    assert list(translation.feed(b'{"object')) == []
    (failure,) = translation.feed(b'":"resp')
    assert isinstance(failure, o.Failure)
    assert next((mend.code, mend.message) for mend in translation.mends) == (
        "OR106",
        "the reply cannot be read: a line of more than 10 bytes",
    )


def test_damaged_frames_are_left_out() -> None:
    data = Example(base="text").data()
    broken = data.replace(b"\n\n", b"\n\ndata: {\n\n", 1)
    assert read(broken) == read(data)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"data: ", b"{", b"event: x\ndata: {}\n\n"]))
def test_any_bytes_are_survived(data: bytes, head: bytes) -> None:
    outputs = read(head + data)
    assert isinstance(outputs[-1], (o.Failure, o.Stop))


@pytest.mark.parametrize("base", BASES)
def test_cuts_do_not_show(base: str) -> None:
    data = Example(base=base).data()
    assert read(data, *range(len(data))) == read(data)


def test_a_relay_says_it_to_a_client() -> None:
    emitter = ListStreamEmitter()
    writer = ResponseWriter(emitter, model="m", ids=Ids(), clock=lambda: 1000.0)
    Relay(Responses().stream(), writer).run([Example(base="two_parts").data()])
    assert_valid(emitter.events)
    assert writer.response.output_text == "First.Second."


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside the repository")
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.sse")), ids=lambda path: path.stem)
def test_a_recording_is_said_again(path: Path) -> None:
    data = path.read_bytes()
    want = told(data)
    response = said(read(data))
    assert response.output_text == want["text"]
    assert [(call.name, call.arguments) for call in response.function_calls] == [call[1:] for call in want["calls"]]


# The request.


def test_the_request_goes_out_nearly_as_it_came() -> None:
    tool = FunctionToolParam(name="f")
    request = CreateResponse(model="m", input=[MessageItemParam(role="user", content="Hi")], tools=[tool], store=False)
    translated = Responses().request(request)
    assert translated.losses == []
    assert translated.body == {
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "name": "f"}],
        "store": False,
        "stream": True,
    }
    assert Responses().request(CreateResponse(input="Hi"), stream=False).body == {"input": "Hi", "stream": False}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (CreateResponse(previous_response_id="resp_1"), "previous_response_id"),
        (CreateResponse(background=True), "background"),
        (CreateResponse(input=[ItemReferenceParam(id="msg_1")]), "input[0]"),
    ],
)
def test_what_only_our_store_can_resolve_is_refused(request_: CreateResponse, param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        Responses().request(request_)
    assert refused.value.param == param


# Shapes.


def test_all_hosted_items_are_hosted_types() -> None:
    assert all(names.is_hosted_type(name) for name in HOSTED_ITEMS)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, entry in entries for place in [(*path, key), *_places(entry, (*path, key))]]


@settings(max_examples=400)
@given(st.data())
def test_whatever_a_response_holds_is_put_into_its_shape(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(list(BASES)))
    response = base_events(base)[-1]["response"]
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(_places(response)))
        holder = response
        for key in way:
            holder = holder[key]
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = data.draw(json_values)
    told_of: list[str] = []
    right = put_right(Response, response, Report(lambda code, _: told_of.append(code)))
    assert list(shape.problems(Response, right)) == []
    assert right == response or told_of
    again: list[str] = []
    assert put_right(Response, right, Report(lambda code, _: again.append(code))) == right
    assert again == []


@pytest.mark.parametrize(
    ("path", "value", "want"),
    [
        ("created_at", 7.9, 7),
        ("created_at", "12", 12),
        ("temperature", "1", 1),
        ("temperature", 2, 2),
        ("created_at", 7.0, 7.0),
        ("model", 4, "4"),
        ("truncation", "AUTO", "auto"),
        ("status", "done", "completed"),
        ("tool_choice", "any", "required"),
        ("tool_choice", {"name": "f"}, {"type": "function", "name": "f"}),
        (
            "tools",
            [{"type": "x"}, {"name": "f"}],
            [
                {"type": "upstream:x"},
                {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
            ],
        ),
        ("tools", {}, []),
        ("text", {"format": {"type": "odd"}}, {"format": {"type": "text"}}),
        ("reasoning", {"effort": "minimal", "summary": None}, {"effort": "low", "summary": None}),
        ("usage", [], None),
        ("store", "yes", False),
        ("max_tool_calls", 2**70, None),
    ],
)
def test_values_are_converted_where_nothing_is_lost_by_it(path: str, value: object, want: object) -> None:
    response = base_events("text")[-1]["response"]
    response[path] = value
    right = put_right(Response, response, Report(lambda _, __: None))
    assert right[path] == want


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"role": "assistant", "content": []}, "message"),
        ({"name": "f", "arguments": {"a": 1}}, "function_call"),
        ({"call_id": "c", "output": "7"}, "function_call_output"),
        ({"summary": []}, "reasoning"),
        ({"type": "odd thing"}, "upstream:odd_thing"),
        ({"type": 7}, "upstream:unnamed"),
        ({"type": "mcp_call"}, "openai:mcp_call"),
        ({"type": ""}, "upstream:unnamed"),
    ],
)
def test_an_item_is_known_by_what_it_holds(item: dict[str, Any], kind: str) -> None:
    response = base_events("empty")[-1]["response"] | {"output": [item]}
    right = put_right(Response, response, Report(lambda _, __: None))
    assert right["output"][0]["type"] == kind
    assert right["output"][0]["status"] == "completed"
    if kind == "function_call":
        assert right["output"][0]["arguments"] == '{"a":1}'


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"text": "x"}, "output_text"),
        ({"type": "odd", "text": "x"}, "output_text"),
        ({"refusal": "x"}, "refusal"),
        ({"type": "odd"}, "upstream:odd"),
        ({"type": "output_text", "text": "x", "annotations": [{"url": "u"}, {"type": "file_path"}, {}]}, "output_text"),
    ],
)
def test_a_part_is_known_by_what_it_holds(part: dict[str, Any], kind: str) -> None:
    message = {"type": "message", "id": "m", "status": "completed", "role": "bot", "content": [part]}
    reasoning_item = {"type": "reasoning", "id": "r", "status": "completed", "summary": [{"text": "x"}]}
    response = base_events("empty")[-1]["response"] | {"output": [message, reasoning_item]}
    right = put_right(Response, response, Report(lambda _, __: None))
    assert right["output"][0]["content"][0]["type"] == kind
    assert right["output"][0]["role"] == "assistant"
    assert right["output"][1]["summary"][0]["type"] == "summary_text"
    if part.get("annotations"):
        types = [annotation["type"] for annotation in right["output"][0]["content"][0]["annotations"]]
        assert types == ["url_citation", "openai:file_path", "upstream:unnamed"]


def test_a_translation_is_made_for_each_reply() -> None:
    assert isinstance(Responses().stream(CreateResponse(model="m")), ResponsesTranslation)
