"""The endpoints over HTTP, asked as clients ask them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

import penstock
from penstock import Annotated, Arguments, Failure, FunctionCall, Reasoning, Text, UrlCitation, Usage
from penstock.server.app import App
from penstock.server.limits import Limits
from penstock.server.models import Model, Models
from penstock.spec.items import MessageItemParam, ReasoningItemParam
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Output
from penstock.wire.codec import to_plain
from penstock.wire.requests import parse_create
from tests.server.serving import ScriptedProvider, asking, served, stream

SAID: list[list[Output]] = [
    [Reasoning("Thinking. ")],
    [Text("Hel"), Text("lo."), Annotated(UrlCitation(url="https://a.example", title="A", start_index=0, end_index=3))],
    [FunctionCall("get_level", key="1"), Arguments('{"river":'), Arguments('"Rhine"}')],
    [Usage(input_tokens=3, output_tokens=5)],
]
LEVEL = {"type": "function", "name": "get_level", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(*SAID)


@pytest.fixture
def client(provider: ScriptedProvider) -> Iterator[httpx2.Client]:
    with asking(App(provider)) as client:
        yield client


def post(client: httpx2.Client, status: int = 200, /, **fields: object) -> dict[str, Any]:
    reply = client.post("/responses", json={"model": "m", "input": "Hi.", **fields})
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    answer: dict[str, Any] = reply.json()
    return answer


def error_of(reply: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"type", "code", "message", "param"}
    return error


# What comes back.


def test_a_stream_is_valid_and_ends_with_done(client: httpx2.Client) -> None:
    request = {"model": "m", "input": "Hi.", "stream": True, "tools": [LEVEL]}
    data = stream(client, tools=[LEVEL])
    assert not list(penstock.lint(data, request=parse_create(dict(request))))
    assert data.endswith(b"data: [DONE]\n\n")


def test_a_stream_and_a_whole_response_say_the_same(client: httpx2.Client) -> None:
    whole = post(client, tools=[LEVEL])
    events = list(penstock.read_sse([stream(client, tools=[LEVEL])]))
    streamed: Any = to_plain(events[-1].response)  # type: ignore[union-attr]
    assert [_without_ids(item) for item in streamed["output"]] == [_without_ids(item) for item in whole["output"]]
    assert streamed["usage"] == whole["usage"]


def _without_ids(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("id", "call_id")}


def test_reasoning_is_a_summary_for_openai_clients_and_raw_for_others(client: httpx2.Client) -> None:
    raw = [event.event_type for event in penstock.read_sse([stream(client)])]
    assert "response.reasoning.delta" in raw
    reply = client.post(
        "/responses", json={"model": "m", "input": "Hi.", "stream": True}, headers={"x-stainless-lang": "python"}
    )
    assert reply.headers["penstock-dialect"] == "openai"
    told = [event.event_type for event in penstock.read_sse([reply.content])]
    assert "response.reasoning_summary_text.delta" in told
    assert not [name for name in told if "reasoning." in name or "reasoning_text" in name]
    assert not list(penstock.lint(reply.content, dialect="openai"))


def test_reasoning_of_a_whole_response_stands_in_both_forms_for_openai_clients(client: httpx2.Client) -> None:
    reply = client.post("/responses", json={"model": "m", "input": "Hi."}, headers={"penstock-dialect": "openai"})
    item = reply.json()["output"][0]
    raw = client.get(f"/responses/{reply.json()['id']}").json()["output"][0]
    assert raw["content"]
    assert raw["summary"] == []
    assert item["content"] == raw["content"]
    assert [part["text"] for part in item["summary"]] == [part["text"] for part in raw["content"]]


def test_the_stored_response_is_the_same_whatever_the_dialect(client: httpx2.Client) -> None:
    def stored(dialect: str) -> list[dict[str, Any]]:
        reply = client.post("/responses", json={"model": "m", "input": "Hi."}, headers={"penstock-dialect": dialect})
        assert reply.headers["penstock-dialect"] == dialect
        kept = client.get(f"/responses/{reply.json()['id']}", headers={"penstock-dialect": "openresponses"}).json()
        return [_without_ids(item) for item in kept["output"]]

    assert stored("openai") == stored("openresponses")


def test_an_unknown_dialect_is_refused(client: httpx2.Client) -> None:
    reply = client.post("/responses", json={"model": "m", "input": "Hi."}, headers={"penstock-dialect": "latin"})
    assert reply.status_code == 400
    assert error_of(reply)["param"] == "penstock-dialect"


def test_obfuscation_pads_every_delta_where_it_is_asked_for(client: httpx2.Client) -> None:
    data = stream(client, stream_options={"include_obfuscation": True})
    deltas = [event for event in penstock.read_sse([data]) if event.event_type.endswith(".delta")]
    assert len(deltas) == 3
    plain: list[Any] = [to_plain(event) for event in deltas]
    assert all((len(event["delta"]) + len(event["obfuscation"])) % 32 == 0 for event in plain)
    assert b"obfuscation" not in stream(client)


# What the provider is asked.


def test_the_whole_conversation_is_told_in_order(client: httpx2.Client, provider: ScriptedProvider) -> None:
    first = post(client, tools=[LEVEL])
    call = first["output"][2]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "3 m"}
    second = post(client, previous_response_id=first["id"], input=[output], tools=[LEVEL])
    post(client, previous_response_id=second["id"], input="And now?")
    told = provider.asked[-1].input
    assert isinstance(told, list)
    kinds = ["message", "reasoning", "message", "function_call"]
    assert [_kind(item) for item in told] == [*kinds, "function_call_output", *kinds[1:], "message"]
    assert isinstance(told[0], MessageItemParam)
    assert isinstance(told[-1], MessageItemParam)
    assert (told[0].text, told[2].text, told[-1].text) == ("Hi.", "Hello.", "And now?")  # type: ignore[union-attr]


def _kind(item: object) -> str:
    return str(item.__struct_config__.tag)  # type: ignore[attr-defined]


def test_a_reference_is_replaced_by_what_it_refers_to(client: httpx2.Client, provider: ScriptedProvider) -> None:
    said = post(client)["output"][1]
    post(client, input=[{"type": "item_reference", "id": said["id"]}, {"role": "user", "content": "Why?"}])
    told = provider.asked[-1].input
    assert isinstance(told, list)
    assert isinstance(told[0], MessageItemParam)
    assert (told[0].role, told[0].text) == ("assistant", "Hello.")


def test_instructions_of_an_earlier_response_are_not_carried_over(
    client: httpx2.Client, provider: ScriptedProvider
) -> None:
    first = post(client, instructions="Be brief.")
    second = post(client, previous_response_id=first["id"])
    assert (first["instructions"], second["instructions"]) == ("Be brief.", None)
    assert not provider.asked[-1].instructions


def test_encrypted_reasoning_comes_back_and_is_used(client: httpx2.Client, provider: ScriptedProvider) -> None:
    asked = {"include": ["reasoning.encrypted_content"], "store": False}
    reply = client.post(
        "/responses", json={"model": "m", "input": "Hi.", **asked}, headers={"penstock-dialect": "openai"}
    )
    item = reply.json()["output"][0]
    assert item["type"] == "reasoning"
    assert item["encrypted_content"].startswith("penstock.1.")
    assert "content" not in item
    post(client, input=[item, {"role": "user", "content": "Go on."}])
    told = provider.asked[-1].input
    assert isinstance(told, list)
    assert isinstance(told[0], ReasoningItemParam)
    assert [part.text for part in told[0].content or []] == ["Thinking. "]  # type: ignore[union-attr]


def test_what_was_sealed_elsewhere_is_refused_with_its_place(client: httpx2.Client) -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "penstock.1.AAAA"}
    reply = client.post("/responses", json={"model": "m", "input": [item]})
    assert reply.status_code == 400
    assert error_of(reply)["param"] == "input[0].encrypted_content"


def test_a_compacted_conversation_is_carried_over(client: httpx2.Client, provider: ScriptedProvider) -> None:
    reply = client.post(
        "/responses/compact",
        json={"model": "m", "input": [{"role": "user", "content": "My name is Ada."}]},
    )
    assert reply.status_code == 200
    compacted = reply.json()
    assert (compacted["object"], [item["type"] for item in compacted["output"]]) == (
        "response.compaction",
        ["compaction"],
    )
    post(client, input=[*compacted["output"], {"role": "user", "content": "What is my name?"}])
    told = provider.asked[-1].input
    assert isinstance(told, list)
    assert [item.text for item in told if isinstance(item, MessageItemParam)] == [
        "My name is Ada.",
        "What is my name?",
    ]


# Stored responses.


def test_a_response_is_found_until_it_is_deleted(client: httpx2.Client) -> None:
    made = post(client)
    found = client.get(f"/responses/{made['id']}")
    assert found.json() == made
    items = client.get(f"/responses/{made['id']}/input_items").json()
    assert [item["content"] for item in items["data"]] == [[{"type": "input_text", "text": "Hi."}]]
    assert client.delete(f"/responses/{made['id']}").json() == {
        "id": made["id"],
        "object": "response.deleted",
        "deleted": True,
    }
    for path in (f"/responses/{made['id']}", f"/responses/{made['id']}/input_items"):
        assert client.get(path).status_code == 404
    assert error_of(client.delete(f"/responses/{made['id']}"))["type"] == "not_found"


def test_a_stream_of_a_stored_response_is_refused_rather_than_left_out(client: httpx2.Client) -> None:
    path = f"/responses/{post(client)['id']}"
    refused = client.get(f"{path}?stream=true")
    assert (refused.status_code, error_of(refused)["param"]) == (400, "stream")
    assert client.get(f"{path}?stream=false").status_code == 200


def test_what_the_model_said_before_is_listed_as_its_output(client: httpx2.Client) -> None:
    said: list[dict[str, Any]] = [
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [{"type": "input_text", "text": "?"}]},
    ]
    made = post(client, input=said)
    items = client.get(f"/responses/{made['id']}/input_items?order=asc").json()["data"]
    assert items[0]["content"] == [{"type": "output_text", "annotations": [], "text": "Hello!"}]
    assert items[1]["content"] == said[1]["content"]
    assert [item["status"] for item in items] == ["completed", "completed"]


def test_a_response_that_is_not_to_be_stored_is_not_found(client: httpx2.Client) -> None:
    made = post(client, store=False)
    assert made["store"] is False
    assert client.get(f"/responses/{made['id']}").status_code == 404
    refused = post(client, 400, previous_response_id=made["id"])
    assert refused["error"]["code"] == "previous_response_not_found"


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=nobody", "after")]
)
def test_a_wrong_page_is_refused(client: httpx2.Client, query: str, param: str) -> None:
    made = post(client)
    reply = client.get(f"/responses/{made['id']}/input_items?{query}")
    assert (reply.status_code, error_of(reply)["param"]) == (400, param)


def test_a_server_without_a_store_says_so(provider: ScriptedProvider) -> None:
    with asking(App(provider, store=None)) as client:
        made = post(client, store=True)
        assert made["store"] is False
        loss = {"param": "store", "reason": "this server keeps no responses"}
        assert loss in made["penstock_losses"]
        for asked in ({}, {"store": False}):
            assert loss not in post(client, **asked)["penstock_losses"]
        assert error_of(client.get(f"/responses/{made['id']}"))["code"] == "not_stored"
        assert client.get("../ready").json()["status"] == "ok"


# Who may ask.


def test_nobody_sees_continues_or_deletes_what_belongs_to_another(provider: ScriptedProvider) -> None:
    keys = [("ada", "a" * 20), ("bob", "b" * 20)]
    with asking(App(provider, keys=keys)) as client:
        ada, bob = ({"authorization": f"Bearer {key}"} for _, key in keys)
        made = client.post("/responses", json={"model": "m", "input": "Hi."}, headers=ada).json()
        path = f"/responses/{made['id']}"
        assert client.get(path, headers=ada).status_code == 200
        assert client.get(path, headers=bob).status_code == 404
        assert client.delete(path, headers=bob).status_code == 404
        continued = {"model": "m", "input": "Hi.", "previous_response_id": made["id"]}
        assert client.post("/responses", json=continued, headers=bob).status_code == 400
        sealed = client.post("/responses/compact", json={"model": "m", "input": "Hi."}, headers=ada).json()["output"]
        stolen = client.post("/responses", json={"model": "m", "input": sealed}, headers=bob)
        assert error_of(stolen)["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "missing_api_key"), ("Basic eHg=", "invalid_api_key"), ("Bearer wrong", "invalid_api_key")],
)
def test_a_stranger_is_told_what_is_missing(provider: ScriptedProvider, header: str | None, code: str) -> None:
    with asking(App(provider, keys=[("ada", "a" * 20)])) as client:
        headers = {} if header is None else {"authorization": header}
        for method, path in (("POST", "/responses"), ("GET", "/responses/resp_1"), ("GET", "/models")):
            reply = client.request(method, path, headers={**headers, "content-type": "application/json"})
            assert reply.status_code == 401
            assert error_of(reply) == {
                "type": "authentication_error",
                "code": code,
                "message": error_of(reply)["message"],
                "param": "",
            }
            assert "aaaa" not in reply.text


def test_a_web_page_is_let_in_only_where_the_server_was_told_of_it(provider: ScriptedProvider) -> None:
    with asking(App(provider, origins=["https://chat.example"])) as client:
        request = {"model": "m", "input": "Hi."}
        for origin, status in (("https://chat.example", 200), ("https://evil.example", 403)):
            assert client.post("/responses", json=request, headers={"origin": origin}).status_code == status


# What is refused.


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": 3}, "input", "invalid_value"),
        ({"input": []}, "input", "missing_required_parameter"),
        ({"input": [{"type": "message", "role": "user", "content": [{"type": "output_text"}]}]}, None, None),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"previous_response_id": "resp_x"}, "previous_response_id", "previous_response_not_found"),
        ({"input": [{"type": "item_reference", "id": "msg_x"}]}, "input[0].id", "item_not_found"),
        (
            {"input": [{"type": "function_call_output", "call_id": "call_x", "output": ""}]},
            "input[0].call_id",
            "tool_call_not_found",
        ),
    ],
)
def test_a_request_that_cannot_be_served_is_refused_by_name(
    client: httpx2.Client, fields: dict[str, Any], param: str | None, code: str | None
) -> None:
    for streamed in (False, True):
        error = post(client, 400, stream=streamed, **fields)["error"]
        assert error["type"] == "invalid_request"
        assert (param, code) in ((error["param"], error["code"]), (None, None))


def test_bodies_that_are_no_requests_are_refused(client: httpx2.Client) -> None:
    json_type = {"content-type": "application/json"}
    for content, headers, status in (
        (b"{", json_type, 400),
        (b"[]", json_type, 400),
        (b"\xff", json_type, 400),
        (b'{"input":' + b"[" * 500 + b"]" * 500 + b"}", json_type, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
    ):
        reply = client.post("/responses", content=content, headers=headers)
        assert reply.status_code == status
        assert error_of(reply)["type"] == "invalid_request"


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(provider: ScriptedProvider) -> None:
    with asking(App(provider, limits=Limits(body=1000))) as client:
        headers = {"content-type": "application/json"}
        large = b'{"input": "' + b"x" * 2000 + b'"}'
        for content in (large, iter([large[:500], large[500:]])):
            reply = client.post("/responses", content=content, headers=headers)
            assert (reply.status_code, error_of(reply)["code"]) == (413, "request_too_large")


def test_unknown_paths_and_methods_have_the_envelope(client: httpx2.Client) -> None:
    assert error_of(client.get("/nothing"))["type"] == "not_found"
    reply = client.put("/responses")
    assert (reply.status_code, reply.headers["allow"], error_of(reply)["code"]) == (405, "POST", "method_not_allowed")


def test_one_response_too_many_is_told_to_come_again(provider: ScriptedProvider) -> None:
    with asking(App(provider, limits=Limits(streams_per_key=0))) as client:
        reply = client.post("/responses", json={"model": "m", "input": "Hi."})
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
        assert error_of(reply)["type"] == "too_many_requests"


# What goes wrong.


def test_a_failed_response_has_the_status_of_its_error() -> None:
    error = ErrorPayload(type="too_many_requests", code="rate_limit_exceeded", message="Slowly.", param=None)
    with asking(App(ScriptedProvider([Text("Hel")], [Failure(error)]))) as client:
        reply = client.post("/responses", json={"model": "m", "input": "Hi."})
        assert (reply.status_code, error_of(reply)["message"]) == (429, "Slowly.")
        kept = client.get(f"/responses/{reply.headers['x-response-id']}").json()
        assert (kept["status"], kept["error"]["code"]) == ("failed", "rate_limit_exceeded")
        names = [event.event_type for event in penstock.read_sse([stream(client)])]
        assert names[-2:] == ["error", "response.failed"]


def test_a_failure_is_told_to_openai_clients_by_the_response_alone() -> None:
    error = ErrorPayload(type="server_error", code="broken", message="It broke.", param=None)
    with asking(
        App(ScriptedProvider([Text("Hel")], [Failure(error)])), **{"user-agent": "OpenAI/Python 3.52"}
    ) as client:
        data = stream(client)
        names = [event.event_type for event in penstock.read_sse([data])]
        assert "error" not in names
        assert names[-1] == "response.failed"
        assert not list(penstock.lint(data, dialect="openai"))


# The model's will.


def test_calls_that_may_not_be_made_are_left_out_and_told_of(provider: ScriptedProvider) -> None:
    with asking(App(provider)) as client:
        made = post(client, tools=[LEVEL], tool_choice="none")
        assert [item["type"] for item in made["output"]] == ["reasoning", "message"]
        assert made["penstock_losses"][0]["param"] == "tool_choice"


def test_a_call_that_had_to_be_made_is_a_failure_of_the_model() -> None:
    with asking(App(ScriptedProvider([Text("No.")]))) as client:
        refused = post(client, 500, tools=[LEVEL], tool_choice="required")
        assert (refused["error"]["type"], refused["error"]["code"]) == ("model_error", "tool_choice_not_followed")


# Models.


def test_models_are_listed_and_found_by_name(provider: ScriptedProvider) -> None:
    models = Models({"small": Model(provider=provider, upstream_name="tiny-1")})
    with asking(App(models)) as client:
        assert [model["id"] for model in client.get("/models").json()["data"]] == ["small"]
        assert post(client, model="small")["model"] == "small"
        assert provider.asked[-1].model == "tiny-1"
        refused = post(client, 404, model="large")
        assert refused["error"]["code"] == "model_not_found"


def test_the_openai_sdk_finds_models_with_slashes_in_their_names_too(provider: ScriptedProvider) -> None:
    model = Model(provider=provider)
    app = App(Models({"small": model, "openai/gpt-oss": model}))
    with served(app) as url, openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        for name in ("small", "openai/gpt-oss"):
            assert client.models.retrieve(name) in client.models.list().data
        with pytest.raises(openai.NotFoundError, match="'large'"):
            client.models.retrieve("large")


def test_models_are_told_to_whom_has_a_key() -> None:
    key = "0123456789abcdef"
    with asking(App({"small": ScriptedProvider()}, keys=[("alice", key)])) as client:
        assert client.get("/models/small").status_code == 401
        assert client.get("/models/small", headers={"Authorization": f"Bearer {key}"}).json()["id"] == "small"


def test_it_says_that_it_lives(client: httpx2.Client) -> None:
    assert client.get("../health").json() == {"status": "ok"}
    assert client.get("../ready").json() == {"status": "ok", "under_way": 0}
