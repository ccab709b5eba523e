"""Connections from within: a WebSocket whose time ends or whose client leaves, a stream whose client does not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence

import pytest
from starlette.types import Message

from penstock import Failure, Text
from penstock.provider.base import Answer
from penstock.server.app import App
from penstock.server.event_stream import EventStream, HTTPDelivery
from penstock.server.limits import Limits
from penstock.server.models import Model, Models
from penstock.spec.request import CreateResponse
from penstock.spec.response import ErrorPayload
from penstock.store.base import StoredResponse
from penstock.store.sql import SQLStore
from penstock.stream.output import Output
from tests.server.direct import MANNER, TERMINAL, accepted, ask, http_scope, run, started, talking
from tests.server.serving import HeldProvider, ScriptedProvider
from tests.server.test_turn import endless, saying, turn_of, until

BROKEN = ErrorPayload(type="model_error", code="broken", message="It broke.", param=None)


def numbers(messages: list[dict[str, object]]) -> list[object]:
    return [message["sequence_number"] for message in messages]


# WebSockets.


def test_the_numbers_of_a_turn_begin_anew_after_one_that_failed() -> None:
    def then(request: CreateResponse) -> Sequence[Output]:
        return [Failure(BROKEN)] if request.instructions else [Text("Hello.")]

    async def work() -> None:
        async with started(App(ScriptedProvider(then=then))) as app, accepted(app) as talk:
            for instructions in ("Break.", None, "Break.", None):
                talk.create(instructions=instructions)
                messages = await talk.turn()
                assert numbers(messages) == list(range(len(messages)))

    run(work())


def test_the_end_of_a_connection_s_time_stops_its_turn_which_is_stored_as_failed() -> None:
    provider = HeldProvider()

    async def work() -> None:
        app = App(provider, limits=Limits(websocket_seconds=0.3))
        async with started(app), accepted(app) as talk:
            talk.create()
            talk.create()  # waits, and is never begun
            messages = await talk.turn()
            error = messages.pop()
            assert (error["type"], error["status"]) == ("error", 400)
            assert error["error"]["code"] == "websocket_connection_limit_reached"
            assert not [message["type"] for message in messages if message["type"] in TERMINAL]
            assert await talk.closed() == 1001
            assert provider.ended.is_set()
            assert len(provider.asked) == 1
            kept = (await ask(app, method="GET", path=f"/v1/responses/{messages[0]['response']['id']}")).json
            assert (kept["status"], kept["error"]["code"]) == ("failed", "websocket_connection_limit_reached")

    run(work())


def test_what_waits_when_the_client_leaves_is_never_begun() -> None:
    provider = HeldProvider()

    async def work() -> None:
        async with started(App(provider)) as app:
            async with accepted(app) as talk:
                for _ in range(3):
                    talk.create()
                while (await talk.hear())["type"] != "response.output_text.delta":
                    pass
            assert provider.ended.is_set()
            assert len(provider.asked) == 1
            assert not app.service.under_way

    run(work())


class _Slow(SQLStore):
    """Finds conversations only when it is told to."""

    def __init__(self) -> None:
        super().__init__("sqlite://", clock=lambda: 0.0)
        self.looking = asyncio.Event()
        self.go = asyncio.Event()

    async def conversation(self, response_id: str, *, owner: str) -> list[StoredResponse] | None:
        self.looking.set()
        await self.go.wait()
        return await super().conversation(response_id, owner=owner)


@pytest.mark.parametrize("how", ["leaves", "is out of time"])
def test_a_client_that_is_gone_while_its_request_is_looked_into_has_nothing_begun(how: str) -> None:
    provider = ScriptedProvider([Text("Hello.")])

    async def work() -> None:
        store = _Slow()
        app = App(provider, store=store, limits=Limits(websocket_seconds=0.2 if how == "is out of time" else 60))
        async with store, started(app):
            made = (await ask(app, {"model": "m", "input": "Hi."})).json
            async with accepted(app) as talk:
                talk.create(previous_response_id=made["id"])
                await store.looking.wait()
                if how == "leaves":
                    talk.leave()
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(0.25)
                store.go.set()
                if how != "leaves":
                    assert (await talk.hear())["error"]["code"] == "websocket_connection_limit_reached"
            assert app.service.requests == 1

    run(work())


def test_a_request_that_is_wrong_evicts_what_it_names() -> None:
    async def work() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]))) as app, accepted(app) as talk:
            talk.create(store=False)
            first = (await talk.turn())[-1]["response"]["id"]
            talk.create(store=False, previous_response_id=first, temperature="hot")
            assert (await talk.hear())["error"]["param"] == "temperature"
            talk.create(store=False, previous_response_id=first)
            assert (await talk.hear())["error"]["code"] == "previous_response_not_found"

    run(work())


def test_a_stored_response_may_continue_one_that_only_the_connection_knows() -> None:
    provider = ScriptedProvider([Text("Hello.")])

    async def work() -> None:
        async with started(App(provider)) as app:
            async with accepted(app) as talk:
                talk.create(store=False)
                first = (await talk.turn())[-1]["response"]["id"]
                talk.create(store=True, previous_response_id=first, input="And now?")
                second = (await talk.turn())[-1]["response"]
                assert (second["status"], second["previous_response_id"]) == ("completed", first)
            # The whole conversation is there also when the connection is not.
            third = await ask(app, {"model": "m", "input": "Why?", "previous_response_id": second["id"]})
            assert third.status == 200
            told = provider.asked[-1].input
            assert isinstance(told, list)
            assert [getattr(item, "text", "") for item in told] == [
                "Hi.",
                "Hello.",
                "And now?",
                "Hello.",
                "Why?",
            ]

    run(work())


def test_a_response_that_was_deleted_is_not_continued_by_one_that_is_stored(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]))) as app, accepted(app) as talk:
            talk.create()
            first = (await talk.turn())[-1]["response"]["id"]
            assert (await ask(app, method="DELETE", path=f"/v1/responses/{first}")).status == 200
            talk.create(previous_response_id=first)
            failed = (await talk.turn())[-1]["response"]
            assert failed["error"]["code"] == "previous_response_not_found"

    run(work())
    # That is the client's doing, and nothing for the operator to look into.
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_fault_of_ours_is_told_and_the_connection_lives(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(ScriptedProvider):
        def answer(self, request: CreateResponse) -> Answer:
            if request.instructions:
                raise RuntimeError("a fault")
            return super().answer(request)

    async def work() -> None:
        async with started(App(Faulty([Text("Hello.")]))) as app, accepted(app) as talk:
            talk.create(instructions="Break.")
            error = await talk.hear()
            assert (error["status"], error["error"]["code"]) == (500, "internal_error")
            talk.create()
            assert (await talk.turn())[-1]["type"] == "response.completed"

    run(work())
    assert "a fault" in caplog.text


def test_only_so_many_responses_are_remembered() -> None:
    async def work() -> None:
        app = App(ScriptedProvider([Text("Hello.")]), limits=Limits(websocket_responses=1))
        async with started(app), accepted(app) as talk:
            made = []
            for _ in range(2):
                talk.create(store=False)
                made.append((await talk.turn())[-1]["response"]["id"])
            talk.create(store=False, previous_response_id=made[0])
            assert (await talk.hear())["error"]["code"] == "previous_response_not_found"
            talk.create(store=False, previous_response_id=made[1])
            assert (await talk.turn())[-1]["type"] == "response.completed"

    run(work())


def test_a_model_s_own_dialect_holds_for_its_turns() -> None:
    provider = ScriptedProvider([Failure(BROKEN)])
    models = Models({"new": Model(provider=provider), "old": Model(provider=provider, dialect="openai")})

    async def work() -> None:
        async with started(App(models)) as app:
            for model, dialect in (("new", "openresponses"), ("old", "openai")):
                reply = await ask(app, {"model": model, "input": "Hi.", "stream": True})
                assert reply.headers["penstock-dialect"] == dialect
                assert (b"event: error" in reply.body) == (dialect == "openresponses")

    run(work())


def test_a_server_that_ends_closes_connections_when_their_turn_is_over() -> None:
    provider = HeldProvider()

    async def work() -> None:
        app = App(provider, limits=Limits(shutdown_seconds=0.01))
        await app.start()
        async with accepted(app) as talk:
            talk.create()
            talk.create()
            while (await talk.hear())["type"] != "response.output_text.delta":
                pass
            stopping = asyncio.create_task(app.stop())
            failed = (await talk.turn())[-1]
            assert failed["response"]["error"]["code"] == "server_shutting_down"
            assert await talk.closed() == 1001
            await stopping
        async with talking(app) as talk:
            assert (await talk.next())["status"] == 503

    run(work())


def test_a_stranger_is_refused_by_servers_that_cannot_say_why_too() -> None:
    async def work() -> None:
        async with started(App(ScriptedProvider(), keys=[("ada", "a" * 20)])) as app:
            async with talking(app, denials=False) as talk:
                assert await talk.closed() == 1008
            async with talking(app, path="/v1/nowhere") as talk:
                start, body = await talk.next(), await talk.next()
                assert (start["status"], json.loads(body["body"])["error"]["type"]) == (404, "not_found")

    run(work())


def test_a_client_that_takes_nothing_is_cut_off_in_the_middle_of_a_turn_and_at_its_end() -> None:
    async def work(provider: ScriptedProvider, stuck_at: str) -> None:
        app = App(provider, limits=Limits(slow_reader_seconds=0.05))
        incoming: asyncio.Queue[Message] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        create = {"type": "response.create", "model": "m", "input": "Hi."}
        incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(create)})
        sent: list[str] = []

        async def send(message: Message) -> None:
            if message["type"] == "websocket.send":
                sent.append(json.loads(message["text"])["type"])
                if sent[-1] == stuck_at:
                    await asyncio.Event().wait()

        scope = {**http_scope("GET", "/v1/responses", {}), "type": "websocket", "subprotocols": []}
        async with started(app):
            await app(scope, incoming.get, send)
            assert sent[-1] == stuck_at
            assert not app.service.under_way
            assert not app.service.watched

    run(work(ScriptedProvider([Text("Hello.")]), "response.completed"))
    run(work(HeldProvider(), "response.output_text.delta"))


def test_a_connection_that_breaks_while_it_is_written_to_ends_its_turn() -> None:
    provider = ScriptedProvider([Text("Hel")], [Text("lo.")])

    async def work() -> None:
        app = App(provider)
        incoming: asyncio.Queue[Message] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        create = {"type": "response.create", "model": "m", "input": "Hi."}
        incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(create)})

        async def send(message: Message) -> None:
            if message["type"] == "websocket.send":
                incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
                raise OSError("gone")

        scope = {**http_scope("GET", "/v1/responses", {}), "type": "websocket", "subprotocols": []}
        async with started(app):
            await app(scope, incoming.get, send)
            assert not app.service.under_way
        assert provider.ended.is_set()

    run(work())


def test_a_connection_that_is_cancelled_from_outside_ends_cancelled() -> None:
    provider = HeldProvider()

    async def work() -> None:
        app = App(provider)
        async with started(app):
            incoming: asyncio.Queue[Message] = asyncio.Queue()
            incoming.put_nowait({"type": "websocket.connect"})
            create = {"type": "response.create", "model": "m", "input": "Hi."}
            incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(create)})
            outgoing: asyncio.Queue[Message] = asyncio.Queue()
            scope = {**http_scope("GET", "/v1/responses", {}), "type": "websocket", "subprotocols": []}
            serving = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
            while "output_text.delta" not in (await outgoing.get()).get("text", ""):
                pass
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            assert provider.ended.is_set()
            assert not app.service.under_way

    run(work())


def test_what_goes_wrong_in_looking_after_streams_does_not_end_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.server.sweeper.WATCH_SECONDS", 0.01)

    async def work() -> None:
        async with started(App(ScriptedProvider())) as app:
            looked = 0

            class Faulty:
                is_sending = False

                @property
                def sent_at(self) -> float:
                    nonlocal looked
                    looked += 1
                    raise RuntimeError("a fault")

                async def ping(self) -> None: ...

                def cut_off(self) -> None: ...

            app.service.watched.add(Faulty())
            while looked < 2:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    run(work())
    assert "a fault" in caplog.text


def test_a_message_larger_than_is_taken_closes_the_connection() -> None:
    async def work() -> None:
        app = App(ScriptedProvider(), limits=Limits(websocket_message=10))
        async with started(app), accepted(app) as talk:
            talk.say("x" * 11)
            assert await talk.closed() == 1009

    run(work())


# Streams over HTTP.


async def _streamed(app: App, stuck_at: bytes) -> list[bytes]:
    """Ask for a stream, and take no more from what holds `stuck_at` on."""
    body = json.dumps({"model": "m", "input": "Hi.", "stream": True}).encode()
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[bytes] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))
        if stuck_at in sent[-1]:
            await asyncio.Event().wait()

    await app(http_scope("POST", "/v1/responses", {"content-type": "application/json"}), receive, send)
    return sent


@pytest.mark.parametrize("stuck_at", [b"output_text.delta", b"[DONE]", b": ping"])
def test_a_client_that_takes_nothing_is_cut_off_wherever_the_stream_is(stuck_at: bytes) -> None:
    provider = HeldProvider() if stuck_at != b"[DONE]" else ScriptedProvider([Text("Hello.")])
    limits = Limits(slow_reader_seconds=0.05, keep_alive_seconds=0.05 if stuck_at == b": ping" else 60.0)

    async def work() -> None:
        app = App(provider, limits=limits)
        async with started(app):
            sent = await _streamed(app, stuck_at)
            assert stuck_at in sent[-1]
            assert provider.ended.is_set()
            assert not app.service.under_way
            assert not app.service.watched

    run(work())


def test_a_stream_that_is_cancelled_from_outside_ends_cancelled() -> None:
    provider = HeldProvider()

    async def work() -> None:
        app = App(provider)
        async with started(app):
            streaming = asyncio.create_task(_streamed(app, b"output_text.delta"))
            await until(lambda: bool(app.service.under_way))
            await asyncio.sleep(0.05)
            streaming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await streaming
            assert provider.ended.is_set()

    run(work())


async def _gone() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_ping_waits_for_nothing_and_says_nothing_before_and_after_the_stream() -> None:
    async def work() -> None:
        sent: list[bytes] = []

        async def send(message: Message) -> None:
            sent.append(message["body"])

        delivery = HTTPDelivery(MANNER, obfuscate=False)
        await delivery.ping()
        delivery.open(send)
        await delivery.ping()
        await delivery.end()
        await delivery.ping()
        assert sent == [b": ping\n\n", b"data: [DONE]\n\n"]

    run(work())


def test_no_frame_is_lost_where_a_turn_is_stopped_while_a_ping_is_being_sent() -> None:
    async def work() -> None:
        go = asyncio.Event()
        sent: list[bytes] = []

        async def send(message: Message) -> None:
            data = message.get("body", b"")
            if data == b": ping\n\n":
                await go.wait()
            sent.append(data)

        delivery = HTTPDelivery(MANNER, obfuscate=False)
        delivery.open(send)
        pinging = asyncio.create_task(delivery.ping())
        await asyncio.sleep(0)
        turn = turn_of(endless(), delivery)
        stream = EventStream(turn, delivery, {})
        running = asyncio.create_task(stream.run(_gone, send))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        turn.stop(BROKEN)
        await asyncio.sleep(0)
        go.set()
        await running
        await pinging
        data = b"".join(sent)
        assert data.count(b"event: response.created") == 1
        assert data.endswith(b"data: [DONE]\n\n")

    run(work())


def test_a_client_that_is_gone_before_the_first_byte_stops_its_provider() -> None:
    async def work() -> None:
        async def send(message: Message) -> None:
            raise OSError("gone")

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        answer = endless()
        delivery = HTTPDelivery(MANNER, obfuscate=False)
        turn = turn_of(answer, delivery)
        await EventStream(turn, delivery, {}).run(receive, send)
        assert turn.error is not None
        assert turn.error.code == "client_disconnected"

    run(work())


def test_the_whole_response_is_given_up_where_the_client_goes_away() -> None:
    class Counting(HeldProvider):
        async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
            asyncio.get_running_loop().call_soon(left.set)
            async for batch in super().say(request):
                yield batch

    left = asyncio.Event()
    provider = Counting()

    async def work() -> None:
        app = App(provider)
        body = [{"type": "http.request", "body": b'{"model": "m", "input": "Hi."}', "more_body": False}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async with started(app):
            await app(http_scope("POST", "/v1/responses", {"content-type": "application/json"}), receive, send)
        assert json.loads(sent[-1]["body"])["error"]["code"] == "client_disconnected"
        assert provider.ended.is_set()

    run(work())


def test_turns_that_say_nothing_are_whole_responses() -> None:
    turn = turn_of(saying())
    run(turn.run())
    assert (turn.response.status, turn.response.output) == ("completed", [])
