"""Running the application by itself: uvicorn, with an end that streams survive or are told of."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from penstock.server.app import App
from penstock.store.errors import StoreError

__all__ = ["Server"]

FORCE_SECONDS = 0.2
"""How often a server that is ending looks whether it has been told to hurry."""
BACKLOG = 4096
"""Connections that may wait to be accepted: a thousand clients connect at once when a server comes back."""


class Server(uvicorn.Server):
    """Serves an application on a socket that is listening already. Use `run` or `serve` of uvicorn's."""

    def __init__(self, app: App, *, on_start: Callable[[], None] | None = None) -> None:
        """Serve `app`; `on_start` is called when requests are taken."""
        limits = app.service.limits
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                ws_max_size=limits.websocket_message,
                # A compressor a connection takes more memory than all else of it, and more time for each small event.
                ws_per_message_deflate=False,
                # After ours, so that only what hangs is cut by it.
                timeout_graceful_shutdown=int(limits.shutdown_seconds) + 10,
            )
        )
        self._app = app
        self._on_start = on_start
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections; let streams end, or end them; then close what is left."""
        for server in self.servers:
            server.close()
        stopping = asyncio.create_task(self._app.service.stop())
        while not stopping.done() and not self.force_exit:
            await asyncio.wait({stopping}, timeout=FORCE_SECONDS)
        stopping.cancel()
        await super().shutdown(sockets=sockets)


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
