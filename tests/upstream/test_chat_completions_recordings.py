"""Real replies of Chat Completions with their requests: as OpenAI's SDK reads them, and asked for again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from penstock.spec.base import JsonObject
from penstock.stream.output import Stop
from penstock.upstream.chat_completions import ChatCompletions, Options
from penstock.wire.requests import parse_create
from tests.upstream.reading import check_valid, relayed, replaying

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings" / "chat_completions"
RECORDINGS = sorted(FOLDER.glob("*.sse"))

if not RECORDINGS:
    pytest.skip("the recordings of providers are not beside this repository", allow_module_level=True)

recordings = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


def body_of(path: Path) -> JsonObject:
    found: JsonObject = json.loads(path.with_suffix(".json").read_text("utf-8"))["request"]
    return found


def options_of(body: JsonObject) -> Options:
    return Options(stream_usage="stream_options" in body, extra=True)


# Replies.


def by_the_sdk(path: Path) -> tuple[list[ChatCompletionChunk], str | None]:
    """The chunks that OpenAI's SDK reads in the same bytes, and the error it raises, if it does."""
    chunks: list[ChatCompletionChunk] = []
    with openai.OpenAI(api_key="k", base_url="http://test", http_client=replaying(path.read_bytes())) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "i"}], stream=True)
        try:
            for chunk in stream:
                chunks.append(chunk)  # noqa: PERF402 - what came before an error counts
        except openai.APIError as error:
            return chunks, error.message
    return chunks, None


@recordings
def test_a_reply_to_its_request_has_no_finding(path: Path) -> None:
    request = parse_create({**taken_back(body_of(path)), "stream": True})
    check_valid(ChatCompletions(), path.read_bytes(), request)


@recordings
def test_the_sdk_reads_the_same_answer(path: Path) -> None:
    chunks, error = by_the_sdk(path)
    response = relayed(ChatCompletions(), path.read_bytes(), request=parse_create(taken_back(body_of(path))))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    text = "".join(delta.content for delta in deltas if isinstance(delta.content, str))
    assert response.output_text == text
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for piece in delta.tool_calls or ():
            assert piece.function is not None
            call = calls.setdefault(piece.index, [piece.id or "", "", ""])
            call[1] += piece.function.name or ""
            call[2] += piece.function.arguments or ""
    assert [[call.call_id, call.name, call.arguments] for call in response.function_calls] == list(calls.values())
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    if usages:
        assert response.usage is not None
        last = usages[-1]
        assert (response.usage.input_tokens, response.usage.output_tokens) == (
            last.prompt_tokens,
            last.completion_tokens,
        )
    if error is not None:
        assert response.error is not None
        assert response.error.message in error


@recordings
def test_the_sdk_reads_the_same_end(path: Path) -> None:
    chunks, error = by_the_sdk(path)
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    said = [output for output in ChatCompletions().reply(path.read_bytes()) if isinstance(output, Stop)]
    if error is not None:
        assert said == []
    else:
        assert said == [Stop(finishes[-1] if finishes else "stop")]
        assert not finishes or finishes[-1] in ("stop", "tool_calls")


# Requests.

FEWEST_TOKENS = 16
"""The least that Open Responses lets one ask for."""


def taken_back(body: JsonObject) -> JsonObject:
    """The recorded request, as the Open Responses request that asks for the same."""
    request: JsonObject = {"model": body["model"], "input": []}
    for message in body["messages"]:
        request["input"].extend(items_of(message))
    if "tools" in body:
        request["tools"] = [
            {"type": "function", **tool["function"]} if tool["type"] == "function" else tool for tool in body["tools"]
        ]
    for theirs, ours in (
        ("max_completion_tokens", "max_output_tokens"),
        ("reasoning", "reasoning"),
        ("reasoning_format", "reasoning_format"),
        ("temperature", "temperature"),
        ("thinking", "thinking"),
        ("tool_choice", "tool_choice"),
    ):
        if theirs in body:
            request[ours] = body[theirs]
    if request.get("max_output_tokens", FEWEST_TOKENS) < FEWEST_TOKENS:
        del request["max_output_tokens"]  # there is no such request
    return request


def items_of(message: JsonObject) -> list[JsonObject]:
    if message["role"] == "tool":
        return [
            {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]},
        ]
    items: list[JsonObject] = []
    if message.get("content") is not None:
        items.append({"type": "message", "role": message["role"], "content": message["content"]})
    items += [
        {"type": "function_call", "call_id": call["id"], **call["function"]} for call in message.get("tool_calls") or ()
    ]
    return items


def says_the_same(body: JsonObject) -> JsonObject:
    """A recorded request without what says nothing: nulls, no tools, one answer where one is what comes."""
    said: dict[str, Any] = {key: value for key, value in body.items() if key != "n" and value != []}
    assert body.get("n", 1) == 1
    if said.get("max_completion_tokens", FEWEST_TOKENS) < FEWEST_TOKENS:
        del said["max_completion_tokens"]
    if "reasoning" in said:
        said["reasoning_effort"] = said.pop("reasoning")["effort"]  # which is how OpenAI spells it
    said["messages"] = [
        {"content": None, **{key: value for key, value in message.items() if value is not None}}
        for message in body["messages"]
    ]
    return said


@recordings
def test_the_same_is_asked_of_the_provider_again(path: Path) -> None:
    body = body_of(path)
    made = ChatCompletions(options_of(body)).request(parse_create(taken_back(body)))
    assert made.losses == []
    assert made.body == says_the_same(body)
