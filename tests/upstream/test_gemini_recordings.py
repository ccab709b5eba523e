"""Real replies of Gemini, all the way: told as they were, by the measure of the raw JSON and of Google's own SDK."""

from __future__ import annotations

import base64
import functools
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import types

import penstock
from penstock.spec.base import JsonObject
from penstock.spec.content import ExtensionAnnotation, OutputTextContent, UrlCitation
from penstock.spec.items import ExtensionItem, FunctionCallItem, MessageItem, ReasoningItem
from penstock.spec.request import CreateResponse
from penstock.stream.fold import part_text
from penstock.stream.output import Failure, Output, Stop
from penstock.upstream.gemini import Gemini, Options
from penstock.wire.codec import to_plain
from penstock.wire.requests import parse_create
from tests.upstream.reading import check_valid, in_pieces, relayed

FOLDER = Path(__file__).parents[2].parent / "shared" / "recordings" / "gemini"
RECORDINGS = sorted(FOLDER.glob("*.sse"))

if not RECORDINGS:
    pytest.skip("the recordings of providers are not beside this repository", allow_module_level=True)

recordings = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)

CUTS = 150
"""At how many places a long recording is cut off; a short one is cut everywhere."""


@functools.cache
def chunks(path: Path) -> list[JsonObject]:
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def parts(path: Path) -> list[JsonObject]:
    found = [chunk["candidates"][0].get("content", {}).get("parts", []) for chunk in chunks(path)]
    return [part for group in found for part in group]


@functools.cache
def by_the_sdk(path: Path) -> list[types.GenerateContentResponse]:
    """What Google's SDK reads in the same bytes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url).partition("/models/")[2] == recorded(path)["path"].partition("/models/")[2]
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=path.read_bytes())

    options = types.HttpOptions(httpx_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    client = genai.Client(api_key="k", http_options=options)
    return list(client.models.generate_content_stream(model=model(path), contents="Hi"))


def sdk_parts(path: Path) -> list[types.Part]:
    found: list[types.Part] = []
    for response in by_the_sdk(path):
        candidate = response.candidates[0] if response.candidates else None
        found.extend((candidate.content.parts or []) if candidate and candidate.content else [])
    return found


def response_of(path: Path) -> penstock.Response:
    return relayed(Gemini(), path.read_bytes())


def outputs(data: bytes, cuts: Iterable[int] = ()) -> list[Output]:
    return in_pieces(Gemini(), data, cuts)


# What is told.


@recordings
def test_a_reply_becomes_a_valid_stream_without_a_finding(path: Path) -> None:
    request = parse_create({**asked(path), "stream": True})
    assert check_valid(Gemini(), path.read_bytes(), request).status == "completed"


@recordings
def test_text_thoughts_and_calls_are_those_of_the_provider(path: Path) -> None:
    response = response_of(path)
    text = "".join(part.get("text", "") for part in parts(path) if not part.get("thought"))
    thoughts = "".join(part["text"] for part in parts(path) if part.get("thought"))
    calls = [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts(path) if is_call(part)]
    assert response.output_text == text == "".join(part.text or "" for part in sdk_parts(path) if not part.thought)
    told = [part for item in response.output if isinstance(item, ReasoningItem) for part in item.summary]
    assert "".join(map(part_text, told)) == thoughts
    assert thoughts == "".join(part.text or "" for part in sdk_parts(path) if part.thought)
    made = [(item.name, json.loads(item.arguments)) for item in response.output if isinstance(item, FunctionCallItem)]
    theirs = [part.function_call for part in sdk_parts(path) if part.function_call]
    assert made == calls == [(call.name, call.args) for call in theirs]


def is_call(part: JsonObject) -> bool:
    return "functionCall" in part


@recordings
def test_usage_finish_and_model_are_those_of_the_provider(path: Path) -> None:
    translation = Gemini().stream()
    said = [*translation.feed(path.read_bytes()), *translation.close()]
    last = chunks(path)[-1]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert said[-1] == Stop("tool_calls" if any(map(is_call, parts(path))) else "stop")
    assert translation.model == last["modelVersion"] == by_the_sdk(path)[-1].model_version
    assert translation.response_id == last["responseId"]
    assert translation.losses == []
    usage = response_of(path).usage
    theirs = by_the_sdk(path)[-1].usage_metadata
    assert usage is not None
    assert theirs is not None
    read = (theirs.prompt_token_count or 0) + (theirs.tool_use_prompt_token_count or 0)
    thought = theirs.thoughts_token_count or 0
    assert (usage.input_tokens, usage.output_tokens) == (read, (theirs.candidates_token_count or 0) + thought)
    assert usage.output_tokens_details.reasoning_tokens == thought
    assert usage.total_tokens <= (theirs.total_token_count or 0)  # one recording counts more than it itemises
    assert usage.extra["promptTokensDetails"] == last["usageMetadata"]["promptTokensDetails"]


@recordings
def test_parts_of_other_kinds_are_items_and_hold_what_came(path: Path) -> None:
    others = [part for part in parts(path) if not part.keys() & {"text", "functionCall"}]
    items = [item for item in response_of(path).output if isinstance(item, ExtensionItem)]
    assert [item["part"] for item in items if "part" in item.fields] == others
    theirs = [part.executable_code or part.tool_call or part.tool_response for part in sdk_parts(path)]
    assert len(others) == sum(part is not None for part in theirs)


@recordings
def test_what_an_answer_rests_on_annotates_the_words_it_is_about(path: Path) -> None:
    found: list[tuple[str, str]] = []
    for item in response_of(path).output:
        for part in item.content if isinstance(item, MessageItem) else ():
            assert isinstance(part, OutputTextContent)
            for note in part.annotations:
                if isinstance(note, UrlCitation):
                    found.append((part.text[note.start_index : note.end_index], note.url))
                else:
                    assert isinstance(note, ExtensionAnnotation)
                    start, end = note["start_index"], note["end_index"]
                    assert isinstance(start, int)
                    assert isinstance(end, int)
                    found.append((part.text[start:end], ""))
    told: list[tuple[str, str]] = []
    for response in by_the_sdk(path):
        candidate = response.candidates[0] if response.candidates else None
        grounding = candidate.grounding_metadata if candidate else None
        for support in (grounding.grounding_supports or ()) if grounding else ():
            assert grounding is not None
            assert support.segment is not None
            for index in support.grounding_chunk_indices or ():
                web = (grounding.grounding_chunks or [])[index].web
                told.append((support.segment.text or "", (web.uri or "") if web else ""))
    assert found == told
    last = chunks(path)[-1]["candidates"][0].get("groundingMetadata")
    items = [item for item in response_of(path).output if isinstance(item, ExtensionItem)]
    assert [item["groundingMetadata"] for item in items if item.type == "google:grounding_metadata"] == [last] * bool(
        last
    )


# However the bytes come.


@recordings
def test_a_reply_is_read_the_same_however_it_is_cut(path: Path) -> None:
    data = path.read_bytes()
    whole = outputs(data)
    assert whole == outputs(data, range(1, len(data)))
    dice = random.Random(len(data))
    for _ in range(5):
        assert whole == outputs(data, sorted(dice.sample(range(len(data)), 9)))


@recordings
def test_an_array_of_the_same_chunks_says_the_same(path: Path) -> None:
    assert list(Gemini().reply(json.dumps(chunks(path), indent=2).encode())) == outputs(path.read_bytes())


@recordings
def test_a_reply_that_was_cut_off_has_failed(path: Path) -> None:
    data = path.read_bytes().rstrip()  # the end of the last line is no part of what it says
    dice = random.Random(len(data))
    cuts = range(len(data)) if len(data) < 2000 else sorted(dice.sample(range(len(data)), CUTS))
    for cut in cuts:
        said = outputs(data[:cut])
        assert isinstance(said[-1], Failure), cut
        assert sum(isinstance(out, Failure | Stop) for out in said) == 1


# The request, there and back.


def recorded(path: Path) -> JsonObject:
    found: JsonObject = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return found


def model(path: Path) -> str:
    name: str = recorded(path)["path"].partition("models/")[2].partition(":")[0]
    return name


def lowered(schema: object) -> object:
    """A schema of Google's older kind as JSON Schema: the names of its types are in capitals."""
    if isinstance(schema, dict):
        return {
            key: value.lower() if key == "type" and isinstance(value, str) else lowered(value)
            for key, value in schema.items()
        }
    return schema


def asked(path: Path) -> JsonObject:
    """The recorded request, as an Open Responses request."""
    body = recorded(path)["request"]
    config = body.get("generationConfig", {})
    request: JsonObject = {"model": model(path), "input": []}
    if "systemInstruction" in body:
        request["instructions"] = body["systemInstruction"]["parts"][0]["text"]
    for content in body["contents"]:
        for part in content["parts"]:
            request["input"].extend(items_of(part, content["role"]))
    for tool in body.get("tools", ()):
        for name, value in tool.items():
            if name == "functionDeclarations":
                request.setdefault("tools", []).extend(function(declaration) for declaration in value)
            else:
                snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
                request.setdefault("tools", []).append({"type": f"google:{snake}", **value})
    if "responseJsonSchema" in config:
        request["text"] = {
            "format": {"type": "json_schema", "name": "CityLocation", "schema": config["responseJsonSchema"]}
        }
    if config.get("thinkingConfig", {}).get("includeThoughts"):
        request["reasoning"] = {"summary": "auto"}
    if "temperature" in config:
        request["temperature"] = config["temperature"]
    return request


def function(declaration: JsonObject) -> JsonObject:
    schema = declaration.get("parameters_json_schema") or lowered(declaration["parameters"])
    return {
        "type": "function",
        "name": declaration["name"],
        "description": declaration["description"],
        "parameters": schema,
    }


def items_of(part: JsonObject, role: str) -> list[JsonObject]:
    if "functionCall" in part:
        call = part["functionCall"]
        item = {
            "type": "function_call",
            "call_id": call["id"],
            "name": call["name"],
            "arguments": json.dumps(call["args"]),
        }
        if "thoughtSignature" not in part:
            return [item]
        line = {
            "type": "google:thought_signature",
            "part": "call",
            "signature": part["thoughtSignature"],
            "name": call["name"],
        }
        return [{"type": "reasoning", "summary": [], "encrypted_content": json.dumps(line) + "\n"}, item]
    if "functionResponse" in part:
        result = part["functionResponse"]
        return [{"type": "function_call_output", "call_id": result["id"], "output": json.dumps(result["response"])}]
    return [{"type": "message", "role": role, "content": part["text"]}]


@recordings
def test_the_same_is_asked_of_the_provider_again(path: Path) -> None:
    body = recorded(path)["request"]
    config = body.get("generationConfig", {})
    options = Options(
        modalities=tuple(config.get("responseModalities", ())),
        tool_invocations="includeServerSideToolInvocations" in body.get("toolConfig", {}),
    )
    adapter = Gemini(options)
    request = parse_create(asked(path))
    made = adapter.request(request)
    assert made.losses == []
    expected = dict(body)
    if not config:
        expected.pop("generationConfig")
    if "systemInstruction" in expected:
        expected["systemInstruction"] = {"parts": expected["systemInstruction"]["parts"]}  # its role says nothing
    if "tools" in expected:
        expected["tools"] = [
            {
                name: [
                    {
                        "name": declaration["name"],
                        "description": declaration["description"],
                        "parametersJsonSchema": function(declaration)["parameters"],
                    }
                    for declaration in value
                ]
                if name == "functionDeclarations"
                else value
                for name, value in tool.items()
            }
            for tool in expected["tools"]
        ]
    assert made.body == expected
    assert adapter.path(request) == recorded(path)["path"].removeprefix("/v1beta")


@recordings
def test_an_answer_goes_back_with_every_signature_on_its_part(path: Path) -> None:
    answered = [to_plain(item) for item in response_of(path).output]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
        for item in answered
        if isinstance(item, dict) and item["type"] == "function_call"
    ]
    body: Any = {"model": "m", "input": [{"role": "user", "content": "Hi"}, *answered, *results]}
    made = Gemini().request(parse_create(body))
    assert {loss.param.partition("].")[2] for loss in made.losses} <= {"", "content[0].annotations"}
    sent = made.body["contents"][1]
    assert sent["role"] == "model"
    assert joined(sent["parts"]) == joined(parts(path))


def joined(found: list[JsonObject]) -> list[JsonObject]:
    """Parts without what a stream does to them: a text goes on where the next says nothing else."""
    whole: list[JsonObject] = []
    for part in found:
        before = whole[-1] if whole else {}
        if before.keys() == part.keys() and part.keys() <= {"text", "thought"}:
            whole[-1] = {**part, "text": before["text"] + part["text"]}
        elif part != {"text": ""}:
            call = part.get("functionCall")
            made = {key: call[key] for key in ("name", "args")} if call else None  # not every call came with an id
            whole.append({**part, "functionCall": made} if made else part)
    return whole


def test_signatures_are_there_to_be_sent_back() -> None:
    signed = [part for path in RECORDINGS for part in parts(path) if "thoughtSignature" in part]
    assert {kind for part in signed for kind in part} >= {"functionCall", "toolCall", "toolResponse", "text"}
    assert all(base64.b64decode(part["thoughtSignature"]) for part in signed)


def test_requests_are_those_of_the_specification() -> None:
    assert all(isinstance(parse_create(asked(path)), CreateResponse) for path in RECORDINGS)
