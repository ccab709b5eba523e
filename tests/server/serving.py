"""A server on a loopback port, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence

import httpx2

from penstock.provider.base import Answer, Provider
from penstock.server.app import App
from penstock.server.run import Server, listening_socket
from penstock.spec.request import CreateResponse
from penstock.stream.output import Output, Text

START_SECONDS = 20.0
"""How long a server may take to begin on a machine that is busy."""


@contextlib.contextmanager
def served(app: App) -> Generator[str]:
    """Serve `app`, as the command line does; return the URL of its API."""
    is_up = threading.Event()
    listener = listening_socket("127.0.0.1", 0)
    server = Server(app, on_start=is_up.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    with listener:
        thread.start()
        try:
            assert is_up.wait(START_SECONDS), "the server did not start"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
    assert not thread.is_alive(), "the server did not end"


@contextlib.contextmanager
def asking(app: App, **headers: str) -> Generator[httpx2.Client]:
    """Serve `app`; return a client whose paths begin behind `/v1`."""
    with served(app) as url, httpx2.Client(base_url=url, headers=headers, timeout=START_SECONDS) as client:
        yield client


class ScriptedProvider(Provider):
    """Says what it is told to say, and remembers what it was asked."""

    name = "scripted"
    default_model = "scripted"
    sums_up = False

    def __init__(
        self, *batches: Sequence[Output], then: Callable[[CreateResponse], Sequence[Output]] | None = None
    ) -> None:
        self._batches = batches
        self._then = then
        self.asked: list[CreateResponse] = []
        self.ended = threading.Event()
        """Set when an answer was ended, by its end or before."""

    def answer(self, request: CreateResponse) -> Answer:
        self.asked.append(request)
        return _ScriptedAnswer(self, request)

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        for batch in self._batches:
            yield batch
        if self._then is not None:
            yield self._then(request)


class _ScriptedAnswer(Answer):
    def __init__(self, provider: ScriptedProvider, request: CreateResponse) -> None:
        super().__init__()
        self._provider = provider
        self._request = request

    async def batches(self) -> AsyncGenerator[Sequence[Output], None]:
        try:
            async for batch in self._provider.say(self._request):
                yield batch
        finally:
            self._provider.ended.set()


class HeldProvider(ScriptedProvider):
    """Says one thing, then waits until it is let go on; after that it waits no more."""

    def __init__(self, *first: Output) -> None:
        super().__init__()
        self._first = first or (Text("Hel"),)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._go = asyncio.Event()

    async def say(self, request: CreateResponse) -> AsyncGenerator[Sequence[Output], None]:
        self._loop = asyncio.get_running_loop()
        yield self._first
        await self._go.wait()
        yield [Text("lo.")]

    def go_on(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._go.set)


def stream(client: httpx2.Client, **fields: object) -> bytes:
    """Return the bytes of a streamed response."""
    reply = client.post("/responses", json={"model": "m", "input": "Hi.", "stream": True, **fields})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    return reply.content
