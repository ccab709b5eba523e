"""Requests to another Responses server: what goes out is what came, but for what only we could know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from penstock.stream.output import EncryptedReasoning
from penstock.upstream.anthropic.signed import sealed
from penstock.upstream.base import Loss, UnsupportedParameter
from penstock.upstream.chat_completions import ChatCompletions
from penstock.upstream.gemini.signatures import Signature
from penstock.upstream.hosted import HOSTED_ITEMS
from penstock.upstream.responses import Options, Responses
from penstock.upstream.responses.names import with_slug, without_slug
from penstock.wire.requests import parse_create
from tests.provider.asking import frame

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"
STREAMING: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
WHOLE: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)


def sent(request: dict[str, Any], *, stream: bool = True) -> dict[str, Any]:
    made = Responses().request(parse_create(request), stream=stream)
    assert made.losses == []
    return made.body


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of providers are not beside this repository")
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_the_request_of_a_recording_asks_for_the_same_thing(path: Path) -> None:
    request = json.loads(path.read_bytes())["request"]
    if request.get("background"):
        with pytest.raises(UnsupportedParameter, match="background"):
            sent(request)
        del request["background"]
    assert sent(request) == request
    STREAMING.validate_python(sent(request))


def test_what_the_specification_does_not_have_goes_out_as_it_came() -> None:
    request = {
        "model": "m",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi", "odd": 1}], "odd": None},
            {"type": "acme:thing", "id": "x", "content": "own", "odd": [1]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "content": None},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"},
        ],
        "tools": [{"type": "mcp", "server_label": "l"}, {"type": "acme:tool"}],
        "tool_choice": {"type": "mcp", "server_label": "l"},
        "temperature": None,
        "prompt": {"id": "pmpt_1"},
        "stream": True,
    }
    assert sent(request) == request


DETAILS = [{"type": "reasoning.encrypted", "data": "abc"}, {"type": "reasoning.summary", "summary": "Hm."}]
OTHERS = [
    sealed({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}),
    Signature(part="call", signature="c2ln", name="f").encrypted().data * 2,
    *(
        output.data
        for output in ChatCompletions().stream().feed(frame({"choices": [{"delta": {"reasoning_details": DETAILS}}]}))
        if isinstance(output, EncryptedReasoning)
    ),
]
"""Reasoning as the adapters of Anthropic, Gemini and Chat Completions keep it."""


def test_there_is_reasoning_of_three_other_adapters() -> None:
    assert len(OTHERS) >= 3


def thought(encrypted: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": "Hm."}]
    return {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": encrypted}


@pytest.mark.parametrize("encrypted", OTHERS)
def test_reasoning_that_was_kept_for_another_provider_is_left_out_and_reported(encrypted: str) -> None:
    said, own = {"role": "user", "content": "Hi"}, thought("gAAAAABo")
    request = parse_create({"model": "m", "input": [said, thought(encrypted), own]})
    made = Responses().request(request)
    assert made.body["input"] == [said, own]
    assert made.losses == [Loss("input[1]", "it was kept for a provider of another API")]
    # The request itself is the caller's, and stays as it is.
    assert isinstance(request.input, list)
    assert len(request.input) == 3
    made = Responses(Options(others_reasoning="send")).request(request)
    assert (made.body["input"], made.losses) == ([said, thought(encrypted), own], [])


@pytest.mark.parametrize(
    "encrypted", ["gAAAAABo", "", "{", "null", '{"type":3}', '{"a":1}', "\n", '{"type":"x"}\nrest', "\ud800"]
)
def test_reasoning_that_a_responses_server_may_have_made_goes_out_as_it_came(encrypted: str) -> None:
    request = {"model": "m", "input": [thought(encrypted)], "stream": True}
    assert sent(request) == request


def test_a_conversation_that_was_compacted_for_another_provider_is_refused() -> None:
    request: dict[str, Any] = {
        "input": [{"type": "compaction", "encrypted_content": '{"type":"compaction","content":"x"}\n'}]
    }
    with pytest.raises(UnsupportedParameter) as refused:
        sent(request)
    assert refused.value.param == "input[0].encrypted_content"
    made = Responses(Options(others_reasoning="send")).request(parse_create(request))
    assert made.body["input"] == request["input"]


def test_types_that_were_given_a_slug_lose_it() -> None:
    request = {
        "input": [
            {"type": "openai:web_search_call", "id": "ws_1", "action": {"type": "openai:search"}},
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "x", "annotations": [{"type": "openai:file_citation", "index": 0}]}
                ],
            },
            {"type": "upstream:odd", "id": "x"},
            {"type": "openai:something_new", "id": "x"},
        ],
        "tools": [{"type": "openai:web_search_preview_2025_03_11"}, {"type": "acme:tool"}],
        "tool_choice": {
            "type": "allowed_tools",
            "tools": [{"type": "openai:file_search"}, {"type": "function", "name": "f"}],
        },
        "include": ["openai:web_search_call.action.sources", "reasoning.encrypted_content"],
    }
    body = sent(request)
    assert [item["type"] for item in body["input"]] == ["web_search_call", "message", "odd", "openai:something_new"]
    # What is deeper is the maker's own, and was not touched.
    assert body["input"][0]["action"] == {"type": "openai:search"}
    assert body["input"][1]["content"][0]["annotations"][0]["type"] == "file_citation"
    assert [tool["type"] for tool in body["tools"]] == ["web_search_preview_2025_03_11", "acme:tool"]
    assert [tool["type"] for tool in body["tool_choice"]["tools"]] == ["file_search", "function"]
    assert body["include"] == ["web_search_call.action.sources", "reasoning.encrypted_content"]
    assert sent({"tool_choice": {"type": "openai:mcp"}})["tool_choice"] == {"type": "mcp"}


@pytest.mark.parametrize("name", [*HOSTED_ITEMS, "file_citation", "web_search"])
def test_a_hosted_name_comes_back(name: str) -> None:
    assert without_slug(f"openai:{name}") == name
    assert without_slug(name) == name


@pytest.mark.parametrize("name", ["", "acme:web_search", "openai:", "upstream:", "openai", "response.odd"])
def test_other_names_stay(name: str) -> None:
    assert without_slug(name) == name


@given(st.from_regex(r"[A-Za-z0-9_.:-]+", fullmatch=True))
def test_any_name_that_was_given_a_slug_loses_it(name: str) -> None:
    assert without_slug(with_slug(name)) == name


def test_options_of_a_stream_go_with_a_stream_only() -> None:
    request = {"model": "m", "input": "Hi", "stream_options": {"include_obfuscation": False}}
    assert sent(request) == {**request, "stream": True}
    assert sent(request, stream=False) == {"model": "m", "input": "Hi", "stream": False}
    assert sent({"include": [], "tools": None}) == {"include": [], "tools": None, "stream": True}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
    ],
)
def test_what_only_a_store_can_resolve_is_refused(request_: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        sent(request_)
    assert refused.value.param == param


def test_what_asks_for_nothing_is_not_refused() -> None:
    nothing = {"previous_response_id": None, "background": False}
    assert sent(nothing) == {**nothing, "stream": True}


texts = st.text(max_size=10)
items = st.one_of(
    st.fixed_dictionaries({"type": st.just("message"), "role": st.sampled_from(["user", "system"]), "content": texts}),
    st.builds(
        lambda text: {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        },
        texts,
    ),
    st.builds(
        lambda text: {"type": "function_call", "call_id": "c", "name": "f", "arguments": text, "id": "fc_1"}, texts
    ),
    st.builds(lambda text: {"type": "function_call_output", "call_id": "c", "output": text}, texts),
    st.builds(lambda text: {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": text}, texts),
    st.just(
        {
            "type": "openai:web_search_call",
            "id": "ws",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        }
    ),
    st.just({"type": "item_reference", "id": "x"}),
)
requests = st.fixed_dictionaries(
    {"model": st.just("m"), "input": texts | st.lists(items, max_size=4)},
    optional={
        "instructions": texts | st.none(),
        "tools": st.just([{"type": "function", "name": "f", "parameters": {}, "strict": True}])
        | st.just([{"type": "openai:web_search"}]),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "text": st.just({"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"}),
        "reasoning": st.just({"effort": "low", "summary": "auto"}),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_output_tokens": st.integers(16, 100),
        "max_tool_calls": st.integers(1, 9),
        "truncation": st.sampled_from(["auto", "disabled"]),
        "include": st.just(["reasoning.encrypted_content"]),
        "metadata": st.dictionaries(st.sampled_from(["a", "b"]), texts),
        "store": st.booleans(),
        "service_tier": st.sampled_from(["auto", "flex"]),
        "previous_response_id": st.none() | st.just("resp_1"),
        "background": st.booleans(),
        "stream_options": st.just({"include_obfuscation": True}),
    },
)


@given(requests, st.booleans())
def test_any_request_is_accepted_by_the_sdk_or_refused_by_name(request: dict[str, Any], stream: bool) -> None:  # noqa: FBT001 - drawn
    try:
        body = sent(request, stream=stream)
    except UnsupportedParameter as error:
        path = error.param
    else:
        (STREAMING if stream else WHOLE).validate_python(body)
        assert body.keys() - {"stream"} == request.keys() - ({"stream"} if stream else {"stream", "stream_options"})
        return
    assert path.split("[")[0] in ("background", "input", "previous_response_id")
