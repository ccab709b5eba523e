"""How the script is performed: in batches, at the pace asked for, to the limit set, or to the place where it fails.

Pure: a step says how long to wait before it; whoever performs it does the waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, Output, Stop, Usage
from penstock.upstream.base import Loss
from penstock.upstream.demo.directions import Failing
from penstock.upstream.demo.script import Script, Spoken

__all__ = ["MODEL", "Performance", "Step", "perform"]

MODEL: Final = "demo"
"""What the demo's one model is called; it answers to any other name, too."""
BATCH: Final = 64
"""Most outputs in one step, so that a long text is not all in memory at once."""
_FILTERED_AFTER: Final = 4
"""How many tokens the content filter lets through."""


class Step(Struct, frozen=True):
    """What is said together, `delay` seconds after what was said before."""

    outputs: list[Output]
    delay: float = 0.0


class Performance(Struct, frozen=True):
    """The answer to one request: its steps, to be gone through once, and what of the request has no part in it."""

    steps: Iterator[Step]
    losses: list[Loss]


def perform(request: CreateResponse) -> Performance:
    """Return the demo's answer to `request`, always the same. Raises UnsupportedParameter for what it cannot do."""
    script = Script(request)
    return Performance(_steps(script, request.max_output_tokens or None), script.losses)


def _steps(script: Script, most: int | None) -> Iterator[Step]:
    """Yield the steps: what is said without a pause between is said together."""
    directions = script.directions
    batch: list[Output] = []
    delay = directions.wait
    for spoken in _played(script, most):
        if spoken.tokens and directions.pause and batch:
            yield Step(batch, delay)
            batch, delay = [], 0.0
        if spoken.tokens:
            delay += directions.pause
        if spoken.output is not None:
            batch.append(spoken.output)
        if len(batch) >= BATCH:
            yield Step(batch, delay)
            batch, delay = [], 0.0
    if batch:
        yield Step(batch, delay)


def _played(script: Script, most: int | None) -> Iterator[Spoken]:
    """Yield the script up to where it ends, and how it ended."""
    directions = script.directions
    failing = directions.failing
    thought = written = 0
    end: Output = Stop("tool_calls" if script.calls else "stop")
    for spoken in _until_failure(script.say(), failing):
        if spoken.tokens and written == most:
            end = Stop("max_output_tokens")
            break
        if spoken.tokens and directions.filtered and written - thought == _FILTERED_AFTER:
            end = Stop("content_filter")
            break
        written += spoken.tokens
        thought += spoken.tokens if spoken.place == "thinking" else 0
        yield spoken
    else:
        if directions.filtered:
            end = Stop("content_filter")
        if failing is not None:
            words = "The demo fails, as the prompt asks it to."
            end = Failure(ErrorPayload(type=failing.type, code="demo_failure", message=words, param=None))
    yield Spoken(Usage(input_tokens=script.input_tokens, output_tokens=written, reasoning_tokens=thought))
    yield Spoken(end)


def _until_failure(script: Iterator[Spoken], failing: Failing | None) -> Iterator[Spoken]:
    """Yield what is said before the failure: all of it where there is none, or where its place is never reached."""
    if failing is None:
        yield from script
        return
    if failing.place is None and not failing.tokens:
        return
    said = 0
    for spoken in script:
        yield spoken
        said += spoken.tokens
        if spoken.tokens and (spoken.place == failing.place or said == failing.tokens):
            return
