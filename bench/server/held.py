"""A thousand streams at once, held open: whether all come whole, and what they cost in memory, files and time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

import penstock
from bench.server.client import HTTPClient, Stream, WebSocketClient, request_body
from bench.server.process import Measured, Reading

LINTED = 20
"""Streams whose every event is looked at by the linter; of all others the deltas are counted."""
AT_ONCE = 50
"""How many connect in one go: a listening socket holds only so many that wait."""
LOOKS = 12
"""How often memory is read while the streams are held."""
RAMP_SECONDS = 5.0
"""Within which the streams begin, one after the other, as clients do; a quarter of the time at the most."""
SETTLE_SECONDS = 2.0
"""How long the server has to let go of the streams when they are over."""


class Client(Protocol):
    """What asks for one stream after another."""

    async def ask(self, *, keep: bool = False) -> Stream:
        """Return what one stream came to."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass
class Held:
    """What came of many streams at once. `looks` are the server's readings while they were all open."""

    streams: int
    deltas: int
    seconds: float
    before: Reading
    after: Reading
    looks: list[Reading] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    processor: float = 0.0

    @property
    def most(self) -> int:
        """Bytes of the server at the most."""
        return max(look.memory for look in self.looks)

    @property
    def growth(self) -> float:
        """By how many bytes the server grew in the second half of the time, all streams being open."""
        half = len(self.looks) // 2
        return float(self.looks[-1].memory - self.looks[half].memory)


async def hold(gateway: Measured, *, streams: int, deltas: int, seconds: float, store: bool, websockets: bool) -> Held:
    """Open `streams` streams of `deltas` deltas, which take about `seconds`; return what came of them."""
    ramp = min(RAMP_SECONDS, seconds / 4)
    body = request_body(deltas, store=store)

    async def connected() -> Client:
        return await (WebSocketClient if websockets else HTTPClient).connected(gateway.port, body)

    before = gateway.read()
    clients: list[Client] = []
    while len(clients) < streams:
        clients += await asyncio.gather(*(connected() for _ in range(min(AT_ONCE, streams - len(clients)))))
    start, began = gateway.read().processor, time.perf_counter()

    async def ask(index: int, client: Client) -> Stream:
        await asyncio.sleep(ramp * index / streams)
        return await client.ask(keep=index < LINTED)

    asked = [asyncio.create_task(ask(index, client)) for index, client in enumerate(clients)]
    looks: list[Reading] = []
    for look in range(LOOKS):
        # From when all have begun until shortly before the first ends.
        at = ramp + (seconds - ramp) * (look + 0.5) / LOOKS
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        looks.append(gateway.read())
    done = await asyncio.gather(*asked)
    took, processor = time.perf_counter() - began, gateway.read().processor - start
    for client in clients:
        client.close()
    await asyncio.sleep(SETTLE_SECONDS)
    held = Held(streams, sum(stream.deltas for stream in done), took, before, gateway.read(), looks)
    held.processor = processor
    held.first = sorted(stream.first for stream in done if stream.first is not None)
    held.errors = [error for stream in done if (error := _error(stream, deltas))]
    transport = "websocket" if websockets else "sse"
    for kept in done[:LINTED]:
        data = bytes(kept.body)
        held.errors += map(str, penstock.lint(data if websockets else _content(data), transport=transport))
    return held


def _error(stream: Stream, deltas: int) -> str:
    if stream.error:
        return stream.error
    return "" if stream.deltas == deltas else f"{stream.deltas} deltas came, not {deltas}"


def _content(data: bytes) -> bytes:
    """Return the body of a reply in chunks (RFC 9112, 7.1)."""
    _, _, rest = data.partition(b"\r\n\r\n")
    body = bytearray()
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return bytes(body)
