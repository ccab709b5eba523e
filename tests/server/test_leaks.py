"""What is left when streams are over, however they ended: nothing. And what waits when nobody reads: little."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.client_proto import ResponseHandler
from websockets.asyncio.client import connect

from penstock.provider.network import NetworkProvider, Retries
from penstock.server.app import App
from penstock.server.run import Server, listening_socket
from penstock.server.turn import Turn
from penstock.stream.output import Text
from penstock.upstream.registry import upstream_by_name
from tests.provider.loopback import LIMIT, STREAM, Asked, Loopback, chunk, loopback, run, whole
from tests.server.direct import ask, started
from tests.server.serving import ScriptedProvider

OURS = ("penstock.server", "penstock.provider", "penstock.stream", "penstock.upstream", "penstock.transport")
"""Modules whose objects are counted."""
ROUNDS = 5


def said(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return chunk(b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n")


async def upstream(asked: Asked) -> None:
    """Answer as the prompt says."""
    match json.loads(asked.body)["messages"][-1]["content"]:
        case "end":
            await asked.send(STREAM, said("Hel"), said("lo.", "stop"), chunk(b"data: [DONE]\n\n"), chunk(b""))
        case "refuse":
            await whole('{"error": {"message": "No."}}', "400 Bad Request")(asked)
        case "break":
            await asked.send(STREAM, said("Hel"))
            asked.reset()
        case _:
            await asked.send(STREAM, said("Hel"))
            await asked.gone()


class Site:
    """A server in front of an upstream, all in one event loop."""

    def __init__(self, app: App, url: str, behind: Loopback) -> None:
        self.app = app
        self.url = url
        self.behind = behind

    async def post(self, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"POST {address.path}/responses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return reader, writer

    async def ask(self, prompt: str, *, stream: bool = True, leave_after: bytes | None = None) -> bytes:
        """Return what came; leave as soon as `leave_after` has."""
        reader, writer = await self.post(json.dumps({"model": "m", "input": prompt, "stream": stream}).encode())
        data = b"" if leave_after is None else await reader.readuntil(leave_after)
        if leave_after is None:
            data = await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return data

    def left(self) -> Counter[str]:
        """Count objects, tasks, timers and connections."""
        gc.collect()
        counted: Counter[str] = Counter()
        for each in gc.get_objects():
            kind = type(each)
            if str(kind.__module__).startswith(OURS):  # types of C have any name they like, or none
                counted[f"{kind.__module__}.{kind.__qualname__}"] += 1
            elif isinstance(each, ResponseHandler) and each.is_connected():
                counted["connections"] += 1
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        # The upstream's own, one a connection.
        counted.update(f"task {name}" for name in names if not name.startswith("loopback."))
        # asyncio has no other way to tell; the tests run on its own loop.
        loop: Any = asyncio.get_running_loop()
        ours = [handle for handle in loop._scheduled if not handle.cancelled() and "aiohttp" not in repr(handle)]
        counted["timers"] = len(ours)
        counted["watched"] = len(self.app.service.watched)
        counted["under way"] = self.app.service.under_way
        return counted


@asynccontextmanager
async def site(*, store: str | None, answer: Callable[[Asked], Any] = upstream) -> AsyncGenerator[Site]:
    async with loopback(answer) as behind:
        provider = NetworkProvider(upstream_by_name("chat-completions"), behind.url, retries=Retries(times=0))
        app = App(provider, store=store)
        with listening_socket("127.0.0.1", 0) as listener:
            is_up = asyncio.Event()
            server = Server(app, on_start=is_up.set)
            running = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                await is_up.wait()
                yield Site(app, f"http://127.0.0.1:{listener.getsockname()[1]}/v1", behind)
            finally:
                server.should_exit = True
                await running


async def ended(site: Site) -> None:
    assert b"response.completed" in await site.ask("end")


async def ended_whole(site: Site) -> None:
    assert b'"completed"' in await site.ask("end", stream=False)


async def failed(site: Site) -> None:
    assert b"response.failed" in await site.ask("refuse")


async def broke_off(site: Site) -> None:
    assert b"response.failed" in await site.ask("break")


async def was_left(site: Site) -> None:
    await site.ask("wait", leave_after=b'"delta":"Hel"')


async def was_left_before_anything_was_said(site: Site) -> None:
    _, writer = await site.post(json.dumps({"model": "m", "input": "wait"}).encode())
    asked = len(site.behind.asked)
    while len(site.behind.asked) == asked:  # noqa: ASYNC110 - the upstream has no event to wait for
        await asyncio.sleep(0)
    writer.close()


async def was_refused(site: Site) -> None:
    reader, writer = await site.post(b'{"model": 3}')
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


async def ended_over_a_websocket(site: Site) -> None:
    async with connect(f"{site.url.replace('http', 'ws', 1)}/responses") as socket:
        for _ in range(2):
            await socket.send(json.dumps({"type": "response.create", "model": "m", "input": "end"}))
            while '"response.completed"' not in await socket.recv(decode=True):
                pass


async def was_left_over_a_websocket(site: Site) -> None:
    async with connect(f"{site.url.replace('http', 'ws', 1)}/responses") as socket:
        await socket.send(json.dumps({"type": "response.create", "model": "m", "input": "wait"}))
        while '"Hel"' not in await socket.recv(decode=True):
            pass


WAYS = [
    ended,
    ended_whole,
    failed,
    broke_off,
    was_left,
    was_left_before_anything_was_said,
    was_refused,
    ended_over_a_websocket,
    was_left_over_a_websocket,
]
KEEPING = [ended, ended_whole, failed, ended_over_a_websocket]


@pytest.mark.parametrize("store", [None, "sqlite://"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_a_stream_however_it_ended(way: Callable[[Site], Any], store: str | None) -> None:
    async def check() -> None:
        async with site(store=store) as served:
            await way(served)
            before = await settled(served)
            # A connection to the provider that was used to the end is kept for the next, and no other.
            before["connections"] = ROUNDS if way in KEEPING else 0
            for _ in range(ROUNDS):
                await way(served)
                await asyncio.gather(*(way(served) for _ in range(ROUNDS)))
            assert await settled(served, like=before) - before == Counter()

    run(check())


async def settled(served: Site, like: Counter[str] | None = None) -> Counter[str]:
    """Return what is left when nothing changes any more: two looks alike, or no more than `like`."""
    end = asyncio.get_running_loop().time() + LIMIT / 2
    last: Counter[str] | None = None
    while True:
        left = served.left()
        if like is not None and not left - like:
            return left
        if like is None and left == last and not left["under way"]:
            return left
        if asyncio.get_running_loop().time() > end:
            return left
        last = left
        await asyncio.sleep(0.05)


def test_a_turn_that_is_over_does_not_wait_for_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[weakref.ref[Turn]] = []

    class Watched(Turn):
        def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - whatever a turn takes
            super().__init__(*arguments, **named)
            turns.append(weakref.ref(self))

    monkeypatch.setattr("penstock.server.service.Turn", Watched)

    async def check() -> None:
        async with started(App(ScriptedProvider([Text("Hello.")]))) as app:
            gc.collect()
            gc.disable()
            try:
                await ask(app, {"model": "m", "input": "Hi.", "stream": True})
                await ask(app, {"model": "m", "input": "Hi."})
                await asyncio.sleep(0)  # what watched the client ends
                assert [turn() for turn in turns] == [None, None]
            finally:
                gc.enable()

    run(check())


# Back-pressure.

PIECE = "x" * 65_536
STUCK = 20
"""So many looks without a change, and the upstream is taken to wait."""
IN_SOCKETS = 64 * 2**20
"""More than four sockets of a loopback hold (tcp_rmem and tcp_wmem allow some megabytes each), and less than endless."""
IN_MEMORY = 4 * 2**20
"""More than the server's buffers: two of aiohttp's, one batch as it is translated, and what the socket did not take."""


class Flood:
    """An upstream that says more than anybody's buffers hold, and counts what it was able to say, in bytes."""

    def __init__(self) -> None:
        self.written = 0

    async def __call__(self, asked: Asked) -> None:
        await asked.send(STREAM)
        with suppress(ConnectionError):
            while True:
                await asked.send(said(PIECE))
                self.written += len(PIECE)

    async def stuck(self) -> int:
        """Return how much it had said when it could say no more."""
        alike, before = 0, -1
        while alike < STUCK or not self.written:
            alike, before = (alike + 1 if self.written == before else 0), self.written
            assert self.written < IN_SOCKETS, "the upstream does not wait for the client"
            await asyncio.sleep(0.02)
        return before


def test_a_client_that_does_not_read_makes_the_upstream_wait() -> None:
    flood = Flood()

    async def check() -> None:
        async with site(store=None, answer=flood) as served:
            reader, writer = await served.post(json.dumps({"model": "m", "input": "Hi.", "stream": True}).encode())
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            tracemalloc.start()
            stuck = await flood.stuck()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            # All of the text is kept for the end of the response; no copy of it waits for the client.
            assert held < stuck + IN_MEMORY
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            while flood.written < stuck + 16 * len(PIECE):
                assert await reader.read(2**20)
            writer.close()
            assert not (await settled(served))["under way"]

    run(check())


def test_a_websocket_that_does_not_read_makes_the_upstream_wait() -> None:
    flood = Flood()

    async def check() -> None:
        async with site(store=None, answer=flood) as served:
            url = f"{served.url.replace('http', 'ws', 1)}/responses"
            async with connect(url, max_queue=1, max_size=None, close_timeout=0.1) as client:
                await client.send(json.dumps({"type": "response.create", "model": "m", "input": "Hi."}))
                stuck = await flood.stuck()
                while flood.written < stuck + 16 * len(PIECE):
                    await client.recv()
            assert not (await settled(served))["under way"]

    run(check())
