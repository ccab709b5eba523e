"""The least that a gateway can do, as a measure of what any can: it reads nothing, checks nothing and keeps nothing.

A process of its own, `python -m bench.server.least`. For every piece of text that comes from the upstream it writes one
event that was made beforehand; so what it costs is the reads and writes of an event loop, and hardly anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import cast

import uvloop

_TEXT = b'"content": '
"""What stands once in each chunk of the upstream that has a text; the first one has an empty one."""
_UPSTREAM_ENDS = b"[DONE]"


def _event(name: str, **fields: object) -> bytes:
    data = json.dumps({"type": name, **fields}, separators=(",", ":")).encode()
    frame = b"event: %s\ndata: %s\n\n" % (name.encode(), data)
    return b"%x\r\n%s\r\n" % (len(frame), frame)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DELTA = _event(
    "response.output_text.delta",
    sequence_number=100,
    item_id="msg_00000000000000000000000000000000",
    output_index=0,
    content_index=0,
    delta=" water",
)
_END = _event("response.completed") + b"0\r\n\r\n"


class _Reply(asyncio.Protocol):
    """A connection to the upstream, for one reply."""

    def __init__(self, client: asyncio.Transport, request: bytes) -> None:
        self._client = client
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._texts = self._written = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        # Shorter than the mark, so that none is counted twice, and none that is cut is missed.
        self._tail = data[1 - len(_TEXT) :]
        self._texts += data.count(_TEXT)
        due = self._texts - 1 - self._written
        if due > 0:
            self._client.write(_DELTA * due)
            self._written += due
        if _UPSTREAM_ENDS in data and self._transport is not None:
            self._client.write(_END)
            self._transport.close()


class _Client(asyncio.Protocol):
    """A connection of a client."""

    upstream: int
    """The port of the upstream."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._asking: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        _, _, body = self._received.partition(b"\r\n\r\n")
        if not body.endswith(b"}") or self._transport is None:
            return
        self._received = b""
        asked = json.dumps({"max_tokens": json.loads(body)["max_output_tokens"]}).encode()
        request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(asked), asked)
        transport, loop = self._transport, asyncio.get_running_loop()
        transport.write(_HEAD)
        ask = loop.create_connection(lambda: _Reply(transport, request), "127.0.0.1", self.upstream)
        self._asking = loop.create_task(ask)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Client, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> int:
    """Run the command until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m bench.server.least", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True, help="the port of the upstream")
    options = parser.parse_args()
    _Client.upstream = options.upstream
    uvloop.run(_serve(options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
