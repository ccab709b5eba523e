"""Anthropic's real replies and requests: what Anthropic's own SDK reads in them, and what goes back to Anthropic."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import penstock
from penstock.spec.base import JsonObject
from penstock.spec.content import OutputTextContent, UrlCitation
from penstock.spec.items import ExtensionItem, MessageItem, ReasoningItem
from penstock.spec.request import CreateResponse
from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.anthropic import Anthropic
from penstock.upstream.relay import Relay
from penstock.wire.codec import decode_object, encode_object
from tests.upstream.anthropic_sdk import sdk_message, sent_back
from tests.upstream.reading import check_valid, in_pieces, relayed

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings" / "anthropic_messages"
RECORDINGS = sorted(FOLDER.glob("*.sse"))

if not RECORDINGS:
    pytest.skip("the recordings of providers are not beside this repository", allow_module_level=True)

recordings = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


# What is in a recording, read by a few lines of our own, and by the SDK.


def raw_events(path: Path) -> list[JsonObject]:
    return [json.loads(line[6:]) for line in path.read_text("utf-8").split("\n") if line.startswith("data: ")]


def raw_message(path: Path) -> JsonObject:
    """The message that the events add up to."""
    message: JsonObject = {}
    pieces: dict[int, str] = {}
    for event in raw_events(path):
        match event:
            case {"type": "message_start"}:
                message = event["message"]
            case {"type": "content_block_start"}:
                message["content"].append(event["content_block"])
            case {"type": "content_block_delta", "index": index}:
                block = message["content"][index]
                delta: JsonObject = dict(event["delta"])
                kind = delta.pop("type")
                if kind == "input_json_delta":
                    pieces[index] = pieces.get(index, "") + delta["partial_json"]
                elif kind == "citations_delta":
                    block.setdefault("citations", []).append(delta["citation"])
                elif kind == "compaction_delta":
                    block.update(delta)
                else:
                    [(name, text)] = delta.items()
                    block[name] += text
            case {"type": "content_block_stop", "index": index} if index in pieces:
                message["content"][index]["input"] = json.loads(pieces[index])
            case {"type": "message_delta"}:
                message |= event["delta"]
                message["usage"] |= event["usage"]
            case _:
                assert event["type"] in ("ping", "message_stop", "content_block_stop")
    return message


def response_of(path: Path) -> penstock.Response:
    return relayed(Anthropic(), path.read_bytes())


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_nulls(entry) for key, entry in value.items() if entry is not None}
    return [without_nulls(entry) for entry in value] if isinstance(value, list) else value


# Replies.


@recordings
def test_a_reply_becomes_a_valid_stream_without_findings(path: Path) -> None:
    asked = taken_back(json.loads(path.with_suffix(".json").read_text("utf-8"))["request"])
    request = decode_object(CreateResponse, json.dumps({**asked, "stream": True}).encode(), tolerant=False)
    response = check_valid(Anthropic(), path.read_bytes(), request)
    assert response.status == "completed"


@recordings
def test_what_goes_back_is_what_came(path: Path) -> None:
    message = raw_message(path)
    assert message["content"] == sent_back(response_of(path).output)
    assert message["stop_reason"] == "end_turn"


@recordings
def test_the_sdk_reads_the_same_content_and_usage(path: Path) -> None:
    message = sdk_message(path.read_bytes())
    response = response_of(path)
    read = message.model_dump(mode="json", exclude_none=True)
    # The SDK reads times, and would write them in another form than they came.
    assert without_nulls(read["content"]) == without_nulls(sent_back(response.output))
    text = "".join(block.text for block in message.content if block.type == "text")
    assert text == response.output_text
    thinking = "\n\n".join(block.thinking for block in message.content if block.type == "thinking")
    assert thinking == response.reasoning_summary
    usage = response.usage
    assert usage is not None
    cached, written = message.usage.cache_read_input_tokens or 0, message.usage.cache_creation_input_tokens or 0
    assert usage.input_tokens == message.usage.input_tokens + cached + written
    assert usage.input_tokens_details.cached_tokens == cached
    assert usage.output_tokens == message.usage.output_tokens
    translation = Anthropic().stream()
    translation.feed(path.read_bytes())
    assert translation.model == message.model
    assert translation.losses == []


@recordings
def test_citations_cover_their_part(path: Path) -> None:
    raw = [block for block in raw_message(path)["content"] if block["type"] == "text"]
    parts = [
        part
        for item in response_of(path).output
        if isinstance(item, MessageItem)
        for part in item.content
        if isinstance(part, OutputTextContent)
    ]
    assert [block["text"] for block in raw] == [part.text for part in parts]
    for block, part in zip(raw, parts, strict=True):
        expected = [(entry["url"], entry["title"], 0, len(block["text"])) for entry in block.get("citations") or ()]
        found = [
            (each.url, each.title, each.start_index, each.end_index)
            for each in part.annotations
            if isinstance(each, UrlCitation)
        ]
        assert expected == found


def test_the_recordings_hold_what_they_were_chosen_for() -> None:
    items = [item for path in RECORDINGS for item in response_of(path).output]
    kinds = {item.type for item in items if isinstance(item, ExtensionItem)}
    assert {"anthropic:server_tool_use", "anthropic:web_search_tool_result"} <= kinds
    assert any(isinstance(item, ReasoningItem) and item.encrypted_content for item in items)


@recordings
def test_where_the_bytes_are_cut_makes_no_difference(path: Path) -> None:
    data = path.read_bytes()
    whole = list(Anthropic().reply(data))
    dice = random.Random(1)
    cuts = [list(range(1, len(data))), *(sorted(dice.sample(range(len(data)), 9)) for _ in range(5))]
    for each in cuts:
        assert whole == in_pieces(Anthropic(), data, each)


@recordings
def test_a_reply_cut_short_anywhere_has_failed(path: Path) -> None:
    data = path.read_bytes()
    assert data.endswith(b"}\n\n")
    # Every byte of the end, where it could be taken for whole, and every byte of a short reply.
    near = range(len(data)) if len(data) < 3_000 else range(len(data) - 800, len(data))
    for cut in sorted({*near, *random.Random(2).sample(range(len(data)), 100)}):
        last = Anthropic().reply(data[:cut])[-1]
        assert isinstance(last, Failure), cut
        # Within the first event's name nobody can tell yet that this is an event stream.
        assert last.error.code == "upstream_truncated" or cut < len(b"event: message_start\ndata:"), cut


@recordings
def test_a_reply_that_was_incomplete_anyway_stays_so_where_it_is_cut_short(path: Path) -> None:
    data = path.read_bytes().replace(b'"stop_reason":"end_turn"', b'"stop_reason":"max_tokens"')
    end = data.rindex(b"event: message_stop")
    assert Anthropic().reply(data[:end])[-1] == Stop("max_output_tokens")


@recordings
def test_a_whole_reply_says_what_the_stream_said(path: Path) -> None:
    document = json.dumps(raw_message(path)).encode()
    streamed = response_of(path)
    whole = penstock.ResponseStream(penstock.ListStreamEmitter(), model="m")
    Relay(Anthropic().stream(), whole).run([document])
    assert whole.response.usage == streamed.usage
    assert sent_back(whole.response.output) == sent_back(streamed.output)


# Requests.


def taken_back(body: JsonObject) -> JsonObject:
    """A request to Anthropic as the Open Responses request that asks for the same, as far as there is one."""
    request: JsonObject = {"model": body["model"], "max_output_tokens": body["max_tokens"], "input": []}
    if "system" in body:
        system = body["system"]
        request["instructions"] = system if isinstance(system, str) else system[0]["text"]
    for message in body["messages"]:
        for block in message["content"]:
            request["input"].append(item_of(message["role"], block))
    for name in ("cache_control", "context_management", "thinking"):
        if name in body:
            request[f"anthropic:{name}"] = body[name]
    request["tools"] = [tool_of(tool) for tool in body.get("tools", ())]
    if "tool_choice" in body:
        request["tool_choice"] = body["tool_choice"]["type"]
    known = {"model", "max_tokens", "system", "messages", "tools", "tool_choice", "stream"}
    assert body.keys() - known <= {"cache_control", "context_management", "thinking"}
    return request


def item_of(role: str, block: JsonObject) -> JsonObject:
    match block:
        case {"type": "text"}:
            kind = "output_text" if role == "assistant" else "input_text"
            return {"type": "message", "role": role, "content": [{"type": kind, "text": block["text"]}]}
        case {"type": "tool_use"}:
            arguments = json.dumps(block["input"])
            return {"type": "function_call", "call_id": block["id"], "name": block["name"], "arguments": arguments}
        case {"type": "tool_result"}:
            parts = [{"type": "input_text", "text": part["text"]} for part in block["content"]]
            call_id, failed = block["tool_use_id"], block["is_error"]
            return {"type": "function_call_output", "call_id": call_id, "output": parts, "anthropic:is_error": failed}
        case _:
            return {**block, "type": f"anthropic:{block['type']}"}


def tool_of(tool: JsonObject) -> JsonObject:
    if "type" in tool:
        return {**tool, "type": f"anthropic:{tool['type']}"}
    function = {"type": "function", "name": tool["name"], "parameters": tool["input_schema"]}
    function["description"] = tool["description"]
    function["anthropic:defer_loading"] = tool["defer_loading"]
    return function


@recordings
def test_a_request_taken_back_and_forward_asks_for_the_same(path: Path) -> None:
    body = json.loads(path.with_suffix(".json").read_text("utf-8"))["request"]
    request = decode_object(CreateResponse, json.dumps(taken_back(body)).encode(), tolerant=False)
    made = Anthropic().request(request)
    assert made.losses == []
    if isinstance(body.get("system"), str):
        body["system"] = [{"type": "text", "text": body["system"]}]
    assert body == made.body


@recordings
def test_a_conversation_goes_on_with_what_the_model_said(path: Path) -> None:
    """The output of a response between two messages of the user: every block in its place, none lost."""
    output = [json.loads(encode_object(item)) for item in response_of(path).output]
    before, after = ({"role": "user", "type": "message", "content": words} for words in ("Hello?", "And now?"))
    data = json.dumps({"model": "m", "input": [before, *output, after]}).encode()
    made = Anthropic().request(decode_object(CreateResponse, data, tolerant=False))
    assert [message["role"] for message in made.body["messages"]] == ["user", "assistant", "user"]
    assert made.body["messages"][1]["content"] == raw_message(path)["content"]


def outputs_of(path: Path) -> list[Output]:
    return list(Anthropic().reply(path.read_bytes()))


@recordings
def test_a_reply_ends_with_one_stop(path: Path) -> None:
    said = outputs_of(path)
    assert [output for output in said if isinstance(output, Stop | Failure)] == [said[-1]] == [Stop("stop")]
