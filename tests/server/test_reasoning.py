"""Reasoning that is sealed: once an item, where the item ends, and never where the provider protected it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given

import penstock
from penstock import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    FunctionCall,
    NewMessage,
    NewPart,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    Text,
    UrlCitation,
    Usage,
)
from penstock.server.reasoning import ReasoningSealer
from penstock.spec.content import ReasoningTextContent
from penstock.spec.items import ReasoningItem
from penstock.stream.output import Output
from penstock.wire.codec import encode_plain
from tests.stream.strategies import Program, programs


def seal(content: object) -> str:
    return f"<{encode_plain(content).decode()}>"


def sealed(*texts: str) -> str:
    return seal([{"type": "reasoning_text", "text": text} for text in texts])


def response(outputs: Sequence[Output]) -> penstock.Response:
    sealer = ReasoningSealer(seal)
    numbers = itertools.count()
    writer = penstock.ResponseStream(None, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 0.0)
    with writer:
        for output in (*sealer.add(outputs), *sealer.end()):
            writer.send(output)
    return writer.response


def seals(outputs: Sequence[Output]) -> list[object]:
    items = response(outputs).output
    return [item.encrypted_content for item in items if isinstance(item, ReasoningItem)]


CITATION = Annotated(UrlCitation(url="https://a.example", title="A", start_index=0, end_index=0))


@pytest.mark.parametrize(
    "end",
    [
        Text("Hi."),
        "Hi.",
        Refusal("No."),
        CITATION,
        FunctionCall("f", "{}"),
        NewMessage(),
        Done(),
        ReadyItem(ReasoningItem(id="rs_9", summary=[], encrypted_content="theirs", status="completed")),
    ],
    ids=lambda output: type(output).__name__,
)
def test_reasoning_is_sealed_where_its_item_ends(end: Output) -> None:
    assert seals([Reasoning("a"), Reasoning("b"), end, Reasoning("c")])[:1] == [sealed("ab")]
    assert seals([Reasoning("a"), end, Reasoning("c")])[-1] == sealed("c")


@pytest.mark.parametrize(
    "beside",
    [
        Text(""),
        "",
        Refusal(""),
        Usage(input_tokens=1, output_tokens=1),
        ReasoningSummary("s"),
        Arguments("{}", "k"),
        Done("k"),
    ],
    ids=repr,
)
def test_what_leaves_an_item_open_does_not_seal_it_twice(beside: Output) -> None:
    said = [FunctionCall("f", key="k"), Reasoning("a"), beside, Reasoning("b")]
    assert seals(said) == [sealed("ab")]


def test_parts_stay_apart() -> None:
    assert seals([Reasoning("a"), NewPart(), Reasoning("b"), Text("Hi."), NewPart(), Text("!")]) == [sealed("a", "b")]


def test_what_the_provider_protected_is_left_alone() -> None:
    assert seals([Reasoning("a"), EncryptedReasoning("theirs"), Text("Hi."), Reasoning("b")]) == ["theirs", sealed("b")]


def test_nothing_is_sealed_where_nothing_is_shown() -> None:
    assert seals([ReasoningSummary("s"), Text("Hi.")]) == [penstock.UNSET]
    assert seals([Text("Hi.")]) == []


@pytest.mark.parametrize(("given_seal", "expected"), [(None, sealed("a")), ("theirs", "theirs")])
def test_reasoning_that_comes_whole_is_sealed_unless_it_is(given_seal: str | None, expected: str) -> None:
    item = ReasoningItem(
        id="rs_1",
        summary=[],
        content=[ReasoningTextContent(text="a")],
        encrypted_content=given_seal,
        status="completed",
    )
    assert seals([ReadyItem(item)]) == [expected]


@given(programs())
def test_no_item_is_ever_sealed_twice(program: Program) -> None:
    for item in response([each for each in program.outputs if not isinstance(each, EncryptedReasoning)]).output:
        if isinstance(item, ReasoningItem) and isinstance(item.encrypted_content, str):
            assert item.encrypted_content.count("<[") <= 1
