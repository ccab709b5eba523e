from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.spec.base import NOTHING
from penstock.spec.content import (
    InputImageContent,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    TextContent,
)
from penstock.spec.items import CompactionItem, ExtensionItem
from penstock.stream.machine import (
    SHOWN_PLACES,
    ItemMachine,
    PartMachine,
    StreamMachine,
    StreamStateError,
    Violation,
    item_kind,
    part_kind,
    step,
)
from penstock.stream.states import ItemState, OrderRule, PartState, ResponseState
from tests.stream.samples import CALL, EXTENSION, MESSAGE, REASONING, RESPONSE, event, extension_part
from tests.stream.strategies import events as any_events

CREATED = event("ResponseCreated")
MESSAGE_ADDED = event("OutputItemAdded", item=MESSAGE)
PART_ADDED = event("ContentPartAdded")
DELTA = event("OutputTextDelta")
PART_DONE = event("ContentPartDone")


def after(*events: e.ResponseStreamEvent) -> StreamMachine:
    machine = StreamMachine()
    for one in events:
        assert step(machine, one) is None
    return machine


def rules(*events: e.ResponseStreamEvent) -> list[OrderRule | None]:
    """The rule each of `events` breaks, in a stream that takes up what they imply."""
    machine = StreamMachine()
    found = [step(machine, one) for one in events]
    return [None if violation is None else violation.rule for violation in found]


def violation(machine: StreamMachine, one: e.ResponseStreamEvent) -> Violation:
    found = step(machine, one, strict=True)
    assert found is not None
    return found


def picture(machine: StreamMachine) -> object:
    """All that a machine is."""

    def parts(found: dict[int, PartMachine]) -> object:
        return {index: (part.kind, part.state) for index, part in found.items()}

    return (
        machine.state,
        list(machine.open_items),
        {index: (i.kind, i.state, parts(i.content), parts(i.summary)) for index, i in machine.items.items()},
    )


def test_a_message_from_beginning_to_end() -> None:
    machine = after(
        CREATED,
        event("ResponseInProgress"),
        MESSAGE_ADDED,
        PART_ADDED,
        DELTA,
        DELTA,
        event("OutputTextAnnotationAdded"),
        event("OutputTextDone"),
        event("ContentPartDone"),
        event("OutputItemDone"),
        event("ResponseCompleted"),
    )
    assert machine.state is ResponseState.COMPLETED
    assert list(machine.open_places) == []


def test_a_reasoning_item_streams_its_summary_beside_its_content() -> None:
    machine = after(
        CREATED,
        event("OutputItemAdded", item=REASONING),
        event("ContentPartAdded", part=ReasoningTextContent(text="")),
        event("ReasoningDelta"),
        event("ReasoningSummaryPartAdded", part=SummaryTextContent(text="")),
        event("ReasoningSummaryTextDelta"),
        event("ReasoningDelta"),
    )
    assert list(machine.open_places) == ["output[0]", "output[0].content[0]", "output[0].summary[0]"]


def test_raw_reasoning_may_stand_in_output_text_as_in_the_example_of_the_specification() -> None:
    after(CREATED, event("OutputItemAdded", item=REASONING), PART_ADDED, event("ReasoningDelta"))


def test_items_may_be_open_beside_each_other() -> None:
    machine = after(
        CREATED,
        event("OutputItemAdded", item=CALL),
        event("OutputItemAdded", item=CALL, output_index=1),
        event("FunctionCallArgumentsDelta", output_index=1),
        event("FunctionCallArgumentsDelta"),
    )
    assert list(machine.open_places) == ["output[0]", "output[1]"]


def test_a_failed_response_may_leave_items_open() -> None:
    after(CREATED, MESSAGE_ADDED, PART_ADDED, event("ErrorEvent"), event("ResponseFailed"))


def test_a_queued_response_goes_on_to_be_in_progress() -> None:
    queued = event("ResponseCreated", response=replace(RESPONSE, status="queued"))
    assert after(queued, event("ResponseQueued"), event("ResponseInProgress")).state is ResponseState.IN_PROGRESS
    assert rules(queued, event("ResponseQueued"), MESSAGE_ADDED)[-1] is OrderRule.LIFECYCLE_OUT_OF_ORDER


@pytest.mark.parametrize(
    ("text", "kind"),
    [(TextContent(text="x"), "text"), (InputImageContent(image_url=None, detail="auto"), "input_image")],
)
def test_a_part_that_no_event_streams_is_added_and_done(text: object, kind: str) -> None:
    machine = after(CREATED, MESSAGE_ADDED, event("ContentPartAdded", part=text), event("ContentPartDone", part=text))
    assert machine.items[0].content[0].kind == kind
    assert machine.items[0].content[0].state is PartState.DONE


def test_an_extension_part_may_be_streamed_or_not() -> None:
    added = event("ContentPartAdded", part=extension_part())
    done = event("ContentPartDone", part=extension_part())
    after(CREATED, MESSAGE_ADDED, added, done)
    after(CREATED, MESSAGE_ADDED, added, DELTA, event("OutputTextDone"), done)


def test_an_extension_item_may_have_arguments_and_parts() -> None:
    after(
        CREATED,
        event("OutputItemAdded", item=EXTENSION),
        event("FunctionCallArgumentsDelta"),
        PART_ADDED,
        DELTA,
        event("FunctionCallArgumentsDone"),
        event("OutputTextDone"),
        event("ContentPartDone"),
        event("OutputItemDone", item=EXTENSION),
    )


class TestOneFaultIsOneFinding:
    def test_of_a_part_that_was_not_added(self) -> None:
        assert rules(CREATED, MESSAGE_ADDED, DELTA, DELTA, event("OutputTextDone"), event("ContentPartDone")) == [
            None,
            None,
            OrderRule.PART_NOT_ADDED,
            None,
            None,
            None,
        ]

    def test_of_an_item_that_was_not_added(self) -> None:
        assert rules(CREATED, PART_ADDED, DELTA) == [None, OrderRule.ITEM_NOT_ADDED, None]
        assert rules(CREATED, event("ReasoningDelta"), event("ReasoningDelta")) == [
            None,
            OrderRule.ITEM_NOT_ADDED,
            None,
        ]

    def test_of_two_items_under_one_index(self) -> None:
        assert rules(CREATED, MESSAGE_ADDED, PART_ADDED, DELTA, MESSAGE_ADDED, PART_ADDED, DELTA) == [
            None,
            None,
            None,
            None,
            OrderRule.ITEM_NOT_ADDED,
            None,
            None,
        ]

    def test_of_two_calls_under_one_index(self) -> None:
        call = event("OutputItemAdded", item=CALL)
        delta, done = event("FunctionCallArgumentsDelta"), event("FunctionCallArgumentsDone")
        assert rules(CREATED, call, delta, done, call, delta, delta, done) == [
            *[None] * 4,
            OrderRule.ITEM_NOT_ADDED,
            *[None] * 3,
        ]

    def test_of_two_parts_under_one_index(self) -> None:
        one = (PART_ADDED, DELTA, event("OutputTextDone"), event("ContentPartDone"))
        assert rules(CREATED, MESSAGE_ADDED, *one, *one) == [*[None] * 6, OrderRule.PART_NOT_ADDED, *[None] * 3]

    def test_of_text_in_a_refusal(self) -> None:
        refusal = event("ContentPartAdded", part=RefusalContent(refusal=""))
        assert rules(CREATED, MESSAGE_ADDED, refusal, DELTA, DELTA, event("OutputTextDone"), PART_DONE) == [
            *[None] * 3,
            OrderRule.WRONG_CONTENT_FOR_PART,
            *[None] * 3,
        ]

    def test_of_text_in_a_call(self) -> None:
        assert rules(CREATED, event("OutputItemAdded", item=CALL), PART_ADDED, DELTA) == [
            None,
            None,
            OrderRule.WRONG_CONTENT_FOR_PART,
            None,
        ]

    def test_of_arguments_in_a_message(self) -> None:
        delta = event("FunctionCallArgumentsDelta")
        assert rules(CREATED, MESSAGE_ADDED, delta, delta) == [None, None, OrderRule.WRONG_CONTENT_FOR_PART, None]

    def test_of_a_second_turn_after_the_end(self) -> None:
        turn = (MESSAGE_ADDED, PART_ADDED, DELTA, event("OutputTextDone"), PART_DONE, event("OutputItemDone"))
        end = event("ResponseCompleted")
        assert rules(CREATED, *turn, end, *turn, end) == [
            *[None] * 8,
            OrderRule.EVENT_AFTER_TERMINAL,
            *[None] * 6,
        ]

    def test_of_a_second_response_after_the_end(self) -> None:
        whole = (CREATED, MESSAGE_ADDED, event("OutputItemDone"), event("ResponseCompleted"))
        assert rules(*whole, *whole) == [*[None] * 4, OrderRule.EVENT_AFTER_TERMINAL, *[None] * 3]


def test_an_event_that_is_refused_leaves_no_trace() -> None:
    machine = after(CREATED, MESSAGE_ADDED, PART_ADDED)
    before = picture(machine)
    assert violation(machine, event("ResponseCompleted")).rule is OrderRule.ITEM_DONE_ABSENT
    assert violation(machine, event("OutputTextDelta", output_index=7)).rule is OrderRule.ITEM_NOT_ADDED
    assert violation(machine, event("OutputTextDelta", content_index=7)).rule is OrderRule.PART_NOT_ADDED
    assert violation(machine, event("OutputItemDone")).rule is OrderRule.PART_DONE_ABSENT
    assert violation(machine, CREATED).rule is OrderRule.CREATED_NOT_FIRST
    assert picture(machine) == before


@settings(deadline=None, max_examples=200)
@given(st.lists(any_events, max_size=20), st.booleans())
def test_no_sequence_of_events_makes_step_raise(found: list[e.ResponseStreamEvent], strict: bool) -> None:  # noqa: FBT001
    machine = StreamMachine()
    for one in found:
        before = picture(machine)
        broken = step(machine, one, strict=strict)
        if broken is not None:
            assert str(broken)
            assert not strict or picture(machine) == before


@pytest.mark.parametrize(
    ("events", "asked", "sentence"),
    [
        (
            [],
            DELTA,
            (
                "response.output_text.delta is not possible now: response is new. Open: nothing. "
                "Possible for response: response.created."
            ),
        ),
        (
            [CREATED, MESSAGE_ADDED, PART_ADDED],
            event("ResponseCompleted"),
            (
                "response.completed is not possible now: response is in progress. "
                "Open: output[0], output[0].content[0]. "
                "Possible for response: response.output_item.added, response.failed, error."
            ),
        ),
        (
            [CREATED, MESSAGE_ADDED],
            DELTA,
            (
                "response.output_text.delta is not possible now: output[0].content[0] is absent. Open: output[0]. "
                "Possible for output[0].content[0]: response.content_part.added."
            ),
        ),
        (
            [CREATED, MESSAGE_ADDED, PART_ADDED, event("OutputTextDone")],
            DELTA,
            (
                "response.output_text.delta is not possible now: output[0].content[0] is open, content done (output_text). "
                "Open: output[0], output[0].content[0]. "
                "Possible for output[0].content[0]: response.output_text.annotation.added, response.content_part.done."
            ),
        ),
        (
            [CREATED, event("OutputItemAdded", item=CALL)],
            PART_ADDED,
            (
                "response.content_part.added is not possible now: output[0] is open (function_call). Open: output[0]. "
                "Possible for output[0]: response.function_call_arguments.delta, "
                "response.function_call_arguments.done, response.output_item.done."
            ),
        ),
        (
            [CREATED, event("OutputItemAdded", item=REASONING), PART_ADDED, event("ReasoningDelta")],
            event("OutputItemDone", item=REASONING),
            (
                "response.output_item.done is not possible now: output[0] is open (reasoning). "
                "Open: output[0], output[0].content[0]. Possible for output[0]: response.content_part.added, "
                "response.reasoning_summary_part.added."
            ),
        ),
        (
            [CREATED, event("OutputItemAdded", item=REASONING), PART_ADDED],
            PART_DONE,
            (
                "response.content_part.done is not possible now: output[0].content[0] is open (output_text). "
                "Open: output[0], output[0].content[0]. "
                "Possible for output[0].content[0]: response.reasoning.delta, response.reasoning.done."
            ),
        ),
        (
            [CREATED, MESSAGE_ADDED, event("ContentPartAdded", part=InputImageContent(image_url=None, detail="auto"))],
            DELTA,
            (
                "response.output_text.delta is not possible now: "
                "output[0].content[0] is open, nothing streamed (input_image). "
                "Open: output[0], output[0].content[0]. Possible for output[0].content[0]: response.content_part.done."
            ),
        ),
        (
            [CREATED, MESSAGE_ADDED, event("ContentPartAdded", part=extension_part()), event("OutputTextDone")],
            DELTA,
            (
                "response.output_text.delta is not possible now: output[0].content[0] is open, content done (acme:part). "
                "Open: output[0], output[0].content[0]. "
                "Possible for output[0].content[0]: response.output_text.annotation.added, response.content_part.done."
            ),
        ),
        (
            [CREATED, event("OutputItemAdded", item=REASONING)],
            event("ReasoningSummaryTextDelta"),
            (
                "response.reasoning_summary_text.delta is not possible now: output[0].summary[0] is absent. "
                "Open: output[0]. Possible for output[0].summary[0]: response.reasoning_summary_part.added."
            ),
        ),
        (
            [CREATED, event("OutputItemAdded", item=EXTENSION), event("OutputItemDone", item=EXTENSION)],
            event("FunctionCallArgumentsDone"),
            (
                "response.function_call_arguments.done is not possible now: output[0] is done (acme:thing). "
                "Open: nothing. Possible for output[0]: nothing."
            ),
        ),
        (
            [CREATED, event("ResponseFailed")],
            DELTA,
            (
                "response.output_text.delta is not possible now: response is failed. Open: nothing. "
                "Possible for response: nothing."
            ),
        ),
    ],
)
def test_a_violation_says_what_was_asked_what_is_open_and_what_is_possible(
    events: list[e.ResponseStreamEvent], asked: e.ResponseStreamEvent, sentence: str
) -> None:
    assert str(violation(after(*events), asked)) == sentence


def test_what_an_item_may_take_is_told_by_its_kind() -> None:
    done = event("FunctionCallArgumentsDone")
    machine = after(CREATED, event("OutputItemAdded", item=EXTENSION), done)
    assert violation(machine, done).allowed == ("response.content_part.added", "response.output_item.done")
    compaction = CompactionItem(id="cmp_1", encrypted_content="x")
    assert violation(after(CREATED, event("OutputItemAdded", item=compaction)), done).allowed == (
        "response.output_item.done",
    )


def test_a_violation_tells_of_a_few_open_places_only() -> None:
    added = [event("OutputItemAdded", output_index=index) for index in range(20)]
    found = violation(after(CREATED, *added), event("ResponseCompleted"))
    assert len(found.open_places) == SHOWN_PLACES
    assert "output[7] ..." in str(found)


def test_an_error_carries_its_violation() -> None:
    found = violation(StreamMachine(), DELTA)
    assert StreamStateError("x", found).violation is found
    assert StreamStateError("x").violation is None


def test_what_content_implies_its_item_to_be() -> None:
    for name, kind in [
        ("OutputTextDelta", "message"),
        ("RefusalDone", "message"),
        ("ContentPartAdded", "message"),
        ("ReasoningDone", "reasoning"),
        ("ReasoningSummaryPartAdded", "reasoning"),
        ("FunctionCallArgumentsDelta", "function_call"),
    ]:
        machine = StreamMachine()
        step(machine, event(name))
        assert machine.items[0].kind == kind
    machine = StreamMachine()
    step(machine, event("ContentPartDone", part=ReasoningTextContent(text="")))
    assert machine.items[0].kind == "reasoning"


def test_an_item_that_says_no_type_keeps_the_one_it_had() -> None:
    machine = after(CREATED, MESSAGE_ADDED, event("OutputItemDone", item=ExtensionItem(fields=NOTHING)))
    assert machine.items[0].kind == "message"


def test_kinds_are_the_types_on_the_wire() -> None:
    assert item_kind(MESSAGE) == "message"
    assert item_kind(EXTENSION) == "acme:thing"
    assert part_kind(OutputTextContent(text="", annotations=[])) == "output_text"
    assert part_kind(extension_part()) == "acme:part"


def test_machines_begin_absent() -> None:
    assert PartMachine().state is PartState.ABSENT
    assert not PartMachine().is_open
    assert ItemMachine().state is ItemState.ABSENT
    assert not ItemMachine().has_open_parts
