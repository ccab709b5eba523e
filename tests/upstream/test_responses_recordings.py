"""Real replies of Responses servers, said again: the same as their JSON tells, and as OpenAI's own SDK reads them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock
from penstock.spec.request import CreateResponse
from penstock.upstream.relay import Relay
from penstock.upstream.responses import Responses
from penstock.upstream.responses.names import is_hosted_type
from penstock.wire.codec import to_plain
from penstock.wire.requests import parse_create
from tests.stream.validity import assert_valid

RECORDINGS = sorted((Path(__file__).parents[2].parent / "shared" / "recordings" / "responses").glob("*.sse"))
Json = dict[str, Any]
ANEW: Json = {"id": "", "encrypted_content": ""}

if not RECORDINGS:
    pytest.skip("the recordings of providers are not beside this repository", allow_module_level=True)

recordings = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


def events_of(data: bytes) -> list[Json]:
    """The events, by nothing but the letters `data:`."""
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


def request_of(path: Path) -> CreateResponse:
    return parse_create({**json.loads(path.with_suffix(".json").read_bytes())["request"], "background": False})


def relayed(
    data: bytes,
    *cuts: int,
    emitter: penstock.StreamEventEmitter | None = None,
    request: CreateResponse | None = None,
) -> penstock.Response:
    stream = penstock.ResponseStream(emitter, model="m", request=request)
    Relay(Responses().stream(request), stream).run([data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])])
    return stream.response


def without_ids_of_ours(response: penstock.Response) -> Json:
    plain = to_plain(response)
    assert isinstance(plain, dict)
    return {key: value for key, value in plain.items() if key not in ("id", "created_at", "completed_at")}


@recordings
def test_a_reply_becomes_a_valid_stream(path: Path) -> None:
    emitter = penstock.ListStreamEmitter()
    response = relayed(path.read_bytes(), emitter=emitter)
    assert_valid(emitter.events)
    frames: list[bytes] = []
    writing = penstock.SSEEmitter(frames.append)
    relayed(path.read_bytes(), emitter=writing, request=request_of(path))
    writing.done()
    told = penstock.lint(b"".join(frames), request=request_of(path))
    serious = [found for found in told if found.level is not penstock.Level.INFO]
    assert serious == []
    assert response.status == events_of(path.read_bytes())[-1]["response"]["status"]


def told(item: Json) -> Json:
    """What matters of an item, as a provider's JSON tells it."""
    kind = item["type"]
    kind = f"openai:{kind}" if is_hosted_type(kind) else kind
    facts: Json = {"type": kind, "id": item["id"]}
    for name in (
        "call_id",
        "name",
        "arguments",
        "namespace",
        "phase",
        "encrypted_content",
        "action",
        "output",
        "tools",
    ):
        if item.get(name) is not None:
            facts[name] = item[name]
    for name in ("content", "summary"):
        if item.get(name):
            facts[name] = [
                (part["text"], [note.get("url", note.get("filename")) for note in part.get("annotations", ())])
                for part in item[name]
            ]
    return facts


def by_id(item: Json) -> str:
    return str(item["id"])


@recordings
def test_the_response_holds_what_the_provider_sent(path: Path) -> None:
    theirs = events_of(path.read_bytes())
    output = {event["output_index"]: event["item"] for event in theirs if event["type"] == "response.output_item.done"}
    ours = to_plain(relayed(path.read_bytes()).output)
    assert isinstance(ours, list)
    wanted = [told(output[index]) for index in sorted(output)]
    # Some items are told of in the end only; others have another id there (OpenRouter), or are encrypted anew (OpenAI).
    known = [item | ANEW for item in wanted]
    final = map(told, theirs[-1]["response"]["output"])
    wanted += [item for item in final if item | ANEW not in known]
    assert sorted(map(told, ours), key=by_id) == sorted(wanted, key=by_id)
    # An item that can only be said whole stands where it was whole, behind those that were streamed meanwhile.
    streamed = ("message", "reasoning", "function_call")
    assert [told(item) for item in ours if item["type"] in streamed] == [
        item for item in wanted if item["type"] in streamed
    ]


@recordings
def test_the_usage_is_the_providers(path: Path) -> None:
    usage = events_of(path.read_bytes())[-1]["response"]["usage"]
    ours = relayed(path.read_bytes()).usage
    assert ours is not None
    assert (ours.input_tokens, ours.output_tokens) == (usage["input_tokens"], usage["output_tokens"])
    assert ours.input_tokens_details.cached_tokens == usage["input_tokens_details"]["cached_tokens"]
    assert ours.output_tokens_details.reasoning_tokens == usage["output_tokens_details"]["reasoning_tokens"]


@recordings
def test_deltas_are_said_as_they_came(path: Path) -> None:
    emitter = penstock.ListStreamEmitter()
    relayed(path.read_bytes(), emitter=emitter)
    ours = [event.delta for event in emitter.events if isinstance(event, penstock.OutputTextDelta)]
    theirs = [event["delta"] for event in events_of(path.read_bytes()) if event["type"] == "response.output_text.delta"]
    assert ours == theirs


@recordings
def test_the_openai_sdk_reads_the_same(path: Path) -> None:
    data = path.read_bytes()

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    client = openai.OpenAI(
        api_key="k", base_url="http://test", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    with client:
        events = list(client.responses.create(model="m", input="i", stream=True))
    ours = relayed(data)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert ours.output_text == text
    done = [event.item for event in events if event.type == "response.output_item.done"]
    calls = [(item.id, item.call_id, item.name, item.arguments) for item in done if item.type == "function_call"]
    assert [(call.id, call.call_id, call.name, call.arguments) for call in ours.function_calls] == calls
    final = next(event.response.output for event in events if event.type == "response.completed")
    ids = [item.id for item in ours.output]
    assert {item.id for item in done} <= set(ids)
    assert len(set(ids)) == len(ids) == len(final)


@recordings
def test_bytes_may_be_cut_anywhere(path: Path) -> None:
    data = path.read_bytes()
    whole = without_ids_of_ours(relayed(data))
    assert without_ids_of_ours(relayed(data, *range(0, len(data), 1 if len(data) < 50_000 else 7))) == whole


@settings(max_examples=20)
@given(st.data())
def test_random_cuts_do_not_show(drawn: st.DataObject) -> None:
    data = drawn.draw(st.sampled_from(RECORDINGS)).read_bytes()
    cuts = drawn.draw(st.lists(st.integers(0, len(data)), max_size=6))
    assert without_ids_of_ours(relayed(data, *cuts)) == without_ids_of_ours(relayed(data))


@recordings
def test_a_reply_that_is_cut_off_fails(path: Path) -> None:
    data = path.read_bytes()
    end = data.rindex(b'"type":"response.', 0, data.rindex(b"\n\n"))
    places = list(range(0, end, max(end // 40, 1)))
    for at in [*places, end]:
        emitter = penstock.ListStreamEmitter()
        assert relayed(data[:at], emitter=emitter).status == "failed", at
        assert [event.event_type for event in emitter.events][-2:] == ["error", "response.failed"]


@recordings
def test_the_request_is_read_with_the_reply(path: Path) -> None:
    data, request = path.read_bytes(), request_of(path)
    translation = Responses().stream(request)
    said = [*translation.feed(data), *translation.close()]
    plain = Responses().stream()
    assert said == [*plain.feed(data), *plain.close()]
    assert translation.model == events_of(data)[0]["response"]["model"]
