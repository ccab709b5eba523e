"""A provider under test, what it is asked, and what it says; shared by the tests of the network."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

from penstock.provider.network import NetworkProvider, Retries
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Failure, Output, Stop, Text
from penstock.upstream.chat_completions import ChatCompletions
from tests.provider.loopback import Asked, Handler, Loopback, loopback, whole

KEY = "sk-very-secret-0123456789"
ASKED = CreateResponse(model="m", input="Hi")
AT_ONCE = Retries(first=0.0)
NEVER = Retries(times=0)


def frame(data: object) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def said_by_model(text: str) -> bytes:
    return frame({"model": "m-1", "choices": [{"index": 0, "delta": {"content": text}}]})


END = frame({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + frame(b"[DONE]")
ANSWER = [said_by_model("Hel"), said_by_model("lo"), END]
SAID: list[Output] = [Text("Hel"), Text("lo"), Stop("stop")]


def provider(server: Loopback | str, **options: Any) -> NetworkProvider:  # noqa: ANN401 - as the provider takes them
    url = server if isinstance(server, str) else server.url
    return NetworkProvider(options.pop("api", ChatCompletions()), url, **{"key": KEY, "retries": NEVER, **options})


async def heard(network: NetworkProvider, request: CreateResponse = ASKED) -> list[Output]:
    """All that is said, after which the provider is closed."""
    async with contextlib.aclosing(network):
        return [output async for batch in network.answer(request).batches() for output in batch]


async def ask(*handlers: Handler, **options: Any) -> tuple[list[Output], list[Asked]]:  # noqa: ANN401 - likewise
    async with loopback(*handlers) as server:
        return await heard(provider(server, **options)), server.asked


def failure(outputs: Sequence[Output]) -> ErrorPayload:
    """The failure that was said last, and nothing after it."""
    assert [type(output) for output in outputs].count(Failure) == 1
    last = outputs[-1]
    assert isinstance(last, Failure)
    return last.error


def placed(message: str) -> str:
    """The message with PORT for the port of a server on loopback, which is another one each time."""
    return re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT", message)


async def reset(asked: Asked) -> None:
    asked.reset()


async def hang(asked: Asked) -> None:
    await asked.gone()


def too_many(wait: str = "", name: str = "Retry-After") -> Handler:
    body = json.dumps({"error": {"message": "Slow down", "type": "tokens", "code": "rate_limit_exceeded"}})
    return whole(body, "429 Too Many Requests", {name: wait} if wait else {})
