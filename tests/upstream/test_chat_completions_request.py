"""Open Responses requests as Chat Completions requests: what is sent, what is refused, what is reported as lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

import penstock.upstream.chat_completions
from penstock.spec import content as c
from penstock.spec import items as i
from penstock.spec import request as r
from penstock.spec import tools as t
from penstock.spec.base import UNSET, Extra, JsonObject
from penstock.spec.request import CreateResponse
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat, TextResponseFormat
from penstock.stream.output import EncryptedReasoning
from penstock.upstream.base import Loss, UnsupportedParameter, UpstreamRequest
from penstock.upstream.chat_completions import ChatCompletions, Options
from penstock.wire.codec import decode_object
from penstock.wire.requests import parse_create
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

DATA = Path(penstock.upstream.chat_completions.__file__).parents[2] / "data"


def body(request: CreateResponse, options: Options | None = None) -> JsonObject:
    return body_by(ChatCompletions(options), request)


def lost(request: CreateResponse, options: Options | None = None) -> list[str]:
    return lost_by(ChatCompletions(options), request)


def refused(request: CreateResponse, options: Options | None = None) -> str:
    return refused_by(ChatCompletions(options), request)


def messages(*items: i.ItemParam, **options: object) -> list[JsonObject]:
    made = body(of(*items), msgspec.structs.replace(Options(), **options))["messages"]
    assert isinstance(made, list)
    return made


def assistant(content: str | list[c.MessageContentParam]) -> i.MessageItemParam:
    return i.MessageItemParam(role="assistant", content=content, id="msg_1", status="completed")


def called(*call_ids: str) -> list[JsonObject]:
    return [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in call_ids]


def reasoning(*words: str, summary: str = "", encrypted: str | None = None) -> i.ReasoningItemParam:
    return i.ReasoningItemParam(
        summary=[c.ReasoningSummaryContentParam(text=summary)] if summary else [],
        content=[c.ReasoningTextContentParam(text=word) for word in words] or None,
        encrypted_content=encrypted,
    )


# The smallest requests.


def test_string_input_is_a_message_of_the_user() -> None:
    assert body(asking()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_message_without_its_type_loses_nothing() -> None:
    request = parse_create({"model": "m", "input": [{"role": "user", "content": "Hi"}]})
    assert body(request)["messages"] == [{"role": "user", "content": "Hi"}]


def test_unstreamed_and_without_asking_for_usage() -> None:
    request = asking(stream=True)
    assert ChatCompletions().request(request, stream=False).body.keys() == {"model", "messages"}
    assert body(request, Options(stream_usage=False)).keys() == {"model", "messages", "stream"}


def test_instructions_come_first() -> None:
    request = asking(instructions="Be kind.")
    assert body(request)["messages"][0] == {"role": "system", "content": "Be kind."}
    assert body(request, Options(developer_role="developer"))["messages"][0]["role"] == "developer"
    assert len(body(CreateResponse(model="m", instructions="Be kind."))["messages"]) == 1


@pytest.mark.parametrize("model", [UNSET, None, ""])
def test_model_is_needed(model: str | None) -> None:
    assert refused(CreateResponse(model=model, input="Hi")) == "model"


@pytest.mark.parametrize("value", [UNSET, None, []])
def test_a_message_is_needed(value: list[i.ItemParam] | None) -> None:
    assert refused(CreateResponse(model="m", input=value)) == "input"


def test_adapter_is_known_by_its_name() -> None:
    assert ChatCompletions.name == "chat-completions"


# Messages.


def test_messages_of_every_role() -> None:
    made = messages(
        user(text("s"), role="system"),
        user(text("d"), role="developer"),
        user(text("u")),
        assistant("a"),
        developer_role="developer",
    )
    assert made == [
        {"role": "system", "content": "s"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
    ]


def test_developer_message_where_there_is_no_such_role() -> None:
    made = ChatCompletions().request(of(user(text("d"), role="developer")))
    assert made.body["messages"] == [{"role": "system", "content": "d"}]
    assert [loss.param for loss in made.losses] == ["input[0].role"]


def test_content_as_a_string_and_without_parts() -> None:
    made = messages(i.MessageItemParam(role="user", content="Hi"), user())
    assert [message["content"] for message in made] == ["Hi", ""]


def test_several_texts_stay_parts() -> None:
    assert messages(user(text("a"), text("b")))[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_images() -> None:
    plain = c.InputImageContentParam(image_url="https://a.example/x.png")
    detailed = c.InputImageContentParam(image_url="data:image/png;base64,AA==", detail="low")
    assert messages(user(plain, detailed))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
    ]
    assert messages(user(plain))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    ]


def test_files() -> None:
    named = c.InputFileContentParam(file_data="AA==", filename="a.pdf")
    assert messages(user(named, c.InputFileContentParam(file_data="BB==")))[0]["content"] == [
        {"type": "file", "file": {"file_data": "AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "BB=="}},
    ]


@pytest.mark.parametrize(
    ("part", "role", "path"),
    [
        (c.InputImageContentParam(), "user", "image_url"),
        (c.InputImageContentParam(image_url=None), "user", "image_url"),
        (c.InputFileContentParam(file_url="https://a.example/x.pdf"), "user", "file_url"),
        (c.InputFileContentParam(filename="x.pdf"), "user", "file_data"),
        (c.InputVideoContent(video_url="https://a.example/x.mp4"), "user", "type"),
        (c.ExtensionContent(fields=Extra({"type": "acme:smell"})), "user", "type"),
        (c.RefusalContentParam(refusal="No"), "user", "type"),
        (c.InputImageContentParam(image_url="https://a.example/x.png"), "system", "type"),
        (c.InputFileContentParam(file_data="AA=="), "developer", "type"),
        (c.InputImageContentParam(image_url="https://a.example/x.png"), "assistant", "type"),
    ],
)
def test_parts_that_a_message_cannot_hold(part: c.MessageContentParam, role: i.Role, path: str) -> None:
    assert refused(of(user(text("a")), user(text("b"), part, role=role))) == f"input[1].content[1].{path}"


def test_assistant_message() -> None:
    said = c.OutputTextContentParam(text="a", annotations=[], logprobs=[])
    assert messages(assistant([said])) == [{"role": "assistant", "content": "a"}]
    assert messages(assistant([])) == [{"role": "assistant", "content": ""}]


def test_refusal_goes_back_as_refusal() -> None:
    no = c.RefusalContentParam(refusal="No. ")
    assert messages(assistant([no, no])) == [{"role": "assistant", "content": None, "refusal": "No. No. "}]
    assert messages(assistant([text("Well: "), no])) == [{"role": "assistant", "content": "Well: ", "refusal": "No. "}]


def test_what_an_assistant_message_cannot_take_back() -> None:
    citation = c.UrlCitationParam(url="u", title="t", start_index=0, end_index=1)
    logprob = c.LogProb(token="a", logprob=0.0, bytes=[97], top_logprobs=[])
    part = c.OutputTextContentParam(text="a", annotations=[citation], logprobs=[logprob])
    item = i.MessageItemParam(role="assistant", content=[part], phase="commentary")
    assert lost(of(item)) == ["input[0].phase", "input[0].content[0].annotations", "input[0].content[0].logprobs"]


# Turns of the model.


def test_text_and_calls_are_one_message_and_results_follow() -> None:
    assert messages(assistant("Wait."), call("a"), call("b"), result("a"), result("b"), call("c")) == [
        {"role": "assistant", "content": "Wait.", "tool_calls": called("a", "b")},
        {"role": "tool", "tool_call_id": "a", "content": "42"},
        {"role": "tool", "tool_call_id": "b", "content": "42"},
        {"role": "assistant", "content": None, "tool_calls": called("c")},
    ]


def test_two_messages_without_calls_stay_two() -> None:
    no = c.RefusalContentParam(refusal="No.")
    assert messages(assistant("a"), assistant([no]), assistant("b"), call("c")) == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": "b", "tool_calls": called("c")},
    ]


def test_text_after_a_call_moves_before_it() -> None:
    for first, content in ([], "b"), ([assistant("a")], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]):
        made = ChatCompletions().request(of(*first, call("c"), assistant("b"), call("d"), result("c"), result("d")))
        assert made.body["messages"][0] == {"role": "assistant", "content": content, "tool_calls": called("c", "d")}
        assert [loss.param for loss in made.losses] == [f"input[{len(first) + 1}]"]
    both = of(assistant([text("a"), text("b")]), call("c"), assistant("d"))
    assert len(ChatCompletions().request(both).body["messages"][0]["content"]) == 3


def test_results_in_parts() -> None:
    parts: list[c.ToolOutputContentParam] = [text("a"), text("b")]
    output = i.FunctionCallOutputItemParam(call_id="a", output=parts)
    assert messages(call("a"), output)[1]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    parts[1] = c.InputVideoContent(video_url="https://a.example/x.mp4")
    assert refused(of(call("a"), output)) == "input[1].output[1].type"


def test_images_and_files_of_results_follow_as_a_message_of_the_user() -> None:
    image = c.InputImageContentParam(image_url="https://a.example/x.png")
    file = c.InputFileContentParam(file_data="data:text/plain;base64,YQ==")
    for after in ([], [assistant("Seen.")], [call("d")]):
        seen = i.FunctionCallOutputItemParam(call_id="a", output=[image])
        both = i.FunctionCallOutputItemParam(call_id="b", output=[text("b"), file])
        made = ChatCompletions().request(of(call("a"), call("b"), seen, both, *after))
        told = made.body["messages"]
        assert [message["role"] for message in told] == [
            "assistant",
            "tool",
            "tool",
            "user",
            *["assistant"] * len(after),
        ]
        assert [message["content"] for message in told[1:4]] == [
            "What was returned follows in the next message.",
            "b",
            [
                {"type": "text", "text": "Result of a:"},
                {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
                {"type": "text", "text": "Result of b:"},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,YQ=="}},
            ],
        ]
        assert [loss.param for loss in made.losses] == ["input[2].output[0]", "input[3].output[1]"]


@pytest.mark.parametrize(
    "item",
    [
        i.ItemReferenceParam(id="msg_1"),
        i.CompactionItemParam(encrypted_content="x"),
        i.ExtensionItem(fields=Extra({"type": "memory", "id": "x"})),
    ],
)
def test_items_that_are_no_messages(item: i.ItemParam) -> None:
    assert refused(of(user(text("a")), item)) == "input[1].type"


# Reasoning.


def test_reasoning_is_left_out_unless_the_provider_takes_it() -> None:
    made = ChatCompletions().request(of(reasoning("Hm"), assistant("a")))
    assert made.body["messages"] == [{"role": "assistant", "content": "a"}]
    assert made.losses == [Loss("input[0]", "this provider takes no reasoning back")]
    assert lost(of(user(text("a")), reasoning())) == []


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_with_what_followed_it(field: str) -> None:
    made = messages(
        reasoning("Hm", "Oh"),
        reasoning(summary="In short"),
        assistant("a"),
        call("c"),
        result("c"),
        reasoning("So"),
        call("d"),
        reasoning_field=field,
    )
    assert made[0] == {"role": "assistant", "content": "a", field: "Hm\n\nOh\n\nIn short", "tool_calls": called("c")}
    assert made[2] == {"role": "assistant", "content": None, field: "So", "tool_calls": called("d")}


def test_reasoning_goes_back_rather_than_its_summary() -> None:
    [made] = messages(reasoning("Hm", summary="In short"), assistant("a"), reasoning_field="reasoning")
    assert made["reasoning"] == "Hm"


def test_reasoning_after_text_begins_a_message_and_after_calls_does_not() -> None:
    options = Options(reasoning_field="reasoning")
    made = messages(assistant("a"), reasoning("Hm"), user(text("b")), reasoning_field="reasoning")
    assert made[:2] == [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "", "reasoning": "Hm"}]
    request = of(reasoning("Hm"), call("c"), reasoning("Oh"), call("d"))
    [together] = ChatCompletions(options).request(request).body["messages"]
    assert together == {"role": "assistant", "content": None, "reasoning": "Hm\n\nOh", "tool_calls": called("c", "d")}
    assert lost(request, options) == ["input[2]"]


def test_encrypted_reasoning_that_was_ours_goes_back_unchanged() -> None:
    details = [
        {"type": "reasoning.encrypted", "data": "gAAA\u2028", "id": "rs_1"},
        {"type": "reasoning.text", "text": "é", "signature": "s"},
    ]
    chunks = [{"choices": [{"delta": {"reasoning_details": [detail]}}]} for detail in details]
    said = ChatCompletions().reply(b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks))
    encrypted = "".join(output.data for output in said if isinstance(output, EncryptedReasoning))
    made = messages(reasoning("é", encrypted=encrypted), reasoning(encrypted=encrypted), assistant("a"))
    assert made == [{"role": "assistant", "content": "a", "reasoning_details": details * 2}]
    both = messages(reasoning("é", encrypted=encrypted), assistant("a"), reasoning_field="reasoning")
    assert both == [{"role": "assistant", "content": "a", "reasoning_details": details, "reasoning": "é"}]


def test_what_came_with_a_call_goes_back_with_it() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    pieces = [
        {"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra},
        {"id": 7, "function": {"name": "g", "arguments": {}}, "extra_content": {}},
    ]
    said = ChatCompletions().reply(json.dumps({"choices": [{"message": {"tool_calls": pieces}}]}).encode())
    encrypted = "".join(output.data for output in said if isinstance(output, EncryptedReasoning))
    assert messages(reasoning(encrypted=encrypted), call("c"), call("d"), result("c")) == [
        {"role": "assistant", "content": None, "tool_calls": [called("c")[0] | {"extra_content": extra}, *called("d")]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]
    assert lost(of(reasoning("Hm", encrypted=encrypted), call("c"))) == ["input[0]"]


@pytest.mark.parametrize("encrypted", ["gAAAAABp", '{"type":"other"}', "{}", "\n", "[" * 5000])
def test_encrypted_reasoning_of_others_is_reported(encrypted: str) -> None:
    assert lost(of(reasoning(encrypted=encrypted), assistant("a"))) == ["input[0].encrypted_content"]


def test_reasoning_of_unknown_types_is_reported() -> None:
    item = i.ReasoningItemParam(summary=[], content=[c.ExtensionContent(fields=Extra({"type": "acme:dream"}))])
    assert lost(of(item, assistant("a"))) == ["input[0].content[0]"]


# Tools.

TOOLS: list[t.ToolParam] = [
    t.FunctionToolParam(name="f", description="d", parameters={"type": "object"}, strict=True),
    t.FunctionToolParam(name="g", description=None, strict=None),
]
F, G = (
    {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    },
    {"type": "function", "function": {"name": "g"}},
)


def with_tools(**more: object) -> CreateResponse:
    return asking(**{"tools": TOOLS, **more})


@pytest.mark.parametrize("name", ["conversation", "prompt"])
def test_what_openai_keeps_and_nobody_else_is_refused(name: str) -> None:
    said = {"model": "m", "input": "Hi."}
    assert refused(parse_create(msgspec.json.encode({**said, name: {"id": "kept"}}))) == name
    assert "messages" in ChatCompletions().request(parse_create(msgspec.json.encode({**said, name: None}))).body


def test_tools() -> None:
    made = body(with_tools(parallel_tool_calls=False))
    assert made["tools"] == [F, G]
    assert made["parallel_tool_calls"] is False
    assert "tool_choice" not in made


def test_tools_other_than_functions_are_left_out() -> None:
    other = t.ExtensionTool(fields=Extra({"type": "web_search"}))
    made = ChatCompletions().request(with_tools(tools=[other, *TOOLS]))
    assert made.body["tools"] == [F, G]
    assert made.losses == [
        Loss("tools[0]", "Chat Completions has no tool 'web_search', so the model is not offered it")
    ]
    assert "tools" not in ChatCompletions().request(with_tools(tools=[other])).body


def test_tools_of_the_providers_own_are_sent_where_its_own_parameters_are() -> None:
    search: JsonObject = {"type": "openrouter:web_search", "parameters": {"max_uses": 1}}
    function: JsonObject = {"type": "function", "name": "f"}
    options = Options(extra=True)

    def made(tools: list[JsonObject], choice: object = None) -> UpstreamRequest:
        asked: JsonObject = {"model": "m", "input": "Hi", "tools": tools, "tool_choice": choice}
        return ChatCompletions(options).request(parse_create(asked))

    sent = {"type": "function", "function": {"name": "f"}}
    assert made([search]).body["tools"] == [search]
    assert made([search, function]).body["tools"] == [sent, search]
    assert made([search, function], "required").losses == []
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    assert made([search, function], allowed).body["tools"] == [sent]


def test_a_tool_other_than_a_function_is_refused_where_it_is_demanded() -> None:
    other = t.ExtensionTool(fields=Extra({"type": "web_search"}))
    choice = t.ExtensionToolChoice(fields=Extra({"type": "web_search"}))
    assert refused(with_tools(tools=[other], tool_choice="required")) == "tool_choice"
    assert refused(with_tools(tools=[other], tool_choice=choice)) == "tool_choice"
    assert refused(with_tools(tools=[*TOOLS, other], tool_choice=choice)) == "tool_choice.type"


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_tool_choice_by_mode(choice: str) -> None:
    assert body(with_tools(tool_choice=choice))["tool_choice"] == choice


def test_tool_choice_by_name() -> None:
    choice = t.SpecificFunctionParam(name="g")
    assert body(with_tools(tool_choice=choice))["tool_choice"] == {"type": "function", "function": {"name": "g"}}
    assert refused(with_tools(tool_choice=t.SpecificFunctionParam(name="h"))) == "tool_choice.name"


def test_tool_choice_of_another_type_is_refused() -> None:
    assert refused(with_tools(tool_choice=t.ExtensionToolChoice(fields=Extra({"type": "mcp"})))) == "tool_choice.type"


@pytest.mark.parametrize(("said", "mode"), [("auto", "auto"), ("required", "required"), (UNSET, "auto")])
def test_allowed_tools_are_the_only_ones_offered(said: t.ToolChoiceMode, mode: str) -> None:
    choice = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="g")], mode=said)
    made = body(with_tools(tool_choice=choice))
    assert made["tools"] == [G]
    assert made["tool_choice"] == mode
    native = body(with_tools(tool_choice=choice), Options(allowed_tools="native"))
    assert native["tools"] == [F, G]
    named = [{"type": "function", "function": {"name": "g"}}]
    assert native["tool_choice"] == {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}


@pytest.mark.parametrize("how", ["filter", "native"])
def test_allowed_tools_that_may_not_be_called(how: str) -> None:
    choice = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="g")], mode="none")
    made = body(with_tools(tool_choice=choice), msgspec.structs.replace(Options(), allowed_tools=how))
    assert (made["tools"], made["tool_choice"]) == ([F, G], "none")


@pytest.mark.parametrize("how", ["filter", "native"])
def test_allowed_tools_other_than_functions_are_left_out(how: str) -> None:
    api = ChatCompletions(msgspec.structs.replace(Options(), allowed_tools=how))
    other = t.ExtensionToolChoice(fields=Extra({"type": "mcp"}))
    allowed = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="f"), other])
    made = api.request(with_tools(tool_choice=allowed))
    assert [loss.param for loss in made.losses] == ["tool_choice.tools[1]"]
    assert made.body["tool_choice"] == "auto" or made.body["tool_choice"]["allowed_tools"]["tools"] == [
        {"type": "function", "function": {"name": "f"}}
    ]
    # None may be called then, and nobody takes an empty list of tools.
    made = api.request(with_tools(tool_choice=t.AllowedToolsParam(tools=[other])))
    assert made.body.keys().isdisjoint({"tools", "tool_choice"})
    demanded = t.AllowedToolsParam(tools=[other], mode="required")
    assert refused(with_tools(tool_choice=demanded)) == "tool_choice.tools"


def test_allowed_tools_that_are_not_offered_are_refused() -> None:
    allowed = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="h")])
    assert refused(with_tools(tool_choice=allowed)) == "tool_choice.tools[0].name"


@pytest.mark.parametrize("tools", [UNSET, None, []])
def test_choice_without_tools(tools: list[t.ToolParam] | None) -> None:
    for choice in (UNSET, None, "auto", "none"):
        made = body(with_tools(tools=tools, tool_choice=choice, parallel_tool_calls=True))
        assert not made.keys() & {"tools", "tool_choice", "parallel_tool_calls"}
    for hard in ("required", t.SpecificFunctionParam(name="f")):
        assert refused(with_tools(tools=tools, tool_choice=hard)) == "tool_choice"


# Other parameters.


def test_max_output_tokens_by_either_name() -> None:
    request = asking(max_output_tokens=99)
    assert body(request)["max_completion_tokens"] == 99
    old = body(request, Options(max_tokens_field="max_tokens"))
    assert old["max_tokens"] == 99
    assert "max_completion_tokens" not in old


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (TextResponseFormat(), None),
        (None, None),
        (UNSET, None),
        (JsonObjectResponseFormat(), {"type": "json_object"}),
        (
            r.JsonSchemaResponseFormatParam(name="n", description="d", schema={"type": "object"}, strict=True),
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True},
            },
        ),
        (r.JsonSchemaResponseFormatParam(strict=None), {"type": "json_schema", "json_schema": {"name": "response"}}),
    ],
)
def test_text_format(form: r.TextFormatParam | None, expected: object) -> None:
    assert body(asking(text=r.TextParam(format=form))).get("response_format") == expected


def test_text_format_of_another_type_is_refused() -> None:
    form = ExtensionFormat(fields=Extra({"type": "grammar"}))
    assert refused(asking(text=r.TextParam(format=form))) == "text.format.type"


def test_log_probabilities() -> None:
    def made(**fields: object) -> JsonObject:
        return body(asking(**fields))

    include = ["message.output_text.logprobs"]
    assert made(top_logprobs=3)["logprobs"] is True
    assert made(top_logprobs=3)["top_logprobs"] == 3
    assert made(include=include)["logprobs"] is True
    assert "top_logprobs" not in made(include=include)
    assert made(include=include, top_logprobs=0)["top_logprobs"] == 0
    assert "logprobs" not in made(top_logprobs=0)
    assert "logprobs" not in made(include=[])


def test_metadata_goes_along_only_where_it_is_wanted() -> None:
    request = asking(metadata={"a": "b"})
    assert lost(request) == ["metadata"]
    assert body(request, Options(metadata=True))["metadata"] == {"a": "b"}
    assert body(asking(metadata={})).keys() == body(asking()).keys()


def test_unknown_parameters_are_reported_or_passed_on() -> None:
    request = asking(extra=Extra({"seed": 7, "messages": [], "gone": UNSET}))
    assert lost(request) == ["seed", "messages"]
    made = ChatCompletions(Options(extra=True)).request(request)
    assert made.body["seed"] == 7
    assert made.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert "gone" not in made.body
    assert [loss.param for loss in made.losses] == ["messages"]


def test_unknown_fields_are_reported_wherever_they_are() -> None:
    function = t.SpecificFunctionParam(name="f", extra=ODD)
    request = CreateResponse(
        model="m",
        input=[
            i.MessageItemParam(
                role="user",
                content=[
                    c.InputTextContentParam(text="a", extra=ODD),
                    c.InputImageContentParam(image_url="u", extra=ODD),
                    c.InputFileContentParam(file_data="AA==", extra=ODD),
                ],
                extra=ODD,
            ),
            i.ReasoningItemParam(
                summary=[c.ReasoningSummaryContentParam(text="", extra=ODD)],
                content=[c.ReasoningTextContentParam(text="", extra=ODD)],
                extra=ODD,
            ),
            i.MessageItemParam(role="assistant", content=[c.RefusalContentParam(refusal="a", extra=ODD)]),
            i.FunctionCallItemParam(call_id="a", name="f", arguments="{}", extra=ODD),
            i.FunctionCallOutputItemParam(
                call_id="a", output=[c.InputTextContentParam(text="a", extra=ODD)], extra=ODD
            ),
        ],
        tools=[t.FunctionToolParam(name="f", extra=ODD)],
        tool_choice=t.AllowedToolsParam(tools=[function], extra=ODD),
        text=r.TextParam(format=r.JsonSchemaResponseFormatParam(extra=ODD), extra=ODD),
        reasoning=r.ReasoningParam(extra=ODD),
        stream_options=r.StreamOptionsParam(extra=ODD),
        extra=ODD,
    )
    assert sorted(lost(request)) == [
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
        "odd",
        "reasoning.odd",
        "stream_options.odd",
        "text.format.odd",
        "text.odd",
        "tool_choice.odd",
        "tool_choice.tools[0].odd",
        "tools[0].odd",
    ]
    chosen = msgspec.structs.replace(request, tool_choice=function)
    assert "tool_choice.odd" in lost(chosen)


def test_an_unknown_parameter_that_was_left_out_is_not_lost() -> None:
    absent = Extra({"odd": UNSET})
    assert lost(of(user(text("Hi")), text=r.TextParam(extra=absent), reasoning=r.ReasoningParam(extra=absent))) == []


# Every field has a fate, and a new one cannot be forgotten.

FATES: dict[str, list[tuple[object, str]]] = {
    "extra": [(ODD, LOST)],
    "model": [("other", SENT), (None, REFUSED)],
    "input": [("Hello", SENT), (None, REFUSED)],
    "previous_response_id": [("resp_1", REFUSED)],
    "include": [(["message.output_text.logprobs"], SENT), (["reasoning.encrypted_content"], LOST)],
    "tools": [([t.FunctionToolParam(name="x")], SENT)],
    "tool_choice": [("required", SENT)],
    "metadata": [({"a": "b"}, LOST)],
    "text": [(r.TextParam(verbosity="low"), SENT), (r.TextParam(format=JsonObjectResponseFormat()), SENT)],
    "temperature": [(0.0, SENT)],
    "top_p": [(0.0, SENT)],
    "presence_penalty": [(0.0, SENT)],
    "frequency_penalty": [(0.0, SENT)],
    "parallel_tool_calls": [(False, SENT)],
    "stream": [(True, OURS), (False, OURS)],
    "stream_options": [(r.StreamOptionsParam(include_obfuscation=True), OURS)],
    "background": [(True, REFUSED), (False, OURS)],
    "max_output_tokens": [(16, SENT)],
    "max_tool_calls": [(1, LOST)],
    "reasoning": [(r.ReasoningParam(effort="none"), SENT), (r.ReasoningParam(summary="auto"), LOST)],
    "safety_identifier": [("s", SENT)],
    "prompt_cache_key": [("k", SENT)],
    "truncation": [("auto", LOST), ("disabled", OURS)],
    "instructions": [("Be kind.", SENT)],
    "store": [(True, OURS), (False, OURS)],
    "service_tier": [("flex", SENT)],
    "top_logprobs": [(2, SENT)],
}


def test_every_field_of_a_request_has_a_fate() -> None:
    assert FATES.keys() == set(CreateResponse.__struct_fields__)


@pytest.mark.parametrize(("field", "value", "fate"), samples(FATES))
def test_fate(field: str, value: object, fate: str) -> None:
    check_fate(ChatCompletions(), with_tools(), field, value, fate)


# The official SDK's types agree.

STREAMING = TypeAdapter(CompletionCreateParamsStreaming)
WHOLE = TypeAdapter(CompletionCreateParamsNonStreaming)


def exhaust(value: object) -> None:
    """Make pydantic validate what it validates lazily."""
    if isinstance(value, Mapping):
        for each in value.values():
            exhaust(each)
    elif not isinstance(value, str | int | float | None):
        for each in value:  # type: ignore[attr-defined]
            exhaust(each)


def accept(request: CreateResponse, options: Options) -> None:
    adapter = ChatCompletions(options)
    made = adapter.request(request).body
    assert made.keys() <= CompletionCreateParamsStreaming.__annotations__.keys()
    exhaust(STREAMING.validate_python(made, strict=True))
    exhaust(WHOLE.validate_python(adapter.request(request, stream=False).body, strict=True))
    json.dumps(made)


images = st.builds(c.InputImageContentParam, image_url=s.maybe_words, detail=s.details)
files = st.builds(
    c.InputFileContentParam,
    filename=s.maybe_words,
    file_data=s.maybe_words,
    file_url=st.just(UNSET) | s.maybe_words,
)
input_texts = st.builds(c.InputTextContentParam, text=s.words)
output_texts = st.builds(c.OutputTextContentParam, text=s.words, annotations=st.just([]) | st.just(UNSET))
items = (
    s.messages(input_texts, output_texts, images | files)
    | st.builds(
        i.ReasoningItemParam,
        summary=s.summaries,
        content=s.thoughts,
        encrypted_content=s.maybe_words | st.just('{"type":"reasoning.encrypted"}\n'),
    )
    | st.builds(i.FunctionCallItemParam, call_id=s.call_ids, name=s.names, arguments=s.words)
    | st.builds(result, s.call_ids, s.words | st.lists(input_texts | images, max_size=2))
    | st.builds(result, s.call_ids, s.words)
)
some_options = st.builds(
    Options,
    reasoning_field=st.sampled_from(["reasoning", "reasoning_content", None]),
    developer_role=st.sampled_from(["system", "developer"]),
    allowed_tools=st.sampled_from(["filter", "native"]),
    max_tokens_field=st.sampled_from(["max_tokens", "max_completion_tokens"]),
    metadata=st.booleans(),
    stream_usage=st.booleans(),
)


@given(request=s.requests(items), options=some_options)
def test_any_request_is_accepted_by_the_sdk_or_refused_by_name(request: CreateResponse, options: Options) -> None:
    try:
        accept(request, options)
    except UnsupportedParameter as error:
        param = error.param
    else:
        return
    assert is_path(param)


def test_the_sdk_would_refuse_what_is_wrong() -> None:
    with pytest.raises(ValidationError):
        exhaust(STREAMING.validate_python({"model": "m", "messages": [{"role": "user", "content": 7}], "stream": True}))


def test_demo_request_is_sent_whole() -> None:
    request = decode_object(CreateResponse, (DATA / "demo_request.json").read_bytes(), tolerant=False)
    made = body(request)
    assert [message["role"] for message in made["messages"]] == ["system", "user"]
    assert [tool["function"]["name"] for tool in made["tools"]] == ["read_gauge", "get_gate"]
    accept(request, Options())
