"""What is looked after by the clock: silent streams, clients that take nothing, and the store's old responses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from penstock.server.service import Service
from penstock.store.base import HEARTBEAT_SECONDS, LEASE_SECONDS

__all__ = ["Sweeper"]

WATCH_SECONDS: Final = 1.0
"""How often streams are looked at: no limit of theirs is meant more exactly."""
EXPIRE_SECONDS: Final = 600.0
"""How often room is made in the store. What is over is not found any more long before."""

_log = logging.getLogger("penstock.server")


class Sweeper:
    """Looks after a service while it runs."""

    def __init__(self, service: Service) -> None:
        """Look after `service`, once it is started."""
        self._service = service
        self._tasks: list[asyncio.Task[None]] = []
        self._pings: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._tasks.append(asyncio.create_task(self._often(WATCH_SECONDS, self._watch)))
        store = self._service.store
        if store is not None:
            self._tasks.append(asyncio.create_task(self._often(HEARTBEAT_SECONDS, store.heartbeat)))
            self._tasks.append(asyncio.create_task(self._often(EXPIRE_SECONDS, store.expire)))
            self._tasks.append(asyncio.create_task(self._often(LEASE_SECONDS / 2, store.abandon)))

    async def stop(self) -> None:
        """End; return when nothing of it is left."""
        tasks = [*self._tasks, *self._pings]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _often(self, seconds: float, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except Exception:  # noqa: BLE001 - streams would be looked after no more, or the store
                _log.exception("the server's streams or its store could not be looked after")

    async def _watch(self) -> None:
        limits = self._service.limits
        now = asyncio.get_running_loop().time()
        for stream in list(self._service.watched):
            silence = now - stream.sent_at
            if stream.is_sending:
                if silence > limits.slow_reader_seconds:
                    stream.cut_off()
            elif silence > limits.keep_alive_seconds:
                # Not awaited here: one client that takes nothing must not keep the others waiting.
                ping = asyncio.create_task(stream.ping())
                self._pings.add(ping)
                ping.add_done_callback(self._pings.discard)
