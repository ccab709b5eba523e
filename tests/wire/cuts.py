"""Ways to cut a stream, and streams to cut: every decoder's tests use them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from penstock.spec.events import ResponseStreamEvent
from penstock.wire.decoder import EventDecoder
from penstock.wire.errors import WireError

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "recordings" / "responses"

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the recordings of real streams are not on this machine ({RECORDINGS})"
)


def recordings(prefix: str = "") -> list[Path]:
    return sorted(RECORDINGS.glob(f"{prefix}*.sse"))


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole; byte by byte; in two at every place (of a short stream); at random; with empty pieces between."""
    yield [data]
    yield [data[place : place + 1] for place in range(len(data))]
    if len(data) <= 600:
        yield from ([data[:place], data[place:]] for place in range(len(data)))
    dice = random.Random(0)
    for pieces in (1, 2, 5, 20, 100):
        yield cut_at(data, [dice.randrange(len(data) + 1) for _ in range(pieces)])
    yield [piece for half in cut_at(data, [len(data) // 2]) for piece in (b"", half, b"")]


Places = st.lists(st.integers(min_value=0, max_value=100_000), max_size=30)


def drain(decoder: EventDecoder, chunks: Iterable[bytes]) -> tuple[list[ResponseStreamEvent], WireError | None]:
    """Return all events and the error at which the decoder died, as somebody sees it who feeds it by hand."""
    events: list[ResponseStreamEvent] = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.flush()
    except WireError as error:
        return events, error
    return events, decoder.error


def collect(events: Iterable[ResponseStreamEvent]) -> tuple[list[ResponseStreamEvent], WireError | None]:
    """Return what a reader yields, and what it then raises."""
    found: list[ResponseStreamEvent] = []
    try:
        for event in events:
            found += [event]
    except WireError as error:
        return found, error
    return found, None


async def acollect(events: AsyncIterable[ResponseStreamEvent]) -> tuple[list[ResponseStreamEvent], WireError | None]:
    """Return what an asynchronous reader yields, and what it then raises."""
    found: list[ResponseStreamEvent] = []
    try:
        async for event in events:
            found += [event]
    except WireError as error:
        return found, error
    return found, None


def fault(error: WireError | None) -> tuple[type[WireError], str, int | None] | None:
    """What an error says, but for the bytes it shows: they are no more than had come."""
    return None if error is None else (type(error), error.message, error.offset)


def same_however_cut(
    make: Callable[[], EventDecoder], data: bytes
) -> tuple[list[ResponseStreamEvent], WireError | None]:
    """Return what `make()` makes of `data`, having seen that the cut does not matter."""
    events, error = drain(make(), [data])
    for chunks in cuts(data):
        again, other = drain(make(), chunks)
        assert again == events
        assert fault(other) == fault(error)
    return events, error


async def asynchronously(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
