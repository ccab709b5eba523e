"""How many deltas a second a gateway carries, and how soon the first is there, with and without load."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.server.client import MIN_DELTAS, HTTPClient, Stream, request_body
from bench.server.process import Measured

WARM_UP = 5
"""Streams that do not count, so that nothing is imported, compiled or connected while the clock runs."""


@dataclass(frozen=True)
class Throughput:
    """What a gateway did: `seconds` and `processor` (its own seconds of it) for `deltas` in `streams`.

    `idle` and `loaded` are when the first delta came, in seconds, in rising order: without load, and of the streams
    that were the load.
    """

    streams: int
    deltas: int
    seconds: float
    processor: float
    idle: Sequence[float]
    loaded: Sequence[float]

    @property
    def rate(self) -> float:
        """Deltas a second."""
        return self.deltas / self.seconds

    @property
    def thrift(self) -> float:
        """Deltas for each second that it used of the processor."""
        return self.deltas / self.processor

    @property
    def busy(self) -> float:
        """How much of a core it used."""
        return self.processor / self.seconds


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many of `values`, in rising order, lie."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


async def measure(
    gateway: Measured, key: str, *, streams: int, seconds: float, deltas: int, single: int, spread: float, store: bool
) -> Throughput:
    """Ask `gateway` for `streams` streams at once, one after another on each connection, for `seconds` at least.

    Before that, for `single` short streams one after another. The clients begin within `spread`
    seconds, so that they do not all begin, and begin again, in the same moment.

    Raises RuntimeError where a stream failed or holds other than `deltas` deltas.
    """
    client = await HTTPClient.connected(gateway.port, request_body(MIN_DELTAS, store=store), key=key)
    for _ in range(WARM_UP):
        _checked(await client.ask(), MIN_DELTAS)
    idle = sorted([_checked(await client.ask(), MIN_DELTAS) for _ in range(single)])
    client.close()
    body = request_body(deltas, store=store)
    clients = await asyncio.gather(*(HTTPClient.connected(gateway.port, body, key=key) for _ in range(streams)))
    loaded: list[float] = []
    before, began = gateway.read(), time.perf_counter()

    async def repeat(index: int, client: HTTPClient) -> None:
        await asyncio.sleep(spread * index / streams)
        while time.perf_counter() < began + seconds:
            loaded.append(_checked(await client.ask(), deltas))

    await asyncio.gather(*(repeat(index, client) for index, client in enumerate(clients)))
    took, after = time.perf_counter() - began, gateway.read()
    for client in clients:
        client.close()
    return Throughput(
        streams=len(loaded),
        deltas=len(loaded) * deltas,
        seconds=took,
        processor=after.processor - before.processor,
        idle=idle,
        loaded=sorted(loaded),
    )


def _checked(stream: Stream, deltas: int) -> float:
    """Return when the first delta came, of a stream that is whole."""
    if stream.error:
        raise RuntimeError(f"a stream failed: {stream.error}")
    if stream.deltas != deltas or stream.first is None:
        raise RuntimeError(f"a stream has {stream.deltas} deltas, not {deltas}")
    return stream.first
