"""What our own writer says is never found fault with, whatever it is told to say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.lint.findings import Finding, Level
from penstock.lint.linter import lint
from penstock.spec.request import CreateResponse
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.writer import ResponseWriter, WriterOptions
from penstock.wire.codec import decode_object, encode_plain
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


def written(program: Program, how: WriterOptions, fields: dict[str, Any] | None = None) -> bytes:
    """Return what the writer makes of a program, as a server would send it."""
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
    encoder = SSEEncoder()
    return b"".join(map(encoder.encode, emitter.take())) + encoder.done()


@given(programs(), options)
def test_no_program_is_found_fault_with(program: Program, how: WriterOptions) -> None:
    assert faults(lint(written(program, how), content_type="text/event-stream")) == []


@given(programs(), options, st.sampled_from(REQUESTS))
def test_nor_is_it_against_the_request_it_answers(
    program: Program, how: WriterOptions, fields: dict[str, Any] | None
) -> None:
    request = decode_object(CreateResponse, encode_plain(fields), tolerant=False) if fields is not None else None
    assert faults(lint(written(program, how, fields), request=request)) == []
