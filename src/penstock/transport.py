"""Emitters of bytes: what the writer says, in the form in which it travels.

A stream's events come from `stream` and its bytes from `wire`, and neither knows the other. Here they meet, so that the
way of a delta from the writer to its bytes is one short call.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.spec.events import DeltaEvent, ResponseStreamEvent
from penstock.stream.emitter import StreamEventEmitter
from penstock.wire.dialects import OPENRESPONSES, Dialect
from penstock.wire.jsonl import JSONLEncoder
from penstock.wire.sse import SSEEncoder
from penstock.wire.template import DeltaTemplate

__all__ = ["JSONLEmitter", "MessageEmitter", "SSEEmitter"]


class SSEEmitter(StreamEventEmitter):
    """Writes each event as one frame of server-sent events (spec: "Streaming HTTP Responses").

    A frame is always passed on in one piece, before `emit` returns.
    """

    def __init__(self, write: Callable[[bytes], object], *, dialect: Dialect = OPENRESPONSES) -> None:
        """Pass each frame to `write`; what it raises goes to whoever emits. `dialect` belongs to this one stream."""
        self._write = write
        self._encoder = SSEEncoder(dialect)

    def emit(self, event: ResponseStreamEvent) -> None:
        """Write `event`; nothing where the dialect has no such event, as its notes then say.

        Raises FramingError where the event's own type would break the frame.
        """
        frame = self._encoder.encode(event)
        if frame:
            self._write(frame)

    def deltas(self, like: DeltaEvent) -> Callable[[int, str], None]:
        """Return a function that writes the frames of deltas like `like`, from a template."""
        write = self._write
        make_frame = DeltaTemplate(like, self._encoder).frame

        def write_delta(sequence_number: int, delta: str) -> None:
            frame = make_frame(sequence_number, delta)
            if frame:
                write(frame)

        return write_delta

    def done(self) -> None:
        """Write `[DONE]`, where the dialect has it. Nothing may follow."""
        frame = self._encoder.done()
        if frame:
            self._write(frame)


class JSONLEmitter(StreamEventEmitter):
    """Writes each event as one line of JSON: a recording. It needs no end."""

    def __init__(self, write: Callable[[bytes], object], *, dialect: Dialect = OPENRESPONSES) -> None:
        """Pass each line to `write`; what it raises goes to whoever emits. `dialect` belongs to this one stream."""
        self._write = write
        self._encoder = JSONLEncoder(dialect)

    def emit(self, event: ResponseStreamEvent) -> None:
        """Write `event`; nothing where the dialect has no such event, as its notes then say."""
        line = self._encoder.encode(event)
        if line:
            self._write(line)


class MessageEmitter(StreamEventEmitter):
    """Writes each event as one message of a WebSocket (spec: "WebSocket Transport"). There is no `[DONE]`."""

    def __init__(self, write: Callable[[str], object], *, dialect: Dialect = OPENRESPONSES) -> None:
        """Pass each message to `write`; what it raises goes to whoever emits. `dialect` belongs to this one stream."""
        self._write = write
        self._encoder = JSONLEncoder(dialect)

    def emit(self, event: ResponseStreamEvent) -> None:
        """Write `event`; nothing where the dialect has no such event, as its notes then say."""
        line = self._encoder.encode(event)
        if line:
            self._write(line[:-1].decode())

    def deltas(self, like: DeltaEvent) -> Callable[[int, str], None]:
        """Return a function that writes the messages of deltas like `like`, from a template."""
        write = self._write
        make_frame = DeltaTemplate(like, self._encoder).frame

        def write_delta(sequence_number: int, delta: str) -> None:
            frame = make_frame(sequence_number, delta)
            if frame:
                write(frame[:-1].decode())

        return write_delta
