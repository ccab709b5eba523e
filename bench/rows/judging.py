"""Judging and mending: bytes of a valid stream to findings, and to the bytes of the mended stream."""

from __future__ import annotations

from collections.abc import Callable

from bench import payload
from bench.measure import Run, compare
from bench.table import Figures, Scale, row
from penstock import Linter, Repairer, SSEEncoder
from penstock.wire.sse import SSEEventDecoder

_CHUNK = 64 * 1024


def _chunks(count: int) -> list[bytes]:
    data = b"".join(payload.frames(count))
    return [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]


def _decoded(chunks: list[bytes]) -> int:
    decoder = SSEEventDecoder()
    return sum(len(decoder.feed(chunk)) for chunk in chunks)


def _recoded(chunks: list[bytes]) -> int:
    decoder, encoder = SSEEventDecoder(), SSEEncoder()
    return sum(len(encoder.encode(event)) for chunk in chunks for event in decoder.feed(chunk))


def _linted(chunks: list[bytes]) -> int:
    linter = Linter()
    for chunk in chunks:
        linter.feed(chunk)
    return len(linter.finish())


def _mended(chunks: list[bytes]) -> int:
    repairer = Repairer()
    return sum(len(repairer.feed(chunk)) for chunk in chunks) + len(repairer.close())


def _against(ours: Callable[[list[bytes]], int], peer: Callable[[list[bytes]], int], scale: Scale) -> Figures:
    count = scale.events(20_000)
    chunks = _chunks(count)

    def run(task: Callable[[list[bytes]], int]) -> Run:
        return lambda: task(chunks)

    times = compare(lambda: run(ours), lambda: run(peer), rounds=scale.rounds(12))
    took, took_peer = (seconds / count * 1e6 for seconds in times)
    return Figures(took, took_peer, "us an event")


@row("lint", work="lint of a stream, all rules", against="decode of the same events", at_most=4)
def lint(scale: Scale) -> Figures:
    return _against(_linted, _decoded, scale)


@row("repair", work="repair of a valid stream", against="decode and encode of the same events", at_most=3)
def repair(scale: Scale) -> Figures:
    return _against(_mended, _recoded, scale)
