"""Growth: ten times the deltas must cost ten times the time, and memory only for the text."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import payload
from bench.measure import compare, peak_bytes
from bench.table import Figures, Scale, row
from penstock import Linter, Repairer, ResponseReader, SSEEmitter, read_sse

_CHUNK = 64 * 1024
_MANY = 1_000_000
_FEW = _MANY // 10

Task = Callable[[Sequence[str], Path], object]
"""Works on a response of so many pieces; the file holds its stream."""


def _write(texts: Sequence[str], file: Path) -> object:  # noqa: ARG001 - it needs no stream, it writes one
    return payload.write(SSEEmitter(len), texts)


def _read(texts: Sequence[str], file: Path) -> object:  # noqa: ARG001 - the file has it all
    return deque(read_sse(_chunks(file)), maxlen=0)


def _fold(texts: Sequence[str], file: Path) -> object:  # noqa: ARG001 - likewise
    return ResponseReader().feed_all(read_sse(_chunks(file))).response


def lint(texts: Sequence[str], file: Path) -> int:  # noqa: ARG001 - likewise
    """Judge the stream in a file; return how many findings there are at its end."""
    linter = Linter()
    for chunk in _chunks(file):
        linter.feed(chunk)
    return len(linter.finish())


def repair(texts: Sequence[str], file: Path) -> int:  # noqa: ARG001 - likewise
    """Mend the stream in a file; return the size of what comes out, in bytes."""
    repairer = Repairer()
    return sum(len(repairer.feed(chunk)) for chunk in _chunks(file)) + len(repairer.close())


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


@contextmanager
def _stream_of(texts: Sequence[str]) -> Iterator[Path]:
    """Write the stream of a response of these pieces to a file, and remove it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.sse"
        with file.open("wb") as out:
            payload.write(SSEEmitter(out.write), texts)
        yield file


def _time(task: Task, scale: Scale) -> Figures:
    many, few = payload.pieces(scale.events(_MANY)), payload.pieces(scale.events(_FEW))
    with _stream_of(many) as long, _stream_of(few) as short:
        times = compare(lambda: partial(task, many, long), lambda: partial(task, few, short), rounds=scale.rounds(6))
    return Figures(*times, "s", f"{len(many) / times[0] / 1e6:.2f} million events a second")


def _memory(task: Task, scale: Scale) -> Figures:
    texts = payload.plain_pieces(scale.events(_MANY))
    with _stream_of(texts) as file:
        peak = peak_bytes(partial(task, texts, file))
    return Figures(peak / 1e6, sum(map(len, texts)) / 1e6, "MB")


_TASKS: Sequence[tuple[str, str, Task]] = (
    ("write", "write", _write),
    ("read", "read", _read),
    ("fold", "read and fold", _fold),
    ("lint", "lint", lint),
    ("repair", "repair", repair),
)

for _name, _what, _task in _TASKS:
    row(
        f"growth-{_name}",
        work=f"{_what}: 1,000,000 deltas in one response",
        against="the same with 100,000",
        at_most=11,
    )(partial(_time, _task))
    row(
        f"memory-{_name}",
        work=f"{_what}: memory at the most, 1,000,000 deltas in one response",
        against="the size of the text",
        at_most=4,
    )(partial(_memory, _task))
