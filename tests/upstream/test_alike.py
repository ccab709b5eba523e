"""Deltas that are alike are read at once; what is not quite like the others never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import to_builtins

from penstock.spec import events as e
from penstock.upstream.responses.alike import LARGE_BYTES, Alike, has_no_key_twice
from penstock.wire.codec import EventCodec, encode_object

TEXT: dict[str, Any] = {
    "type": "response.output_text.delta",
    "sequence_number": 7,
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "a",
}
KINDS: dict[str, dict[str, Any]] = {
    "text": TEXT,
    "padded": {**TEXT, "obfuscation": "xyz"},
    "with log probabilities": {**TEXT, "logprobs": []},
    "refusal": {**TEXT, "type": "response.refusal.delta"},
    "reasoning": {**TEXT, "type": "response.reasoning.delta"},
    "summary": {
        "type": "response.reasoning_summary_text.delta",
        "sequence_number": 7,
        "item_id": "rs_1",
        "output_index": 0,
        "summary_index": 0,
        "delta": "a",
    },
    "arguments": {
        "type": "response.function_call_arguments.delta",
        "sequence_number": 7,
        "item_id": "fc_1",
        "output_index": 0,
        "delta": "a",
    },
}
PIECES = ["b", '"', '{"k":', "\\", "é\n", "\u2028", "🙂"]


def compact(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def spaced(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def alike(data: bytes) -> Alike:
    event: Any = EventCodec.exact(data)
    return Alike(event, data)


def following(first: dict[str, Any]) -> list[dict[str, Any]]:
    """Return deltas that differ from the first in their number and their text, and in the letters of their padding."""
    padding = {"obfuscation": "p"} if "obfuscation" in first else {}
    return [{**first, "sequence_number": 8 + at, "delta": piece, **padding} for at, piece in enumerate(PIECES)]


@pytest.mark.parametrize("written", [compact, spaced])
@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_in_number_and_text_only_is_read(kind: str, written: Any) -> None:  # noqa: ANN401 - either
    first = KINDS[kind]
    bodies = [written(fields) for fields in following(first)]
    found = alike(written(first)).read(bodies, 8)
    assert found is not None
    assert [delta.delta for delta in found] == PIECES
    for number, body in enumerate(bodies, 8):
        one = alike(written(first)).read([body], number)
        assert one is not None
        assert to_builtins(one[0]) == json.loads(body)


CHANGES: list[dict[str, Any]] = [
    {"delta": ""},
    {"sequence_number": 1},
    {"sequence_number": None},
    {"item_id": "other"},
    {"output_index": 1},
    {"content_index": 1},
    {"summary_index": 1},
    {"response_id": "resp_1"},
    {"unknown": 1},
    {"type": "response.completed"},
    {"type": "response.output_text.done", "text": "a"},
]


@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_one_that_differs_in_anything_else_stops_all(kind: str, change: dict[str, Any], at: int) -> None:
    events = following(KINDS[kind])
    events[at] |= change
    reader = alike(compact(KINDS[kind]))
    assert reader.read([compact(fields) for fields in events], 8) is None
    assert reader.read([compact(events[at])], 8 + at) is None


@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_one_of_another_kind_stops_all(kind: str, other: str) -> None:
    if kind == other:
        return
    events = following(KINDS[kind])
    events[2] = {**KINDS[other], "sequence_number": 10, "delta": "a"}
    reader = alike(compact(KINDS[kind]))
    assert reader.read([compact(fields) for fields in events], 8) is None
    assert reader.read([compact(events[2])], 10) is None


@pytest.mark.parametrize("key", ["obfuscation", "logprobs"])
def test_so_does_a_key_that_only_one_has_or_lacks(key: str) -> None:
    value: dict[str, Any] = {"obfuscation": "x", "logprobs": []}
    plain, with_key = TEXT, {**TEXT, key: value[key]}
    for first, other in ((plain, with_key), (with_key, plain)):
        events = following(first)
        events[2] = {**other, "sequence_number": 10}
        assert alike(compact(first)).read([compact(fields) for fields in events], 8) is None
        assert alike(compact(first)).read([compact(events[2])], 10) is None


@pytest.mark.parametrize("written", [compact, spaced])
def test_a_key_that_stands_twice_stops_all(written: Any) -> None:  # noqa: ANN401 - either
    bodies = [written(fields) for fields in following(TEXT)]
    twice = bodies[3][:-1] + b',"item_id":"msg_1"}'
    assert EventCodec.exact(twice) == EventCodec.exact(bodies[3])
    reader = alike(written(TEXT))
    assert reader.read([*bodies[:3], twice, *bodies[4:]], 8) is None
    assert reader.read([twice], 11) is None


@pytest.mark.parametrize("size", [10, LARGE_BYTES])
def test_a_key_twice_is_noticed_in_events_of_any_size(size: int) -> None:
    part = {"type": "output_text", "text": 'say ":' * (size // 6 + 1), "annotations": []}
    event: Any = {
        "type": "response.content_part.done",
        "sequence_number": 9,
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "part": part,
    }
    data = compact(event)
    typed = EventCodec.exact(data)
    assert isinstance(typed, e.ContentPartDone)
    assert has_no_key_twice(typed, data)
    assert has_no_key_twice(typed, spaced(event))
    assert has_no_key_twice(typed, encode_object(typed))
    assert not has_no_key_twice(typed, data.replace(b'"annotations":[]', b'"annotations":[],"annotations":[]'))
