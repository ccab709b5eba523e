"""Folding: typed events to the Response they tell of."""

from __future__ import annotations

from bench import payload
from bench.measure import Run, compare
from bench.rows.reading import decode
from bench.table import Figures, Scale, row
from penstock import ResponseReader


@row(
    "fold",
    work="fold of events into a Response, every step held to the grammar",
    against="raw `msgspec` decode of the same events",
    at_most=1,
)
def fold(scale: Scale) -> Figures:
    count = scale.events(20_000)
    events, bodies = payload.events(count), payload.bodies(count)

    def ours() -> Run:
        return lambda: ResponseReader(strict=True).feed_all(events).response

    times = compare(ours, lambda: lambda: list(map(decode, bodies)), rounds=scale.rounds(20))
    took, peer = (seconds / len(events) * 1e6 for seconds in times)
    return Figures(took, peer, "us an event")
