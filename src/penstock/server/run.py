"""Running the application by itself: uvicorn, with an end that streams survive or are told of."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType

import uvicorn

from penstock.server.app import App
from penstock.server.protocol import HTTPProtocol
from penstock.store.errors import StoreError

__all__ = ["Server"]

FORCE_SECONDS = 0.2
"""How often a server that is ending looks whether it has been told to hurry."""
CUT_OFF_SECONDS = 2.0
"""How long a server that was told to hurry waits for its connections and its store to close, each."""
_DENIED = "ASGI callable returned without completing handshake."
"""What uvicorn writes as an error of ours when a handshake was answered with a refusal."""
CLOSE_SECONDS = 10.0
"""How long clients may take for what was sent to them, once nothing more is. Those that read need milliseconds."""
CLOSED_SECONDS = 0.05
"""How often a server that is ending looks whether its connections have closed."""
SAY_SECONDS = 1.0
"""After how much of it the operator is told."""
BACKLOG = 4096
"""Connections that may wait to be accepted: a thousand clients connect at once when a server comes back."""


class Server(uvicorn.Server):
    """Serves an application on a socket that is listening already. Use `run` or `serve` of uvicorn's."""

    def __init__(
        self,
        app: App,
        *,
        on_start: Callable[[], None] | None = None,
        on_wait: Callable[[int, float], None] | None = None,
        on_close: Callable[[int, float], None] | None = None,
    ) -> None:
        """Serve `app`; `on_start` is called when requests are taken.

        `on_wait` is called where the end waits for streams: with how many, and for how many seconds at the most;
        `on_close` where it waits for clients to take what was sent to them.
        """
        limits = app.service.limits
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http=HTTPProtocol,
                backlog=BACKLOG,
                ws_max_size=limits.websocket_message,
                # A compressor a connection takes more memory than all else of it, and more time for each small event.
                ws_per_message_deflate=False,
                # After ours, so that only what hangs is cut by it.
                timeout_graceful_shutdown=int(limits.shutdown_seconds) + 10,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_is_no_denial)
        self._app = app
        self._on_start = on_start
        self._on_wait = on_wait
        self._on_close = on_close
        self.signal: int | None = None
        """The signal that first told the server to end; None where none did."""
        self.failure: StoreError | None = None
        """Why the application could not begin, and the server ended at once; None where it could."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests, unless the store cannot be opened."""
        try:
            # Ahead of the lifespan, which would tell in tracebacks what is wrong.
            await self._app.start()
        except StoreError as error:
            self.failure = error
            self.should_exit = True
            with suppress(StoreError):
                await self._app.stop()
            return
        await super().startup(sockets=sockets)
        if self._on_start is not None and not self.should_exit:
            self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as a signal handler is called
        """End at a signal; a second one, if it is SIGINT, hurries.

        Unlike uvicorn's, it does not raise them again in the end, which asyncio would tell of in tracebacks.
        """
        if self.signal is not None and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self.signal = self.signal or sig

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections; let streams end, or end them; then close what is left."""
        for server in self.servers:
            server.close()
        service = self._app.service
        if service.under_way and self._on_wait is not None:
            self._on_wait(service.under_way, service.limits.shutdown_seconds)
        await self._unless_hurried(service.stop())
        await self._unless_hurried(self._close_connections())
        await self._unless_hurried(super().shutdown(sockets=sockets))
        if self.force_exit:
            await self._hurry()

    async def _close_connections(self) -> None:
        """Close every connection when its client has taken what was sent to it, or has had time to."""
        connections = self.server_state.connections
        for connection in list(connections):
            connection.shutdown()
        await self._until_closed(SAY_SECONDS)
        if connections:
            if self._on_close is not None:
                self._on_close(len(connections), CLOSE_SECONDS)
            await self._until_closed(CLOSE_SECONDS)
            self._abort_connections()

    async def _until_closed(self, seconds: float) -> None:
        """Return when there are no connections, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(CLOSED_SECONDS)

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _unless_hurried(self, ending: Coroutine[None, None, None]) -> None:
        """Carry out `ending`, but give it up when the server is told to hurry."""
        task = asyncio.create_task(ending)
        while not task.done() and not self.force_exit:
            await asyncio.wait({task}, timeout=FORCE_SECONDS)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _hurry(self) -> None:
        """End what is under way, close all connections and the store, and wait for nothing long."""
        self._app.service.hurry()
        await self._app.service.stop()
        # Who is cut off now is known; uvicorn would tell of each in a traceback.
        logging.getLogger("uvicorn.error").disabled = True
        self._abort_connections()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=CUT_OFF_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.lifespan.shutdown(), CUT_OFF_SECONDS)


def _is_no_denial(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's log is one that anybody needs: a stranger could write the others at will."""
    return record.msg != _DENIED


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`, 0 for a free one. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
