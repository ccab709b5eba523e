"""Chat Completions replies, streamed and whole: what the model said in them, wherever the bytes are cut."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock.upstream.chat_completions
from penstock.spec.base import Extra, JsonObject
from penstock.spec.content import ExtensionAnnotation, LogProb, TopLogProb, UrlCitation
from penstock.spec.request import CreateResponse
from penstock.spec.response import Response
from penstock.spec.tools import FunctionToolParam, ToolParam
from penstock.stream.output import (
    Annotated,
    Arguments,
    EncryptedReasoning,
    Failure,
    FunctionCall,
    Output,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Stop,
    Text,
    Usage,
)
from penstock.stream.writer import ResponseWriter
from penstock.upstream.base import Loss
from penstock.upstream.chat_completions import ChatCompletions, Options
from tests.upstream.reading import failure, in_pieces, losses_by, read_by

SHARED = Path(__file__).parents[2].parent / "shared" / "recordings" / "chat_completions"
DATA = Path(penstock.upstream.chat_completions.__file__).parents[2] / "data"
RECORDINGS = sorted(SHARED.glob("*.sse"))


# Making streams, and reading them.


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def choice(delta: object = None, finish: str | None = None, **more: object) -> JsonObject:
    return {"choices": [{"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish, **more}]}


def stream(*chunks: object, done: bool = True) -> bytes:
    """Chunks, or bare deltas, as the bytes of a stream."""
    whole = [
        chunk if isinstance(chunk, dict) and chunk.keys() & {"choices", "usage", "error", "x_groq"} else choice(chunk)
        for chunk in chunks
    ]
    return b"".join(map(frame, whole)) + (b"data: [DONE]\n\n" if done else b"")


def read(data: bytes, options: Options | None = None, request: CreateResponse | None = None) -> list[Output]:
    return read_by(ChatCompletions(options), data, request)


def losses(data: bytes) -> list[Loss]:
    return losses_by(ChatCompletions(), data)


def call(
    index: int | None = None, id: str | None = None, name: str | None = None, arguments: object = None
) -> JsonObject:
    piece: JsonObject = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [{key: value for key, value in piece.items() if value is not None}]}


def calls_of(said: Sequence[Output]) -> list[tuple[str, str]]:
    """Name and joined arguments of every call."""
    found: dict[str, list[str]] = {}
    for output in said:
        if isinstance(output, FunctionCall):
            name = output.call_id or output.key
            assert name is not None
            assert name not in found
            found[name] = [output.name, ""]
        elif isinstance(output, Arguments):
            assert output.call is not None
            found[output.call][1] += output.delta
    return [(name, arguments) for name, arguments in found.values()]


# Text and how a reply ends.


def test_text_is_said_as_it_comes() -> None:
    said = read(stream({"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, choice({}, "stop")))
    assert said == [Text("Hel"), Text("lo"), Stop("stop")]


def test_text_is_said_at_once() -> None:
    translation = ChatCompletions().stream()
    assert translation.feed(frame(choice({"content": "Hel"}))) == [Text("Hel")]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("eos", "stop"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("length", "max_output_tokens"),
        ("model_length", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("Repetition", "Repetition"),
    ],
)
def test_finish_reason(finish: str, reason: str) -> None:
    assert read(stream({"content": "a"}, choice({}, finish))) == [Text("a"), Stop(reason)]


@pytest.mark.parametrize(("finish", "kind"), [("error", "model_error"), ("network_error", "server_error")])
def test_finish_reason_that_is_a_failure(finish: str, kind: str) -> None:
    error = failure(read(stream({"content": "a"}, choice({}, finish))))
    assert (error.type, error.code) == (kind, finish)


def test_empty_finish_reason_is_none() -> None:
    assert failure(read(stream(choice({"content": "a"}, ""), done=False))).code == "upstream_truncated"


def test_text_after_the_finish_reason_is_still_said() -> None:
    assert read(stream(choice({"content": "a"}, "stop"), {"content": "b"})) == [Text("a"), Text("b"), Stop("stop")]


def test_done_without_finish_reason_is_a_finished_reply() -> None:
    assert read(stream({"content": "4"})) == [Text("4"), Stop("stop")]


def test_done_without_finish_reason_after_calls() -> None:
    assert read(stream(call(0, "c", "f", "{}")))[-1] == Stop("tool_calls")


def test_finish_reason_without_done_was_cut_short() -> None:
    said = read(stream(choice({"content": "a"}, "stop"), done=False))
    assert said[0] == Text("a")
    assert failure(said).code == "upstream_truncated"


def test_finish_reason_without_done_is_enough_where_the_provider_sends_none() -> None:
    adapter = ChatCompletions(Options(sentinel=False))
    body = stream(choice({"content": "a"}, "stop"), done=False)
    assert in_pieces(adapter, body, []) == [Text("a"), Stop("stop")]
    assert failure(in_pieces(adapter, body.rstrip(), [])).code == "upstream_truncated"
    assert in_pieces(adapter, body + b"data: [DONE]", []) == [Text("a"), Stop("stop")]


def test_finish_reason_without_done_is_enough_where_the_transport_vouches_for_the_whole() -> None:
    translation = ChatCompletions().stream()
    said = [*translation.feed(stream(choice({"content": "a"}, "stop"), done=False))]
    translation.came_whole()
    assert [*said, *translation.close()] == [Text("a"), Stop("stop")]


def test_what_was_incomplete_anyway_needs_no_done() -> None:
    assert read(stream(choice({}, "length"), done=False)) == [Stop("max_output_tokens")]


def test_end_without_either_is_a_failure() -> None:
    said = read(stream({"content": "a"}, done=False))
    assert said[0] == Text("a")
    assert (failure(said).type, failure(said).code) == ("server_error", "upstream_truncated")


def test_frame_cut_short_is_a_truncated_reply() -> None:
    assert failure(read(stream({"content": "a"}, done=False) + b'data: {"choi')).code == "upstream_truncated"


def test_sentinel_without_its_blank_line_does_not_count() -> None:
    said = read(stream({"content": "a"}, done=False) + b"data: [DONE]\n")
    assert "within a frame" in failure(said).message


def test_a_stream_that_ends_without_any_answer_has_failed() -> None:
    for body in (b"", frame({"type": "response.created"}), frame({"choices": []})):
        (failure,) = read(body + b"data: [DONE]\n\n")
        assert isinstance(failure, Failure)
        assert failure.error.code == "upstream_empty_reply"


def test_nothing_is_read_after_done() -> None:
    assert read(stream({"content": "a"}) + stream({"content": "b"}) + b"data: x\n\n") == [Text("a"), Stop("stop")]


def test_reply_without_any_byte() -> None:
    assert "without any reply" in failure(read(b"")).message
    assert "without any reply" in failure(read(b" \n")).message


def test_comments_and_empty_frames_say_nothing() -> None:
    data = b": OPENROUTER PROCESSING\n\ndata:\n\ndata: {}\n\n" + stream({"content": "a"})
    assert read(data) == [Text("a"), Stop("stop")]


def test_byte_order_mark_and_other_line_ends() -> None:
    data = b"\xef\xbb\xbf" + stream({"content": "a"}).replace(b"\n", b"\r\n")
    assert read(data) == [Text("a"), Stop("stop")]


def test_refusal() -> None:
    assert read(stream({"refusal": "I "}, {"refusal": "won't."})) == [Refusal("I "), Refusal("won't."), Stop("stop")]


def test_only_the_first_choice_is_read_and_the_others_reported() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}]}
    data = stream({"content": "a"}, other, other, choice({}, "stop"))
    assert read(data) == [Text("a"), Stop("stop")]
    assert [loss.param for loss in losses(data)] == ["choices[1]"]


def test_choice_without_index_is_the_first() -> None:
    assert read(stream({"choices": [{"delta": {"content": "a"}}]})) == [Text("a"), Stop("stop")]


def test_lone_surrogates_are_kept_for_the_writer_to_join() -> None:
    data = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n' + stream({"content": "a"})
    assert read(data) == [Text("\ud83d"), Text("a"), Stop("stop")]


# Reasoning.


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning(field: str) -> None:
    assert read(stream({field: "Hm", "content": ""}, {"content": "a"})) == [Reasoning("Hm"), Text("a"), Stop("stop")]


def test_the_same_reasoning_in_two_fields_is_said_once() -> None:
    data = stream({"reasoning_content": "Hm", "reasoning": "Hm"})
    assert read(data) == [Reasoning("Hm"), Stop("stop")]
    assert losses(data) == []


def test_other_reasoning_in_the_second_field_is_reported() -> None:
    data = stream({"reasoning_content": "Hm", "reasoning": "Oh"})
    assert read(data) == [Reasoning("Hm"), Stop("stop")]
    assert [loss.param for loss in losses(data)] == ["choices[0].delta.reasoning"]


def test_reasoning_details_beside_the_same_reasoning_are_said_once() -> None:
    detail = {"type": "reasoning.text", "text": "Hm", "index": 0, "format": None}
    assert read(stream({"reasoning": "Hm", "reasoning_details": [detail]})) == [Reasoning("Hm"), Stop("stop")]


def test_reasoning_details_that_tell_less_do_not_count() -> None:
    details = [{"type": "reasoning.summary", "summary": "H"}, {"type": "reasoning.text", "text": "H"}]
    assert read(stream({"reasoning": "Hm, well", "reasoning_details": details})) == [
        Reasoning("Hm, well"),
        Stop("stop"),
    ]


def test_reasoning_details_alone() -> None:
    details = [{"type": "reasoning.text", "text": "Hm"}, {"type": "reasoning.text"}, {"type": "reasoning.summary"}]
    assert read(stream({"reasoning_details": details})) == [Reasoning("Hm"), Stop("stop")]


def test_summary_in_reasoning_details() -> None:
    details = [{"type": "reasoning.summary", "summary": "In short"}]
    assert read(stream({"reasoning": "In short", "reasoning_details": details})) == [
        ReasoningSummary("In short"),
        Stop("stop"),
    ]


def test_encrypted_reasoning_is_kept_whole_one_line_each() -> None:
    one = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
    two = {**one, "data": "gBBB", "id": "rs_2"}
    said = read(
        stream({"reasoning": None, "reasoning_details": [one, {**one, "data": ""}]}, {"reasoning_details": [two]})
    )
    kept = "".join(output.data for output in said if isinstance(output, EncryptedReasoning))
    assert [json.loads(line) for line in kept.split("\n")[:-1]] == [one, two]


def test_signed_reasoning_is_kept_whole_with_its_signature() -> None:
    def detail(**fields: object) -> JsonObject:
        return {"reasoning_details": [{"type": "reasoning.text", "index": 0, "id": "r", **fields}]}

    said = read(
        stream(detail(text="First"), detail(text=" thoughts"), detail(signature="S1"), detail(text="More", id="s"))
    )
    assert [output for output in said if isinstance(output, Reasoning)] == [
        Reasoning("First"),
        Reasoning(" thoughts"),
        Reasoning("More"),
    ]
    [kept] = [json.loads(output.data) for output in said if isinstance(output, EncryptedReasoning)]
    assert kept == {"type": "reasoning.text", "index": 0, "id": "r", "text": "First thoughts", "signature": "S1"}


def test_reasoning_details_of_another_type_are_reported() -> None:
    [loss] = losses(stream({"reasoning_details": [{"type": "reasoning.dream", "text": ""}]}))
    assert "reasoning.dream" in loss.reason


def test_think_tags_are_text_unless_asked_otherwise() -> None:
    data = stream({"content": "<think>Hm</think>a"})
    assert read(data) == [Text("<think>Hm</think>a"), Stop("stop")]
    assert read(data, Options(think_tags=True)) == [Reasoning("Hm"), Text("a"), Stop("stop")]


@pytest.mark.parametrize(
    ("pieces", "reasoning", "text"),
    [
        (["<thi", "nk>", "Hm", "</th", "ink>", "a"], "Hm", "a"),
        (["\n ", "<think>Hm</think>"], "Hm", ""),
        (["<think>a < b </thi", "s> </", "think>c"], "a < b </this> ", "c"),
        (["<think></think>a</think>"], "", "a</think>"),
        (["a <think>b</think>"], "", "a <think>b</think>"),
        (["<th", "us>"], "", "<thus>"),
        (["<thi"], "", "<thi"),
        (["<think>Hm</thi"], "Hm</thi", ""),
    ],
)
def test_think_tags_cut_anywhere(pieces: list[str], reasoning: str, text: str) -> None:
    said = read(stream(*({"content": piece} for piece in pieces)), Options(think_tags=True))
    assert "".join(output.text for output in said if isinstance(output, Reasoning)) == reasoning
    assert "".join(output.text for output in said if isinstance(output, Text)) == text
    assert all(output.text for output in said if isinstance(output, Text | Reasoning))


# Content in parts.


def test_mistral_thinks_in_parts_of_the_content() -> None:
    said = read(
        stream(
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, " so", {"type": "x"}]}]},
            {"content": [{"type": "thinking", "thinking": "Well"}, {"type": "thinking", "thinking": []}]},
            {"content": [{"type": "text", "text": "a"}, "b", "", {"type": "text", "text": ""}]},
            {"content": {"type": "text", "text": "c"}},
        )
    )
    assert said == [Reasoning("Hm so"), Reasoning("Well"), Text("a"), Text("b"), Text("c"), Stop("stop")]


def test_refusal_as_a_part() -> None:
    assert read(stream({"content": [{"type": "refusal", "refusal": "No."}]})) == [Refusal("No."), Stop("stop")]


def test_parts_that_have_no_counterpart_are_reported() -> None:
    data = stream({"content": [{"type": "image_url"}, {"type": "reference", "reference_ids": [1]}, 7]})
    assert read(data) == [Stop("stop")]
    assert [loss.param for loss in losses(data)] == [
        "choices[0].delta.content[].image_url",
        "choices[0].delta.content[].reference",
        "choices[0].delta.content[].type",
    ]


def test_audio_is_said_by_its_transcript_and_images_are_reported() -> None:
    data = stream({"audio": {"transcript": "Hi", "data": "UklG"}}, {"audio": {"id": "a"}}, {"images": [{}]})
    assert read(data) == [Text("Hi"), Stop("stop")]
    assert [loss.param for loss in losses(data)] == ["choices[0].delta.audio.data", "choices[0].delta.images"]


# Calls.

F, G = FunctionCall("f", call_id="a"), FunctionCall("g", call_id="b")


def test_call_as_openai_streams_it() -> None:
    said = read(
        stream(call(0, "a", "f", ""), call(0, arguments='{"x"'), call(0, arguments=":1}"), choice({}, "tool_calls"))
    )
    assert said == [F, Arguments('{"x"', "a"), Arguments(":1}", "a"), Stop("tool_calls")]


def test_parallel_calls_interleaved() -> None:
    both = {"tool_calls": [call(i)["tool_calls"][0] | {"function": {"arguments": "}"}} for i in (1, 0)]}
    said = read(stream(call(0, "a", "f"), call(1, "b", "g"), call(0, arguments="{"), call(1, arguments="{"), both))
    assert said == [
        F,
        Arguments("{", "a"),
        G,
        Arguments("{", "b"),
        Arguments("}", "b"),
        Arguments("}", "a"),
        Stop("tool_calls"),
    ]


def test_call_is_said_at_once_where_its_name_is_known() -> None:
    tools: list[ToolParam] = [FunctionToolParam(name=name) for name in ("f", "get", "get_all")]
    request = CreateResponse(tools=tools)
    translation = ChatCompletions().stream(request)
    assert translation.feed(frame(choice(call(0, "a", "f")))) == [F]
    assert translation.feed(frame(choice(call(1, "b", "get")))) == []
    assert translation.feed(frame(choice(call(1, arguments="{}")))) == [
        FunctionCall("get", call_id="b"),
        Arguments("{}", "b"),
    ]
    assert ChatCompletions().stream(CreateResponse(tools=None)).feed(frame(choice(call(0, "a", "f")))) == []


def test_call_waits_for_its_name_to_be_whole_then_text_follows() -> None:
    assert read(stream(call(0, "a", "f"), {"content": "x"})) == [F, Text("x"), Stop("tool_calls")]
    assert read(stream(call(0, "a", "f"), {"reasoning": "x"})) == [F, Reasoning("x"), Stop("tool_calls")]
    assert read(stream(call(0, "a", "f"), {"refusal": "x"})) == [F, Refusal("x"), Stop("tool_calls")]
    assert read(stream(call(0, "a", "f"), {"content": [{"thinking": "x"}]})) == [F, Reasoning("x"), Stop("tool_calls")]


def test_name_in_pieces() -> None:
    said = read(stream(call(0, "a", "get_"), call(0, name="level"), call(0, arguments="{}")))
    assert said[0] == FunctionCall("get_level", call_id="a")


@pytest.mark.parametrize("again", ["f", None])
def test_name_and_id_with_every_piece(again: str | None) -> None:
    said = read(stream(call(0, "a", "f"), call(0, "a", again, "{"), call(0, "a", again, "}")))
    assert said == [F, Arguments("{", "a"), Arguments("}", "a"), Stop("tool_calls")]


def test_name_with_every_piece_and_no_id() -> None:
    said = read(stream(call(0, name="f"), call(0, name="f", arguments='{"x":'), call(0, name="f", arguments="1}")))
    assert calls_of(said) == [("f", '{"x":1}')]


def test_name_and_id_once_more_after_the_arguments() -> None:
    assert read(stream(call(0, "a", "f", "{}"), call(0, "a", "f", ""))) == [F, Arguments("{}", "a"), Stop("tool_calls")]


def test_name_that_grows() -> None:
    assert read(stream(call(0, "a", "get"), call(0, "a", "get_level", "{}")))[0] == FunctionCall(
        "get_level", call_id="a"
    )


def test_name_after_the_arguments() -> None:
    said = read(stream(call(0, "a", arguments="{"), call(0, arguments="}"), call(0, name="f")))
    assert said == [F, Arguments("{", "a"), Arguments("}", "a"), Stop("tool_calls")]


def test_gemini_sends_index_0_for_every_call() -> None:
    assert read(stream(call(0, "a", "f", "{}"), call(0, "b", "g", "{}"), call(0, "a", arguments=" "))) == [
        F,
        Arguments("{}", "a"),
        G,
        Arguments("{}", "b"),
        Arguments(" ", "a"),
        Stop("tool_calls"),
    ]


def test_no_index_at_all() -> None:
    assert read(
        stream(
            call(None, "a", "f", "{"), call(None, "b", "g", "{"), call(None, "a", arguments="}"), call(arguments="}")
        )
    ) == [
        F,
        Arguments("{", "a"),
        G,
        Arguments("{", "b"),
        Arguments("}", "a"),
        Arguments("}", "b"),
        Stop("tool_calls"),
    ]


def test_neither_index_nor_id() -> None:
    said = read(stream(call(name="f", arguments="{}"), call(name="f", arguments="{}"), call(name="g", arguments="{}")))
    assert calls_of(said) == [("f", "{}"), ("f", "{}"), ("g", "{}")]
    assert all(output.call_id is None for output in said if isinstance(output, FunctionCall))


def test_the_same_index_without_ids() -> None:
    said = read(
        stream(
            call(0, name="f", arguments='{"x":1}'), call(0, name="f", arguments="{}"), call(0, name="g", arguments="{}")
        )
    )
    assert calls_of(said) == [("f", '{"x":1}'), ("f", "{}"), ("g", "{}")]


def test_fresh_id_with_every_piece() -> None:
    said = read(stream(call(0, "a", "f"), call(0, "b", arguments="{"), call(0, "c", arguments="}")))
    assert said == [F, Arguments("{", "a"), Arguments("}", "a"), Stop("tool_calls")]


def test_id_after_the_name() -> None:
    assert read(stream(call(0, name="f"), call(0, "a"), call(0, arguments="{}")))[0] == F


def test_id_and_name_of_another_call_after_one_without_id() -> None:
    said = read(stream(call(0, name="f", arguments="{}"), call(0, "b", "g", "{}")))
    assert [output for output in said if isinstance(output, FunctionCall)] == [FunctionCall("f", key="*0*"), G]


def test_index_that_comes_later_than_the_id() -> None:
    assert calls_of(read(stream(call(None, "a", "f"), call(0, "a", arguments="{}")))) == [("f", "{}")]


def test_two_calls_with_one_id_are_told_apart_by_index() -> None:
    said = read(
        stream(call(0, "a", "f", "{"), call(1, "a", "g", "["), call(0, arguments="}"), call(1, "a", arguments="]"))
    )
    assert calls_of(said) == [("f", "{}"), ("g", "[]")]
    assert [output.call_id for output in said if isinstance(output, FunctionCall)] == ["a", None]


def test_id_that_could_not_be_sent_back_is_none() -> None:
    said = read(stream(call(0, "a" * 65, "f", "{}")))
    assert said[:2] == [FunctionCall("f", key="*0*"), Arguments("{}", "*0*")]


def test_id_as_a_number_and_arguments_as_an_object() -> None:
    delta = {"tool_calls": [{"index": 0.0, "id": 7, "function": {"name": "f", "arguments": {"x": [1]}}}]}
    assert read(stream(delta)) == [FunctionCall("f", call_id="7"), Arguments('{"x":[1]}', "7"), Stop("tool_calls")]


def test_calls_without_substance_are_no_calls() -> None:
    assert read(stream(call(0), {"tool_calls": [{}]}, {"tool_calls": None}, {"tool_calls": []})) == [Stop("stop")]


def test_call_that_has_an_id_and_never_a_name() -> None:
    assert read(stream(call(0, "a"))) == [Stop("tool_calls")]


def test_arguments_that_never_get_a_name_are_a_failure() -> None:
    error = failure(read(stream(call(0, "a", arguments='{"x":1}'))))
    assert (error.type, error.code) == ("model_error", "call_without_name")
    assert "x" in error.message


def test_call_waiting_at_a_truncated_end_is_said() -> None:
    said = read(stream(call(0, "a", "f"), done=False))
    assert said[0] == F
    assert failure(said).code == "upstream_truncated"


def test_legacy_function_call() -> None:
    pieces = [{"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}]
    said = read(stream(*({"function_call": piece} for piece in pieces), choice({}, "function_call")))
    assert said == [FunctionCall("f", key="*0*"), Arguments("{", "*0*"), Arguments("}", "*0*"), Stop("tool_calls")]


def test_calls_of_custom_tools_are_reported() -> None:
    data = stream({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "x", "input": "y"}}]})
    assert [loss.param for loss in losses(data)] == ["choices[0].delta.tool_calls[].custom"]


def test_what_a_call_must_bring_back_is_kept_under_its_id() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    piece = {"index": 0, "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    said = read(stream({"tool_calls": [{**piece, "id": "a"}]}))
    kept = said[0]
    assert isinstance(kept, EncryptedReasoning)
    assert json.loads(kept.data) == {"type": "reasoning.call", "call_id": "a", "extra_content": extra}
    assert said[1:] == [F, Arguments("{}", "a"), Stop("tool_calls")]
    assert [loss.param for loss in losses(stream({"tool_calls": [piece]}))] == [
        "choices[0].delta.tool_calls[].extra_content"
    ]


# Log probabilities and annotations.


def token(text: str, octets: list[int] | None = None) -> JsonObject:
    return {"token": text, "logprob": -0.5, "bytes": octets, "top_logprobs": [{"token": text, "logprob": -0.5}]}


def logprob(text: str, octets: list[int]) -> LogProb:
    top = TopLogProb(token=text, logprob=-0.5, bytes=list(text.encode()))
    return LogProb(token=text, logprob=-0.5, bytes=octets, top_logprobs=[top])


def test_log_probabilities_come_with_their_text() -> None:
    chunk = choice({"content": "é!"}, logprobs={"content": [token("é"), token("!", [33])], "refusal": None})
    assert read(stream(chunk)) == [Text("é!", [logprob("é", [195, 169]), logprob("!", [33])]), Stop("stop")]


def test_log_probabilities_without_text_wait_for_the_next() -> None:
    chunk = choice({"content": ""}, logprobs={"content": [token("a")]})
    expected = [logprob("a", [97])]
    assert read(stream(chunk, {"content": "a"})) == [Text("a", expected), Stop("stop")]
    assert read(stream(chunk)) == [Text("", expected), Stop("stop")]


def test_log_probabilities_of_refusals_are_reported() -> None:
    [loss] = losses(stream(choice({"refusal": "No"}, logprobs={"content": None, "refusal": [token("No")]})))
    assert loss.param == "choices[0].logprobs.refusal"


def test_log_probabilities_that_are_no_numbers() -> None:
    tokens = '{"token":"a","logprob":%s,"bytes":null,"top_logprobs":null}'
    content = ",".join(tokens % value for value in ("-Infinity", "NaN", "-1e999", "-1", "0", '"x"', "-" + "9" * 400))
    data = b'data: {"choices":[{"delta":{"content":"a"},"logprobs":{"content":[%s,{},7]}}]}\n\n' % content.encode()
    text = read(data + stream())[0]
    assert isinstance(text, Text)
    assert text.logprobs is not None
    assert [entry.logprob for entry in text.logprobs] == [-9999.0, -9999.0, -9999.0, -1.0, 0.0, -9999.0, -9999.0]


def test_url_citation_is_said_flat_after_its_text() -> None:
    nested = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 4, "content": "..."}
    citation = UrlCitation(
        url="https://a.example", title="A", start_index=0, end_index=4, extra=Extra({"content": "..."})
    )
    delta = {"content": "", "annotations": [{"type": "url_citation", "url_citation": nested}]}
    assert read(stream(delta, {"content": "Text"})) == [Text("Text"), Annotated(citation), Stop("stop")]
    assert read(stream({"content": "Text"}, delta)) == [Text("Text"), Annotated(citation), Stop("stop")]


def test_lone_surrogates_in_what_is_kept_beside_become_replacement_characters() -> None:
    odd = {"type": "acme:note", "list": ["\ud83d", {"\ud83d": 1}]}
    usage = {"completion_tokens": 1, "x": {"y": "\ud83d"}}
    said = read(stream({"content": "a", "annotations": [odd]}))
    assert said[1] == Annotated(
        ExtensionAnnotation(fields=Extra({"type": "acme:note", "list": ["\ufffd", {"\ufffd": 1}]}))
    )
    said = read(stream({"choices": [], "usage": usage}))
    assert isinstance(said[0], Usage)
    assert dict(said[0].extra) == {"x": {"y": "\ufffd"}}


def test_flat_and_odd_citations() -> None:
    flat = {"type": "url_citation", "url": "u", "start_index": -1, "end_index": "x"}
    said = read(stream({"content": "a", "annotations": [flat, {"type": "url_citation"}, {"type": "file", "id": 1}]}))
    assert said[1:-1] == [
        Annotated(UrlCitation(url="u", title="", start_index=0, end_index=0)),
        Annotated(UrlCitation(url="", title="", start_index=0, end_index=0)),
        Annotated(ExtensionAnnotation(fields=Extra({"type": "upstream:file", "id": 1}))),
    ]


def test_annotations_that_no_text_follows_are_reported() -> None:
    data = stream({"content": "a"}, call(0, "a", "f", "{}"), {"annotations": [{"type": "x"}]})
    assert not any(isinstance(output, Annotated) for output in read(data))
    assert [loss.param for loss in losses(data)] == ["choices[0].delta.annotations"]


# Usage.


def test_usage_with_details() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
        "cost": 0.5,
        "is_byok": False,
    }
    expected = Usage(
        input_tokens=9,
        output_tokens=5,
        cached_tokens=4,
        reasoning_tokens=3,
        total_tokens=14,
        extra=Extra({"cost": 0.5, "prompt_tokens_details": {"cache_write_tokens": 2}}),
    )
    assert read(stream({"content": "a"}, choice({}, "stop"), {"choices": [], "usage": usage})) == [
        Text("a"),
        expected,
        Stop("stop"),
    ]


@pytest.mark.parametrize("cached", ["cached_tokens", "prompt_cache_hit_tokens"])
def test_cached_tokens_by_other_names(cached: str) -> None:
    said = read(stream({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5.0, cached: 4}}))
    assert said[0] == Usage(input_tokens=9, output_tokens=5, cached_tokens=4)


def test_usage_where_groq_puts_it_is_said_once() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    expected = [Usage(input_tokens=1, output_tokens=2), Stop("stop")]
    assert read(stream({"choices": [], "x_groq": {"id": "r", "usage": usage}})) == expected
    assert read(stream({"choices": [], "usage": usage, "x_groq": {"usage": usage}})) == expected
    assert read(stream({"choices": 0, "x_groq": {"usage": usage}})) == expected


def test_usage_on_every_chunk_says_how_far_it_is() -> None:
    chunks = [{**choice({"content": "a"}), "usage": {"prompt_tokens": 1, "completion_tokens": n}} for n in (1, 2, 2)]
    said = read(stream(*chunks))
    assert [o.output_tokens for o in said if isinstance(o, Usage)] == [1, 2]


def test_usage_that_counts_no_tokens_is_none() -> None:
    assert read(stream({"choices": [], "usage": {"queue_time": 0.1}}, {"choices": [], "usage": {}})) == [Stop("stop")]


def test_usage_of_one_kind_or_below_nought() -> None:
    said = read(stream({"choices": [], "usage": {"prompt_tokens": -1, "total_tokens": True}}))
    assert said[0] == Usage(input_tokens=0, output_tokens=0)


def test_usage_after_a_failure_is_still_said() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    said = read(stream({"error": {"message": "no"}}, choice({"content": "a"}), {"error": "again"}, usage))
    assert [type(output) for output in said] == [Failure, Usage]


# Errors.


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"message": "m", "type": "invalid_request_error", "code": "x", "param": "p"},
            ("invalid_request", "x", "m", "p"),
        ),
        ({"message": "m", "type": "server_error", "code": None}, ("server_error", "server_error", "m", None)),
        ({"message": "m", "code": 400}, ("invalid_request", "400", "m", None)),
        ({"message": "m", "code": 404}, ("not_found", "404", "m", None)),
        ({"message": "m", "code": "418"}, ("invalid_request", "418", "m", None)),
        ({"message": "m", "code": 429}, ("too_many_requests", "429", "m", None)),
        ({"message": "m", "code": 502}, ("server_error", "502", "m", None)),
        ({"message": "m", "code": 1234}, ("server_error", "1234", "m", None)),
        (
            {"message": "m", "type": "tokens", "code": "rate_limit_exceeded"},
            ("too_many_requests", "rate_limit_exceeded", "m", None),
        ),
        (
            {"message": "m", "type": "invalid_request_error", "code": "model_not_found"},
            ("not_found", "model_not_found", "m", None),
        ),
        ({"message": "m", "type": "BadRequestError"}, ("invalid_request", "BadRequestError", "m", None)),
        (
            {"message": "m", "code": "tool_use_failed", "status_code": 400},
            ("model_error", "tool_use_failed", "m", None),
        ),
        ({"message": {"detail": "d"}}, ("server_error", None, '{"detail":"d"}', None)),
        ({"status": "INVALID_ARGUMENT"}, ("invalid_request", None, '{"status":"INVALID_ARGUMENT"}', None)),
        ({"code": None}, ("server_error", None, "the provider reported an error without saying what it was", None)),
        ("it broke", ("server_error", None, "it broke", None)),
        (["it", "broke"], ("server_error", None, '["it","broke"]', None)),
    ],
)
def test_error_types(error: object, expected: tuple[object, ...]) -> None:
    said = read(stream({"content": "a"}, {"error": error}, choice({"content": "b"}), done=False))
    assert said[0] == Text("a")
    found = failure(said)
    assert (found.type, found.code, found.message, found.param) == expected
    assert failure(read(stream({"error": error}, done=False))) == found


def test_what_else_the_provider_said_of_an_error_is_kept() -> None:
    error = failure(read(stream({"error": {"message": "m", "failed_generation": "{", "headers": 1, "nothing": None}})))
    assert error.extra == {"failed_generation": "{"}


@pytest.mark.parametrize("error", [None, "", {}, False])
def test_no_error(error: object) -> None:
    assert read(stream({**choice({"content": "a"}), "error": error})) == [Text("a"), Stop("stop")]


def test_error_beside_a_choice_and_after_a_finish_reason() -> None:
    ended = choice({}, "length")
    error = {**choice({"content": ""}), "error": {"code": 400, "message": "Token limit reached"}}
    assert failure(read(stream({"reasoning": "Hm"}, ended, error))).message == "Token limit reached"


def test_error_within_a_choice() -> None:
    assert failure(read(stream(choice({"content": "a"}, "error", error={"message": "m", "code": 502})))).code == "502"


def test_error_within_x_groq() -> None:
    assert failure(read(stream({"choices": [], "x_groq": {"error": "over capacity"}}))).message == "over capacity"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"error":{"message":"m"}}', "m"),
        (b'{"message":"m"}', "m"),
        (b"it broke", "it broke"),
        (b'"it broke"', '"it broke"'),
        (b"", "the provider reported an error without saying what it was"),
        (b"{}", "the provider reported an error without saying what it was"),
    ],
)
def test_event_called_error(data: bytes, message: str) -> None:
    assert failure(read(b"event: error\ndata: " + data + b"\n\n")).message == message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"object": "error", "message": "m", "type": "NotFoundError", "param": None, "code": 404},
            ("not_found", "404", "m"),
        ),
        ({"detail": "Not Found"}, ("server_error", None, "Not Found")),
        ([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}], ("too_many_requests", "429", "m")),
    ],
)
def test_bare_errors(value: object, expected: tuple[object, ...]) -> None:
    for data in (frame(value), json.dumps(value).encode(), json.dumps(value, indent=1).encode()):
        error = failure(read(data))
        assert (error.type, error.code, error.message) == expected


@pytest.mark.parametrize("data", [b"nonsense", b"{", b"7", b"[]", b'"x"', b"\xff\xfe", b"[" * 9999 + b"]" * 9999])
def test_frame_that_is_no_json_object_is_a_failure_that_names_it(data: bytes) -> None:
    error = failure(read(b"data: " + data + b"\n\n" + stream({"content": "a"})))
    assert error.code == "upstream_invalid_json"
    assert data[:1].decode("utf-8", "backslashreplace").strip("\\") in error.message


def test_json_nested_nearly_too_deep() -> None:
    shapes = (
        b'{"usage":%s}',
        b'{"choices":[{"index":0.0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]}}]}',
        b'{"error":%s}',
    )
    for depth in range(480, 1000, 13):
        nested = b'{"a":' * depth + b"1" + b"}" * depth
        for shape in shapes:
            data = b"data: " + shape % nested + b"\n\n"
            assert isinstance(ChatCompletions().reply(data + data)[-1], Stop | Failure)


def test_recursion_too_deep_within_a_chunk_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    said, error = stream({"content": "a"}), frame({"error": {"message": ["m"]}})

    def dig(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("penstock.upstream.chat_completions.answer.Answer.take", dig)
    monkeypatch.setattr("penstock.upstream.values.json.dumps", dig)
    for data in (said, b'{"choices":[{"message":{"content":"a"}}]}'):
        assert "too deeply" in failure(read(data)).message
    assert failure(read(error)).message == "null"


def test_broken_framing_is_a_failure() -> None:
    said = read(stream({"content": "a"}, done=False) + b"event: \xff\n\n" + stream({"content": "b"}))
    assert said[0] == Text("a")
    assert failure(said).code == "upstream_invalid_stream"


def test_body_that_is_no_stream_is_quoted() -> None:
    error = failure(read(b"<html><body>502 Bad Gateway</body></html>"))
    assert error.code == "upstream_invalid_stream"
    assert "502 Bad Gateway" in error.message


# Whole replies.

WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello",
                "refusal": None,
                "reasoning_content": "Hm",
                "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}],
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "logprobs": {"content": [token("Hello", [72])]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


@pytest.mark.parametrize("shape", ["whole", "in a frame"])
def test_whole_reply(shape: str) -> None:
    data = json.dumps(WHOLE, indent=2).encode() if shape == "whole" else frame(WHOLE)
    assert read(data) == [
        Reasoning("Hm"),
        Text("Hello", [logprob("Hello", [72])]),
        Annotated(UrlCitation(url="u", title="t", start_index=0, end_index=0)),
        F,
        Arguments("{}", "a"),
        G,
        Arguments("{}", "b"),
        Usage(input_tokens=1, output_tokens=2, total_tokens=3),
        Stop("tool_calls"),
    ]


def test_whole_reply_without_finish_reason_is_whole() -> None:
    assert read(b'\xef\xbb\xbf\n {"choices":[{"message":{"content":"a"}}]}') == [Text("a"), Stop("stop")]


def test_the_whole_message_once_more_at_the_end_is_not_said_again() -> None:
    again = {"choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}]}
    assert read(stream({"content": "a"}, {"content": "b"}, again)) == [Text("a"), Text("b"), Stop("stop")]


def test_whole_reply_without_choices() -> None:
    assert failure(read(b'{"id":"x","choices":[]}')).code == "upstream_empty_reply"


def test_whole_reply_cut_short() -> None:
    assert failure(read(b'{"choices":[{"message":')).code == "upstream_invalid_json"


# Types other than the API's.


@pytest.mark.parametrize(
    "value",
    [
        {"choices": "x"},
        {"choices": [7, None]},
        {"choices": [{"index": "x", "delta": 7, "finish_reason": 7, "logprobs": 7}]},
        {
            "choices": [
                {"delta": {"content": 7, "refusal": [], "tool_calls": 7, "function_call": 7, "audio": 7, "images": 7}}
            ]
        },
        {
            "choices": [
                {"delta": {"tool_calls": [7, {"function": 7, "id": True}], "annotations": [7], "reasoning_details": 7}}
            ]
        },
        {"choices": [{"index": 0.0, "delta": {"function_call": {}}}]},
        {"choices": [], "usage": 7, "x_groq": 7},
    ],
)
def test_fields_of_other_types_count_as_absent(value: object) -> None:
    assert read(frame(value) + stream({"content": "a"})) == [Text("a"), Stop("stop")]


# Anything at all.

pieces_of_text = st.lists(st.text(max_size=12), max_size=8)


@given(reasoning=pieces_of_text, text=pieces_of_text, calls=st.lists(pieces_of_text, max_size=4), data=st.data())
def test_any_valid_sequence_of_chunks(
    reasoning: list[str], text: list[str], calls: list[list[str]], data: st.DataObject
) -> None:
    deltas: list[JsonObject] = [{"role": "assistant"}, *({"reasoning_content": piece} for piece in reasoning)]
    deltas += [{"content": piece} for piece in text]
    deltas += [call(index, f"id{index}", f"fn{index}", "") for index in range(len(calls))]
    rest = [(index, piece) for index, pieces in enumerate(calls) for piece in pieces]
    order = data.draw(st.permutations(range(len(rest))))
    sent = [rest[at] for at in order]
    deltas += [call(index, arguments=piece) for index, piece in sent]
    whole = stream(*deltas)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    said = in_pieces(ChatCompletions(), whole, cuts)
    assert "".join(output.text for output in said if isinstance(output, Reasoning)) == "".join(reasoning)
    assert "".join(output.text for output in said if isinstance(output, Text)) == "".join(text)
    joined = ["".join(piece for of, piece in sent if of == index) for index in range(len(calls))]
    assert sorted(calls_of(said)) == [(f"fn{index}", arguments) for index, arguments in enumerate(joined)]
    assert said[-1] == Stop("tool_calls" if calls else "stop")


@given(data=st.binary(), cut=st.integers(0, 50))
def test_any_bytes_never_raise(data: bytes, cut: int) -> None:
    said = in_pieces(ChatCompletions(Options(think_tags=True)), data, [min(cut, len(data))])
    assert isinstance(said[-1], Stop | Failure)


keys = st.sampled_from(
    [
        "choices",
        "usage",
        "error",
        "x_groq",
        "index",
        "delta",
        "message",
        "logprobs",
        "finish_reason",
        "content",
        "refusal",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "tool_calls",
        "function_call",
        "annotations",
        "audio",
        "images",
        "function",
        "name",
        "arguments",
        "id",
        "type",
        "text",
        "thinking",
        "summary",
        "data",
        "signature",
        "token",
        "logprob",
        "bytes",
        "top_logprobs",
        "url_citation",
        "url",
        "transcript",
        "prompt_tokens",
        "detail",
        "code",
    ]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["reasoning.text", "reasoning.encrypted", "url_citation", "stop", "error", "{}"])
)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))


@given(
    deltas=st.lists(st.dictionaries(keys, anything, max_size=6), max_size=4),
    chunks=st.lists(anything, max_size=2),
    name=st.sampled_from([b"", b"event: error\n", b"event: x\n"]),
)
def test_any_json_never_raises(deltas: list[JsonObject], chunks: list[object], name: bytes) -> None:
    frames = [*(choice(delta, logprobs=delta.get("logprobs"), error=delta.get("error")) for delta in deltas), *chunks]
    data = b"".join(name + frame(value) for value in frames)
    said = in_pieces(ChatCompletions(), data, [len(data) // 2])
    assert isinstance(said[-1], Stop | Failure | Usage)
    assert sum(isinstance(output, Stop | Failure) for output in said) == 1


def written(said: Sequence[Output]) -> Response:
    """The response that a writer makes of what was said; it raises where that makes no sense."""
    numbers = count()
    writer = ResponseWriter(None, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0)
    writer.start()
    for output in said:
        writer.send(output)
        if isinstance(output, Failure):
            return writer.response  # usage that comes later is for the books only
    writer.finish()
    return writer.response


optional_text = st.sampled_from(["a", "", None, "\ud83d"])
odd_calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1, None]),
        "id": st.sampled_from(["a", "b", "", None]),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["f", "g", "f_", "", None]),
                "arguments": st.sampled_from(["{", "}", '{"x":1}', "", None]),
            },
        ),
    },
)
odd_deltas = st.fixed_dictionaries(
    {},
    optional={
        "tool_calls": st.lists(odd_calls, max_size=3),
        "function_call": st.sampled_from([{"name": "f"}, {"arguments": "{}"}]),
        "content": optional_text,
        "reasoning": optional_text,
        "refusal": optional_text,
        "annotations": st.just([{"type": "url_citation", "url": "u"}]),
    },
)


@given(deltas=st.lists(odd_deltas, max_size=8))
def test_however_calls_come_all_arguments_are_said_and_can_be_written(deltas: list[JsonObject]) -> None:
    said = ChatCompletions().reply(stream(*map(choice, deltas)))
    written(said)
    functions = [piece.get("function", {}) for delta in deltas for piece in delta.get("tool_calls", [])]
    functions += [delta["function_call"] for delta in deltas if "function_call" in delta]
    if not isinstance(said[-1], Failure):
        sent = "".join(function.get("arguments") or "" for function in functions)
        assert sorted("".join(output.delta for output in said if isinstance(output, Arguments))) == sorted(sent)


# Real bytes, and our own.


def chunks_of(data: bytes) -> list[JsonObject]:
    """The chunks of a recording, by other means than those of the adapter."""
    lines = data.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def walk(chunks: list[JsonObject]) -> tuple[str, str, list[tuple[str, str]]]:
    """Text, reasoning and calls of a well-behaved provider's chunks."""
    text, reasoning = "", ""
    calls: dict[int, tuple[str, str]] = {}
    for chunk in chunks:
        for each in chunk.get("choices", []):
            delta = each["delta"]
            content = delta.get("content") or ""
            if isinstance(content, list):
                reasoning += "".join(inner["text"] for part in content for inner in part["thinking"])
            else:
                text += content
            details = "".join(detail.get("text", "") for detail in delta.get("reasoning_details") or [])
            reasoning += delta.get("reasoning") or delta.get("reasoning_content") or details
            for piece in delta.get("tool_calls") or []:
                name, arguments = calls.get(piece["index"], ("", ""))
                function = piece["function"]
                calls[piece["index"]] = (name + function.get("name", ""), arguments + function.get("arguments", ""))
    return text, reasoning, list(calls.values())


def usages(chunks: list[JsonObject]) -> list[JsonObject]:
    found = [chunk.get("usage") or chunk.get("x_groq", {}).get("usage") for chunk in chunks]
    return [usage for usage in found if usage]


@pytest.mark.skipif(not RECORDINGS, reason="the recordings of real providers are not here")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording(path: Path) -> None:
    data = path.read_bytes()
    adapter = ChatCompletions()
    said = in_pieces(adapter, data, [])
    assert said == in_pieces(adapter, data, range(1, len(data)))
    dice = random.Random(path.name)
    assert said == in_pieces(adapter, data, sorted(dice.sample(range(len(data)), 40)))

    chunks = chunks_of(data)
    text, reasoning, calls = walk(chunks)
    assert "".join(output.text for output in said if isinstance(output, Text)) == text
    assert "".join(output.text for output in said if isinstance(output, Reasoning)) == reasoning
    assert calls_of(said) == calls

    counted = [output for output in said if isinstance(output, Usage)]
    expected = usages(chunks)
    assert len(counted) == len(expected)
    for usage, fields in zip(counted, expected, strict=True):
        assert usage.input_tokens == fields["prompt_tokens"]
        assert usage.output_tokens == fields["completion_tokens"]
        assert usage.total_tokens == fields["total_tokens"]
        assert usage.reasoning_tokens == (fields.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        assert usage.cached_tokens == (fields.get("prompt_tokens_details") or {}).get("cached_tokens", 0)

    assert written(said).status == ("failed" if any("error" in chunk for chunk in chunks) else "completed")
    if any("error" in chunk for chunk in chunks):
        [sent] = [chunk["error"] for chunk in chunks if "error" in chunk]
        assert failure(said).message == sent["message"]
        assert failure(said).code == str(sent["code"])
    else:
        assert isinstance(said[-1], Stop)
    annotations = [a for c in chunks for each in c.get("choices", []) for a in each["delta"].get("annotations", [])]
    urls = [output.annotation for output in said if isinstance(output, Annotated)]
    assert [each.url for each in urls if isinstance(each, UrlCitation)] == [
        a["url_citation"]["url"] for a in annotations
    ]
    encrypted = [
        detail
        for c in chunks
        for each in c.get("choices", [])
        for detail in each["delta"].get("reasoning_details", [])
        if detail["type"] == "reasoning.encrypted"
    ]
    assert [json.loads(output.data) for output in said if isinstance(output, EncryptedReasoning)] == encrypted


def test_demo_recording() -> None:
    said = read((DATA / "demo_chat_completions.sse").read_bytes())
    assert [(name, json.loads(arguments)) for name, arguments in calls_of(said)] == [
        ("read_gauge", {"station": "upper pool", "unit": "m"}),
        ("get_gate", {"gate": 1, "include_flow": True}),
    ]
    assert "".join(output.text for output in said if isinstance(output, Reasoning)).startswith("The miller asks")
    assert "".join(output.text for output in said if isinstance(output, Text)).startswith("Good evening!")
    assert said[-2:] == [
        Usage(input_tokens=187, output_tokens=142, cached_tokens=128, reasoning_tokens=58, total_tokens=329),
        Stop("tool_calls"),
    ]
    assert losses((DATA / "demo_chat_completions.sse").read_bytes()) == []
