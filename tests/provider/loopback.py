"""A provider on the loopback interface that does, byte for byte, what a test has it do: also what no server should."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT = 30.0
"""Seconds after which a test that hangs has failed."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on a loop of its own."""

    async def limited() -> T:
        async with asyncio.timeout(LIMIT):
            return await work

    return asyncio.run(limited())


@dataclass
class Asked:
    """A request that came, and the connection it came on."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            assert await self.reader.read() == b""

    def reset(self) -> None:
        """Close the connection as a crash does."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Asked], Awaitable[None]]


@dataclass
class Loopback:
    """The server: where it is, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def loopback(*handlers: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """Answer the first request by the first handler, and so on; the last answers all that follow."""
    server = Loopback("")
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        number = len(connections)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (entry.partition(": ") for entry in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(line, headers, body, number, reader, writer)
                server.asked.append(asked)
                await handlers[min(len(server.asked), len(handlers)) - 1](asked)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}/v1"
    try:
        yield server
    finally:
        listening.close()
        for writer in connections:
            writer.transport.abort()


def head(status: str = "200 OK", **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "\r\n"]).encode()


def chunk(data: bytes) -> bytes:
    """`data` as a chunk of a chunked body; without any: the last one."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def whole(body: bytes | str = b"", status: str = "200 OK", headers: Mapping[str, str] | None = None) -> Handler:
    """Answer with one whole reply."""
    data = body.encode() if isinstance(body, str) else body

    async def handler(asked: Asked) -> None:
        sent = {"Content-Type": "text/event-stream", "Content-Length": str(len(data)), **(headers or {})}
        await asked.send(head(status, **sent) + data)

    return handler


STREAM = head(Content_Type="text/event-stream", Transfer_Encoding="chunked")
"""The head of a stream."""


def streamed(*pieces: bytes, last: bool = True) -> Handler:
    """Answer with a stream in chunks; without the `last` one the connection closes instead."""

    async def handler(asked: Asked) -> None:
        await asked.send(STREAM, *map(chunk, pieces))
        if last:
            await asked.send(chunk(b""))
        else:
            asked.writer.close()

    return handler
