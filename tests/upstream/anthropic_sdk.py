"""Anthropic's SDK shown a stream, and what Anthropic is sent back of a response."""

from __future__ import annotations

import json
from collections.abc import Sequence

import anthropic
from anthropic.types.beta import BetaMessage

from penstock.spec.base import JsonObject
from penstock.spec.items import Item
from penstock.spec.request import CreateResponse
from penstock.upstream.anthropic import Anthropic
from penstock.wire.codec import decode_object, encode_object
from tests.upstream.reading import replaying

__all__ = ["sdk_message", "sent_back"]


def sdk_message(data: bytes) -> BetaMessage:
    """The message that the SDK reads in a stream."""
    with (
        anthropic.Anthropic(api_key="k", base_url="http://test", http_client=replaying(data)) as client,
        client.beta.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "i"}]) as stream,
    ):
        return stream.get_final_message()


def sent_back(items: Sequence[Item]) -> list[JsonObject]:
    """What Anthropic gets where the output of a response is the input of the next request."""
    output = [json.loads(encode_object(item)) for item in items]
    data = json.dumps({"model": "m", "input": output}).encode()
    made = Anthropic().request(decode_object(CreateResponse, data, tolerant=False))
    assert made.losses == []
    [message] = made.body["messages"]
    assert message["role"] == "assistant"
    content: list[JsonObject] = message["content"]
    return content
