"""The application by itself and mounted in others: lifespan, prefix, web pages of other sites."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from penstock import Text
from penstock.provider.base import ModelInfo
from penstock.provider.demo import DemoProvider
from penstock.server.app import App
from penstock.server.models import Model, Models
from penstock.store.errors import StoreUnavailableError
from penstock.store.sql import SQLStore
from tests.server.direct import ask, once, run, started, talking
from tests.server.serving import ScriptedProvider

GOOD = {"model": "m", "input": "Hi."}
PAGE, OTHER = "https://chat.example", "https://evil.example"


def scripted() -> ScriptedProvider:
    return ScriptedProvider([Text("Hello.")])


# What can be served.


async def _model(request: object) -> AsyncGenerator[str, None]:
    yield "Hello."


@pytest.mark.parametrize(
    "models",
    [
        _model,
        scripted(),
        Model(provider=scripted()),
        {"m": _model},
        {"m": scripted()},
        {"m": Model(provider=scripted(), upstream_name="tiny")},
        Models({"m": Model(provider=scripted())}),
    ],
    ids=lambda models: type(models).__name__,
)
def test_whatever_can_answer_for_a_model_can_be_served(models: Any) -> None:  # noqa: ANN401 - of many types
    reply = once(App(models), GOOD)
    assert (reply.status, reply.json["model"]) == (200, "m")
    assert reply.json["output"][0]["content"][0]["text"] == "Hello."


def test_a_request_without_a_model_gets_the_only_one_or_is_told_which_there_are() -> None:
    assert once(App({"a": _model}), {"input": "Hi."}).json["model"] == "a"
    assert once(App(_model), {"input": "Hi."}).json["model"] == "_model"
    assert once(App(Model(provider=scripted(), upstream_name="tiny")), {"input": "Hi."}).json["model"] == "tiny"
    reply = once(App({"a": _model, "b": _model}), {"input": "Hi."})
    assert (reply.status, reply.error["param"]) == (400, "model")
    assert "'a', 'b'" in reply.error["message"]
    reply = once(App({"a": _model}), GOOD)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (404, "not_found", "model_not_found")


def test_every_model_is_listed_once() -> None:
    models = Models({"demo": Model(provider=DemoProvider())}, Model(provider=DemoProvider()))
    listed = once(App(models), None, "GET", "/v1/models").json["data"]
    assert [model["id"] for model in listed] == ["demo"]
    assert all(set(model) == {"id", "object", "created", "owned_by"} for model in listed)


@pytest.mark.parametrize("name", ["demo", "acme/large", "other/model-1"])
def test_every_model_that_is_listed_can_be_asked_for(name: str) -> None:
    class Others(ScriptedProvider):
        async def models(self) -> list[ModelInfo]:
            return [ModelInfo("other/model-1", created=7, owned_by="acme"), ModelInfo("demo")]

    demo = Model(provider=DemoProvider())
    app = App(Models({"demo": demo, "acme/large": demo}, Model(provider=Others())))
    (listed,) = (model for model in once(app, None, "GET", "/v1/models").json["data"] if model["id"] == name)
    found = once(app, None, "GET", f"/v1/models/{name}")
    assert (found.status, found.json) == (200, listed)


@pytest.mark.parametrize("name", ["large", "demo/large", "Demo"])
def test_a_model_that_is_not_listed_is_not_found(name: str) -> None:
    reply = once(App({"demo": DemoProvider()}), None, "GET", f"/v1/models/{name}")
    assert (reply.status, reply.error["type"], reply.error["code"]) == (404, "not_found", "model_not_found")
    assert repr(name) in reply.error["message"]


# Mounting.


@pytest.mark.parametrize("with_lifespan", [True, False])
@pytest.mark.parametrize(
    ("mounted_at", "prefix", "path"), [("/", "/v1", "/v1"), ("/ai", "/v1", "/ai/v1"), ("/v2", "", "/v2")]
)
def test_it_serves_below_any_path_with_its_lifespan_and_without(
    mounted_at: str, prefix: str, path: str, *, with_lifespan: bool
) -> None:
    app = App(scripted(), prefix=prefix)

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncGenerator[None]:
        async with started(app):
            yield

    async def work() -> None:
        outer = Starlette(routes=[Mount(mounted_at, app)], lifespan=lifespan if with_lifespan else None)
        try:
            async with outer.router.lifespan_context(outer):
                made = await ask(outer, GOOD, path=f"{path}/responses")
                assert made.status == 200
                found = await ask(outer, None, "GET", f"{path}/responses/{made.json['id']}/")
                assert found.json == made.json
                async with talking(outer, path=f"{path}/responses") as talk:
                    assert (await talk.next())["type"] == "websocket.accept"
                    talk.create()
                    assert (await talk.turn())[-1]["type"] == "response.completed"
        finally:
            if not with_lifespan:
                await app.stop()

    run(work())


def test_it_may_be_started_twice_and_looks_after_a_store_of_somebody_s_own() -> None:
    async def work() -> None:
        async with SQLStore("sqlite://", clock=lambda: 0.0) as store:
            app = App(scripted(), store=store)
            await app.start()
            async with started(app):
                assert (await ask(app, GOOD)).status == 200
            # It was not ours to close.
            await store.ping()

    run(work())


def test_its_own_lifespan_starts_and_stops_it() -> None:
    async def work() -> None:
        app = App(scripted())
        heard: list[dict[str, Any]] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        said: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401 - a message
            return heard.pop(0)

        async def send(message: Any) -> None:  # noqa: ANN401 - a message
            said.append(message["type"])

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert (await ask(app, None, "GET", "/ready")).status == 503
        reply = await ask(app, GOOD)
        assert (reply.status, reply.error["code"]) == (503, "server_shutting_down")

    run(work())


class _Broken(SQLStore):
    """A store that cannot be opened, or fails after it was."""

    def __init__(self, *, opens: bool) -> None:
        super().__init__("sqlite://", clock=lambda: 0.0)
        self._opens = opens

    async def open(self) -> None:
        if not self._opens:
            raise StoreUnavailableError("no disk")
        await super().open()

    async def ping(self) -> None:
        raise StoreUnavailableError("no disk")

    async def get(self, response_id: str, *, owner: str) -> Any:  # noqa: ANN401 - it gives none
        raise StoreUnavailableError("no disk")


def test_a_store_that_fails_is_told_as_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        unopened = App(scripted(), store=_Broken(opens=False))
        reply = await ask(unopened, GOOD)
        assert (reply.status, reply.error["code"]) == (503, "store_unavailable")
        async with talking(unopened) as talk:
            assert (await talk.next())["status"] == 503
        store = _Broken(opens=True)
        async with started(App(scripted(), store=store)) as app:
            assert (await ask(app, None, "GET", "/ready")).status == 503
            assert (await ask(app, None, "GET", "/health")).status == 200
            reply = await ask(app, None, "GET", "/v1/responses/resp_1")
            assert (reply.status, reply.error["type"], reply.error["code"]) == (
                503,
                "server_error",
                "store_unavailable",
            )
            assert "no disk" not in reply.error["message"]
        await store.close()

    run(work())
    assert "no disk" in caplog.text


def test_what_others_raise_as_http_errors_has_the_envelope() -> None:
    class Odd(ScriptedProvider):
        async def models(self) -> Any:  # noqa: ANN401 - it gives none
            raise HTTPException(418, "short and stout")

    reply = once(App(Odd()), None, "GET", "/v1/models")
    assert (reply.status, reply.error["type"]) == (418, "invalid_request")
    assert "short and stout" in reply.error["message"]


# Web pages.


@pytest.mark.parametrize(
    ("origin", "host", "keys", "status"),
    [
        (None, "a.example", False, 200),
        (PAGE, "127.0.0.1", False, 200),
        (OTHER, "127.0.0.1", False, 403),
        ("null", "127.0.0.1", False, 403),
        ("null", "", False, 403),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", False, 200),
        ("http://localhost:8080", "localhost:8080", False, 200),
        ("http://127.0.0.1:3000", "127.0.0.1:8080", False, 403),
        # A name that somebody else has lead here, without keys and with them.
        ("http://evil.example:8080", "evil.example:8080", False, 403),
        ("http://ours.example", "ours.example", True, 200),
    ],
)
def test_only_web_pages_that_the_server_knows_may_ask(
    origin: str | None, host: str, status: int, *, keys: bool
) -> None:
    app = App(scripted(), origins=[PAGE], keys=[("ada", "a" * 20)] if keys else None)
    headers = {"host": host, **({"origin": origin} if origin else {}), "authorization": "Bearer " + "a" * 20}
    reply = once(app, GOOD, **headers)
    assert reply.status == status
    if status == 403:
        assert (reply.error["type"], reply.error["code"]) == ("permission_denied", "origin_not_allowed")
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("origins", [[PAGE], ["*"]])
def test_a_page_that_may_ask_can_read_the_answer_and_ask_beforehand(origins: list[str]) -> None:
    allowed = "*" if origins == ["*"] else PAGE

    async def work() -> None:
        async with started(App(scripted(), origins=origins)) as app:
            before = await ask(
                app,
                None,
                "OPTIONS",
                origin=PAGE,
                access_control_request_method="POST",
                access_control_request_headers="authorization, content-type, penstock-dialect",
            )
            assert before.status == 200
            assert before.headers["access-control-allow-origin"] == allowed
            assert "POST" in before.headers["access-control-allow-methods"]
            assert "penstock-dialect" in before.headers["access-control-allow-headers"]
            for body in (GOOD, {**GOOD, "stream": True}, {"input": 3}):
                reply = await ask(app, body, origin=PAGE)
                assert reply.headers["access-control-allow-origin"] == allowed
                assert "x-response-id" in reply.headers["access-control-expose-headers"]
            refused = await ask(app, None, "OPTIONS", origin=OTHER, access_control_request_method="POST")
            assert refused.status == (200 if origins == ["*"] else 403)

    run(work())


def test_web_pages_of_strangers_open_no_websocket() -> None:
    async def work() -> None:
        async with started(App(scripted(), origins=[PAGE])) as app:
            async with talking(app, origin=OTHER) as talk:
                assert (await talk.next())["status"] == 403
            async with talking(app, origin=PAGE) as talk:
                assert (await talk.next())["type"] == "websocket.accept"

    run(work())
