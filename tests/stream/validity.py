"""What holds of every valid stream, asserted in one place: by other people's schemas, by the grammar, by the fold."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import jsonschema
import openresponses_types
import pydantic
from msgspec import UNSET

from penstock.spec import events as e
from penstock.spec.events import ResponseStreamEvent
from penstock.spec.items import FunctionCallItem, Item, MessageItem, ReasoningItem
from penstock.spec.response import Response
from penstock.stream.fold import part_text
from penstock.stream.machine import StreamMachine, step
from penstock.stream.reader import ResponseReader
from penstock.wire.codec import EventCodec
from tests.openapi import Schema, schemas

CODEC = EventCodec()


@cache
def models() -> dict[str, type[pydantic.BaseModel]]:
    """The models of the package `openresponses_types`, by the type of their event."""
    found: dict[str, type[pydantic.BaseModel]] = {}
    for name in dir(openresponses_types):
        if name.endswith("StreamingEvent"):
            model: type[pydantic.BaseModel] = getattr(openresponses_types, name)
            kind = model.model_fields["type"].annotation
            assert isinstance(kind, type)
            assert issubclass(kind, enum.Enum)
            [member] = kind
            found[str(member.value)] = model
    return found


@cache
def validators() -> dict[str, Any]:
    """A validator for each event the OpenAPI document defines; none where the document is absent."""
    found: dict[str, Any] = {}
    for name, schema in schemas().items():
        if name.endswith("StreamingEvent"):
            whole: Schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}}
            found[schema["properties"]["type"]["enum"][0]] = jsonschema.Draft202012Validator(whole)
    return found


def assert_fits_models(events: Sequence[ResponseStreamEvent]) -> None:
    for event in events:
        data = CODEC.encode(event)
        assert data is not None
        models()[event.event_type].model_validate_json(data, strict=True)


def assert_fits_openapi(events: Sequence[ResponseStreamEvent]) -> None:
    for event in events:
        data = CODEC.encode(event)
        assert data is not None
        validators()[event.event_type].validate(json.loads(data))


def assert_in_grammar(events: Sequence[ResponseStreamEvent]) -> None:
    machine = StreamMachine()
    assert [step(machine, event) for event in events] == [None] * len(events)
    assert machine.state.is_terminal


def assert_numbered(events: Sequence[ResponseStreamEvent]) -> None:
    assert [event.sequence_number for event in events] == list(range(len(events)))


def assert_named(events: Sequence[ResponseStreamEvent]) -> None:
    """Ids are unique and stay; indexes count from 0; done events come in their order."""
    assert len({event.response.id for event in events if isinstance(event, e.ResponseEvent)}) == 1
    items: list[Item] = []
    parts: dict[tuple[int, str], int] = {}
    done: list[int] = []
    failed = isinstance(events[-1], e.ResponseFailed)
    for event in events:
        match event:
            case e.OutputItemAdded():
                assert event.output_index == len(items)
                items.append(event.item)
            case e.OutputItemDone():
                assert event.item.id == items[event.output_index].id
                assert type(event.item) is type(items[event.output_index])
                done.append(event.output_index)
            case e.ContentPartAdded():
                assert event.content_index == parts.get((event.output_index, "content"), 0)
                parts[event.output_index, "content"] = event.content_index + 1
            case e.ReasoningSummaryPartAdded():
                assert event.summary_index == parts.get((event.output_index, "summary"), 0)
                parts[event.output_index, "summary"] = event.summary_index + 1
            case _:
                pass
        if isinstance(event, e.ContentEvent | e.SummaryEvent | e.ArgumentsEvent):
            assert event.item_id == items[event.output_index].id
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)
    assert "" not in ids
    calls = [item.call_id for item in items if isinstance(item, FunctionCallItem)]
    assert len(set(calls)) == len(calls)
    if not failed:
        assert done == list(range(len(items)))
    last = events[-1]
    assert isinstance(last, e.ResponseEvent)
    assert [item.id for item in last.response.output] == ids


def assert_closed(response: Response) -> None:
    """A terminal response tells what its status calls for."""
    usage = response.usage
    if usage is not None:
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        assert 0 <= usage.input_tokens_details.cached_tokens <= usage.input_tokens
        assert 0 <= usage.output_tokens_details.reasoning_tokens <= usage.output_tokens
    assert (response.error is not None) == (response.status == "failed")
    assert (response.incomplete_details is not None) == (response.status == "incomplete")
    assert (response.completed_at is not None) == (response.status == "completed")
    if response.status != "failed":
        assert usage is not None
        for item in response.output[:-1]:
            assert item.status in ("completed", UNSET)
    if response.status == "completed":
        assert all(item.status == "completed" for item in response.output)


def assert_folds(events: Sequence[ResponseStreamEvent]) -> None:
    """Read back, from events and from bytes, the stream is the response its terminal event tells."""
    last = events[-1]
    assert isinstance(last, e.ResponseEvent)
    reader = ResponseReader().feed_all(events)
    assert reader.response == last.response
    assert reader.differences() == []
    assert reader.last_sequence_number == len(events) - 1
    again = ResponseReader()
    for event in events:
        data = CODEC.encode(event)
        assert data is not None
        data.decode()
        assert CODEC.decode(data) == event
        again.feed(CODEC.decode(data))
    assert again.response == last.response


def assert_said_once(events: Sequence[ResponseStreamEvent]) -> None:
    """What the deltas say of a part, an item's arguments, is what its done events say."""
    streamed: dict[tuple[object, ...], str] = {}
    for event in events:
        place = _place(event)
        match event:
            case (
                e.OutputTextDelta()
                | e.RefusalDelta()
                | e.ReasoningDelta()
                | e.ReasoningSummaryTextDelta()
                | e.FunctionCallArgumentsDelta()
            ):
                assert event.delta or getattr(event, "logprobs", None)
                streamed[place] = streamed.get(place, "") + event.delta
            case e.OutputTextDone() | e.ReasoningDone() | e.ReasoningSummaryTextDone():
                assert event.text == streamed.get(place, "")
            case e.RefusalDone():
                assert event.refusal == streamed.get(place, "")
            case e.FunctionCallArgumentsDone():
                assert event.arguments == streamed.get(place, "")
            case e.ContentPartDone() | e.ReasoningSummaryPartDone():
                if place in streamed:
                    assert part_text(event.part) == streamed[place]
            case e.OutputItemDone():
                _assert_item(event.output_index, event.item, streamed)
            case _:
                pass


def _assert_item(index: int, item: Item, streamed: dict[tuple[object, ...], str]) -> None:
    lists: list[tuple[str, Any]] = []
    if isinstance(item, FunctionCallItem):
        assert item.arguments == streamed.get((index, "arguments"), "")
    elif isinstance(item, MessageItem):
        lists = [("content", item.content)]
    elif isinstance(item, ReasoningItem):
        lists = [("content", item.content or []), ("summary", item.summary)]
    for name, parts in lists:
        for place, text in streamed.items():
            if place[:2] == (index, name):
                assert part_text(parts[place[2]]) == text


def _place(event: ResponseStreamEvent) -> tuple[object, ...]:
    match event:
        case e.ContentEvent():
            return event.output_index, "content", event.content_index
        case e.SummaryEvent():
            return event.output_index, "summary", event.summary_index
        case e.ArgumentsEvent():
            return event.output_index, "arguments"
        case _:
            return ()


def assert_valid(events: Sequence[ResponseStreamEvent]) -> None:
    """All of it but the schemas, which know nothing of extensions."""
    assert_numbered(events)
    assert_in_grammar(events)
    assert_named(events)
    assert_said_once(events)
    assert_folds(events)
    last = events[-1]
    assert isinstance(last, e.ResponseEvent)
    assert_closed(last.response)
