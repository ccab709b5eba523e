"""The HTTP response that is a stream of events, as it goes out.

What is ready together leaves in one `send`, and the provider is not asked for more before that has returned: so a slow
client slows its provider down, and no more than one batch waits in memory for it. A client that goes away stops its
provider at once. One that takes nothing for too long is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.types import Receive, Send

from penstock.server.client import Manner
from penstock.server.shown import shown_by
from penstock.server.turn import CUT_OFF, Delivery, Turn
from penstock.transport import SSEEmitter

__all__ = ["EventStream", "HTTPDelivery"]

_PING = b": ping\n\n"
"""A comment, which readers pass over (the SSE standard): it keeps proxies from closing a silent connection."""


class HTTPDelivery(Delivery):
    """Frames on their way to an HTTP client."""

    def __init__(self, manner: Manner, *, obfuscate: bool) -> None:
        """Write in the client's manner; `obfuscate`: with padding."""
        self._waiting: list[bytes] = []
        self._frames = SSEEmitter(self._waiting.append, dialect=manner.dialect())
        self.emitter = shown_by(self._frames, manner, obfuscate=obfuscate)
        self._send: Send | None = None
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._turn = asyncio.Lock()
        self.sent_at = self._clock()
        self.is_sending = False

    def open(self, send: Send) -> None:
        """Send by `send` from now on."""
        self._send = send

    def close(self) -> None:
        """Send nothing any more."""
        self._send = None

    async def deliver(self) -> None:
        """Send what waits."""
        if self._waiting:
            await self._put(self._taken, more=True)

    async def end(self) -> None:
        """Send what waits and the end of the stream."""
        self._frames.done()
        await self._put(self._taken, more=False)
        self.close()

    def discard(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    async def ping(self) -> None:
        """Send a comment, unless something is being sent."""
        if not self.is_sending:
            await self._put(lambda: _PING, more=True)

    def _taken(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data

    async def _put(self, take: Callable[[], bytes], *, more: bool) -> None:
        """Send what `take` returns when it is this one's turn: who is cancelled before has taken nothing."""
        async with self._turn:
            if self._send is None:
                return
            self.sent_at = self._clock()
            self.is_sending = True
            try:
                # A server may raise OSError where the client is gone (ASGI); what watches the client knows already.
                with suppress(OSError):
                    await self._send({"type": "http.response.body", "body": take(), "more_body": more})
            finally:
                self.is_sending = False
                self.sent_at = self._clock()


class EventStream:
    """Runs a turn as an ASGI response."""

    def __init__(self, turn: Turn, delivery: HTTPDelivery, headers: Mapping[str, str]) -> None:
        """Tell of `turn` by `delivery`, below these headers."""
        self._turn = turn
        self._delivery = delivery
        self._task: asyncio.Task[object] | None = None
        self._is_cut_off = False
        self._headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]

    @property
    def sent_at(self) -> float:
        """When something last began or ended to be sent, by the event loop's clock."""
        return self._delivery.sent_at

    @property
    def is_sending(self) -> bool:
        """Whether something is being sent, so that it waits for the client."""
        return self._delivery.is_sending

    async def run(self, receive: Receive, send: Send) -> None:
        """Stream. Returns when the client has been told everything, or is gone."""
        self._task = asyncio.current_task()
        with suppress(OSError):
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        self._delivery.open(send)
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await self._turn.run()
        except asyncio.CancelledError:
            if not self._is_cut_off or self._task is None or self._task.uncancel():
                raise
        finally:
            watcher.cancel()

    async def ping(self) -> None:
        """Send a comment, so that nobody on the way takes the connection for dead."""
        await self._delivery.ping()

    def cut_off(self) -> None:
        """End the stream without telling the client, which does not listen."""
        self._delivery.close()
        if not self._turn.is_over:
            self._turn.stop(CUT_OFF)
        elif self._delivery.is_sending and self._task is not None and not self._is_cut_off:
            # Nothing is left to stop but the sending of the end.
            self._is_cut_off = True
            self._task.cancel()

    async def _watch(self, receive: Receive) -> None:
        """Stop the provider when the client goes away."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cut_off()
