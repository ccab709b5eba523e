"""HTTP/1.1 as uvicorn reads it, but with requests that would rather be of another protocol.

Java's own client and `curl --http2` ask with every request to go on in HTTP/2. RFC 9110, 7.8: "A server MAY ignore a
received Upgrade header field if it wishes to continue using the current protocol". The parser takes such a request for
the last one: without a body, and what is in the body for whatever comes next. So the request is read again without it.

Clients of HTTP/1.0 are left to uvicorn's other protocol, which is slower, and sends them nothing in chunks. RFC 9112,
6.1: "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding request indicates
HTTP/1.1".

And who connects has to say what it wants within a time: uvicorn waits for ever, and a thousand connections that say
nothing take all that a process may have.
"""

from __future__ import annotations

import asyncio
from array import array
from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HTTPProtocol"]

HEAD_SECONDS = 60.0
"""How long the head of a request may take to arrive, from the connection or its first byte: as in nginx."""


class HTTPProtocol(HttpToolsProtocol):
    """One connection. Upgrades to WebSocket are made, others are passed over; HTTP/1.0 is left to another."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Take what uvicorn gives its protocols."""
        super().__init__(*arguments, **named)
        self.is_passed_over = False
        """Whether the request that is being read asks for an upgrade that is not made."""
        self.parser = self.new_parser()
        self._limit: asyncio.TimerHandle | None = None
        self._has_asked = False
        self._other: H11Protocol | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)
        if self._other is not None:
            self._other.connection_lost(exc)

    def pause_writing(self) -> None:
        """Make whoever writes wait for the client."""
        super().pause_writing()
        if self._other is not None:
            self._other.pause_writing()

    def resume_writing(self) -> None:
        """Let whoever writes go on."""
        super().resume_writing()
        if self._other is not None:
            self._other.resume_writing()

    def _wait(self) -> None:
        self._wait_no_more()
        self._limit = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if self._has_asked and not self.cycle.response_complete:
            # The beginning of another request came while this one is answered, which may take long.
            self._wait()
        else:
            self.transport.close()

    def _wait_no_more(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def new_parser(self) -> HttpRequestParser:
        """Return a parser at the beginning of a request."""
        parser = _Parser(self)
        # As uvicorn sets it: a client may have sent more before it is told that the connection closes.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def on_message_begin(self) -> None:
        """Wait for the whole head of a request, which the client has begun to send."""
        super().on_message_begin()
        if self._other is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begin with a request, unless it is to be read again."""
        self._wait_no_more()
        if self._other is not None:
            return
        self.is_passed_over = self.parser.should_upgrade() and any(
            name == b"upgrade" and value.lower() != b"websocket" for name, value in self.headers
        )
        if self.is_passed_over:
            return
        if self.parser.get_http_version() == "1.0":
            self._hand_over()
        else:
            super().on_headers_complete()
            self._has_asked = True

    def on_body(self, body: bytes) -> None:
        """Take what came of a request's body."""
        if self._other is None:
            super().on_body(body)
        else:
            self._other.data_received(body)

    def on_message_complete(self) -> None:
        """End a request, unless it is to be read again, or another protocol's."""
        if not self.is_passed_over and self._other is None:
            super().on_message_complete()

    def _hand_over(self) -> None:
        """Let the other protocol answer the request that is being read, which is the last one of its connection."""
        self._other = H11Protocol(self.config, self.server_state, self.app_state)
        self.connections.discard(self)
        self._other.connection_made(self.transport)
        self._other.data_received(self._head())

    def reads_on(self, rest: bytes) -> bool:
        """Read what is behind the head of a request that asks for an upgrade; False where the upgrade is made."""
        if not self.is_passed_over:
            return False
        again = self._head() + rest
        self.parser = self.new_parser()
        self.parser.feed_data(again)
        return True

    def _head(self) -> bytes:
        """Return the head of the request that is being read, without the upgrade."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])


class _Parser(HttpRequestParser):
    """Reads on where an upgrade is passed over."""

    def __init__(self, protocol: HTTPProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol

    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None:
        try:
            super().feed_data(data)
        except HttpParserUpgrade as upgrade:
            if not self._protocol.reads_on(bytes(data)[upgrade.args[0] :]):
                raise
