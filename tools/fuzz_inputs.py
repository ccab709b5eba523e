"""What the fuzzer feeds: valid streams and requests of all kinds, damaged in every way we could think of.

Everything here is a function of the dice it is given, so that one seed makes one run.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock import (
    Annotated,
    Arguments,
    Done,
    EncryptedReasoning,
    ErrorPayload,
    Extension,
    Failure,
    FunctionCall,
    ListStreamEmitter,
    NewMessage,
    NewPart,
    ReadyItem,
    Reasoning,
    ReasoningSummary,
    Refusal,
    ResponseStream,
    ResponseStreamEvent,
    SSEEncoder,
    Stop,
    StreamStateError,
    Text,
    UrlCitation,
    Usage,
)
from penstock.spec.base import Extra
from penstock.spec.content import LogProb
from penstock.spec.items import ExtensionItem
from penstock.stream.output import Output
from penstock.wire.codec import encode_object
from penstock.wire.dialects import dialect_by_name, dialect_names
from penstock.wire.jsonl import JSONLEncoder
from tools.fuzz_replies import anthropic_stream, gemini_stream

Kind = Literal["events", "chat", "anthropic", "gemini", "request", "noise"]
Dice = random.Random

MOST_BYTES = 64 * 1024
"""Longer inputs are cut: they would only make the run slower."""


@dataclass(frozen=True)
class Seed:
    """Something valid, before it is damaged."""

    kind: Kind
    data: bytes


# ------------------------------------------------------------------------------------------------------ own streams

_WORDS = (
    "a",
    " word",
    "\n",
    '"',
    "\\",
    "\u2028",
    "caf\u00e9",
    "\U0001f642",
    "\ud83d",
    "\ude42",
    "data: x",
    "[DONE]",
    "",
)


def _text(dice: Dice) -> str:
    return "".join(dice.choices(_WORDS, k=dice.randint(1, 4)))


_SAYINGS: tuple[Callable[[Dice], Output], ...] = (
    _text,
    lambda dice: Text(_text(dice)),
    lambda dice: Text(_text(dice), [LogProb(token="a", logprob=-0.5, bytes=[97], top_logprobs=[])]),
    lambda dice: Refusal(_text(dice)),
    lambda dice: Reasoning(_text(dice)),
    lambda dice: ReasoningSummary(_text(dice)),
    lambda dice: EncryptedReasoning(_text(dice)),
    lambda _: Annotated(UrlCitation(url="https://example.org", title="t", start_index=0, end_index=1)),
    lambda dice: FunctionCall("find", dice.choice([None, "{}", '{"a":[1,2.5,null]}']), key=dice.choice("xy")),
    lambda dice: Arguments(_text(dice), dice.choice([None, "x", "y"])),
    lambda _: Done(),
    lambda _: NewPart(),
    lambda dice: NewMessage(dice.choice([None, "commentary", "final_answer"])),
    lambda dice: Extension("acme:trace", {"delta": _text(dice), "n": dice.choice([1, 1.5, None, [], {}])}),
    lambda _: ReadyItem(ExtensionItem(fields=Extra({"type": "acme:result", "id": "r", "rows": [{"a": 1}]}))),
    lambda dice: Usage(input_tokens=dice.randint(0, 9), output_tokens=3, reasoning_tokens=1),
    lambda dice: Stop(dice.choice(["stop", "max_output_tokens", "content_filter"])),
)


def stream_events(dice: Dice) -> list[ResponseStreamEvent]:
    """Return a valid stream of our own writer."""
    emitter = ListStreamEmitter()
    numbers = itertools.count()
    stream = ResponseStream(emitter, model="m", ids=lambda prefix: f"{prefix}_{next(numbers)}", clock=lambda: 1.7e9)
    stream.start(queued=dice.random() < 0.1)
    for _ in range(dice.randint(0, 12)):
        try:
            stream.send(dice.choice(_SAYINGS)(dice))
        except StreamStateError:
            continue
    if dice.random() < 0.15:
        stream.send(Failure(ErrorPayload(type="server_error", code=None, message="no", param=None)))
    stream.finish()
    return list(emitter.events)


def _own_stream(dice: Dice) -> bytes:
    events = stream_events(dice)
    form = dice.choice(("sse", "sse", "sse", "jsonl", "array", "response", "event"))
    dialect = dialect_by_name(dice.choice(dialect_names()))
    if form == "sse":
        encoder = SSEEncoder(dialect)
        return b"".join(map(encoder.encode, events)) + encoder.done()
    if form == "jsonl":
        return b"".join(map(JSONLEncoder(dialect).encode, events))
    if form == "array":
        return b"[" + b",".join(map(encode_object, events)) + b"]"
    if form == "response":
        return json.dumps(json.loads(encode_object(events[-1])).get("response"), indent=dice.choice([None, 1])).encode()
    return encode_object(dice.choice(events))


# --------------------------------------------------------------------------------------------------- chat completions

_CHAT_DELTAS: tuple[dict[str, object], ...] = (
    {"role": "assistant", "content": ""},
    {"content": "Hello"},
    {"content": "<think>hm"},
    {"content": "</think> yes"},
    {"content": [{"type": "text", "text": "part"}, {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]},
    {"refusal": "no"},
    {"reasoning_content": "because"},
    {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why", "signature": "s"}]},
    {
        "reasoning_details": [
            {"type": "reasoning.encrypted", "data": "xyz"},
            {"type": "reasoning.summary", "summary": "s"},
        ]
    },
    {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "find", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}, {"index": 1, "function": {"name": "other"}}]},
    {"tool_calls": [{"id": "call_1", "function": {"arguments": "1}"}}]},
    {"tool_calls": [{"function": {"name": "find", "arguments": {"a": 1}}}]},
    {"function_call": {"name": "old", "arguments": "{}"}},
    {"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}]},
    {"audio": {"transcript": "spoken", "data": "AAAA"}, "images": [{}]},
)
_CHAT_ENDS: tuple[dict[str, object], ...] = (
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 1}},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
    {"error": {"message": "overloaded", "code": 529}},
    {"choices": [{"index": 0, "finish_reason": "length", "logprobs": {"content": [{"token": "a", "logprob": -1}]}}]},
)


def _chat_stream(dice: Dice) -> bytes:
    frames: list[object] = [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "choices": [{"index": dice.choice([0, 0, 0, 1]), "delta": delta}],
        }
        for delta in dice.choices(_CHAT_DELTAS, k=dice.randint(1, 8))
    ]
    frames += dice.choices(_CHAT_ENDS, k=dice.randint(0, 2))
    if dice.random() < 0.1:
        return json.dumps({"choices": [{"message": dice.choice(_CHAT_DELTAS)}]}).encode()
    done = b"data: [DONE]\n\n" if dice.random() < 0.8 else b""
    return b"".join(b"data: %b\n\n" % json.dumps(frame, ensure_ascii=False).encode() for frame in frames) + done


# --------------------------------------------------------------------------------------------------------- requests

_REQUEST: dict[str, object] = {
    "type": "response.create",
    "model": "m",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}], "phase": "commentary"},
        {"type": "message", "role": "system", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "u", "detail": "auto"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_file", "filename": "f", "file_data": "d"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "done"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "compaction", "encrypted_content": "e"},
        {"type": "acme:thing", "x": 1},
    ],
    "instructions": "Answer.",
    "previous_response_id": None,
    "include": ["reasoning.encrypted_content"],
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"type": "acme:search"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {"k": "v"},
    "temperature": 1,
    "top_p": 0.5,
    "top_logprobs": 2,
    "max_output_tokens": 100,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "service_tier": "auto",
    "truncation": "auto",
}


def _request(dice: Dice) -> bytes:
    kept = {key: value for key, value in _REQUEST.items() if key in ("model", "input") or dice.random() < 0.4}
    items = kept["input"]
    assert isinstance(items, list)
    kept["input"] = dice.choice(["Hi", dice.sample(items, dice.randint(0, 4)), items[:3]])
    return json.dumps(kept, ensure_ascii=dice.random() < 0.5).encode()


# ------------------------------------------------------------------------------------------------------------ damage

_TOKENS = (
    *(
        b"data:",
        b"data: ",
        b"event: ",
        b"id: 1\n",
        b"retry: 9999999999999999999\n",
        b":",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
    ),
    *(
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud83d",
        b"\\u0000",
        b"\x1f",
    ),
    *(
        b"data: [DONE]\n\n",
        b"[DONE]",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b"null",
        b"true",
        b"1e999",
        b"-0",
        b"1.0",
    ),
    *(
        b"9" * 40,
        b"NaN",
        b"-Infinity",
        b'"type":',
        b'"type":"error",',
        b'"*extra*":1,',
        b'"extra":1,',
        b"event: a\nevent: b\n",
    ),
    *(b"[" * 3000, b'{"a":' * 1200, b"[]," * 50, b"data: \n", b"data\n", b" ", b"\t", b"%", b"%d"),
)
_VALUES: tuple[object, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**53 + 1,
        2**64,
        -(2**63) - 1,
        10**400,
        1e300,
        -0.0,
        1e-320,
        "",
        "x",
        "\ud83d",
        "\u2028",
    ),
    *(
        [],
        {},
        [None],
        {"type": None},
        {"type": "message"},
        {"type": "acme:x", "a": [1]},
        [[[[]]]],
        {"a": {"b": {}}},
        "0",
        "null",
    ),
    *(
        "response.created",
        "function_call",
        "output_text",
        "in_progress",
        "completed",
        "auto",
        "user",
        "assistant",
        "error",
    ),
    *({"*extra*": 1}, {"extra": {}}, {"id": 1}, 1764000000.123, ["a", 1, None], {"": ""}),
)


def _flip(data: bytearray, dice: Dice) -> None:
    data[dice.randrange(len(data))] = dice.randrange(256)


def _delete(data: bytearray, dice: Dice) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.choice((1, 1, 2, 8, 64))]


def _repeat(data: bytearray, dice: Dice) -> None:
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.choice((1, 4, 32, 256))]


def _insert(data: bytearray, dice: Dice) -> None:
    at = dice.randrange(len(data))
    data[at:at] = dice.choice(_TOKENS)


def _truncate(data: bytearray, dice: Dice) -> None:
    del data[dice.randrange(len(data)) :]


def _swap_blocks(data: bytearray, dice: Dice) -> None:
    blocks = bytes(data).split(b"\n\n")
    one, other = dice.randrange(len(blocks)), dice.randrange(len(blocks))
    blocks[one], blocks[other] = blocks[other], blocks[one]
    data[:] = b"\n\n".join(blocks)


def _line_ends(data: bytearray, dice: Dice) -> None:
    data[:] = bytes(data).replace(b"\n", dice.choice((b"\r", b"\r\n")))


def _one_line_end(data: bytearray, dice: Dice) -> None:
    at = data.find(b"\n", dice.randrange(len(data)))
    if at >= 0:
        data[at : at + 1] = dice.choice((b"\r", b"\r\n", b"\n\n", b""))


def _json_value(data: bytearray, dice: Dice) -> None:
    """Change one value within one JSON object of the stream."""
    starts = [at for at in range(len(data)) if data[at : at + 1] == b"{" and (at == 0 or data[at - 1] in b" \n:\r")]
    if not starts:
        return
    start = dice.choice(starts)
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    try:
        value, length = json.JSONDecoder().raw_decode(bytes(data[start:end]).decode())
    except (ValueError, RecursionError):
        return
    written = json.dumps(_changed(value, dice), ensure_ascii=True, separators=dice.choice(((",", ":"), (", ", ": "))))
    end = start + len(bytes(data[start:end]).decode()[:length].encode())
    data[start:end] = written.encode()


def _changed(value: object, dice: Dice) -> object:
    """Return a JSON value with one thing in it changed, somewhere."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        how = dice.random()
        if how < 0.6:
            return {**value, key: _changed(value[key], dice)}
        if how < 0.75:
            return {other: entry for other, entry in value.items() if other != key}
        if how < 0.85:
            return {**value, dice.choice(["extra", "*extra*", "x", "type", "status", "id"]): dice.choice(_VALUES)}
        return {(dice.choice(["x", key.upper()]) if other == key else other): entry for other, entry in value.items()}
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], *dice.choice(([], [value[at], value[at]], [_changed(value[at], dice)])), *value[at + 1 :]]
    return dice.choice(_VALUES)


_DAMAGES = (
    *(_flip, _delete, _repeat, _insert, _insert, _truncate, _swap_blocks, _line_ends, _one_line_end),
    *(_json_value, _json_value, _json_value, _json_value),
)


def _noise(dice: Dice) -> bytes:
    how = dice.random()
    if how < 0.4:
        return dice.randbytes(dice.randint(0, 300))
    return b"".join(dice.choices(_TOKENS, k=dice.randint(1, 30)))


REPLIES: tuple[Kind, ...] = ("chat", "anthropic", "gemini")
_VALID: dict[Kind, Callable[[Dice], bytes]] = {
    "events": _own_stream,
    "chat": _chat_stream,
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
    "request": _request,
}


class Inputs:
    """Makes inputs without end."""

    def __init__(self, recordings: Path | None = None) -> None:
        """Use the files below `recordings`, too; `requests` among their names are `.json`, streams `.sse`."""
        self.recorded: list[Seed] = []
        for path in sorted(recordings.rglob("*")) if recordings is not None else ():
            if path.suffix in (".sse", ".json", ".jsonl") and path.is_file():
                kind: Kind = "request" if path.suffix == ".json" else "events"
                for reply in REPLIES:
                    if reply in path.parent.name and path.suffix != ".json":
                        kind = reply
                self.recorded.append(Seed(kind, path.read_bytes()[:MOST_BYTES]))

    def valid(self, dice: Dice) -> Seed:
        """Return something that is not damaged (a recording may be cut at the end)."""
        if self.recorded and dice.random() < 0.3:
            return dice.choice(self.recorded)
        kinds: tuple[Kind, ...] = ("events", "chat", "anthropic", "gemini", "request")
        kind = dice.choices(kinds, (6, 3, 2, 2, 2))[0]
        return Seed(kind, _VALID[kind](dice))

    def make(self, dice: Dice) -> Seed:
        """Return the next input: damaged mostly, valid sometimes, and now and then mere noise."""
        if dice.random() < 0.06:
            return Seed("noise", _noise(dice))
        seed = self.valid(dice)
        data = bytearray(seed.data)
        if dice.random() < 0.05:
            data += self.valid(dice).data
        for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
            if data:
                dice.choice(_DAMAGES)(data, dice)
        return Seed(seed.kind, bytes(data[:MOST_BYTES]))


def cuts(data: bytes, dice: Dice) -> list[bytes]:
    """Return `data` in pieces: byte by byte, in two, in equal pieces, or as chance will have it; some may be empty."""
    return list(_pieces(data, dice))


def _pieces(data: bytes, dice: Dice) -> Iterator[bytes]:
    how = dice.random()
    if how < 0.25 and len(data) <= 4096:
        yield from _at(data, range(1, len(data)))
    elif how < 0.45:
        yield from _at(data, [dice.randint(0, len(data))])
    elif how < 0.65:
        size = dice.choice((7, 64, 1000, 4096))
        yield from _at(data, range(size, len(data), size))
    else:
        yield from _at(data, sorted(dice.randint(0, len(data)) for _ in range(dice.randint(1, 12))))


def _at(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    last = 0
    for place in places:
        yield data[last:place]
        last = place
    yield data[last:]
