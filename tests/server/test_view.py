"""The stream as clients of OpenAI's API are shown it: reasoning as a summary, and numbers without gaps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from msgspec.structs import replace

import penstock
from penstock import Extension, Failure, NewPart, ReadyItem, Reasoning, ReasoningSummary, Text
from penstock.lint.findings import Level
from penstock.server.view import View, ViewOptions
from penstock.spec.base import Extra
from penstock.spec.content import Content, ExtensionContent, ReasoningTextContent, SummaryTextContent, TextContent
from penstock.spec.events import ContentPartDone, ExtensionEvent, ResponseEvent, ResponseStreamEvent
from penstock.spec.items import ReasoningItem
from penstock.spec.response import ErrorPayload
from penstock.stream.emitters import ListStreamEmitter
from penstock.stream.output import Output
from tests.stream.strategies import Program, programs

BROKEN = ErrorPayload(type="model_error", code="broken", message="It broke.", param=None)
OPENAI = ViewOptions(reasoning=False, errors=False, extensions=False)


def shown(options: ViewOptions, outputs: Sequence[Output]) -> list[ResponseStreamEvent]:
    emitter = ListStreamEmitter()
    ids = itertools.count()
    writer = penstock.ResponseStream(
        View(emitter, options), model="m", ids=lambda prefix: f"{prefix}_{next(ids)}", clock=lambda: 0.0
    )
    writer.start()
    for output in outputs:
        if not writer.state.is_terminal:
            writer.send(output)
    writer.finish()
    return list(emitter.events)


def output_of(events: Sequence[ResponseStreamEvent]) -> list[object]:
    last = events[-1]
    assert isinstance(last, ResponseEvent)
    return list(last.response.output)


def test_who_is_shown_all_is_shown_it_unchanged() -> None:
    options = ViewOptions()
    assert options.shows_all
    assert not OPENAI.shows_all
    said: list[Output] = [Reasoning("a"), Text("b"), Extension("acme:x", {})]
    plain, ids = ListStreamEmitter(), itertools.count()
    writer = penstock.ResponseStream(plain, model="m", ids=lambda p: f"{p}_{next(ids)}", clock=lambda: 0.0)
    with writer:
        for output in said:
            writer.send(output)
    assert shown(options, said) == list(plain.events)
    response = writer.response
    assert View(ListStreamEmitter(), options).response(response) is response


def test_raw_reasoning_is_told_as_a_summary_from_its_first_event_to_the_last() -> None:
    events = shown(OPENAI, [Reasoning("a"), Reasoning("b"), NewPart(), Reasoning("c"), Text("Hi.")])
    names = [event.event_type for event in events]
    assert not [name for name in names if name.startswith(("response.reasoning.", "response.reasoning_text"))]
    assert names.count("response.reasoning_summary_part.added") == 2
    (item, _) = output_of(events)
    assert isinstance(item, ReasoningItem)
    assert [part.text for part in item.summary if isinstance(part, SummaryTextContent)] == ["ab", "c"]
    assert not item.content


def test_a_summary_of_the_model_s_own_has_its_place_among_the_others() -> None:
    events = shown(OPENAI, [Reasoning("raw"), ReasoningSummary("short"), Text("Hi.")])
    (item, _) = output_of(events)
    assert isinstance(item, ReasoningItem)
    assert [part.text for part in item.summary if isinstance(part, SummaryTextContent)] == ["raw", "short"]
    places = {
        event.summary_index: event.delta for event in events if isinstance(event, penstock.ReasoningSummaryTextDelta)
    }
    assert places == {0: "raw", 1: "short"}


def test_parts_that_are_no_text_stay_where_they_are() -> None:
    own = ExtensionContent(fields=Extra({"type": "acme:sketch"}))
    parts: list[Content] = [ReasoningTextContent(text="a"), own, TextContent(text="b")]
    item = ReasoningItem(id="rs_1", summary=[], content=parts, status="completed")
    events = shown(replace(OPENAI, extensions=True), [ReadyItem(item)])
    (told,) = output_of(events)
    assert isinstance(told, ReasoningItem)
    assert told.summary == [SummaryTextContent(text="a"), SummaryTextContent(text="b")]
    assert told.content == [own]
    assert [event.content_index for event in events if isinstance(event, ContentPartDone)] == [0]


@pytest.mark.parametrize("end", [Failure(BROKEN), Text("!")])
def test_what_is_hidden_leaves_no_gap(end: Output) -> None:
    events = shown(OPENAI, [Text("a"), Extension("acme:x", {}), Text("b"), Extension("acme:y", {}), Text("c"), end])
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert not [event for event in events if isinstance(event, ExtensionEvent)]
    assert "error" not in [event.event_type for event in events]


@given(programs())
def test_whatever_is_said_what_is_shown_is_valid(program: Program) -> None:
    for options in (OPENAI, ViewOptions(reasoning=False), ViewOptions(extensions=False)):
        events = shown(options, program.outputs)
        found = penstock.lint(events)
        # Arguments that are no JSON and annotations that point nowhere are the model's own.
        wrong = [each for each in found if each.level is not Level.INFO and each.code not in ("OR505", "OR506")]
        assert wrong == []
