"""The application within another, FastAPI's or Starlette's, and begun again after its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Message

from penstock import Text
from penstock.server.app import App
from penstock.spec.request import CreateResponse
from penstock.store.errors import StoreUnavailableError
from penstock.store.sql import SQLStore
from penstock.stream.output import Output
from tests.provider.asking import ANSWER
from tests.provider.asking import provider as network_provider
from tests.provider.loopback import loopback, streamed
from tests.server.direct import ask, follow, run, started
from tests.server.serving import ScriptedProvider

GOOD = {"model": "m", "input": "Hi."}
BELOW = "/ai/v1/responses"


def scripted() -> ScriptedProvider:
    return ScriptedProvider([Text("Hello.")])


@pytest.fixture(params=[FastAPI, Starlette])
def kind(request: pytest.FixtureRequest) -> type[Starlette]:
    """What the outer application is."""
    outer: type[Starlette] = request.param
    return outer


# Mounted.


def test_all_of_it_is_there_below_a_path_with_its_lifespan_as_the_outer_one(kind: type[Starlette]) -> None:
    app = App({"m": scripted()})
    outer = kind(lifespan=app.lifespan)
    outer.mount("/ai", app)
    with TestClient(outer, base_url="http://127.0.0.1") as client:
        made = client.post(BELOW, json=GOOD).json()
        assert made["output"][0]["content"][0]["text"] == "Hello."
        assert client.get(f"{BELOW}/{made['id']}").json() == made
        assert client.get(f"{BELOW}/{made['id']}/input_items").json()["data"][0]["role"] == "user"
        assert client.get("/ai/v1/models").json()["data"][0]["id"] == "m"
        assert client.get("/ai/ready").json()["status"] == "ok"
        streamed = client.post(BELOW, json={**GOOD, "stream": True, "previous_response_id": made["id"]})
        assert streamed.text.endswith("data: [DONE]\n\n")
        with client.websocket_connect(BELOW) as socket:
            socket.send_json({"type": "response.create", **GOOD})
            while (event := socket.receive_json())["type"] != "response.completed":
                assert event["type"] != "error"
        assert client.delete(f"{BELOW}/{made['id']}").json()["deleted"] is True
        for path in ("/ai/v1/nothing", f"{BELOW}/{made['id']}"):
            reply = client.get(path)
            assert (reply.status_code, reply.json()["error"]["type"]) == (404, "not_found")
    assert app.service.is_stopping


def test_a_lifespan_of_the_outer_application_s_own_has_it_within(kind: type[Starlette]) -> None:
    app, told = App(scripted()), list[str]()

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncGenerator[None]:
        told.append("begin")
        async with app.lifespan():
            yield
        told.append("end")

    outer = kind(lifespan=lifespan)
    outer.mount("/ai", app)
    with TestClient(outer, base_url="http://127.0.0.1") as client:
        assert client.post(BELOW, json=GOOD).status_code == 200
    assert told == ["begin", "end"]
    assert app.service.is_stopping


def test_behind_the_outer_application_s_middleware_a_stream_still_flows(kind: type[Starlette]) -> None:
    heard_first = asyncio.Event()

    async def model(request: CreateResponse) -> AsyncGenerator[str, None]:
        yield "Hel"
        await heard_first.wait()
        yield "lo."

    async def heard(message: Message) -> None:
        if b"Hel" in message.get("body", b""):
            heard_first.set()

    async def passing(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        reply = await go_on(request)
        reply.headers["x-passed"] = "yes"
        return reply

    async def work() -> None:
        app = App(model)
        outer = kind(lifespan=app.lifespan)
        outer.mount("/ai", app)
        outer.add_middleware(BaseHTTPMiddleware, dispatch=passing)
        async with app.lifespan():
            reply = await follow(outer, {**GOOD, "stream": True}, heard, path=BELOW)
        assert reply.headers["x-passed"] == "yes"
        assert reply.is_whole
        assert reply.body.endswith(b"data: [DONE]\n\n")

    run(work())


# Begun again.


def test_a_suite_may_begin_and_end_it_as_often_as_it_likes() -> None:
    app = App(scripted())
    for _ in range(3):
        with TestClient(app, base_url="http://127.0.0.1") as client:
            made = client.post("/v1/responses", json=GOOD).json()
            assert client.get(f"/v1/responses/{made['id']}").json() == made
            assert client.get("/ready").json()["status"] == "ok"
        assert app.service.is_stopping


def test_in_the_same_loop_it_begins_again_and_keeps_what_is_on_disk(tmp_path: Any) -> None:  # noqa: ANN401
    async def work() -> None:
        app = App(scripted(), store=f"sqlite:///{tmp_path / 'responses.db'}")
        async with started(app):
            made = (await ask(app, GOOD)).json
        assert (await ask(app, GOOD)).error["code"] == "server_shutting_down"
        async with started(app):
            assert (await ask(app, None, "GET", f"/v1/responses/{made['id']}")).json == made
            assert (await ask(app, {**GOOD, "previous_response_id": made["id"]})).status == 200

    run(work())


def test_an_end_that_had_to_be_made_haste_with_does_not_hurry_the_next() -> None:
    class Slow(ScriptedProvider):
        async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
            begun.set()
            yield [Text("Hel")]
            for _ in range(20):
                await asyncio.sleep(0)
            yield [Text("lo.")]

    begun = asyncio.Event()

    async def work() -> None:
        app = App(Slow())
        async with started(app):
            app.service.hurry()
        async with started(app):
            asked = asyncio.create_task(ask(app, GOOD))
            await begun.wait()
            await app.stop()
            assert (await asked).json["status"] == "completed"

    run(work())


def test_many_who_come_first_at_once_begin_it_once_in_each_loop() -> None:
    app = App(scripted())

    async def work() -> None:
        replies = await asyncio.gather(*(ask(app, GOOD) for _ in range(5)))
        assert [reply.status for reply in replies] == [200] * 5
        await app.stop()
        # As if the next lifespan were entered by several at once.
        await asyncio.gather(*(app.start() for _ in range(5)))
        await app.stop()

    run(work())
    assert app.service.is_stopping

    async def again() -> None:
        await asyncio.gather(*(app.start() for _ in range(5)))
        assert (await ask(app, GOOD)).status == 200
        await app.stop()

    run(again())


def test_its_providers_answer_again_too() -> None:
    async def work() -> None:
        async with loopback(streamed(*ANSWER)) as server:
            app = App(network_provider(server))
            for _ in range(2):
                async with started(app):
                    assert (await ask(app, GOOD)).json["output"][0]["content"][0]["text"] == "Hello"

    run(work())


def test_a_store_of_somebody_s_own_goes_on_in_its_event_loop_and_refuses_another() -> None:
    store = SQLStore("sqlite://", clock=lambda: 0.0)
    app = App(scripted(), store=store)
    with asyncio.Runner() as its_own, asyncio.Runner() as another:

        async def keep() -> Any:  # noqa: ANN401 - a response
            async with started(app):
                return (await ask(app, GOOD)).json

        async def find(made: Any) -> None:  # noqa: ANN401 - a response
            async with started(app):
                assert (await ask(app, None, "GET", f"/v1/responses/{made['id']}")).json == made

        its_own.run(find(its_own.run(keep())))
        with pytest.raises(StoreUnavailableError, match="another event loop"):
            another.run(app.start())
        its_own.run(store.close())
