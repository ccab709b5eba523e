"""Everything the server sends is valid: for every upstream, feature, transport and dialect, judged with its request."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock
from penstock import Arguments, Failure, FunctionCall, Reasoning, Text, Usage
from penstock.lint.findings import Level
from penstock.provider.base import Provider
from penstock.provider.demo import DemoProvider
from penstock.server.app import App
from penstock.spec.items import FunctionCallItem
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Output, ReadyItem
from penstock.wire.requests import parse_create, parse_websocket_create
from tests.openapi import schemas
from tests.provider.asking import provider as network_provider
from tests.provider.loopback import loopback, streamed
from tests.provider.test_network_recordings import RECORDINGS, api_of
from tests.server.direct import accepted, ask, run, started
from tests.server.serving import ScriptedProvider
from tests.stream.strategies import programs

EXAMPLES = 50
"""How many programs are tried, each over every transport: as many as take seconds."""
DIALECTS = ("openresponses", "openai")
TOOL_NAMES = ("f", "get_weather", "search-2")


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}


OF_THE_MODEL = ("OR505", "OR506")
"""What is the model's own: arguments that are no JSON, annotations that point nowhere. They are told as they came."""


def faults(data: bytes, request: CreateResponse, dialect: str, transport: str, ignored: Sequence[str]) -> list[str]:
    """Return what is wrong with a stream, in words; nothing is let pass but notes."""
    found = penstock.lint(data, request=request, dialect=dialect, transport=transport)
    bad = [each for each in found if each.level is not Level.INFO and each.code not in ignored]
    return [f"{each.code} {each.message}" for each in bad]


@cache
def _validator() -> Any:  # noqa: ANN401 - jsonschema has no type for it
    whole: dict[str, Any] = {"$ref": "#/components/schemas/ResponseResource", "components": {"schemas": schemas()}}
    return jsonschema.Draft202012Validator(whole)


def assert_fits_openapi(response: dict[str, Any]) -> None:
    """Hold a response against the OpenAPI document, which knows no items of an implementor's own."""
    if schemas():
        _validator().validate(_without_own(response))


def _without_own(value: Any) -> Any:  # noqa: ANN401 - JSON data
    """Return JSON data without the items, parts and annotations whose type has an implementor's slug."""
    if isinstance(value, list):
        return [_without_own(each) for each in value if not (isinstance(each, dict) and ":" in str(each.get("type")))]
    if isinstance(value, dict):
        return {key: _without_own(each) for key, each in value.items()}
    return value


async def hold_to_everything(app: App, body: Mapping[str, Any], ignored: Sequence[str] = ()) -> None:
    """Ask over each transport, in each dialect, and judge what comes back."""
    for dialect in DIALECTS:
        headers = {"penstock_dialect": dialect}
        said: list[list[bytes]] = []
        for is_padded in (False, True):
            streaming = {**body, "stream": True, "stream_options": {"include_obfuscation": is_padded}}
            reply = await ask(app, streaming, **headers)
            assert reply.status == 200, reply.body
            assert reply.headers["content-type"].startswith("text/event-stream")
            assert faults(reply.body, parse_create(dict(streaming)), dialect, "sse", ignored) == []
            assert reply.body.endswith(b"data: [DONE]\n\n") == (dialect == "openresponses")
            said.append([line for line in reply.body.splitlines() if line.startswith(b"event: ")])
        assert said[0] == said[1]

        reply = await ask(app, body, **headers)
        if reply.status == 200:
            whole = reply.json
            if dialect == "openresponses":
                assert_fits_openapi(whole)
            kept = await ask(app, method="GET", path=f"/v1/responses/{whole['id']}", **headers)
            if whole["store"]:
                assert kept.json == whole
        else:
            assert reply.error["message"]

        create = {"type": "response.create", **body}
        async with accepted(app, **headers) as talk:
            talk.say(create)
            lines = "\n".join(json.dumps(message) for message in await talk.turn()).encode()
        assert faults(lines, parse_websocket_create(create), dialect, "websocket", ignored) == []


def hold(
    provider: Provider | Any,  # noqa: ANN401 - a model is any function
    *bodies: Mapping[str, Any],
    store: str | None = "sqlite://",
    ignored: Sequence[str] = (),
) -> None:
    async def work() -> None:
        async with started(App(provider, store=store)) as app:
            for body in bodies:
                await hold_to_everything(app, {"model": "m", **body}, ignored)

    run(work())


def test_a_server_without_a_store_promises_nothing_that_it_does_not_keep() -> None:
    hold(ScriptedProvider([Text("Hello.")]), {"input": "Hi.", "store": True}, {"input": "Hi."}, store=None)


# The demo.

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
SCHEMA = {
    "type": "json_schema",
    "name": "level",
    "schema": {"type": "object", "properties": {"metres": {"type": "number"}}, "required": ["metres"]},
}
DEMO: list[dict[str, Any]] = [
    {"input": "say exactly: Hé\u2028llo 😀"},
    {"input": "count to 20"},
    {"input": "write 100 words"},
    {"input": "in 5 words"},
    {"input": "cite 3 sources"},
    {"input": "comment first"},
    {"input": "think"},
    {"input": "think aloud, then cite 2 sources"},
    {"input": "think", "include": ["reasoning.encrypted_content"]},
    {"input": "think", "reasoning": {"effort": "high", "summary": "detailed"}},
    {"input": 'call get_weather with {"location": "Paris"}', "tools": [WEATHER]},
    {"input": "call get_weather 3 times, interleaved", "tools": [WEATHER]},
    {"input": "call get_weather 3 times", "tools": [WEATHER], "parallel_tool_calls": False},
    {"input": "call get_weather 3 times", "tools": [WEATHER], "max_tool_calls": 2},
    {"input": "call all tools", "tools": [WEATHER, tool("f")]},
    {"input": "Hello!", "tools": [WEATHER, tool("f")], "tool_choice": "required"},
    {"input": "call f", "tools": [WEATHER, tool("f")], "tool_choice": "none"},
    {"input": "Hello!", "tools": [WEATHER, tool("f")], "tool_choice": {"type": "function", "name": "f"}},
    {
        "input": "call get_weather",
        "tools": [WEATHER, tool("f")],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    },
    {"input": "refuse"},
    {"input": "trip the content filter"},
    {"input": "fail"},
    {"input": "fail with too_many_requests"},
    {"input": "fail after 3 tokens"},
    {"input": "think, then fail while thinking"},
    {"input": "call f, fail while calling", "tools": [tool("f")]},
    {"input": "count to 3 every 1 ms"},
    {"input": "what did I say before?"},
    {"input": "How deep?", "text": {"format": SCHEMA}},
    {"input": "count to 20", "max_output_tokens": 16},
    {"input": "Hello!", "include": ["message.output_text.logprobs"], "top_logprobs": 2},
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/i.png"}]}]},
    {"input": "Hello!", "instructions": "Be brief.", "metadata": {"a": "b"}, "temperature": 0.5, "top_p": 0.5},
    {"input": "Hello!", "truncation": "auto", "service_tier": "flex", "store": False, "prompt_cache_key": "k"},
    {"input": "Hello!", "safety_identifier": "s", "presence_penalty": 1.0, "frequency_penalty": -1.0},
    {
        "input": [
            {"role": "user", "content": "How is it?"},
            {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "Fine."},
        ],
        "tools": [WEATHER],
    },
]


@pytest.mark.parametrize("body", DEMO, ids=lambda body: str(body["input"])[:40])
def test_what_the_demo_does_is_sent_without_a_fault(body: dict[str, Any]) -> None:
    hold(DemoProvider(), body)


# Models of a user's own.


async def _talker(request: CreateResponse) -> AsyncGenerator[Any, None]:
    yield Reasoning("The user greets me.")
    yield "Hello "
    yield Text("world.")
    yield FunctionCall("f", key="1")
    yield Arguments('{"a":')
    yield Arguments("1}")
    yield Usage(input_tokens=3, output_tokens=2)


def _plain(request: CreateResponse) -> list[Output]:
    return [Text("Hello.")]


def _breaking(request: CreateResponse) -> Any:  # noqa: ANN401 - a generator, of a kind
    yield "Hel"
    raise RuntimeError("It broke.")


def _nonsense(request: CreateResponse) -> Any:  # noqa: ANN401 - likewise
    yield "Hel"
    yield 7


@pytest.mark.parametrize("model", [_talker, _plain, _breaking, _nonsense], ids=lambda model: model.__name__)
def test_what_a_generator_says_is_sent_without_a_fault(model: Any) -> None:  # noqa: ANN401 - any function
    hold(model, {"input": "Hi."}, {"input": "Hi.", "tools": [tool("f")], "stream_options": None})


# Real replies.


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_real_providers_said_is_sent_without_a_fault(recording: Path) -> None:
    api, data = api_of(recording), recording.read_bytes()
    translation = api.stream(CreateResponse(model="m", input="Hi."))
    said = [*translation.feed(data), *translation.close()]
    tools = [tool(name) for name in sorted(_called(said))]

    async def work() -> None:
        async with loopback(streamed(data)) as server:
            network = network_provider(server, api=api)
            async with contextlib.aclosing(network), started(App(network)) as app:
                await hold_to_everything(app, {"model": "m", "input": "Hi.", **({"tools": tools} if tools else {})})

    run(work())


def _called(said: Sequence[Output]) -> set[str]:
    names = {output.name for output in said if isinstance(output, FunctionCall)}
    ready = [output.item for output in said if isinstance(output, ReadyItem)]
    return names | {item.name for item in ready if isinstance(item, FunctionCallItem)}


# Anything.

_names = st.sampled_from(TOOL_NAMES)
_functions = _names.map(lambda name: {"type": "function", "name": name})
_choices = st.one_of(
    st.sampled_from(["none", "auto", "required"]),
    _functions,
    st.builds(
        lambda tools, mode: {"type": "allowed_tools", "tools": tools, "mode": mode},
        st.lists(_functions, min_size=1, max_size=2, unique_by=lambda each: each["name"]),
        st.sampled_from(["none", "auto", "required"]),
    ),
)
requests = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.just("Hi.")},
    optional={
        "tools": st.lists(_names, unique=True).map(lambda names: [tool(name) for name in names]),
        "tool_choice": _choices,
        "parallel_tool_calls": st.booleans(),
        "max_tool_calls": st.integers(1, 3),
        "include": st.just(["reasoning.encrypted_content"]),
        "metadata": st.dictionaries(st.sampled_from("ab"), st.text(max_size=3), max_size=2),
        "instructions": st.none() | st.text(max_size=5),
        "temperature": st.none() | st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "truncation": st.sampled_from(["auto", "disabled"]),
        "max_output_tokens": st.integers(16, 99),
        "top_logprobs": st.integers(0, 20),
        "reasoning": st.sampled_from([None, {"effort": "high"}, {"summary": "auto"}]),
        # Where nothing is kept, the response says so, whatever was asked.
        "store": st.just(value=False),
        "text": st.sampled_from([{"verbosity": "low"}, {"format": {"type": "text"}}]),
        "prompt_cache_key": st.just("k"),
    },
)
_batches = (
    programs()
    .map(lambda program: list(program.outputs))
    .flatmap(lambda said: st.lists(st.integers(0, len(said)), max_size=4).map(lambda cuts: _cut(said, sorted(cuts))))
)


def _cut(said: list[Output], cuts: list[int]) -> list[list[Output]]:
    pieces = [said[start:end] for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    return [piece for piece in pieces if piece]


@settings(deadline=None, max_examples=EXAMPLES)
@given(_batches, requests, st.sampled_from([None, "It broke."]))
def test_whatever_a_model_says_to_whatever_request_is_sent_without_a_fault(
    batches: list[list[Output]], body: dict[str, Any], failure: str | None
) -> None:
    if failure is not None:
        broken = ErrorPayload(type="model_error", code=None, message=failure, param=None)
        batches = [*batches, [Failure(broken)]]
    hold(ScriptedProvider(*batches), body, store=None, ignored=OF_THE_MODEL)
