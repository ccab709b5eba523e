from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from penstock.spec.base import NOTHING, Extra
from penstock.spec.content import (
    ExtensionContent,
    InputImageContentParam,
    InputTextContentParam,
    MessageContentParam,
    OutputTextContent,
    OutputTextContentParam,
    ReasoningTextContent,
    RefusalContent,
    RefusalContentParam,
    SummaryTextContent,
)
from penstock.spec.events import STANDARD_EVENTS, ExtensionEvent, OutputTextDelta, ResponseCompleted
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, MessageItemParam, ReasoningItem
from penstock.spec.response import Response


def response(*output: Item) -> Response:
    zero = {**Response.zero, "id": "resp_1", "output": list(output)}
    return Response(**zero)  # type: ignore[arg-type]  # each zero value is of its field's type


def message(*texts: str) -> MessageItem:
    parts = [OutputTextContent(text=text, annotations=[]) for text in texts]
    return MessageItem(id="msg_1", status="completed", role="assistant", content=[*parts])


def test_text_is_that_of_all_output_text_parts() -> None:
    refusal = RefusalContent(refusal="no")
    refused = replace(message("a", "b"), content=[*message("a", "b").content, refusal])
    assert refused.text == "ab"
    assert response(refused, message("c")).output_text == "abc"
    assert response(refused).refusal == "no"
    assert response().output_text == response().refusal == ""


def test_text_of_a_message_that_was_sent_is_that_of_its_text_parts() -> None:
    parts: list[MessageContentParam] = [
        InputTextContentParam(text="a"),
        InputImageContentParam(image_url="u"),
        OutputTextContentParam(text="b"),
        RefusalContentParam(refusal="no"),
    ]
    assert MessageItemParam(role="user", content=parts).text == "ab"
    assert MessageItemParam(role="user", content="whole").text == "whole"


def test_function_calls_are_in_order() -> None:
    first = FunctionCallItem(id="fc_1", call_id="call_1", name="f", arguments="{}", status="completed")
    second = replace(first, id="fc_2", call_id="call_2")
    assert response(message("a"), first, second).function_calls == [first, second]


def test_reasoning_summary_is_a_paragraph_a_part() -> None:
    one, raw, two = SummaryTextContent(text="one"), ReasoningTextContent(text="raw"), SummaryTextContent(text="two")
    reasoning = ReasoningItem(id="rs_1", summary=[one, raw, two])
    assert response(reasoning, message("x"), reasoning).reasoning_summary == "one\n\ntwo\n\none\n\ntwo"


def test_events_tell_their_wire_type_and_response() -> None:
    assert ResponseCompleted(response=response()).event_type == "response.completed"
    assert ResponseCompleted(response=response()).response_id == "resp_1"
    assert OutputTextDelta(item_id="", output_index=0, content_index=0, delta="").response_id is UNSET


def test_extension_event_tells_its_own_type_and_response() -> None:
    event = ExtensionEvent(fields=Extra({"type": "acme:x", "response_id": "resp_1", "n": 1}))
    assert (event.event_type, event.response_id, event["n"]) == ("acme:x", "resp_1", 1)
    blank = ExtensionEvent(fields=Extra({"type": 5, "response_id": None}))
    assert (blank.event_type, blank.response_id) == ("", UNSET)


def test_extension_item_tells_its_own_id_and_status() -> None:
    item = ExtensionItem(fields=Extra({"type": "acme:x", "id": "x_1", "status": "completed"}))
    assert (item.type, item.id, item.status) == ("acme:x", "x_1", "completed")
    blank = ExtensionItem(fields=NOTHING)
    assert (blank.type, blank.id, blank.status) == ("", "", UNSET)
    assert ExtensionContent(fields=NOTHING).type == ""


def test_six_events_tell_a_state_and_three_of_them_end_the_stream() -> None:
    states = [cls.__struct_config__.tag for cls in STANDARD_EVENTS if cls.is_response_event]
    assert states == [
        f"response.{state}" for state in ("created", "queued", "in_progress", "completed", "failed", "incomplete")
    ]
    assert [cls.__struct_config__.tag for cls in STANDARD_EVENTS if cls.is_terminal] == states[3:]
