"""Stored responses over HTTP, on every database: found, listed, continued, referred to, deleted, and whose they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Message

from penstock import FunctionCall, Reasoning, Text, Usage
from penstock.server.app import App
from penstock.spec.items import MessageItemParam
from penstock.stream.output import Output
from tests.server.direct import accepted, ask, follow, run, started
from tests.server.serving import ScriptedProvider

SAID: list[list[Output]] = [
    [Reasoning("Hm.")],
    [Text("Hel"), Text("lo.")],
    [FunctionCall("f", "{}", call_id="call_1")],
    [Usage(input_tokens=1, output_tokens=1)],
]
AT_ONCE = 30
"""Responses that are stored beside each other, so that each has to wait for others."""
TOOL = {"type": "function", "name": "f"}
KEYS = [("ada", "a" * 20), ("bob", "b" * 20)]
ADA, BOB = ({"authorization": f"Bearer {key}"} for _, key in KEYS)


def on(url: str, work: Callable[[App, ScriptedProvider], Coroutine[Any, Any, None]], **options: Any) -> None:  # noqa: ANN401
    """Run a test against an application that keeps its responses at `url`."""
    provider = ScriptedProvider(*SAID)

    async def whole() -> None:
        async with started(App(provider, store=url, **options)) as app:
            await work(app, provider)

    run(whole())


async def make(app: App, headers: dict[str, str] | None = None, **fields: object) -> dict[str, Any]:
    reply = await ask(app, {"model": "m", "input": "Hi.", "tools": [TOOL], **fields}, **(headers or {}))
    assert reply.status == 200, reply.body
    made: dict[str, Any] = reply.json
    return made


def test_a_response_is_found_as_it_was_told_and_its_input_page_by_page(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        said = [{"role": "user", "content": f"{number}"} for number in range(3)]
        made = await make(app, input=said, metadata={"a": "b"}, instructions="Be brief.")
        path = f"/v1/responses/{made['id']}"
        assert (await ask(app, method="GET", path=path)).json == made
        head = await ask(app, method="HEAD", path=path)
        assert head.status == 200
        first = (await ask(app, method="GET", path=f"{path}/input_items?limit=2&order=asc")).json
        assert [item["content"][0]["text"] for item in first["data"]] == ["0", "1"]
        assert (first["first_id"], first["has_more"]) == (first["data"][0]["id"], True)
        rest = (await ask(app, method="GET", path=f"{path}/input_items?order=asc&after={first['last_id']}")).json
        assert ([item["content"][0]["text"] for item in rest["data"]], rest["has_more"]) == (["2"], False)
        back = (await ask(app, method="GET", path=f"{path}/input_items?order=asc&before={rest['first_id']}")).json
        assert [item["content"][0]["text"] for item in back["data"]] == ["0", "1"]
        newest = (await ask(app, method="GET", path=f"{path}/input_items")).json
        assert [item["content"][0]["text"] for item in newest["data"]] == ["2", "1", "0"]

    on(url, work)


def test_whoever_is_told_of_a_response_finds_it_at_once_and_its_end_everywhere(url: str) -> None:
    async def look(app: App, elsewhere: App) -> None:
        found: list[tuple[str, str, int]] = []

        async def heard(message: Message) -> None:
            body = message.get("body", b"")
            for kind in ("created", "completed"):
                if f"event: response.{kind}\n".encode() not in body:
                    continue
                name = re.findall(rb'"id":"(resp_[^"]+)"', body)[0].decode()
                reply = await ask(elsewhere, method="GET", path=f"/v1/responses/{name}")
                found.append((kind, reply.json.get("status", ""), reply.status))
                if kind == "completed":
                    reply = await ask(elsewhere, {"model": "m", "input": "And?", "previous_response_id": name})
                    found.append((kind, "continued", reply.status))

        await follow(app, {"model": "m", "input": "Hi.", "tools": [TOOL], "stream": True}, heard)
        assert found == [
            ("created", "in_progress", 200),
            ("completed", "completed", 200),
            ("completed", "continued", 200),
        ]

    async def work(app: App, provider: ScriptedProvider) -> None:
        # Memory is of one process alone; a file and PostgreSQL are asked as another process would.
        elsewhere = app if url == "sqlite://" else App(provider, store=url)
        async with started(elsewhere):
            await asyncio.gather(*(look(app, elsewhere) for _ in range(AT_ONCE)))

    on(url, work)


def test_a_chain_is_told_whole_and_in_order_after_a_restart_too(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        first = await make(app)
        output = {"type": "function_call_output", "call_id": "call_1", "output": "3 m"}
        second = await make(app, input=[output], previous_response_id=first["id"])
        assert second["previous_response_id"] == first["id"]
        await make(app, input="And now?", previous_response_id=second["id"], instructions="Be brief.")
        told = provider.asked[-1].input
        assert isinstance(told, list)
        kinds = [str(item.__struct_config__.tag) for item in told]
        turn = ["reasoning", "message", "function_call"]
        assert kinds == ["message", *turn, "function_call_output", *turn, "message"]
        assert isinstance(told[-1], MessageItemParam)
        assert told[-1].text == "And now?"
        # The instructions of one response are not those of the next (OpenAI's API).
        await make(app, previous_response_id=second["id"])
        assert not provider.asked[-1].instructions

    on(url, work)


def test_what_was_deleted_is_gone_but_what_came_after_it_is_not(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        first = await make(app, tools=[])
        second = await make(app, tools=[], previous_response_id=first["id"])
        path = f"/v1/responses/{first['id']}"
        gone = await ask(app, method="DELETE", path=path)
        assert gone.json == {"id": first["id"], "object": "response.deleted", "deleted": True}
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
            reply = await ask(app, method=method, path=path + rest)
            assert (reply.status, reply.error["code"]) == (404, "response_not_found")
        continued = await ask(app, {"model": "m", "input": "Hi.", "previous_response_id": first["id"]})
        assert (continued.status, continued.error["code"]) == (400, "previous_response_not_found")
        referred = [{"type": "item_reference", "id": first["output"][1]["id"]}]
        reply = await ask(app, {"model": "m", "input": referred})
        assert (reply.status, reply.error["param"]) == (400, "input[0].id")
        await make(app, tools=[], previous_response_id=second["id"])
        told = provider.asked[-1].input
        assert isinstance(told, list)
        assert [item.text for item in told if isinstance(item, MessageItemParam)] == [
            *["Hi.", "Hello."] * 2,
            "Hi.",
        ]

    on(url, work)


def test_references_mean_items_of_stored_responses_and_of_the_same_request(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        made = await make(app)
        stored = {"type": "item_reference", "id": made["output"][1]["id"]}
        own = {"role": "user", "content": "Why?", "id": "msg_own"}
        await make(app, input=[stored, own, {"type": "item_reference", "id": "msg_own"}])
        told = provider.asked[-1].input
        assert isinstance(told, list)
        assert [item.text for item in told if isinstance(item, MessageItemParam)] == ["Hello.", "Why?", "Why?"]
        assert len({item.id for item in told}) == 3

    on(url, work)


def test_nobody_sees_continues_refers_to_or_deletes_what_is_another_s(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        made = await make(app, ADA)
        path = f"/v1/responses/{made['id']}"
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
            assert (await ask(app, method=method, path=path + rest, **BOB)).error["code"] == "response_not_found"
        refused = [
            {"input": "Hi.", "previous_response_id": made["id"]},
            {"input": [{"type": "item_reference", "id": made["output"][1]["id"]}]},
        ]
        for fields in refused:
            assert (await ask(app, {"model": "m", **fields}, **BOB)).status == 400
        assert (await ask(app, method="GET", path=path, **ADA)).json == made
        # Over a WebSocket no more than over HTTP.
        async with accepted(app, **BOB) as talk:
            talk.create(previous_response_id=made["id"])
            assert (await talk.hear())["error"]["code"] == "previous_response_not_found"

    on(url, work, keys=KEYS)


def test_what_is_not_to_be_stored_is_not(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        made = await make(app, store=False)
        assert (await ask(app, method="GET", path=f"/v1/responses/{made['id']}")).status == 404

    on(url, work)


def test_failed_and_incomplete_responses_are_stored_as_they_ended(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        failed = await ask(
            app, {"model": "m", "input": "Hi.", "tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}}
        )
        assert failed.status == 500
        kept = (await ask(app, method="GET", path=f"/v1/responses/{failed.headers['x-response-id']}")).json
        assert (kept["status"], kept["error"]["code"]) == ("failed", failed.error["code"])

    on(url, work)


def test_a_stored_response_lists_what_was_lost(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        made = await make(app, tool_choice="none")
        assert made["penstock_losses"][0]["param"] == "tool_choice"
        assert (await ask(app, method="GET", path=f"/v1/responses/{made['id']}")).json == made

    on(url, work)


def test_compacted_conversations_of_stored_responses_carry_on(url: str) -> None:
    async def work(app: App, provider: ScriptedProvider) -> None:
        made = await make(app, input="My name is Ada.", tools=[])
        body = {"model": "m", "previous_response_id": made["id"]}
        compacted = (await ask(app, body, path="/v1/responses/compact")).json
        await make(app, input=[*compacted["output"], {"role": "user", "content": "Who am I?"}])
        told = provider.asked[-1].input
        assert isinstance(told, list)
        assert [item.text for item in told if isinstance(item, MessageItemParam)] == [
            "My name is Ada.",
            "Hello.",
            "Who am I?",
        ]

    on(url, work)
