"""Bytes in, events out, whatever the framing: what the decoders of all formats have in common.

No input or output happens here; `read` and `aread` only pull an iterator. So the same decoder serves a socket, a file
and a test, and the synchronous and asynchronous readers cannot differ.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from penstock.spec.events import ResponseStreamEvent
from penstock.wire.codec import NOT_EXACT, EventCodec, refuse
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.errors import WireError

__all__ = ["DONE", "MAX_FRAME_BYTES", "EventDecoder", "aread", "read"]

DONE = b"[DONE]"
"""The sentinel that ends a stream over HTTP (spec: "Streaming HTTP Responses")."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Most bytes of one frame: twice the longest string the specification allows, 33,554,432 characters of file data."""


class EventDecoder(ABC):
    """Turns the bytes of one stream, fed in pieces of any size, into its events.

    After a frame that cannot be read, `error` holds the reason and the decoder is dead: the events before the damage
    are still returned, and every later call raises `error`. With `on_error` each damaged frame is reported there
    instead and reading goes on; only a broken framing, which leaves nothing to go on with, kills the decoder then.
    """

    def __init__(
        self, dialect: Dialect = OPENRESPONSES, *, on_error: Callable[[WireError], None] | None = None
    ) -> None:
        """Begin a stream in `dialect`."""
        self.codec = EventCodec(dialect)
        self.done = False
        """Whether `[DONE]` has come."""
        self.error: WireError | None = None
        """Why the decoder is dead; None while it lives."""
        self.frames_after_done = 0
        """How many frames came after `[DONE]`; they are not decoded."""
        self._on_error = on_error
        self._exact = self.codec.exact

    def feed(self, data: bytes) -> list[ResponseStreamEvent]:
        """Take in the next bytes of the stream, and return the events they complete.

        Raises WireError where neither an event nor `[DONE]` came before the damage in `data`; otherwise the next call
        raises it.
        """
        return self._run(self._feed, data)

    def flush(self) -> list[ResponseStreamEvent]:
        """Say that the stream has ended, and return the event its last bytes make, if they make one.

        Raises as `feed` does; a frame that was cut short is damaged, one that only lacks its end is not.
        """
        return self._run(self._flush)

    @abstractmethod
    def _feed(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        """Append to `events` what `data` completes; raise WireError where the decoder is to die."""

    @abstractmethod
    def _flush(self, events: list[ResponseStreamEvent]) -> None:
        """Append to `events` what the end of the stream completes; raise WireError where the decoder is to die."""

    def _run(self, step: Callable[..., None], *arguments: bytes) -> list[ResponseStreamEvent]:
        if self.error is not None:
            raise self.error
        events: list[ResponseStreamEvent] = []
        try:
            step(events, *arguments)
        except WireError as error:
            self.error = error
            self._exact = refuse  # and so no short cut is taken past the error
            if not (events or self.done):
                raise
        return events

    def _decode_all(self, events: list[ResponseStreamEvent], frames: Iterable[tuple[bytes, int]]) -> None:
        """Append to `events` those in `frames`, each its data and its offset in the stream."""
        for data, offset in frames:
            try:
                events.append(self._exact(data))
            except NOT_EXACT:
                try:
                    self._decode_refused(events, data)
                except WireError as error:
                    self._report(error.at(offset, data))

    def _decode_refused(self, events: list[ResponseStreamEvent], data: bytes) -> None:
        """Take in a frame that `_exact` refused: append its event to `events`, if it has one. Raises WireError."""
        if self.done:
            self.frames_after_done += 1
        elif data == DONE:
            self.done = True
            self._exact = refuse
        else:
            events.append(self.codec.decode_fully(data))

    def _report(self, error: WireError) -> None:
        """Tell of a damaged frame; raise `error` where nobody wants to be told."""
        if self._on_error is None:
            raise error
        self._on_error(error)


def read(decoder: EventDecoder, chunks: Iterable[bytes] | bytes) -> Iterator[ResponseStreamEvent]:
    """Yield the events `decoder` finds in `chunks`, up to `[DONE]` or the end; raise WireError at the first damage.

    A single bytes object is one chunk.
    """
    return itertools.chain.from_iterable(_batches(decoder, (chunks,) if isinstance(chunks, bytes) else chunks))


def _batches(decoder: EventDecoder, chunks: Iterable[bytes]) -> Iterator[list[ResponseStreamEvent]]:
    feed = decoder.feed
    for chunk in chunks:
        yield feed(chunk)
        if decoder.done:
            return
        if decoder.error is not None:
            raise decoder.error
    yield decoder.flush()
    if decoder.error is not None:
        raise decoder.error


async def aread(decoder: EventDecoder, chunks: AsyncIterable[bytes]) -> AsyncIterator[ResponseStreamEvent]:
    """Yield what `read` would, from an asynchronous iterator."""
    async for chunk in chunks:
        for event in decoder.feed(chunk):
            yield event
        if decoder.done:
            return
        if decoder.error is not None:
            raise decoder.error
    for event in decoder.flush():
        yield event
    if decoder.error is not None:
        raise decoder.error
