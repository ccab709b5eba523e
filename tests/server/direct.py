"""The application asked without a socket: one request, or one WebSocket, in the event loop of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message

from penstock.server.app import App
from penstock.server.client import Client, Manner
from penstock.server.turn import Delivery
from penstock.spec.events import ResponseStreamEvent
from penstock.stream.emitters import CallbackEmitter

T = TypeVar("T")

LIMIT = 30.0
"""Seconds after which a test that hangs has failed."""
PLAIN = Client(wants=None, speaks_openai=False)
"""A client that says nothing of itself."""
MANNER: Manner = PLAIN.manner(dialect="auto", reasoning="auto")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on a loop of its own."""

    async def limited() -> T:
        async with asyncio.timeout(LIMIT):
            return await work

    return asyncio.run(limited())


class Reply:
    """What came back for one request: `pieces` as they were sent."""

    def __init__(self, messages: Sequence[Message]) -> None:
        start = messages[0]
        assert start["type"] == "http.response.start"
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.pieces = [message["body"] for message in messages[1:]]
        self.is_whole = bool(messages[1:]) and not messages[-1].get("more_body", False)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever a reply holds
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of an envelope, which must be whole."""
        assert set(self.json) == {"error"}
        error: dict[str, Any] = self.json["error"]
        # What a provider says of its own errors besides goes with them.
        assert all(isinstance(error[name], str) for name in ("type", "code", "message", "param"))
        assert error["type"]
        assert error["code"]
        assert error["message"]
        assert self.headers["content-type"] == "application/json"
        return error


def http_scope(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def ask(
    app: ASGIApp,
    body: object = None,
    method: str = "POST",
    path: str = "/v1/responses",
    **headers: str,
) -> Reply:
    """Send one request to an application that is there already; `body` is JSON data, or the bytes themselves."""
    return await _exchange(app, body, method, path, headers=headers)


async def follow(
    app: ASGIApp, body: object, heard: Callable[[Message], Awaitable[None]], path: str = "/v1/responses"
) -> Reply:
    """Ask for a response; `heard` is told of what comes back, as it comes, and the application waits for it."""
    return await _exchange(app, body, "POST", path, headers={}, heard=heard)


async def _exchange(
    app: ASGIApp,
    body: object,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    heard: Callable[[Message], Awaitable[None]] | None = None,
) -> Reply:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named.setdefault("content-type", "application/json")
    waiting = [{"type": "http.request", "body": data, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)
        if heard is not None:
            await heard(message)

    await app(http_scope(method, path, {"host": "127.0.0.1", **named}), receive, send)
    return Reply(sent)


@asynccontextmanager
async def started(app: App) -> AsyncGenerator[App]:
    """Start the application, and stop it."""
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def once(app: App, body: object = None, method: str = "POST", path: str = "/v1/responses", **headers: str) -> Reply:
    """Ask an application one thing, started and stopped for it."""

    async def work() -> Reply:
        async with started(app):
            return await ask(app, body, method, path, **headers)

    return run(work())


class Talk:
    """A WebSocket to the application: `say` sends a message, `hear` returns what comes next."""

    def __init__(self, send: Callable[[Message], None], receive: Callable[[], Awaitable[Message]]) -> None:
        self._send = send
        self._receive = receive

    def say(self, message: object) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._send({"type": "websocket.receive", "text": text})

    def create(self, **fields: object) -> None:
        self.say({"type": "response.create", "model": "m", "input": "Hi.", **fields})

    def leave(self) -> None:
        self._send({"type": "websocket.disconnect", "code": 1001})

    async def next(self) -> Message:
        return await self._receive()

    async def hear(self) -> dict[str, Any]:
        message = await self.next()
        assert message["type"] == "websocket.send", message
        heard: dict[str, Any] = json.loads(message["text"])
        return heard

    async def turn(self) -> list[dict[str, Any]]:
        """Return the messages up to the end of a turn."""
        heard = [await self.hear()]
        while heard[-1]["type"] not in TERMINAL:
            heard.append(await self.hear())
        return heard

    async def closed(self) -> int:
        """Return the code with which the server closes, which is what comes next."""
        message = await self.next()
        assert message["type"] == "websocket.close", message
        code: int = message["code"]
        return code


TERMINAL = ("response.completed", "response.failed", "response.incomplete", "error")


@asynccontextmanager
async def talking(
    app: ASGIApp, path: str = "/v1/responses", *, denials: bool = True, **headers: str
) -> AsyncGenerator[Talk]:
    """Open a WebSocket, whose handshake is the test's to look at first; what the application raises is raised."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    scope = http_scope("GET", path, {"host": "127.0.0.1", **{k.replace("_", "-"): v for k, v in headers.items()}})
    scope |= {"type": "websocket", "subprotocols": []}
    del scope["method"]
    if denials:
        scope["extensions"] = {"websocket.http.response": {}}
    task = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
    talk = Talk(incoming.put_nowait, outgoing.get)
    try:
        yield talk
    finally:
        talk.leave()
        await task


@asynccontextmanager
async def accepted(app: ASGIApp, **headers: str) -> AsyncGenerator[Talk]:
    """Open a WebSocket that is let in."""
    async with talking(app, denials=True, **headers) as talk:
        assert (await talk.next())["type"] == "websocket.accept"
        yield talk


class Collecting(Delivery):
    """Delivers to a list of events; `hold` makes delivering wait."""

    def __init__(self) -> None:
        self.waiting: list[ResponseStreamEvent] = []
        self.told: list[ResponseStreamEvent] = []
        self.emitter = CallbackEmitter(self.waiting.append)
        self.hold: asyncio.Event | None = None

    async def deliver(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self.told += self.waiting
        self.waiting.clear()

    def discard(self) -> None:
        self.waiting.clear()

    @property
    def names(self) -> list[str]:
        return [event.event_type for event in self.told]
