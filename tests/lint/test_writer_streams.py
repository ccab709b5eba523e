"""What our own writer says is never found fault with, whatever it is told to say."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lint.findings import Finding, Level
from penstock.lint.linter import lint
from penstock.spec.content import LogProb, UrlCitation
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import CompactionItem
from penstock.spec.request import CreateResponse
from penstock.stream import output as o
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.writer import ResponseWriter, WriterOptions
from penstock.wire.codec import decode_object, encode_plain
from penstock.wire.dialects import dialect_by_name
from penstock.wire.jsonl import JSONLEncoder
from penstock.wire.sse import SSEEncoder
from tests.stream.strategies import Program, options, programs

_TOOL = {"type": "function", "description": None, "parameters": {"type": "object"}, "strict": None}
REQUESTS: list[dict[str, Any] | None] = [
    None,
    {"model": "m", "input": "Hello"},
    {
        "model": "m",
        "input": "Hello",
        "temperature": 0.25,
        "top_p": 1,
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "max_output_tokens": 16,
        "truncation": "auto",
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"},
        "store": False,
        "service_tier": "auto",
        "tools": [{**_TOOL, "name": name} for name in ("f", "get_weather", "search-2")],
        "parallel_tool_calls": True,
    },
]


# What the model says is its own: arguments that are no JSON, annotations beyond the text, tools nobody offered.
MODELS_OWN = ("OR505", "OR506", "OR701")


def faults(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.INFO and finding.code not in MODELS_OWN]


def events_of(program: Program, how: WriterOptions, fields: dict[str, Any] | None = None) -> list[ResponseStreamEvent]:
    """Return what the writer makes of a program."""
    emitter = ListStreamEmitter()
    counts = iter(range(10_000))
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    writer = ResponseWriter(
        emitter,
        model="m",
        ids=lambda prefix: f"{prefix}_{next(counts)}",
        clock=lambda: 1_777_000_000,
        options=how,
        request=request,
    )
    program.run(writer)
    return emitter.take()


def written(program: Program, how: WriterOptions, fields: dict[str, Any] | None = None) -> bytes:
    """Return what the writer makes of a program, as a server would send it."""
    encoder = SSEEncoder()
    return b"".join(map(encoder.encode, events_of(program, how, fields))) + encoder.done()


@given(programs(), options)
def test_no_program_is_found_fault_with(program: Program, how: WriterOptions) -> None:
    assert faults(lint(written(program, how), content_type="text/event-stream")) == []


@given(programs(), options, st.sampled_from(REQUESTS))
def test_nor_is_it_against_the_request_it_answers(
    program: Program, how: WriterOptions, fields: dict[str, Any] | None
) -> None:
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    assert faults(lint(written(program, how, fields), request=request)) == []


@given(programs(), options, st.sampled_from(REQUESTS))
def test_nor_is_a_recording_of_it(program: Program, how: WriterOptions, fields: dict[str, Any] | None) -> None:
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    lines = b"".join(map(JSONLEncoder().encode, events_of(program, how, fields)))
    assert faults(lint(lines, request=request)) == []
    assert faults(lint(lines, request=request, transport="websocket")) == []
    assert faults(lint(events_of(program, how, fields), request=request)) == []


@given(programs(), options, st.sampled_from(REQUESTS))
def test_nor_is_it_in_openais_words(program: Program, how: WriterOptions, fields: dict[str, Any] | None) -> None:
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    encoder = SSEEncoder(dialect_by_name("openai"))
    frames = list(map(encoder.encode, events_of(program, how, fields)))
    found = faults(lint(b"".join(frames) + encoder.done(), dialect="openai", request=request))
    # OpenAI has no word for some events; where they are left out, so are their numbers.
    assert [finding for finding in found if finding.code != "OR402" or all(frames)] == []


ALL_SAYINGS: list[o.Output] = [
    o.Reasoning("Hm."),
    o.ReasoningSummary("Thought."),
    o.EncryptedReasoning("gAAA"),
    o.NewMessage("commentary"),
    o.Text("See ", [LogProb(token="a", logprob=-0.5, bytes=[97], top_logprobs=[])]),
    o.Text("the chart."),
    o.Annotated(UrlCitation(url="https://example.org", title="t", start_index=0, end_index=3)),
    o.NewPart(),
    o.Refusal("No."),
    o.FunctionCall("f", call_id="call_1", key="a"),
    o.Arguments('{"a":', "a"),
    o.Arguments("1}", "a"),
    o.Done("a"),
    o.Extension("acme:trace", {"phase": "open"}),
    o.ReadyItem(CompactionItem(id="cmp_1", encrypted_content="gAAA", status="completed")),
    o.Usage(input_tokens=9, output_tokens=4, cached_tokens=2, reasoning_tokens=1),
]


@pytest.mark.parametrize("fields", REQUESTS)
@pytest.mark.parametrize("reasoning", ["raw", "summary", "off"])
@pytest.mark.parametrize("end", ["finish", "incomplete", "fail"])
@pytest.mark.parametrize("queued", [False, True])
def test_nothing_at_all_is_found_in_a_stream_with_everything_in_it(
    fields: dict[str, Any] | None,
    reasoning: Literal["raw", "summary", "off"],
    end: Literal["finish", "incomplete", "fail"],
    *,
    queued: bool,
) -> None:
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    program = Program(outputs=ALL_SAYINGS, end=end, queued=queued)
    data = written(program, WriterOptions(reasoning=reasoning), fields)
    # The tool that is called is offered only by some of the requests.
    found = [finding for finding in lint(data, request=request) if finding.code != "OR701"]
    assert [finding for finding in found if finding.level is not Level.INFO] == []
