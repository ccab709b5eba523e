"""The kinds of emitters: one that collects, one that calls back, one that feeds several, and numbered events.

The kinds and their names are those of the module Penstock grew from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import RLock
from typing import cast, overload

from msgspec import Struct
from msgspec.structs import replace

from penstock.spec import events as e
from penstock.stream.emitter import StreamEventEmitter

__all__ = [
    "CallbackEmitter",
    "ListStreamEmitter",
    "SequencedEmitter",
    "SequencedEvent",
    "StreamEventEmitter",
    "TeeEmitter",
    "sequence",
]


class ListStreamEmitter(StreamEventEmitter):
    """Collects the events (the seed's `VecStreamEmitter`)."""

    def __init__(self) -> None:
        """Begin with none."""
        self._events: list[e.ResponseStreamEvent] = []

    def emit(self, event: e.ResponseStreamEvent) -> None:
        """Keep `event`."""
        self._events.append(event)

    @property
    def events(self) -> Sequence[e.ResponseStreamEvent]:
        """The events so far: a view that grows with them and cannot be changed."""
        return _View(self._events)

    def take(self) -> list[e.ResponseStreamEvent]:
        """Return the events so far, and begin again with none."""
        taken = self._events.copy()
        self._events.clear()
        return taken


class _View(Sequence[e.ResponseStreamEvent]):
    """A list that can be read only."""

    def __init__(self, events: list[e.ResponseStreamEvent]) -> None:
        self._events = events

    @overload
    def __getitem__(self, index: int) -> e.ResponseStreamEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[e.ResponseStreamEvent]: ...
    def __getitem__(self, index: int | slice) -> e.ResponseStreamEvent | list[e.ResponseStreamEvent]:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._events == list(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return repr(self._events)


class CallbackEmitter(StreamEventEmitter):
    """Calls a function with each event; from several threads one at a time.

    The function may itself emit here: its own thread is let through.
    """

    def __init__(self, callback: Callable[[e.ResponseStreamEvent], object]) -> None:
        """Call `callback` from now on; what it raises goes to whoever emits."""
        self._callback = callback
        self._lock = RLock()

    def emit(self, event: e.ResponseStreamEvent) -> None:
        """Call the function with `event`."""
        with self._lock:
            self._callback(event)


class TeeEmitter(StreamEventEmitter):
    """Feeds several emitters, in their order."""

    def __init__(self, *emitters: StreamEventEmitter) -> None:
        """Feed `emitters` from now on; one that raises keeps the event from those after it."""
        self._emitters = emitters

    def emit(self, event: e.ResponseStreamEvent) -> None:
        """Give `event` to each."""
        for emitter in self._emitters:
            emitter.emit(event)

    def deltas(self, like: e.DeltaEvent) -> Callable[[int, str], None]:
        """Let each emitter prepare for itself."""
        prepared = [emitter.deltas(like) for emitter in self._emitters]

        def emit_delta(sequence_number: int, delta: str) -> None:
            for emit in prepared:
                emit(sequence_number, delta)

        return emit_delta


class SequencedEvent(Struct, frozen=True):
    """An event and its number in the stream; on the wire the number stands beside the event's own fields."""

    sequence_number: int
    event: e.ResponseStreamEvent

    def flatten(self) -> e.ResponseStreamEvent:
        """Return the event with the number as its own `sequence_number`."""
        return replace(self.event, sequence_number=self.sequence_number)


def sequence(events: Iterable[e.ResponseStreamEvent], start: int = 0) -> Iterator[SequencedEvent]:
    """Number `events` from `start`, by 1."""
    for number, event in enumerate(events, start):
        yield SequencedEvent(number, event)


class SequencedEmitter(StreamEventEmitter):
    """Numbers the events on their way to another emitter, whatever number they had."""

    def __init__(self, emitter: StreamEventEmitter, start: int = 0) -> None:
        """Number from `start`, by 1."""
        self._emitter = emitter
        self.next_number = start
        """The number of the next event."""

    def emit(self, event: e.ResponseStreamEvent) -> None:
        """Pass `event` on with its number."""
        number = self.next_number
        self.next_number = number + 1
        self._emitter.emit(replace(event, sequence_number=number))
