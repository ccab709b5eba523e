"""Replies as Anthropic and Gemini send them, of every kind of content, for the fuzzer to damage."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

_BLOCKS: tuple[tuple[dict[str, object], tuple[dict[str, object], ...]], ...] = (
    (
        {"type": "text", "text": ""},
        (
            {"type": "text_delta", "text": "caf\u00e9 \U0001f642"},
            {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "u", "title": "t"}},
        ),
    ),
    (
        {"type": "thinking", "thinking": "", "signature": ""},
        ({"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "c2ln"}),
    ),
    ({"type": "redacted_thinking", "data": "cmVk"}, ()),
    (
        {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}},
        (
            {"type": "input_json_delta", "partial_json": '{"a": "\\u00'},
            {"type": "input_json_delta", "partial_json": 'e9"}'},
        ),
    ),
    (
        {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {"a": 1}, "caller": {"type": "code_execution"}},
        ({"type": "input_json_delta", "partial_json": "{}"},),
    ),
    (
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        ({"type": "input_json_delta", "partial_json": '{"query": "x"}'},),
    ),
    ({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "u"}]}, ()),
    (
        {"type": "compaction", "content": None},
        ({"type": "compaction_delta", "content": "so far", "encrypted_content": "e"},),
    ),
    ({"type": "of the future", "x": 1}, ({"type": "odd_delta", "y": 2},)),
)
_REASONS = ("end_turn", "tool_use", "max_tokens", "pause_turn", "refusal", "model_context_window_exceeded", None)

_PARTS: tuple[dict[str, object], ...] = (
    {"text": "caf\u00e9 \U0001f642"},
    {"text": "and more", "thoughtSignature": "c2ln"},
    {"text": "hm", "thought": True},
    {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
    {"text": "", "thoughtSignature": "c2ln"},
    {"functionCall": {"name": "find", "args": {"a": [1, None]}}, "thoughtSignature": "c2ln"},
    {"functionCall": {"id": "c1", "name": "f"}},
    {"functionCall": {"name": "p", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}], "willContinue": True}},
    {"functionCall": {"willContinue": False}},
    {"executableCode": {"language": "PYTHON", "code": "1"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
)
_FINISHES = ("STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "OTHER", None)


def anthropic_stream(dice: random.Random) -> bytes:
    """Return a stream of the Messages API, mostly whole."""
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {"model": "m", "content": [], "usage": {"input_tokens": 3}}},
        {"type": "ping"},
    ]
    for index, (block, deltas) in enumerate(dice.choices(_BLOCKS, k=dice.randint(0, 5))):
        told = [
            {"type": "content_block_start", "index": index, "content_block": block},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        ]
        if dice.random() < 0.9:
            told.append({"type": "content_block_stop", "index": index})
        events += told
    delta = {"stop_reason": dice.choice(_REASONS), "stop_details": {"explanation": "no"}}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
    if dice.random() < 0.1:
        events.append({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    if dice.random() < 0.9:
        events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _json(event)) for event in events)


def gemini_stream(dice: random.Random) -> bytes:
    """Return a stream of `streamGenerateContent`, or the array that comes without `alt=sse`."""
    chunks: list[dict[str, object]] = []
    for _ in range(dice.randint(0, 4)):
        parts = dice.choices(_PARTS, k=dice.randint(0, 3))
        chunks.append({"candidates": [{"content": {"role": "model", "parts": parts}}], "modelVersion": "m"})
    grounding = {
        "groundingChunks": [{"web": {"uri": "u", "title": "t"}}],
        "groundingSupports": [{"segment": {"endIndex": 4, "text": "caf"}, "groundingChunkIndices": [0]}],
    }
    end: dict[str, object] = {"finishReason": dice.choice(_FINISHES), "groundingMetadata": grounding}
    chunks.append({"candidates": [end], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}})
    if dice.random() < 0.1:
        chunks.append({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}})
    if dice.random() < 0.1:
        return _json(chunks)
    error = _json({"error": {"code": 503, "status": "UNAVAILABLE"}}) if dice.random() < 0.1 else b""
    return _frames(chunks) + error


def _frames(chunks: Iterable[object]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % _json(chunk) for chunk in chunks)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
