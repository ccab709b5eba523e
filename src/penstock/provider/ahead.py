"""Reading ahead of whoever listens: what a producer has ready leaves together, and it waits where nobody takes it.

Two ways, one for producers that are asynchronous, one for those that block and so need a thread. Both yield batches,
raise what the producer raised once everything before it was taken, and stop the producer when they are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["READ_AHEAD", "read_ahead", "read_ahead_in_thread"]

READ_AHEAD: Final = 64
"""Most outputs that a producer is ahead: enough that a fast one is not asked for each, and little memory."""

T = TypeVar("T")

_log = logging.getLogger("penstock")


async def read_ahead(source: AsyncIterator[T]) -> AsyncGenerator[list[T], None]:
    """Yield what `source` yields, in batches of what is ready together.

    All of `source` runs in one task of its own. Closing cancels it where it waits and closes it where it yielded; when
    `aclose` returns, its cleanup is done.
    """
    ready: list[T] = []
    news, room = asyncio.Event(), asyncio.Event()
    is_closed = False

    async def pump() -> None:
        try:
            async for output in source:
                if is_closed:  # it has swallowed its cancellation
                    return
                ready.append(output)
                news.set()
                while len(ready) >= READ_AHEAD:
                    room.clear()
                    await room.wait()
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    task = asyncio.create_task(pump())
    task.add_done_callback(lambda _: news.set())
    is_told = False
    try:
        while ready or not task.done():
            await news.wait()
            news.clear()
            if ready:
                batch = ready.copy()
                ready.clear()
                room.set()
                yield batch
            if task.done():
                news.set()
        is_told = True
        if task.cancelled():
            raise RuntimeError("the producer was cancelled, and not by whoever listens to it")
        task.result()
    finally:
        is_closed = True
        task.cancel()
        await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        if error is not None and not is_told:
            _log.error("A model failed while its answer was being closed", exc_info=error)


async def read_ahead_in_thread(produce: Callable[[], Iterable[T]]) -> AsyncGenerator[list[T], None]:
    """Yield what the iterable that `produce` makes yields, in batches of what is ready together.

    `produce` and the iterable run in one thread of their own, which waits while nobody listens. Nothing can stop a
    thread that blocks: closing returns at once, and the iterable is closed (`close`) as soon as it yields next.
    """
    work = _Work(produce)
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(work.run,), name="penstock-model", daemon=True
    )
    thread.start()
    try:
        is_last = False
        while not is_last:
            await work.news.wait()
            work.news.clear()
            is_last = work.is_done
            batch = work.take()
            if batch:
                yield batch
        if work.error is not None:
            raise work.error
    finally:
        work.close()


class _Work(Generic[T]):
    """What is done in a thread, and what it has ready. `news` is set in the event loop whenever there is some."""

    def __init__(self, produce: Callable[[], Iterable[T]]) -> None:
        self.news = asyncio.Event()
        self.is_done = False
        self.error: BaseException | None = None
        self._produce = produce
        self._loop = asyncio.get_running_loop()
        self._turn = threading.Condition()
        self._ready: list[T] = []
        self._is_closed = False

    def take(self) -> list[T]:
        """Return what is ready; the thread may go on."""
        with self._turn:
            batch = self._ready.copy()
            self._ready.clear()
            self._turn.notify()
        return batch

    def close(self) -> None:
        """Let the thread end."""
        with self._turn:
            self._is_closed = True
            self._turn.notify()

    def run(self) -> None:
        """Run in the thread, to its end."""
        try:
            self._pump()
        except BaseException as caught:  # noqa: BLE001 - it belongs to whoever listens, whatever it is
            self.error = caught
            if self._is_closed:
                _log.error("A model failed while its answer was being closed", exc_info=caught)
        finally:
            self.is_done = True
            self._tell()

    def _pump(self) -> None:
        source = self._produce()
        try:
            for output in source:
                with self._turn:
                    self._ready.append(output)
                    self._tell()
                    self._turn.wait_for(lambda: self._is_closed or len(self._ready) < READ_AHEAD)
                    if self._is_closed:
                        return
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody listens any more
            self._loop.call_soon_threadsafe(self.news.set)
