"""Clients of a gateway: many streams at once, counted as they come, over HTTP or WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from dataclasses import dataclass, field
from typing import cast

DELTA = b'"response.output_text.delta"'
"""What of a delta event is counted: it stands once in each, whoever wrote it, within its JSON."""
FINISHED = (b'"response.completed"', b'"response.incomplete"')
_ENDED = b"0\r\n\r\n"
MIN_DELTAS = 16
"""The least that `max_output_tokens` may be (the specification's schema of the request)."""
MAX_HEAD = 65_536
"""A WebSocket handshake is shorter."""


@dataclass
class Stream:
    """What came of one stream. Times in seconds, counted from its request."""

    deltas: int = 0
    first: float | None = None
    seconds: float = 0.0
    error: str = ""
    body: bytearray = field(default_factory=bytearray)
    """All that came, where it was asked for."""


def request_body(deltas: int, *, store: bool) -> dict[str, object]:
    """Return the request that every gateway is sent: for so many deltas, at least `MIN_DELTAS`."""
    return {
        "model": "m",
        "input": "Tell me of water.",
        "stream": True,
        "store": store,
        "max_output_tokens": deltas,
    }


class HTTPClient(asyncio.Protocol):
    """One connection, on which one stream after another is asked for."""

    def __init__(self, request: bytes) -> None:
        """Ask with `request`."""
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._over: asyncio.Future[None] | None = None
        self._stream = Stream()
        self._began = 0.0
        self._tail = b""
        self._is_finished = False
        self._keeps = False

    @classmethod
    async def connected(cls, port: int, body: dict[str, object], *, key: str = "none") -> HTTPClient:
        """Return a client with a connection to `port` of this machine, which asks with `body` and the API key."""
        data = json.dumps(body).encode()
        head = (
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (port, key.encode(), len(data))
        )
        _, client = await asyncio.get_running_loop().create_connection(lambda: cls(head + data), "127.0.0.1", port)
        return client

    async def ask(self, *, keep: bool = False) -> Stream:
        """Return what one stream came to; `keep`: with its bytes."""
        self._stream, self._tail, self._keeps, self._is_finished = Stream(), b"", keep, False
        self._began = time.perf_counter()
        if self._transport is None:
            self._stream.error = "the connection was closed before the request"
            return self._stream
        self._over = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        await self._over
        self._stream.seconds = time.perf_counter() - self._began
        return self._stream

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the stream was cut off, if one was under way."""
        self._transport = None
        self._end(f"the connection was closed: {exc}")

    def data_received(self, data: bytes) -> None:
        """Count the deltas; those that are cut by the end of a piece are counted with the next."""
        stream = self._stream
        if self._keeps:
            stream.body += data
        whole = self._tail + data
        # The tail is shorter than the mark, so that none is counted twice.
        count = whole.count(DELTA)
        self._tail = whole[1 - len(DELTA) :]
        if count:
            if stream.first is None:
                stream.first = time.perf_counter() - self._began
            stream.deltas += count
        self._is_finished = self._is_finished or any(mark in whole for mark in FINISHED)
        if whole.endswith(_ENDED):
            self._end("" if self._is_finished else f"no end: {whole[-300:].decode(errors='replace')}")

    def _end(self, error: str) -> None:
        if self._over is not None and not self._over.done():
            self._stream.error = error
            self._over.set_result(None)


class WebSocketClient:
    """One WebSocket, on which one response after another is asked for. It reads frames of text, and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> None:
        """Ask with `message`."""
        self._reader = reader
        self._writer = writer
        self._message = message

    @classmethod
    async def connected(cls, port: int, body: dict[str, object]) -> WebSocketClient:
        """Return a client whose handshake is done; raise ConnectionError where it was refused."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_HEAD)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            # As most clients do, offer to take compressed messages.
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(head.decode(errors="replace"))
        if b"permessage-deflate" in head:
            raise ConnectionError("the server compresses, and this client cannot read that")
        fields = {name: value for name, value in body.items() if name != "stream"}
        return cls(reader, writer, json.dumps({"type": "response.create", **fields}).encode())

    async def ask(self, *, keep: bool = False) -> Stream:
        """Return what one response came to; `keep`: with its messages, a line each."""
        stream = Stream()
        began = time.perf_counter()
        self._writer.write(_masked(self._message))
        try:
            while True:
                message = await self._next()
                if keep:
                    stream.body += message + b"\n"
                if DELTA in message:
                    stream.deltas += 1
                    if stream.first is None:
                        stream.first = time.perf_counter() - began
                elif any(mark in message[:80] for mark in FINISHED):
                    break
                elif b'"error"' in message[:80]:
                    stream.error = message.decode(errors="replace")
                    break
        except (asyncio.IncompleteReadError, OSError) as error:
            stream.error = f"the connection was closed: {error}"
        stream.seconds = time.perf_counter() - began
        return stream

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _next(self) -> bytes:
        """Return the next message; pings are answered (RFC 6455, 5.2 and 5.5.2)."""
        while True:
            code, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2))
            elif length == 127:
                length = int.from_bytes(await self._reader.readexactly(8))
            payload = await self._reader.readexactly(length)
            match code & 0x0F:
                case 0x9:
                    self._writer.write(_masked(payload, 0x8A))
                case 0x8:
                    raise ConnectionError(f"the server closed the WebSocket: {payload!r}")
                case _:
                    return payload


def _masked(payload: bytes, code: int = 0x81) -> bytes:
    """Return one frame of a client (RFC 6455, 5.3), masked by zeros: nobody is on the way who could be fooled."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([code]) + length + bytes(4) + payload
