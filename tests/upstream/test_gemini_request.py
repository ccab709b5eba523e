"""Open Responses requests as Gemini requests: what is sent, what is refused, what is reported as lost."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import penstock.upstream
from penstock.spec import content as c
from penstock.spec import items as i
from penstock.spec import request as r
from penstock.spec import tools as t
from penstock.spec.base import Extra, JsonObject
from penstock.spec.request import CreateResponse
from penstock.spec.response import ExtensionFormat, JsonObjectResponseFormat, TextResponseFormat
from penstock.upstream.base import UnsupportedParameter
from penstock.upstream.gemini import Gemini, Options
from penstock.upstream.gemini.contents import UNCHECKED
from penstock.upstream.gemini.names import api_name, extension_type
from penstock.upstream.gemini.request import BUDGETS, HOSTED, LEVELS, SERVICE_TIERS
from penstock.upstream.gemini.signatures import Signature
from penstock.upstream.registry import upstream_by_name
from penstock.wire.codec import decode_object
from penstock.wire.requests import parse_create
from tests.upstream import strategies as s
from tests.upstream.asking import ODD, asking, body_by, call, is_path, lost_by, of, refused_by, result, text, user

DATA = Path(penstock.upstream.__file__).parents[1] / "data"
HELLO = base64.b64encode(b"hello").decode()


def body(request: CreateResponse, options: Options | None = None) -> JsonObject:
    made = body_by(Gemini(options), request)
    accept(made)
    return made


def lost(request: CreateResponse, options: Options | None = None) -> list[str]:
    return lost_by(Gemini(options), request)


def refused(request: CreateResponse, options: Options | None = None) -> str:
    return refused_by(Gemini(options), request)


def contents(*items: i.ItemParam, options: Options | None = None) -> list[JsonObject]:
    made = body(of(*items), options)["contents"]
    assert isinstance(made, list)
    return made


def assistant(*content: c.MessageContentParam) -> i.MessageItemParam:
    return i.MessageItemParam(role="assistant", content=list(content), id="msg_1", status="completed")


def answer(text: str) -> i.MessageItemParam:
    return assistant(c.OutputTextContentParam(text=text))


def called(call_id: str, name: str = "f", **more: object) -> JsonObject:
    return {"functionCall": {"id": call_id, "name": name, "args": {}}, **more}


def thinking(*signatures: Signature, summary: str = "", content: str = "") -> i.ReasoningItemParam:
    lines = "".join(signature.encrypted().data for signature in signatures)
    return i.ReasoningItemParam(
        summary=[c.ReasoningSummaryContentParam(text=summary)] if summary else [],
        content=[c.ReasoningTextContentParam(text=content)] if content else None,
        encrypted_content=lines or None,
    )


def part_of(item: c.MessageContentParam) -> JsonObject:
    (made,) = contents(user(item))
    (part,) = made["parts"]
    assert isinstance(part, dict)
    return part


# What Google's own types say.

PARTS: dict[str, type[BaseModel]] = {
    "generationConfig": types.GenerationConfig,
    "toolConfig": types.ToolConfig,
    "systemInstruction": types.Content,
}


def accept(made: JsonObject) -> None:
    """Make Google's SDK read a body; raise ValidationError where it cannot."""
    assert made.keys() <= {*PARTS, "contents", "tools", "serviceTier"}
    for content in made["contents"]:
        types.Content.model_validate_json(json.dumps(content))
        assert content["role"] in ("user", "model")
        assert content["parts"]
    for tool in made.get("tools", ()):
        types.Tool.model_validate_json(json.dumps(tool))
    for name in made.keys() & PARTS.keys():
        PARTS[name].model_validate_json(json.dumps(made[name]))
    if "serviceTier" in made:
        assert made["serviceTier"] in [tier.value for tier in types.ServiceTier]


def test_the_sdk_would_refuse_what_is_wrong() -> None:
    for wrong in ({"role": "user", "parts": [{"text": 7}]}, {"role": "user", "parts": [{"textual": "a"}]}):
        with pytest.raises(ValidationError):
            accept({"contents": [wrong]})
    with pytest.raises(ValidationError):
        accept({"contents": [], "generationConfig": {"maxTokens": 1}})


# Where it goes.


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-pro", "/models/gemini-3-pro"),
        ("models/gemini-3-pro", "/models/gemini-3-pro"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("publishers/google/models/gemini-3-pro@001", "/publishers/google/models/gemini-3-pro@001"),
        ("my model/ü", "/models/my%20model/%C3%BC"),
        ("a:b%2e", "/models/a%3Ab%252e"),
    ],
)
def test_the_path_names_the_model_and_the_method(model: str, path: str) -> None:
    request = CreateResponse(model=model)
    assert Gemini().path(request) == f"{path}:streamGenerateContent?alt=sse"
    assert Gemini().path(request, stream=False) == f"{path}:generateContent"


@pytest.mark.parametrize("model", [None, "", "a/../b", "a?b", "a&b", "a#b"])
def test_a_model_that_no_path_can_name_is_refused(model: str | None) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        Gemini().path(CreateResponse(model=model))
    assert caught.value.param == "model"


def test_the_key_goes_into_a_header_of_its_own() -> None:
    assert Gemini().headers("k") == {"x-goog-api-key": "k"}
    assert Gemini().headers(None) == {}


def test_it_is_known_by_its_name() -> None:
    assert isinstance(upstream_by_name("gemini"), Gemini)


# The smallest requests.


def test_string_input_is_a_message_of_the_user() -> None:
    assert body(asking()) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert Gemini().request(asking(), stream=False) == Gemini().request(asking())


def test_without_a_model_or_an_input_it_is_refused() -> None:
    assert refused(CreateResponse(input="Hi")) == "model"
    assert refused(CreateResponse(model="m")) == "input"
    assert refused(CreateResponse(model="m", instructions="Be kind.", input=[])) == "input"


def test_what_only_a_store_can_resolve_is_refused() -> None:
    assert refused(asking(background=True)) == "background"
    assert refused(asking(previous_response_id="resp_1")) == "previous_response_id"
    assert refused(of(i.ItemReferenceParam(id="msg_1"))) == "input[0].type"
    assert refused(of(i.CompactionItemParam(encrypted_content="x"))) == "input[0].type"


# Instructions.


def test_instructions_have_their_own_place() -> None:
    request = asking(instructions="Be kind.", input=[user(text("Be brief."), role="system"), user(text("Hi"))])
    made = body(request)
    assert made["systemInstruction"] == {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]}
    assert made["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_instructions_in_mid_conversation_move_to_the_front() -> None:
    late = i.MessageItemParam(role="system", content="Stop.")
    request = of(user(text("Hi")), late)
    assert lost(request) == ["input[1]"]
    assert Gemini().request(request).body["systemInstruction"] == {"parts": [{"text": "Stop."}]}
    assert lost(of(user(text("x"), role="developer"), user(text("Hi")))) == ["input[0].role"]


def test_instructions_are_text() -> None:
    image = c.InputImageContentParam(image_url="https://a.example/b.png")
    assert refused(of(user(image, role="system"))) == "input[0].content[0].type"


# Messages of the user.


def test_each_message_of_the_user_is_a_content() -> None:
    made = contents(user(text("a"), text("b")), user(text("c")), user())
    assert made == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "c"}]},
        {"role": "user", "parts": [{"text": ""}]},
    ]


def test_a_message_without_its_type_loses_nothing() -> None:
    assert body(parse_create({"model": "m", "input": [{"role": "user", "content": "Hi"}]})) == body(asking())


@pytest.mark.parametrize(
    ("url", "part"),
    [
        (f"data:image/png;base64,{HELLO}", {"inlineData": {"mimeType": "image/png", "data": HELLO}}),
        (f"DATA:image/png;charset=x;BASE64,{HELLO}", {"inlineData": {"mimeType": "image/png", "data": HELLO}}),
        ("data:text/csv,hel%6co", {"inlineData": {"mimeType": "text/csv", "data": HELLO}}),
        ("data:,hello", {"inlineData": {"mimeType": "text/plain", "data": HELLO}}),
        ("https://a.example/b.JPG?c", {"fileData": {"fileUri": "https://a.example/b.JPG?c", "mimeType": "image/jpeg"}}),
        ("https://a.example/b", {"fileData": {"fileUri": "https://a.example/b"}}),
        ("gs://bucket/b.heic", {"fileData": {"fileUri": "gs://bucket/b.heic", "mimeType": "image/heic"}}),
    ],
)
def test_images_and_videos_by_url(url: str, part: JsonObject) -> None:
    assert part_of(c.InputImageContentParam(image_url=url)) == part
    assert part_of(c.InputVideoContent(video_url=url)) == part
    assert part_of(c.InputFileContentParam(file_url=url)) == part


@pytest.mark.parametrize(
    "url", ["data:image/png;base64", "data:image/png;base64,???", "data:;base64,YQ", "http://[a/b"]
)
def test_urls_that_cannot_be_read_are_refused(url: str) -> None:
    assert refused(of(user(c.InputImageContentParam(image_url=url)))) == "input[0].content[0].image_url"


def test_how_closely_an_image_is_looked_at() -> None:
    url = f"data:image/png;base64,{HELLO}"
    for detail, level in (("low", "MEDIA_RESOLUTION_LOW"), ("high", "MEDIA_RESOLUTION_HIGH")):
        part = part_of(c.InputImageContentParam(image_url=url, detail=detail))  # type: ignore[arg-type]
        assert part["mediaResolution"] == {"level": level}
    assert "mediaResolution" not in part_of(c.InputImageContentParam(image_url=url, detail="auto"))


def test_files_by_their_data() -> None:
    pdf = {"inlineData": {"mimeType": "application/pdf", "data": HELLO}}
    assert part_of(c.InputFileContentParam(file_data=f"data:application/pdf;base64,{HELLO}")) == pdf
    named = of(user(c.InputFileContentParam(file_data=HELLO, filename="a.PDF", file_url="https://a.example")))
    made = Gemini().request(named)
    assert made.body["contents"][0]["parts"] == [pdf]
    assert lost(named) == ["input[0].content[0].file_url", "input[0].content[0].filename"]
    by_name = of(user(c.InputFileContentParam(file_url="https://a.example/x", filename="a.csv")))
    assert Gemini().request(by_name).body["contents"][0]["parts"][0]["fileData"]["mimeType"] == "text/csv"


@pytest.mark.parametrize(
    "file", [{"file_data": HELLO}, {"file_data": HELLO, "filename": "a.xyz"}, {"filename": "a.pdf"}]
)
def test_files_of_no_known_type_are_refused(file: JsonObject) -> None:
    assert refused(of(user(c.InputFileContentParam(**file)))) == "input[0].content[0].file_data"


def test_an_image_without_url_and_unknown_parts_are_refused() -> None:
    assert refused(of(user(c.InputImageContentParam(image_url=None)))) == "input[0].content[0].image_url"
    odd = c.ExtensionContent(fields=Extra({"type": "acme:x"}))
    assert refused(of(user(odd))) == "input[0].content[0].type"
    assert refused(of(assistant(text("a"), odd))) == "input[0].content[1].type"


# Turns of the model.


def test_consecutive_items_of_the_model_are_one_content() -> None:
    made = contents(user(text("Hi")), answer("a"), call("1"), call("2", "g"), result("1"), result("2", '{"x": 1}'))
    assert made[1:] == [
        {"role": "model", "parts": [{"text": "a"}, called("1"), called("2", "g")]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"output": "42"}}},
                {"functionResponse": {"id": "2", "name": "g", "response": {"x": 1}}},
            ],
        },
    ]


def test_steps_of_calls_stay_apart() -> None:
    made = contents(call("1"), result("1"), call("2"), result("2"), user(text("And?")), answer("a"), answer("b"))
    assert [content["role"] for content in made] == ["model", "user", "model", "user", "user", "model"]
    assert made[-1]["parts"] == [{"text": "a"}, {"text": "b"}]


def test_arguments_are_an_object() -> None:
    assert contents(call("1", arguments="")) == [{"role": "model", "parts": [called("1")]}]
    assert contents(call("1", arguments='{"a": [1.5]}'))[0]["parts"][0]["functionCall"]["args"] == {"a": [1.5]}
    for arguments in ("[]", "{", "\ud800", "[" * 100_000):
        assert refused(of(call("1", arguments=arguments))) == "input[0].arguments"


def test_a_result_needs_its_call() -> None:
    assert refused(of(call("1"), result("2"))) == "input[1].call_id"


def test_results_of_several_parts() -> None:
    image = c.InputImageContentParam(image_url=f"data:image/png;base64,{HELLO}")
    (_, made) = contents(call("1"), result("1", [text("a"), image, text("b")]))
    assert made["parts"][0]["functionResponse"] == {
        "id": "1",
        "name": "f",
        "response": {"output": "ab"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": HELLO}}],
    }
    (_, plain) = contents(call("1"), result("1", [text('{"x":'), text("1}")]))
    assert plain["parts"][0]["functionResponse"] == {"id": "1", "name": "f", "response": {"x": 1}}
    (_, bare) = contents(call("1"), result("1", [image]))
    assert bare["parts"][0]["functionResponse"]["response"] == {}
    made = Gemini().request(of(call("1"), result("1", "\ud800"))).body["contents"][1]
    assert made["parts"][0]["functionResponse"]["response"] == {"output": "\ud800"}


def test_what_the_model_said_before() -> None:
    plain = i.MessageItemParam(role="assistant", content="a")
    assert contents(plain, assistant()) == [{"role": "model", "parts": [{"text": "a"}, {"text": ""}]}]
    rich = assistant(
        c.OutputTextContentParam(
            text="a",
            annotations=[c.UrlCitationParam(url="u", title="t", start_index=0, end_index=1)],
            logprobs=[c.LogProb(token="a", logprob=0.0, bytes=[], top_logprobs=[])],
        ),
        c.RefusalContentParam(refusal="No."),
    )
    assert Gemini().request(of(rich)).body["contents"][0]["parts"] == [{"text": "a"}, {"text": "No."}]
    assert lost(of(rich)) == [
        "input[0].content[0].annotations",
        "input[0].content[0].logprobs",
        "input[0].content[1].type",
    ]
    assert lost(of(msgspec.structs.replace(plain, phase="commentary"))) == ["input[0].phase"]


# Thoughts and signatures.


def test_thoughts_go_back_as_such() -> None:
    assert contents(thinking(summary="Hm"), answer("a"))[0]["parts"] == [{"text": "Hm", "thought": True}, {"text": "a"}]
    assert contents(thinking(summary="short", content="long"))[0]["parts"] == [{"text": "long", "thought": True}]
    assert contents(user(text("Hi")), thinking()) == contents(user(text("Hi")))
    odd = i.ReasoningItemParam(summary=[], content=[c.ExtensionContent(fields=Extra({"type": "acme:x"}))])
    assert lost(of(answer("a"), odd)) == ["input[1].content[0]"]


def test_signatures_go_back_on_their_parts() -> None:
    made = contents(
        thinking(
            Signature("thought", "YQ==", 1, 3),
            Signature("next_text", "Yg==", end=2),
            summary="Hmm.",
        ),
        answer("abcdef"),
        thinking(Signature("last_text", "Yw==", 3, 5), Signature("call", "ZA==", name="f")),
        call("1"),
        thinking(Signature("call", "ZQ==", name="g")),
        call("2", "g"),
        thinking(Signature("alone", "Zg==")),
    )
    assert made == [
        {
            "role": "model",
            "parts": [
                {"text": "H", "thought": True},
                {"text": "mm", "thoughtSignature": "YQ==", "thought": True},
                {"text": ".", "thought": True},
                {"text": "ab", "thoughtSignature": "Yg=="},
                {"text": "c"},
                {"text": "de", "thoughtSignature": "Yw=="},
                {"text": "f"},
                called("1", thoughtSignature="ZA=="),
                called("2", "g", thoughtSignature="ZQ=="),
                {"text": "", "thoughtSignature": "Zg=="},
            ],
        }
    ]


def test_a_signature_finds_its_part_beyond_other_thoughts() -> None:
    made = contents(
        thinking(Signature("call", "YQ==", name="f")),
        thinking(summary="Hm"),
        call("1"),
        thinking(summary="So"),
        thinking(Signature("alone", "Yg==")),
    )
    assert made[0]["parts"] == [
        {"text": "Hm", "thought": True},
        called("1", thoughtSignature="YQ=="),
        {"text": "So", "thought": True},
        {"text": "", "thoughtSignature": "Yg=="},
    ]


def test_a_thought_that_is_nothing_but_signed() -> None:
    (made,) = contents(thinking(Signature("thought", "YQ==")))
    assert made["parts"] == [{"text": "", "thoughtSignature": "YQ==", "thought": True}]


@pytest.mark.parametrize(
    "encrypted",
    [
        "gAAAA",
        "\n",
        "\ud800",
        '{"type": "reasoning.encrypted", "data": "x"}',
        '{"type": "google:thought_signature", "part": "call"}',
        "[" * 100_000,
    ],
)
def test_what_another_provider_encrypted_is_lost(encrypted: str) -> None:
    item = i.ReasoningItemParam(summary=[], encrypted_content=encrypted)
    assert lost(of(answer("a"), item)) == ["input[1].encrypted_content"]


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([thinking(Signature("call", "YQ==", name="f")), answer("a")], "input[0].encrypted_content"),
        ([thinking(Signature("call", "YQ==", name="f")), call("1", "g")], "input[0].encrypted_content"),
        ([answer("a"), thinking(Signature("call", "YQ==", name="f"))], "input[1].encrypted_content"),
        ([thinking(Signature("next_text", "YQ==", end=1)), call("1")], "input[0].encrypted_content"),
        ([thinking(Signature("last_text", "YQ==")), answer("a")], "input[0].encrypted_content"),
        ([user(text("a")), thinking(Signature("last_text", "YQ=="))], "input[1].encrypted_content"),
        ([thinking(Signature("next_text", "YQ==", end=2)), answer("a")], "input[1]"),
        ([thinking(Signature("thought", "YQ==", 2, 9), summary="abc"), answer("a")], "input[0].encrypted_content"),
    ],
)
def test_a_signature_whose_part_is_not_there_is_lost(items: list[i.ItemParam], path: str) -> None:
    assert lost(of(*items)) == [path]
    assert "thoughtSignature" not in json.dumps(Gemini().request(of(*items)).body)


def test_calls_without_a_signature_can_be_excused() -> None:
    options = Options(unchecked_calls=True)
    signed = thinking(Signature("call", "YQ==", name="f"))
    (made,) = contents(signed, call("1"), call("2"), options=options)
    assert made["parts"] == [called("1", thoughtSignature="YQ=="), called("2", thoughtSignature=UNCHECKED)]


# Extension items.


def extension(type: str, **fields: object) -> i.ExtensionItem:
    return i.ExtensionItem(fields=Extra({"type": type, "id": "item_1", "status": "completed", **fields}))


def test_parts_of_other_kinds_go_back_as_they_came() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "YQ=="}
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "x", "args": {}}}
    made = contents(extension("google:executable_code", part=code), extension("google:tool_call", part=search))
    assert made == [{"role": "model", "parts": [code, search]}]


@pytest.mark.parametrize(
    "item",
    [
        extension("google:executable_code"),
        extension("google:executable_code", part={"text": "a"}),
        extension("google:", part={"": 1}),
        extension("thing", part={"thing": 1}),
    ],
)
def test_items_of_others_are_refused(item: i.ExtensionItem) -> None:
    assert refused(of(item)) == "input[0].type"


def test_what_an_answer_rested_on_is_lost() -> None:
    for name in ("grounding_metadata", "url_context_metadata"):
        assert lost(of(answer("a"), extension(f"google:{name}"))) == ["input[1]"]


def test_names_go_there_and_back() -> None:
    for name in (*HOSTED, "executableCode", "codeExecutionResult", "toolCall", "inlineData", "a1B"):
        assert api_name(extension_type(name)) == name


# Tools.


def tool(name: str, **more: object) -> t.FunctionToolParam:
    return msgspec.structs.replace(t.FunctionToolParam(name=name), **more)


def hosted(name: str, **fields: object) -> t.ExtensionTool:
    return t.ExtensionTool(fields=Extra({"type": f"google:{name}", **fields}))


F, G = {"name": "f"}, {"name": "g"}


def test_functions_are_declared() -> None:
    schema = {"type": "object"}
    made = body(asking(tools=[tool("f", description="It does.", parameters=schema), tool("g", strict=None)]))
    declared = [{"name": "f", "description": "It does.", "parametersJsonSchema": schema}, G]
    assert made["tools"] == [{"functionDeclarations": declared}]
    assert "toolConfig" not in made


@pytest.mark.parametrize(
    ("choice", "calling", "declared"),
    [
        (None, None, [F, G]),
        ("auto", {"mode": "AUTO"}, [F, G]),
        ("none", {"mode": "NONE"}, [F, G]),
        ("required", {"mode": "ANY"}, [F, G]),
        (t.SpecificFunctionParam(name="g"), {"mode": "ANY", "allowedFunctionNames": ["g"]}, [F, G]),
        (t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="f")]), {"mode": "AUTO"}, [F]),
        (t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="f")], mode="none"), {"mode": "NONE"}, [F, G]),
        (
            t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="f")], mode="required"),
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
            [F, G],
        ),
    ],
)
def test_tool_choices(choice: t.ToolChoiceParam | None, calling: JsonObject | None, declared: list[JsonObject]) -> None:
    made = body(asking(tools=[tool("f"), tool("g")], tool_choice=choice))
    assert made["tools"] == [{"functionDeclarations": declared}]
    assert made.get("toolConfig", {}).get("functionCallingConfig") == calling


def test_a_strict_function_makes_calls_be_validated() -> None:
    made = body(asking(tools=[tool("f", strict=True), tool("g")], tool_choice="auto"))
    assert made["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    forced = body(asking(tools=[tool("f", strict=True)], tool_choice="required"))
    assert forced["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


@pytest.mark.parametrize("name", HOSTED)
def test_tools_that_google_runs(name: str) -> None:
    made = Gemini().request(asking(tools=[t.ExtensionTool(fields=Extra({"type": extension_type(name)}))]))
    assert made.body["tools"] == [{name: {}}]
    accept(made.body)


def test_tools_that_google_runs_beside_functions() -> None:
    search = hosted("file_search", fileSearchStoreNames=["s"])
    expected = [{"functionDeclarations": [F]}, {"fileSearch": {"fileSearchStoreNames": ["s"]}}]
    made = body(asking(tools=[search, tool("f")]), Options(tool_invocations=True))
    assert made["tools"] == expected
    assert made["toolConfig"] == {"includeServerSideToolInvocations": True}


def test_tools_that_google_runs_obey_the_choice() -> None:
    search = hosted("google_search")
    assert "tools" not in body(asking(tools=[search], tool_choice="none"), Options(tool_invocations=True))
    allowed = t.AllowedToolsParam(tools=[t.SpecificFunctionParam(name="f")])
    assert body(asking(tools=[search, tool("f")], tool_choice=allowed))["tools"] == [{"functionDeclarations": [F]}]
    assert body(asking(tools=[search], tool_choice="auto"))["tools"] == [{"googleSearch": {}}]
    assert refused(asking(tools=[search], tool_choice="required")) == "tool_choice"


def test_other_tools_are_left_out() -> None:
    other = t.ExtensionTool(fields=Extra({"type": "web_search"}))
    made = Gemini().request(asking(tools=[tool("f"), other, hosted("function_declarations")]))
    assert made.body["tools"] == [{"functionDeclarations": [F]}]
    assert [loss.param for loss in made.losses] == ["tools[1]", "tools[2]"]


def test_choices_that_cannot_be_made_are_refused() -> None:
    assert refused(asking(tool_choice="required")) == "tool_choice"
    assert refused(asking(tools=[tool("f")], tool_choice=t.SpecificFunctionParam(name="g"))) == "tool_choice.name"


def test_one_call_at_a_time_cannot_be_asked_for() -> None:
    assert lost(asking(tools=[tool("f")], parallel_tool_calls=False)) == ["parallel_tool_calls"]
    assert lost(asking(tools=[tool("f")], parallel_tool_calls=True)) == []
    assert lost(asking(parallel_tool_calls=False)) == []


# How it is to be generated.


def config(options: Options | None = None, **more: object) -> JsonObject:
    made = body(asking(**more), options)["generationConfig"]
    assert isinstance(made, dict)
    return made


def test_sampling_and_limits() -> None:
    made = config(
        temperature=0.5, top_p=0.9, presence_penalty=0.1, frequency_penalty=-0.1, max_output_tokens=16, top_logprobs=3
    )
    assert made == {
        "temperature": 0.5,
        "topP": 0.9,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.1,
        "maxOutputTokens": 16,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert config(include=["message.output_text.logprobs"]) == {"responseLogprobs": True}
    assert config(Options(modalities=("TEXT", "IMAGE"))) == {"responseModalities": ["TEXT", "IMAGE"]}


def test_structured_output() -> None:
    schema = {"type": "object", "description": "own"}
    form = r.JsonSchemaResponseFormatParam(name="city", description="A city.", schema=schema, strict=True)
    assert config(text=r.TextParam(format=form)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"title": "city", "type": "object", "description": "own"},
    }
    for bare in (JsonObjectResponseFormat(), r.JsonSchemaResponseFormatParam(name="x")):
        assert config(text=r.TextParam(format=bare)) == {"responseMimeType": "application/json"}
    assert body(asking(text=r.TextParam(format=TextResponseFormat()))) == body(asking())
    odd = ExtensionFormat(fields=Extra({"type": "grammar"}))
    assert refused(asking(text=r.TextParam(format=odd))) == "text.format.type"
    assert lost(asking(text=r.TextParam(verbosity="low"))) == ["text.verbosity"]


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh"])
def test_effort_is_a_level_or_a_budget(effort: str) -> None:
    reasoning = r.ReasoningParam(effort=effort)  # type: ignore[arg-type]
    level, budget = {"thinkingLevel": LEVELS[effort]}, {"thinkingBudget": BUDGETS[effort]}
    assert config(reasoning=reasoning, model="gemini-3-pro") == {"thinkingConfig": level}
    assert config(reasoning=reasoning, model="models/gemini-2.5-pro") == {"thinkingConfig": budget}
    assert config(Options(thinking="budget"), reasoning=reasoning) == {"thinkingConfig": budget}
    assert config(Options(thinking="level"), reasoning=reasoning, model="gemini-2.5-pro") == {"thinkingConfig": level}


def test_no_effort_at_all() -> None:
    reasoning = r.ReasoningParam(effort="none")
    assert config(Options(thinking="budget"), reasoning=reasoning) == {"thinkingConfig": {"thinkingBudget": 0}}
    made = Gemini().request(asking(reasoning=reasoning))
    assert made.body["generationConfig"] == {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}
    assert lost(asking(reasoning=reasoning)) == ["reasoning.effort"]


def test_thoughts_are_asked_for_as_a_summary() -> None:
    asks = {"thinkingConfig": {"includeThoughts": True}}
    assert config(reasoning=r.ReasoningParam(summary="auto")) == asks
    assert lost(asking(reasoning=r.ReasoningParam(summary="detailed"))) == ["reasoning.summary"]
    assert body(asking(reasoning=r.ReasoningParam(effort=None), include=["reasoning.encrypted_content"])) == body(
        asking()
    )


@pytest.mark.parametrize(("tier", "sent"), [*SERVICE_TIERS.items(), ("auto", None)])
def test_service_tiers(tier: str, sent: str | None) -> None:
    assert body(asking(service_tier=tier)).get("serviceTier") == sent


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("metadata", {"a": "b"}, "metadata"),
        ("max_tool_calls", 1, "max_tool_calls"),
        ("truncation", "auto", "truncation"),
        ("safety_identifier", "me", "safety_identifier"),
        ("prompt_cache_key", "k", "prompt_cache_key"),
        ("include", ["file_search_call.results"], "include[0]"),
        ("stream_options", r.StreamOptionsParam(include_obfuscation=True, extra=ODD), "stream_options.odd"),
        ("text", r.TextParam(extra=ODD), "text.odd"),
        ("text", r.TextParam(format=TextResponseFormat(extra=ODD)), "text.format.odd"),
        ("reasoning", r.ReasoningParam(extra=ODD), "reasoning.odd"),
        ("tools", [tool("f", extra=ODD)], "tools[0].odd"),
        ("extra", ODD, "odd"),
        ("input", [i.MessageItemParam(role="user", content="a", extra=ODD)], "input[0].odd"),
        ("input", [user(c.InputTextContentParam(text="a", extra=ODD))], "input[0].content[0].odd"),
    ],
)
def test_what_gemini_has_no_counterpart_for_is_lost(name: str, value: object, path: str) -> None:
    assert lost(asking(**{name: value})) == [path]


def test_parameters_of_gemini_are_sent_where_they_are_wanted() -> None:
    request = asking(extra=Extra({"safetySettings": [], "contents": 7}))
    made = Gemini(Options(extra=True)).request(request)
    assert made.body == {**body(asking()), "safetySettings": []}
    assert [loss.param for loss in made.losses] == ["contents"]


def test_what_is_none_of_the_providers_business_is_neither_sent_nor_lost() -> None:
    assert body(asking(store=True, stream=True, truncation="disabled", max_tool_calls=None, metadata={})) == body(
        asking()
    )


def test_demo_request_is_sent_whole() -> None:
    request = decode_object(CreateResponse, (DATA / "demo_request.json").read_bytes(), tolerant=False)
    made = Gemini().request(request).body
    accept(made)
    assert [declared["name"] for declared in made["tools"][0]["functionDeclarations"]] == ["read_gauge", "get_gate"]


# Any request.

urls = s.maybe_words | st.sampled_from(
    [f"data:image/png;base64,{HELLO}", "data:,a%20b", "https://a.example/b.png", "data:x;base64,!"]
)
files = st.builds(
    c.InputFileContentParam,
    filename=s.maybe_words | st.just("a.pdf"),
    file_data=urls | st.just(HELLO),
    file_url=urls,
)
images = st.builds(c.InputImageContentParam, image_url=urls, detail=s.details)
input_texts = st.builds(c.InputTextContentParam, text=s.words)
output_texts = st.builds(c.OutputTextContentParam, text=s.words)
videos = st.just(c.InputVideoContent(video_url="https://a.example/b.mp4"))
signatures = st.lists(
    st.builds(
        Signature,
        part=st.sampled_from(["thought", "next_text", "last_text", "call", "alone"]),
        signature=st.binary(max_size=4).map(lambda data: base64.b64encode(data).decode()),
        start=st.integers(0, 3),
        end=st.integers(0, 5),
        name=s.names,
    ),
    max_size=3,
)
items = (
    s.messages(input_texts, output_texts, images | files | videos)
    | st.builds(thinking)
    | signatures.map(lambda found: thinking(*found, summary="Hmmm"))
    | st.builds(i.ReasoningItemParam, summary=s.summaries, content=s.thoughts, encrypted_content=s.maybe_words)
    | st.builds(call, s.call_ids, s.names, s.words | st.just('{"a": 1}'))
    | st.builds(result, s.call_ids, s.words | st.lists(input_texts | images | files, max_size=2))
    | st.builds(extension, st.sampled_from(["google:tool_call", "google:grounding_metadata", "x"]))
    | st.just(extension("google:executable_code", part={"executableCode": {"code": "1"}}))
)
requests = s.requests(
    items,
    model=st.sampled_from(["m", "gemini-2.5-flash", "gemini-3-pro", ""]),
    tools=st.lists(s.tools | st.builds(hosted, st.sampled_from(["google_search", "code_execution"])), max_size=3)
    | st.none(),
)
options = st.builds(
    Options,
    thinking=st.sampled_from(["auto", "level", "budget"]),
    modalities=st.sampled_from([(), ("TEXT",)]),
    tool_invocations=st.booleans(),
)


@given(request=requests, options=options)
def test_any_request_is_accepted_by_the_sdk_or_refused_by_name(request: CreateResponse, options: Options) -> None:
    try:
        made = Gemini(options).request(request)
    except UnsupportedParameter as error:
        named = [error.param]
    else:
        accept(made.body)
        named = [loss.param for loss in made.losses]
    assert all(map(is_path, named))
