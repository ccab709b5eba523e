"""A Chat Completions server without a model: what the demo says, said as Chat Completions, streaming or whole.

It stands where a real provider would, so that clients and suites can ask Penstock in front of such a provider. Of the
API it does what a request made by Penstock can hold. Run it by itself: `python -m tests.clients.chat_completions`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from penstock.spec.request import CreateResponse
from penstock.stream.output import Arguments, Failure, FunctionCall, Output, Reasoning, Refusal, Stop, Text, Usage
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.demo import MODEL, perform
from penstock.wire.requests import RequestError, parse_create

__all__ = ["application", "chunks", "translated"]

_FINISH: Final = {"max_output_tokens": "length"}
"""What Chat Completions calls a reason to stop, where it is not what Open Responses calls it."""
_STATUS: Final = {"invalid_request": 400, "not_found": 404, "too_many_requests": 429}
_EMPTY: Final = {"role": "assistant", "content": None}

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.encode


# ------------------------------------------------------------------------------------------------------- what is asked


def translated(body: Mapping[str, Any]) -> CreateResponse:
    """Return a Chat Completions request as the demo takes it. Raises RequestError."""
    asked: dict[str, Any] = {"model": body["model"], "input": list(_items(body["messages"]))}
    for theirs, ours in (
        ("max_completion_tokens", "max_output_tokens"),
        ("parallel_tool_calls", "parallel_tool_calls"),
        ("temperature", "temperature"),
        ("top_logprobs", "top_logprobs"),
    ):
        if theirs in body:
            asked[ours] = body[theirs]
    if "tools" in body:
        asked["tools"] = [{"type": "function", **tool["function"]} for tool in body["tools"]]
    choice = body.get("tool_choice")
    if choice is not None:
        asked["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", **choice["function"]}
    if "reasoning_effort" in body:
        asked["reasoning"] = {"effort": body["reasoning_effort"]}
    if body.get("logprobs"):
        asked["include"] = ["message.output_text.logprobs"]
    form = body.get("response_format")
    if form is not None:
        schema = form.get("json_schema")
        asked["text"] = {"format": {"type": "json_schema", **schema} if schema else form}
    return parse_create(_encode(asked))


def _items(messages: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        content: Any = message.get("content")
        match message["role"]:
            case "tool":
                yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": _said(content)}
            case "assistant":
                if content or message.get("refusal"):
                    yield {"role": "assistant", "content": _said(content) if content else message["refusal"]}
                for call in message.get("tool_calls") or ():
                    yield {"type": "function_call", "call_id": call["id"], **call["function"]}
            case role:
                yield {"role": role, "content": content if isinstance(content, str) else list(map(_part, content))}


def _said(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    match part["type"]:
        case "image_url":
            return {"type": "input_image", "image_url": part["image_url"]["url"]}
        case "file":
            return {"type": "input_file", **part["file"]}
        case _:
            return {"type": "input_text", "text": part["text"]}


# -------------------------------------------------------------------------------------------------------- what is said


class _Calls:
    """The calls of one answer, by their place; `name` makes their ids unlike those of all others."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[str | None, int] = {}

    def begin(self, call: FunctionCall) -> dict[str, Any]:
        place = len(self._places)
        self._places[call.key] = place
        return {
            "index": place,
            "id": f"call_{self._name}_{place}",
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }

    def more(self, arguments: Arguments) -> dict[str, Any]:
        return {"index": self._places[arguments.call], "function": {"arguments": arguments.delta}}


def chunks(outputs: Iterable[Output], calls: _Calls) -> Iterator[dict[str, Any]]:
    """Yield what of a `chat.completion.chunk` says so much: a choice, the usage, or an error."""
    for output in outputs:
        match output:
            case Text():
                probabilities = {"content": output.logprobs} if output.logprobs else None
                yield _choice({"content": output.text}, logprobs=probabilities)
            case Refusal():
                yield _choice({"refusal": output.text})
            case Reasoning():
                yield _choice({"reasoning_content": output.text})
            case FunctionCall():
                yield _choice({"tool_calls": [calls.begin(output)]})
            case Arguments():
                yield _choice({"tool_calls": [calls.more(output)]})
            case Usage():
                yield {"choices": [], "usage": _usage(output)}
            case Stop():
                yield _choice({}, finish_reason=_FINISH.get(output.reason, output.reason))
            case Failure():
                yield {"error": output.error}
            case _:
                pass  # annotations and phases, which Chat Completions does not stream


def _choice(delta: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


# ---------------------------------------------------------------------------------------------------------- the server

_numbers = itertools.count(1)


async def _create(request: Request) -> Response:
    body = _decode(await request.body())
    try:
        steps = perform(translated(body)).steps
    except (RequestError, UnsupportedParameter) as error:
        return _json({"error": {"message": str(error), "type": "invalid_request_error", "code": None}}, 400)
    name = f"chatcmpl-{next(_numbers)}"
    frame = {"id": name, "created": 0, "model": body["model"]}
    calls = _Calls(name)

    async def said() -> AsyncGenerator[dict[str, Any]]:
        for step in steps:
            await asyncio.sleep(step.delay)
            for chunk in chunks(step.outputs, calls):
                yield chunk

    answer = said()
    first = await anext(answer)
    if "usage" in first:  # nothing but an end
        first = await anext(answer)
    if "error" in first:
        # Nothing has been said, so the failure has a status.
        return _json(first, _STATUS.get(first["error"].type, 500))
    if body.get("stream"):
        return StreamingResponse(_stream(first, answer, frame), media_type="text/event-stream")
    return await _whole(first, answer, frame)


async def _stream(
    first: dict[str, Any], rest: AsyncGenerator[dict[str, Any]], frame: dict[str, Any]
) -> AsyncGenerator[bytes]:
    frame = {**frame, "object": "chat.completion.chunk"}
    yield _framed({**frame, **_choice({**_EMPTY, "content": ""})})
    yield _framed({**frame, **first})
    usage = None
    async for chunk in rest:
        if "usage" in chunk:
            usage = chunk  # which OpenAI sends last
        else:
            yield _framed(chunk if "error" in chunk else {**frame, **chunk})
            if "error" in chunk:
                return
    if usage is not None:
        yield _framed({**frame, **usage})
    yield b"data: [DONE]\n\n"


async def _whole(first: dict[str, Any], rest: AsyncGenerator[dict[str, Any]], frame: dict[str, Any]) -> Response:
    message: dict[str, Any] = {**_EMPTY}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": None, "logprobs": None}
    reply: dict[str, Any] = {**frame, "object": "chat.completion", "choices": [choice]}
    said = [first, *[chunk async for chunk in rest]]
    for chunk in said:
        if "error" in chunk:
            return _json(chunk, _STATUS.get(chunk["error"].type, 500))
        if "usage" in chunk:
            reply["usage"] = chunk["usage"]
        for each in chunk["choices"]:
            _add(message, each["delta"])
            choice["finish_reason"] = each["finish_reason"]
            if each.get("logprobs"):
                logprobs = choice["logprobs"] = choice["logprobs"] or {"content": []}
                logprobs["content"] += each["logprobs"]["content"]
    return _json(reply)


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key != "tool_calls":
            message[key] = (message.get(key) or "") + value
            continue
        for call in value:
            known = message.setdefault("tool_calls", [])
            if "id" in call:
                known.append({key: value for key, value in call.items() if key != "index"})
            else:
                known[call["index"]]["function"]["arguments"] += call["function"]["arguments"]


async def _models(request: Request) -> Response:
    return _json({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "demo"}]})


def _framed(value: dict[str, Any]) -> bytes:
    return b"data: " + _encode(value) + b"\n\n"


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(_encode(value), status_code=status, media_type="application/json")


def application() -> Starlette:
    """Return the server as an ASGI application."""
    return Starlette(
        routes=[
            Route("/v1/chat/completions", _create, methods=["POST"]),
            Route("/v1/models", _models, methods=["GET"]),
        ]
    )


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Chat Completions without a model, on a loopback port.")
    parser.add_argument("--port", type=int, default=8090)
    uvicorn.run(application(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
