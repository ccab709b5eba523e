"""Anthropic's own SDK and our adapter, shown the same made-up streams: they read the same content and the same end."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.spec.base import JsonObject
from penstock.upstream.anthropic import Anthropic
from tests.upstream.anthropic_sdk import sdk_message, sent_back
from tests.upstream.reading import relayed

STATUS = {
    "end_turn": "completed",
    "tool_use": "completed",
    "stop_sequence": "completed",
    "max_tokens": "incomplete",
    "refusal": "incomplete",
    "pause_turn": "incomplete",
    "model_context_window_exceeded": "incomplete",
}

words = st.text(min_size=1, max_size=12)
inputs = st.dictionaries(words, words | st.integers() | st.lists(words, max_size=2), max_size=3)
cited = st.one_of(
    st.builds(
        lambda url, title, index: {
            "type": "web_search_result_location",
            "url": url,
            "title": title,
            "cited_text": "c",
            "encrypted_index": index,
        },
        words,
        words,
        words,
    ),
    st.just(
        {
            "type": "char_location",
            "cited_text": "c",
            "document_index": 0,
            "document_title": "t",
            "start_char_index": 0,
            "end_char_index": 1,
        }
    ),
)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, words),
    st.builds(
        lambda text, citations: {"type": "text", "text": text, "citations": citations},
        words,
        st.lists(cited, min_size=1, max_size=2),
    ),
    st.builds(
        lambda text, signature: {"type": "thinking", "thinking": text, "signature": signature},
        words | st.just(""),
        words,
    ),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, words),
    st.builds(lambda given: {"type": "tool_use", "name": "f", "input": given}, inputs),
    st.builds(lambda given: {"type": "server_tool_use", "name": "web_search", "input": given}, inputs),
    st.just({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
    st.builds(lambda text, opaque: {"type": "compaction", "content": text, "encrypted_content": opaque}, words, words),
)


@st.composite
def in_pieces(draw: st.DrawFn, text: str) -> list[str]:
    """A text cut anywhere, as deltas cut it."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[JsonObject], str]:
    """A stream, the content that it adds up to, and its stop reason."""
    content: list[JsonObject] = []
    events: list[JsonObject] = []
    for index, block in enumerate(draw(st.lists(blocks, min_size=1, max_size=5))):
        whole = dict(block)
        if whole["type"] in ("tool_use", "server_tool_use"):
            whole["id"] = f"toolu_{index}"
        content.append(whole)
        start, deltas = draw(told(whole))
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
        if draw(st.booleans()):
            events.append({"type": "ping"})
    reason = draw(st.sampled_from(sorted(STATUS)))
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 5, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": usage}
    end = {"stop_reason": reason, "stop_sequence": None}
    frames = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        *events,
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    written = [f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in frames]
    return "".join(written).encode(), content, reason


@st.composite
def told(draw: st.DrawFn, block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """A block as it begins, and the pieces that follow."""
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in draw(in_pieces(block["text"]))]
            cites = [{"type": "citations_delta", "citation": each} for each in block.get("citations", ())]
            return {"type": "text", "text": ""}, [*cites, *deltas] if draw(st.booleans()) else [*deltas, *cites]
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in draw(in_pieces(block["thinking"]))]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
        case "tool_use" | "server_tool_use":
            pieces = draw(in_pieces(json.dumps(block["input"], ensure_ascii=False)))
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case "compaction":
            return {"type": "compaction", "content": None}, [{**block, "type": "compaction_delta"}]
        case _:
            return block, []


@given(made=streams())
def test_the_sdk_and_the_adapter_read_the_same(made: tuple[bytes, list[JsonObject], str]) -> None:
    data, content, reason = made
    response = relayed(Anthropic(), data)
    message = sdk_message(data)
    read = message.model_dump(mode="json", exclude_none=True)["content"]
    assert content == read == sent_back(response.output)
    assert message.stop_reason == reason
    assert response.status == STATUS[reason]
    assert response.usage is not None
    counts = (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens)
    assert counts == (12, message.usage.cache_read_input_tokens)
    assert response.usage.output_tokens == message.usage.output_tokens == 9
    assert response.output_text == "".join(block.text for block in message.content if block.type == "text")
    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert calls == [(call.name, json.loads(call.arguments)) for call in response.function_calls]
