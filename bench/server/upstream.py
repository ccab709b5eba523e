"""The upstream that every gateway is put in front of: Chat Completions streams that cost as little as they can.

A process of its own, `python -m bench.server.upstream`. A stream has as many deltas as the request allows tokens; the
command line says how fast they come. Any `GET` is told the one model there is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import cast

import uvloop

WORDS = (" the", " pen", "stock", " leads", " water", " from", " a", " reservoir", ",", " \u00fcber", ' "dry"', ".\n")
"""What the deltas say, again and again: tokens of mixed length, some of which JSON escapes."""


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    fields = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    data = b"data: " + json.dumps(fields).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_FIRST = _chunk({"role": "assistant", "content": ""})
_DELTAS = [_chunk({"content": word}) for word in WORDS]
_DONE = b"data: [DONE]\n\n"
_MODELS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n"
    b'{"data":[{"id":"m","object":"x"}] }'
)
_LAST = _chunk({}, "stop") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_DONE), _DONE)


class Upstream(asyncio.Protocol):
    """One connection, which may carry one request after another."""

    burst: int
    """How many are written in one turn of the loop, as fast as they are taken; 1 where they are paced."""
    pause: float
    """Seconds between two bursts; 0 for none."""

    def __init__(self) -> None:
        """Wait for a connection."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent = self._left = 0
        self._is_paused = False
        self._next: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's form
        """Stop."""
        self._transport = None
        if self._next is not None:
            self._next.cancel()

    def pause_writing(self) -> None:
        """Whoever reads is slower."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        if self._left and self._next is None:
            self._write()

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or self._transport is None:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if lengths and len(body) < int(lengths[0].partition(b":")[2]):
            return
        self._received = b""
        if head.startswith(b"GET "):
            self._transport.write(_MODELS)
            return
        asked = json.loads(body)
        # The field's younger and its older name.
        self._sent, self._left = 0, asked.get("max_completion_tokens") or asked["max_tokens"]
        self._transport.write(_HEAD + _FIRST)
        self._write()

    def _write(self) -> None:
        self._next = None
        if self._transport is None:
            return
        count = min(self.burst, self._left)
        # One write a delta, as servers of models do; the loop sends those of one turn together.
        for index in range(self._sent, self._sent + count):
            self._transport.write(_DELTAS[index % len(_DELTAS)])
        self._sent += count
        self._left -= count
        if not self._left:
            self._transport.write(_LAST)
        elif not self._is_paused:
            self._next = (
                self._loop.call_later(self.pause, self._write) if self.pause else self._loop.call_soon(self._write)
            )


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> int:
    """Run the command until it is killed; it prints the port first."""
    parser = argparse.ArgumentParser(prog="python -m bench.server.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--burst", type=int, default=8, help="deltas in one turn of the loop")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two bursts")
    options = parser.parse_args()
    Upstream.burst, Upstream.pause = options.burst, options.pause
    uvloop.run(_serve(options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
