"""Conversations: what of a response can be told to a model again, what cannot be continued, how long they may be."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from penstock import Arguments, FunctionCall, ReadyItem, Stop, Text
from penstock.server.app import App
from penstock.server.context import as_params
from penstock.server.limits import Limits
from penstock.spec.base import Extra
from penstock.spec.content import (
    ExtensionContent,
    ReasoningSummaryContentParam,
    ReasoningTextContent,
    ReasoningTextContentParam,
    RefusalContent,
    SummaryTextContent,
)
from penstock.spec.items import (
    CompactionItem,
    ExtensionItem,
    FunctionCallItem,
    FunctionCallItemParam,
    Item,
    ReasoningItem,
    ReasoningItemParam,
)
from penstock.store.sql import SQLStore
from penstock.stream.output import Output
from penstock.upstream.base import UnsupportedParameter
from tests.server.direct import accepted, ask, once, run, started
from tests.server.serving import HeldProvider, ScriptedProvider
from tests.server.test_turn import until

GOOD = {"model": "m", "input": "Hi."}


def scripted() -> ScriptedProvider:
    return ScriptedProvider([Text("Hello.")])


# Items of a response as items of a request.


def test_items_are_told_again_with_everything_they_have() -> None:
    items: list[Item] = [
        FunctionCallItem(id="fc_1", call_id="c", name="f", arguments="{}", status="completed", extra=Extra({"x": 1})),
        CompactionItem(id="cmp_1", encrypted_content="theirs"),
        ExtensionItem(fields=Extra({"type": "acme:search", "id": "s", "status": "completed"})),
    ]
    told = as_params(items)
    assert [item.id for item in told] == ["fc_1", "cmp_1", "s"]
    assert isinstance(told[0], FunctionCallItemParam)
    assert told[0].extra == {"x": 1}


def test_parts_that_a_request_cannot_have_are_left_out_of_what_is_told_again() -> None:
    own = ExtensionContent(fields=Extra({"type": "acme:sketch"}))
    item = ReasoningItem(
        id="rs_1",
        summary=[SummaryTextContent(text="a"), own, RefusalContent(refusal="b")],
        content=[ReasoningTextContent(text="c")],
        status="completed",
    )
    (told,) = as_params([item])
    assert isinstance(told, ReasoningItemParam)
    assert told.summary == [ReasoningSummaryContentParam(text="a")]
    assert told.content == [ReasoningTextContentParam(text="c")]


def test_an_item_that_cannot_be_told_again_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    item = FunctionCallItem(id="fc_1", call_id="c", name="no name for a function!", arguments="", status="completed")
    assert as_params([item]) == []
    assert "function_call" in caplog.text


def test_a_conversation_with_such_an_item_goes_on() -> None:
    own = ExtensionContent(fields=Extra({"type": "acme:sketch"}))
    item = ReasoningItem(id="rs_1", summary=[own], status="completed")
    provider = ScriptedProvider([ReadyItem(item), Text("Hello.")])

    async def work() -> None:
        async with started(App(provider)) as app:
            made = (await ask(app, GOOD)).json
            assert (await ask(app, {**GOOD, "previous_response_id": made["id"]})).status == 200
            async with accepted(app) as talk:
                talk.create(store=False)
                first = (await talk.turn())[-1]["response"]["id"]
                talk.create(store=False, previous_response_id=first)
                assert (await talk.turn())[-1]["type"] == "response.completed"

    run(work())


# What cannot be continued.


def test_a_response_that_is_still_in_progress_cannot_be_continued() -> None:
    provider = HeldProvider()

    async def work() -> None:
        async with started(App(provider)) as app, accepted(app) as talk:
            talk.create()
            first = (await talk.hear())["response"]["id"]
            while (await talk.hear())["type"] != "response.output_text.delta":
                pass
            reply = await ask(app, {**GOOD, "previous_response_id": first})
            assert (reply.status, reply.error["code"]) == (400, "previous_response_in_progress")
            assert reply.error["param"] == "previous_response_id"

    run(work())


def test_a_server_without_a_store_knows_no_earlier_response_and_no_items() -> None:
    for fields, param in (
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id"),
    ):
        reply = once(App(scripted(), store=None), {**GOOD, **fields})
        assert (reply.status, reply.error["param"]) == (400, param)


def test_items_that_only_the_connection_remembers_can_be_referred_to() -> None:
    provider = scripted()

    async def work() -> None:
        async with started(App(provider, store=None)) as app, accepted(app) as talk:
            talk.create()
            said = (await talk.turn())[-1]["response"]["output"][0]["id"]
            talk.create(input=[{"type": "item_reference", "id": said}])
            assert (await talk.turn())[-1]["type"] == "response.completed"

    run(work())
    told = provider.asked[-1].input
    assert isinstance(told, list)
    assert [item.text for item in told] == ["Hello."]  # type: ignore[union-attr]


def test_a_call_whose_output_comes_with_the_continuation_is_found_in_what_came_before() -> None:
    provider = ScriptedProvider([FunctionCall("f", "{}", call_id="call_1")])

    async def work() -> None:
        async with started(App(provider)) as app:
            tools = [{"type": "function", "name": "f"}]
            made = (await ask(app, {**GOOD, "tools": tools})).json
            for call_id, status in (("call_1", 200), ("call_2", 400)):
                output = {"type": "function_call_output", "call_id": call_id, "output": ""}
                body = {"model": "m", "input": [output], "tools": tools, "previous_response_id": made["id"]}
                assert (await ask(app, body)).status == status

    run(work())


CUT: list[Output] = [
    Text("I look. "),
    FunctionCall("f", call_id="call_1"),
    Arguments('{"a":'),
    Stop("max_output_tokens"),
]


def test_a_response_that_stopped_in_a_call_can_be_continued() -> None:
    provider = ScriptedProvider(CUT)
    good = {**GOOD, "tools": [{"type": "function", "name": "f"}]}

    async def work() -> None:
        async with started(App(provider)) as app:
            cut = (await ask(app, good)).json
            assert [item["status"] for item in cut["output"]] == ["completed", "incomplete"]
            call = cut["output"][1]
            later = (await ask(app, {**good, "previous_response_id": cut["id"]})).json
            assert [(loss["param"], "'call_1'" in loss["reason"]) for loss in later["penstock_losses"]] == [
                ("previous_response_id", True)
            ]
            sent = (await ask(app, {**good, "input": [{"role": "user", "content": "Hi."}, call]})).json
            assert [loss["param"] for loss in sent["penstock_losses"]] == ["input[1]"]
            # It is in what is kept, as it was told.
            assert (await ask(app, method="GET", path=f"/v1/responses/{cut['id']}")).json == cut
            assert (
                await ask(app, {**GOOD, "previous_response_id": cut["id"]}, path="/v1/responses/compact")
            ).status == 200

    run(work())
    for request in provider.asked[1:]:
        assert isinstance(request.input, list)
        assert not [item for item in request.input if isinstance(item, FunctionCallItemParam)]


def test_a_call_that_was_cut_off_and_made_all_the_same_is_told() -> None:
    provider = ScriptedProvider(CUT)
    good = {**GOOD, "tools": [{"type": "function", "name": "f"}]}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "1"}

    async def work() -> None:
        async with started(App(provider)) as app:
            cut = (await ask(app, good)).json
            later = (await ask(app, {**good, "input": [output], "previous_response_id": cut["id"]})).json
            assert "penstock_losses" not in later

    run(work())
    told = provider.asked[1].input
    assert isinstance(told, list)
    assert [item.call_id for item in told if isinstance(item, FunctionCallItemParam)] == ["call_1"]


# Compaction.


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/compact"])
@pytest.mark.parametrize("nothing", [{}, {"input": ""}, {"input": []}])
def test_something_must_be_said_to_the_model(path: str, nothing: dict[str, object]) -> None:
    reply = once(App(scripted()), {"model": "m", **nothing}, path=path)
    assert (reply.status, reply.error["param"]) == (400, "input")
    assert "absent or empty" in reply.error["message"]


def test_what_a_summary_leaves_of_a_conversation_is_bounded() -> None:
    class Summing(ScriptedProvider):
        sums_up = True

    provider = Summing([Text("Ada asked a lot.")])

    async def work() -> None:
        async with started(App(provider)) as app:
            said = [{"role": "user", "content": f"{number}" * 6000} for number in range(5)]
            call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
            body = {"model": "m", "input": [*said, call]}
            compacted = await ask(app, body, path="/v1/responses/compact")
            assert compacted.status == 200
            assert compacted.json["usage"]["total_tokens"] >= 0
            output = {"type": "function_call_output", "call_id": "c", "output": "done"}
            assert (await ask(app, {"model": "m", "input": [*compacted.json["output"], output]})).status == 200
            told = provider.asked[-1].input
            assert isinstance(told, list)
            texts = [getattr(item, "text", "") for item in told]
            assert "Ada asked a lot." in texts[0]
            assert [text[:1] for text in texts[1:4]] == ["2", "3", "4"]

    run(work())


# The service.


def test_what_cannot_be_asked_is_refused_before_anything_is_begun() -> None:
    class Strict(ScriptedProvider):
        def answer(self, request: Any) -> Any:  # noqa: ANN401 - it gives none
            raise UnsupportedParameter("tools[0].type", "there are no such tools")

    app = App(Strict())
    for stream in (False, True):
        reply = once(App(Strict()), {**GOOD, "stream": stream})
        assert (reply.status, reply.error["code"], reply.error["param"]) == (
            400,
            "unsupported_parameter",
            "tools[0].type",
        )
    assert app.service.requests == 0


def test_there_is_an_end_to_what_a_server_does_at_once() -> None:
    provider = HeldProvider()

    async def work() -> None:
        async with started(App(provider, limits=Limits(streams=1, shutdown_seconds=0))) as app, accepted(app) as talk:
            talk.create()
            await until(lambda: app.service.under_way == 1)
            reply = await ask(app, GOOD)
            assert (reply.status, reply.error["type"]) == (429, "too_many_requests")
            assert reply.headers["retry-after"] == "1"
            await until(lambda: app.service.events > 0)

    run(work())


def test_every_request_leaves_a_line_in_the_log_that_tells_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with started(App(scripted())) as app:
            await ask(app, GOOD, user_agent="x" * 200)
            await ask(app, {"model": "m", "input": 3})
            await ask(app, {**GOOD, "tools": [{"type": "function", "name": "f"}], "tool_choice": "required"})

    with caplog.at_level(logging.INFO, logger="penstock.access"):
        run(work())
    lines = [json.loads(record.message) for record in caplog.records if record.name == "penstock.access"]
    assert [(line["status"], line.get("outcome"), line.get("code")) for line in lines] == [
        (200, "completed", None),
        (400, None, "invalid_value"),
        (500, "failed", "tool_choice_not_followed"),
    ]
    assert len(lines[0]["agent"]) == 80
    assert "Hi." not in caplog.text


def test_what_a_dead_process_left_behind_is_failed_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    class Leftover(SQLStore):
        async def abandon(self) -> int:
            return 2

    async def work() -> None:
        async with Leftover("sqlite://", clock=lambda: 0.0) as store, started(App(scripted(), store=store)):
            pass

    run(work())
    assert "2 responses were in progress" in caplog.text
