"""The Chat Completions server that stands where a provider would says what the demo says, streaming or whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import msgspec
import pytest

from penstock.live import ResponseStream
from penstock.provider.base import Provider
from penstock.provider.demo import DemoProvider
from penstock.provider.network import NetworkProvider
from penstock.spec.request import CreateResponse
from penstock.upstream.chat_completions import ChatCompletions
from penstock.wire.codec import to_plain
from penstock.wire.requests import parse_create
from tests.clients.serving import chat_completions_served

TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}} for name in ("f", "g")]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FORM = {"format": {"type": "json_schema", "name": "person", "schema": SCHEMA}}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with chat_completions_served() as served:
        yield served


async def answer(provider: Provider, request: CreateResponse) -> dict[str, Any]:
    """What becomes of a request, without ids."""
    stream = ResponseStream(None, model="demo", request=request)
    stream.start()
    batches = provider.answer(request).batches()
    assert isinstance(batches, AsyncGenerator)
    async for batch in batches:
        for output in batch:
            stream.send(output)
    await provider.aclose()
    if not stream.state.is_terminal:
        stream.finish()
    response = stream.response
    items: list[Any] = [to_plain(item) for item in response.output]
    told = [{key: value for key, value in item.items() if key not in ("id", "call_id")} for item in items]
    # An error that is all of an answer costs nothing there.
    usage = response.usage if response.error is None else None
    return {"status": response.status, "output": told, "error": response.error, "usage": usage}


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize(
    "asked",
    [
        {"input": "Say exactly: hello."},
        {"input": "Think aloud. Count to 5."},
        {"input": "Hello.", "reasoning": {"effort": "medium"}},
        {"input": "Refuse."},
        {"input": "Call f and g, interleaved.", "tools": TOOLS},
        {"input": "Call f and g.", "tools": TOOLS, "parallel_tool_calls": False},
        {"input": "Hello.", "tools": TOOLS, "tool_choice": "required"},
        {"input": "Hello.", "tools": TOOLS, "tool_choice": {"type": "function", "name": "g"}},
        {"input": "Ada.", "text": FORM},
        {"input": "Write 50 words.", "max_output_tokens": 20},
        {"input": "Say exactly: well.", "top_logprobs": 2},
        {"input": "Trip the content filter."},
        {"input": "Fail with not_found."},
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Call f."}, PICTURE]},
                {"role": "assistant", "content": "I do."},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "Done."},
            ],
            "tools": TOOLS,
        },
    ],
    ids=lambda asked: str(asked.get("input"))[:30],
)
def test_it_says_what_the_demo_says(url: str, asked: dict[str, Any], *, is_streamed: bool) -> None:
    request = parse_create(msgspec.json.encode({"model": "demo", **asked}))
    provider = NetworkProvider(ChatCompletions(), url, stream=is_streamed)
    assert asyncio.run(answer(DemoProvider(), request)) == asyncio.run(answer(provider, request))
