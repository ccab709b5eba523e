"""Replies of the Messages API, streamed and whole: what the model said in them, wherever the bytes are cut."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import Extra, JsonObject
from penstock.spec.content import ExtensionAnnotation, OutputTextContent, SummaryTextContent, UrlCitation
from penstock.spec.items import CompactionItem, ExtensionItem, FunctionCallItem, MessageItem, ReasoningItem
from penstock.spec.response import Response
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    Extension,
    Failure,
    FunctionCall,
    NewPart,
    Output,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Stop,
    Text,
    Usage,
)
from penstock.stream.writer import ResponseWriter
from penstock.upstream.anthropic import Anthropic, Options
from penstock.upstream.relay import Relay
from tests.upstream.reading import failure, in_pieces, losses_by, read_by

# Making streams, and reading them.


def frame(event: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())


def frames(*events: JsonObject) -> bytes:
    return b"".join(map(frame, events))


START: JsonObject = {"type": "message_start", "message": {"type": "message", "model": "claude", "content": []}}
STOP: JsonObject = {"type": "message_stop"}


def ending(reason: str | None = "end_turn", **more: object) -> JsonObject:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, **more}


def begin(index: int, kind: str, **fields: object) -> JsonObject:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: object) -> JsonObject:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def end(index: int) -> JsonObject:
    return {"type": "content_block_stop", "index": index}


def text(index: int, *pieces: str) -> list[JsonObject]:
    return [begin(index, "text", text=""), *(delta(index, "text_delta", text=each) for each in pieces), end(index)]


def thinking(index: int, words: str, signature: str = "") -> list[JsonObject]:
    """A block of thinking, as it is streamed."""
    signed = [delta(index, "signature_delta", signature=signature)] if signature else []
    return [
        begin(index, "thinking", thinking="", signature=""),
        delta(index, "thinking_delta", thinking=words),
        *signed,
        end(index),
    ]


def tool(index: int, *pieces: str, kind: str = "tool_use", name: str = "f", **fields: object) -> list[JsonObject]:
    """A block with an input that comes in pieces; a call unless `kind` says otherwise."""
    return [
        begin(index, kind, id=f"toolu_{index}", name=name, input={}, **fields),
        *(delta(index, "input_json_delta", partial_json=each) for each in pieces),
        end(index),
    ]


def stream(*events: JsonObject, reason: str | None = "end_turn") -> bytes:
    return frames(START, *events, ending(reason), STOP)


def read(data: bytes, options: Options | None = None) -> list[Output]:
    return read_by(Anthropic(options), data)


def said_in(*events: JsonObject, reason: str | None = "end_turn") -> list[Output]:
    """What is said in some events before the stop, which is left out."""
    *said, last = read(stream(*events, reason=reason))
    assert isinstance(last, Stop)
    return said


def losses(data: bytes) -> list[str]:
    return [loss.param for loss in losses_by(Anthropic(), data)]


def written(data: bytes) -> Response:
    numbers = count()
    writer = ResponseWriter(
        ListStreamEmitter(), model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0.0
    )
    Relay(Anthropic().stream(), writer).run([data])
    return writer.response


def sealed(**block: object) -> EncryptedReasoning:
    return EncryptedReasoning(json.dumps(block, separators=(",", ":"), ensure_ascii=False) + "\n")


def item(kind: str, status: str = "completed", /, **fields: object) -> ReadyItem:
    return ReadyItem(ExtensionItem(fields=Extra({**fields, "type": f"anthropic:{kind}", "status": status})))


# Text and how a reply ends.


def test_text_is_said_as_it_comes() -> None:
    assert read(stream(*text(0, "Hel", "", "lo"))) == [Text("Hel"), Text("lo"), Stop("stop")]


def test_text_is_said_at_once() -> None:
    translation = Anthropic().stream()
    assert translation.feed(frames(START, *text(0, "Hel")[:2])) == [Text("Hel")]
    assert translation.model == "claude"


def test_text_that_is_there_from_the_beginning() -> None:
    assert said_in(begin(0, "text", text="Hel"), delta(0, "text_delta", text="lo"), end(0)) == [Text("Hel"), Text("lo")]


def test_each_block_of_text_is_a_part() -> None:
    assert said_in(*text(0, "a"), *text(1, "b")) == [Text("a"), NewPart(), Text("b")]
    [message] = written(stream(*text(0, "a"), *text(1, "b"))).output
    assert isinstance(message, MessageItem)
    assert [part.text for part in message.content if isinstance(part, OutputTextContent)] == ["a", "b"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "max_output_tokens"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        ("compaction", "compaction"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
        ("something_new", "something_new"),
        (None, "stop"),
    ],
)
def test_stop_reason(reason: str | None, said: str) -> None:
    assert read(stream(*text(0, "a"), reason=reason)) == [Text("a"), Stop(said)]
    whole = {"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": reason}
    assert read(json.dumps(whole).encode()) == [Text("a"), Stop(said)]


def test_no_stop_reason_after_calls() -> None:
    assert read(stream(*tool(0, "{}"), reason=None))[-1] == Stop("tool_calls")


@pytest.mark.parametrize("reason", ["pause_turn", "max_tokens", "something_new"])
def test_a_stop_reason_other_than_an_end_makes_the_response_incomplete(reason: str) -> None:
    assert written(stream(*text(0, "a"), reason=reason)).status == "incomplete"


def test_end_without_message_stop_is_a_failure_though_a_reason_was_given() -> None:
    assert failure(read(frames(START, *text(0, "a"), ending()))).code == "upstream_truncated"


def test_end_without_message_stop_after_a_reason_that_is_none_to_be_whole() -> None:
    assert read(frames(START, *text(0, "a"), ending("max_tokens")))[-1] == Stop("max_output_tokens")


def test_message_stop_without_its_blank_line_does_not_count() -> None:
    assert failure(read(stream(*text(0, "a"))[:-1])).code == "upstream_truncated"


def test_nothing_is_read_after_message_stop() -> None:
    assert read(stream(*text(0, "a")) + frames(*text(1, "b"))) == [Text("a"), Stop("stop")]


@pytest.mark.parametrize("data", [frames(STOP), frames({"type": "ping"}, STOP)])
def test_a_stream_that_ends_without_any_answer_has_failed(data: bytes) -> None:
    assert failure(read(data)).code == "upstream_empty_reply"


def test_ping_and_done_and_empty_frames_say_nothing() -> None:
    data = frames(START, {"type": "ping"}) + b"event: ping\n\ndata: [DONE]\n\n" + frames(*text(0, "a"), ending(), STOP)
    assert read(data) == [Text("a"), Stop("stop")]
    assert losses(data) == []


def test_events_to_come_are_reported() -> None:
    data = stream({"type": "mood", "value": 7}, *text(0, "a"))
    assert read(data) == [Text("a"), Stop("stop")]
    assert losses(data) == ["mood"]
    assert losses(stream() + b"") == []
    assert losses(frames(START) + b"data: {}\n\n") == ["type"]


def test_refusal_is_said_in_the_words_of_its_explanation() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It could do harm."}
    last = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}}
    data = frames(START, *text(0, "He"), ending(None), last, STOP)
    assert read(data) == [
        Text("He"),
        Refusal("It could do harm."),
        Extension("anthropic:message", {"stop_details": details}),
        Stop("content_filter"),
    ]
    response = written(data)
    assert (response.status, response.refusal) == ("incomplete", "It could do harm.")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "content_filter"


def test_what_a_message_tells_beyond_the_specification_is_an_event() -> None:
    start = {"type": "message_start", "message": {"content": [], "container": None, "diagnostics": {"cache": "miss"}}}
    last = {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "container": {"id": "c"}},
        "context_management": {"applied_edits": []},
        "input_transformations": [{"type": "thinking_dropped"}],
    }
    expected = {
        "diagnostics": {"cache": "miss"},
        "container": {"id": "c"},
        "stop_sequence": "END",
        "context_management": {"applied_edits": []},
        "input_transformations": [{"type": "thinking_dropped"}],
    }
    del expected["context_management"]  # it says that nothing was done
    assert read(frames(start, last, STOP)) == [Extension("anthropic:message", expected), Stop("stop")]


def test_a_model_that_takes_over_is_the_one_that_answers() -> None:
    hop = {"from": {"model": "claude"}, "to": {"model": "claude-2"}, "trigger": {"type": "refusal"}}
    translation = Anthropic().stream()
    said = translation.feed(stream(begin(0, "fallback", **hop), end(0), *text(1, "a")))
    assert translation.model == "claude-2"
    assert said[0] == ReadyItem(
        ExtensionItem(fields=Extra({**hop, "type": "anthropic:fallback", "status": "completed"}))
    )
    nobody = Anthropic().stream()
    nobody.feed(stream(begin(0, "fallback"), end(0)))
    assert nobody.model == "claude"


# Thinking.


def test_thinking_is_a_summary_with_its_signed_block() -> None:
    assert said_in(*thinking(0, "Hm.", "sig"), *text(1, "a")) == [
        ReasoningSummary("Hm."),
        sealed(type="thinking", thinking="Hm.", signature="sig"),
        Text("a"),
    ]


def test_thinking_of_providers_that_tell_it_raw() -> None:
    said = read(stream(*thinking(0, "Hm.", "s")), Options(raw_thinking=True))
    assert said[0] == Reasoning("Hm.")


def test_thinking_without_a_signature_cannot_go_back() -> None:
    assert said_in(*thinking(0, "Hm.")) == [ReasoningSummary("Hm.")]


def test_thinking_that_is_not_shown_goes_back_all_the_same() -> None:
    assert said_in(*thinking(0, "", "sig")) == [sealed(type="thinking", thinking="", signature="sig")]


def test_redacted_thinking_keeps_its_place() -> None:
    events = [*thinking(0, "a", "s"), begin(1, "redacted_thinking", data="xyz"), end(1), *thinking(2, "b", "t")]
    assert said_in(*events, begin(3, "redacted_thinking"), end(3)) == [
        ReasoningSummary("a"),
        sealed(type="thinking", thinking="a", signature="s"),
        NewPart(),
        sealed(type="redacted_thinking", data="xyz"),
        NewPart(),
        ReasoningSummary("b"),
        sealed(type="thinking", thinking="b", signature="t"),
        NewPart(),
    ]
    [reasoning] = written(stream(*events)).output
    assert isinstance(reasoning, ReasoningItem)
    assert [part.text for part in reasoning.summary if isinstance(part, SummaryTextContent)] == ["a", "b"]


def test_a_signature_is_said_though_the_reply_is_cut_after_it() -> None:
    said = read(frames(START, *thinking(0, "Hm.", "sig")[:-1]))
    assert said[:-1] == [ReasoningSummary("Hm."), sealed(type="thinking", thinking="Hm.", signature="sig")]
    assert failure(said).code == "upstream_truncated"


# Calls.


@pytest.mark.parametrize("pieces", [["{}"], ["", '{"a": ', '"b"}'], list('{"a": "\\u00e9\U0001f600"}')])
def test_call_with_arguments_split_anywhere(pieces: list[str]) -> None:
    said = said_in(*tool(0, *pieces), reason="tool_use")
    assert said[0] == FunctionCall("f", call_id="toolu_0")
    assert said[1:] == [Arguments(piece, "toolu_0") for piece in pieces if piece]


def test_call_without_arguments() -> None:
    assert said_in(*tool(0)) == [FunctionCall("f", call_id="toolu_0")]
    [call] = written(stream(*tool(0), reason="tool_use")).function_calls
    assert (call.arguments, call.status) == ("{}", "completed")


def test_call_is_done_when_the_next_block_begins() -> None:
    assert said_in(*tool(0, "{}"), *tool(1, "{}"), *text(2, "a")) == [
        FunctionCall("f", call_id="toolu_0"),
        Arguments("{}", "toolu_0"),
        Done("toolu_0"),
        FunctionCall("f", call_id="toolu_1"),
        Arguments("{}", "toolu_1"),
        Done("toolu_1"),
        Text("a"),
    ]


def test_call_that_the_limit_cut_in_two_is_incomplete() -> None:
    response = written(stream(*tool(0, '{"a": '), reason="max_tokens"))
    assert [(call.arguments, call.status) for call in response.function_calls] == [('{"a": ', "incomplete")]


def test_calls_whose_pieces_are_interleaved() -> None:
    first, second = tool(0, '{"a":', "1}"), tool(1, '{"b":', "2}")
    events = [first[0], first[1], second[0], second[1], first[2], second[2], first[3], second[3]]
    response = written(stream(*events, reason="tool_use"))
    assert [call.arguments for call in response.function_calls] == ['{"a":1}', '{"b":2}']


def test_arguments_in_one_piece() -> None:
    events = [begin(0, "tool_use", id="x", name="f", input={"a": 1}), end(0)]
    assert said_in(*events) == [FunctionCall("f", call_id="x"), Arguments('{"a":1}', "x")]


def test_arguments_in_pieces_hold_over_those_there_were_from_the_beginning() -> None:
    events = [begin(0, "tool_use", id="x", name="f", input={"a": 1}), *tool(0, '{"b":2}')[1:]]
    assert said_in(*events) == [FunctionCall("f", call_id="x"), Arguments('{"b":2}', "x")]


def test_ids_that_cannot_be_sent_back_are_none() -> None:
    long = "x" * 65
    events = [
        begin(number, "tool_use", id=identity, name="f", input={})
        for number, identity in enumerate(["a", "a", long, None])
    ]
    assert [out for out in said_in(*events) if isinstance(out, FunctionCall)] == [
        FunctionCall("f", call_id="a"),
        FunctionCall("f", key="*2*"),
        FunctionCall("f", key="*3*"),
        FunctionCall("f", key="*4*"),
    ]


@pytest.mark.parametrize("name", ["", None])
def test_call_without_a_name_is_a_failure(name: str | None) -> None:
    events = [begin(0, "tool_use", id="x", name=name, input={}), *text(1, "late")]
    error = failure(read(stream(*events)))
    assert (error.type, error.code) == ("model_error", "call_without_name")
    whole = {"type": "message", "content": [{"type": "tool_use", "name": name}], "stop_reason": "tool_use"}
    assert failure(read(json.dumps(whole).encode())).code == "call_without_name"


def test_call_by_another_caller_keeps_what_it_needs_to_go_back() -> None:
    caller = {"type": "code_execution_20260120", "tool_id": "srv"}
    events = tool(0, '{"a":', "1}", caller=caller)
    assert said_in(*events) == [
        ReadyItem(
            FunctionCallItem(
                id="",
                call_id="toolu_0",
                name="f",
                arguments='{"a":1}',
                status="completed",
                extra=Extra({"anthropic:caller": caller}),
            )
        )
    ]
    [call] = written(stream(*tool(0, '{"a":', toolset_name="browser"), reason="max_tokens")).function_calls
    assert (call.arguments, call.status) == ('{"a":', "incomplete")
    assert call.extra == Extra({"anthropic:toolset_name": "browser"})
    assert said_in(*tool(0, caller={"type": "direct"})) == [FunctionCall("f", call_id="toolu_0")]
    [bare] = said_in(*tool(0, toolset_name="browser"))
    assert isinstance(bare, ReadyItem)
    assert isinstance(bare.item, FunctionCallItem)
    assert bare.item.arguments == "{}"


# Anthropic's own tools, and whatever else there is.


def test_server_tools_and_their_results_are_items() -> None:
    result = begin(1, "web_search_tool_result", tool_use_id="toolu_0", content=[{"type": "web_search_result"}])
    assert said_in(*tool(0, "", '{"query":', '"q"}', kind="server_tool_use", name="web_search"), result, end(1)) == [
        item("server_tool_use", id="toolu_0", name="web_search", input={"query": "q"}),
        item("web_search_tool_result", tool_use_id="toolu_0", content=[{"type": "web_search_result"}]),
    ]


def test_server_tool_that_the_limit_cut_in_two_is_incomplete() -> None:
    events = tool(0, '{"query":', kind="server_tool_use", name="web_search")
    expected = item("server_tool_use", "incomplete", id="toolu_0", name="web_search", input='{"query":')
    assert said_in(*events, reason="max_tokens") == [expected]
    assert read(frames(START, *events[:-1]))[:-1] == [expected]
    assert read(frames(START, events[0]))[:-1] == [
        item("server_tool_use", "incomplete", id="toolu_0", name="web_search", input={})
    ]


def test_blocks_to_come_are_items_too() -> None:
    data = stream(begin(0, "hologram", depth=3), delta(0, "light_delta"), end(0))
    assert read(data) == [item("hologram", depth=3), Stop("stop")]
    assert losses(data) == ["content[].hologram.light_delta"]


@pytest.mark.parametrize(("kind", "param"), [("", "content[].type"), ("a b", "content[].a b")])
def test_blocks_without_a_usable_type_are_reported(kind: str, param: str) -> None:
    data = stream(begin(0, kind), delta(0, "text_delta", text="x"), end(0), *text(1, "a"))
    assert read(data) == [Text("a"), Stop("stop")]
    assert losses(data) == [param, f"content[].{kind}.text_delta"]


def test_compaction_is_the_item_of_that_name() -> None:
    events = [
        begin(0, "compaction", content=None),
        delta(0, "compaction_delta", content="So far.", encrypted_content="e"),
        end(0),
    ]
    [said] = said_in(*events)
    assert isinstance(said, ReadyItem)
    assert isinstance(said.item, CompactionItem)
    block = {"type": "compaction", "content": "So far.", "encrypted_content": "e"}
    assert json.loads(said.item.encrypted_content) == block
    whole = {"type": "message", "content": [block], "stop_reason": "end_turn"}
    assert read(json.dumps(whole).encode())[0] == said
    plain = [
        begin(0, "compaction", content=None),
        delta(0, "compaction_delta", content="a"),
        delta(0, "x_delta"),
        end(0),
    ]
    [ready] = said_in(*plain)
    assert isinstance(ready, ReadyItem)
    assert isinstance(ready.item, CompactionItem)
    assert json.loads(ready.item.encrypted_content) == {"type": "compaction", "content": "a"}
    assert losses(stream(*plain)) == ["content[].compaction.x_delta"]


# Citations.

WEB = {
    "type": "web_search_result_location",
    "url": "http://x",
    "title": "X",
    "cited_text": "y",
    "encrypted_index": "z",
}
PAGE = {"type": "page_location", "document_index": 0, "start_page_number": 1}


def test_citation_of_a_page_in_the_web() -> None:
    events = [begin(0, "text", text=""), delta(0, "citations_delta", citation=WEB), *text(0, "abc")[1:]]
    extra = Extra({"cited_text": "y", "encrypted_index": "z"})
    expected = Annotated(UrlCitation(url="http://x", title="X", start_index=0, end_index=3, extra=extra))
    assert said_in(*events) == [Text("abc"), expected]
    untitled = [begin(0, "text", text="abc", citations=[{**WEB, "title": None}, 7]), end(0)]
    named = UrlCitation(url="http://x", title="", start_index=0, end_index=3, extra=extra)
    assert said_in(*untitled) == [Text("abc"), Annotated(named)]


@pytest.mark.parametrize(
    ("citation", "kind"),
    [(PAGE, "page_location"), ({**WEB, "url": None}, "web_search_result_location"), ({"odd": 1}, "citation")],
)
def test_other_citations_are_annotations_of_anthropics_own(citation: JsonObject, kind: str) -> None:
    events = [begin(0, "text", text="a"), delta(0, "citations_delta", citation=citation), end(0)]
    fields = Extra({**citation, "type": f"anthropic:{kind}"})
    assert said_in(*events) == [Text("a"), Annotated(ExtensionAnnotation(fields=fields))]


def test_citations_are_said_though_the_reply_is_cut_after_them() -> None:
    said = read(frames(START, begin(0, "text", text="a"), delta(0, "citations_delta", citation=PAGE)))
    assert [type(output) for output in said] == [Text, Annotated, Failure]


# Pieces that belong nowhere.


@pytest.mark.parametrize(
    "event",
    [
        delta(0, "text_delta", text="x"),
        delta(7, "input_json_delta", partial_json="{"),
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
    ],
)
def test_piece_of_a_block_that_is_not_open_is_a_failure(event: JsonObject) -> None:
    assert failure(read(stream(event, *text(1, "late")))).code == "upstream_invalid_stream"
    assert failure(read(stream(*text(0, "a"), event))).code == "upstream_invalid_stream"


def test_a_block_without_an_end_ends_where_the_next_begins() -> None:
    events = [begin(0, "text", text="a", citations=[PAGE]), *text(1, "b"), end(9)]
    assert [type(output) for output in said_in(*events)] == [Text, Annotated, NewPart, Text]
    again = [begin(0, "tool_use", id="x", name="f", input={"a": 1}), *text(0, "b")]
    assert said_in(*again) == [FunctionCall("f", call_id="x"), Arguments('{"a":1}', "x"), Done("x"), Text("b")]


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (begin(0, "text", text=""), "thinking_delta"),
        (begin(0, "text", text=""), "citations_delta"),
        (begin(0, "thinking", thinking="a", signature="b"), "text_delta"),
        (begin(0, "redacted_thinking", data="a"), "text_delta"),
        (begin(0, "tool_use", id="x", name="f", input={}), "text_delta"),
        (begin(0, "server_tool_use", id="x", name="f", input={}), "text_delta"),
        (begin(0, "web_search_tool_result", content=[]), "input_json_delta"),
    ],
)
def test_piece_of_another_kind_than_its_block_is_reported(block: JsonObject, kind: str) -> None:
    data = stream(block, delta(0, kind, text="x", partial_json="{}"), end(0))
    assert read(data)[-1] == Stop("stop")
    assert losses(data) == [f"content[].{block['content_block']['type']}.{kind}"]


def test_thinking_that_is_there_from_the_beginning() -> None:
    said = said_in(begin(0, "thinking", thinking="a", signature="b"), end(0))
    assert said == [ReasoningSummary("a"), sealed(type="thinking", thinking="a", signature="b")]


def test_content_of_the_first_event_counts() -> None:
    start = {"type": "message_start", "message": {"content": [{"type": "text", "text": "a"}, 7]}}
    assert read(frames(start, ending(), STOP)) == [Text("a"), Stop("stop")]
    assert losses(frames(start, ending(), STOP)) == ["content[].type"]


# Usage.


def usage_in(first: object, last: object = None) -> list[Usage]:
    start = {"type": "message_start", "message": {"content": [], "usage": first}}
    said = read(frames(start, ending(usage=last), STOP))
    return [output for output in said if isinstance(output, Usage)]


def test_usage_with_everything() -> None:
    first = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    last = {
        "input_tokens": None,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30, "other_tokens": 2},
        "server_tool_use": {"web_search_requests": 0},
        "iterations": [{"type": "message"}],
    }
    kept = {
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }
    assert usage_in(first, last) == [
        Usage(input_tokens=1110, output_tokens=1, cached_tokens=1000, extra=Extra(kept)),
        Usage(
            input_tokens=1110,
            output_tokens=50,
            cached_tokens=1000,
            reasoning_tokens=30,
            extra=Extra({**kept, "iterations": [{"type": "message"}], "output_tokens_details": {"other_tokens": 2}}),
        ),
    ]


def test_usage_that_says_nothing_new_is_said_once() -> None:
    assert usage_in({"input_tokens": 1, "output_tokens": 2}, {"output_tokens": 2}) == [
        Usage(input_tokens=1, output_tokens=2)
    ]


@pytest.mark.parametrize("usage", [None, {}, {"service_tier": "standard"}, {"input_tokens": "7"}, 7])
def test_usage_that_counts_no_tokens_is_none(usage: object) -> None:
    assert usage_in(usage) == []


def test_usage_of_one_kind_or_below_nought() -> None:
    assert usage_in({"output_tokens": -3, "cache_read_input_tokens": -1}) == [Usage(input_tokens=0, output_tokens=0)]


def test_usage_after_a_failure_is_still_said() -> None:
    data = frames(START, delta(0, "text_delta"), {**ending(), "usage": {"input_tokens": 1, "output_tokens": 2}}, STOP)
    assert [type(output) for output in read(data)] == [Failure, Usage]


# Errors.

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, ("server_error", "overloaded_error", "Overloaded")),
        ({"type": "api_error", "message": "m"}, ("server_error", "api_error", "m")),
        ({"type": "invalid_request_error", "message": "m"}, ("invalid_request", "invalid_request_error", "m")),
        ({"type": "authentication_error", "message": "m"}, ("authentication_error", "authentication_error", "m")),
        ({"type": "permission_error", "message": "m"}, ("permission_denied", "permission_error", "m")),
        ({"type": "billing_error", "message": "m"}, ("too_many_requests", "billing_error", "m")),
        ({"type": "rate_limit_error", "message": "m"}, ("too_many_requests", "rate_limit_error", "m")),
        ({"type": "not_found_error", "message": "m"}, ("not_found", "not_found_error", "m")),
        ({"type": "request_too_large", "message": "m"}, ("invalid_request", "request_too_large", "m")),
        ("just words", ("server_error", None, "just words")),
    ],
)
def test_errors(error: object, expected: tuple[str, ...]) -> None:
    event = {"type": "error", "error": error, "request_id": "req_1"}
    for data in (frames(START, *text(0, "a"), event, *text(1, "late")), frames(event), json.dumps(event).encode()):
        found = failure(read(data))
        assert (found.type, found.code, found.message) == expected
        assert found.extra.get("request_id") == ("req_1" if isinstance(error, dict) else None)


def test_error_without_its_type_or_its_name() -> None:
    assert failure(read(b'event: error\ndata: {"error": {"message": "m"}}\n\n')).message == "m"
    assert failure(read(b'data: {"error": {"message": "m"}}\n\n')).message == "m"
    assert failure(read(b'{"error": {"message": "m"}}')).message == "m"
    assert failure(read(b"event: error\ndata: down\n\n")).message == "down"
    assert failure(read(b"event: error\n\n")).type == "server_error"


def test_a_failed_reply_says_nothing_more() -> None:
    message = {"type": "message_start", "message": {"content": [{"type": "text", "text": "late"}]}}
    data = frames(START, OVERLOADED, message, *text(0, "late"), ending(), STOP)
    assert [type(output) for output in read(data)] == [Failure]


@pytest.mark.parametrize("data", [b"data: nonsense\n\n", b"data: 7\n\n", b"data: [1]\n\n", b'data: {"type"\n\n'])
def test_frame_that_is_no_json_object_is_a_failure_that_quotes_it(data: bytes) -> None:
    error = failure(read(frames(START) + data))
    assert error.code == "upstream_invalid_json"
    assert repr(data[6:-2].decode()) in error.message


def test_json_nested_too_deeply_is_a_failure() -> None:
    deep = b'data: {"type": "message_delta", "usage": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n\n"
    assert failure(list(Anthropic().reply(frames(START) + deep))).code == "upstream_invalid_json"


# Whole replies.


def test_whole_reply() -> None:
    message = {
        "type": "message",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": "a", "citations": [PAGE]},
            {"type": "tool_use", "id": "x", "name": "f", "input": {"a": "é"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    assert read(json.dumps(message).encode()) == [
        ReasoningSummary("Hm."),
        sealed(type="thinking", thinking="Hm.", signature="s"),
        Text("a"),
        Annotated(ExtensionAnnotation(fields=Extra({**PAGE, "type": "anthropic:page_location"}))),
        FunctionCall("f", call_id="x"),
        Arguments('{"a":"é"}', "x"),
        Usage(input_tokens=1, output_tokens=2),
        Stop("tool_calls"),
    ]


@pytest.mark.parametrize("data", [b"{}", b'{"content": 7}'])
def test_whole_reply_without_content(data: bytes) -> None:
    assert failure(read(data)).code == "upstream_empty_reply"


@pytest.mark.parametrize("data", [b"[]", b'{"content": ['])
def test_whole_reply_that_is_no_object(data: bytes) -> None:
    assert failure(read(data)).code == "upstream_invalid_json"


def test_whole_reply_cut_short_anywhere_has_failed() -> None:
    data = json.dumps(
        {"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}
    ).encode()
    for cut in range(len(data)):
        assert isinstance(Anthropic().reply(data[:cut])[-1], Failure)
    assert Anthropic().reply(data)[-1] == Stop("stop")


# What is not quite as Anthropic would send it.


@pytest.mark.parametrize("value", [None, 7, "words", True, [], {}, [7], {"type": 7}])
def test_fields_of_other_types_count_as_absent(value: object) -> None:
    names = ["type", "text", "partial_json", "thinking", "signature", "citation", "content", "encrypted_content"]
    odd = {"type": "content_block_delta", "index": 0, "delta": dict.fromkeys(names, value)}
    last = dict.fromkeys(["stop_reason", "stop_sequence", "stop_details", "container"], value)
    data = frames(
        {"type": "message_start", "message": value},
        begin(0, "text", text=value, citations=value),
        odd,
        {**ending(), "delta": {**last, "stop_reason": 7}, "usage": value, "context_management": value},
        STOP,
    )
    assert isinstance(read(data)[-1], Stop | Failure)
    whole = dict.fromkeys(["model", "stop_reason", "usage", "container"], value)
    assert isinstance(read(json.dumps({**whole, "content": [value]}).encode())[-1], Stop | Failure)


def test_an_index_that_is_written_otherwise_and_an_event_without_its_fields() -> None:
    events = [begin(0, "text", text=""), {**delta(0, "text_delta", text="a"), "index": 0.0}]
    assert said_in(*events) == [Text("a")]
    assert read(frames({"type": "message_start"}, {"type": "message_delta"}, STOP)) == [Stop("stop")]
    assert said_in({"type": "content_block_start", "index": 0}, {"type": "content_block_delta", "index": 0}) == []


def test_lone_surrogates_are_replaced_in_what_is_kept() -> None:
    data = stream(*thinking(0, "a", "s")).replace(b'"signature": "s"', b'"signature": "\\ud800"')
    assert sealed(type="thinking", thinking="a", signature="�") in read(data)
    assert written(data).status == "completed"


# Whatever comes.

KINDS = ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "compaction", "new_result", "a b"]
DELTAS = ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "compaction_delta"]
values: st.SearchStrategy[object] = (
    st.none() | st.integers(-2, 2) | st.text(max_size=3) | st.just({}) | st.just([]) | st.just({"a": [1]})
)
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional=dict.fromkeys(("text", "id", "name", "input", "thinking", "signature", "data", "citations"), values),
)
deltas = st.fixed_dictionaries(
    {"type": st.sampled_from(DELTAS)},
    optional=dict.fromkeys(("text", "thinking", "signature", "partial_json", "citation", "content"), values),
)
indexes = st.integers(0, 2) | st.none()
events = st.one_of(
    st.builds(
        lambda index, block: {"type": "content_block_start", "index": index, "content_block": block}, indexes, blocks
    ),
    st.builds(lambda index, piece: {"type": "content_block_delta", "index": index, "delta": piece}, indexes, deltas),
    st.builds(lambda index: {"type": "content_block_stop", "index": index}, indexes),
    st.builds(lambda reason, usage: {**ending(), "delta": {"stop_reason": reason}, "usage": usage}, values, values),
    st.builds(lambda block: {"type": "message_start", "message": {"content": [block]}}, blocks),
    st.sampled_from([STOP, OVERLOADED, {"type": "ping"}, {"type": 7}]),
)


@given(some=st.lists(events, max_size=12), cut=st.integers(0, 400))
def test_any_events_say_something_that_can_be_written(some: list[JsonObject], cut: int) -> None:
    data = frames(*some)
    whole = in_pieces(Anthropic(), data, [])
    assert whole == in_pieces(Anthropic(), data, [min(cut, len(data))])
    assert sum(isinstance(output, Stop | Failure) for output in whole) == 1
    response = written(data)
    assert response.status in ("completed", "incomplete", "failed")
    if response.status == "failed":
        assert response.error is not None
        assert response.error.code != "upstream_invalid_output"


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_any_bytes_never_raise(data: bytes, cut: int) -> None:
    for prefix in (b"", b"data: ", b'{"content": '):
        said = in_pieces(Anthropic(), prefix + data, [min(cut, len(data))])
        assert isinstance(said[-1], Stop | Failure)
