"""What another server's items are called and hold beyond the specification survives; what cannot is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lint.examples import base_events
from penstock.spec.base import Extra
from penstock.spec.items import ExtensionItem, FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import ErrorPayload
from penstock.stream import output as o
from penstock.stream.writer import ResponseWriter
from penstock.upstream.base import Loss
from penstock.upstream.responses import Responses, api
from tests.lint.repairing import Ids, sse
from tests.upstream.reading import in_pieces

Event = dict[str, Any]


def events_of(*items: Event, deltas: dict[int, list[Event]] | None = None) -> list[Event]:
    """A stream of items, each begun empty and told whole when it is done."""
    events = base_events("empty")
    middle: list[Event] = []
    for index, item in enumerate(items):
        place = {"output_index": index, "item_id": item.get("id", "")}
        begun: Event = {**item, "status": "in_progress"}
        begun |= {key: [] for key in ("content", "summary") if key in item}
        middle.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        middle += [{**place, **delta} for delta in (deltas or {}).get(index, [])]
        middle.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events[2:2] = middle
    events[-1]["response"]["output"] = list(items)
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def read(events: list[Event]) -> list[o.Output]:
    translation = Responses().stream()
    return [*translation.feed(sse(events)), *translation.close()]


def again(events: list[Event]) -> list[Item]:
    writer = ResponseWriter(None, model="m", ids=Ids(), clock=lambda: 0.0)
    with writer:
        for output in read(events):
            writer.send(output)
    return writer.response.output


MESSAGE: Event = {"type": "message", "id": "msg_a", "role": "assistant", "status": "completed", "content": []}
REASONING: Event = {"type": "reasoning", "id": "rs_a", "status": "completed", "summary": []}
CALL: Event = {
    "type": "function_call",
    "id": "fc_a",
    "call_id": "call_a",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}


@pytest.mark.parametrize("base", ["text", "reasoning", "two_messages", "two_calls", "call", "two_parts"])
def test_items_keep_their_ids(base: str) -> None:
    events = base_events(base)
    assert [item.id for item in again(events)] == [item["id"] for item in events[-1]["response"]["output"]]


def test_items_keep_what_they_hold_beyond_the_specification() -> None:
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    items = again(
        events_of(
            {**REASONING, "mood": "calm", "encrypted_content": "gAAA"},
            {**CALL, "namespace": "money"},
            {**MESSAGE, "odd": 1, "content": [text]},
        )
    )
    assert [item.extra for item in items if not isinstance(item, ExtensionItem)] == [
        Extra({"mood": "calm"}),
        Extra({"namespace": "money"}),
        Extra({"odd": 1}),
    ]
    assert [item.id for item in items] == ["rs_a", "fc_a", "msg_a"]


@pytest.mark.parametrize("item", [MESSAGE, REASONING], ids=["message", "reasoning"])
@pytest.mark.parametrize("extra", [{}, {"odd": 1}], ids=["plain", "extra"])
def test_an_item_with_nothing_in_it_is_not_lost(item: Event, extra: Event) -> None:
    items = again(events_of({**item, **extra}, CALL))
    assert [found.id for found in items] == [item["id"], "fc_a"]
    assert isinstance(items[0], MessageItem | ReasoningItem)
    assert items[0].extra == Extra(extra)
    assert isinstance(items[1], FunctionCallItem)
    assert items[1].extra == Extra()


def test_an_item_that_is_cut_before_anything_is_in_it_is_not_lost() -> None:
    events = events_of({**MESSAGE, "status": "incomplete"})
    events[-1] = {**events[-1], "type": "response.incomplete"}
    events[-1]["response"] |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    (item,) = again(events)
    assert (item.id, item.status) == ("msg_a", "incomplete")


def test_a_call_that_is_cut_is_left_open_for_the_end_to_close() -> None:
    events = events_of({**CALL, "arguments": '{"a', "status": "incomplete"})
    events[-1] = {**events[-1], "type": "response.incomplete"}
    events[-1]["response"] |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert not [output for output in read(events) if isinstance(output, o.Done)]
    (item,) = again(events)
    assert isinstance(item, FunctionCallItem)
    assert (item.id, item.status, item.arguments) == ("fc_a", "incomplete", '{"a')


def test_an_id_that_was_made_up_is_not_said() -> None:
    nameless = [{key: value for key, value in item.items() if key != "id"} for item in (REASONING, CALL, MESSAGE)]
    outputs = read(events_of(*nameless, {"type": "acme:thing", "status": "completed"}))
    assert "untold" not in repr(outputs)
    items = again(events_of(*nameless, {"type": "acme:thing", "status": "completed"}))
    assert len({item.id for item in items}) == 4


def test_a_part_that_no_delta_brings_has_the_items_id_if_it_is_the_first() -> None:
    image = {"type": "input_image", "image_url": "u", "detail": "auto"}
    part = {"type": "response.content_part.added", "content_index": 0, "part": image}
    done = {**part, "type": "response.content_part.done"}
    more = [{**event, "content_index": 1} for event in (part, done)]
    items = again(events_of({**MESSAGE, "content": [image, image]}, deltas={0: [part, done, *more]}))
    assert [item.id for item in items] == ["msg_a", "msg_new1"]


def test_an_item_that_is_gone_on_with_has_its_id_once() -> None:
    events = base_events("two_messages")
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    at = events.index(deltas[1])
    late = {**deltas[0], "delta": " Wait."}
    events = [event for event in events if event.get("output_index") != 0 or event["type"].endswith("added")]
    events.insert(at - 4, late)
    ids = [item.id for item in again(events)]
    assert len(set(ids)) == len(ids)
    assert {"msg_1", "msg_2"} <= set(ids)


def test_messages_that_take_turns_have_their_ids_once_and_keep_their_phases() -> None:
    events = base_events("two_messages")
    first, second = ([event for event in events if event.get("output_index") == index] for index in (0, 1))
    late = {**first[2], "delta": " Wait."}
    events = [*events[:2], *first[:3], *second[:3], late, *first[3:], *second[3:], events[-1]]
    items = again([{**event, "sequence_number": number} for number, event in enumerate(events)])
    assert [(item.id, item.phase, item.text) for item in items if isinstance(item, MessageItem)] == [
        ("msg_1", "commentary", "Let me see."),
        ("msg_2", "final_answer", "It is open."),
        ("msg_new1", "commentary", " Wait."),
    ]


def test_what_comes_after_the_end_is_not_said_but_told_of() -> None:
    events = base_events("text")
    (delta, *_) = [event for event in events if event["type"] == "response.output_text.delta"]
    translation = Responses().stream()
    translation.feed(sse(events))
    assert [*translation.feed(sse([delta])), *translation.close()] == []
    assert [(mend.code, mend.event) for mend in translation.mends] == [("OR105", len(events))]


# What cannot be said.


def test_what_the_upstream_tells_of_its_own_response_is_lost_and_told() -> None:
    events = base_events("text")
    events[-1]["response"] |= {"billing": {"payer": "me"}, "moderation": None}
    events[-1]["response"]["usage"]["input_tokens_details"]["cache_write_tokens"] = 3
    translation = Responses().stream()
    translation.feed(sse(events))
    translation.close()
    assert translation.losses == [
        Loss("usage.input_tokens_details.cache_write_tokens", "the specification has no such figure"),
        Loss("billing", "it tells of the upstream's response; this one is ours"),
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"type": "too_many_requests", "code": None}, ("too_many_requests", None)),
        ({"type": "tokens", "code": "rate_limit_exceeded"}, ("too_many_requests", "rate_limit_exceeded")),
        ({"type": "insufficient_quota", "code": None}, ("too_many_requests", "insufficient_quota")),
        ({"type": "odd", "code": None}, ("server_error", "odd")),
    ],
)
def test_an_error_is_told_in_the_specifications_terms(error: Event, told: tuple[str, str | None]) -> None:
    events = base_events("text")[:2]
    failed = {**events[0], "type": "response.failed", "sequence_number": 3}
    failed["response"] = {**failed["response"], "status": "failed", "error": {"code": "x", "message": "No."}}
    whole = {"message": "No.", "param": None, "hint": "h", **error}
    (failure,) = read([*events, {"type": "error", "sequence_number": 2, "error": whole}, failed])
    assert isinstance(failure, o.Failure)
    assert (failure.error.type, failure.error.code) == told
    assert (failure.error.message, failure.error.extra) == ("No.", Extra({"hint": "h"}))


def test_a_failure_without_an_error_event_is_told_by_its_code() -> None:
    events = base_events("text")[:2]
    failed = {**events[0], "type": "response.failed", "sequence_number": 2}
    error = {"code": "rate_limit_exceeded", "message": "Slow down."}
    failed["response"] = {**failed["response"], "status": "failed", "error": error}
    (failure,) = read([*events, failed])
    wanted = ErrorPayload(type="too_many_requests", code="rate_limit_exceeded", message="Slow down.", param=None)
    assert failure == o.Failure(wanted)


# Deltas that are alike.


def long_stream(base: str, count: int, *, padded: bool) -> list[Event]:
    """A stream with many deltas in the place of each."""
    events: list[Event] = []
    for event in base_events(base):
        kind = event["type"]
        if not kind.endswith(".delta"):
            events.append(event)
            continue
        pad = {"obfuscation": "xyz"} if padded else {}
        extra: Event = {"logprobs": []} if "output_text" in kind else {}
        events += [{**event, **extra, **pad, "delta": piece} for piece in [*event["delta"], *[" "] * count]]
    events = [event for event in events if not event["type"].endswith("done") or "item" not in event]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("base", ["text", "reasoning", "two_calls", "refusal", "two_parts"])
def test_deltas_that_are_read_at_once_say_what_each_says(
    base: str, *, padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sse(long_stream(base, 50, padded=padded))
    at_once = Responses().stream()
    quickly = [*at_once.feed(data), *at_once.close()]
    monkeypatch.setattr(api, "MAX_TRIES", 0)
    one_by_one = Responses().stream()
    assert quickly == [*one_by_one.feed(data), *one_by_one.close()]
    assert at_once.mends == one_by_one.mends


@given(st.lists(st.integers(0, 20_000), max_size=8), st.sampled_from(["text", "two_calls", "reasoning"]))
def test_cuts_do_not_show(cuts: list[int], base: str) -> None:
    data = sse(long_stream(base, 20, padded=True))
    places = sorted(min(cut, len(data)) for cut in cuts)
    assert in_pieces(Responses(), data, places) == in_pieces(Responses(), data)


@pytest.mark.parametrize(
    "odd",
    [
        {"delta": "\ud83d"},
        {"delta": ""},
        {"sequence_number": 7},
        {"item_id": "other"},
        {"logprobs": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]},
        {"odd": 1},
        {"content_index": 3},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_an_odd_one_among_them_is_read_with_care(odd: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    events = long_stream("text", 30, padded=False)
    deltas = [at for at, event in enumerate(events) if event["type"].endswith(".delta")]
    events[deltas[10]] = {**events[deltas[10]], **odd}
    data = sse(events)
    at_once = Responses().stream()
    quickly = [*at_once.feed(data), *at_once.close()]
    monkeypatch.setattr(api, "MAX_TRIES", 0)
    one_by_one = Responses().stream()
    assert quickly == [*one_by_one.feed(data), *one_by_one.close()]
    assert at_once.mends == one_by_one.mends
