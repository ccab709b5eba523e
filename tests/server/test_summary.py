"""Compaction within an ordinary response: what Codex asks for by an item `compaction_trigger`."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx2
import pytest

import penstock
from penstock import Failure, Text, Usage
from penstock.server.app import App
from penstock.spec.items import MessageItemParam
from penstock.spec.response import ErrorPayload
from penstock.stream.output import Output, Refusal
from tests.server.serving import ScriptedProvider, asking, stream

TRIGGER = {"type": "compaction_trigger"}
NAMED = {"role": "user", "content": "My name is Ada."}
ANSWERED = {"role": "assistant", "content": "Hello, Ada."}


class Summing(ScriptedProvider):
    """A provider that can be asked to sum up."""

    sums_up: ClassVar[bool] = True


def compacted(client: httpx2.Client, **more: object) -> dict[str, Any]:
    reply = client.post("/responses", json={"model": "m", "input": [NAMED, ANSWERED, TRIGGER], **more})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    assert [item["type"] for item in answer["output"]] == ["compaction"]
    return answer


def told(provider: ScriptedProvider) -> list[tuple[str, str]]:
    items = provider.asked[-1].input
    assert isinstance(items, list)
    return [(item.role, item.text) for item in items if isinstance(item, MessageItemParam)]


def test_the_summary_and_what_the_user_said_take_the_place_of_the_conversation() -> None:
    provider = Summing([Text("Her name "), "is Ada.", Usage(input_tokens=9, output_tokens=4)])
    with asking(App(provider)) as client:
        made = compacted(client, instructions="Be brief.")
        assert (made["status"], made["usage"]["total_tokens"]) == ("completed", 13)
        assert provider.asked[-1].instructions == "Be brief."
        assert told(provider)[:2] == [("user", "My name is Ada."), ("assistant", "Hello, Ada.")]
        assert told(provider)[2][1].startswith("Sum up the conversation")
        for more in (
            {"input": [*made["output"], {"role": "user", "content": "Go on."}]},
            {"input": "Go on.", "previous_response_id": made["id"]},
        ):
            assert client.post("/responses", json={"model": "m", **more}).status_code == 200
            assert told(provider)[0][1].endswith("Her name is Ada.")
            assert told(provider)[1:] == [("user", "My name is Ada."), ("user", "Go on.")]


@pytest.mark.parametrize("provider", [ScriptedProvider([Text("Never.")]), Summing([Refusal("No.")])])
def test_without_a_summary_all_is_carried_over(provider: ScriptedProvider) -> None:
    with asking(App(provider)) as client:
        made = compacted(client)
        client.post("/responses", json={"model": "m", "input": [*made["output"], {"role": "user", "content": "?"}]})
        assert told(provider) == [("user", "My name is Ada."), ("assistant", "Hello, Ada."), ("user", "?")]


@pytest.mark.parametrize("said", [[Text("Half a")], []])
def test_a_summary_that_fails_is_a_response_that_fails(said: list[Output]) -> None:
    failed = Failure(ErrorPayload(type="model_error", code="broke", message="It broke.", param=None))
    with asking(App(Summing(said, [failed]))) as client:
        events = list(penstock.read_sse([stream(client, input=[NAMED, TRIGGER])]))
        assert events[-1].event_type == "response.failed"
        reply = client.post("/responses", json={"model": "m", "input": [NAMED, TRIGGER]})
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "broke")


def test_the_stream_of_a_compaction_is_valid() -> None:
    with asking(App(Summing([Text("All is well.")]))) as client:
        for dialect in ("openresponses", "openai"):
            request = {"model": "m", "input": [NAMED, TRIGGER], "stream": True}
            reply = client.post("/responses", json=request, headers={"penstock-dialect": dialect})
            assert not list(penstock.lint(reply.content, dialect=dialect))
