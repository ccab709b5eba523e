"""A conversation of three turns through every adapter: what the provider said goes back to it as it came.

The model thinks and makes two calls, gets their results, thinks and calls again between its words, and answers. The
bodies of the second and the third request must hold the provider's own blocks, and another provider none of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

import penstock
from penstock.spec.base import JsonObject
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.base import UpstreamAPI, UpstreamRequest
from penstock.upstream.chat_completions import ChatCompletions, Options
from penstock.upstream.gemini import Gemini
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses
from penstock.wire.codec import to_plain
from penstock.wire.requests import parse_create

ASKED = {"type": "message", "role": "user", "content": "Which is the warmer: Ávila or Évora?"}
TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]


def asked(items: Sequence[JsonObject]) -> penstock.CreateResponse:
    return parse_create({"model": "m", "input": items, "tools": TOOLS, "stream": True})


def answered(api: UpstreamAPI, items: Sequence[JsonObject], data: bytes) -> list[JsonObject]:
    """The items of the response to a request, read in pieces that divide characters and escapes."""
    request = asked(items)
    stream = penstock.ResponseStream(None, model="m", request=request)
    Relay(api.stream(request), stream).run(data[at : at + 3] for at in range(0, len(data), 3))
    assert stream.response.status == "completed"
    output = to_plain(stream.response.output)
    assert isinstance(output, list)
    return output


def results(items: Sequence[JsonObject]) -> list[JsonObject]:
    calls = [item["call_id"] for item in items if item["type"] == "function_call"]
    return [{"type": "function_call_output", "call_id": call, "output": f"{at} °C"} for at, call in enumerate(calls)]


def conversation(api: UpstreamAPI, replies: Sequence[bytes]) -> tuple[list[JsonObject], UpstreamRequest]:
    """All items of a conversation, and the last request."""
    items: list[JsonObject] = [ASKED]
    for data in replies:
        said = answered(api, items, data)
        items += [*said, *results(said)]
    return items, api.request(asked(items))


# Anthropic.

THOUGHT: JsonObject = {"type": "thinking", "thinking": "Two towns — é.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}
AVILA = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": 'Ávila "\u2028'}}
EVORA = {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"town": "Évora"}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "É"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x", "url": "u"}]}
AGAIN = {"type": "thinking", "thinking": "Again.", "signature": "YWdhaW4="}
ANTHROPIC: tuple[list[JsonObject], ...] = (
    [THOUGHT, REDACTED, {"type": "text", "text": "I look."}, AVILA, EVORA],
    [
        {"type": "text", "text": "So:"},
        SEARCH,
        FOUND,
        AGAIN,
        {"type": "text", "text": "Once more."},
        {**AVILA, "id": "toolu_3"},
    ],
)


def anthropic_reply(blocks: Sequence[JsonObject]) -> bytes:
    events: list[JsonObject] = [{"type": "message_start", "message": {"model": "m", "content": [], "usage": {}}}]
    for index, block in enumerate(blocks):
        begun, deltas = begun_block(block)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), plain(event)) for event in events)


def begun_block(block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    match block["type"]:
        case "thinking":
            begun = {**block, "thinking": "", "signature": ""}
            pieces: list[JsonObject] = [{"type": "thinking_delta", "thinking": part} for part in block["thinking"]]
            return begun, [*pieces, {"type": "signature_delta", "signature": block["signature"]}]
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": part} for part in block["text"]]
        case "tool_use" | "server_tool_use":
            # With escapes, of which every piece may hold a part.
            pieces = [{"type": "input_json_delta", "partial_json": part} for part in json.dumps(block["input"])]
            return {**block, "input": {}}, pieces
        case _:
            return block, []


def plain(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_anthropic_gets_its_blocks_back_in_their_order() -> None:
    _, request = conversation(Anthropic(), list(map(anthropic_reply, ANTHROPIC)))
    assert request.losses == []
    messages = request.body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [messages[1]["content"], messages[3]["content"]] == [list(blocks) for blocks in ANTHROPIC]
    assert [block["tool_use_id"] for block in messages[2]["content"]] == ["toolu_1", "toolu_2"]


# Gemini.

GEMINI: tuple[list[JsonObject], ...] = (
    [
        {"text": "Two towns — é.", "thought": True},
        {"functionCall": {"id": "c1", "name": "weather", "args": {"town": 'Ávila "'}}, "thoughtSignature": "c2lnbmVk"},
        {"functionCall": {"id": "c2", "name": "weather", "args": {"town": "Évora"}}},
    ],
    [
        {"text": "So:"},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "Y29kZQ=="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"text": "Once more.", "thoughtSignature": "dGV4dA=="},
        {"functionCall": {"id": "c3", "name": "weather", "args": {}}, "thoughtSignature": "dGhpcmQ="},
    ],
)


def gemini_reply(parts: Sequence[JsonObject]) -> bytes:
    # Both calls of the first turn come in one chunk.
    chunks: list[JsonObject] = [{"candidates": [{"content": {"role": "model", "parts": list(parts)}}]}]
    chunks.append({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}})
    return b"".join(b"data: %b\r\n\r\n" % plain(chunk) for chunk in chunks)


def test_gemini_gets_its_parts_back_in_their_order() -> None:
    _, request = conversation(Gemini(), list(map(gemini_reply, GEMINI)))
    assert request.losses == []
    contents = request.body["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
    assert [contents[1]["parts"], contents[3]["parts"]] == [list(parts) for parts in GEMINI]
    assert [part["functionResponse"]["id"] for part in contents[2]["parts"]] == ["c1", "c2"]


# Chat Completions.

DETAILS = (
    {"type": "reasoning.text", "text": "Two towns — é.", "signature": "c2lnbmVk", "index": 0},
    {"type": "reasoning.encrypted", "data": "ZW5j", "id": "r1", "index": 1},
)
CALLS: tuple[JsonObject, ...] = (
    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town":"\\u00c1vila"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"town":"Évora"}'}},
)


def chat_reply(number: int) -> bytes:
    deltas: list[JsonObject] = [{"reasoning_details": [detail]} for detail in DETAILS]
    deltas.append({"content": "I look."})
    begun = [
        {"index": at, "id": f"{call['id']}{number}", "function": {"name": "weather", "arguments": ""}}
        for at, call in enumerate(CALLS)
    ]
    deltas.append({"tool_calls": begun})  # both in one chunk, and then interleaved
    texts = [str(call["function"]["arguments"]) for call in CALLS]
    for place in range(max(map(len, texts))):
        deltas += [
            {"tool_calls": [{"index": at, "function": {"arguments": text[place]}}]}
            for at, text in enumerate(texts)
            if place < len(text)
        ]
    chunks: list[JsonObject] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return b"".join(b"data: %b\n\n" % plain(chunk) for chunk in chunks) + b"data: [DONE]\n\n"


@pytest.mark.parametrize("reasoning_field", [None, "reasoning"])
def test_chat_completions_get_their_details_and_calls_back(reasoning_field: str | None) -> None:
    api = ChatCompletions(Options(reasoning_field="reasoning" if reasoning_field else None))
    _, request = conversation(api, [chat_reply(1), chat_reply(2)])
    assert request.losses == []
    messages = request.body["messages"]
    assert [message["role"] for message in messages] == ["user", *("assistant", "tool", "tool") * 2]
    for number, message in ((1, messages[1]), (2, messages[4])):
        assert message["reasoning_details"] == list(DETAILS)
        assert message.get("reasoning") == ("Two towns — é." if reasoning_field else None)
        assert message["content"] == "I look."
        assert message["tool_calls"] == [{**call, "id": f"{call['id']}{number}"} for call in CALLS]
    assert [messages[2]["tool_call_id"], messages[3]["tool_call_id"]] == ["call_11", "call_21"]


# Responses.


def responses_reply(number: int) -> bytes:
    frames: list[bytes] = []
    with penstock.ResponseStream(penstock.SSEEmitter(frames.append), model="m") as stream:
        stream.send(penstock.ReasoningSummary("Two towns — é."))
        stream.send(penstock.EncryptedReasoning(f"gAAA{number}"))
        for name in ("Ávila", "Évora"):
            stream.send(penstock.FunctionCall("weather", {"town": name}))
        stream.send(penstock.Usage(input_tokens=1, output_tokens=1))
    return b"".join(frames) + b"data: [DONE]\n\n"


def test_a_responses_server_gets_its_items_back_with_their_ids() -> None:
    replies = [responses_reply(1), responses_reply(2)]
    items, request = conversation(Responses(), replies)
    assert request.losses == []
    theirs = [json.loads(data.split(b"data: ")[-2])["response"]["output"] for data in replies]
    assert request.body["input"] == items
    outputs = [item for item in items if item["type"] not in ("message", "function_call_output")]
    assert outputs == theirs[0] + theirs[1]


# From one provider to another.

MADE: dict[str, tuple[UpstreamAPI, Callable[[], list[bytes]]]] = {
    "anthropic": (Anthropic(), lambda: [anthropic_reply(ANTHROPIC[0])]),
    "gemini": (Gemini(), lambda: [gemini_reply(GEMINI[0])]),
    "chat-completions": (ChatCompletions(), lambda: [chat_reply(1)]),
    "responses": (Responses(), lambda: [responses_reply(1)]),
}
SECRETS = ("c2lnbmVk", "cmVkYWN0ZWQ=", "ZW5j", "gAAA1")


@pytest.mark.parametrize("maker", MADE)
@pytest.mark.parametrize("other", ["anthropic", "gemini", "chat-completions"])
def test_encrypted_reasoning_of_another_provider_is_reported_and_not_sent(maker: str, other: str) -> None:
    api, replies = MADE[maker]
    items, _ = conversation(api, replies())
    made = MADE[other][0].request(asked(items))
    body = json.dumps(made.body)
    assert all(part in body for part in ("weather", "0 \\u00b0C", "1 \\u00b0C"))
    if maker == other:
        assert made.losses == []
        assert any(secret in body for secret in SECRETS)
        return
    assert not any(secret in body for secret in SECRETS)
    assert any(loss.param.endswith("encrypted_content") for loss in made.losses)


def test_a_tool_that_one_provider_ran_is_left_out_and_told_by_its_place_where_another_is_asked() -> None:
    items, _ = conversation(Anthropic(), list(map(anthropic_reply, ANTHROPIC)))
    ran = [f"input[{number}]" for number, item in enumerate(items) if item["type"].startswith("anthropic:")]
    assert ran
    for other in (ChatCompletions(), Gemini()):
        made = other.request(asked(items))
        assert [loss.param for loss in made.losses if loss.reason.endswith("the model is not told of it")] == ran
        assert "server_tool_use" not in json.dumps(made.body)
