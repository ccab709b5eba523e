"""Real replies, all the way: a provider's bytes in, an Open Responses stream out, read by other people's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import ResponseStreamEvent as OpenAIEvent
from pydantic import TypeAdapter

import penstock
from penstock.spec.items import MessageItem, ReasoningItem
from penstock.stream.fold import part_text
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.relay import Relay
from penstock.wire.dialects import OPENRESPONSES, Dialect, dialect_by_name
from tests.stream.validity import assert_valid

FOLDER = Path(__file__).parents[1].parent / "shared" / "recordings" / "chat_completions"
RECORDINGS = sorted(FOLDER.glob("*.sse"))
OFFICIAL: TypeAdapter[Any] = TypeAdapter(OpenAIEvent)

if not RECORDINGS:
    pytest.skip("the recordings of providers are not beside this repository", allow_module_level=True)

recordings = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


def relayed(path: Path, emitter: penstock.StreamEventEmitter) -> penstock.Response:
    stream = penstock.ResponseStream(emitter, model="m")
    Relay(ChatCompletions().stream(), stream).run([path.read_bytes()])
    return stream.response


def as_sse(path: Path, dialect: Dialect = OPENRESPONSES) -> bytes:
    frames: list[bytes] = []
    emitter = penstock.SSEEmitter(frames.append, dialect=dialect)
    relayed(path, emitter)
    emitter.done()
    return b"".join(frames)


def chunks(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def has_failed(path: Path) -> bool:
    return any("error" in chunk for chunk in chunks(path))


def said(path: Path, *fields: str) -> str:
    """What the first choice says in any of some fields, joined; plain strings only."""
    deltas = [choice["delta"] for chunk in chunks(path) for choice in chunk.get("choices", ())[:1]]
    found = [next((delta[field] for field in fields if isinstance(delta.get(field), str)), "") for delta in deltas]
    return "".join(found)


@recordings
def test_a_reply_becomes_a_valid_stream(path: Path) -> None:
    emitter = penstock.ListStreamEmitter()
    response = relayed(path, emitter)
    assert_valid(emitter.events)
    serious = [finding for finding in penstock.lint(as_sse(path)) if finding.level is not penstock.Level.INFO]
    assert serious == []
    assert response.status == ("failed" if has_failed(path) else "completed")
    if has_failed(path):
        assert [event.event_type for event in emitter.events][-2:] == ["error", "response.failed"]


@recordings
def test_the_stream_tells_the_text_and_the_reasoning_of_the_reply(path: Path) -> None:
    response = relayed(path, penstock.ListStreamEmitter())
    text = "".join(item.text for item in response.output if isinstance(item, MessageItem))
    assert text.startswith(said(path, "content"))
    reasoning = [item for item in response.output if isinstance(item, ReasoningItem)]
    told = "".join(map(part_text, [part for item in reasoning for part in item.content or []]))
    assert told.endswith(said(path, "reasoning_content", "reasoning"))


@recordings
def test_the_openai_sdk_takes_the_stream_in_its_dialect(path: Path) -> None:
    body = as_sse(path, dialect_by_name("openai"))
    frames = [json.loads(frame.split(b"\ndata: ", 1)[1]) for frame in body.split(b"\n\n") if frame]
    usage = frames[-1]["response"]["usage"]
    if usage is not None:
        # The SDK's newest models demand a count that OpenAI's own recorded streams do not have.
        usage["input_tokens_details"].setdefault("cache_write_tokens", 0)
    if has_failed(path):
        frames[-1]["response"]["error"]["code"] = "server_error"  # the SDK's models know OpenAI's own codes only
    for fields in frames:
        OFFICIAL.validate_python(fields)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = openai.OpenAI(
        api_key="k", base_url="http://test", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    with client:
        if has_failed(path):
            events = list(client.responses.create(model="m", input="i", stream=True))
            assert [event.type for event in events][-2:] == ["error", "response.failed"]
            return
        with client.responses.stream(model="m", input="i") as stream:
            final = stream.get_final_response()
        assert final.output_text == relayed(path, penstock.ListStreamEmitter()).output_text
