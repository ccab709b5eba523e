"""Open Responses requests as Messages requests: what is sent, what is refused, what is reported as lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pytest
from anthropic.types import message_create_params as current
from anthropic.types.beta import message_create_params as beta
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from penstock.spec import content as c
from penstock.spec import items as i
from penstock.spec import request as r
from penstock.spec import tools as t
from penstock.spec.base import UNSET, Extra, JsonObject
from penstock.spec.request import CreateResponse
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat, TextResponseFormat
from penstock.upstream.anthropic import Anthropic, Options
from penstock.upstream.anthropic.request import API_VERSION, DEFAULT_MAX_TOKENS
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.registry import upstream_by_name
from tests.upstream import strategies as s
from tests.upstream.asking import (
    LOST,
    ODD,
    OURS,
    REFUSED,
    SENT,
    asking,
    body_by,
    call,
    check_fate,
    is_path,
    lost_by,
    of,
    refused_by,
    result,
    samples,
    text,
    user,
)

CACHED = Extra({"anthropic:cache_control": {"type": "ephemeral"}})
CACHE_CONTROL = {"cache_control": {"type": "ephemeral"}}
PDF = base64.b64encode(b"%PDF-1.7").decode()
WORDS = base64.b64encode("Wörter".encode()).decode()


def body(request: CreateResponse, options: Options | None = None) -> JsonObject:
    return body_by(Anthropic(options), request)


def lost(request: CreateResponse, options: Options | None = None) -> list[str]:
    return lost_by(Anthropic(options), request)


def refused(request: CreateResponse, options: Options | None = None) -> str:
    return refused_by(Anthropic(options), request)


def messages(*items: i.ItemParam) -> list[JsonObject]:
    made: list[JsonObject] = body(of(*items))["messages"]
    return made


def content(*items: i.ItemParam) -> list[JsonObject]:
    """The blocks of the one message that is made of `items`."""
    [message] = messages(*items)
    blocks: list[JsonObject] = message["content"]
    return blocks


def assistant(*parts: c.MessageContentParam) -> i.MessageItemParam:
    return i.MessageItemParam(role="assistant", content=list(parts), id="msg_1", status="completed")


def output(words: str, *annotations: c.UrlCitationParam | c.ExtensionAnnotation) -> c.OutputTextContentParam:
    return c.OutputTextContentParam(text=words, annotations=list(annotations))


def reasoning(encrypted: str | None = None, *, summary: str = "", raw: str = "") -> i.ReasoningItemParam:
    return i.ReasoningItemParam(
        summary=[c.ReasoningSummaryContentParam(text=summary)] if summary else [],
        content=[c.ReasoningTextContentParam(text=raw)] if raw else None,
        encrypted_content=encrypted,
    )


def own(**fields: object) -> i.ExtensionItem:
    return i.ExtensionItem(fields=Extra(fields))


def block(words: str) -> JsonObject:
    return {"type": "text", "text": words}


def called(call_id: str) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}}


def answered(call_id: str) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "42"}


def line(**fields: object) -> str:
    return json.dumps(fields) + "\n"


# The smallest requests.


def test_string_input_is_a_message_of_the_user() -> None:
    assert body(asking()) == {
        "model": "m",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [block("Hi")]}],
        "stream": True,
    }
    assert Anthropic().request(asking(), stream=False).body.keys() == {"model", "max_tokens", "messages"}


def test_limit_of_tokens() -> None:
    assert body(asking(max_output_tokens=99))["max_tokens"] == 99
    assert body(asking(), Options(max_tokens=7))["max_tokens"] == 7


@pytest.mark.parametrize("model", ["", None])
def test_model_is_needed(model: str | None) -> None:
    assert refused(CreateResponse(model=model, input="Hi")) == "model"


@pytest.mark.parametrize("value", [None, [], [user()], [user(text(""))], [user(text("a"), role="system")]])
def test_a_message_is_needed(value: list[i.ItemParam] | None) -> None:
    assert refused(CreateResponse(model="m", input=value)) == "input"


def test_where_requests_go_and_what_is_in_their_head() -> None:
    adapter = upstream_by_name("anthropic")
    assert isinstance(adapter, Anthropic)
    assert (adapter.name, adapter.path(asking()), adapter.models_endpoint) == (
        "anthropic",
        "/v1/messages",
        "/v1/models",
    )
    assert adapter.headers("k") == {"anthropic-version": API_VERSION, "x-api-key": "k"}
    older = Anthropic(Options(version="2023-06-01", betas=("a", "b")))
    assert older.headers(None) == {"anthropic-version": "2023-06-01", "anthropic-beta": "a,b"}


# The system prompt.


def test_instructions_and_first_system_messages_are_the_system_prompt() -> None:
    request = of(user(text("a"), text("b"), role="system"), user(text("Hi")), instructions="Be kind.")
    assert body(request)["system"] == [block("Be kind."), block("a"), block("b")]
    assert body(request)["messages"] == [{"role": "user", "content": [block("Hi")]}]


def test_developer_messages_are_system_messages() -> None:
    made = Anthropic().request(of(user(text("a"), role="developer"), user(text("Hi"))))
    assert made.body["system"] == [block("a")]
    assert [loss.param for loss in made.losses] == ["input[0].role"]


def test_later_system_messages_move_to_the_front_or_stay() -> None:
    request = of(user(text("Hi")), user(text("a"), role="system"), user(text("there")))
    made = Anthropic().request(request)
    assert made.body["system"] == [block("a")]
    assert made.body["messages"] == [{"role": "user", "content": [block("Hi"), block("there")]}]
    assert [loss.param for loss in made.losses] == ["input[1]"]
    stays = body(request, Options(system_messages="in_place"))
    assert "system" not in stays
    assert [message["role"] for message in stays["messages"]] == ["user", "system", "user"]


def test_the_system_prompt_is_text() -> None:
    image = c.InputImageContentParam(image_url="http://x")
    assert refused(of(user(image, role="system"))) == "input[0].content[0].type"


# Messages.


def test_consecutive_items_of_one_side_are_one_message() -> None:
    items = (user(text("a")), user(text("b")), assistant(output("c")), call("1"), call("2"), result("1"), result("2"))
    assert messages(*items, user(text("d"))) == [
        {"role": "user", "content": [block("a"), block("b")]},
        {"role": "assistant", "content": [block("c"), called("1"), called("2")]},
        {"role": "user", "content": [answered("1"), answered("2"), block("d")]},
    ]


def test_results_come_first_in_their_message() -> None:
    made = Anthropic().request(
        of(call("1"), call("2"), user(text("Well?")), result("1"), result("2"), user(text("Now.")))
    )
    assert made.body["messages"][1]["content"] == [answered("1"), answered("2"), block("Well?"), block("Now.")]
    assert [loss.param for loss in made.losses] == ["input[3]", "input[4]"]
    # The next turn begins anew.
    again = Anthropic().request(of(call("1"), result("1"), call("2"), user(text("Well?")), result("2")))
    assert again.body["messages"][3]["content"] == [answered("2"), block("Well?")]


def test_content_as_a_string_and_without_text() -> None:
    assert content(i.MessageItemParam(role="user", content="a")) == [block("a")]
    assert content(i.MessageItemParam(role="user", content=""), user(text(""), text("a"))) == [block("a")]


def test_phase_is_lost() -> None:
    item = i.MessageItemParam(role="assistant", content="a", phase="commentary")
    assert lost(of(item)) == ["input[0].phase"]


def test_a_refusal_goes_back_as_text() -> None:
    made = Anthropic().request(of(assistant(c.RefusalContentParam(refusal="No."), c.RefusalContentParam(refusal=""))))
    assert made.body["messages"] == [{"role": "assistant", "content": [block("No.")]}]
    assert [loss.param for loss in made.losses] == ["input[0].content[0]", "input[0].content[1]"]


@pytest.mark.parametrize(
    ("part", "role"),
    [
        (c.InputVideoContent(video_url="http://x"), "user"),
        (c.RefusalContentParam(refusal="a"), "user"),
        (c.ExtensionContent(fields=Extra({"type": "acme:x"})), "user"),
        (c.ExtensionContent(fields=Extra({"type": "anthropic:"})), "user"),
        (c.ExtensionContent(fields=Extra({"type": "acme:x"})), "assistant"),
        (c.InputImageContentParam(image_url="http://x"), "assistant"),
    ],
)
def test_parts_that_a_message_cannot_hold(part: c.MessageContentParam, role: i.Role) -> None:
    assert refused(of(user(part, role=role))) == "input[0].content[0].type"


def test_parts_of_anthropics_own_go_through() -> None:
    search = {"source": "s", "title": "t", "content": [block("a")]}
    part = c.ExtensionContent(fields=Extra({**search, "type": "anthropic:search_result", "gone": UNSET}))
    assert content(user(part)) == [{**search, "type": "search_result"}]
    assert content(assistant(part)) == [{**search, "type": "search_result"}]


# Images and files.


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_image_by_its_data(kind: str) -> None:
    source = {"type": "base64", "media_type": kind, "data": "AA=="}
    assert content(user(c.InputImageContentParam(image_url=f"data:{kind};base64,AA=="))) == [
        {"type": "image", "source": source}
    ]
    assert content(user(c.InputFileContentParam(file_data=f"data:{kind};base64,AA=="))) == [
        {"type": "image", "source": source}
    ]


def test_image_by_url_and_by_id() -> None:
    by_id = c.InputImageContentParam(extra=Extra({"file_id": "file_1"}))
    assert content(user(c.InputImageContentParam(image_url="https://x", detail="auto"), by_id)) == [
        {"type": "image", "source": {"type": "url", "url": "https://x"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ]
    assert lost(of(user(c.InputImageContentParam(image_url="https://x", detail="low")))) == [
        "input[0].content[0].detail"
    ]


@pytest.mark.parametrize("url", [None, "data:image/tiff;base64,AA==", "data:image/png,AA", "data:nonsense"])
def test_images_that_cannot_be_sent(url: str | None) -> None:
    assert refused(of(user(c.InputImageContentParam(image_url=url)))) == "input[0].content[0].image_url"


PDF_BLOCK = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
TEXT_BLOCK = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Wörter"}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"file_data": PDF}, PDF_BLOCK),
        ({"file_data": f"data:application/pdf;name=x.pdf;base64,{PDF}"}, PDF_BLOCK),
        ({"file_data": PDF, "filename": "A.PDF"}, {**PDF_BLOCK, "title": "A.PDF"}),
        ({"file_data": f"data:application/octet-stream;base64,{PDF}", "filename": "a"}, {**PDF_BLOCK, "title": "a"}),
        ({"file_data": WORDS, "filename": "a.md"}, {**TEXT_BLOCK, "title": "a.md"}),
        ({"file_data": f"data:text/csv;base64,{WORDS}"}, TEXT_BLOCK),
        ({"file_data": f"data:application/json;base64,{WORDS}"}, TEXT_BLOCK),
        ({"file_url": f"data:text/plain;base64,{WORDS}"}, TEXT_BLOCK),
        ({"file_url": "https://x/a"}, {"type": "document", "source": {"type": "url", "url": "https://x/a"}}),
        (
            {"extra": Extra({"file_id": "file_1"})},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_files(fields: JsonObject, expected: JsonObject) -> None:
    assert content(user(c.InputFileContentParam(**fields))) == [expected]


def test_what_of_a_file_has_no_place_is_reported() -> None:
    both = c.InputFileContentParam(file_data=PDF, file_url="https://x", extra=Extra({"file_id": "file_1"}))
    named = c.InputFileContentParam(file_data="AA==", filename="a.jpg")
    image = c.InputImageContentParam(image_url="https://x", extra=Extra({"file_id": "file_1"}))
    odd = c.InputTextContentParam(text="a", extra=Extra({"file_id": "file_1"}))
    assert lost(of(user(both, named, image, odd))) == [
        "input[0].content[0].file_url",
        "input[0].content[0].file_id",
        "input[0].content[1].filename",
        "input[0].content[2].file_id",
        "input[0].content[3].file_id",
    ]
    [made] = Anthropic().request(of(user(named))).body["messages"]
    assert made["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}}
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "file_data"),
        ({"filename": "a.pdf"}, "file_data"),
        ({"file_data": "AA==", "filename": "a.zip"}, "file_data"),
        ({"file_data": "AA=="}, "file_data"),
        ({"file_data": "data:application/zip;base64,AA=="}, "file_data"),
        ({"file_data": "not base64", "filename": "a.txt"}, "file_data"),
        ({"file_data": "/w==", "filename": "a.txt"}, "file_data"),
        ({"file_url": "data:text/plain,words"}, "file_url"),
    ],
)
def test_files_that_cannot_be_sent(fields: JsonObject, param: str) -> None:
    assert refused(of(user(c.InputFileContentParam(**fields)))) == f"input[0].content[0].{param}"


def test_marks_of_the_prompt_cache_go_through_wherever_anthropic_has_them() -> None:
    document = Extra({**CACHED, "anthropic:citations": {"enabled": True}})
    made = messages(
        user(
            c.InputTextContentParam(text="a", extra=CACHED),
            c.InputImageContentParam(image_url="https://x", extra=CACHED),
            c.InputFileContentParam(file_url="https://x", extra=document),
        ),
        msgspec.structs.replace(call("1"), extra=CACHED),
        msgspec.structs.replace(result("1"), extra=CACHED),
    )
    assert [CACHE_CONTROL.items() <= entry.items() for message in made for entry in message["content"]] == [True] * 5
    assert made[0]["content"][2]["citations"] == {"enabled": True}


# What the model had done.


def test_arguments_are_an_object() -> None:
    assert content(call("1", arguments='{"a": [1]}'), call("2", arguments="")) == [
        {**called("1"), "input": {"a": [1]}},
        called("2"),
    ]


@pytest.mark.parametrize("arguments", ["[]", '{"a":', "nonsense", '{"a": "\ud800"}', '{"a":' * 10_000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    assert refused(of(call("1", arguments=arguments))) == "input[0].arguments"


def test_ids_of_calls_are_written_in_anthropics_letters() -> None:
    made = messages(call("functions.f:0"), result("functions.f:0"))
    assert made[0]["content"][0]["id"] == made[1]["content"][0]["tool_use_id"] == "functions_2e_f_3a_0"


def test_results_of_every_kind() -> None:
    parts: list[c.ToolOutputContentParam] = [
        text("a"),
        text(""),
        c.InputImageContentParam(image_url="https://x"),
        c.InputFileContentParam(file_url="https://x"),
        c.ExtensionContent(fields=Extra({"type": "anthropic:tool_reference", "tool_name": "f"})),
    ]
    assert content(result("1", parts), result("2", ""), result("3", [])) == [
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "content": [
                block("a"),
                {"type": "image", "source": {"type": "url", "url": "https://x"}},
                {"type": "document", "source": {"type": "url", "url": "https://x"}},
                {"type": "tool_reference", "tool_name": "f"},
            ],
        },
        {"type": "tool_result", "tool_use_id": "2"},
        {"type": "tool_result", "tool_use_id": "3"},
    ]
    video: list[c.ToolOutputContentParam] = [c.InputVideoContent(video_url="https://x")]
    assert refused(of(result("1", video))) == "input[0].output[0].type"


def test_signed_thinking_goes_back_unchanged() -> None:
    shown = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "x"}
    encrypted = line(**shown) + line(**hidden)
    # The text is Anthropic's own, whatever has become of the readable one.
    assert content(reasoning(encrypted, summary="Other.", raw="Another."), call("1")) == [shown, hidden, called("1")]


@pytest.mark.parametrize(
    "encrypted",
    [
        "gAAAAA",
        "\n",
        "7\n",
        line(type="reasoning.encrypted", data="x"),
        line(type="thinking", thinking="a"),
        line(type="redacted_thinking", data=7),
        line(type="thinking", thinking="a", signature="b") + "x",
        "\ud800",
        '{"a":' * 10_000,
    ],
)
def test_reasoning_that_others_encrypted_is_reported(encrypted: str) -> None:
    assert lost(of(user(text("Hi")), reasoning(encrypted, summary="a"))) == ["input[1].encrypted_content"]


def test_reasoning_that_is_only_readable_is_reported() -> None:
    assert lost(of(user(text("Hi")), reasoning(summary="a"), reasoning(raw="b"), reasoning())) == [
        "input[1]",
        "input[2]",
    ]


def test_compaction_goes_back_where_it_was_anthropics() -> None:
    summary = {"type": "compaction", "content": "So far.", "encrypted_content": None}
    assert content(i.CompactionItemParam(encrypted_content=line(**summary), id="cmp_1")) == [summary]
    for foreign in ("gAAAAA", line(**summary) * 2, line(type="thinking")):
        assert refused(of(i.CompactionItemParam(encrypted_content=foreign))) == "input[0].encrypted_content"


def test_tools_that_anthropic_ran_go_back_with_their_results() -> None:
    use = {"name": "web_search", "input": {"query": "q"}}
    found = {"tool_use_id": "srv", "content": []}
    assert content(
        own(type="anthropic:server_tool_use", id="srv", status="completed", **use),
        own(type="anthropic:web_search_tool_result", id="item_1", status="completed", **found),
    ) == [
        {"type": "server_tool_use", "id": "srv", **use},
        {"type": "web_search_tool_result", **found},
    ]


def test_a_tool_of_anthropics_that_was_cut_in_two_stays_behind() -> None:
    cut = own(type="anthropic:server_tool_use", id="srv", status="incomplete", name="web_search", input='{"q')
    assert lost(of(user(text("Hi")), cut)) == ["input[1]"]
    paused = own(type="anthropic:server_tool_use", id="srv", status="incomplete", name="web_search", input={})
    assert content(paused)[0]["input"] == {}


@pytest.mark.parametrize(
    "item", [i.ItemReferenceParam(id="msg_1"), own(type="thing"), own(type="anthropic:"), own(type="shell_call_output")]
)
def test_items_that_anthropic_does_not_have(item: i.ItemParam) -> None:
    assert refused(of(item)) == "input[0].type"


def test_citations_go_back() -> None:
    extra = Extra({"cited_text": "y", "encrypted_index": "z"})
    web = c.UrlCitationParam(url="http://x", title="X", start_index=0, end_index=1, extra=extra)
    page = c.ExtensionAnnotation(fields=Extra({"type": "anthropic:page_location", "document_index": 0}))
    assert content(assistant(output("a", web, page), output("b", msgspec.structs.replace(web, title="")))) == [
        {
            **block("a"),
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "http://x",
                    "title": "X",
                    "cited_text": "y",
                    "encrypted_index": "z",
                },
                {"type": "page_location", "document_index": 0},
            ],
        },
        {
            **block("b"),
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "http://x",
                    "title": None,
                    "cited_text": "y",
                    "encrypted_index": "z",
                }
            ],
        },
    ]


def test_citations_of_others_and_in_messages_of_others_are_lost() -> None:
    foreign = c.UrlCitationParam(url="http://x", title="X", start_index=0, end_index=1)
    acme = c.ExtensionAnnotation(fields=Extra({"type": "acme:note"}))
    mine = c.ExtensionAnnotation(fields=Extra({"type": "anthropic:page_location"}))
    request = of(assistant(output("a", foreign), output("b", acme, mine), output("", mine)), user(output("c", mine)))
    made = Anthropic().request(request)
    assert [loss.param for loss in made.losses] == [
        "input[0].content[0].annotations",
        "input[0].content[1].annotations",
        "input[0].content[2].annotations",
        "input[1].content[0].annotations",
    ]
    assert made.body["messages"][0]["content"] == [block("a"), {**block("b"), "citations": [{"type": "page_location"}]}]
    assert made.body["messages"][1]["content"] == [block("c")]


def test_log_probabilities_of_earlier_answers_are_lost() -> None:
    token = c.LogProb(token="a", logprob=-1.0, bytes=[], top_logprobs=[])
    part = c.OutputTextContentParam(text="a", logprobs=[token])
    assert lost(of(assistant(part))) == ["input[0].content[0].logprobs"]


# Tools.

FUNCTION = t.FunctionToolParam(
    name="f", description="Does.", parameters={"type": "object", "properties": {"a": {}}}, strict=True
)
SEARCH = t.ExtensionTool(fields=Extra({"type": "anthropic:web_search_20260318", "name": "web_search", "max_uses": 3}))
SEARCHED = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}


def with_tools(**more: object) -> CreateResponse:
    tools = [FUNCTION, t.FunctionToolParam(name="g")]
    return asking(**{"tools": tools, **more})


def test_tools() -> None:
    deferred = t.FunctionToolParam(name="h", strict=False, extra=Extra({"anthropic:defer_loading": True}))
    made = body(asking(tools=[FUNCTION, SEARCH, t.FunctionToolParam(name="g", parameters={}), deferred]))
    assert made["tools"] == [
        {
            "name": "f",
            "description": "Does.",
            "input_schema": {"type": "object", "properties": {"a": {}}},
            "strict": True,
        },
        {"name": "g", "input_schema": {"type": "object"}},
        {"name": "h", "input_schema": {"type": "object"}, "strict": False, "defer_loading": True},
        SEARCHED,
    ]
    assert "tool_choice" not in made


def test_tools_of_others_are_left_out() -> None:
    other = t.ExtensionTool(fields=Extra({"type": "web_search"}))
    made = Anthropic().request(asking(tools=[other, FUNCTION]))
    assert [tool["name"] for tool in made.body["tools"]] == [FUNCTION.name]
    assert [loss.param for loss in made.losses] == ["tools[0]"]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (UNSET, UNSET, None),
        (UNSET, True, None),
        (UNSET, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", UNSET, {"type": "auto"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", True, {"type": "none"}),
        ("none", False, {"type": "none"}),
        (t.SpecificFunctionParam(name="g"), UNSET, {"type": "tool", "name": "g"}),
        (
            t.SpecificFunctionParam(name="g"),
            False,
            {"type": "tool", "name": "g", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choice(choice: object, parallel: object, expected: object) -> None:
    made = body(with_tools(tool_choice=choice, parallel_tool_calls=parallel))
    assert made.get("tool_choice") == expected
    assert [tool["name"] for tool in made["tools"]] == ["f", "g"]


def test_tools_of_anthropic_alone_can_be_required() -> None:
    made = body(asking(tools=[SEARCH], tool_choice="required"))
    assert made["tools"] == [SEARCHED]
    assert made["tool_choice"] == {"type": "any"}
    assert body(asking(tools=[], tool_choice="none")).keys() == body(asking()).keys()


@pytest.mark.parametrize(
    ("mode", "offered", "choice"),
    [
        (UNSET, ["g"], {"type": "auto"}),
        ("auto", ["g"], {"type": "auto"}),
        ("required", ["g"], {"type": "any"}),
        ("none", ["f", "g", "web_search"], {"type": "none"}),
    ],
)
def test_allowed_tools_are_the_only_ones_offered(mode: t.ToolChoiceMode, offered: list[str], choice: object) -> None:
    allowed = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="g")], mode=mode)
    made = body(asking(tools=[FUNCTION, t.FunctionToolParam(name="g"), SEARCH], tool_choice=allowed))
    assert [tool["name"] for tool in made["tools"]] == offered
    assert made["tool_choice"] == choice


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        (t.SpecificFunctionParam(name="x"), "tool_choice.name"),
        (t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="x")]), "tool_choice.tools[0].name"),
        (t.ExtensionToolChoice(fields=Extra({"type": "x"})), "tool_choice.type"),
    ],
)
def test_choices_that_cannot_be_made(choice: object, param: str) -> None:
    assert refused(with_tools(tool_choice=choice)) == param


# Reasoning.


def thought(effort: object = UNSET, summary: object = UNSET, **more: object) -> CreateResponse:
    asked = msgspec.structs.replace(r.ReasoningParam(), effort=effort, summary=summary)
    return msgspec.structs.replace(with_tools(reasoning=asked), **more)


@pytest.mark.parametrize(
    ("effort", "summary", "thinking", "said"),
    [
        (UNSET, None, None, None),
        ("none", UNSET, {"type": "disabled"}, None),
        ("none", "auto", {"type": "disabled"}, None),
        ("low", UNSET, {"type": "adaptive"}, "low"),
        ("medium", None, {"type": "adaptive"}, "medium"),
        ("high", "auto", {"type": "adaptive", "display": "summarized"}, "high"),
        ("xhigh", UNSET, {"type": "adaptive"}, "xhigh"),
        (None, "auto", {"type": "adaptive", "display": "summarized"}, None),
    ],
)
def test_reasoning(effort: object, summary: object, thinking: object, said: str | None) -> None:
    made = body(thought(effort, summary))
    assert made.get("thinking") == thinking
    assert made.get("output_config") == (None if said is None else {"effort": said})


@pytest.mark.parametrize(
    ("effort", "limit", "budget"),
    [("low", UNSET, 1024), ("medium", UNSET, 4096), ("high", 40_000, 16_384), ("xhigh", 10_000, 5_000)],
)
def test_reasoning_with_a_budget(effort: str, limit: object, budget: int) -> None:
    made = body(thought(effort, max_output_tokens=limit), Options(thinking="budget"))
    assert made["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert "output_config" not in made
    assert budget < made["max_tokens"]


def test_reasoning_that_cannot_be_had_is_lost() -> None:
    budget = Options(thinking="budget")
    assert lost(thought("high", max_output_tokens=2_000), budget) == ["reasoning.effort"]
    assert lost(thought(UNSET, "auto"), budget) == ["reasoning.summary"]
    assert lost(thought("high", "detailed")) == lost(thought("high", "concise"), budget) == ["reasoning.summary"]


@pytest.mark.parametrize("choice", ["required", t.SpecificFunctionParam(name="f")])
def test_no_model_thinks_where_a_call_is_forced(choice: object) -> None:
    made = Anthropic().request(thought("high", tool_choice=choice))
    assert [loss.param for loss in made.losses] == ["reasoning"]
    assert "thinking" not in made.body
    assert made.body["output_config"] == {"effort": "high"}


# Structured output.

SCHEMA = r.JsonSchemaResponseFormatParam(name="x", schema={"type": "object"}, strict=False)


def test_structured_output() -> None:
    config = body(thought("low", text=r.TextParam(format=SCHEMA)))["output_config"]
    assert config == {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "low"}
    assert "output_config" not in body(asking(text=r.TextParam(format=TextResponseFormat())))
    assert "output_config" not in body(asking(text=r.TextParam(format=None)))
    described = msgspec.structs.replace(SCHEMA, description="d")
    assert lost(asking(text=r.TextParam(format=described, verbosity="low"))) == [
        "text.verbosity",
        "text.format.description",
    ]


@pytest.mark.parametrize(
    ("form", "param"),
    [
        (JsonObjectResponseFormat(), "text.format.type"),
        (ExtensionFormat(fields=Extra({"type": "x"})), "text.format.type"),
        (r.JsonSchemaResponseFormatParam(name="x"), "text.format.schema"),
    ],
)
def test_formats_that_anthropic_does_not_have(form: r.TextFormatParam, param: str) -> None:
    assert refused(asking(text=r.TextParam(format=form))) == param


# The rest.


def test_sampling_is_sent_only_where_it_is_taken() -> None:
    request = asking(temperature=0.5, top_p=0.9)
    assert lost(request) == ["temperature", "top_p"]
    made = body(request, Options(sampling=True))
    assert (made["temperature"], made["top_p"]) == (0.5, 0.9)
    assert body(asking(temperature=1.0, top_p=1)) == body(asking(temperature=None)) == body(asking())


def test_a_temperature_beyond_the_highest_is_the_highest() -> None:
    made = Anthropic(Options(sampling=True)).request(asking(temperature=1.5))
    assert made.body["temperature"] == 1.0
    assert [loss.param for loss in made.losses] == ["temperature"]


@pytest.mark.parametrize(
    ("tier", "expected"), [("auto", "auto"), ("priority", "auto"), ("default", "standard_only"), (None, None)]
)
def test_service_tier(tier: object, expected: object) -> None:
    assert body(asking(service_tier=tier)).get("service_tier") == expected


def test_include() -> None:
    assert body(asking(include=["reasoning.encrypted_content"])) == body(asking())
    assert lost(asking(include=["reasoning.encrypted_content", "file_search_call.results"])) == ["include[1]"]
    assert refused(asking(include=["x", "message.output_text.logprobs"])) == "include[1]"


def test_parameters_of_anthropics_own_go_through() -> None:
    extra = Extra({"anthropic:stop_sequences": ["END"], "anthropic:model": "x", "odd": 1, "anthropic:gone": UNSET})
    made = Anthropic().request(asking(extra=extra))
    assert made.body["stop_sequences"] == ["END"]
    assert made.body["model"] == "m"
    assert "gone" not in made.body
    assert [loss.param for loss in made.losses] == ["anthropic:model", "odd"]


def test_unknown_fields_are_reported_wherever_they_are() -> None:
    function = t.SpecificFunctionParam(name="f", extra=ODD)
    beyond = Extra({"odd": 1, "anthropic:cache_control": None})
    signed = line(type="redacted_thinking", data="x")
    request = of(
        i.MessageItemParam(
            role="user",
            content=[
                c.InputTextContentParam(text="a", extra=ODD),
                c.InputImageContentParam(image_url="u", extra=ODD),
                c.InputFileContentParam(file_url="u", extra=ODD),
            ],
            extra=beyond,
        ),
        i.ReasoningItemParam(
            summary=[c.ReasoningSummaryContentParam(text="", extra=ODD)],
            content=[c.ReasoningTextContentParam(text="", extra=ODD)],
            encrypted_content=signed,
            extra=ODD,
        ),
        i.MessageItemParam(role="assistant", content=[c.OutputTextContentParam(text="a", extra=ODD)]),
        i.FunctionCallItemParam(call_id="a", name="f", arguments="{}", extra=ODD),
        i.FunctionCallOutputItemParam(call_id="a", output=[c.InputTextContentParam(text="a", extra=ODD)], extra=ODD),
        i.CompactionItemParam(encrypted_content=line(type="compaction"), extra=ODD),
        tools=[t.FunctionToolParam(name="f", extra=beyond)],
        tool_choice=t.AllowedToolsParam(tools=[function], extra=beyond),
        text=r.TextParam(format=msgspec.structs.replace(SCHEMA, extra=ODD), extra=ODD),
        reasoning=r.ReasoningParam(extra=ODD),
        stream_options=r.StreamOptionsParam(extra=beyond),
        extra=ODD,
    )
    assert sorted(lost(request)) == [
        "input[0].anthropic:cache_control",
        "input[0].content[0].odd",
        "input[0].content[1].odd",
        "input[0].content[2].odd",
        "input[0].odd",
        "input[1].content[0].odd",
        "input[1].odd",
        "input[1].summary[0].odd",
        "input[2].content[0].odd",
        "input[3].odd",
        "input[4].odd",
        "input[4].output[0].odd",
        "input[5].odd",
        "odd",
        "reasoning.odd",
        "stream_options.anthropic:cache_control",
        "stream_options.odd",
        "text.format.odd",
        "text.odd",
        "tool_choice.anthropic:cache_control",
        "tool_choice.odd",
        "tool_choice.tools[0].odd",
        "tools[0].odd",
    ]
    refusing = of(assistant(c.RefusalContentParam(refusal="a", extra=ODD)))
    assert lost(refusing) == ["input[0].content[0].odd", "input[0].content[0]"]


# Every field has a fate, and a new one cannot be forgotten.

FATES: dict[str, list[tuple[object, str]]] = {
    "extra": [(ODD, LOST), (Extra({"anthropic:speed": "fast"}), SENT)],
    "model": [("other", SENT), (None, REFUSED)],
    "input": [("Hello", SENT), (None, REFUSED)],
    "previous_response_id": [("resp_1", REFUSED)],
    "include": [(["x"], LOST), (["reasoning.encrypted_content"], OURS)],
    "tools": [([t.FunctionToolParam(name="x")], SENT)],
    "tool_choice": [("required", SENT)],
    "metadata": [({"a": "b"}, OURS)],
    "text": [(r.TextParam(verbosity="low"), LOST), (r.TextParam(format=SCHEMA), SENT)],
    "temperature": [(0.0, LOST), (1.0, OURS)],
    "top_p": [(0.0, LOST), (1.0, OURS)],
    "presence_penalty": [(0.5, LOST), (0.0, OURS)],
    "frequency_penalty": [(0.5, LOST), (0.0, OURS)],
    "parallel_tool_calls": [(False, SENT), (True, OURS)],
    "stream": [(True, OURS), (False, OURS)],
    "stream_options": [(r.StreamOptionsParam(include_obfuscation=True), OURS)],
    "background": [(True, REFUSED), (False, OURS)],
    "max_output_tokens": [(16, SENT)],
    "max_tool_calls": [(1, LOST)],
    "reasoning": [(r.ReasoningParam(effort="none"), SENT), (r.ReasoningParam(summary="auto"), SENT)],
    "safety_identifier": [("s", SENT)],
    "prompt_cache_key": [("k", LOST)],
    "truncation": [("auto", LOST), ("disabled", OURS)],
    "instructions": [("Be kind.", SENT)],
    "store": [(True, OURS), (False, OURS)],
    "service_tier": [("flex", LOST), ("default", SENT)],
    "top_logprobs": [(2, REFUSED), (0, OURS)],
}


def test_every_field_of_a_request_has_a_fate() -> None:
    assert FATES.keys() == set(CreateResponse.__struct_fields__)


@pytest.mark.parametrize(("field", "value", "fate"), samples(FATES))
def test_fate(field: str, value: object, fate: str) -> None:
    check_fate(Anthropic(), with_tools(), field, value, fate)


def test_the_user_is_told_by_an_identifier() -> None:
    assert body(asking(safety_identifier="s"))["metadata"] == {"user_id": "s"}


# The official SDK's types agree.

STREAMING: TypeAdapter[object] = TypeAdapter(beta.MessageCreateParamsStreaming)
WHOLE: TypeAdapter[object] = TypeAdapter(beta.MessageCreateParamsNonStreaming)
CURRENT: TypeAdapter[object] = TypeAdapter(current.MessageCreateParamsStreaming)
SAMPLING = {"temperature", "top_p"}  # the SDK has them no more, for its version of the API has not


def plain(value: object) -> object:
    """Return what pydantic made of a value, which it partly validates only now; what it does not know is not in there."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, BaseModel):  # a block of an answer, which a request may hold as well
        return value.model_dump(exclude_unset=True, by_alias=True)
    assert isinstance(value, Iterable)
    return [plain(each) for each in value]


def accept(request: CreateResponse, options: Options) -> None:
    adapter = Anthropic(options)
    made = adapter.request(request).body
    json.dumps(made)
    known = {key: value for key, value in made.items() if key not in SAMPLING}
    assert known == plain(STREAMING.validate_python(known, strict=True))
    whole = adapter.request(request, stream=False).body
    assert {**whole, "stream": True} == made
    plain(WHOLE.validate_python(whole, strict=True))
    blocks: Sequence[JsonObject] = [entry for message in made["messages"] for entry in message["content"]]
    if all(entry["type"] != "compaction" for entry in blocks):  # which is a beta feature still
        assert known == plain(CURRENT.validate_python(known, strict=True))


images = st.builds(
    c.InputImageContentParam,
    image_url=st.sampled_from(["https://x", "data:image/png;base64,AA==", "data:image/png;base64,AA=="])
    | s.maybe_words,
    detail=s.details,
)
files = st.builds(
    c.InputFileContentParam,
    filename=st.sampled_from(["a.txt", "a.pdf", UNSET]) | s.maybe_words,
    file_data=st.sampled_from([PDF, WORDS, f"data:text/plain;base64,{WORDS}"]) | s.maybe_words,
    file_url=st.just(UNSET) | s.maybe_words,
    extra=st.sampled_from([Extra(), Extra({"file_id": "file_1"})]),
)
input_texts = st.builds(c.InputTextContentParam, text=s.words, extra=st.sampled_from([Extra(), CACHED]))
noted = st.builds(
    c.UrlCitationParam,
    url=s.words,
    title=s.words,
    start_index=st.just(0),
    end_index=st.just(0),
    extra=st.sampled_from([Extra(), Extra({"cited_text": "a", "encrypted_index": "b"})]),
)
output_texts = st.builds(
    c.OutputTextContentParam, text=s.words, annotations=st.lists(noted, max_size=2) | st.just(UNSET)
)
signed = st.builds(
    lambda thinking, signature: line(type="thinking", thinking=thinking, signature=signature), s.words, s.words
)
arguments = st.sampled_from(["{}", "", '{"a":1}']) | s.words
items = (
    s.messages(input_texts, output_texts, images | files)
    | st.builds(
        i.ReasoningItemParam,
        summary=s.summaries,
        content=s.thoughts,
        encrypted_content=s.maybe_words | signed | signed,
    )
    | st.builds(i.FunctionCallItemParam, call_id=s.call_ids, name=s.names, arguments=arguments)
    | st.builds(result, s.call_ids, s.words | st.lists(input_texts | images, max_size=2))
    | st.builds(i.CompactionItemParam, encrypted_content=s.words | st.just(line(type="compaction", content="a")))
    | st.just(own(type="anthropic:server_tool_use", id="s", status="completed", name="web_search", input={}))
    | st.just(own(type="anthropic:web_search_tool_result", id="i", status="completed", tool_use_id="s", content=[]))
)
requests = s.requests(
    items,
    include=st.lists(st.sampled_from(["reasoning.encrypted_content", "x"]), max_size=2) | st.none(),
    tools=st.lists(s.tools | st.just(SEARCH), max_size=3)
    | st.none()
    | st.lists(s.tools | st.builds(t.ExtensionTool, fields=s.acme), max_size=3),
    top_logprobs=st.sampled_from([0, 0, 0, None, UNSET, 3]),
)
some_options = st.builds(
    Options,
    thinking=st.sampled_from(["adaptive", "budget"]),
    sampling=st.booleans(),
    system_messages=st.sampled_from(["front", "in_place"]),
)


@given(request=requests, options=some_options)
def test_any_request_is_accepted_by_the_sdk_or_refused_by_name(request: CreateResponse, options: Options) -> None:
    try:
        accept(request, options)
    except UnsupportedParameter as error:
        param = error.param
    else:
        return
    assert is_path(param)


def test_the_sdk_would_refuse_what_is_wrong() -> None:
    wrong = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": 7}]}], "stream": True}
    for adapter in (STREAMING, CURRENT):
        with pytest.raises(ValidationError):
            plain(adapter.validate_python(wrong))


def test_requests_of_every_kind_are_accepted_by_the_sdk() -> None:
    """What the property may or may not come across, once for sure."""
    shown = line(type="thinking", thinking="a", signature="b")
    request = of(
        user(text("a"), c.InputImageContentParam(image_url="data:image/png;base64,AA==")),
        user(c.InputFileContentParam(file_data=PDF, filename="a.pdf"), c.InputFileContentParam(file_url="https://x")),
        reasoning(shown),
        assistant(output("a")),
        own(type="anthropic:server_tool_use", id="s", status="completed", name="web_search", input={}),
        own(type="anthropic:web_search_tool_result", id="i", status="completed", tool_use_id="s", content=[]),
        call("1"),
        result("1", [text("a"), c.InputImageContentParam(image_url="https://x")]),
        tools=[FUNCTION, SEARCH],
        tool_choice="auto",
        parallel_tool_calls=False,
        reasoning=r.ReasoningParam(effort="high", summary="auto"),
        text=r.TextParam(format=SCHEMA),
        instructions="Be kind.",
        safety_identifier="s",
        service_tier="default",
        extra=Extra({"anthropic:stop_sequences": ["END"], **CACHED}),
    )
    accept(request, Options())
    accept(request, Options(thinking="budget"))
