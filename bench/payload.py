"""The streams that are measured: a long answer in pieces such as models send, always the same.

A delta event is some 176 bytes of JSON: the pieces are tokens of mixed length, some with characters that JSON escapes
or UTF-8 needs several bytes for, and the ids are as long as OpenAI's.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable
from functools import cache

from penstock import (
    ListStreamEmitter,
    ResponseStream,
    ResponseStreamEvent,
    SSEEncoder,
    StreamEventEmitter,
    Text,
    Usage,
)
from penstock.spec.events import OutputTextDelta
from penstock.wire.codec import encode_object

_COMMON = (
    *(" the", ",", " a", " of", " and", ".", " to", " is", " in", " stream", " that", " event", " it", " for", "ing"),
    *(
        " with",
        " as",
        "s",
        " on",
        " response",
        " are",
        " by",
        " be",
        " this",
        " client",
        " text",
        " one",
        " from",
        "ed",
    ),
    *(" delta", " which", " output", " server", " or", " item", " can", " not", " model", " sequence", " its", " JSON"),
)
_RARE = (
    "\n",
    "\n\n",
    ' "',
    '"',
    " `",
    "` ",
    " caf\u00e9",
    " \u2014",
    " \u4f60\u597d",
    "\U0001f642",
    "\\",
    "    ",
    "**",
)
_RARE_SHARE = 0.06
_ID_DIGITS = 48

MESSAGE_ID = "msg_" + "68af4030592c8192" * 3
"""The id that deltas name their message by."""


@cache
def pieces(count: int) -> tuple[str, ...]:
    """Return the text of an answer, in `count` pieces."""
    dice = random.Random(176)
    return tuple(dice.choice(_RARE if dice.random() < _RARE_SHARE else _COMMON) for _ in range(count))


def plain_pieces(count: int) -> tuple[str, ...]:
    """Return the same without the rare pieces: a single character beyond ASCII makes every copy of a text wider."""
    return tuple(piece if piece in _COMMON else " so" for piece in pieces(count))


def _ids() -> Callable[[str], str]:
    numbers = itertools.count(0x68AF4030592C8192A82AB5A5B6DD3AD90B9EA4C4C2D2F0B1)
    return lambda prefix: f"{prefix}_{next(numbers):0{_ID_DIGITS}x}"


def new_stream(emitter: StreamEventEmitter | None) -> ResponseStream:
    """Return a writer to `emitter` whose ids and clock are always the same."""
    return ResponseStream(emitter, model="a-model", ids=_ids(), clock=lambda: 1_764_000_000.0)


def write(emitter: StreamEventEmitter | None, texts: Iterable[str]) -> ResponseStream:
    """Write a whole answer to `emitter`, piece by piece."""
    stream = new_stream(emitter)
    stream.start()
    send = stream.send
    for text in texts:
        send(Text(text))
    stream.send(Usage(input_tokens=12, output_tokens=1000))
    stream.finish()
    return stream


@cache
def events(count: int) -> tuple[ResponseStreamEvent, ...]:
    """Return the events of an answer of `count` pieces: the deltas, and the few around them."""
    emitter = ListStreamEmitter()
    write(emitter, pieces(count))
    return tuple(emitter.events)


@cache
def bodies(count: int) -> tuple[bytes, ...]:
    """Return the JSON of those events."""
    return tuple(map(encode_object, events(count)))


@cache
def frames(count: int) -> tuple[bytes, ...]:
    """Return those events as SSE, each in its frame, and `[DONE]`."""
    encoder = SSEEncoder()
    return (*map(encoder.encode, events(count)), encoder.done())


@cache
def openai_frames(count: int) -> tuple[bytes, ...]:
    """Return `frames` with the `logprobs: []` that OpenAI's own servers put into each text event."""
    plain, padded = b'"content_index":0,"delta":', b'"content_index":0,"logprobs":[],"delta":'
    return tuple(frame.replace(plain, padded, 1) for frame in frames(count))


def cut(data: bytes, size: int) -> list[bytes]:
    """Return `data` in chunks of `size` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def cut_oddly(data: bytes, most: int) -> list[bytes]:
    """Return `data` in chunks of 1 to `most` bytes, as chance will have it; always the same."""
    dice = random.Random(most)
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = dice.randint(1, most)
        chunks.append(data[at : at + size])
        at += size
    return chunks


def cut_in_the_middle(whole_frames: Iterable[bytes]) -> list[bytes]:
    """Return as many chunks as there are frames; each ends in the middle of one."""
    chunks: list[bytes] = []
    held = b""
    for frame in whole_frames:
        middle = len(frame) // 2
        chunks.append(held + frame[:middle])
        held = frame[middle:]
    return [*chunks, held]


def delta_size(count: int) -> float:
    """Return the mean size of a delta event's JSON, in bytes."""
    sizes = [len(encode_object(event)) for event in events(count) if isinstance(event, OutputTextDelta)]
    return sum(sizes) / len(sizes)


@cache
def chat_frames(count: int) -> tuple[bytes, ...]:
    """Return the same answer as a stream of Chat Completions, each chunk in its frame."""
    head = {
        "id": "chatcmpl-C8l4Vb0pXcWkq0yJ3nQm5uTzR7sDg",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "a-model",
        "service_tier": "default",
        "system_fingerprint": "fp_8bda4d3a2c",
    }

    def frame(delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = json.dumps({**head, "choices": [choice]}, ensure_ascii=False, separators=(",", ":"))
        return b"data: %b\n\n" % body.encode()

    first = frame({"role": "assistant", "content": "", "refusal": None})
    return (first, *(frame({"content": text}) for text in pieces(count)), frame({}, "stop"), b"data: [DONE]\n\n")


def anthropic_frames(count: int) -> tuple[bytes, ...]:
    """Return the same answer as a stream of the Messages API, each event in its frame."""

    def frame(event: dict[str, object]) -> bytes:
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        return f"event: {event['type']}\ndata: {body}\n\n".encode()

    def delta(text: str) -> bytes:
        return frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    usage = {"input_tokens": 34, "output_tokens": 1, "service_tier": "standard"}
    message = {"id": "msg_01ALwQ87pTS7hH1PjSdC9wJD", "type": "message", "role": "assistant", "model": "a-model"}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        frame({"type": "message_start", "message": {**message, "content": [], "usage": usage}}),
        frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        *map(delta, pieces(count)),
        frame({"type": "content_block_stop", "index": 0}),
        frame({"type": "message_delta", "delta": stop, "usage": {"output_tokens": count}}),
        frame({"type": "message_stop"}),
    )


def gemini_frames(count: int) -> tuple[bytes, ...]:
    """Return the same answer as a stream of Gemini's, each chunk in its frame, with its usage so far."""

    def frame(number: int, text: str) -> bytes:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        usage = {
            "promptTokenCount": 34,
            "candidatesTokenCount": number,
            "totalTokenCount": number + 821,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 34}],
            "thoughtsTokenCount": 787,
        }
        chunk = {
            "candidates": [candidate if number < count else {**candidate, "finishReason": "STOP"}],
            "usageMetadata": usage,
            "modelVersion": "a-model",
            "responseId": "beHBaJfEMIi-qtsP3769-Q8",
        }
        return b"data: %b\n\n" % json.dumps(chunk, ensure_ascii=False).encode()

    return tuple(frame(number, text) for number, text in enumerate(pieces(count), 1))
